"""What is owed: points at what points were really spent on, vouchers that are out, shops that are still to be paid."""

import datetime
import json

import pytest

from rewards.expiry import expire_points, first_position
from rewards.funders import add_funder
from rewards.liability import Liability, get_liability
from rewards.offers import end_offer
from rewards.settlement import StatementNumber, mark_paid, mark_sent
from tests.operator_commands import run, succeed
from tests.settlement_scene import IN_DECEMBER, IN_JANUARY, IN_NOVEMBER, SettlementScene

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def scene(database, keyring, now) -> SettlementScene:
    return SettlementScene(database, keyring, now)


def owed(scene: SettlementScene, *, at: datetime.datetime | None = None, now=IN_DECEMBER) -> Liability:
    with scene.database.engine("bontri_reader").connect() as connection:
        return get_liability(connection, authority_id=7, now=now, as_of=at)


def test_points_are_worth_what_is_published_until_something_is_redeemed(scene: SettlementScene) -> None:
    found = owed(scene)
    # The town's one offer: 300 cents for 10 points; 200 points are in the wallets.
    assert (found.point_value.basis, found.point_value.cents_a_point) == ("published", 30.0)
    assert (found.points, found.points_cents, found.expected_share) == (200, 6_000, None)
    assert [(each.credited_month.month, each.expires_on.isoformat()) for each in found.lots] == [(11, "2028-12-01")]
    scene.owner(end_offer, scene.town.offer_id, now=scene.now)
    found = owed(scene)
    assert (found.point_value.basis, found.points_cents, found.total_cents) == ("nothing", None, 0)


def test_points_are_worth_what_they_were_spent_on_weighted_by_points(scene: SettlementScene) -> None:
    itself = scene.owner(add_funder, kind="shop", name="Librairie")
    scene.spend(scene.sell(price_points=30, value_cents=300))
    scene.spend(scene.sell(price_points=10, value_cents=140))
    scene.spend(scene.sell(price_points=10, value_cents=200, funder_id=itself))
    found = owed(scene)
    # 440 cents were paid for 50 points: what the shop gave itself cost nothing.
    assert (found.point_value.basis, found.point_value.cents_a_point) == ("redeemed", 8.8)
    assert (found.points, found.points_cents, found.unsettled_cents) == (150, 1_320, 440)
    assert found.expected_share == 1.0


def test_what_is_owed_moves_from_points_to_vouchers_to_shops_until_it_is_paid(scene: SettlementScene) -> None:
    offer_id = scene.sell(value_cents=300)
    voucher_id = scene.buy(offer_id, at=scene.now + MINUTE)
    issued = owed(scene)
    assert (issued.points, issued.vouchers_cents, issued.unsettled_cents) == (190, 300, 0)
    scene.redeem(voucher_id, scene.town.shop.shop_id)
    redeemed = owed(scene)
    assert (redeemed.points, redeemed.vouchers_cents, redeemed.unsettled_cents) == (190, 0, 300)
    scene.locked()
    locked = owed(scene)
    assert (locked.unsettled_cents, locked.unpaid_cents) == (0, 300)
    with scene.database.engine("bontri_operator").begin() as connection:
        number, tenant = StatementNumber(2026, 1), {"authority_id": 7, "now": IN_DECEMBER}
        mark_sent(connection, number, **tenant, sent_by="ada")
        mark_paid(connection, number, **tenant, paid_on=IN_DECEMBER.date(), paid_by="ada")
    assert owed(scene).unpaid_cents == 0
    scene.reverse(voucher_id, at=IN_DECEMBER)
    # The shop owes it now, and the points are home.
    found = owed(scene)
    assert (found.points, found.unsettled_cents) == (200, -300)
    # What was owed then can be said at any time.
    for at, then in ((scene.now + MINUTE, issued), (IN_NOVEMBER + MINUTE, redeemed)):
        found = owed(scene, at=at, now=IN_JANUARY)
        facts = (found.lots, found.vouchers, found.unsettled_cents, found.unpaid_cents)
        assert facts == (then.lots, then.vouchers, then.unsettled_cents, then.unpaid_cents)


def test_points_that_are_over_are_owed_no_more_and_fewer_are_expected(scene: SettlementScene) -> None:
    scene.spend(scene.sell(price_points=40))
    over = datetime.datetime(2028, 12, 1, 9, tzinfo=datetime.UTC)
    late = scene.now + datetime.timedelta(days=700)
    scene.spend(scene.sell(price_points=40), at=late)
    assert owed(scene, now=over).points == 0
    with scene.database.engine("bontri_api").begin() as connection:
        position = first_position(connection, authority_id=7)
        expire_points(connection, authority_id=7, now=over, after=position)
    found = owed(scene, now=over)
    assert (found.points, found.expected_share) == (0, 40 / 160)
    scene.assert_sound()


def test_the_command_says_it_in_a_table_and_as_json(scene: SettlementScene) -> None:
    command = ("liability", "--authority", "plaine-commune")
    found = json.loads(succeed(scene.database, *command, "--json").output)
    assert (found["points"], found["points_cents"], found["point_value"]["cents_a_point"]) == (200, 6_000, 30.0)
    assert "60.00" in succeed(scene.database, *command).output
    assert json.loads(succeed(scene.database, *command, "--as-of", "2026-01-02", "--json").output)["points"] == 0
    assert run(scene.database, *command, "--as-of", "2999-01-01").exit_code == 2
