"""Bin journals: which sequence numbers are settled, which are missing, which can never come.

What is settled is kept as one ``int8multirange`` per journal; gaps, the watermark and the receipt come from it.
"""

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.pipelining import Row, Write

JournalKey = tuple[str, str]
"""(bin_id, journal)."""

SeqRange = tuple[int, int]
"""First and last sequence number, both included."""

KEYS = Columns(bin_id="text", journal="text")
FIND_JOURNALS = text(f"""
    SELECT t.bin_id, t.journal, j.journal_no FROM {KEYS.unnest("t")}
     CROSS JOIN LATERAL (SELECT j.journal_no FROM bin_journals j
                          WHERE j.authority_id = :authority_id AND j.bin_id = t.bin_id AND j.journal = t.journal
                         OFFSET 0) AS j
""")

FIND_NEWEST = text("""
    SELECT journal FROM bin_journals WHERE authority_id = :authority_id AND bin_id = :bin_id
     ORDER BY created_at DESC, journal_no DESC LIMIT 1
""")

# Numbers are given out one authority at a time, under its advisory lock: journals are rare.
LOCK_NUMBERING = text("SELECT pg_advisory_xact_lock(7106002, :authority_id)")
OPENED = Columns(bin_id="text", journal="text", place="integer", heard_at="timestamptz")
OPEN_JOURNALS = text(f"""
    INSERT INTO bin_journals (authority_id, journal_no, bin_id, journal, created_at)
    SELECT :authority_id,
           (SELECT coalesce(max(journal_no), 0) FROM bin_journals WHERE authority_id = :authority_id)
             + row_number() OVER (ORDER BY t.place), t.bin_id, t.journal, t.heard_at
      FROM {OPENED.unnest("t")}
    ON CONFLICT (authority_id, bin_id, journal) DO NOTHING
""")

MOST_RANGES = 51
"""Settled ranges read of a journal with many gaps: what a receipt can tell."""

WIDE_RANGES = 1000
"""More open ranges than this make a journal wide: an alarm, and its receipts come seldom."""

NARROW_BYTES = 1000
"""Size of a multirange of about 60 ranges, all of which are read at once; measured faster than to count them."""

SETTLED = Columns(journal_no="integer", bin_id="text", journal="text", ranges="int8multirange", heard_at="timestamptz")
# Bin and journal are compared as well: a number that was remembered may stand for another journal once the database
# has lost its newest transactions, and a row that is not found undoes the whole batch.
ADD_RECEIVED = text(f"""
    UPDATE bin_journals j
       SET received = j.received + r.ranges, last_received_at = GREATEST(j.last_received_at, r.heard_at),
           lost = CASE WHEN isempty(j.lost) THEN j.lost ELSE j.lost - r.ranges END
      FROM (SELECT * FROM {SETTLED.unnest("t")} ORDER BY journal_no) AS r
     WHERE j.authority_id = :authority_id AND j.journal_no = r.journal_no
       AND j.bin_id = r.bin_id AND j.journal = r.journal
    RETURNING j.journal_no,
              CASE WHEN pg_column_size(j.received) + pg_column_size(j.lost) < {NARROW_BYTES}
                   THEN trim(both '{{}}' from CAST(j.received + j.lost AS text))
                   ELSE (SELECT string_agg(CAST(r.settled AS text), ',')
                           FROM (SELECT unnest(j.received + j.lost) AS settled LIMIT {MOST_RANGES}) AS r) END,
              CASE WHEN pg_column_size(j.received) + pg_column_size(j.lost) < {NARROW_BYTES} THEN false
                   ELSE (SELECT count(*) > {WIDE_RANGES}
                           FROM (SELECT unnest(j.received + j.lost) LIMIT {WIDE_RANGES + 1}) AS r) END
""")

MOST_LOST_AT_ONCE = 1_000_000
"""A hello that would have more lost above the highest known number is a mistake of the bin, and settles nothing, since
that could not be taken back. A bin's storage holds a tenth of it."""

HELD = Columns(journal_no="integer", next_seq="bigint", oldest_held="bigint")
NOTE_HELD = text(f"""
    UPDATE bin_journals j
       SET next_seq = GREATEST(j.next_seq, h.next_seq), oldest_held = GREATEST(j.oldest_held, h.oldest_held),
           lost = CASE WHEN h.oldest_held > 1
                        AND h.oldest_held - {MOST_LOST_AT_ONCE} <= coalesce(upper(j.received + j.lost), 1)
                       THEN j.lost + (int8multirange(int8range(1, h.oldest_held)) - j.received) ELSE j.lost END
      FROM (SELECT * FROM {HELD.unnest("t")} ORDER BY journal_no) AS h
     WHERE j.authority_id = :authority_id AND j.journal_no = h.journal_no
""")


# Hellos and events are two statements over two sets of journals: locked first, all in one order.
LOCK_JOURNALS = text("""
    SELECT journal_no FROM bin_journals
     WHERE authority_id = :authority_id AND journal_no = ANY(CAST(:journal_nos AS integer[]))
     ORDER BY journal_no FOR NO KEY UPDATE
""")


@dataclass(slots=True)
class Settled:
    """What is settled of a journal: its lowest ranges, ascending, at least ``MOST_RANGES`` where there are as many."""

    ranges: list[SeqRange]
    is_wide: bool


@dataclass(frozen=True, slots=True)
class Held:
    """What a hello says of a journal: the next number it will give, the oldest event it still holds."""

    next_seq: int
    oldest_held: int


@dataclass(slots=True)
class JournalNote:
    """What a batch says of one journal: when it spoke last, which numbers are settled, what the bin still holds."""

    key: JournalKey
    heard_at: datetime.datetime
    seqs: list[int] = field(default_factory=list)
    held: Held | None = None


def open_journals(
    connection: Connection, heard_at: Mapping[JournalKey, datetime.datetime], *, authority_id: int
) -> dict[JournalKey, int]:
    """Return the number of each journal, registering those seen for the first time in the order given.

    Numbers stay for ever, but for a restore of the database.
    """
    if not heard_at:
        return {}
    found = find_journals(connection, heard_at, authority_id=authority_id)
    missing = [key for key in heard_at if key not in found]
    if not missing:
        return found
    connection.execute(LOCK_NUMBERING, {"authority_id": authority_id})
    bin_ids, journals = zip(*missing, strict=True)
    columns = OPENED.bind(
        bin_id=bin_ids,
        journal=journals,
        place=range(len(missing)),
        heard_at=[heard_at[key] for key in missing],
    )
    connection.execute(OPEN_JOURNALS, {"authority_id": authority_id, **columns})
    return found | find_journals(connection, missing, authority_id=authority_id)


def find_journals(connection: Connection, keys: Collection[JournalKey], *, authority_id: int) -> dict[JournalKey, int]:
    """Find the numbers of journals already registered."""
    bin_ids, journals = zip(*keys, strict=True)
    rows = connection.execute(
        FIND_JOURNALS, {"authority_id": authority_id, **KEYS.bind(bin_id=bin_ids, journal=journals)}
    ).all()
    return {(bin_id, journal): journal_no for bin_id, journal, journal_no in rows}


def find_newest_journal(connection: Connection, bin_id: str, *, authority_id: int) -> str | None:
    """Find the journal a bin opened last; None while it has none."""
    journal: str | None = connection.scalar(FIND_NEWEST, {"authority_id": authority_id, "bin_id": bin_id})
    return journal


def plan_journals(notes: Mapping[int, JournalNote], *, authority_id: int) -> list[Write]:
    """Return the writes to journals, by their number; the last gives back what :func:`read_settled` reads.

    A journal without settled numbers is only read. Missing numbers below the oldest held are lost. Lost ranges count
    as settled, and are lost no longer when they come after all.
    """
    if not notes:
        return []
    columns = SETTLED.bind(
        journal_no=notes,
        bin_id=[note.key[0] for note in notes.values()],
        journal=[note.key[1] for note in notes.values()],
        ranges=[as_multirange(note.seqs) for note in notes.values()],
        heard_at=[note.heard_at for note in notes.values()],
    )
    received = Write(ADD_RECEIVED, {"authority_id": authority_id, **columns}, rows=len(notes))
    held = {journal_no: note.held for journal_no, note in notes.items() if note.held}
    if not held:
        return [received]
    lock = Write(LOCK_JOURNALS, {"authority_id": authority_id, "journal_nos": list(notes)})
    return [lock, plan_held(held, authority_id=authority_id), received]


def read_settled(rows: Iterable[Row]) -> dict[int, Settled]:
    """Return what is settled of each journal that was written."""
    return {journal_no: Settled(parse_ranges(settled), is_wide) for journal_no, settled, is_wide in rows}


def plan_held(held: Mapping[int, Held], *, authority_id: int) -> Write:
    """Return the write that stores what bins still hold; an older hello, or a late one, takes nothing back."""
    columns = HELD.bind(
        journal_no=held,
        next_seq=[each.next_seq for each in held.values()],
        oldest_held=[each.oldest_held for each in held.values()],
    )
    return Write(NOTE_HELD, {"authority_id": authority_id, **columns}, rows=len(held))


def as_multirange(numbers: Sequence[int]) -> str:
    """Write sequence numbers as an ``int8multirange`` literal, neighbours merged."""
    if len(numbers) == 1:
        return f"{{[{numbers[0]},{numbers[0] + 1})}}"
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number <= ranges[-1][1]:
            ranges[-1][1] = max(ranges[-1][1], number + 1)
        else:
            ranges.append([number, number + 1])
    return "{" + ",".join(f"[{low},{high})" for low, high in ranges) + "}"


def parse_ranges(literal: str | None) -> list[SeqRange]:
    """Read ``int8range`` literals in a row as PostgreSQL writes them: canonical, ascending, ``[low,high)``."""
    if not literal:
        return []
    ranges = []
    for part in literal[1:-1].split("),["):
        low, _, high = part.partition(",")
        ranges.append((int(low), int(high) - 1))
    return ranges
