"""Wallets against a plain model of them: whatever citizens do in whatever order, each wallet holds what it should.

The model is a wallet of each citizen and two numbers a wallet; it knows no lots, no months and no SQL.
"""

import datetime
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, text

from rewards.citizens import Citizen
from rewards.errors import RewardsError
from rewards.households import leave_household, merge_wallets
from rewards.invariants import INVARIANTS
from rewards.keyring import Keyring
from rewards.statements import list_movements
from rewards.vouchers import cancel_voucher, issue_voucher
from rewards.wallets import get_wallet
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town, deposit

DAY = datetime.timedelta(days=1)
BADGES = ("A", "B", "C")
PRICE = 10
HELD_BY_MACHINE = (
    "every_authority_balances",
    "account_counters_equal_their_transfers",
    "merged_wallets_lead_to_open_ones",
    "wallet_changes_equal_their_transfers",
    "vouchers_are_in_exactly_one_state",
)


@dataclass
class Model:
    """A wallet, plainly: points free to spend, points held, and the vouchers that hold them."""

    free: int = 0
    held: int = 0
    vouchers: list[UUID] = field(default_factory=list)


who = st.integers(0, len(BADGES) - 1)


class HouseholdMachine(RuleBasedStateMachine):
    """Every rule does the same to the database and to the model."""

    database: ClassVar[Database]
    keyring: ClassVar[Keyring]
    changes: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.connection: Connection = self.database.engine().connect()
        self.town: Town = build_town(self.connection, self.keyring, price_points=PRICE)
        self.citizens: list[Citizen] = [build_citizen(self.connection, self.town, badge=badge) for badge in BADGES]
        self.now = datetime.datetime(2026, 3, 15, 9, tzinfo=datetime.UTC)
        self.wallet_ids = [citizen.wallet_id for citizen in self.citizens]
        self.models = [Model() for _ in BADGES]
        self.tenant: dict[str, Any] = {"authority_id": self.town.authority_id}

    def teardown(self) -> None:
        try:
            for name in HELD_BY_MACHINE:
                assert self.connection.execute(text(INVARIANTS[name]), self.tenant).all() == [], name
        finally:
            self.connection.rollback()
            self.connection.close()

    def own(self, number: int) -> dict[str, Any]:
        return {**self.tenant, "wallet_id": self.wallet_ids[number], "now": self.now}

    def refusal_of(self, work: Any) -> str | None:
        try:
            with self.connection.begin_nested():
                work()
        except RewardsError as refusal:
            return refusal.code
        return None

    @initialize(items=st.integers(1, 40))
    def begin_with_a_household(self, items: int) -> None:
        """Else many a run would never see one: Hypothesis leaves rules out at will."""
        self.earn(0, items, 0)
        self.merge(0, 1)

    @rule(number=who, items=st.integers(1, 40), days=st.integers(0, 40))
    def earn(self, number: int, items: int, days: int) -> None:
        self.now += days * DAY
        deposit(self.connection, self.town, badge=BADGES[number], items=items, now=self.now)
        self.models[number].free += items

    @rule(number=who)
    def buy(self, number: int) -> None:
        model, bought = self.models[number], []

        def issue() -> None:
            facts = {**self.own(number), "offer_id": self.town.offer_id}
            bought.append(issue_voucher(self.connection, self.keyring, **facts))

        assert self.refusal_of(issue) == (None if model.free >= PRICE else "points_insufficient")
        for voucher_id in bought:
            model.free, model.held = model.free - PRICE, model.held + PRICE
            model.vouchers.append(voucher_id)

    @precondition(lambda self: any(model.vouchers for model in self.models))
    @rule(number=who)
    def cancel(self, number: int) -> None:
        model = self.models[number]
        if model.vouchers:
            cancel_voucher(self.connection, **self.own(number), voucher_id=model.vouchers.pop(0))
            model.free, model.held = model.free + PRICE, model.held - PRICE

    @rule(from_=who, into=who)
    def merge(self, from_: int, into: int) -> None:
        pair = {"from_wallet_id": self.wallet_ids[from_], "to_wallet_id": self.wallet_ids[into]}
        merged = merge_wallets(self.connection, **self.tenant, **pair, made_by="x", now=self.now)
        old, kept = self.models[from_], self.models[into]
        assert merged.is_repeat == (old is kept)
        if old is kept:
            return
        type(self).changes += 1
        assert merged.points == old.free
        kept.free, kept.held = kept.free + old.free, kept.held + old.held
        kept.vouchers += old.vouchers
        for number, model in enumerate(self.models):
            if model is old:
                self.models[number], self.wallet_ids[number] = kept, self.wallet_ids[into]

    @rule(number=who)
    def leave(self, number: int) -> None:
        model = self.models[number]
        members, shares = sum(each is model for each in self.models), []

        def leave() -> None:
            citizen_id = self.citizens[number].citizen_id
            shares.append(leave_household(self.connection, citizen_id, **self.own(number), made_by="x"))

        assert self.refusal_of(leave) == (None if members > 1 else "wallet_not_shared")
        for share in shares:
            type(self).changes += 1
            assert share.points == model.free // members
            model.free -= share.points
            self.models[number], self.wallet_ids[number] = Model(share.points), share.wallet_id

    @invariant()
    def wallets_and_statements_are_those_of_the_model(self) -> None:
        for wallet_id, model in dict(zip(self.wallet_ids, self.models, strict=True)).items():
            own = {**self.tenant, "wallet_id": wallet_id}
            wallet = get_wallet(self.connection, **own, now=self.now)
            assert (wallet.points, wallet.pending_points) == (model.free, model.held)
            movements = list_movements(self.connection, **own, timezone=ZoneInfo("Europe/Paris"), limit=1000)
            assert sum(movement.points for movement in movements) == model.free


LIMITS = settings(max_examples=6, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def machine(database: Database, keyring: Keyring) -> type[HouseholdMachine]:
    HouseholdMachine.database, HouseholdMachine.keyring, HouseholdMachine.changes = database, keyring, 0
    return HouseholdMachine


def test_whatever_households_do_each_wallet_holds_what_its_model_holds(machine: type[HouseholdMachine]) -> None:
    run_state_machine_as_test(machine, settings=LIMITS)  # type: ignore[no-untyped-call]
    assert machine.changes > 3, "wallets were hardly merged or left: the model was not put to the test"
