"""Commands: published while they are open and in time, ended once, by the bin they were given to."""

import datetime
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from rewards.bins import revoke_bin
from rewards.command_retention import KEPT_FOR, MOST_AT_ONCE, prune_commands
from rewards.commands import (
    ANSWER_PATIENCE,
    CommandAnswer,
    ListedCommand,
    NewCommand,
    end_answered,
    end_expired,
    issue_command,
    issue_commands,
    list_commands,
)
from rewards.due_commands import REPEAT_AFTER, TAKE_DUE, DueCommand, make_due, take_due_commands
from rewards.keyring import Keyring
from tests.databases import Database
from tests.factories import Town, build_town

SECOND = datetime.timedelta(seconds=1)
HOUR = datetime.timedelta(hours=1)
Now = datetime.datetime


@pytest.fixture
def town(database: Database, keyring: Keyring) -> Town:
    with database.engine().begin() as connection:
        build_town(connection, keyring, authority_id=8, slug="elsewhere")
        return build_town(connection, keyring)


def give(connection: Connection, town: Town, now: Now, *, bin_no: int = 0) -> UUID:
    command_id = issue_command(
        connection, NewCommand(town.bin_ids[bin_no], "reboot", {}), authority_id=town.authority_id, now=now, valid=HOUR
    )
    assert command_id is not None
    return command_id


def take(connection: Connection, town: Town, now: Now) -> list[DueCommand]:
    return take_due_commands(connection, authority_id=town.authority_id, now=now, most=100)


def the_only(connection: Connection, town: Town) -> ListedCommand:
    [command] = list_commands(connection, authority_id=town.authority_id)
    return command


def test_a_fresh_command_is_due_at_once_and_again_after_half_a_minute(database: Database, town: Town, now: Now) -> None:
    with database.engine("bontri_ingest").begin() as connection:
        command_id = give(connection, town, now)
        [due] = take(connection, town, now)
        assert (due.command_id, due.bin_id, due.key_number, due.kind) == (command_id, town.bin_ids[0], 1, "reboot")
        assert (due.issued_at, due.expires_at) == (now, now + HOUR)
        assert take(connection, town, now + REPEAT_AFTER - SECOND) == []
        assert take(connection, town, now + REPEAT_AFTER) == [due]
        assert the_only(connection, town).times_sent == 2


def test_an_operator_can_give_a_command_and_not_take_one(database: Database, town: Town, now: Now) -> None:
    with database.engine("bontri_operator").begin() as connection:
        give(connection, town, now)
        assert the_only(connection, town).outcome is None
        with pytest.raises(Exception, match="permission denied"):
            take(connection, town, now)


def test_a_bin_that_comes_back_is_told_again_at_once(database: Database, town: Town, now: Now) -> None:
    with database.engine("bontri_ingest").begin() as connection:
        give(connection, town, now)
        give(connection, town, now, bin_no=1)
        assert len(take(connection, town, now)) == 2
        make_due(connection, [town.bin_ids[0]], authority_id=town.authority_id)
        assert [due.bin_id for due in take(connection, town, now + SECOND)] == [town.bin_ids[0]]


def test_a_command_past_its_time_is_not_published_and_ends_as_expired(database: Database, town: Town, now: Now) -> None:
    tenant = {"authority_id": town.authority_id}
    with database.engine("bontri_ingest").begin() as connection:
        give(connection, town, now)
        assert take(connection, town, now + HOUR) == []
        assert end_expired(connection, now=now + HOUR + ANSWER_PATIENCE - SECOND, **tenant) == 0
        ended_at = now + HOUR + ANSWER_PATIENCE
        assert end_expired(connection, now=ended_at, **tenant) == 1
        assert end_expired(connection, now=ended_at, **tenant) == 0
        command = the_only(connection, town)
        assert (command.outcome, command.ended_at, command.times_sent) == ("expired", ended_at, 0)


def test_control_without_the_expiry_a_late_command_would_be_sent(database: Database, town: Town, now: Now) -> None:
    guard = "c.expires_at > :now"
    assert guard in str(TAKE_DUE)
    unguarded = text(str(TAKE_DUE).replace(guard, "CAST(:now AS timestamptz) IS NOT NULL"))
    late = now + HOUR + SECOND
    with database.engine("bontri_ingest").begin() as connection:
        give(connection, town, now)
        parameters = {"authority_id": town.authority_id, "now": late, "sent_before": late, "most": 9}
        assert len(connection.execute(unguarded, parameters).all()) == 1
        assert connection.execute(TAKE_DUE, parameters).all() == []


def answer(connection: Connection, town: Town, command_id: UUID, now: Now, *, bin_no: int = 0, **fields: int) -> int:
    answers = [CommandAnswer(town.bin_ids[bin_no], command_id, "done")]
    return end_answered(connection, answers, authority_id=fields.get("authority_id", town.authority_id), now=now)


def test_the_first_answer_of_its_bin_ends_a_command(database: Database, town: Town, now: Now) -> None:
    with database.engine("bontri_ingest").begin() as connection:
        command_id = give(connection, town, now)
        assert answer(connection, town, command_id, now + SECOND) == 1
        assert take(connection, town, now + REPEAT_AFTER) == []
        assert answer(connection, town, command_id, now + HOUR) == 0
        refused = [CommandAnswer(town.bin_ids[0], command_id, "refused")]
        assert end_answered(connection, refused, authority_id=town.authority_id, now=now + HOUR) == 0
        assert (the_only(connection, town).outcome, the_only(connection, town).ended_at) == ("done", now + SECOND)


def test_neither_another_bin_nor_another_authority_can_end_a_command(database: Database, town: Town, now: Now) -> None:
    with database.engine("bontri_ingest").begin() as connection:
        command_id = give(connection, town, now)
        assert answer(connection, town, command_id, now, bin_no=1) == 0
        assert answer(connection, town, command_id, now, authority_id=8) == 0
        assert the_only(connection, town).outcome is None
        # The control: the very same answer from the bin itself.
        assert answer(connection, town, command_id, now) == 1


def test_a_revoked_bin_is_given_no_command_and_told_none_it_had(database: Database, town: Town, now: Now) -> None:
    tenant = {"authority_id": town.authority_id}
    with database.engine().begin() as connection:
        give(connection, town, now)
        assert revoke_bin(connection, town.bin_ids[0], **tenant)
    with database.engine("bontri_ingest").begin() as connection:
        assert take(connection, town, now) == []
        reboot = NewCommand(town.bin_ids[0], "reboot", {})
        assert issue_command(connection, reboot, now=now, valid=HOUR, **tenant) is None
        # The control: a bin at work is told.
        give(connection, town, now, bin_no=1)
        assert len(take(connection, town, now)) == 1


def test_a_bin_of_another_authority_cannot_be_given_a_command(database: Database, town: Town, now: Now) -> None:
    reboot = NewCommand(town.bin_ids[0], "reboot", {})
    with database.engine("bontri_operator").begin() as connection:
        assert issue_command(connection, reboot, authority_id=8, now=now, valid=HOUR) is None


def test_two_workers_share_what_is_due(database: Database, town: Town, now: Now) -> None:
    engine = database.engine("bontri_ingest")
    with engine.begin() as connection:
        given = {give(connection, town, now, bin_no=number % 2) for number in range(10)}
    with engine.begin() as one, engine.begin() as other:
        first = take_due_commands(one, authority_id=town.authority_id, now=now, most=4)
        rest = take(other, town, now)
    taken = [due.command_id for due in (*first, *rest)]
    assert (len(first), len(rest)) == (4, 6)
    assert set(taken) == given
    with engine.begin() as connection:
        assert take(connection, town, now + SECOND) == []


def test_control_workers_that_do_not_note_what_they_send_send_it_twice(
    database: Database, town: Town, now: Now
) -> None:
    parameters = {"authority_id": town.authority_id, "now": now, "sent_before": now - REPEAT_AFTER, "most": 9}
    engine = database.engine("bontri_ingest")
    with engine.begin() as connection:
        give(connection, town, now)
    for _ in range(2):
        with engine.begin() as connection:
            assert len(connection.execute(TAKE_DUE, parameters).all()) == 1


@pytest.mark.parametrize(("kind", "arguments"), [("resend", {"first": 1}), ("reboot", {"on": True})])
def test_a_command_with_other_arguments_than_its_own_cannot_be_given(kind: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=kind):
        NewCommand("BIN-1", kind, arguments)


def prune(database: Database, authority_id: int, now: Now) -> list[int]:
    """Prune as the command does; return how many went at each step."""
    steps: list[int] = []
    after: UUID | None = UUID(int=0)
    while after is not None:
        with database.engine("bontri_operator").begin() as connection:
            count, after = prune_commands(connection, authority_id=authority_id, now=now, after=after)
        steps.append(count)
    return steps


def test_a_command_goes_35_days_after_its_end_and_an_open_one_never(database: Database, town: Town, now: Now) -> None:
    with database.engine("bontri_ingest").begin() as connection:
        ended = give(connection, town, now)
        answer = CommandAnswer(town.bin_ids[0], ended, "done")
        assert end_answered(connection, [answer], authority_id=town.authority_id, now=now) == 1
        still_open = give(connection, town, now)
    assert prune(database, town.authority_id, now + KEPT_FOR) == [0]
    assert prune(database, 8, now + KEPT_FOR + SECOND) == [0]
    assert prune(database, town.authority_id, now + KEPT_FOR + SECOND) == [1, 0]
    with database.engine("bontri_reader").connect() as connection:
        assert the_only(connection, town).command_id == still_open


def test_many_commands_are_removed_in_bounded_transactions(database: Database, town: Town, now: Now) -> None:
    orders = [NewCommand(town.bin_ids[0], "reboot", {})] * (MOST_AT_ONCE + 5)
    with database.engine("bontri_ingest").begin() as connection:
        issue_commands(connection, orders, authority_id=town.authority_id, now=now, valid=HOUR)
        assert end_expired(connection, authority_id=town.authority_id, now=now + 2 * HOUR) == MOST_AT_ONCE + 5
    assert prune(database, town.authority_id, now + 2 * HOUR + KEPT_FOR + SECOND) == [MOST_AT_ONCE, 5, 0]


def test_two_prunes_at_once_remove_each_command_once(database: Database, town: Town, now: Now) -> None:
    with database.engine("bontri_ingest").begin() as connection:
        for _ in range(3):
            give(connection, town, now)
        end_expired(connection, authority_id=town.authority_id, now=now + 2 * HOUR)
    later = now + 2 * HOUR + KEPT_FOR + SECOND
    with ThreadPoolExecutor(1) as pool:
        with database.engine("bontri_operator").begin() as connection:
            count, _ = prune_commands(connection, authority_id=town.authority_id, now=later)
            other = pool.submit(prune, database, town.authority_id, later)
            wait([other], timeout=0.5)
            assert not other.done()
        assert (count, sum(other.result(10))) == (3, 0)
