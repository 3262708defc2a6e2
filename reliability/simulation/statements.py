"""What each statement of the ingest does to the stand-in tables, one function a statement, found by the text itself.

A statement that is new or renamed is missed loudly: the stand-in knows only what is listed here. That each does what
PostgreSQL does with the same parameters is tested side by side (``tests/integration/test_simulation_database.py``).
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import Select, TextClause

import rewards.badges
import rewards.bin_reports
import rewards.bins
import rewards.caps
import rewards.credits
import rewards.due_commands
import rewards.events
import rewards.journals
import rewards.ledger
import rewards.lots
import rewards.quarantine.bounding
import rewards.quarantine.storing
import rewards.rollups
from reliability.simulation.tables import Transaction, read_rows
from rewards.pipelining import sql_of

Parameters = Mapping[str, Any]

POISON_ITEMS = 199
"""A deposit of so many items stands for whatever the database refuses to store."""

POISON_BATTERY_PCT = 99
"""The same, in a status, which has no events that could be set aside on their own."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a statement gives back: rows (a count of them when it returns none)."""

    rows: Sequence[Any]
    count: int


def changed(count: int) -> Done:
    """Return the result of a statement that gives back no rows."""
    return Done((), count)


Work = Callable[[Transaction, Parameters], Done]
STATEMENTS: dict[str, tuple[str, Work]] = {}
"""What is known, by text: a name for the trace, and the work."""


def does(statement: TextClause, name: str) -> Callable[[Work], Work]:
    """Register the work of a statement."""

    def register(work: Work) -> Work:
        STATEMENTS[sql_of(statement)] = (name, work)
        return work

    return register


# --- who may speak, and what is decided ------------------------------------------------------------------------------


def select(tables: Transaction, statement: Select[Any]) -> Done:
    """Do one of the reads written with SQLAlchemy's ``select``; each compares one column with one value."""
    compared: Any = statement.whereclause
    name, value = compared.left.table.name, compared.right.value
    if name == "authorities":
        found = tables.find(name, (value,))
        return Done([as_row(found)] if found else [], int(found is not None))
    rows = [row for key, row in tables.scan(name) if key[0] == value]
    return Done([row["material"] for row in rows] if name == "materials" else [as_row(row) for row in rows], len(rows))


def as_row(row: Mapping[str, Any]) -> Any:
    """Return a row whose columns can be read by name and by place."""
    return row_class(tuple(row))(**row)


@lru_cache
def row_class(names: tuple[str, ...]) -> Callable[..., Any]:
    """Return the class of rows with these columns."""
    return namedtuple("Row", names)


@does(rewards.bins.FIND_BINS, "find_bins")
def find_bins(tables: Transaction, parameters: Parameters) -> Done:
    rows = []
    for wanted in read_rows(rewards.bins.WANTED, parameters):
        found = tables.find("bins", (parameters["authority_id"], wanted["bin_id"]))
        if found:
            rows.append(as_row({name: value for name, value in found.items() if name not in {"placed_at", "site_id"}}))
    return Done(rows, len(rows))


@does(rewards.bins.FIND_STAYS, "find_stays")
def find_stays(tables: Transaction, parameters: Parameters) -> Done:
    rows = []
    for wanted in read_rows(rewards.bins.WANTED, parameters):
        found = tables.find("bins", (parameters["authority_id"], wanted["bin_id"]))
        if found:
            stay = {"placed_at": found["placed_at"], "removed_at": None, "site_id": found["site_id"]}
            rows.append(as_row({"bin_id": wanted["bin_id"], **stay}))
    return Done(rows, len(rows))


# --- reports of bins -------------------------------------------------------------------------------------------------


@does(rewards.bin_reports.HEARD, "heard")
def note_heard(tables: Transaction, parameters: Parameters) -> Done:
    rows = sorted(read_rows(rewards.bin_reports.HEARD_COLUMNS, parameters), key=lambda row: row["bin_id"])
    for row in rows:
        key = (parameters["authority_id"], row["bin_id"])
        tables.lock("bin_reports", key)
        known = tables.find("bin_reports", key) or {"heard_at": row["heard_at"]}
        tables.put("bin_reports", key, {**known, "heard_at": max(known["heard_at"], row["heard_at"])})
    return changed(len(rows))


def note_report(kind: str, tables: Transaction, parameters: Parameters) -> Done:
    """Keep the newest report of a kind, by the bin's own counters."""
    columns = rewards.bin_reports.KINDS[kind][1]
    for row in sorted(read_rows(columns, parameters), key=lambda row: str(row["bin_id"])):
        if f'"battery_pct": {POISON_BATTERY_PCT}' in str(row.get("status")):
            raise psycopg.errors.UntranslatableCharacter("a status that cannot be stored")
        key = (parameters["authority_id"], row["bin_id"])
        tables.lock("bin_reports", key)
        known = tables.find("bin_reports", key)
        if known is not None and known.get(kind, (-1, -1)) < (row["boot"], row["n"]):
            tables.put("bin_reports", key, {**known, kind: (row["boot"], row["n"])})
    return changed(0)


@does(rewards.bin_reports.HELLO, "hello")
def note_hello(tables: Transaction, parameters: Parameters) -> Done:
    return note_report("hello", tables, parameters)


@does(rewards.bin_reports.STATUS, "status")
def note_status(tables: Transaction, parameters: Parameters) -> Done:
    return note_report("status", tables, parameters)


@does(rewards.due_commands.MAKE_DUE, "make_commands_due")
def make_commands_due(tables: Transaction, parameters: Parameters) -> Done:
    return changed(0)


# --- journals --------------------------------------------------------------------------------------------------------


@does(rewards.journals.FIND_JOURNALS, "find_journals")
def find_journals(tables: Transaction, parameters: Parameters) -> Done:
    rows = []
    for wanted in read_rows(rewards.journals.KEYS, parameters):
        found = tables.find("journal_keys", (parameters["authority_id"], wanted["bin_id"], wanted["journal"]))
        if found:
            rows.append((wanted["bin_id"], wanted["journal"], found["journal_no"]))
    return Done(rows, len(rows))


@does(rewards.journals.LOCK_NUMBERING, "lock_numbering")
def lock_numbering(tables: Transaction, parameters: Parameters) -> Done:
    tables.lock("numbering", (parameters["authority_id"],))
    return changed(0)


@does(rewards.journals.OPEN_JOURNALS, "open_journals")
def open_journals(tables: Transaction, parameters: Parameters) -> Done:
    authority_id = parameters["authority_id"]
    newest = max((key[1] for key, _ in tables.scan("bin_journals") if key[0] == authority_id), default=0)
    opened = 0
    for place, row in enumerate(read_rows(rewards.journals.OPENED, parameters), 1):
        key = (authority_id, row["bin_id"], row["journal"])
        if tables.insert("journal_keys", key, {"journal_no": newest + place}):
            opened += 1
            empty: frozenset[int] = frozenset()
            fresh = {"bin_id": row["bin_id"], "journal": row["journal"], "received": empty, "lost": empty}
            tables.insert_unique("bin_journals", (authority_id, newest + place), fresh)
    return changed(opened)


@does(rewards.journals.LOCK_JOURNALS, "lock_journals")
def lock_journals(tables: Transaction, parameters: Parameters) -> Done:
    for journal_no in sorted(parameters["journal_nos"]):
        tables.lock("bin_journals", (parameters["authority_id"], journal_no))
    return changed(len(parameters["journal_nos"]))


@does(rewards.journals.NOTE_HELD, "note_held")
def note_held(tables: Transaction, parameters: Parameters) -> Done:
    count = 0
    for row in read_rows(rewards.journals.HELD, parameters):
        key = (parameters["authority_id"], row["journal_no"])
        tables.lock("bin_journals", key)
        known = tables.find("bin_journals", key)
        if known is not None:
            gone = frozenset(range(1, row["oldest_held"])) - known["received"]
            tables.put("bin_journals", key, {**known, "lost": known["lost"] | gone})
            count += 1
    return changed(count)


@does(rewards.journals.ADD_RECEIVED, "add_received")
def add_received(tables: Transaction, parameters: Parameters) -> Done:
    rows = []
    for row in sorted(read_rows(rewards.journals.SETTLED, parameters), key=lambda row: int(row["journal_no"])):
        key = (parameters["authority_id"], row["journal_no"])
        tables.lock("bin_journals", key)
        known = tables.find("bin_journals", key)
        if known is None or (known["bin_id"], known["journal"]) != (row["bin_id"], row["journal"]):
            continue
        received = known["received"] | row["ranges"]
        lost = known["lost"] - row["ranges"]
        tables.put("bin_journals", key, {**known, "received": received, "lost": lost})
        ranges = list_ranges(received | lost)
        is_wide = len(ranges) > tables.tables.wide_ranges
        rows.append((row["journal_no"], ",".join(f"[{low},{high + 1})" for low, high in ranges), is_wide))
    return Done(rows, len(rows))


def list_ranges(numbers: frozenset[int]) -> list[tuple[int, int]]:
    """List the ranges of a set of numbers, ascending, both ends included."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


# --- events ----------------------------------------------------------------------------------------------------------


@does(rewards.events.INSERT_EVENTS, "insert_events")
def insert_events(tables: Transaction, parameters: Parameters) -> Done:
    authority_id, seen = parameters["authority_id"], tables.snapshot
    tables.insert_snapshot = seen
    rows = sorted(read_rows(rewards.events.COLUMNS, parameters), key=lambda row: (row["journal_no"], row["seq"]))
    wanted = [row for row in rows if not is_quarantined_otherwise(tables, authority_id, row)]
    inserted = []
    for row in wanted:
        if row["items"] == POISON_ITEMS:
            raise psycopg.errors.NumericValueOutOfRange("an event that cannot be stored")
        if tables.insert("events", (authority_id, row["journal_no"], row["seq"]), row):
            inserted.append((row["journal_no"], row["seq"]))
    return Done(inserted, len(inserted))


def is_quarantined_otherwise(tables: Transaction, authority_id: int, row: Mapping[str, Any]) -> bool:
    """Tell whether another content was quarantined under the number of an event."""
    number = (authority_id, row["journal_no"], row["seq"])
    return any(
        key[:3] == number
        and key[3] != row["content_digest"]
        and refused["code"] != "event_conflict"
        and tables.find("quarantined_events", key, as_of=tables.snapshot) is not None
        for key, refused in tables.scan("quarantined_events")
    )


@does(rewards.events.FIND_EVENTS, "find_events")
def find_events(tables: Transaction, parameters: Parameters) -> Done:
    rows = []
    as_of = tables.insert_snapshot if tables.tables.compares_inside_insert else None
    for row in read_rows(rewards.events.IDENTITIES, parameters):
        key = (parameters["authority_id"], row["journal_no"], row["seq"])
        stored = tables.find("events", key, as_of=as_of)
        if stored is None:
            continue
        transfer, capped = tables.find("transfers", key) or {}, tables.find("capped_deposits", key) or {}
        withheld = transfer.get("withheld_points")
        rows.append(
            as_row(
                {
                    "journal_no": row["journal_no"],
                    "seq": row["seq"],
                    "content_digest": stored["content_digest"],
                    "points": transfer.get("points", 0),
                    "withheld_points": capped.get("withheld_points", 0) if withheld is None else withheld,
                }
            )
        )
    return Done(rows, len(rows))


# --- whose points, within which caps ---------------------------------------------------------------------------------


@does(rewards.badges.FIND_HOLDERS, "find_holders")
def find_holders(tables: Transaction, parameters: Parameters) -> Done:
    rows = []
    for wanted in read_rows(rewards.badges.DIGESTS, parameters):
        holder = tables.find("holders", (parameters["authority_id"], wanted["badge_digest"]))
        if holder:
            lot = tables.find("lots", (parameters["authority_id"], holder["wallet_id"], parameters["lot_month"]))
            lot_account_id = lot["account_id"] if lot else None
            rows.append((wanted["badge_digest"], holder["citizen_id"], holder["wallet_id"], lot_account_id))
    return Done(rows, len(rows))


@does(rewards.lots.LINK_LOTS, "link_lots")
def link_lots(tables: Transaction, parameters: Parameters) -> Done:
    linked = []
    for row in sorted(read_rows(rewards.lots.LINKS, parameters), key=lambda row: str(row["wallet_id"])):
        # Not the identifier drawn by the caller: accounts are locked in the order of theirs, which must be repeatable.
        account_id = f"lot-{row['wallet_id']}-{parameters['lot_month']}"
        key = (parameters["authority_id"], row["wallet_id"], parameters["lot_month"])
        if tables.insert("lots", key, {"account_id": account_id}):
            linked.append(account_id)
    return Done(linked, len(linked))


@does(rewards.lots.CREATE_LOTS, "create_lots")
def create_lots(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.lots.ACCOUNTS, parameters)
    for row in rows:
        tables.insert_unique("accounts", (parameters["authority_id"], row["account_id"]), {"debits": 0, "credits": 0})
    return changed(len(rows))


@does(rewards.lots.FIND_LOTS, "find_lots")
def find_lots(tables: Transaction, parameters: Parameters) -> Done:
    rows = []
    for row in read_rows(rewards.lots.WALLETS, parameters):
        lot = tables.find("lots", (parameters["authority_id"], row["wallet_id"], parameters["lot_month"]))
        rows.append((row["wallet_id"], lot["account_id"] if lot else None))
    return Done(rows, len(rows))


@does(rewards.caps.GRANT, "grant")
def grant(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.caps.DEMANDS, parameters)
    granted = []
    for row in sorted(rows, key=lambda row: (row["citizen_id"], row["period"], row["starts_on"])):
        period = (row["citizen_id"], row["period"], row["starts_on"])
        key = (parameters["authority_id"], *period)
        tables.lock("cap_usages", key)
        used = (tables.find("cap_usages", key) or {"used_points": 0})["used_points"]
        points = max(0, min(row["cap"] - used, row["points"]))
        tables.put("cap_usages", key, {"used_points": used + points})
        granted.append((*period, points))
    return Done(granted, len(granted))


# --- the ledger and the daily figures --------------------------------------------------------------------------------


@does(rewards.ledger.INSERT_TRANSFERS, "insert_transfers")
def insert_transfers(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.ledger.TRANSFER_COLUMNS, parameters)
    for row in rows:
        tables.insert_unique("transfers", (parameters["authority_id"], row["journal_no"], row["seq"]), row)
    return changed(len(rows))


@does(rewards.credits.INSERT_CAPPED, "insert_capped")
def insert_capped(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.credits.CAPPED, parameters)
    for row in rows:
        tables.insert_unique("capped_deposits", (parameters["authority_id"], row["journal_no"], row["seq"]), row)
    return changed(len(rows))


@does(rewards.ledger.MOVE_COUNTERS, "move_counters")
def move_counters(tables: Transaction, parameters: Parameters) -> Done:
    count = 0
    for row in sorted(read_rows(rewards.ledger.MOVED, parameters), key=lambda row: str(row["account_id"])):
        key = (parameters["authority_id"], row["account_id"])
        tables.lock("accounts", key)
        known = tables.find("accounts", key)
        if known is not None:
            debits, credits = known["debits"] + row["debits_posted"], known["credits"] + row["credits_posted"]
            tables.put("accounts", key, {"debits": debits, "credits": credits})
            count += 1
    return changed(count)


@does(rewards.rollups.ADD_TO_ROLLUPS, "add_to_rollups")
def add_to_rollups(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.rollups.COLUMNS, parameters)
    for row in sorted(rows, key=lambda row: (row["day"], row["bin_id"], row["site_id"], row["material"])):
        key = (parameters["authority_id"], row["day"], row["bin_id"], row["site_id"], row["material"])
        tables.lock("daily_deposits", key)
        known = tables.find("daily_deposits", key) or dict.fromkeys(rewards.rollups.COUNTERS, 0)
        tables.put("daily_deposits", key, {name: known[name] + row[name] for name in rewards.rollups.COUNTERS})
    return changed(len(rows))


# --- quarantine ------------------------------------------------------------------------------------------------------


@does(rewards.quarantine.bounding.FIND_KEPT, "find_kept")
def find_kept(tables: Transaction, parameters: Parameters) -> Done:
    bounding = rewards.quarantine.bounding
    names = ("message_digest", "bin_id", "day", "kept")
    rows = [
        as_row(dict(zip(names, (None, row["bin_id"], row["day"], 0), strict=True)))
        for row in read_rows(bounding.DAYS, parameters)
    ]
    for row in read_rows(bounding.DIGESTS, parameters):
        if tables.find("quarantined_messages", (parameters["authority_id"], row["message_digest"])):
            rows.append(as_row(dict(zip(names, (row["message_digest"], None, None, None), strict=True))))
    return Done(rows, len(rows))


@does(rewards.quarantine.storing.STORE_COPIES, "store_refused")
def store_refused(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.quarantine.storing.MESSAGES, parameters)
    for row in sorted(rows, key=lambda row: bytes(row["message_digest"])):
        key = (parameters["authority_id"], row["message_digest"])
        tables.lock("quarantined_messages", key)
        known = tables.find("quarantined_messages", key) or {"times": 0}
        tables.put("quarantined_messages", key, {"code": row["code"], "times": known["times"] + row["times"]})
    return changed(len(rows))


@does(rewards.quarantine.storing.INSERT_EVENTS, "store_refused_events")
def store_refused_events(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.quarantine.storing.EVENTS, parameters)
    for row in sorted(rows, key=lambda row: (row["journal_no"], row["seq"], row["content_digest"])):
        number = (parameters["authority_id"], row["journal_no"], row["seq"])
        key = (*number, row["content_digest"])
        tables.lock("quarantined_events", key)
        known = tables.find("quarantined_events", key)
        keeps = known is not None and "event_conflict" in {known["code"], row["code"]}
        code = known["code"] if known is not None and keeps else row["code"]
        tables.put("quarantined_events", key, {"code": code})
    return changed(len(rows))
