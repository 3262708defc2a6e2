"""The one door to the ledger: what it refuses changes nothing, and writers who meet do not lock each other out."""

import datetime
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from rewards.errors import OverdraftError, PendingAlreadyEndedError, RewardsError, violates
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.ledger import Transfer, end_pending_transfers, lock_pending_transfers, record_transfers
from rewards.verify import verify
from tests.databases import Database
from tests.factories import build_town
from tests.ingest_scene import scalar, wait_until

AUTHORITY_ID = 7
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@dataclass
class Scene:
    """An issuing account that may be overdrawn, and two shops that may not; the first shop has 10 points."""

    database: Database
    issuing: UUID
    rich: UUID
    poor: UUID
    now: datetime.datetime

    def record(self, *transfers: Transfer, authority_id: int = AUTHORITY_ID) -> list[UUID]:
        """Record in a transaction of its own, which is rolled back on a refusal."""
        with self.database.engine("bontri_api", of=authority_id).begin() as connection:
            return record_transfers(connection, with_reasons(transfers), authority_id=authority_id, now=self.now)

    def books(self) -> list[object]:
        with self.database.engine().connect() as connection:
            return [
                connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).all()
                for table in ("accounts", "transfers")
            ]

    def balance(self, account_id: UUID) -> tuple[int, int]:
        """Return posted and pending points of an account."""
        with self.database.engine().connect() as connection:
            row = connection.execute(
                text(
                    "SELECT credits_posted - debits_posted AS posted, credits_pending - debits_pending AS pending"
                    " FROM accounts WHERE account_id = :account_id"
                ),
                {"account_id": account_id},
            ).one()
        return row.posted, row.pending

    def assert_refused(self, error: type[Exception], *transfers: Transfer, authority_id: int = AUTHORITY_ID) -> None:
        before = self.books()
        with pytest.raises(error):
            self.record(*transfers, authority_id=authority_id)
        assert self.books() == before


def with_reasons(transfers: Iterable[Transfer]) -> list[Transfer]:
    """Have transfers of no deposit and no voucher say that they are adjustments."""
    return [
        each if each.journal_no or each.voucher_id or each.reason else replace(each, reason="adjustment")
        for each in transfers
    ]


def add_account(connection: Connection, kind: str, *, now: datetime.datetime, account_id: UUID | None = None) -> UUID:
    account_id = account_id or new_id()
    connection.execute(
        text(
            "INSERT INTO accounts (authority_id, account_id, kind, created_at)"
            " VALUES (:authority_id, :account_id, :kind, :now)"
        ),
        {"authority_id": AUTHORITY_ID, "account_id": account_id, "kind": kind, "now": now},
    )
    return account_id


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    with database.engine().begin() as connection:
        build_town(connection, keyring, authority_id=AUTHORITY_ID)
        issuing, rich, poor = (add_account(connection, kind, now=now) for kind in ("issuing", "shop", "shop"))
    scene = Scene(database, issuing, rich, poor, now)
    scene.record(Transfer(issuing, rich, 10))
    return scene


def test_a_transfer_moves_points_and_the_sum_stays_nothing(scene: Scene) -> None:
    [transfer_id] = scene.record(Transfer(scene.rich, scene.poor, 4))
    assert transfer_id.version == 7
    assert (scene.balance(scene.issuing), scene.balance(scene.rich), scene.balance(scene.poor)) == (
        (-10, 0),
        (6, 0),
        (4, 0),
    )
    assert verify(scene.database.engine("bontri_reader")).is_sound


def test_nothing_to_record_is_no_statement(scene: Scene) -> None:
    before = scene.books()
    assert scene.record() == []
    assert scene.books() == before


def test_ids_come_back_in_the_order_of_the_transfers(scene: Scene) -> None:
    given = new_id()
    ids = scene.record(Transfer(scene.rich, scene.poor, 1), Transfer(scene.rich, scene.poor, 2, transfer_id=given))
    assert ids[1] == given
    with scene.database.engine().connect() as connection:
        points = text("SELECT points FROM transfers WHERE transfer_id = :id")
        assert [connection.scalar(points, {"id": transfer_id}) for transfer_id in ids] == [1, 2]


def test_an_overdraft_is_refused_and_changes_nothing(scene: Scene) -> None:
    scene.assert_refused(OverdraftError, Transfer(scene.rich, scene.poor, 11))
    scene.assert_refused(OverdraftError, Transfer(scene.rich, scene.poor, 11, "pending"))
    # One bad transfer takes the good ones of its transaction with it.
    scene.assert_refused(OverdraftError, Transfer(scene.rich, scene.poor, 3), Transfer(scene.rich, scene.poor, 8))


def test_points_held_by_a_pending_transfer_cannot_be_spent(scene: Scene) -> None:
    scene.record(Transfer(scene.rich, scene.poor, 7, "pending"))
    scene.assert_refused(OverdraftError, Transfer(scene.rich, scene.poor, 4))
    # What is only pending towards an account is not its own yet.
    scene.assert_refused(OverdraftError, Transfer(scene.poor, scene.rich, 1))
    assert (scene.balance(scene.rich), scene.balance(scene.poor)) == ((10, -7), (0, 7))


@pytest.mark.parametrize("first", ["post", "void"])
@pytest.mark.parametrize("second", ["post", "void"])
def test_a_pending_transfer_ends_once(scene: Scene, first: str, second: str) -> None:
    [pending_id] = scene.record(Transfer(scene.rich, scene.poor, 7, "pending"))
    scene.record(Transfer(scene.rich, scene.poor, 7, first, pending_id=pending_id))  # type: ignore[arg-type]
    scene.assert_refused(
        PendingAlreadyEndedError,
        Transfer(scene.rich, scene.poor, 7, second, pending_id=pending_id),  # type: ignore[arg-type]
    )
    assert scene.balance(scene.poor) == ((7, 0) if first == "post" else (0, 0))
    assert verify(scene.database.engine("bontri_reader")).is_sound


def test_ending_the_same_pending_transfer_twice_in_one_call_is_refused(scene: Scene) -> None:
    [pending_id] = scene.record(Transfer(scene.rich, scene.poor, 3, "pending"))
    ending = Transfer(scene.rich, scene.poor, 3, "void", pending_id=pending_id)
    scene.assert_refused(PendingAlreadyEndedError, ending, ending)


def test_a_pending_transfer_of_a_voucher_is_posted_whole(scene: Scene) -> None:
    voucher_id = new_id()
    scene.record(Transfer(scene.rich, scene.poor, 7, "pending", voucher_id=voucher_id))
    with scene.database.engine("bontri_api").begin() as connection:
        pending = lock_pending_transfers(connection, [voucher_id], authority_id=AUTHORITY_ID)
        assert [(transfer.points, transfer.voucher_id) for transfer in pending] == [(7, voucher_id)]
        end_pending_transfers(connection, pending, authority_id=AUTHORITY_ID, phase="post", now=scene.now)
    assert (scene.balance(scene.rich), scene.balance(scene.poor)) == ((3, 0), (7, 0))


def test_an_account_that_does_not_exist_is_refused(scene: Scene) -> None:
    scene.assert_refused(LookupError, Transfer(scene.issuing, new_id(), 1))
    # An account of another authority is one that does not exist.
    scene.assert_refused(LookupError, Transfer(scene.issuing, scene.poor, 1), authority_id=8)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"points": 0}, "ck_transfers_points_positive"),
        ({"points": -5}, "ck_transfers_points_positive"),
        ({"credit_account_id": "the debit account"}, "ck_transfers_two_accounts"),
        ({"phase": "post"}, "ck_transfers_endings_name_their_pending"),
        ({"phase": "single", "pending_id": new_id()}, "ck_transfers_endings_name_their_pending"),
        ({"phase": "maybe"}, "ck_transfers_phase_known"),
        ({"journal_no": 1}, "ck_transfers_event_identity_whole"),
        ({"withheld_points": -1}, "ck_transfers_withheld_points_not_negative"),
        ({"reason": "whim"}, "ck_transfers_reason_known"),
        ({"reason": "adjustment", "voucher_id": new_id()}, "ck_transfers_one_reason"),
        ({"voucher_id": new_id(), "cause_id": new_id()}, "ck_transfers_causes_have_a_reason"),
    ],
)
def test_a_transfer_that_is_none_is_refused_by_the_database(
    scene: Scene, change: dict[str, object], constraint: str
) -> None:
    facts: dict[str, object] = {
        "debit_account_id": scene.issuing,
        "credit_account_id": scene.poor,
        "points": 1,
        **change,
    }
    if facts["credit_account_id"] == "the debit account":
        facts["credit_account_id"] = scene.issuing
    before = scene.books()
    with pytest.raises(IntegrityError) as refusal:
        scene.record(Transfer(**facts))  # type: ignore[arg-type]
    assert violates(refusal.value, constraint)
    assert scene.books() == before


def test_a_transfer_without_a_reason_is_refused_by_the_database(scene: Scene) -> None:
    before = scene.books()
    transfers = [Transfer(scene.rich, scene.poor, 1)]
    with pytest.raises(IntegrityError) as refusal, scene.database.engine("bontri_api").begin() as connection:
        record_transfers(connection, transfers, authority_id=AUTHORITY_ID, now=scene.now)
    assert violates(refusal.value, "ck_transfers_one_reason")
    assert scene.books() == before


def test_the_same_transfer_id_cannot_be_used_twice(scene: Scene) -> None:
    [transfer_id] = scene.record(Transfer(scene.rich, scene.poor, 1))
    scene.assert_refused(IntegrityError, Transfer(scene.rich, scene.poor, 1, transfer_id=transfer_id))


def run_at_once(*works: Callable[[], object]) -> list[BaseException]:
    """Run every work in a thread of its own, all from one starting line; return what they raised."""
    failures: list[BaseException] = []
    line = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        line.wait(10)
        try:
            work()
        except (RewardsError, DBAPIError) as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return failures


def test_of_many_who_want_the_last_points_only_as_many_get_them_as_there_are(scene: Scene) -> None:
    failures = run_at_once(*[lambda: scene.record(Transfer(scene.rich, scene.poor, 3))] * 6)
    assert [type(failure) for failure in failures] == [OverdraftError] * 3
    assert (scene.balance(scene.rich), scene.balance(scene.poor)) == ((1, 0), (9, 0))


def test_of_many_who_end_one_pending_transfer_one_does(scene: Scene) -> None:
    [pending_id] = scene.record(Transfer(scene.rich, scene.poor, 7, "pending"))
    endings = [
        lambda phase=phase: scene.record(Transfer(scene.rich, scene.poor, 7, phase, pending_id=pending_id))
        for phase in ("post", "void") * 3
    ]
    failures = run_at_once(*endings)
    assert [type(failure) for failure in failures] == [PendingAlreadyEndedError] * 5
    assert verify(scene.database.engine("bontri_reader")).is_sound


UNSORTED = text(
    "UPDATE accounts SET credits_posted = credits_posted + 1"
    " WHERE authority_id = :authority_id AND account_id = :account_id"
)


def move_one_by_one(engine: Engine, account_ids: list[UUID], meet: threading.Barrier) -> None:
    """What writers without an order do: the first has A and wants B, the second has B and wants A."""
    with engine.begin() as connection:
        for account_id in account_ids:
            connection.execute(UNSORTED, {"authority_id": AUTHORITY_ID, "account_id": account_id})
            if account_id is account_ids[0]:
                meet.wait(10)


def test_control_two_writers_in_opposite_order_deadlock(scene: Scene) -> None:
    engine = scene.database.engine()
    meet = threading.Barrier(2)
    orders = [[scene.rich, scene.poor], [scene.poor, scene.rich]]
    failures = run_at_once(*[lambda order=order: move_one_by_one(engine, order, meet) for order in orders])
    [failure] = failures
    assert isinstance(failure, OperationalError)
    assert failure.orig.sqlstate == "40P01"


def test_batches_over_the_same_accounts_never_deadlock_whatever_order_they_name_them_in(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        accounts = [add_account(connection, "shop", now=scene.now) for _ in range(40)]
        # Sorts after all others: wanted first, it would let one writer in at a time.
        issuing = add_account(connection, "issuing", now=scene.now, account_id=UUID(int=2**128 - 1))
        analyse(connection)
    engine = scene.database.engine("bontri_ingest")
    rounds = 25

    def write(order: list[UUID]) -> None:
        for _ in range(rounds):
            with engine.begin() as connection:
                transfers = with_reasons(Transfer(issuing, account, 1) for account in order)
                record_transfers(connection, transfers, authority_id=AUTHORITY_ID, now=scene.now)

    orders = [accounts, accounts[::-1], accounts[::2] + accounts[1::2], accounts[20:] + accounts[:20]]
    assert run_at_once(*[lambda order=order: write(order) for order in orders]) == []
    assert {scene.balance(account)[0] for account in accounts} == {rounds * len(orders)}
    assert verify(scene.database.engine("bontri_reader")).is_sound


def test_the_ingest_locks_accounts_in_the_order_of_their_ids(scene: Scene, town_of_many_lots: list[UUID]) -> None:
    """One writer holds the lowest account; a second that wants all must then hold none of the higher ones."""
    lowest, *higher = sorted(town_of_many_lots)
    ingest = scene.database.engine("bontri_ingest")
    blocked = threading.Thread(
        target=lambda: run_at_once(
            lambda: record_with(ingest, scene, [Transfer(scene.issuing, account, 1) for account in (*higher, lowest)])
        )
    )
    with scene.database.engine().begin() as connection:
        connection.execute(text("SELECT 1 FROM accounts WHERE account_id = :id FOR UPDATE"), {"id": lowest})
        blocked.start()
        wait_until_somebody_waits(scene.database)
        free = connection.execute(
            text("SELECT account_id FROM accounts WHERE account_id = ANY(:ids) FOR UPDATE SKIP LOCKED"),
            {"ids": higher},
        )
        assert len(free.all()) == len(higher)
    blocked.join(30)
    assert not blocked.is_alive()
    assert scene.balance(lowest) == (1, 0)


def analyse(connection: Connection) -> None:
    """Tell the planner how few rows there are, as autovacuum soon does: unknowing, it hashes in any order."""
    connection.execute(text("ANALYZE accounts"))


def record_with(engine: Engine, scene: Scene, transfers: list[Transfer]) -> None:
    with engine.begin() as connection:
        record_transfers(connection, with_reasons(transfers), authority_id=AUTHORITY_ID, now=scene.now)


def wait_until_somebody_waits(database: Database) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    wait_until(lambda: scalar(database, waiting) == 1)


@pytest.fixture
def town_of_many_lots(scene: Scene) -> list[UUID]:
    """Accounts whose places on the disk are not in the order of their ids."""
    # All sort before the issuing account of the scene, which every transfer names too.
    ids = [UUID(int=number) for number in range(1, 31)]
    with scene.database.engine().begin() as connection:
        for account_id in ids[::-1]:
            add_account(connection, "shop", now=scene.now, account_id=account_id)
        analyse(connection)
    return ids
