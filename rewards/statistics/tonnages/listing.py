"""The tonnages that were imported, by place and day."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, text

LIST = text("""
    SELECT level, place, stream, first_day, last_day, mass_g, source, imported_at FROM tonnages
     WHERE authority_id = :authority_id AND (CAST(:stream AS text) IS NULL OR stream = :stream)
       AND (CAST(:after_level AS text) IS NULL
            OR (level, place, stream, first_day)
               > (:after_level, CAST(:after_place AS text), CAST(:after_stream AS text), CAST(:after_day AS date)))
     ORDER BY level, place, stream, first_day LIMIT :limit
""")
Key = tuple[str, str, str, datetime.date]


@dataclass(frozen=True, slots=True)
class ListedTonnage:
    """What was collected at a place from the first to the last day; see ``rewards/schema/references.py``."""

    level: str
    place: str
    stream: str
    first_day: datetime.date
    last_day: datetime.date
    mass_g: int
    source: str
    imported_at: datetime.datetime

    @property
    def key(self) -> Key:
        """What tonnages are listed by."""
        return (self.level, self.place, self.stream, self.first_day)


def list_tonnages(
    connection: Connection, *, authority_id: int, stream: str | None = None, after: Key | None = None, limit: int = 500
) -> list[ListedTonnage]:
    """List tonnages by level, place, stream and first day, those behind ``after``."""
    level, place, after_stream, day = after or (None, None, None, None)
    values = {"authority_id": authority_id, "stream": stream, "limit": limit}
    named = {"after_level": level, "after_place": place, "after_stream": after_stream, "after_day": day}
    return [ListedTonnage(*row) for row in connection.execute(LIST, {**values, **named})]
