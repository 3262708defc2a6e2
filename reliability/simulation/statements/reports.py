"""Statements about what bins report of themselves."""

import psycopg

import rewards.bin_days
import rewards.bin_reports
import rewards.due_commands
from reliability.simulation.statements.registry import POISON_BATTERY_PCT, Done, Parameters, changed, does
from reliability.simulation.tables import Transaction, read_rows


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


@does(rewards.bin_days.NOTE_BIN_DAYS, "note_bin_days")
def note_bin_days(tables: Transaction, parameters: Parameters) -> Done:
    rows = sorted(read_rows(rewards.bin_days.COLUMNS, parameters), key=lambda row: (str(row["day"]), row["bin_id"]))
    for row in rows:
        key = (parameters["authority_id"], row["day"], row["bin_id"])
        tables.lock("bin_days", key)
        known = tables.find("bin_days", key) or {"heard_hours": 0, "told_hours": 0, "full_hours": 0, "fill_at": ""}
        day = {name: known[name] | row[name] for name in ("heard_hours", "told_hours", "full_hours")}
        newest = max((known, row), key=lambda each: str(each["fill_at"] or ""))
        tables.put("bin_days", key, {**day, "fill_pct": newest.get("fill_pct"), "fill_at": newest["fill_at"]})
    return changed(len(rows))


@does(rewards.due_commands.MAKE_DUE, "make_commands_due")
def make_commands_due(tables: Transaction, parameters: Parameters) -> Done:
    return changed(0)
