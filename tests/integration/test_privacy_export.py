"""Portability: everything that is held about a citizen, in one structure, by a number of queries that does not grow."""

import json

import pytest
from sqlalchemy import event

from rewards.cards import CitizenUnknownError
from rewards.donations import donate_to_cause
from rewards.ids import new_id
from rewards.privacy import ErasureRegister, export_citizen
from rewards.schema.whole import Base
from tests.factories import build_cause, deposit
from tests.privacy_scene import DAY, Scene, live

SECTION_OF = {
    "badges": "cards",
    "cap_usages": "caps",
    "contacts": "citizen",
    "disputes": "disputes",
    "expiry_warnings": "expiry_warnings",
    "idempotent_requests": "stored_answers",
    "invitation_tries": "invitation_tries",
    "outbox": "letters",
    "sessions": "sessions",
    "sign_in_codes": "sign_ins",
    "wallet_accounts": "lots",
    "wallet_changes": "wallet_changes",
    "wallet_invitations": "invitations",
    "citizens": "citizen",
    "wallets": "wallet",
    "vouchers": "vouchers",
    "donations": "donations",
    "transfers": "movements",
    "erasure_requests": "erasure_requests",
    "events": "movements",
    "capped_deposits": "movements",
    "corrections": "movements",
    "reviews": "movements",
}


@pytest.fixture
def scene(database, keyring, now, tmp_path) -> Scene:
    scene = Scene(database, keyring, now)
    scene.register = ErasureRegister(tmp_path / "erasures.jsonl")
    return scene


def export(scene: Scene, citizen_id, language="en"):
    with scene.database.engine("bontri_api").connect() as connection:
        exported = export_citizen(
            connection, scene.keyring, citizen_id, authority_id=7, language=language, now=scene.now + DAY
        )
    # Plain values only.
    assert json.loads(json.dumps(exported)) == exported
    return exported


def test_all_that_is_held_about_a_citizen_is_told(scene: Scene) -> None:
    eve = live(scene)
    bought = scene.buy(scene.sell(), citizen=eve)
    with scene.database.engine().begin() as connection:
        cause = build_cause(connection, scene.town, name="Potagers")
    scene.api(donate_to_cause, cause, wallet_id=eve.wallet_id, points=5, now=scene.now)
    scene.merge(scene.other, eve)
    exported = export(scene, eve.citizen_id)
    assert exported["citizen"]["email"] == "eve@example.org"
    assert (exported["citizen"]["language"], exported["citizen"]["wants_notices"]) == ("en", True)
    assert exported["wallet"]["points"] == 40 + 30 + 20 - 10 - 5 + 100
    assert exported["wallet"]["members"] == 2
    assert [each["voucher_id"] for each in exported["vouchers"]] == [str(bought)]
    assert [(each["given_to"], each["points"]) for each in exported["donations"]] == [("Potagers", 5)]
    assert sum(each["points"] for each in exported["movements"]) == exported["wallet"]["points"]
    assert any("20" in each["explanation"] for each in exported["movements"])
    assert [(each["kind"], each["is_received"]) for each in exported["wallet_changes"]] == [("merge", True)]
    empty = [name for name in SECTION_OF.values() if not exported[name]]
    assert empty == []
    secrets = {scene.keyring.voucher_code(bought), "BADGE", "digest", "token"}
    assert [each for each in secrets if each in json.dumps(exported)] == []


def test_no_table_about_a_citizen_is_left_out() -> None:
    """What names a citizen or a wallet has its section; whatever is added must say which."""
    naming = {
        name
        for name, table in Base.metadata.tables.items()
        if {"citizen_id", "wallet_id", "from_wallet_id", "principal_id"} & set(table.columns.keys())
    }
    assert naming <= set(SECTION_OF)


def test_the_number_of_queries_does_not_grow_with_what_is_held(scene: Scene) -> None:
    statements: list[str] = []
    engine = scene.database.engine("bontri_api")
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    def count() -> int:
        statements.clear()
        export(scene, scene.citizen.citizen_id)
        return len(statements)

    few = count()
    with scene.database.engine().begin() as connection:
        for _ in range(30):
            deposit(connection, scene.town, badge="B", items=1, now=scene.now)
    assert len(export(scene, scene.citizen.citizen_id)["movements"]) == 31
    assert count() == few


def test_a_long_history_is_read_in_pages(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewards.privacy.exporting.PAGE", 2)
    offer = scene.sell()
    for _ in range(3):
        scene.buy(offer)
    exported = export(scene, scene.citizen.citizen_id, language="fr")
    assert len({each["movement_id"] for each in exported["movements"]}) == len(exported["movements"]) == 4
    assert len({each["voucher_id"] for each in exported["vouchers"]}) == 3


def test_nothing_is_told_of_who_is_erased_or_another_authority_s(scene: Scene) -> None:
    scene.erase(scene.citizen)
    for citizen_id in (scene.citizen.citizen_id, new_id()):
        with pytest.raises(CitizenUnknownError):
            export(scene, citizen_id)
    with scene.database.engine("bontri_api").connect() as connection, pytest.raises(CitizenUnknownError):
        export_citizen(connection, scene.keyring, scene.other.citizen_id, authority_id=8, language="en", now=scene.now)
