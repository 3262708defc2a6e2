"""From a file of tonnages to stored ones: places found, units decided, overlaps refused, and a preview of it all."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from rewards.arrays import Columns
from rewards.csv_files import CsvFault
from rewards.errors import OperatorRefusedError, violates
from rewards.statistics.imports import ImportRow, Preview, preview
from rewards.statistics.insee_codes import complete_code, describe_no_code
from rewards.statistics.populations import list_populations
from rewards.statistics.tonnages.reading import G_PER, ReadTonnage, TonnageFile, Unit
from rewards.statistics.tonnages.streams import OTHER_STREAMS, describe_unknown_stream, find_stream
from rewards.statistics.tonnages.units import (
    FEWEST_NEIGHBOURS,
    Usual,
    find_unit,
    list_far_apart,
    list_implausible,
    list_unusual,
)
from rewards.territory import find_sites

COLUMNS = Columns(
    level="text", place="text", stream="text", first_day="date", last_day="date", mass_g="bigint", source="text"
)
MATERIALS = text("SELECT material FROM materials WHERE authority_id = :authority_id")
STORED = text("""
    SELECT level, place, stream, first_day, last_day, mass_g FROM tonnages
     WHERE authority_id = :authority_id AND first_day <= :until AND last_day >= :since
""")
USUAL = text("""
    SELECT level, place, stream, count(*) AS neighbours,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(mass_g AS double precision) / (last_day - first_day + 1))
      FROM tonnages
     WHERE authority_id = :authority_id AND stream = ANY(CAST(:streams AS text[])) AND mass_g > 0
     GROUP BY level, place, stream
""")
# Two that insert overlapping rows at once would each wait for the other: the exclusion constraint alone deadlocks.
LOCK = text("SELECT pg_advisory_xact_lock(7106008, :authority_id)")
STORE = text(f"""
    INSERT INTO tonnages (authority_id, {COLUMNS.names}, imported_at)
    SELECT :authority_id, t.*, :now FROM {COLUMNS.unnest("t")} ORDER BY t.level, t.place, t.stream, t.first_day
    ON CONFLICT (authority_id, level, place, stream, first_day) DO UPDATE
       SET last_day = excluded.last_day, mass_g = excluded.mass_g, source = excluded.source,
           imported_at = excluded.imported_at
""")

ONE_A_DAY = "ex_tonnages_one_a_day"

Days = tuple[datetime.date, datetime.date]


class TonnagesOverlapError(OperatorRefusedError):
    """Somebody else has stored tonnages of some of these days since the file was looked at."""

    code = "tonnages_overlap"

    def __init__(self) -> None:
        super().__init__(
            "tonnages of other days that overlap these were stored meanwhile: nothing was imported;"
            " import the file again to see which"
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tonnage was collected, as it is stored and as it is told."""

    level: str
    place: str
    words: str


def preview_tonnages(
    connection: Connection,
    file: TonnageFile,
    *,
    authority_id: int,
    today: datetime.date,
    unit: Unit | None = None,
    is_sure: bool = False,
) -> tuple[Preview | None, list[CsvFault]]:
    """Say what storing a file would change, and what is wrong with it; with faults there is no preview.

    ``unit`` is of a column that names none. ``is_sure`` takes quantities far from the others of their place.
    """
    faults = list(file.faults)
    names = {each.insee_code: each for each in list_populations(connection, authority_id=authority_id, year=today.year)}
    sites = find_sites(connection, {row.site for row in file.rows if row.site}, authority_id=authority_id)
    streams = {*connection.scalars(MATERIALS, {"authority_id": authority_id}), *OTHER_STREAMS}
    file = replace(file, rows=[in_our_words(row, names, streams) for row in file.rows])
    faults += list_unknown(file.rows, sites, names, streams, today=today)
    faults += [] if is_sure else list_far_apart(file.rows)
    everybody = [each.population for each in names.values()]
    inhabitants_of_all = None if None in everybody else sum(each or 0 for each in everybody)

    def inhabitants(row: ReadTonnage) -> int | None:
        if row.site:
            return None
        commune = names.get(row.insee_code)
        return (commune.population if commune else None) if row.insee_code else inhabitants_of_all

    warnings: list[CsvFault] = []
    chosen = file.unit or unit
    if chosen is None and file.rows:
        chosen = find_unit(file.rows, inhabitants)
        column = file.rows[0].column
        if chosen is None:
            faults.append(
                CsvFault(1, column, "kilograms or tonnes? The header does not say: give --unit kg or --unit t")
            )
        else:
            warnings.append(CsvFault(1, column, f"taken for {chosen}: only so can the quantities be true"))
    if chosen is not None and not is_sure:
        usual = find_usual(connection, file.rows, sites, authority_id=authority_id)
        for doubts in (list_implausible(file.rows, chosen, inhabitants), list_unusual(file.rows, chosen, usual)):
            told = {fault.line for fault in faults}
            faults += [each for each in doubts if each.line not in told]
    if faults or chosen is None:
        return None, faults
    rows = []
    for row in file.rows:
        place = place_of(row, sites, {code: each.commune for code, each in names.items()})
        mass_g = int((row.quantity * G_PER[chosen]).to_integral_value())
        rows.append(
            ImportRow(
                row.line,
                f"{row.stream} of {place.words}, {row.first_day} to {row.last_day}",
                (place.level, place.place, row.stream, row.first_day, row.last_day),
                {"mass_g": mass_g},
            )
        )
    stored = list_stored(connection, rows, authority_id=authority_id)
    overlapping = list_overlaps(rows, stored)
    return (None if overlapping else preview(rows, stored, warnings)), overlapping


def in_our_words(row: ReadTonnage, communes: Mapping[str, Any], streams: set[str]) -> ReadTonnage:
    """Return a row with stream and commune as they are stored; what is unknown stays as the file says it."""
    code = complete_code(row.insee_code, communes) or row.insee_code
    return replace(row, insee_code=code, stream=find_stream(row.stream, streams) or row.stream)


def list_unknown(
    rows: Sequence[ReadTonnage],
    sites: Mapping[str, Any],
    communes: Mapping[str, Any],
    streams: set[str],
    *,
    today: datetime.date,
) -> list[CsvFault]:
    """List places and streams the authority does not have, and days that are still to come."""
    faults = []
    for row in rows:
        if row.site and row.site not in sites:
            faults.append(CsvFault(row.line, "site", f"there is no site {row.site!r}"))
        if row.insee_code and complete_code(row.insee_code, communes) is None:
            faults.append(CsvFault(row.line, "insee_code", describe_no_code(row.insee_code)))
        elif row.insee_code and row.insee_code not in communes:
            faults.append(CsvFault(row.line, "insee_code", f"the authority has no commune {row.insee_code!r}"))
        if row.stream not in streams:
            faults.append(CsvFault(row.line, "stream", describe_unknown_stream(row.stream, streams)))
        if row.last_day > today and row.is_of_month:
            faults.append(CsvFault(row.line, "month", f"{row.last_day:%B %Y} is not over"))
        elif row.last_day > today:
            faults.append(CsvFault(row.line, "last_day", f"{row.last_day} is still to come"))
    return faults


def place_of(row: ReadTonnage, sites: Mapping[str, Any], communes: Mapping[str, str]) -> Place:
    """Return where a row was collected; its site or commune is known to be there."""
    if row.site:
        return Place("site", str(sites[row.site]), f"site {row.site}")
    if row.insee_code:
        return Place("commune", row.insee_code, f"{communes[row.insee_code]} ({row.insee_code})")
    return Place("authority", "", "the whole authority")


def find_usual(
    connection: Connection, rows: Sequence[ReadTonnage], sites: Mapping[str, Any], *, authority_id: int
) -> Usual:
    """Return what is usual by what is stored: grams a day of a row's place and stream, where enough is known."""
    values = {"authority_id": authority_id, "streams": sorted({row.stream for row in rows})}
    stored = {tuple(row[:3]): (row[3], row[4]) for row in connection.execute(USUAL, values)}
    codes = {str(site_id): code for code, site_id in sites.items()}
    return {
        (codes.get(place, "") if level == "site" else "", place if level == "commune" else "", stream): a_day
        for (level, place, stream), (neighbours, a_day) in stored.items()
        if neighbours >= FEWEST_NEIGHBOURS and (level != "site" or place in codes)
    }


def list_stored(connection: Connection, rows: Sequence[ImportRow], *, authority_id: int) -> dict[Any, dict[str, int]]:
    """Return the stored tonnages of the days the rows are of, by key."""
    if not rows:
        return {}
    values = {
        "authority_id": authority_id,
        "since": min(row.key[3] for row in rows),
        "until": max(row.key[4] for row in rows),
    }
    return {tuple(row[:5]): {"mass_g": row.mass_g} for row in connection.execute(STORED, values)}


def list_overlaps(rows: Sequence[ImportRow], stored: Mapping[Any, Any]) -> list[CsvFault]:
    """List rows that share a day with another row of their place and stream, or with a stored one of other days."""
    lines: dict[Any, list[tuple[Days, str]]] = {}
    for level, place, stream, first_day, last_day in stored:
        said = f"what is stored for {first_day} to {last_day}"
        lines.setdefault((level, place, stream), []).append(((first_day, last_day), said))
    faults = []
    for row in rows:
        first_day, last_day = row.key[3:]
        others = lines.setdefault(row.key[:3], [])
        for (first, last), said in others:
            is_same_and_stored = (first, last) == (first_day, last_day) and said.startswith("what is stored")
            if first <= last_day and last >= first_day and not is_same_and_stored:
                faults.append(CsvFault(row.line, "", f"{row.words} overlaps {said}"))
        others.append(((first_day, last_day), f"line {row.line}, {first_day} to {last_day}"))
    return faults


def store_tonnages(
    connection: Connection, rows: Sequence[ImportRow], *, authority_id: int, source: str, now: datetime.datetime
) -> None:
    """Store rows of a preview, over what is stored for the same days; the caller commits, and others wait until then.

    Raises:
        TonnagesOverlapError: somebody else has stored overlapping days meanwhile; the transaction must be rolled back.
    """
    columns = COLUMNS.bind(
        level=[row.key[0] for row in rows],
        place=[row.key[1] for row in rows],
        stream=[row.key[2] for row in rows],
        first_day=[row.key[3] for row in rows],
        last_day=[row.key[4] for row in rows],
        mass_g=[row.values["mass_g"] for row in rows],
        source=[source] * len(rows),
    )
    connection.execute(LOCK, {"authority_id": authority_id})
    try:
        connection.execute(STORE, {"authority_id": authority_id, "now": now, **columns})
    except IntegrityError as error:
        if violates(error, ONE_A_DAY):
            raise TonnagesOverlapError from error
        raise
