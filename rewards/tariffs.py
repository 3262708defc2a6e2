"""What a deposit earns: the tariff in force when it occurred, and its arithmetic as pure functions."""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, insert, select, text, update

from rewards.errors import OperatorRefusedError
from rewards.ids import Id, new_id
from rewards.schema.tariffs import Tariff as TariffRow
from rewards.schema.tariffs import TariffLine as TariffLineRow
from rewards.schema.territory import Authority

Basis = Literal["item", "kilogram"]


class MassMissingError(Exception):
    """The line pays per kilogram and the bin did not weigh."""


@dataclass(frozen=True, slots=True)
class TariffLine:
    """Points per item or per kilogram of one material."""

    tariff_line_id: Id
    basis: Basis
    points: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """A tariff with its lines by material; a cap of None holds nothing back.

    ``welcome_points`` are given once, with the first deposit ever credited to a citizen.
    """

    valid_from: datetime.datetime
    day_cap_points: int | None
    week_cap_points: int | None
    lines: dict[str, TariffLine]
    bin_hour_cap_points: int | None = None
    welcome_points: int = 0


def points_for_deposit(line: TariffLine, *, items: int, mass_g: int | None) -> int:
    """Return the points one deposit earns before campaigns and caps.

    Rounds down, so that splitting a deposit never earns more than making it at once.

    Raises:
        MassMissingError: the line pays per kilogram and the bin did not weigh.

    Source: docs/decisions/0003-rounding.md.
    """
    if line.basis == "item":
        return items * line.points
    if mass_g is None:
        raise MassMissingError
    return mass_g * line.points // 1000


def find_tariff_in_force(tariffs: Sequence[Tariff], at: datetime.datetime) -> Tariff | None:
    """Find the tariff in force at ``at``; ``tariffs`` are ordered by ``valid_from``."""
    # From the newest on: nearly always it is the first one looked at.
    for tariff in reversed(tariffs):
        if tariff.valid_from <= at:
            return tariff
    return None


def list_tariffs(connection: Connection, *, authority_id: int) -> list[Tariff]:
    """List the authority's tariffs by ``valid_from``, oldest first."""
    # Tariffs before lines: one that is published in between is then not seen at all, rather than without its lines.
    tariffs = connection.execute(
        select(
            TariffRow.tariff_id,
            TariffRow.valid_from,
            TariffRow.day_cap_points,
            TariffRow.week_cap_points,
            TariffRow.bin_hour_cap_points,
            TariffRow.welcome_points,
        )
        .where(TariffRow.authority_id == authority_id)
        .order_by(TariffRow.valid_from)
    ).all()
    lines: defaultdict[UUID, dict[str, TariffLine]] = defaultdict(dict)
    for line in connection.execute(
        select(
            TariffLineRow.tariff_id,
            TariffLineRow.material,
            TariffLineRow.tariff_line_id,
            TariffLineRow.basis,
            TariffLineRow.points,
        ).where(TariffLineRow.authority_id == authority_id)
    ):
        lines[line.tariff_id][line.material] = TariffLine(str(line.tariff_line_id), line.basis, line.points)
    return [
        Tariff(
            row.valid_from,
            row.day_cap_points,
            row.week_cap_points,
            lines[row.tariff_id],
            row.bin_hour_cap_points,
            row.welcome_points,
        )
        for row in tariffs
    ]


@dataclass(frozen=True, slots=True)
class PublishedTariff:
    """A tariff as the authority sees it; ``state`` is ``superseded``, ``in force`` or ``to come``."""

    tariff_id: UUID
    name: str
    state: str
    valid_from: datetime.datetime
    day_cap_points: int | None
    week_cap_points: int | None
    bin_hour_cap_points: int | None
    welcome_points: int
    lines: dict[str, tuple[Basis, int]]


# What is in force depends on the tariff after it, so all are looked at before a page is cut out.
LIST_PUBLISHED = text("""
    SELECT * FROM (
    SELECT t.tariff_id, t.name,
           CASE WHEN t.valid_from > :now THEN 'to come'
                WHEN lead(t.valid_from) OVER (ORDER BY t.valid_from) <= :now THEN 'superseded'
                ELSE 'in force' END AS state,
           t.valid_from, t.day_cap_points, t.week_cap_points, t.bin_hour_cap_points, t.welcome_points,
           (SELECT jsonb_object_agg(l.material, jsonb_build_array(l.basis, l.points)) FROM tariff_lines l
             WHERE l.authority_id = t.authority_id AND l.tariff_id = t.tariff_id) AS lines
      FROM tariffs t WHERE t.authority_id = :authority_id) AS p
     WHERE (CAST(:after AS timestamptz) IS NULL OR p.valid_from < :after)
       AND (CAST(:tariff_id AS uuid) IS NULL OR p.tariff_id = :tariff_id)
     ORDER BY p.valid_from DESC LIMIT :limit
""")


class TariffUnknownError(OperatorRefusedError):
    """The authority has no such tariff."""

    code = "tariff_unknown"

    def __init__(self, tariff_id: UUID) -> None:
        super().__init__(f"there is no tariff {tariff_id}: see bontri tariffs list")


def get_published_tariff(
    connection: Connection, tariff_id: UUID, *, authority_id: int, now: datetime.datetime
) -> PublishedTariff:
    """Return one tariff; raises ``TariffUnknownError``."""
    found = list_published_tariffs(connection, authority_id=authority_id, now=now, tariff_id=tariff_id)
    if not found:
        raise TariffUnknownError(tariff_id)
    return found[0]


def list_published_tariffs(
    connection: Connection,
    *,
    authority_id: int,
    now: datetime.datetime,
    tariff_id: UUID | None = None,
    after: tuple[datetime.datetime] | None = None,
    limit: int | None = None,
) -> list[PublishedTariff]:
    """List the authority's tariffs, or one, the newest first; behind the beginning of ``after``."""
    values = {"authority_id": authority_id, "now": now, "tariff_id": tariff_id, "limit": limit}
    rows = connection.execute(LIST_PUBLISHED, {**values, "after": after[0] if after else None})
    tariffs = []
    for row in rows.mappings():
        lines = {material: (line[0], line[1]) for material, line in sorted((row["lines"] or {}).items())}
        tariffs.append(PublishedTariff(**{**row, "lines": lines}))
    return tariffs


def add_tariff(
    connection: Connection,
    *,
    authority_id: int,
    name: str,
    valid_from: datetime.datetime,
    lines: dict[str, tuple[Basis, int]],
    day_cap_points: int | None = None,
    week_cap_points: int | None = None,
    bin_hour_cap_points: int | None = None,
    welcome_points: int = 0,
) -> UUID:
    """Add a tariff in force from ``valid_from``; ``lines`` give (basis, points) by material. Return its id.

    Bins are told of it: it raises the version of what they show.
    """
    tariff_id = new_id()
    connection.execute(
        insert(TariffRow).values(
            authority_id=authority_id,
            tariff_id=tariff_id,
            name=name,
            valid_from=valid_from,
            day_cap_points=day_cap_points,
            week_cap_points=week_cap_points,
            bin_hour_cap_points=bin_hour_cap_points,
            welcome_points=welcome_points,
        )
    )
    connection.execute(
        insert(TariffLineRow),
        [
            {
                "authority_id": authority_id,
                "tariff_line_id": new_id(),
                "tariff_id": tariff_id,
                "material": material,
                "basis": basis,
                "points": points,
            }
            for material, (basis, points) in lines.items()
        ],
    )
    announce_display(connection, authority_id=authority_id)
    return tariff_id


def announce_display(connection: Connection, *, authority_id: int) -> None:
    """Raise the version of what the authority's bins show, so that it is published to them again."""
    connection.execute(
        update(Authority)
        .where(Authority.authority_id == authority_id)
        .values(config_version=Authority.config_version + 1)
    )
