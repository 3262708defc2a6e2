"""A year of figures as the domain returns them, with a hole, a partial month and a withheld one; nothing is read."""

import datetime
import random
from decimal import Decimal
from typing import Any

from rewards.liability import Liability, LotsOfMonth, PointValue, VouchersOfMonth
from rewards.mass_balance import BinBalance, NewestRound
from rewards.mass_balance.arithmetic import Weighing
from rewards.statistics.bin_attendance import BinAttendance
from rewards.statistics.effect.showing import show_verdict
from rewards.statistics.effect.verdict import Effect, Measured, NotMeasurable, Reason, Trend, TrendMonth, WaveUsed
from rewards.statistics.figures import Cell, Coverage, Figures, Missing, Place, Question, Step
from rewards.statistics.figures.comparing import CellKey, key_of
from rewards.statistics.figures.comparing import Comparison as ComparedCell
from rewards.statistics.figures.of_sites import SiteFigures
from rewards.statistics.participation.shares import Participation
from rewards.statistics.periods import Period
from rewards.statistics.references.by_bins import TakenByBins
from rewards.statistics.references.comparing import Comparison, Level, Reference

NOW = datetime.datetime(2026, 11, 20, 9, tzinfo=datetime.UTC)
MONTHS = [datetime.date(2025 + (11 + number) // 12, (11 + number) % 12 + 1, 1) for number in range(12)]
KG = [9120, 8340, 7980, 9450, 10210, 10980, 11240, 12010, None, 10870, 10120, 6230]
WHOLE = Coverage(bins=40, bins_reporting=40)
HOLED = Coverage(bins=40, bins_reporting=37, bins_missing=3)


def step_of(number: int, *, is_partial: bool = False) -> Step:
    month = MONTHS[number]
    last_day = (month + datetime.timedelta(days=31)).replace(day=1) - datetime.timedelta(days=1)
    return Step(number, f"{month:%Y-%m}", month, month, last_day, last_day.day, is_partial)


def cell_of(number: int, kg: int | None, *, place: Place | None = None, coverage: Coverage = WHOLE) -> Cell:
    known = Missing.NOTHING_REPORTED if kg is None else Decimal(kg)
    flows = {
        "points_issued": 40 * (kg or 0),
        "points_redeemed": 22 * (kg or 0),
        "points_expired": 9000 * max(0, number - 6),
    }
    step = step_of(number, is_partial=number == 11)
    return Cell(step, place or Place(""), None, None, coverage, {"kg_total": known, **flows})


def make_figures() -> Figures:
    cells = [cell_of(number, kg, coverage=HOLED if number in (3, 8) else WHOLE) for number, kg in enumerate(KG)]
    question = Question(Period(MONTHS[0], MONTHS[-1]))
    return Figures(question, [cell.step for cell in cells], cells, [], [], assumptions=None)  # type: ignore[arg-type]


def make_compared(figures: Figures) -> dict[CellKey, ComparedCell]:
    return {
        key_of(cell): ComparedCell(cell_of(number, 8000 + 250 * number), None, None)
        for number, cell in enumerate(figures.cells)
        if number > 1
    }


def reference(level: Level, name: str, kg: float | None, found: int = 1, of: int = 1) -> Reference:
    return Reference(level, name, name, 2023, kg, 1, 1, (2023,), found, of, ("SINOE",))


def make_comparison(own_kg: float | None = 26.4) -> Comparison:
    return Comparison(
        "glass",
        2025,
        2023,
        2,
        reference("authority", "own", own_kg),
        TakenByBins(21.7 if own_kg else None, 300, 40, 40, (), 1, (2023,), None),
        (
            reference("department", "76", 28.1),
            reference("region", "Normandie", 33.9, 4, 5),
            reference("nation", "France", 30.2),
        ),
    )


def make_verdict() -> dict[str, Any]:
    draw = random.Random(5)
    months = []
    for number in range(24):
        month = datetime.date(2025 + number // 12, number % 12 + 1, 1)
        season = 100 + 12 * ((number % 12) - 5.5) / 5.5
        after = 14 if number >= 12 else 0
        equipped = None if number == 17 else season + after + draw.gauss(0, 3)
        months.append(TrendMonth(month, equipped, season + draw.gauss(0, 3)))
    wave = WaveUsed(datetime.date(2026, 1, 1), datetime.date(2026, 12, 1), ("A", "B"), tuple(range(1, 13)))
    trend = Trend(Effect(0.4, -2.1, 3.0), 0.7, is_most_extreme=False, months=tuple(months))
    effect = Effect(13.2, 7.9, 18.8)
    return show_verdict(Measured(effect, 0.001, "welch", "emptyings", (wave,), ("C", "D"), (), trend))


def make_verdicts() -> list[tuple[str, dict[str, Any]]]:
    def measured(percent: float, low: float, high: float) -> dict[str, Any]:
        return {"effect": {"percent": percent, "low_percent": low, "high_percent": high}}

    return [
        ("Ensemble", make_verdict()),
        ("Montivilliers", measured(17.8, 4.1, 33.2)),
        ("Harfleur", measured(2.4, -9.6, 15.9)),
        ("Octeville-sur-Mer", measured(-6.2, -14.8, 3.1)),
        ("Sainte-Adresse", show_verdict(NotMeasurable((Reason("no_control"),), "emptyings"))),
    ]


def make_participation() -> list[Participation]:
    holders = [410, 455, None, 520, 560, 610, 640, 15, 590, 700, 735, 760]
    return [
        Participation(
            month, "authority", "", "", None, "", count, None if number == 7 or count is None else 30 + 4 * number,
            None, None, None, None, None, None, None, 2000, 300, 0.15, count is None, NOW,
        )
        for number, (month, count) in enumerate(zip(MONTHS, holders, strict=True))
    ]  # fmt: skip


def make_bins() -> list[BinAttendance]:
    draw = random.Random(3)
    bins = []
    for number in range(26):
        likely = NOW + datetime.timedelta(days=1 + 0.9 * number)
        latest = None if number == 9 else likely + datetime.timedelta(days=1 + 0.3 * number)
        bins.append(
            BinAttendance(
                f"b-{number:03}", f"HAV-{number:03}", "76351", "Le Havre", 1, 0, 1, 0, max(3, 96 - 4 * number), NOW,
                likely, likely - datetime.timedelta(days=draw.uniform(0.3, 1 + number / 6)), latest, None,
            )
        )  # fmt: skip
    silent = BinAttendance("b-999", None, None, None, 1, 1, 0, 0, None, None, None, None, None, "nothing_told")
    return [*bins, silent]


def make_balances() -> list[BinBalance]:
    draw = random.Random(7)
    balances = []
    for number in range(30):
        counted = draw.randrange(300_000, 1_900_000)
        ratio = 1.42 if number == 4 else 0.7 if number == 11 else draw.gauss(1, 0.05)
        weighing = Weighing(counted, round(counted * ratio))
        newest = [NewestRound(1, each, NOW, NOW, 1, 0, weighing, 1.0) for each in range(5)]
        balances.append(
            BinBalance(
                f"b-{number:03}", "glass", f"HAV-{number:03}", 8, 8, 100, 10, counted, weighing.weighed_g, None, None,
                "unit_mass", newest, 25, None,
            )
        )  # fmt: skip
    return balances


def make_liability(*, is_empty: bool = False) -> Liability:
    if is_empty:
        return Liability(NOW, PointValue("nothing", 0, 0, 0), None, [], [], 0, 0)
    lots = [
        LotsOfMonth(month, month.replace(year=month.year + 2), 40, 9000 + 1500 * n) for n, month in enumerate(MONTHS)
    ]
    vouchers = [VouchersOfMonth(month, 9, 3000 + 100 * n, 3000, 2400 * n) for n, month in enumerate(MONTHS[8:])]
    return Liability(NOW, PointValue("redeemed", 1000, 1000, 950), 0.8, lots, vouchers, 1000, 2000)


def make_sites() -> list[SiteFigures]:
    communes = ("Le Havre", "Montivilliers", "Harfleur")
    sites = []
    for number in range(24):
        place = Place(f"{number}", "76351", communes[number % 3], f"HAV-{number:03}")
        coverage = HOLED if number in (2, 9) else WHOLE
        kg = None if number == 23 else round(5200 / (1 + number / 5))
        sites.append(SiteFigures(cell_of(0, kg, place=place, coverage=coverage), {}))
    return sites
