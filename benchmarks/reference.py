"""The frozen reference: the same rows as the ingest writes, by the same five steps in set-wise SQL alone.

One writer, batches of 1,000, pipelined, arrays prepared before the clock starts: no broker, no signature, no decoding,
no decision. It is what a perfect client could make of this database design on this machine, and is **never made
slower**: statements here are copies on purpose and do not follow changes of ``rewards/``.
"""

import datetime
import random
import time
import uuid
from collections import defaultdict
from typing import Any

import psycopg
from uuid_utils.compat import uuid7

from benchmarks.town import ANONYMOUS_SHARE, AUTHORITY_ID, DAY_CAP_POINTS

BATCH_EVENTS = 1000

EVENTS = """
    INSERT INTO events (authority_id, recorded_at, journal_no, seq, type, bin_id, site_id, material, items, occurred_at,
                        is_estimated, received_at, content_digest)
    SELECT 1, %(now)s, t.journal_no, t.seq, 'deposit', t.bin_id, t.site_id, 'glass', t.items, %(now)s, false, %(now)s,
           t.digest
      FROM unnest(%(journal_no)s::integer[], %(seq)s::bigint[], %(bin_id)s::text[], %(site_id)s::uuid[],
                  %(items)s::smallint[], %(digest)s::bytea[]) AS t(journal_no, seq, bin_id, site_id, items, digest)
     ORDER BY journal_no, seq
    ON CONFLICT (authority_id, journal_no, seq) DO NOTHING
    RETURNING journal_no, seq
"""
CAPS = """
    INSERT INTO cap_usages AS u (authority_id, citizen_id, period, starts_on, cap_points, used_points, last_granted)
    SELECT 1, t.citizen_id, 'day', %(day)s, %(cap)s, t.points, t.points
      FROM unnest(%(citizen_id)s::uuid[], %(points)s::integer[]) AS t(citizen_id, points) ORDER BY t.citizen_id
    ON CONFLICT (authority_id, citizen_id, period, starts_on) DO UPDATE
       SET last_granted = GREATEST(0, LEAST(excluded.cap_points - u.used_points, excluded.used_points)),
           used_points = u.used_points + GREATEST(0, LEAST(excluded.cap_points - u.used_points, excluded.used_points))
    RETURNING citizen_id, last_granted
"""
TRANSFERS = """
    INSERT INTO transfers (authority_id, recorded_at, transfer_id, phase, debit_account_id, credit_account_id, points,
                           journal_no, seq, tariff_line_id, withheld_points)
    SELECT 1, %(now)s, t.transfer_id, 'single', t.debit, t.credit, t.points, t.journal_no, t.seq, %(line)s, 0
      FROM unnest(%(transfer_id)s::uuid[], %(debit)s::uuid[], %(credit)s::uuid[], %(points)s::bigint[],
                  %(journal_no)s::integer[], %(seq)s::bigint[])
           AS t(transfer_id, debit, credit, points, journal_no, seq)
"""
LOTS = """
    UPDATE accounts a SET credits_posted = a.credits_posted + m.points
      FROM (SELECT * FROM unnest(%(account_id)s::uuid[], %(points)s::bigint[]) AS u(account_id, points)
             ORDER BY account_id) AS m
     WHERE a.authority_id = 1 AND a.account_id = m.account_id
"""
BINS = LOTS.replace("credits_posted", "debits_posted")
JOURNALS = """
    UPDATE bin_journals j SET received = j.received + r.ranges
      FROM (SELECT * FROM unnest(%(journal_no)s::integer[], %(ranges)s::int8multirange[]) AS t(journal_no, ranges)
             ORDER BY journal_no) AS r
     WHERE j.authority_id = 1 AND j.journal_no = r.journal_no
    RETURNING j.journal_no, (j.received + j.lost)::text
"""
ROLLUPS = """
    INSERT INTO daily_deposits AS d (authority_id, day, bin_id, site_id, material, deposits, credited_deposits, items,
                                     mass_g, refused, points)
    SELECT 1, %(day)s, t.bin_id, t.site_id, 'glass', t.deposits, t.deposits, t.items, 0, 0, t.items
      FROM unnest(%(bin_id)s::text[], %(site_id)s::uuid[], %(deposits)s::bigint[], %(items)s::bigint[])
           AS t(bin_id, site_id, deposits, items)
     ORDER BY t.bin_id, t.site_id
    ON CONFLICT (authority_id, day, bin_id, site_id, material) DO UPDATE
       SET deposits = d.deposits + excluded.deposits, credited_deposits = d.credited_deposits + excluded.deposits,
           items = d.items + excluded.items, points = d.points + excluded.points
"""
SETTINGS = "SET random_page_cost = 1.1; SET enable_seqscan = off; SET jit = off"


Batch = list[tuple[str, dict[str, Any]]]
"""One transaction: statements with their parameters, arrays written out as literals."""


def written(statements: Batch) -> Batch:
    """Write lists as array literals now, so that the clock sees SQL alone and not the driver."""
    return [
        (statement, {name: array(value) if isinstance(value, list) else value for name, value in parameters.items()})
        for statement, parameters in statements
    ]


def array(values: list[Any]) -> str:
    """Write an array literal."""
    quoted = (f'"\\\\x{value.hex()}"' if isinstance(value, bytes) else f'"{value}"' for value in values)
    return "{" + ",".join(quoted) + "}"


class Reference:
    """Writes batches of prepared rows into a database of its own."""

    def __init__(self, conninfo: str, *, seed: int) -> None:
        self._connection = psycopg.connect(conninfo, autocommit=False)
        self._random = random.Random(seed)
        self._seq: defaultdict[int, int] = defaultdict(int)
        self._day = datetime.datetime.now(datetime.UTC).date()
        with self._connection.cursor() as cursor:
            cursor.execute(SETTINGS)
            self._bins = cursor.execute(
                "SELECT b.bin_id, p.site_id, b.issuing_account_id"
                " FROM bins b JOIN placements p USING (authority_id, bin_id)"
                " WHERE b.authority_id = 1 ORDER BY bin_id"
            ).fetchall()
            citizens = cursor.execute("SELECT citizen_id, wallet_id FROM citizens WHERE authority_id = 1").fetchall()
            line = cursor.execute("SELECT tariff_line_id FROM tariff_lines").fetchone()
            self._line: uuid.UUID | None = line[0] if line else None
            self._holders = [(citizen_id, self._open_lot(cursor, wallet_id)) for citizen_id, wallet_id in citizens]
            for number, (bin_id, _, _) in enumerate(self._bins, 1):
                cursor.execute(
                    "INSERT INTO bin_journals (authority_id, journal_no, bin_id, journal, created_at)"
                    " VALUES (1, %s, %s, %s, now())",
                    [number, bin_id, f"{number:032x}"],
                )
        self._connection.commit()

    def _open_lot(self, cursor: psycopg.Cursor[Any], wallet_id: uuid.UUID) -> uuid.UUID:
        account_id = uuid7()
        month = self._day.replace(day=1)
        cursor.execute(
            "INSERT INTO accounts (authority_id, account_id, kind, expires_on, created_at)"
            " VALUES (1, %s, 'lot', '2028-12-01', now())",
            [account_id],
        )
        cursor.execute("INSERT INTO wallet_accounts VALUES (1, %s, %s, %s)", [account_id, wallet_id, month])
        return account_id

    def prepare(self, events: int) -> list[Batch]:
        """Make the arrays of ``events`` deposits, the bins taking turns as in the messages of the other pipelines."""
        return [
            self._prepare_batch(start, min(BATCH_EVENTS, events - start)) for start in range(0, events, BATCH_EVENTS)
        ]

    def _prepare_batch(self, start: int, count: int) -> Batch:
        now = datetime.datetime.now(datetime.UTC)
        bins, items, journals, seqs, holders = [], [], [], [], []
        for number in range(start, start + count):
            index = number % len(self._bins)
            self._seq[index] += 1
            bins.append(self._bins[index])
            journals.append(index + 1)
            seqs.append(self._seq[index])
            items.append(self._random.randint(1, 6))
            is_anonymous = self._random.random() < ANONYMOUS_SHARE
            holders.append(None if is_anonymous else self._random.choice(self._holders))
        credited = [number for number, holder in enumerate(holders) if holder is not None]
        earned: defaultdict[Any, int] = defaultdict(int)
        lots: defaultdict[Any, int] = defaultdict(int)
        issued: defaultdict[Any, int] = defaultdict(int)
        ranges: defaultdict[int, list[int]] = defaultdict(list)
        days: defaultdict[tuple[str, uuid.UUID], list[int]] = defaultdict(lambda: [0, 0])
        for number, (bin_id, site_id, account_id) in enumerate(bins):
            ranges[journals[number]].append(seqs[number])
            days[bin_id, site_id][0] += 1
            days[bin_id, site_id][1] += items[number]
            holder = holders[number]
            if holder is not None:
                earned[holder[0]] += items[number]
                lots[holder[1]] += items[number]
                issued[account_id] += items[number]
        return written(
            [
                (
                    EVENTS,
                    {
                        "now": now,
                        "journal_no": journals,
                        "seq": seqs,
                        "bin_id": [each[0] for each in bins],
                        "site_id": [each[1] for each in bins],
                        "items": items,
                        "digest": [self._random.randbytes(16) for _ in bins],
                    },
                ),
                (
                    CAPS,
                    {
                        "day": self._day,
                        "cap": DAY_CAP_POINTS,
                        "citizen_id": list(earned),
                        "points": list(earned.values()),
                    },
                ),
                (
                    TRANSFERS,
                    {
                        "now": now,
                        "line": self._line,
                        "transfer_id": [uuid7() for _ in credited],
                        "debit": [bins[number][2] for number in credited],
                        "credit": [holder[1] for holder in holders if holder is not None],
                        "points": [items[number] for number in credited],
                        "journal_no": [journals[number] for number in credited],
                        "seq": [seqs[number] for number in credited],
                    },
                ),
                (LOTS, {"account_id": list(lots), "points": list(lots.values())}),
                (BINS, {"account_id": list(issued), "points": list(issued.values())}),
                (
                    JOURNALS,
                    {
                        "journal_no": list(ranges),
                        "ranges": ["{" + ",".join(f"[{s},{s + 1})" for s in each) + "}" for each in ranges.values()],
                    },
                ),
                (
                    ROLLUPS,
                    {
                        "day": self._day,
                        "bin_id": [bin_id for bin_id, _ in days],
                        "site_id": [site_id for _, site_id in days],
                        "deposits": [each[0] for each in days.values()],
                        "items": [each[1] for each in days.values()],
                    },
                ),
            ]
        )

    def write(self, batches: list[Batch]) -> float:
        """Write prepared batches, a commit each; return the seconds it took."""
        started_s = time.perf_counter()
        for batch in batches:
            (events, caps), rest = batch[:2], batch[2:]
            with self._connection.cursor() as cursor:
                cursor.execute(*events).fetchall()
                cursor.execute(*caps).fetchall()
                with self._connection.pipeline():
                    for statement, parameters in rest:
                        cursor.execute(statement, parameters)
                    self._connection.commit()
        return time.perf_counter() - started_s

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


assert AUTHORITY_ID == 1, "the statements above name the authority"  # noqa: S101
