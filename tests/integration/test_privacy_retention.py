"""Retention: each kind of row goes when its time is over and not before; who did nothing for long is warned first."""

import datetime
from typing import Any

import pytest
from sqlalchemy import text

from bontri.erasing import ErasuresFailedError
from bontri.jobs.retaining import erase_inactive_work, retain_of
from bontri.letters.writing import Letterhead, write_letter
from rewards.citizens import EMAIL_PURPOSE
from rewards.ids import new_id
from rewards.outbox import take_letter
from rewards.privacy import ErasureRegister
from rewards.privacy.inactivity import list_idle, set_inactivity
from rewards.privacy.pruning import RULES, prune
from tests.factories import build_citizen, open_session_for
from tests.ingest_scene import scalar
from tests.letter_scene import body_of
from tests.privacy_scene import DAY, Scene

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def scene(database, keyring, now, tmp_path) -> Scene:
    scene = Scene(database, keyring, now)
    scene.register = ErasureRegister(tmp_path / "erasures.jsonl")
    return scene


def add_row(scene: Scene, table: str, ended_at: datetime.datetime) -> None:
    """Add a row to a table that ended at an instant."""
    voucher_id = scene.buy(scene.sell()) if table == "short_codes" else None
    statements = {
        "idempotent_requests": "INSERT INTO idempotent_requests VALUES (7, :c, CAST(:id AS text), 'x', '{}', :at)",
        "sign_in_codes": "INSERT INTO sign_in_codes VALUES (7, :id, :c, 'x', :at, 5)",
        "sessions": (
            "INSERT INTO sessions VALUES (7, :id, :c, CAST(CAST(:id AS text) AS bytea), :at,"
            " CAST(:at AS timestamptz) + interval '90 days', :at)"
        ),
        "wallet_invitations": "INSERT INTO wallet_invitations VALUES (7, :w, CAST(CAST(:id AS text) AS bytea), :at)",
        "short_codes": "INSERT INTO short_codes VALUES (7, :v, :s, CAST(CAST(:id AS text) AS bytea), :at)",
        "invitation_tries": "INSERT INTO invitation_tries VALUES (7, :c, 1, :at)",
        "short_code_tries": "INSERT INTO short_code_tries VALUES (7, :s, 1, :at)",
        "card_tries": "INSERT INTO card_tries VALUES (7, :s, 1, :at)",
        "expiry_warnings": "INSERT INTO expiry_warnings VALUES (7, :w, CAST(:at AS date), :at)",
        "erasure_requests": "INSERT INTO erasure_requests VALUES (7, :c, :at, :at, :at)",
        "cap_usages": "INSERT INTO cap_usages VALUES (7, :c, 'day', CAST(:at AS date), 9, 9, 9)",
    }
    with scene.database.engine().begin() as connection:
        other = build_citizen(connection, scene.town)
        values = {"id": new_id(), "c": other.citizen_id, "w": other.wallet_id, "v": voucher_id, "at": ended_at}
        shop_id: Any = (
            scene.second_shop.shop_id
            if scalar(scene.database, f"SELECT EXISTS (SELECT FROM {table})")
            else scene.town.shop.shop_id
        )
        connection.execute(text(statements[table]), {**values, "s": shop_id})


def test_each_kind_of_row_goes_when_its_time_is_over_and_not_before(scene: Scene) -> None:
    counts = {}
    for rule in RULES:
        # A day's slack: some are kept by the day.
        add_row(scene, rule.table, scene.now - rule.kept_for + DAY)
        add_row(scene, rule.table, scene.now - rule.kept_for - DAY)
        counts[rule.table] = [
            scene.privacy(prune, rule, now=scene.now),
            scene.privacy(prune, rule, now=scene.now),
            scalar(scene.database, f"SELECT count(*) FROM {rule.table}"),
        ]
    assert counts == {rule.table: [1, 0, 1] for rule in RULES}
    scene.assert_sound()


def test_what_has_not_ended_is_not_removed(scene: Scene) -> None:
    """A session that is open, whatever its age."""
    with scene.database.engine().begin() as connection:
        build_citizen(connection, scene.town, email="eve@example.org")
        open_session_for(connection, scene.town, "eve@example.org", now=scene.now)
    [rule] = [each for each in RULES if each.table == "sessions"]
    assert scene.privacy(prune, rule, now=scene.now) == 0


def test_batches_are_bounded_and_the_job_goes_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    [rule] = [each for each in RULES if each.table == "sign_in_codes"]
    for _ in range(5):
        add_row(scene, "sign_in_codes", scene.now - 3 * DAY)
    assert scene.privacy(prune, rule, now=scene.now, limit=2) == 2
    monkeypatch.setattr("bontri.jobs.retaining.utc_now", lambda: scene.now)
    assert retain_of(scene.database.engine("bontri_privacy"), 7)["rows"] == 3
    assert retain_of(scene.database.engine("bontri_privacy"), 7)["rows"] == 0


def run_job(scene: Scene, monkeypatch: pytest.MonkeyPatch, at: datetime.datetime) -> dict[str, int]:
    for module in ("bontri.jobs.retaining", "bontri.erasing"):
        monkeypatch.setattr(f"{module}.utc_now", lambda: at)
    return dict(erase_inactive_work(scene.keyring, scene.register)(scene.database.engine("bontri_privacy"), 7))


def test_who_did_nothing_for_long_is_warned_then_erased(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene.database.engine().begin() as connection:
        eve = build_citizen(connection, scene.town, badge="E", email="eve@example.org")
    scene.earn("E", 12)
    nobody = {"warned": 0, "letters": 0, "erased": 0}
    assert run_job(scene, monkeypatch, scene.now + 900 * DAY) == nobody
    scene.owner(set_inactivity, 24)
    assert run_job(scene, monkeypatch, scene.now + 650 * DAY) == nobody
    warned_at = scene.now + 740 * DAY
    assert run_job(scene, monkeypatch, warned_at) == {"warned": 3, "letters": 1, "erased": 0}
    assert run_job(scene, monkeypatch, warned_at + DAY) == nobody
    with scene.database.engine("bontri_api").begin() as connection:
        letter = take_letter(connection, scene.keyring, authority_id=7, now=warned_at)
    assert letter is not None
    message = write_letter(letter, scene.keyring, Letterhead("bontri@example.org", "https://points.example.org"))
    assert "12 points" in body_of(message)
    assert "sera effacé à partir du" in body_of(message)
    # A notice could be switched off.
    assert "List-Unsubscribe" not in message
    # Bob signs in, or rather comes with his card.
    scene.earn("C", 5, at=warned_at + 2 * DAY)
    done = run_job(scene, monkeypatch, warned_at + 31 * DAY)
    assert done == {"warned": 0, "letters": 0, "erased": 2}
    assert {each.asked_by for each in scene.register.read()} == {"inactivity"}
    erased = scalar(scene.database, "SELECT count(*) FROM citizens WHERE state = 'erased'")
    assert (erased, scalar(scene.database, "SELECT count(*) FROM contacts")) == (2, 0)
    assert scalar(scene.database, "SELECT inactivity_warned_at IS NULL FROM citizens WHERE state = 'active'")
    assert eve.citizen_id in {each.citizen_id for each in scene.register.read()}
    scene.assert_sound()


def test_one_who_cannot_be_erased_keeps_nobody_behind_them(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene.database.engine().begin() as connection:
        build_citizen(connection, scene.town, email="eve@example.org")
        zoe = build_citizen(connection, scene.town, email="zoe@example.org")
        unreadable = {"sealed": scene.keyring.encrypt(b"\xff", purpose=EMAIL_PURPOSE), "zoe": zoe.citizen_id}
        connection.execute(text("UPDATE contacts SET email_encrypted = :sealed WHERE citizen_id <> :zoe"), unreadable)
    scene.owner(set_inactivity, 12)
    run_job(scene, monkeypatch, scene.now + 400 * DAY)
    with pytest.raises(ErasuresFailedError, match="failed: 1"):
        run_job(scene, monkeypatch, scene.now + 431 * DAY)
    assert scalar(scene.database, "SELECT state FROM citizens WHERE citizen_id = :zoe", zoe=zoe.citizen_id) == "erased"
    assert scalar(scene.database, "SELECT count(*) FROM citizens WHERE state <> 'erased'") == 1


def test_signing_in_or_taking_a_voucher_is_activity(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        eve = build_citizen(connection, scene.town, email="eve@example.org")
        open_session_for(connection, scene.town, "eve@example.org", now=scene.now + 300 * DAY)
    scene.buy(scene.sell(), at=scene.now + 300 * DAY)
    scene.owner(set_inactivity, 12)
    page = scene.privacy(list_idle, now=scene.now + 400 * DAY)
    assert page.to_warn == [scene.other.citizen_id]
    assert eve.citizen_id == page.position
    assert scene.privacy(list_idle, now=scene.now, after=eve.citizen_id).position is None
