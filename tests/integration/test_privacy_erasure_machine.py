"""After any history of three citizens an erasure changes no sum."""

import datetime
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from rewards.citizens import Citizen
from rewards.errors import RewardsError
from rewards.households import leave_household, merge_wallets
from rewards.ids import new_id
from rewards.privacy import (
    ErasureRegister,
    erase_citizen,
    finish_erasure,
    list_unfinished,
)
from rewards.verify import INVARIANTS
from rewards.vouchers import cancel_voucher, issue_voucher
from tests.factories import Town, build_citizen, build_town, deposit
from tests.privacy_scene import DAY

steps = st.lists(
    st.tuples(st.sampled_from(("earn", "buy", "cancel", "merge", "leave", "erase", "finish")), st.integers(0, 2)),
    min_size=4,
    max_size=16,
)
FOUND = (Phase.explicit, Phase.generate)
"""A history costs a tenth of a second: making a failing one shorter would take minutes."""

SUMS = """
    SELECT CASE WHEN kind IN ('issuing', 'bonus') THEN 'given' ELSE 'held' END AS what,
           sum(credits_posted - debits_posted) FROM accounts GROUP BY 1
"""
HELD = (
    "every_authority_balances",
    "account_counters_equal_their_transfers",
    "merged_wallets_lead_to_open_ones",
    "wallet_changes_equal_their_transfers",
    "vouchers_are_in_exactly_one_state",
    "forfeitures_empty_lots_into_their_account",
)


class History:
    """Three citizens and what they do; refused is what cannot be done, as to somebody who is erased."""

    def __init__(
        self,
        connection: Connection,
        town: Town,
        citizens: list[Citizen],
        register: ErasureRegister,
        now: datetime.datetime,
    ) -> None:
        self.connection, self.town, self.citizens = connection, town, citizens
        self.keyring, self.register, self.now = town.keyring, register, now
        self.earned, self.vouchers, self.erasures = 0, list[UUID](), list[int]()

    def own(self) -> dict[str, Any]:
        return {"authority_id": 7, "now": self.now}

    def wallet(self, number: int) -> dict[str, Any]:
        found = text("SELECT wallet_id FROM citizens WHERE citizen_id = :id")
        wallet_id = self.connection.scalar(found, {"id": self.citizens[number % 3].citizen_id})
        return {**self.own(), "wallet_id": wallet_id or new_id()}

    def do(self, what: str, number: int) -> None:
        self.now += DAY
        try:
            with self.connection.begin_nested():
                getattr(self, what)(number)
        except RewardsError:
            pass

    def earn(self, number: int) -> None:
        self.earned += deposit(self.connection, self.town, badge="ABC"[number], items=25, now=self.now).points

    def buy(self, number: int) -> None:
        offer = {"offer_id": self.town.offer_id}
        self.vouchers.append(issue_voucher(self.connection, self.keyring, **self.wallet(number), **offer))

    def cancel(self, number: int) -> None:
        if self.vouchers:
            cancel_voucher(self.connection, **self.wallet(number), voucher_id=self.vouchers.pop())

    def leave(self, number: int) -> None:
        leave_household(self.connection, self.citizens[number].citizen_id, **self.wallet(number), made_by="x")

    def merge(self, number: int) -> None:
        ids = [self.wallet(each)["wallet_id"] for each in (number, number + 1)]
        pair = {"from_wallet_id": ids[0], "to_wallet_id": ids[1]}
        merge_wallets(self.connection, **pair, **self.own(), made_by="x")

    def erase(self, number: int) -> None:
        citizen_id = self.citizens[number].citizen_id
        erased = erase_citizen(
            self.connection, self.keyring, self.register, citizen_id, **self.own(), asked_by="citizen"
        )
        self.erasures.append(erased.points)

    def finish(self, _number: int) -> None:
        for citizen_id in list_unfinished(self.connection, **self.own()):
            finish_erasure(self.connection, citizen_id, **self.own())


def test_after_any_history_an_erasure_changes_no_sum(database, keyring, now, tmp_path) -> None:
    erasures: list[int] = []
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        citizens = [build_citizen(connection, town, badge=badge) for badge in "ABC"]

    @settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=FOUND)
    @given(steps)
    def hold(history: list[tuple[str, int]]) -> None:
        register = ErasureRegister(tmp_path / f"{new_id()}.jsonl")
        with database.engine().connect() as connection:
            lives = History(connection, town, citizens, register, now - 200 * DAY)
            for what, number in [("earn", 0), ("earn", 1), ("earn", 2), *history]:
                lives.do(what, number)
            for name in HELD:
                assert connection.execute(text(INVARIANTS[name]), {"authority_id": 7}).all() == [], name
            sums = {what: int(points) for what, points in connection.execute(text(SUMS))}
            assert sums == {"given": -lives.earned, "held": lives.earned}
            erasures.extend(lives.erasures)
            connection.rollback()

    hold()
    assert sum(points > 0 for points in erasures) > 3
