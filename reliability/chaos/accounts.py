"""Drawing up the accounts: what bins produced, as their journals on disk say, against what the database holds.

The journals are the truth: an event is in there, durably, before anything of it is sent, and stays for a week after its
receipt.
"""

import json
import sqlite3
from collections.abc import Iterator, Set
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from benchmarks.town import AUTHORITY_ID
from reliability.chaos.tills import Redemptions
from rewards.keyring import Keyring
from rewards.verify import Verification, verify
from rewards.vouchers.codes import digest_of_entered_code

Identity = tuple[str, str, int]
"""(bin, journal, number)."""
Content = tuple[str, str, int | None, int | None]
"""(type, material, items, mass_g): what must be the same at both ends."""

SAMPLES = 5

COMMITTED = text("""
    SELECT j.bin_id, j.journal, e.seq, e.type, e.material, e.items, e.mass_g
      FROM events e JOIN bin_journals j ON j.authority_id = e.authority_id AND j.journal_no = e.journal_no
     WHERE e.authority_id = :authority_id
""")
QUARANTINED = text("""
    SELECT j.bin_id, j.journal, q.seq, q.code
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


@dataclass
class Produced:
    """What the journals say: every event ever produced, and which of them no receipt has settled."""

    contents: dict[Identity, Content] = field(default_factory=dict)
    unsettled: set[Identity] = field(default_factory=set)


@dataclass
class Accounts:
    """Both sides, and what does not agree; each list of findings must be empty."""

    produced: int
    committed: int
    quarantined: int
    still_in_journals: int
    lost: list[Identity]
    invented: list[Identity]
    altered: list[Identity]
    refused_repeats: list[Identity]
    redemptions_missing: int
    quarantined_messages: dict[str, int]
    verification: Verification

    def as_dict(self) -> dict[str, Any]:
        """Return counts, with a few samples of what does not agree."""
        findings = {
            name: {"count": len(found), "samples": [list(each) for each in sorted(found)[:SAMPLES]]}
            for name in ("lost", "invented", "altered", "refused_repeats")
            if (found := getattr(self, name))
        }
        return {
            "events_produced": self.produced,
            "events_committed": self.committed,
            "events_quarantined": self.quarantined,
            "events_still_in_journals": self.still_in_journals,
            "quarantined_messages": self.quarantined_messages,
            "findings": findings,
            "broken_invariants": [
                {"invariant": each.invariant, "violations": each.violations, "samples": each.samples}
                for each in self.verification.findings
                if each.violations
            ],
        }


def list_committed(owner: Engine) -> dict[Identity, Content]:
    """List every event of the database with its content."""
    with owner.connect() as connection:
        rows = connection.execute(COMMITTED, {"authority_id": AUTHORITY_ID}).all()
    return {(row.bin_id, row.journal, row.seq): (row.type, row.material, row.items, row.mass_g) for row in rows}


def list_conflicts(owner: Engine) -> set[Identity]:
    """List the events that were refused since another content stands under their number."""
    with owner.connect() as connection:
        rows = connection.execute(QUARANTINED, {"authority_id": AUTHORITY_ID}).all()
    return {(row.bin_id, row.journal, row.seq) for row in rows if row.code == "event_conflict"}


def draw_up(
    owner: Engine, journals: Path, redemptions: Redemptions, keyring: Keyring, *, twins: Set[Identity] = frozenset()
) -> Accounts:
    """Compare the journals below a folder with the database. The bins must not run.

    ``twins`` are the events whose numbers somebody used again on purpose: being refused was right.
    """
    produced = read_journals(journals)
    committed = list_committed(owner)
    with owner.connect() as connection:
        refused = connection.execute(QUARANTINED, {"authority_id": AUTHORITY_ID}).all()
        digests = [digest_of_entered_code(keyring, code) for code, times in redemptions.paid_codes.items() if times]
        redeemed = connection.execute(REDEEMED, {"authority_id": AUTHORITY_ID, "digests": digests}).all()
        by_code = {row.code: int(row.times) for row in connection.execute(QUARANTINED_BY_CODE)}
    quarantined = {(row.bin_id, row.journal, row.seq) for row in refused if row.code != "event_conflict"}
    settled = produced.contents.keys() - produced.unsettled
    return Accounts(
        produced=len(produced.contents),
        committed=len(committed),
        quarantined=len(quarantined),
        still_in_journals=len(produced.unsettled),
        lost=sorted(settled - committed.keys() - quarantined),
        invented=sorted((committed.keys() | quarantined) - produced.contents.keys()),
        altered=sorted(each for each, content in committed.items() if produced.contents.get(each, content) != content),
        refused_repeats=sorted(list_conflicts(owner) - twins),
        redemptions_missing=len(digests) - len(redeemed),
        quarantined_messages=by_code,
        verification=verify(owner),
    )


def read_journals(folder: Path) -> Produced:
    """Read every journal below ``folder``."""
    produced = Produced()
    for path in sorted(folder.glob("*/*.journal")):
        for identity, content, is_settled in read_journal(path):
            produced.contents[identity] = content
            if not is_settled:
                produced.unsettled.add(identity)
    return produced


def read_journal(path: Path) -> Iterator[tuple[Identity, Content, bool]]:
    """Yield every event of one journal: who it is, what it says, and whether a receipt has settled it."""
    with closing(sqlite3.connect(path)) as file:
        [(journal,)] = file.execute("SELECT id FROM journal").fetchall()
        rows = file.execute("SELECT seq, body, settled_at IS NOT NULL FROM events ORDER BY seq").fetchall()
    for seq, body, is_settled in rows:
        said = json.loads(body)
        content = (said["type"], said["material"], said.get("items"), said.get("mass_g"))
        yield (path.stem, journal, seq), content, bool(is_settled)
