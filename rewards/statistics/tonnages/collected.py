"""What was collected of a stream in a year, where every day of it is known; and the share that was captured."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, text

NoTonnage = Literal["none_imported", "days_missing", "communes_missing"]
NoCapture = Literal["collected_unknown", "residual_unknown", "share_unknown", "nothing_collected"]

# Days of a place and stream never overlap, so their count says whether the year is whole.
SUM = text("""
    SELECT level, place, CAST(sum(mass_g) AS bigint) AS mass_g, CAST(sum(last_day - first_day + 1) AS integer) AS days,
           array_agg(DISTINCT source ORDER BY source) AS sources
      FROM tonnages
     WHERE authority_id = :authority_id AND stream = :stream AND level IN ('authority', 'commune')
       AND first_day >= :first_day AND last_day <= :last_day
     GROUP BY level, place
""")
COMMUNES = text("SELECT insee_code FROM communes WHERE authority_id = :authority_id ORDER BY insee_code")
SHARE = text("""
    SELECT share_permille, year, source FROM characterisations
     WHERE authority_id = :authority_id AND stream = :stream AND year <= :year ORDER BY year DESC LIMIT 1
""")
SET_SHARE = text("""
    INSERT INTO characterisations (authority_id, stream, year, share_permille, source)
    VALUES (:authority_id, :stream, :year, :share_permille, :source)
    ON CONFLICT (authority_id, stream, year) DO UPDATE
       SET share_permille = excluded.share_permille, source = excluded.source
""")


@dataclass(frozen=True, slots=True)
class Collected:
    """What was collected of a stream in a year by the whole authority; ``mass_g`` is None, and ``missing`` says why.

    ``missing_days`` are those nothing is known of, ``missing_communes`` those of which not the whole year is.
    """

    stream: str
    year: int
    mass_g: int | None
    missing: NoTonnage | None = None
    missing_days: int = 0
    missing_communes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of residual waste is a stream, by the analysis of ``year``."""

    share_permille: int
    year: int
    source: str


@dataclass(frozen=True, slots=True)
class Capture:
    """The capture rate of a stream in a year, in percent, and what it comes from; None, and ``missing`` says why.

    Formula: collected / (collected + residual × share). Source: usage of Syctom, Apur and ORDIF; the share is that of
    an analysis after MODECOM (ADEME, CARADEME guide). No law defines it.
    """

    stream: str
    year: int
    capture_pct: float | None
    missing: NoCapture | None
    collected: Collected
    residual: Collected
    share: Share | None


def days_of(year: int) -> int:
    """Return how many days a year has."""
    return (datetime.date(year, 12, 31) - datetime.date(year, 1, 1)).days + 1


def get_collected(connection: Connection, stream: str, year: int, *, authority_id: int) -> Collected:
    """Return what was collected in a year: as imported for the whole authority, else the sum of all its communes."""
    values = {
        "authority_id": authority_id,
        "stream": stream,
        "first_day": datetime.date(year, 1, 1),
        "last_day": datetime.date(year, 12, 31),
    }
    rows = connection.execute(SUM, values).all()
    whole = next((row for row in rows if row.level == "authority"), None)
    if whole is not None and whole.days == days_of(year):
        return Collected(stream, year, whole.mass_g, sources=tuple(whole.sources))
    communes = {row.place: row for row in rows if row.level == "commune"}
    known: Collection[str] = list(connection.scalars(COMMUNES, {"authority_id": authority_id}))
    missing = tuple(code for code in known if code not in communes or communes[code].days < days_of(year))
    if communes and not missing:
        sources = sorted({source for row in communes.values() for source in row.sources})
        return Collected(stream, year, sum(row.mass_g for row in communes.values()), sources=tuple(sources))
    if whole is not None:
        return Collected(stream, year, None, "days_missing", missing_days=days_of(year) - whole.days)
    if communes:
        return Collected(stream, year, None, "communes_missing", missing_communes=missing)
    return Collected(stream, year, None, "none_imported", missing_days=days_of(year))


def capture_pct(collected_g: int, residual_g: int, share_permille: int) -> float | None:
    """Return the share of a stream that was collected separately, in percent; None where there is none of it at all."""
    left_g = residual_g * share_permille / 1000
    return None if collected_g + left_g == 0 else 100 * collected_g / (collected_g + left_g)


def get_capture(connection: Connection, stream: str, year: int, *, authority_id: int) -> Capture:
    """Return the capture rate of a stream in a year, or what it lacks."""
    collected = get_collected(connection, stream, year, authority_id=authority_id)
    residual = get_collected(connection, "residual", year, authority_id=authority_id)
    row = connection.execute(SHARE, {"authority_id": authority_id, "stream": stream, "year": year}).one_or_none()
    share = None if row is None else Share(*row)
    if collected.mass_g is None:
        return Capture(stream, year, None, "collected_unknown", collected, residual, share)
    if residual.mass_g is None:
        return Capture(stream, year, None, "residual_unknown", collected, residual, share)
    if share is None:
        return Capture(stream, year, None, "share_unknown", collected, residual, share)
    rate = capture_pct(collected.mass_g, residual.mass_g, share.share_permille)
    return Capture(stream, year, rate, "nothing_collected" if rate is None else None, collected, residual, share)


def set_share(connection: Connection, stream: str, share: Share, *, authority_id: int) -> None:
    """Note what an analysis of residual waste found; the caller commits."""
    values = {"year": share.year, "share_permille": share.share_permille, "source": share.source}
    connection.execute(SET_SHARE, {"authority_id": authority_id, "stream": stream, **values})
