"""Statements about journals and what is settled of them."""

import rewards.journals
from reliability.simulation.statements.registry import Done, Parameters, changed, does
from reliability.simulation.tables import Transaction, read_rows


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
