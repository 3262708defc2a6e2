"""Drawing up the accounts: what bins produced, as their journals on disk say, against what the database holds.

The journals are the truth: an event is in there, durably, before anything of it is sent, and stays for a week after its
receipt.
"""

import datetime
import sqlite3
from collections import Counter
from collections.abc import Iterator, Set
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from benchmarks.town import AUTHORITY_ID
from ingest.contract import Deposit, Emptying, decode_event, encode
from reliability.chaos.tills import Redemptions
from reliability.chaos.town import ChaosTown
from rewards.keyring import Keyring
from rewards.verify import Verification, verify
from rewards.vouchers.codes import digest_of_entered_code

EventKey = tuple[str, str, int]
"""(bin, journal, number)."""

SAMPLES = 5
CLOCK_TOLERANCE = datetime.timedelta(seconds=60)
"""A bin whose clock has jumped may say a later time than the worker's; then, and only then, an event is refused."""

TENANT = {"authority_id": AUTHORITY_ID}
COMMITTED = text("""
    SELECT j.bin_id, j.journal, e.seq, e.type, e.material, e.items, e.mass_g, e.refused, e.content_digest,
           coalesce(t.points, 0) + coalesce(t.withheld_points, c.withheld_points, 0) AS earned_points, w.wallet_id
      FROM events e JOIN bin_journals j ON j.authority_id = e.authority_id AND j.journal_no = e.journal_no
      LEFT JOIN transfers t ON t.authority_id = e.authority_id AND t.journal_no = e.journal_no AND t.seq = e.seq
      LEFT JOIN capped_deposits c ON c.authority_id = e.authority_id AND c.journal_no = e.journal_no AND c.seq = e.seq
      LEFT JOIN wallet_accounts w
        ON w.authority_id = e.authority_id AND w.account_id = coalesce(t.credit_account_id, c.account_id)
     WHERE e.authority_id = :authority_id
""")
QUARANTINED = text("""
    SELECT j.bin_id, j.journal, q.seq, q.code, q.received_at
      FROM quarantined_events q JOIN bin_journals j ON j.authority_id = q.authority_id AND j.journal_no = q.journal_no
     WHERE q.authority_id = :authority_id
""")
REDEEMED = text("""
    SELECT code_digest FROM vouchers
     WHERE authority_id = :authority_id AND status = 'redeemed' AND code_digest = ANY(:digests)
""")
QUARANTINED_BY_CODE = text("""
    SELECT coalesce(code, 'single events') AS code, sum(times)::bigint AS times FROM quarantined_messages
     GROUP BY 1 ORDER BY 1
""")
HOLDERS = text("""
    SELECT b.badge_digest, c.wallet_id FROM badges b
      JOIN citizens c ON c.authority_id = b.authority_id AND c.citizen_id = b.citizen_id
     WHERE b.authority_id = :authority_id
""")


@dataclass(frozen=True, slots=True)
class CommittedEvent:
    """An event as the database holds it, with what it earned (withheld points included), and whose wallet got it."""

    columns: tuple[str, str, int | None, int | None, int | None]
    content_digest: bytes
    earned_points: int
    wallet_id: str | None


@dataclass
class Produced:
    """What the journals say: every event ever produced, and which of them no receipt has settled."""

    events: dict[EventKey, Deposit | Emptying] = field(default_factory=dict)
    unsettled: set[EventKey] = field(default_factory=set)


@dataclass
class Accounts:
    """Both sides, and what does not agree; each list of findings must be empty."""

    produced: int
    committed: int
    quarantined: int
    still_in_journals: int
    lost: list[EventKey]
    invented: list[EventKey]
    altered: list[EventKey]
    wrongly_credited: list[EventKey]
    wrongly_refused: list[EventKey]
    refused_repeats: list[EventKey]
    redemptions_told: int
    redemptions_missing: int
    quarantined_events: dict[str, int]
    quarantined_messages: dict[str, int]
    verification: Verification

    def as_dict(self) -> dict[str, Any]:
        """Return counts, with a few samples of what does not agree."""
        kinds = ("lost", "invented", "altered", "wrongly_credited", "wrongly_refused", "refused_repeats")
        findings = {
            name: {"count": len(found), "samples": [list(each) for each in sorted(found)[:SAMPLES]]}
            for name in kinds
            if (found := getattr(self, name))
        }
        return {
            "events_produced": self.produced,
            "events_committed": self.committed,
            "events_quarantined": self.quarantined,
            "events_still_in_journals": self.still_in_journals,
            "quarantined_events": self.quarantined_events,
            "quarantined_messages": self.quarantined_messages,
            "findings": findings,
            "broken_invariants": [
                {"invariant": each.invariant, "violations": each.violations, "samples": each.samples}
                for each in self.verification.findings
                if each.violations
            ],
        }


def draw_up(
    owner: Engine, journals: Path, redemptions: Redemptions, town: ChaosTown, *, twins: Set[EventKey] = frozenset()
) -> Accounts:
    """Compare the journals below a folder with the database. The bins must not run.

    ``twins`` are the events whose numbers somebody used again on purpose: being refused was right.
    """
    produced = read_journals(journals)
    with owner.connect() as connection:
        committed = read_committed(connection)
        refused = connection.execute(QUARANTINED, TENANT).all()
        holders = read_holders(connection, town)
        by_code = {row.code: int(row.times) for row in connection.execute(QUARANTINED_BY_CODE)}
        told = [digest_of_entered_code(town.keyring, code) for code in redemptions.list_paid_codes()]
        redeemed = connection.execute(REDEEMED, {**TENANT, "digests": told}).all()
    quarantined = {
        (row.bin_id, row.journal, row.seq): row.received_at for row in refused if row.code != "event_conflict"
    }
    conflicts = {(row.bin_id, row.journal, row.seq) for row in refused if row.code == "event_conflict"}
    allowed = {(row.bin_id, row.journal, row.seq) for row in refused if row.code == "clock_ahead"}
    settled = produced.events.keys() - produced.unsettled
    return Accounts(
        produced=len(produced.events),
        committed=len(committed),
        quarantined=len(quarantined),
        still_in_journals=len(produced.unsettled),
        lost=sorted(settled - committed.keys() - quarantined.keys()),
        invented=sorted((committed.keys() | quarantined.keys()) - produced.events.keys()),
        altered=[key for key, event in produced.events.items() if is_altered(event, committed.get(key), town.keyring)],
        wrongly_credited=[
            key
            for key, event in produced.events.items()
            if key in committed and not is_credited_right(event, committed[key], holders)
        ],
        wrongly_refused=sorted(
            key
            for key, received_at in quarantined.items()
            if key not in allowed or not is_ahead(produced.events.get(key), received_at)
        ),
        refused_repeats=sorted(conflicts - twins),
        redemptions_told=len(told),
        redemptions_missing=len(told) - len(redeemed),
        quarantined_events=dict(Counter(row.code for row in refused)),
        quarantined_messages=by_code,
        verification=verify(owner),
    )


def is_altered(event: Deposit | Emptying, committed: CommittedEvent | None, keyring: Keyring) -> bool:
    """Tell whether the database holds another content than the journal: any column, or any known field."""
    if committed is None:
        return False
    columns = (
        ("deposit", event.material, event.items, event.mass_g, event.refused)
        if isinstance(event, Deposit)
        else ("emptying", event.material, None, event.mass_g, None)
    )
    digest = keyring.content_digest(encode(event.known_content))
    return (columns, digest) != (committed.columns, committed.content_digest)


def is_credited_right(
    event: Deposit | Emptying, committed: CommittedEvent, holders: dict[str | None, str | None]
) -> bool:
    """Tell whether the holder of the badge, and nobody else, earned a point for each item, once."""
    wallet_id = holders.get(event.badge) if isinstance(event, Deposit) and event.items else None
    earned_points = event.items if isinstance(event, Deposit) and wallet_id else 0
    return (committed.wallet_id, committed.earned_points) == (wallet_id, earned_points)


def is_ahead(event: Deposit | Emptying | None, received_at: datetime.datetime) -> bool:
    """Tell whether an event says a time after it was received."""
    return event is not None and event.at > received_at + CLOCK_TOLERANCE


def read_committed(connection: Connection) -> dict[EventKey, CommittedEvent]:
    """Read every event of the database."""
    return {
        (row.bin_id, row.journal, row.seq): CommittedEvent(
            (row.type, row.material, row.items, row.mass_g, row.refused),
            bytes(row.content_digest),
            int(row.earned_points),
            str(row.wallet_id) if row.wallet_id else None,
        )
        for row in connection.execute(COMMITTED, TENANT)
    }


def read_holders(connection: Connection, town: ChaosTown) -> dict[str | None, str | None]:
    """Return the wallet of each of the town's cards."""
    wallets = {bytes(row.badge_digest): str(row.wallet_id) for row in connection.execute(HOLDERS, TENANT)}
    return {
        badge: wallets.get(town.keyring.badge_digest(authority_id=AUTHORITY_ID, badge=badge)) for badge in town.badges
    }


def list_conflicts(owner: Engine) -> set[EventKey]:
    """List the events that were refused since another content stands under their number."""
    with owner.connect() as connection:
        rows = connection.execute(QUARANTINED, TENANT).all()
    return {(row.bin_id, row.journal, row.seq) for row in rows if row.code == "event_conflict"}


def read_journals(folder: Path) -> Produced:
    """Read every journal below ``folder``."""
    produced = Produced()
    for path in sorted(folder.glob("*/*.journal")):
        for key, event, is_settled in read_journal(path):
            produced.events[key] = event
            if not is_settled:
                produced.unsettled.add(key)
    return produced


def read_journal(path: Path) -> Iterator[tuple[EventKey, Deposit | Emptying, bool]]:
    """Yield every event of one journal: its key, what it says, and whether a receipt has settled it."""
    with closing(sqlite3.connect(path)) as file:
        [(journal,)] = file.execute("SELECT id FROM journal").fetchall()
        rows = file.execute("SELECT seq, body, settled_at IS NOT NULL FROM events ORDER BY seq").fetchall()
    for seq, body, is_settled in rows:
        yield (path.stem, journal, seq), decode_event(body), bool(is_settled)
