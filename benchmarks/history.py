"""A history of deposits, written set-wise in the order of time; every invariant of ``bontri verify`` holds for it.

Years in which every bin reported as often as the others: events, transfers, counters of accounts, a lot per citizen
and month, caps per citizen and day, daily sums, journals. Each bin had another storage then, so that the messages of
the measurement are the same bytes whatever the history. Written for ``benchmarks/growth.py`` and
``benchmarks/stats.py`` alone: it goes past every rule of the domain.
"""

import datetime

import psycopg

from benchmarks.town import DAY_CAP_POINTS
from bontri.progress import Advance

MONTHS = 24
CHUNK_EVENTS = 250_000
BYTES_PER_EVENT = 900
"""On disk with indexes, and as much again of write-ahead log on its way."""

NUMBERED = """
    CREATE TEMP TABLE bins_no AS
    SELECT row_number() OVER (ORDER BY b.bin_id) - 1 AS no, b.bin_id, p.site_id, b.issuing_account_id
      FROM bins b JOIN placements p USING (authority_id, bin_id) WHERE b.authority_id = 1;
    CREATE TEMP TABLE citizens_no AS
    SELECT row_number() OVER (ORDER BY citizen_id) - 1 AS no, citizen_id, wallet_id
      FROM citizens WHERE authority_id = 1;
    CREATE UNIQUE INDEX ON bins_no (no);
    CREATE UNIQUE INDEX ON citizens_no (no);
    ANALYZE bins_no, citizens_no;
    CREATE TEMP TABLE chunk (
        g bigint, journal_no integer, seq bigint, bin_id text, site_id uuid, issuing_account_id uuid, citizen_id uuid,
        wallet_id uuid, lot_account_id uuid, items smallint, at timestamptz, day date, lot_month date)
"""

# Event g is the one of bin g modulo bins; a large prime scatters the citizens, so many in ten are anonymous.
CHUNK = """
    INSERT INTO chunk
    SELECT e.g, b.no + 1, e.g / %(bins)s + 1, b.bin_id, b.site_id, b.issuing_account_id, c.citizen_id, c.wallet_id,
           md5(c.wallet_id::text || e.lot_month::text)::uuid, 1 + e.g * 7919 %% 6, e.at, e.day, e.lot_month
      FROM (SELECT g, at, (at AT TIME ZONE 'Europe/Paris')::date AS day,
                   date_trunc('month', at AT TIME ZONE 'Europe/Paris')::date AS lot_month
              FROM (SELECT g, %(began_at)s + (%(length)s * (g::float8 / %(events)s)) AS at
                      FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS g) AS t) AS e
      JOIN bins_no b ON b.no = e.g %% %(bins)s
      LEFT JOIN citizens_no c ON c.no = e.g * 2654435761 %% 1000003 %% %(citizens)s
                             AND e.g * 7 / %(bins)s %% 10 >= %(anonymous_tenths)s
     ORDER BY e.g
"""

WRITES = {
    "events": """
        INSERT INTO events (authority_id, journal_no, seq, type, bin_id, site_id, material, items, occurred_at,
                            is_estimated, received_at, recorded_at, content_digest)
        SELECT 1, journal_no, seq, 'deposit', bin_id, site_id, 'glass', items, at, false, at, at,
               decode(md5(g::text), 'hex')
          FROM chunk ORDER BY g
    """,
    "lots": """
        INSERT INTO accounts AS a (authority_id, account_id, kind, expires_on, credits_posted, created_at)
        SELECT 1, lot_account_id, 'lot', (lot_month + interval '25 months')::date, sum(items), min(at)
          FROM chunk WHERE citizen_id IS NOT NULL GROUP BY lot_account_id, lot_month ORDER BY lot_account_id
        ON CONFLICT (authority_id, account_id) DO UPDATE SET credits_posted = a.credits_posted + excluded.credits_posted
    """,
    "links of lots": """
        INSERT INTO wallet_accounts (authority_id, account_id, wallet_id, lot_month)
        SELECT DISTINCT 1, lot_account_id, wallet_id, lot_month FROM chunk WHERE citizen_id IS NOT NULL
        ON CONFLICT DO NOTHING
    """,
    # Ids as our own are: UUIDv7, which begin with the time.
    "transfers": """
        INSERT INTO transfers (authority_id, transfer_id, phase, debit_account_id, credit_account_id, points,
                               recorded_at, journal_no, seq, tariff_line_id, withheld_points)
        SELECT 1, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(g::text), 1, 3)
                   || '8' || substr(md5(g::text), 4, 15))::uuid,
               'single', issuing_account_id, lot_account_id, items, at, journal_no, seq,
               (SELECT tariff_line_id FROM tariff_lines WHERE authority_id = 1 LIMIT 1), 0
          FROM chunk WHERE citizen_id IS NOT NULL ORDER BY g
    """,
    "issuing accounts": """
        UPDATE accounts a SET debits_posted = a.debits_posted + m.points
          FROM (SELECT issuing_account_id, sum(items) AS points FROM chunk WHERE citizen_id IS NOT NULL GROUP BY 1) AS m
         WHERE a.authority_id = 1 AND a.account_id = m.issuing_account_id
    """,
    "caps": f"""
        INSERT INTO cap_usages AS u (authority_id, citizen_id, period, starts_on, cap_points, used_points, last_granted)
        SELECT 1, citizen_id, 'day', day, {DAY_CAP_POINTS}, sum(items), max(items)
          FROM chunk WHERE citizen_id IS NOT NULL GROUP BY citizen_id, day
        ON CONFLICT (authority_id, citizen_id, period, starts_on)
        DO UPDATE SET used_points = u.used_points + excluded.used_points
    """,
    "daily sums": """
        INSERT INTO daily_deposits AS d (authority_id, day, bin_id, site_id, material, deposits, credited_deposits,
                                         items, mass_g, refused, points, unweighed_items)
        SELECT 1, day, bin_id, site_id, 'glass', count(*), count(citizen_id), sum(items), 0, 0,
               coalesce(sum(items) FILTER (WHERE citizen_id IS NOT NULL), 0), sum(items)
          FROM chunk GROUP BY day, bin_id, site_id
        ON CONFLICT (authority_id, day, bin_id, site_id, material)
        DO UPDATE SET deposits = d.deposits + excluded.deposits,
                      credited_deposits = d.credited_deposits + excluded.credited_deposits,
                      items = d.items + excluded.items, points = d.points + excluded.points,
                      unweighed_items = d.unweighed_items + excluded.unweighed_items
    """,
}

JOURNALS = """
    INSERT INTO bin_journals (authority_id, journal_no, bin_id, journal, received, last_received_at, created_at)
    SELECT 1, no + 1, bin_id, md5(bin_id), int8multirange(int8range(1, last.seq + 1)), %(ended_at)s, %(began_at)s
      FROM bins_no CROSS JOIN LATERAL (SELECT (%(events)s - 1 - no) / %(bins)s + 1 AS seq) AS last
     WHERE no < %(events)s
"""


def load_history(
    conninfo: str,
    *,
    events: int,
    now: datetime.datetime,
    advance: Advance,
    months: int = MONTHS,
    anonymous_tenths: int = 1,
    has_caps: bool = True,
) -> None:
    """Write ``events`` deposits of the ``months`` before ``now`` into the built, empty town of a database."""
    length = datetime.timedelta(days=months * 365 / 12)
    writes = [statement for name, statement in WRITES.items() if has_caps or name != "caps"]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        # Nothing of the load is measured; its last transaction is made durable by the checkpoint below.
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET work_mem = '128MB'")
        for statement in NUMBERED.split(";"):
            connection.execute(statement)
        parameters = {
            "events": events,
            "bins": count(connection, "bins_no"),
            "citizens": count(connection, "citizens_no"),
            # It ends before the day of the measurement.
            "began_at": now - length - datetime.timedelta(days=1),
            "ended_at": now - datetime.timedelta(days=1),
            "length": length,
            "anonymous_tenths": anonymous_tenths,
        }
        for first in range(0, events, CHUNK_EVENTS):
            last = min(first + CHUNK_EVENTS, events) - 1
            with connection.transaction():
                connection.execute("TRUNCATE chunk")
                connection.execute(CHUNK, {**parameters, "first": first, "last": last})
                connection.execute("ANALYZE chunk")
                for statement in writes:
                    connection.execute(statement)
            advance(last + 1)
        connection.execute(JOURNALS, parameters)
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def count(connection: psycopg.Connection, table: str) -> int:
    """Count the rows of a table."""
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0
