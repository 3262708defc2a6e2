"""Erasure: nothing that names a citizen is left, no sum changes, and only the role for it may."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from rewards.cards import CardUnknownError, CitizenUnknownError, claim_card, get_card
from rewards.citizens import register_citizen
from rewards.goals import close_goal, donate_to_goal, give_back
from rewards.ids import new_id
from rewards.outbox import take_letter
from rewards.privacy import (
    Erased,
    ErasureRegister,
    erase_citizen,
)
from rewards.privacy.identity import OF_CITIZENS
from rewards.reviews import lapse_reviews, set_review_rules
from rewards.schema.whole import Base
from rewards.suspicion import ReviewRules
from rewards.vouchers import reverse_redemption
from tests.factories import build_citizen, build_goal
from tests.ingest_scene import scalar
from tests.privacy_scene import DAY, HOUR, Scene, live


@pytest.fixture
def scene(database, keyring, now, tmp_path) -> Scene:
    scene = Scene(database, keyring, now)
    scene.register = ErasureRegister(tmp_path / "erasures.jsonl")
    return scene


def test_whatever_names_a_citizen_goes_and_every_sum_stays(scene: Scene) -> None:
    eve = live(scene)
    offer = scene.sell()
    held, redeemed = (scene.buy(offer, citizen=eve) for _ in range(2))
    scene.redeem(redeemed, scene.town.shop.shop_id)
    assert set(scene.rows_about(eve)) == {
        *OF_CITIZENS,
        "wallet_accounts",
        "wallet_invitations",
        "expiry_warnings",
        "idempotent_requests",
    }
    given = scalar(scene.database, "SELECT sum(credits_posted) FROM accounts WHERE kind = 'issuing'")
    assert scene.erase(eve) == Erased(1, 80, 1, has_left_household=False, is_finished=False, is_repeat=False)
    assert (scene.own_balance("forfeited"), scene.balance(scene.town.shop.account_id)) == (80, 10)
    assert scalar(scene.database, "SELECT sum(credits_posted) FROM accounts WHERE kind = 'issuing'") == given
    assert scalar(scene.database, "SELECT status FROM vouchers WHERE voucher_id = :id", id=held) == "cancelled"
    with scene.database.engine("bontri_api").begin() as connection:
        letter = take_letter(connection, scene.keyring, authority_id=7, now=scene.now + 3 * HOUR)
    assert letter is not None
    assert (letter.kind, letter.address, letter.language) == ("account_erased", "eve@example.org", "en")
    assert (letter.citizen_id, letter.good_until) == (None, scene.now + 27 * HOUR)
    # A worker may still know the lot of this month.
    assert scene.rows_about(eve) == {"wallet_accounts": 1}
    assert scene.state_of_deposit("E") == "counted"
    assert scene.finish(at=scene.now + 12 * HOUR) == 0
    assert scene.finish(at=scene.now + 2 * DAY) == 1
    assert scene.rows_about(eve) == {}
    assert scalar(scene.database, "SELECT count(*) FROM citizens WHERE citizen_id = :id", id=eve.citizen_id) == 0
    scene.assert_sound()


def test_every_table_that_refers_to_citizens_is_emptied_of_them() -> None:
    referring = {
        name
        for name, table in Base.metadata.tables.items()
        if any(key.column.table.name == "citizens" for key in table.foreign_keys)
    }
    assert referring == set(OF_CITIZENS)


def test_an_erased_citizen_cannot_be_found_and_may_come_back_as_another(scene: Scene) -> None:
    eve = live(scene)
    scene.erase(eve)
    with scene.database.engine().begin() as connection:
        with pytest.raises(CardUnknownError):
            get_card(connection, scene.keyring, authority_id=7, badge="E")
        again = register_citizen(
            connection, scene.keyring, authority_id=7, badges=["E"], email="eve@example.org", now=scene.now
        )
    assert again.citizen_id != eve.citizen_id
    assert scene.wallet(again.wallet_id).points == 0
    scene.finish(at=scene.now + 2 * DAY)
    assert scene.state_of_deposit("E") == "credited"
    scene.assert_sound()


def test_a_key_that_was_lost_keeps_nobody_from_being_erased(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        eve = build_citizen(connection, scene.town, email="eve@example.org")
    scene.keyring = replace(scene.keyring, storage_key=b"x" * 32)
    assert scene.erase(eve).citizens == 1
    assert scalar(scene.database, "SELECT count(*) FROM contacts") == 0
    assert scalar(scene.database, "SELECT count(*) FROM outbox") == 0


def test_erasing_again_changes_nothing(scene: Scene) -> None:
    scene.erase(scene.citizen)
    again = scene.erase(scene.citizen)
    assert (again.citizens, again.points, again.is_repeat) == (0, 0, True)
    assert len(scene.register.read()) == 1
    scene.finish(at=scene.now + 2 * DAY)
    gone = scene.erase(scene.citizen)
    assert (gone.is_repeat, gone.is_finished) == (True, True)
    with pytest.raises(CitizenUnknownError):
        scene.privacy(erase_citizen, scene.keyring, scene.register, new_id(), asked_by="ada", now=scene.now)
    assert scene.own_balance("forfeited") == 100
    scene.assert_sound()


def test_who_shares_a_wallet_leaves_it_whole(scene: Scene) -> None:
    scene.merge(scene.other, scene.citizen)
    voucher = scene.buy(scene.sell())
    erased = scene.erase(scene.other)
    assert (erased.points, erased.vouchers, erased.has_left_household, erased.is_finished) == (0, 0, True, True)
    assert scene.wallet(scene.citizen.wallet_id).points == 190
    assert scalar(scene.database, "SELECT status FROM vouchers WHERE voucher_id = :id", id=voucher) == "issued"
    assert scene.finish(at=scene.now + 2 * DAY) == 1
    # Then the last one.
    assert scene.erase(scene.citizen, at=scene.now + 3 * DAY).points == 200
    scene.assert_sound()


def test_cards_once_claimed_go_with_the_citizen_who_claimed_them(scene: Scene) -> None:
    claim = {"badge": "C", "citizen": scene.citizen, "made_by": "ada", "now": scene.now}
    with scene.database.engine("bontri_operator").begin() as connection:
        claim_card(connection, scene.keyring, authority_id=7, **claim)
    erased = scene.erase(scene.citizen)
    assert (erased.citizens, erased.points) == (2, 200)
    assert {each.citizen_id for each in scene.register.read()} == {scene.citizen.citizen_id, scene.other.citizen_id}
    assert scene.finish(at=scene.now + 2 * DAY) >= 1
    assert scalar(scene.database, "SELECT count(*) FROM citizens") == 0
    scene.assert_sound()


def test_a_credit_in_review_is_taken_when_the_review_has_ended(scene: Scene) -> None:
    scene.owner(set_review_rules, ReviewRules(over_items=50))
    scene.earn("B", 60)
    assert scene.erase(scene.citizen).points == 100
    assert scene.finish(at=scene.now + 2 * DAY) == 0
    with scene.database.engine("bontri_operator").begin() as connection:
        assert lapse_reviews(connection, authority_id=7, now=scene.now + 8 * DAY).points == 60
    assert scene.finish(at=scene.now + 8 * DAY) == 1
    assert scene.own_balance("forfeited") == 160
    scene.assert_sound()


def test_what_comes_back_after_an_erasure_is_nobody_s_and_expires(scene: Scene) -> None:
    redeemed = scene.buy(scene.sell())
    scene.redeem(redeemed, scene.town.shop.shop_id)
    with scene.database.engine().begin() as connection:
        goal = build_goal(connection, scene.town, target_points=500, ends_at=scene.now + 9 * DAY)
    scene.api(donate_to_goal, goal, wallet_id=scene.citizen.wallet_id, points=30, now=scene.now)
    assert scene.erase(scene.citizen).points == 60
    scene.finish(at=scene.now + 2 * DAY)
    scene.api(reverse_redemption, redeemed, reason="mistake", reversed_by="ada", now=scene.now + 3 * DAY)
    scene.api(close_goal, goal, now=scene.now + 3 * DAY)
    scene.api(give_back, now=scene.now + 3 * DAY)
    left = "SELECT sum(credits_posted - debits_posted) FROM accounts a WHERE kind = 'lot' AND NOT EXISTS"
    nobody_s = f"{left} (SELECT FROM wallet_accounts w WHERE w.account_id = a.account_id)"
    assert scalar(scene.database, nobody_s) == 40
    scene.assert_sound()


def test_only_the_role_for_it_may_erase(scene: Scene) -> None:
    for role in ("bontri_api", "bontri_operator", "bontri_reader", "bontri_ingest"):
        with scene.database.engine(role).connect() as connection, pytest.raises(Exception, match="permission denied"):  # type: ignore[arg-type]
            connection.execute(text("DELETE FROM wallet_accounts WHERE authority_id = 7"))
    with scene.database.engine("bontri_privacy").connect() as connection:
        for table in ("events", "transfers", "vouchers", "accounts", "wallet_changes"):
            with pytest.raises(Exception, match="permission denied"), connection.begin_nested():
                connection.execute(text(f"DELETE FROM {table} WHERE authority_id = 7"))
