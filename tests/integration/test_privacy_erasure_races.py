"""Erasure among deposits, redemptions and merges of the same second: no point is lost or made."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, text

from rewards.badges import find_holders
from rewards.citizens import Citizen
from rewards.households import merge_wallets
from rewards.ledger import Transfer, record_transfers
from rewards.lots import lot_month_of
from rewards.privacy import (
    ErasureRegister,
    erase_citizen,
    erasing,
)
from rewards.vouchers import cancel_voucher, issue_voucher, redeem_voucher
from tests.factories import deposit
from tests.ingest_scene import scalar
from tests.privacy_scene import DAY, HELD_BY_LOTS, HOUR, Scene, at_once, live


@pytest.fixture
def scene(database, keyring, now, tmp_path) -> Scene:
    scene = Scene(database, keyring, now)
    scene.register = ErasureRegister(tmp_path / "erasures.jsonl")
    return scene


def credit_late(scene: Scene) -> None:
    """A worker knows whose a badge is and their lot; the citizen is erased; then it credits a deposit."""
    with scene.database.engine("bontri_ingest").connect() as worker:
        digest = scene.keyring.badge_digest(authority_id=7, badge="B")
        month = lot_month_of(scene.now.date())
        [holder] = find_holders(worker, [digest], authority_id=7, lot_month=month).values()
        assert holder.lot_account_id is not None
        scene.erase(scene.citizen)
        issuing = worker.scalar(text("SELECT issuing_account_id FROM bins WHERE authority_id = 7 LIMIT 1"))
        credit = Transfer(str(issuing), holder.lot_account_id, 9, reason="adjustment")
        record_transfers(worker, [credit], authority_id=7, now=scene.now)
        worker.commit()


def test_a_deposit_of_the_second_of_an_erasure_is_taken_a_day_later(scene: Scene) -> None:
    credit_late(scene)
    assert scalar(scene.database, HELD_BY_LOTS) == 109
    scene.finish(at=scene.now + 2 * DAY)
    assert (scalar(scene.database, HELD_BY_LOTS), scene.own_balance("forfeited")) == (100, 109)
    scene.assert_sound()


def test_control_cut_at_once_the_lot_keeps_a_late_deposit(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = erasing.take_out
    monkeypatch.setattr(erasing, "take_out", lambda *args, **named: whole(*args, **{**named, "is_final": True}))
    credit_late(scene)
    scene.finish(at=scene.now + 2 * DAY)
    assert (scalar(scene.database, HELD_BY_LOTS), scene.own_balance("forfeited")) == (109, 100)


def test_an_erasure_among_redemptions_deposits_and_merges_loses_nothing(scene: Scene) -> None:
    offer = scene.sell()
    vouchers = [scene.buy(offer) for _ in range(3)]
    eve = live(scene)
    now = scene.now + 3 * HOUR
    own = {"authority_id": 7, "wallet_id": scene.citizen.wallet_id, "now": now}

    def erase(connection: Connection) -> None:
        named = {"authority_id": 7, "asked_by": "citizen", "now": now}
        erase_citizen(connection, scene.keyring, scene.register, scene.citizen.citizen_id, **named)

    def redeem(number: int) -> Callable[[Connection], object]:
        return lambda connection: redeem_voucher(
            connection,
            scene.keyring,
            authority_id=7,
            shop_id=scene.town.shop.shop_id,
            code=scene.keyring.voucher_code(vouchers[number]),
            redemption_key=f"K{number}",
            now=now,
        )

    def merge(from_: Citizen, into: Citizen) -> Callable[[Connection], object]:
        pair = {"from_wallet_id": from_.wallet_id, "to_wallet_id": into.wallet_id}
        return lambda connection: merge_wallets(connection, authority_id=7, **pair, made_by="x", now=now)

    works: list[tuple[str, Callable[[Connection], object]]] = [
        ("bontri_privacy", erase),
        ("bontri_privacy", erase),
        ("bontri_api", redeem(0)),
        ("bontri_api", redeem(1)),
        ("bontri_api", lambda connection: cancel_voucher(connection, **own, voucher_id=vouchers[2])),
        ("bontri_api", lambda connection: issue_voucher(connection, scene.keyring, **own, offer_id=offer)),
        ("bontri_api", merge(eve, scene.citizen)),
        ("owner", lambda connection: deposit(connection, scene.town, badge="B", items=7, now=now)),
    ]
    done = at_once(scene, works)
    assert set(done) <= {"done", "points_insufficient", "voucher_cancelled", "wallet_changed", "voucher_unknown"}, done
    scene.erase(scene.citizen, at=now)
    scene.finish(at=scene.now + 2 * DAY)
    scene.assert_sound()
    assert scene.rows_about(scene.citizen).keys() <= {"wallet_accounts", "expiry_warnings"}
    kept = scalar(scene.database, "SELECT count(*) FROM citizens WHERE state = 'erased'")
    assert kept == 0
