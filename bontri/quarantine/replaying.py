"""``bontri quarantine replay``: ask the workers, wait while they are at it, and tell what came of it."""

import datetime
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bontri.json_output import as_json
from bontri.quarantine.desk import Desk
from rewards.quarantine import Selection, count_outcomes, count_requested, request_replay, request_replay_of

PATIENCE_S = 15.0
LOOKED_AT_EVERY_S = 0.2


@dataclass(slots=True)
class Request:
    """What was asked for at one instant: the messages by authority."""

    requested_at: datetime.datetime
    digests: dict[int, list[bytes]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many messages."""
        return sum(map(len, self.digests.values()))


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of a request."""

    requested: int
    recorded: int
    refused: Counter[str]
    waiting: int


def request_messages(desk: Desk, id_digits: Sequence[str], *, authority: str | None, now: datetime.datetime) -> Request:
    """Request the replay of messages by id; none of them when one of the ids is wrong."""
    request = Request(now)
    for message in [desk.get_message(each, authority) for each in id_digits]:
        request.digests.setdefault(message.authority_id, []).append(message.message_digest)
    for authority_id, digests in request.digests.items():
        with desk.engine.begin() as connection:
            request.digests[authority_id] = request_replay_of(connection, digests, authority_id=authority_id, now=now)
    return request


def request_selected(desk: Desk, selection: Selection, *, authority: str | None, now: datetime.datetime) -> Request:
    """Request the replay of whatever waits and is selected, some thousands in a transaction."""
    request = Request(now)
    for authority_id in desk.choose(authority).values():
        while True:
            with desk.engine.begin() as connection:
                digests = request_replay(connection, selection, authority_id=authority_id, now=now)
            if not digests:
                break
            request.digests.setdefault(authority_id, []).extend(digests)
    return request


def wait_for_workers(
    desk: Desk,
    request: Request,
    *,
    on_progress: Callable[[int], object],
    patience_s: float,
) -> bool:
    """Return True once nothing requested is left, False when nothing has moved for ``patience_s``."""
    left = request.count
    moved_at_s = time.monotonic()
    while left:
        now_left = sum(
            count_left(desk, authority_id, requested_at=request.requested_at) for authority_id in request.digests
        )
        on_progress(request.count - now_left)
        if now_left < left:
            left, moved_at_s = now_left, time.monotonic()
        elif time.monotonic() - moved_at_s >= patience_s:
            return False
        if left:
            time.sleep(LOOKED_AT_EVERY_S)
    return True


def count_left(desk: Desk, authority_id: int, *, requested_at: datetime.datetime) -> int:
    """Count what one authority's request still waits for."""
    with desk.engine.connect() as connection:
        return count_requested(connection, requested_at=requested_at, authority_id=authority_id)


def read_outcomes(desk: Desk, request: Request) -> Outcomes:
    """Read what became of a request."""
    recorded, waiting, refused = 0, 0, Counter[str]()
    for authority_id, digests in request.digests.items():
        with desk.engine.connect() as connection:
            outcomes = count_outcomes(connection, digests, authority_id=authority_id)
        for (outcome, code), times in outcomes.items():
            recorded += times if outcome == "recorded" else 0
            waiting += times if outcome == "waiting" else 0
            if outcome == "refused":
                refused[code] += times
    return Outcomes(request.count, recorded, refused, waiting)


def wait_with_a_bar(desk: Desk, request: Request, *, is_quiet: bool) -> bool:
    """Wait for the workers behind a progress bar on standard error, if there is anything to wait for."""
    if not request.count:
        return True
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=is_quiet) as progress:
        task = progress.add_task("replayed", total=request.count)
        return wait_for_workers(
            desk, request, on_progress=lambda done: progress.update(task, completed=done), patience_s=PATIENCE_S
        )


def print_outcomes(outcomes: Outcomes, *, is_json: bool) -> None:
    """Print what became of a request."""
    if is_json:
        facts: dict[str, Any] = {
            "requested": outcomes.requested,
            "recorded": outcomes.recorded,
            "refused": dict(outcomes.refused),
            "waiting": outcomes.waiting,
        }
        click.echo(as_json(facts))
        return
    refused = ", ".join(f"{code} {times:,}" for code, times in outcomes.refused.most_common())
    click.echo(f"{outcomes.requested:,} requested: {outcomes.recorded:,} recorded,", nl=False)
    click.echo(f" {outcomes.refused.total():,} refused again" + (f" ({refused})" if refused else ""), nl=False)
    click.echo(f", {outcomes.waiting:,} waiting.")
