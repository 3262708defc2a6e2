"""The sites or communes of a period by kilograms, each with what to do there: figures, levels and signs together."""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from rewards.statistics.advice.observing import list_levels, list_silent_days
from rewards.statistics.advice.rules import (
    Judgement,
    Levels,
    Observed,
    judge_commune,
    judge_site,
    rank_by,
    round_off,
)
from rewards.statistics.figures.cells import Cell
from rewards.statistics.figures.missing import Missing
from rewards.statistics.figures.questions import Question
from rewards.statistics.figures.reading import Figures, get_figures
from rewards.statistics.figures.reckoning import Figure
from rewards.statistics.figures.sums import get_sums

RankingLevel = Literal["site", "commune"]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A site or a commune at its ``place`` in the list, with what to do there.

    ``rank`` is by kilograms, ``rank_per_bin_day`` by kilograms a bin and day it stood; None where nobody knows them.
    ``seen`` is None of communes, ``sites_advised`` (sites of it with something to do) of sites.
    """

    place: int
    rank: int | None
    rank_per_bin_day: int | None
    cell: Cell
    kg_total: Decimal | None
    kg_per_bin_day: Decimal | None
    judgement: Judgement
    seen: Observed | None = None
    sites_advised: int | None = None

    @property
    def full_pct(self) -> Decimal | None:
        """The share of full hours in those told; None of communes, and where too few days have a level."""
        full_pct = None if self.seen is None else self.seen.full_pct
        return None if full_pct is None else round_off(full_pct)


def list_ranking(
    connection: Connection,
    question: Question,
    *,
    authority_id: int,
    timezone: ZoneInfo,
    now: datetime.datetime,
) -> list[Ranked]:
    """List the sites, or the communes where the question is of these, the most kilograms first, the unknown last.

    Raises:
        PeriodToComeError, FiguresTooManyError, CommuneUnknownError, MaterialUnknownError: the question makes no sense
            here.
    """
    # Medians want all sites of a commune.
    asked = replace(question, granularity="whole", level="site", is_by_material=False, site=None, bin_id=None)
    facts: dict[str, Any] = {"authority_id": authority_id}
    when: dict[str, Any] = {"timezone": timezone, "now": now}
    sites = get_figures(connection, asked, **facts, **when)
    seen = observe(connection, sites, asked, **facts, **when)
    judgements = [judge_site(each) for each in seen]
    if question.level != "commune":
        return rank(sites.cells, judgements, seen=seen)
    advised: defaultdict[str | None, int] = defaultdict(int)
    for cell, judgement in zip(sites.cells, judgements, strict=True):
        advised[cell.place.insee_code] += judgement.advice is not None
    communes = get_figures(connection, replace(asked, level="commune"), **facts, **when)
    reference = communes.assumptions.get("inhabitants_per_bin", question.period.last_day).value
    of_communes = [
        judge_commune(
            bins=cell.coverage.bins,
            inhabitants_per_bin=known(cell.figures["inhabitants_per_bin"]),
            bins_lacking=None if (lacking := known(cell.figures["bins_lacking"])) is None else int(lacking),
            reference=reference,
        )
        for cell in communes.cells
    ]
    return rank(communes.cells, of_communes, sites_advised=advised)


def observe(
    connection: Connection,
    sites: Figures,
    asked: Question,
    *,
    authority_id: int,
    timezone: ZoneInfo,
    now: datetime.datetime,
) -> list[Observed]:
    """Return what was seen of each site, in their order."""
    where: dict[str, Any] = {
        "authority_id": authority_id,
        "timezone": timezone,
        "insee_code": asked.insee_code,
    }
    levels = list_levels(connection, asked.period, **where)
    silent_days = list_silent_days(connection, asked.period, **where, now=now)
    seen = [
        Observed(
            bins=cell.coverage.bins,
            bin_days=cell.coverage.bin_days,
            days=cell.step.days,
            kilograms=known(cell.figures["kg_total"]),
            is_over=not cell.step.is_partial,
            bins_missing=cell.coverage.bins_missing,
            bins_in_between=cell.coverage.bins_in_between,
            silent_days=silent_days.get(cell.place.unit, 0),
            levels=levels.get(cell.place.unit, Levels()),
            is_of_all=asked.material is None,
        )
        for cell in sites.cells
    ]
    materials: defaultdict[str, set[str]] = defaultdict(set)
    for (_, unit, material), sums in get_sums(connection, asked, authority_id=authority_id).items():
        if sums.items:
            materials[unit].add(material)
    likes = [(cell.place.insee_code, frozenset(materials[cell.place.unit])) for cell in sites.cells]
    return list_beside_others(seen, likes)


def list_beside_others(seen: Sequence[Observed], likes: Sequence[tuple[str | None, frozenset[str]]]) -> list[Observed]:
    """Return sites with what those like them took by bin and day: of one commune and the same materials, complete.

    Glass weighs more than plastic: a median over both says nothing of either. A site with no deposit is like none.
    """
    others: defaultdict[tuple[str | None, frozenset[str]], list[Fraction]] = defaultdict(list)
    for each, like in zip(seen, likes, strict=True):
        pace = each.kg_per_bin_day
        if each.is_complete and pace is not None and like[1]:
            others[like].append(pace)
    return [replace(each, others=tuple(others.get(like, ()))) for each, like in zip(seen, likes, strict=True)]


def rank(
    cells: Sequence[Cell],
    judgements: Iterable[Judgement],
    *,
    seen: Sequence[Observed | None] = (),
    sites_advised: Mapping[str | None, int] | None = None,
) -> list[Ranked]:
    """Return cells in order, the most kilograms first."""
    kilograms = [known(cell.figures["kg_total"]) for cell in cells]
    paces = [
        None if kg is None or not cell.coverage.bin_days else Fraction(kg) / cell.coverage.bin_days
        for cell, kg in zip(cells, kilograms, strict=True)
    ]
    columns = zip(
        rank_by(kilograms),
        rank_by(paces),
        cells,
        kilograms,
        paces,
        judgements,
        seen or [None] * len(cells),
        strict=True,
    )
    ordered = sorted(columns, key=lambda each: (each[0] is None, each[0] or 0, name_of(each[2])))
    return [
        Ranked(
            place,
            by_kg,
            by_pace,
            cell,
            kg,
            None if pace is None else round_off(pace),
            judgement,
            of_site,
            None if sites_advised is None else sites_advised[cell.place.insee_code],
        )
        for place, (by_kg, by_pace, cell, kg, pace, judgement, of_site) in enumerate(ordered, start=1)
    ]


def name_of(cell: Cell) -> tuple[str, str]:
    """Return what cells of one rank are listed by."""
    return cell.place.site or cell.place.commune or "", cell.place.unit


def known(figure: Figure) -> Decimal | None:
    """Return a figure, None where it is missing."""
    return None if isinstance(figure, Missing) else Decimal(figure)
