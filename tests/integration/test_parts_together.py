"""The parts of rewards meet in one wallet: whatever has happened to it, it is told whole, and no point is lost."""

import datetime
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from rewards.citizens import Citizen
from rewards.corrections import Corrected, approve_correction, request_correction, request_reinstatement
from rewards.donations import donate_to_cause
from rewards.expiry import expire_points, first_position
from rewards.funders import add_funder
from rewards.goals import LEAST_GIVERS, close_if_running, donate_to_goal, get_goal, give_back
from rewards.households import leave_household, merge_wallets
from rewards.keyring import Keyring
from rewards.liability import get_liability
from rewards.offers.budgets import change_budget
from rewards.reviews import approve_review, lapse_reviews, list_reviews, reject_review, set_review_rules
from rewards.shops import revoke_shop
from rewards.statements import Movement, Position, explain, list_movements
from rewards.suspicion import ReviewRules
from rewards.vouchers import cancel_voucher, list_vouchers_of_card, redeem_by_card
from rewards.wallets import Wallet, get_wallet
from tests.databases import Database
from tests.factories import build_cause, build_goal, build_holder, deposit
from tests.ingest_scene import scalar, wait_until
from tests.settlement_scene import DECEMBER, IN_DECEMBER, IN_JANUARY, SettlementScene

MINUTE, DAY = datetime.timedelta(minutes=1), datetime.timedelta(days=1)
PARIS = ZoneInfo("Europe/Paris")


class Scene(SettlementScene):
    """Ada and Bob with 100 points each, whose wallets become one; every hand works as its own role."""

    goal_id: UUID
    lapsing: UUID
    voucher_ids: list[UUID]

    def __init__(self, database: Database, keyring: Keyring, now: datetime.datetime) -> None:
        super().__init__(database, keyring, now)
        self.owed_at: dict[datetime.datetime, Any] = {}

    def do(self, role: Any, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with self.database.engine(role).begin() as connection:
            return work(connection, *arguments, authority_id=7, **named)

    def drop(self, badge: str, items: int, *, at: datetime.datetime) -> None:
        with self.database.engine("bontri_ingest").begin() as connection:
            deposit(connection, self.town, badge=badge, items=items, now=at)

    def merge(self, from_: Citizen, into: Citizen, *, at: datetime.datetime) -> None:
        pair = {"from_wallet_id": from_.wallet_id, "to_wallet_id": into.wallet_id}
        self.do("bontri_operator", merge_wallets, **pair, made_by="grace", now=at)

    def wallet(self, at: datetime.datetime, citizen: Citizen | None = None) -> Wallet:
        wallet_id = (citizen or self.citizen).wallet_id
        wallet: Wallet = self.do("bontri_api", get_wallet, wallet_id=wallet_id, now=at)
        return wallet

    def movements(self, *, page: int = 50) -> list[Movement]:
        found: list[Movement] = []
        after: Position | None = None
        while True:
            own = {"wallet_id": self.citizen.wallet_id, "timezone": PARIS}
            part = self.do("bontri_api", list_movements, **own, after=after, limit=page)
            found += part
            if len(part) < page:
                return found
            after = part[-1].position

    def expire(self, at: datetime.datetime) -> None:
        with self.database.engine("bontri_api").begin() as connection:
            position = first_position(connection, authority_id=7)
            expire_points(connection, authority_id=7, now=at, after=position)

    def newest(self, condition: str) -> UUID:
        with self.database.engine().connect() as connection:
            found = text(f"SELECT transfer_id FROM transfers WHERE {condition} ORDER BY recorded_at DESC LIMIT 1")
            return UUID(str(connection.scalar(found)))

    def newest_expiry(self) -> UUID:
        """Return the newest one of the lot that was Ada's from the first."""
        return self.newest(f"""reason = 'expiry' AND debit_account_id IN (
            SELECT account_id FROM wallet_accounts WHERE wallet_id = '{self.citizen.wallet_id}')""")

    def correct(self, ask: Callable[..., UUID], transfer_id: UUID, reason: str, at: datetime.datetime) -> Any:
        said = {"reason": reason, "note": "seen", "requested_by": "ada", "now": at}
        correction_id = self.do("bontri_operator", ask, transfer_id, **said)
        return self.do("bontri_operator", approve_correction, correction_id, decided_by="bob", now=at)

    def owed(self, at: datetime.datetime, *, as_of: datetime.datetime | None = None) -> Any:
        found = self.do("bontri_reader", get_liability, now=at, as_of=as_of)
        return found.points, found.vouchers, found.unsettled_cents, found.unpaid_cents

    def note_owed(self, at: datetime.datetime) -> None:
        """Keep what is owed now, to be compared with what is said of it later."""
        self.owed_at[at] = self.owed(at)


@pytest.fixture
def scene(database, keyring, now) -> Scene:
    return Scene(database, keyring, now)


def live_apart(scene: Scene) -> None:
    """Bob has credits in review, vouchers a sponsor pays for, and a gift to a goal that will be missed."""
    at, bob = scene.now + MINUTE, scene.other.wallet_id
    sponsor = scene.owner(add_funder, kind="sponsor", name="Verrerie")
    scene.do("bontri_operator", change_budget, sponsor, year=2026, budget_cents=1000)
    for_all = scene.sell(shop_id=None, funder_id=sponsor, value_cents=400)
    with scene.database.engine().begin() as connection:
        cause_id = build_cause(connection, scene.town)
        scene.goal_id = build_goal(connection, scene.town, target_points=100, ends_at=scene.now + 5 * DAY)
    scene.do("bontri_operator", set_review_rules, ReviewRules(over_items=20))
    for items in (21, 22, 23):
        scene.drop("C", items, at=at)
    scene.do("bontri_api", donate_to_goal, scene.goal_id, wallet_id=bob, points=30, now=at)
    scene.do("bontri_api", donate_to_cause, cause_id, wallet_id=bob, points=3, now=at)
    scene.voucher_ids = [scene.buy(for_all, citizen=scene.other, at=at) for _ in range(2)]
    scene.note_owed(at)


def live_together(scene: Scene) -> None:
    """Their wallets are merged; what Bob's was waiting for comes to both, and his vouchers are used by Ada's card."""
    at, ada = scene.now + DAY, scene.citizen.wallet_id
    kept, dropped = scene.voucher_ids
    scene.merge(scene.other, scene.citizen, at=at)
    first, second, scene.lapsing = (each.transfer_id for each in scene.do("bontri_reader", list_reviews))
    scene.do("bontri_operator", approve_review, first, decided_by="grace", now=at + MINUTE)
    said = {"reason": "fraud", "note": "seen", "decided_by": "grace"}
    scene.do("bontri_operator", reject_review, second, **said, now=at + MINUTE)
    scene.note_owed(at := at + 2 * MINUTE)
    scene.do("bontri_api", cancel_voucher, wallet_id=ada, voucher_id=dropped, now=at + MINUTE)
    till = {"shop_id": scene.second_shop.shop_id, "badge": "B", "now": at + MINUTE}
    [listed] = scene.do("bontri_api", list_vouchers_of_card, scene.keyring, **till)
    scene.do("bontri_api", redeem_by_card, scene.keyring, **till, voucher_id=listed.voucher_id, redemption_key="K")
    assert listed.voucher_id == kept
    scene.owner(revoke_shop, shop_id=scene.second_shop.shop_id)
    scene.note_owed(at + MINUTE)
    at = scene.now + 8 * DAY
    scene.do("bontri_api", close_if_running, scene.goal_id, now=at)
    assert scene.do("bontri_api", give_back, now=at) == 1
    assert scene.do("bontri_operator", lapse_reviews, now=at).reviews == 1
    scene.note_owed(at)


def live_on(scene: Scene) -> datetime.datetime:
    """The shop, revoked meanwhile, is paid and owes it again; Bob leaves; a credit is wrong; points expire."""
    own = {"wallet_id": scene.citizen.wallet_id, "made_by": "citizens"}
    assert scene.locked(at=IN_DECEMBER, shop_id=scene.second_shop.shop_id).payable_cents == 400
    scene.note_owed(IN_DECEMBER)
    scene.reverse(scene.voucher_ids[0], at=IN_DECEMBER + MINUTE)
    scene.do("bontri_api", leave_household, scene.other.citizen_id, **own, now=IN_DECEMBER + 2 * MINUTE)
    scene.note_owed(IN_DECEMBER + 2 * MINUTE)
    assert scene.locked(DECEMBER, at=IN_JANUARY, shop_id=scene.second_shop.shop_id).payable_cents == -400
    corrected = scene.correct(request_correction, scene.lapsing, "wrong_card", IN_JANUARY)
    assert corrected == Corrected(taken_points=23, lost_points=0)
    scene.note_owed(IN_JANUARY)
    over = datetime.datetime(2028, 12, 1, 9, tzinfo=datetime.UTC)
    scene.expire(over)
    scene.note_owed(over)
    back = scene.correct(request_reinstatement, scene.newest_expiry(), "outage", over + MINUTE)
    assert back.returned_points > 0
    return over + MINUTE


def test_everything_that_happens_to_a_shared_wallet_is_told_and_adds_up(scene: Scene) -> None:
    live_apart(scene)
    scene.assert_sound()
    live_together(scene)
    scene.assert_sound()
    at = live_on(scene)
    scene.assert_sound()
    movements = scene.movements()
    assert scene.movements(page=3) == movements
    assert sum(each.points for each in movements) == scene.wallet(at).points
    assert Counter(each.kind for each in movements) == {
        "deposit": 2,
        "deposit_pending": 3,
        "deposit_posted": 2,
        "deposit_voided": 1,
        "donated": 2,
        "donation_returned": 1,
        "voucher_issued": 2,
        "voucher_cancelled": 1,
        "voucher_redeemed": 1,
        "voucher_reversed": 1,
        "wallets_merged": 1,
        "member_left": 1,
        "deposit_corrected": 1,
        "points_expired": 2,
        "points_reinstated": 1,
    }
    assert all(explain(each, timezone=PARIS, language="fr") for each in movements)
    assert {then: scene.owed(at, as_of=then) for then in scene.owed_at} == scene.owed_at


def test_a_household_that_gives_from_lots_of_two_wallets_is_one_giver(scene: Scene) -> None:
    at = scene.now + MINUTE
    voucher_id = scene.buy(scene.town.offer_id, citizen=scene.other, at=at)
    scene.merge(scene.other, scene.citizen, at=at)
    own: dict[str, Any] = {"wallet_id": scene.citizen.wallet_id, "now": at}
    scene.do("bontri_api", cancel_voucher, **own, voucher_id=voucher_id)
    with scene.database.engine().begin() as connection:
        goal_id = build_goal(connection, scene.town, target_points=1000, ends_at=at + DAY)
        for _ in range(LEAST_GIVERS - 2):
            giver = build_holder(connection, scene.town, points=1, now=at)
            donate_to_goal(connection, goal_id, authority_id=7, wallet_id=giver.wallet_id, points=1, now=at)
    scene.do("bontri_api", donate_to_goal, goal_id, **own, points=200)
    assert scene.do("bontri_reader", get_goal, goal_id).givers is None


def test_points_that_are_just_being_merged_are_not_lost_to_a_correction(scene: Scene) -> None:
    """Looked for in the wallet they leave, they would count as spent, and the authority would bear them."""
    of_bob = f"""journal_no IS NOT NULL AND credit_account_id = (SELECT account_id FROM wallet_accounts
                  WHERE wallet_id = '{scene.other.wallet_id}')"""
    credit = scene.newest(of_bob)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    pair = {"from_wallet_id": scene.other.wallet_id, "to_wallet_id": scene.citizen.wallet_id}
    with ThreadPoolExecutor(1) as pool:
        with scene.database.engine("bontri_api").begin() as connection:
            merge_wallets(connection, authority_id=7, **pair, made_by="citizens", now=scene.now)
            correcting = pool.submit(scene.correct, request_correction, credit, "fraud", scene.now + MINUTE)
            wait_until(lambda: scalar(scene.database, waiting) == 1)
        assert correcting.result() == Corrected(taken_points=100, lost_points=0)
    assert scene.wallet(scene.now + MINUTE).points == 100
    scene.assert_sound()


def test_a_correction_takes_what_is_over_and_not_swept_yet_from_nowhere_else(scene: Scene) -> None:
    over = datetime.datetime(2028, 12, 1, 9, tzinfo=datetime.UTC)
    credit = scene.newest(f"recorded_at = '{scene.now}' AND journal_no IS NOT NULL")
    for badge in ("B", "C"):
        scene.drop(badge, 70, at=over)
    assert scene.correct(request_correction, credit, "fraud", over) == Corrected(0, 0, expired_points=100)
    assert [scene.wallet(over, each).points for each in (scene.citizen, scene.other)] == [70, 70]
    scene.assert_sound()


def test_points_given_back_do_not_count_as_expired(scene: Scene) -> None:
    over = datetime.datetime(2028, 12, 1, 9, tzinfo=datetime.UTC)
    scene.expire(over)
    scene.correct(request_reinstatement, scene.newest_expiry(), "outage", over + MINUTE)
    scene.spend(scene.sell(price_points=100), at=over + 2 * MINUTE)
    assert scene.do("bontri_reader", get_liability, now=over + DAY).expected_share == 0.5
