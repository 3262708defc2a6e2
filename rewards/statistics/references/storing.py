"""Storing what départements collected."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.statistics.imports import ImportRow, Preview, preview
from rewards.statistics.references.sinoe import DepartmentTonnage

COLUMNS = Columns(
    year="smallint", department="text", stream="text", mass_g="bigint", population="integer", source="text"
)
STORED = text("""
    SELECT year, department, stream, mass_g, population FROM reference_tonnages
     WHERE year = ANY(CAST(:years AS smallint[]))
""")
STORE = text(f"""
    INSERT INTO reference_tonnages ({COLUMNS.names})
    SELECT t.* FROM {COLUMNS.unnest("t")} ORDER BY t.year, t.department, t.stream
    ON CONFLICT (year, department, stream) DO UPDATE
       SET mass_g = excluded.mass_g, population = excluded.population, source = excluded.source
""")


def preview_references(connection: Connection, rows: Sequence[DepartmentTonnage]) -> Preview:
    """Say what storing ``rows`` would change."""
    wanted = [
        ImportRow(
            row.line,
            f"{row.stream} of {row.department} in {row.year}",
            (row.year, row.department, row.stream),
            {"mass_g": row.mass_g, "population": row.population},
        )
        for row in rows
    ]
    stored = connection.execute(STORED, {"years": sorted({row.year for row in rows})})
    return preview(wanted, {tuple(row[:3]): dict(row._mapping) for row in stored})


def store_references(connection: Connection, rows: Sequence[DepartmentTonnage], *, source: str) -> None:
    """Store ``rows``, over what is stored of the same year, département and stream; the caller commits."""
    columns = COLUMNS.bind(
        year=[row.year for row in rows],
        department=[row.department for row in rows],
        stream=[row.stream for row in rows],
        mass_g=[row.mass_g for row in rows],
        population=[row.population for row in rows],
        source=[source] * len(rows),
    )
    connection.execute(STORE, columns)
