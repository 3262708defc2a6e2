"""``bontri quarantine list`` and ``show``: what waits, by code and by message, and everything about one of them."""

import base64
import datetime
from collections import Counter
from collections.abc import Sequence
from typing import Any

import click

from bontri.json_output import as_json
from bontri.quarantine.desk import Desk, printable
from bontri.quarantine.refusals import MessageUnreadableError
from rewards.keyring import Keyring
from rewards.quarantine import (
    KeptEvent,
    KeptMessage,
    Selection,
    UndecryptableError,
    count_by_code,
    count_messages,
    count_overflows_by_code,
    list_messages,
    list_refused_events,
    read_payload,
)

HEADINGS = ("ID", "AUTHORITY", "BIN", "CODES", "TIMES", "FIRST RECEIVED", "LAST RECEIVED", "REPLAY")
NOTHING = "–"


def print_list(desk: Desk, selection: Selection, *, authority: str | None, limit: int, is_json: bool) -> None:
    """Print counts by code, then the messages last received first."""
    counts: Counter[str] = Counter()
    overflows: Counter[str] = Counter()
    total = 0
    messages: list[KeptMessage] = []
    since = selection.since.date() if selection.since else None
    for authority_id in desk.choose(authority).values():
        with desk.engine.connect() as connection:
            tenant = {"authority_id": authority_id}
            counts.update(count_by_code(connection, selection, **tenant))
            overflows.update(count_overflows_by_code(connection, **tenant, bin_id=selection.bin_id, since=since))
            total += count_messages(connection, selection, **tenant)
            messages += list_messages(connection, selection, authority_id=authority_id, limit=limit)
    messages.sort(key=lambda message: message.last_received_at, reverse=True)
    shown = messages[:limit]
    if is_json:
        rows = [facts_of(message, desk) for message in shown]
        summary = {"counts": dict(counts), "overflows": dict(overflows), "total": total, "messages": rows}
        click.echo(as_json(summary))
        return
    click.echo("By code: " + (as_words(counts) if counts else "nothing."))
    if overflows:
        click.echo(f"Above the bound, counted and not kept: {as_words(overflows)}")
    if shown:
        click.echo("\n" + as_table(HEADINGS, [row_of(message, desk) for message in shown]))
    if total > len(shown):
        click.echo(f"\n{len(shown)} of {total:,} messages; --limit shows more.")


def print_message(desk: Desk, id_digits: str, *, authority: str | None, keyring: Keyring | None, is_json: bool) -> None:
    """Print everything about one message; its bytes too when a keyring to read them with is given.

    Raises:
        OperatorRefusedError: there is no such message, or its bytes were stored under another key.
    """
    message = desk.get_message(id_digits, authority)
    with desk.engine.connect() as connection:
        events = list_refused_events(connection, message)
        payload = None
        if keyring is not None:
            try:
                payload = read_payload(connection, message, keyring=keyring)
            except UndecryptableError:
                raise MessageUnreadableError(message.short_id) from None
    if payload is not None:
        click.echo("The bytes may hold a badge: treat them as personal, and do not pass them on.", err=True)
    if is_json:
        facts = facts_of(message, desk) | {"events": [event_facts(event) for event in events]}
        if payload is not None:
            facts["payload"] = payload.decode(errors="backslashreplace")
            facts["payload_base64"] = base64.b64encode(payload).decode()
        click.echo(as_json(facts))
        return
    for name, value in facts_of(message, desk).items():
        words = ", ".join(value) if isinstance(value, list) else value
        words = as_second(words) if isinstance(words, datetime.datetime) else words
        click.echo(f"{name.replace('_', ' '):<22}{NOTHING if words in (None, '') else printable(str(words))}")
    if events:
        rows = [
            (event.journal, str(event.seq), event.code, "yes" if event.is_recorded else "no", printable(event.detail))
            for event in events
        ]
        click.echo("\n" + as_table(("JOURNAL", "SEQ", "CODE", "RECORDED SINCE", "DETAIL"), rows))
    if payload is not None:
        click.echo("\n" + "\n".join(printable(line) for line in payload.decode(errors="backslashreplace").split("\n")))


def facts_of(message: KeptMessage, desk: Desk) -> dict[str, Any]:
    """Return what is known of a message without its bytes."""
    return {
        "id": message.message_digest.hex(),
        "authority": desk.name_of(message.authority_id),
        "bin": message.bin_id,
        "topic": message.topic,
        "code": message.code,
        "codes": list(message.codes),
        "detail": message.detail,
        "times": message.times,
        "received_at": message.received_at,
        "last_received_at": message.last_received_at,
        "replay": message.state,
        "replay_requested_at": message.replay_requested_at,
        "replayed_at": message.replayed_at,
    }


def event_facts(event: KeptEvent) -> dict[str, Any]:
    """Return what is known of a refused event."""
    return {
        "journal": event.journal,
        "seq": event.seq,
        "code": event.code,
        "detail": event.detail,
        "is_recorded": event.is_recorded,
    }


def row_of(message: KeptMessage, desk: Desk) -> tuple[str, ...]:
    """Return the cells of a message in the list."""
    return (
        message.short_id,
        desk.name_of(message.authority_id),
        printable(message.bin_id or NOTHING),
        ",".join(message.codes) or NOTHING,
        str(message.times),
        as_second(message.received_at),
        as_second(message.last_received_at),
        message.state,
    )


def as_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay cells out in columns, two blanks apart."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (headings, *rows))
    return "\n".join(line.rstrip() for line in lines)


def as_words(counts: Counter[str]) -> str:
    """Write counts in a sentence, the most frequent first."""
    return ", ".join(f"{code} {times:,}" for code, times in counts.most_common()) + "."


def as_second(at: datetime.datetime) -> str:
    """Write an instant for reading, in UTC."""
    return f"{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%SZ}"
