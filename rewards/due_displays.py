"""Which bins are to be told what to show: those not given the present version, or not under their present key.

How it travels is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.arrays import Columns


@dataclass(frozen=True, slots=True)
class DueDisplay:
    """A bin to be told, signed with ``key_number``."""

    bin_id: str
    key_number: int


TAKE_DUE = text("""
    SELECT b.bin_id, b.newest_key_number FROM bins b
     WHERE b.authority_id = :authority_id AND b.state <> 'revoked'
       AND (b.configured_version < :version OR b.configured_key_number <> b.newest_key_number)
     ORDER BY b.bin_id LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
""")
PUBLISHED = Columns(bin_id="text", key_number="integer")
NOTE_PUBLISHED = text(f"""
    UPDATE bins b SET configured_version = :version, configured_key_number = t.key_number
      FROM (SELECT * FROM {PUBLISHED.unnest("u")} ORDER BY bin_id) AS t
     WHERE b.authority_id = :authority_id AND b.bin_id = t.bin_id
""")

COUNT_TOLD = text("""
    SELECT count(*) FILTER (WHERE configured_version >= :version AND configured_key_number = newest_key_number),
           count(*)
      FROM bins WHERE authority_id = :authority_id AND state <> 'revoked'
""")

SHOWN = Columns(bin_id="text", version="integer")
NOTE_SHOWN = text(f"""
    UPDATE bins b SET configured_version = t.version
      FROM (SELECT * FROM {SHOWN.unnest("u")} ORDER BY bin_id) AS t
     WHERE b.authority_id = :authority_id AND b.bin_id = t.bin_id AND b.configured_version > t.version
""")


def take_due_displays(connection: Connection, *, version: int, authority_id: int, most: int) -> list[DueDisplay]:
    """Take the bins, by id, that were not given ``version``, or not under their present key, and note them as given.

    Publish after the commit. What another worker has in hand is left to it.
    """
    rows = connection.execute(TAKE_DUE, {"authority_id": authority_id, "version": version, "most": most})
    due = [DueDisplay(*row) for row in rows]
    if due:
        columns = PUBLISHED.bind_rows(due)
        connection.execute(NOTE_PUBLISHED, {"authority_id": authority_id, "version": version, **columns})
    return due


def count_told(connection: Connection, *, version: int, authority_id: int) -> tuple[int, int]:
    """Count the bins that were given ``version`` or a newer one, and all that are at work."""
    told, bins = connection.execute(COUNT_TOLD, {"version": version, "authority_id": authority_id}).one()
    return told, bins


def note_shown(connection: Connection, versions: Mapping[str, int], *, authority_id: int) -> None:
    """Heed what bins say they show: those behind what they were given are given it again."""
    if versions:
        columns = SHOWN.bind(bin_id=versions, version=versions.values())
        connection.execute(NOTE_SHOWN, {"authority_id": authority_id, **columns})
