"""``bontri settle`` and what follows on it, run as an operator does; statements as files people open."""

import csv
import datetime
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from bontri.documents.amounts import format_euros
from bontri.documents.statements import without_formula
from bontri.jobs.settling import LOCK_FROM_DAY, lock_statements_of
from rewards.funders import add_funder
from tests.operator_commands import code_of, run, succeed
from tests.settlement_scene import IN_DECEMBER, IN_NOVEMBER, SettlementScene

SLUG = ("--authority", "plaine-commune")
NOVEMBER = (*SLUG, "--month", "2026-11")
FORMULA = '=HYPERLINK("http://x")'


@pytest.fixture
def scene(database, keyring, now, monkeypatch: pytest.MonkeyPatch) -> SettlementScene:
    scene = SettlementScene(database, keyring, now)
    work_at(monkeypatch, IN_DECEMBER)
    return scene


def work_at(monkeypatch: pytest.MonkeyPatch, at: datetime.datetime) -> None:
    """Let commands and jobs believe that it is then."""
    monkeypatch.setattr("ingest.worker.utc_now", lambda: at)
    for module in ("bontri.settling", "bontri.jobs.settling"):
        monkeypatch.setattr(f"{module}.utc_now", lambda: at)


def settle(scene: SettlementScene, *options: str | Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(succeed(scene.database, "settle", *NOVEMBER, *options, "--json").stdout)
    return found


def test_drafts_are_shown_then_locked_sent_and_paid(scene: SettlementScene) -> None:
    offer_id = scene.sell(shop_id=None)
    scene.spend(offer_id)
    scene.spend(offer_id, shop_id=scene.second_shop.shop_id)
    assert [(each["number"], each["state"]) for each in settle(scene)] == [(None, "draft")] * 2
    assert "draft" in succeed(scene.database, "settle", *NOVEMBER).output
    # Shops by name: Boulangerie, Librairie.
    locked = settle(scene, "--lock")
    assert [(each["number"], each["shop"]["name"]) for each in locked] == [
        ("2026-000001", "Boulangerie"),
        ("2026-000002", "Librairie"),
    ]
    assert settle(scene, "--lock") == settle(scene) == locked
    assert settle(scene, "--shop", "librairie") == locked[1:]
    assert code_of(run(scene.database, "settlements", "paid", "2026-2", *SLUG, "--on", "2026-12-05")) == (
        "statement_state_wrong"
    )
    succeed(scene.database, "settlements", "sent", "2026-000002", *SLUG, "--by", "ada")
    succeed(scene.database, "settlements", "paid", "2026-2", *SLUG, "--on", "2026-12-05", "--by", "ada")
    [paid] = json.loads(succeed(scene.database, "settlements", "list", *SLUG, "--state", "paid", "--json").output)
    assert (paid["number"], paid["payable_cents"]) == ("2026-000002", 120)
    assert "2026-000001" in succeed(scene.database, "settlements", "list", *SLUG).output
    scene.assert_sound()


def test_what_cannot_be_done_is_told_with_a_code(scene: SettlementScene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.spend(scene.sell())
    work_at(monkeypatch, IN_NOVEMBER)
    assert code_of(run(scene.database, "settle", *NOVEMBER, "--lock")) == "month_not_over"
    assert code_of(run(scene.database, "settle", *NOVEMBER, "--shop", "Nobody")) == "shop_unknown"
    assert code_of(run(scene.database, "settlements", "sent", "2026-7", *SLUG)) == "statement_unknown"
    assert settle(scene)[0]["state"] == "draft"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_statement_is_written_as_pdf_and_csv(scene: SettlementScene, tmp_path: Path, language: str) -> None:
    itself = scene.owner(add_funder, kind="shop", name="Librairie")
    succeed(scene.database, "settlements", "address", "1 place; 93200 Saint-Denis", *SLUG)
    vouchers = [scene.spend(scene.sell(title=FORMULA)), scene.spend(scene.sell(funder_id=itself))]
    options = ("--lock", "--pdf", tmp_path / "pdf", "--csv", tmp_path / "csv", "--language", language)
    [statement] = settle(scene, *options)
    assert statement["authority"]["address"] == "1 place\n93200 Saint-Denis"
    pdf = (tmp_path / "pdf" / "2026-000001-librairie.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in pdf
    settle(scene, *options)
    assert (tmp_path / "pdf" / "2026-000001-librairie.pdf").read_bytes() == pdf
    written = (tmp_path / "csv" / "2026-000001-librairie.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(written.decode("utf-8-sig").splitlines(), delimiter=";")
    amounts = {"fr": ["1,20", "1,20", "1,20", "0,00"], "en": ["1.20", "1.20", "1.20", "0.00"]}[language]
    assert [cell for row in rows for cell in row[-2:]] == amounts
    assert rows[0][4:6] == ["2026-11-21", "12:00:00"]
    assert rows[0][header.index({"fr": "Offre", "en": "Offer"}[language])] == f"'{FORMULA}"
    codes = [scene.keyring.voucher_code(UUID(str(each))) for each in vouchers]
    assert not any(code in written.decode("utf-8-sig") for code in codes)


def test_texts_are_no_formulas_and_amounts_read_as_people_write_them() -> None:
    assert [without_formula(said) for said in ("=1", "+1", "-1", "@x", "\tx", "pain", "")] == [
        "'=1",
        "'+1",
        "'-1",
        "'@x",
        "'\tx",
        "pain",
        "",
    ]
    assert [format_euros(cents, "fr") for cents in (123450, -5)] == ["1\u202f234,50\u00a0€", "−0,05\u00a0€"]
    assert [format_euros(cents, "en") for cents in (123450, -5)] == ["€1,234.50", "−€0.05"]


def test_the_job_locks_last_month_from_its_day_on_and_once(
    scene: SettlementScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.spend(scene.sell())
    engine = scene.database.engine("bontri_operator")
    work_at(monkeypatch, IN_DECEMBER.replace(day=LOCK_FROM_DAY - 1))
    assert lock_statements_of(engine, 7) == {"statements": 0}
    work_at(monkeypatch, IN_DECEMBER)
    first = json.loads(succeed(scene.database, "jobs", "once", "lock-statements", "--json").output)
    assert first == {"statements": 1}
    assert lock_statements_of(engine, 7) == {"statements": 0}
    assert settle(scene)[0]["number"] == "2026-000001"
    scene.assert_sound()


def test_two_jobs_at_once_lock_each_statement_once(scene: SettlementScene) -> None:
    from concurrent.futures import ThreadPoolExecutor

    offer_id = scene.sell(shop_id=None)
    for shop in (scene.town.shop, scene.second_shop):
        scene.spend(offer_id, shop_id=shop.shop_id)
    engine = scene.database.engine("bontri_operator")
    with ThreadPoolExecutor(4) as pool:
        outcomes = pool.map(lambda _: lock_statements_of(engine, 7)["statements"], range(4))
    assert sum(outcomes) == 2
    scene.assert_sound()


def test_budgets_are_set_in_euros_and_listed(scene: SettlementScene) -> None:
    funder = "Plaine-Commune"
    scene.spend(scene.sell())
    scene.buy(scene.sell())
    set_to = ("budgets", "set", funder, *SLUG, "--year", "2026", "--euros")
    assert code_of(run(scene.database, *set_to, "2,39")) == "budget_below_committed"
    assert code_of(run(scene.database, "budgets", "set", "Nobody", *SLUG, "--euros", "1")) == "funder_unknown"
    assert run(scene.database, *set_to, "1.234").exit_code == 2
    succeed(scene.database, *set_to, "50000")
    [listed] = json.loads(succeed(scene.database, "budgets", "list", *SLUG, "--json").output)
    assert (listed["budget_cents"], listed["committed_cents"], listed["redeemed_cents"]) == (5_000_000, 240, 120)
    assert "49,997.60" in succeed(scene.database, "budgets", "list", *SLUG).output
