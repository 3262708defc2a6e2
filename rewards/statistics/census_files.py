"""Populations as INSEE publishes them: by commune; arrondissements repeat their commune and are never counted twice."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.csv_files import CsvFault, read_csv
from rewards.quantities import QuantityFaultyError, parse_quantity
from rewards.statistics.imports import ImportRow, Preview, preview
from rewards.statistics.insee_codes import INSEE_CODE, SHORT, complete_code, describe_no_code

COLUMNS = ("insee_code", "population", "year", "name")
REQUIRED = ("insee_code", "population")
OTHER_NAMES = {
    "codgeo": "insee_code",
    "code": "insee_code",
    "code_insee": "insee_code",
    "code insee": "insee_code",
    "com": "insee_code",
    "pmun": "population",
    "population municipale": "population",
    "population_municipale": "population",
    "annee": "year",
    "année": "year",
    "libgeo": "name",
    "commune": "name",
    "nom": "name",
}
PARTS: Mapping[str, tuple[str, ...]] = {
    "75056": tuple(f"751{number:02}" for number in range(1, 21)),
    "69123": tuple(f"6938{number}" for number in range(1, 10)),
    "13055": tuple(f"132{number:02}" for number in range(1, 17)),
}
"""The arrondissements of Paris, Lyon and Marseille, which have codes like communes. Source: INSEE."""
WHOLE_OF = {part: whole for whole, parts in PARTS.items() for part in parts}
MERGED: Mapping[str, tuple[str, int]] = {"93059": ("93066", 2025)}
"""Communes that became part of another, and the year. Source: INSEE, Code officiel géographique."""

STORE_COLUMNS = Columns(insee_code="text", year="smallint", population="integer", source="text")
COMMUNES = text("SELECT insee_code, name FROM communes WHERE authority_id = :authority_id")
STORED = text("SELECT insee_code, year, population FROM populations WHERE authority_id = :authority_id")
STORE = text(f"""
    INSERT INTO populations (authority_id, {STORE_COLUMNS.names})
    SELECT :authority_id, t.* FROM {STORE_COLUMNS.unnest("t")} ORDER BY t.insee_code, t.year
    ON CONFLICT (authority_id, insee_code, year) DO UPDATE
       SET population = excluded.population, source = excluded.source
""")
Counted = dict[tuple[str, int], tuple[int, int]]
"""By commune and year: the line, and the population."""


def read_census(content: bytes, *, year: int | None) -> tuple[Counted, list[CsvFault]]:
    """Read populations by commune and year, and every fault; ``year`` is that of rows that tell none."""
    rows, faults = read_csv(content, known=COLUMNS, required=REQUIRED, other_names=OTHER_NAMES)
    counted: Counted = {}
    for line, values in rows:
        code = values["insee_code"].upper()
        of_year = read_whole(values.get("year", ""), 1962, 2100) or (None if values.get("year") else year)
        population = read_whole(values["population"], 1, 10**8)
        if of_year is None:
            faults.append(CsvFault(line, "year", f"{values.get('year', '')!r} is no year; --year says it of all rows"))
        if population is None:
            faults.append(CsvFault(line, "population", f"{values['population']!r} is no whole number above zero"))
        is_code = bool(INSEE_CODE.fullmatch(code) or SHORT.fullmatch(code))
        if not is_code:
            faults.append(CsvFault(line, "insee_code", describe_no_code(code)))
        if of_year is None or population is None or not is_code:
            continue
        first = counted.setdefault((code, of_year), (line, population))
        if first[0] != line:
            faults.append(CsvFault(line, "insee_code", f"{code} stands in line {first[0]} already, for {of_year}"))
    return fold_parts(counted, faults), faults


def read_whole(value: str, least: int, most: int) -> int | None:
    """Return a whole number of a range; None where the text is none."""
    try:
        number = parse_quantity(value)
    except QuantityFaultyError:
        return None
    return int(number) if number % 1 == 0 and least <= number <= most else None


def fold_parts(counted: Counted, faults: list[CsvFault]) -> Counted:
    """Put the sum of all arrondissements of a commune in their place; beside it, or in part, they are faults."""
    folded = {key: found for key, found in counted.items() if key[0] not in WHOLE_OF}
    parts: dict[tuple[str, int], dict[str, tuple[int, int]]] = {}
    for (code, year), found in counted.items():
        if code in WHOLE_OF:
            parts.setdefault((WHOLE_OF[code], year), {})[code] = found
    for (whole, year), found_parts in parts.items():
        first_line = min(line for line, _ in found_parts.values())
        if (whole, year) in folded:
            reason = f"arrondissements of {whole}, which stands in line {folded[whole, year][0]}: counted twice"
            faults.append(CsvFault(first_line, "insee_code", reason))
        elif len(found_parts) < len(PARTS[whole]):
            reason = (
                f"{len(found_parts)} of the {len(PARTS[whole])} arrondissements of {whole}: give all, or the commune"
            )
            faults.append(CsvFault(first_line, "insee_code", reason))
        else:
            folded[whole, year] = (first_line, sum(population for _, population in found_parts.values()))
    return folded


def preview_populations(
    connection: Connection, counted: Counted, *, authority_id: int, skips_others: bool
) -> tuple[Preview, list[CsvFault]]:
    """Say what storing would change, and which communes are not the authority's; those may be left out.

    What is no code of a commune is a fault even then: the row may be one of the authority's.
    """
    tenant = {"authority_id": authority_id}
    names: dict[str, str] = {row.insee_code: row.name for row in connection.execute(COMMUNES, tenant)}
    counted, faults = complete_codes(counted, names)
    faults += [
        CsvFault(line, "insee_code", describe_unknown(code))
        for (code, _), (line, _) in counted.items()
        if code not in names and not skips_others
    ]
    rows = [
        ImportRow(line, f"{names[code]} ({code}) in {year}", (code, year), {"population": population})
        for (code, year), (line, population) in counted.items()
        if code in names
    ]
    stored = connection.execute(STORED, tenant)
    return preview(rows, {(row.insee_code, row.year): {"population": row.population} for row in stored}), faults


def complete_codes(counted: Counted, known: Collection[str]) -> tuple[Counted, list[CsvFault]]:
    """Give codes the zero they lost; what is none, or stands there twice now, is a fault."""
    completed: Counted = {}
    faults = []
    for (said, year), found in counted.items():
        code = complete_code(said, known)
        if code is None:
            faults.append(CsvFault(found[0], "insee_code", describe_no_code(said)))
        elif completed.setdefault((code, year), found) != found:
            reason = f"{code} stands in line {completed[code, year][0]} already, for {year}"
            faults.append(CsvFault(found[0], "insee_code", reason))
    return completed, faults


def describe_unknown(code: str) -> str:
    """Say why a code is none of the authority's."""
    if code in MERGED:
        into, year = MERGED[code]
        return f"{code} has been part of {into} since {year}: add it there"
    return f"the authority has no commune {code}; --skip-others leaves such rows out"


def store_populations(connection: Connection, rows: Sequence[ImportRow], *, authority_id: int, source: str) -> None:
    """Store rows of a preview; the caller commits."""
    columns = STORE_COLUMNS.bind(
        insee_code=[row.key[0] for row in rows],
        year=[row.key[1] for row in rows],
        population=[row.values["population"] for row in rows],
        source=[source] * len(rows),
    )
    connection.execute(STORE, {"authority_id": authority_id, **columns})
