"""The ledger against a plain model of it: whatever is asked in whatever order, both say and hold the same.

The model is a dictionary of four numbers an account and a list of transfers; it knows no SQL. After every step the
counters, the balances summed from the transfers and what was refused are compared; at the end the invariants.
"""

import datetime
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, text

from rewards.errors import OverdraftError, PendingAlreadyEndedError, RewardsError
from rewards.ids import new_id
from rewards.invariants import INVARIANTS
from rewards.journals import open_journals
from rewards.ledger import Balance, Transfer, lock_pending_credits, record_transfers, sum_balances
from rewards.ledger.pending import end_pending_transfers
from tests.databases import Database
from tests.factories import JOURNAL, build_town

AUTHORITY_ID = 7
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
KINDS = ("issuing", "loss", "shop", "cause", "goal")
"""The first two may be overdrawn; the first is a bin's."""

LEDGER_INVARIANTS = (
    "every_authority_balances",
    "account_counters_equal_their_transfers",
    "endings_repeat_their_pending_transfer",
)


@dataclass
class Model:
    """One account, plainly: what it gave and got, and what of either is only held."""

    is_bounded: bool
    gave: int = 0
    got: int = 0
    giving: int = 0
    getting: int = 0

    @property
    def free(self) -> int:
        return self.got - self.gave - self.giving

    @property
    def balance(self) -> Balance:
        return Balance(self.got - self.gave, self.getting - self.giving)


@dataclass
class Hold:
    """A pending transfer of the model."""

    transfer: Transfer
    is_ended: bool = False
    is_credit: bool = False


accounts = st.integers(0, len(KINDS) - 1)
amounts = st.integers(1, 12)
moves = st.tuples(accounts, accounts, amounts).filter(lambda move: move[0] != move[1])


class LedgerMachine(RuleBasedStateMachine):
    """Every rule does the same to the database and to the model."""

    database: ClassVar[Database]
    holds = Bundle("holds")
    steps: ClassVar[int] = 0
    refusals: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.connection: Connection = self.database.engine().connect()
        find_bin = text("SELECT bin_id, issuing_account_id FROM bins ORDER BY bin_id LIMIT 1")
        bin_id, issuing = self.connection.execute(find_bin).one()
        [self.journal_no] = open_journals(
            self.connection, {(bin_id, JOURNAL): START}, authority_id=AUTHORITY_ID
        ).values()
        # The bin has its account already; the others are made up.
        self.ids = [issuing, *(new_id() for _ in KINDS[1:])]
        self.connection.execute(
            text(
                "INSERT INTO accounts (authority_id, account_id, kind, created_at)"
                " VALUES (:authority_id, :account_id, :kind, :now)"
            ),
            [
                {"authority_id": AUTHORITY_ID, "account_id": account_id, "kind": kind, "now": START}
                for account_id, kind in zip(self.ids[1:], KINDS[1:], strict=True)
            ],
        )
        self.models = [Model(is_bounded=kind not in ("issuing", "loss")) for kind in KINDS]
        self.now = START
        self.credits = 0
        self.past: list[tuple[datetime.datetime, list[Balance]]] = []

    def teardown(self) -> None:
        try:
            self.assert_invariants_of_every_database()
        finally:
            self.connection.rollback()
            self.connection.close()

    def ask(self, work: Any) -> tuple[type[RewardsError] | None, Any]:
        """Do something in a savepoint; return the refusal, or what came back."""
        type(self).steps += 1
        self.now += datetime.timedelta(seconds=1)
        try:
            with self.connection.begin_nested():
                return None, work()
        except RewardsError as refusal:
            type(self).refusals += 1
            return type(refusal), None

    def record(self, transfers: list[Transfer]) -> tuple[type[RewardsError] | None, Any]:
        return self.ask(lambda: record_transfers(self.connection, transfers, authority_id=AUTHORITY_ID, now=self.now))

    def expect_overdraft(self, asked: list[tuple[int, int, int]]) -> bool:
        """A batch is refused when one account could not bear all of it at once; what it gets meanwhile counts."""
        change = dict.fromkeys(range(len(KINDS)), 0)
        for debit, credit, points in asked:
            change[debit] -= points
            change[credit] += points
        return any(model.is_bounded and model.free + change[n] < 0 for n, model in enumerate(self.models))

    @rule(asked=st.lists(moves, min_size=1, max_size=4))
    def move(self, asked: list[tuple[int, int, int]]) -> None:
        refusal, _ = self.record(
            [
                Transfer(self.ids[debit], self.ids[credit], points, reason="adjustment")
                for debit, credit, points in asked
            ]
        )
        assert refusal == (OverdraftError if self.expect_overdraft(asked) else None)
        if refusal is None:
            for debit, credit, points in asked:
                self.models[debit].gave += points
                self.models[credit].got += points

    @rule(target=holds, asked=moves)
    def hold(self, asked: tuple[int, int, int]) -> Any:
        debit, credit, points = asked
        transfer = Transfer(self.ids[debit], self.ids[credit], points, "pending", reason="adjustment")
        refusal, ids = self.record([transfer])
        # What is only pending towards an account is not its own yet.
        is_too_much = self.models[debit].is_bounded and self.models[debit].free < points
        assert refusal == (OverdraftError if is_too_much else None)
        if refusal is not None:
            return multiple()
        self.models[debit].giving += points
        self.models[credit].getting += points
        transfer.transfer_id = ids[0]
        return Hold(transfer)

    @rule(target=holds, credit=st.integers(1, len(KINDS) - 1), points=amounts)
    def hold_credit(self, credit: int, points: int) -> Any:
        """Credit a deposit pending a review, as the ingest does."""
        self.credits += 1
        said: dict[str, Any] = {"journal_no": self.journal_no, "seq": self.credits, "transfer_id": new_id()}
        transfer = Transfer(self.ids[0], self.ids[credit], points, "pending", **said)
        refusal, _ = self.record([transfer])
        assert refusal is None  # a bin may always give
        self.models[0].giving += points
        self.models[credit].getting += points
        return Hold(transfer, is_credit=True)

    @rule(held=holds, phase=st.sampled_from(["post", "void"]))
    def end(self, held: Hold, phase: Any) -> None:
        """End a hold, ended before or not."""
        refusal, _ = self.ask(
            lambda: end_pending_transfers(
                self.connection, self.list_pending(held), authority_id=AUTHORITY_ID, phase=phase, now=self.now
            )
        )
        assert refusal == (PendingAlreadyEndedError if held.is_ended else None)
        if refusal is None:
            self.end_in_model(held, phase)

    @rule(first=consumes(holds), second=consumes(holds), phase=st.sampled_from(["post", "void"]))
    def end_two(self, first: Hold, second: Hold, phase: Any) -> None:
        """Two at once: one that was ended before takes the other with it, and nothing is half done."""
        refusal, _ = self.ask(
            lambda: end_pending_transfers(
                self.connection,
                [*self.list_pending(first), *self.list_pending(second)],
                authority_id=AUTHORITY_ID,
                phase=phase,
                now=self.now,
            )
        )
        assert refusal == (PendingAlreadyEndedError if first.is_ended or second.is_ended else None)
        if refusal is None:
            self.end_in_model(first, phase)
            self.end_in_model(second, phase)

    def list_pending(self, held: Hold) -> list[Transfer]:
        """Return a hold as what ends it names it: a deposit's credit is looked up, as a review does."""
        if not held.is_credit:
            return [held.transfer]
        transfer_id: Any = held.transfer.transfer_id
        return lock_pending_credits(self.connection, [transfer_id], authority_id=AUTHORITY_ID)

    def end_in_model(self, held: Hold, phase: str) -> None:
        held.is_ended = True
        debit = self.models[self.ids.index(held.transfer.debit_account_id)]  # type: ignore[arg-type]
        credit = self.models[self.ids.index(held.transfer.credit_account_id)]  # type: ignore[arg-type]
        points = held.transfer.points
        debit.giving -= points
        credit.getting -= points
        if phase == "post":
            debit.gave += points
            credit.got += points

    @rule()
    def remember(self) -> None:
        """Note what is held now, to be asked for again once it is the past."""
        self.past.append((self.now, [model.balance for model in self.models]))

    @invariant()
    def counters_are_those_of_the_model(self) -> None:
        rows = self.connection.execute(
            text(
                "SELECT account_id, debits_posted, credits_posted, debits_pending, credits_pending FROM accounts"
                " WHERE account_id = ANY(:ids)"
            ),
            {"ids": self.ids},
        )
        held = {row[0]: tuple(row[1:]) for row in rows}
        told = [(model.gave, model.got, model.giving, model.getting) for model in self.models]
        assert [held[account_id] for account_id in self.ids] == told

    @invariant()
    def balances_of_any_time_are_those_of_the_model(self) -> None:
        for at, balances in [(None, [model.balance for model in self.models]), *self.past[-2:]]:
            told = sum_balances(self.connection, self.ids, authority_id=AUTHORITY_ID, at=at)
            assert [told[account_id] for account_id in self.ids] == balances

    def assert_invariants_of_every_database(self) -> None:
        for name in LEDGER_INVARIANTS:
            assert self.connection.execute(text(INVARIANTS[name]), {"authority_id": AUTHORITY_ID}).all() == []


@pytest.fixture
def machine(database: Database, keyring: Any) -> type[LedgerMachine]:
    with database.engine().begin() as connection:
        build_town(connection, keyring, authority_id=AUTHORITY_ID)
    LedgerMachine.database = database
    LedgerMachine.steps = LedgerMachine.refusals = 0
    return LedgerMachine


LIMITS = settings(
    max_examples=45,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_whatever_is_asked_the_ledger_holds_what_its_model_holds(machine: type[LedgerMachine]) -> None:
    run_state_machine_as_test(machine, settings=LIMITS)  # type: ignore[no-untyped-call]
    assert machine.steps > 300
    assert machine.refusals > 30, "next to nothing was refused: the model was not put to the test"


def test_control_a_ledger_that_forgets_holds_is_told_from_the_model(
    machine: type[LedgerMachine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger whose holds reserve nothing: the machine must find a case in which it differs."""
    from rewards.ledger import transfers

    careless = text(str(transfers.MOVE_COUNTERS).replace("+ m.debits_pending", "+ m.debits_pending * 0"))
    monkeypatch.setattr(transfers, "MOVE_COUNTERS", careless)
    once = settings(LIMITS, database=None, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=once)  # type: ignore[no-untyped-call]
