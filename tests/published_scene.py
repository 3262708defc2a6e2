"""A year as it was published, put straight into the tables: proving one safe takes longer than looking at its pages."""

import datetime
from typing import Any

from sqlalchemy import Connection, text

PUBLISHED_AT = datetime.datetime(2027, 2, 20, 9, tzinfo=datetime.UTC)
ADD = text("""
    INSERT INTO publications (authority_id, granularity, first_day, published_at, published_by, cells, withheld)
    VALUES (:authority_id, :granularity, :first_day, :published_at, 'ada', 5, 2)
""")
ADD_CELL = text("""
    INSERT INTO published_cells (authority_id, granularity, first_day, level, code, material, insee_code, is_withheld,
                                 deposits, items, mass_g, points, holders)
    SELECT :authority_id, :granularity, :first_day, :level, :code, :material, CAST(:insee_code AS text), :size = 0,
           CASE WHEN :size > 0 THEN 100 * :size END, CASE WHEN :size > 0 THEN 400 * :size END,
           CASE WHEN :size > 0 THEN 1234567 * :size END, CASE WHEN :size > 0 THEN 500 * :size END,
           CASE WHEN :size > 0 THEN 11 * :size END
""")
SITES = text("SELECT CAST(site_id AS text) FROM sites WHERE authority_id = :authority_id AND insee_code = '93066'")
PLACES = (
    ("authority", "", "", 3),
    ("authority", "", "glass", 0),
    ("authority", "", "plastic", 0),
    ("commune", "93066", "", 2),
    ("commune", "93001", "", 1),
)
"""(level, code, material, size); 0: withheld."""


def publish_year(connection: Connection, year: int, *, authority_id: int, months: int = 12) -> None:
    """Put a year and its months in, or, with fewer of these, the months alone; months are a twelfth as large."""
    for number in range(1, months + 1):
        add_table(connection, "month", datetime.date(year, number, 1), 1, authority_id=authority_id)
    if months == 12:
        add_table(connection, "year", datetime.date(year, 1, 1), 12, authority_id=authority_id)


def add_table(
    connection: Connection, granularity: str, first_day: datetime.date, times: int, *, authority_id: int
) -> None:
    """Put the table of a month or year in."""
    table: dict[str, Any] = {"authority_id": authority_id, "granularity": granularity, "first_day": first_day}
    connection.execute(ADD, {**table, "published_at": PUBLISHED_AT})
    sites = [("site", site, "", 2) for site in connection.scalars(SITES, {"authority_id": authority_id})]
    cells = [
        {
            "level": level,
            "code": code,
            "material": material,
            "size": size * times,
            "insee_code": "93066" if level == "site" else None,
        }
        for level, code, material, size in (*PLACES, *sites)
    ]
    connection.execute(ADD_CELL, [{**table, **cell} for cell in cells])
