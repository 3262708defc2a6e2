"""The grid of figures against a plain recomputation from events, on small towns made up at random.

Bins that weigh and bins that do not, moves between sites, unit masses and calibrations that change, days
folded or not: whatever period, steps, places and materials are asked for, the sums are those of the events.
"""

import datetime
import random
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from rewards.rollups import fold_days
from rewards.statistics.figures import Missing, Question, get_figures, period_of
from tests.databases import DatabasePool
from tests.factories import build_town
from tests.ingest_scene import KEYRING

TENANT = {"authority_id": 7}
NOW = datetime.datetime(2026, 11, 21, 9, tzinfo=datetime.UTC)
FIRST, LAST = datetime.date(2025, 11, 3), datetime.date(2026, 11, 20)
MONTHS = [datetime.date(2025, 12, 1), datetime.date(2026, 3, 1), datetime.date(2026, 10, 1)]
GRANULARITIES, LEVELS = ("day", "week", "month", "year", "whole"), ("authority", "commune", "site", "bin")
BINS = ["BIN-0", "BIN-1", "BIN-2"]

FIGURES = ("deposits", "items", "kg_measured", "kg_estimated", "kg_total", "points_issued", "refusal_pct")
NOTHING = (0, Missing.NO_BIN, Missing.NOTHING_REPORTED)

DAY = datetime.timedelta(days=1)
SPAN = (LAST - FIRST).days + 1

days = st.dates(FIRST, LAST)


@dataclass
class Town:
    """What happened, as plain lists: ``drops`` are (day, bin, site, material, items, mass_g, refused, points)."""

    sites: dict[str, str] = field(default_factory=dict)
    site_ids: dict[str, object] = field(default_factory=dict)
    masses: list[tuple[str, datetime.date, int | None]] = field(default_factory=list)
    factors: dict[tuple[str, str, datetime.date], Decimal] = field(default_factory=dict)
    drops: list[tuple[datetime.date, str, str, str, int, int, int, int]] = field(default_factory=list)
    folded_on: datetime.date = FIRST
    """When days were last folded into months: read from either, figures are the same."""

    def mass_on(self, material: str, day: datetime.date) -> int | None:
        """The last that was set for the latest month up to ``day``."""
        known = [each for each in self.masses if each[0] == material and each[1] <= day]
        return max(enumerate(known), key=lambda each: (each[1][1], each[0]))[1][2] if known else None

    def factor_on(self, bin_id: str, material: str, day: datetime.date) -> Decimal:
        known = {month: factor for (b, m, month), factor in self.factors.items() if (b, m) == (bin_id, material)}
        months = [month for month in known if month <= day]
        return known[max(months)] if months else Decimal(1)

    def estimate(self, drop) -> Decimal | None:
        """Grams of a drop that no bin weighed; None where nobody knows."""
        day, bin_id, _, material, items, mass_g, *_ = drop
        if mass_g:
            return Decimal(0)
        unit_mass_g = self.mass_on(material, day)
        if unit_mass_g is None:
            return None if items else Decimal(0)
        return items * unit_mass_g * self.factor_on(bin_id, material, day)


def make_up(seed: int) -> Town:
    """Make up what happened in a year."""
    rng = random.Random(seed)
    town = Town(sites={"A": "93066", "B": "93001"}, masses=[("glass", datetime.date(2000, 1, 1), 300)])
    weighs = {bin_id: rng.random() < 0.3 for bin_id in BINS}
    for material in ("glass", "plastic"):
        for month in rng.sample(MONTHS, rng.randrange(3)):
            town.masses.append((material, month, rng.choice([None, rng.randint(1, 900), rng.randint(1, 900)])))
            town.masses += [(material, month, rng.randint(1, 900))] * rng.randrange(2)
    for bin_id in BINS:
        for month in rng.sample(MONTHS, rng.randrange(4)):
            town.factors[bin_id, "glass", month] = Decimal(rng.randint(5000, 20000)).scaleb(-4)
    moved_on = {bin_id: FIRST + rng.randrange(SPAN) * DAY for bin_id in BINS}
    for _ in range(rng.randint(0, 40)):
        day, bin_id, material = FIRST + rng.randrange(SPAN) * DAY, rng.choice(BINS), rng.choice(["glass", "plastic"])
        mass_g = rng.randint(1, 5000) if weighs[bin_id] and rng.random() < 0.9 else 0
        site = "A" if day < moved_on[bin_id] else "B"
        town.drops.append((day, bin_id, site, material, rng.randrange(20), mass_g, rng.randrange(3), 3))
    town.folded_on = FIRST + rng.randrange(SPAN) * DAY
    return town


ADD_BINS = text("""
    INSERT INTO bins (authority_id, bin_id, state, issuing_account_id, created_at)
    SELECT 7, b.bin_id, 'live', (SELECT account_id FROM accounts ORDER BY account_id LIMIT 1), :now
      FROM unnest(CAST(:bin_ids AS text[])) AS b(bin_id)
""")
ADD_MASS = text("""
    INSERT INTO unit_masses (authority_id, unit_mass_id, material, valid_from, unit_mass_g, source, set_at)
    VALUES (7, CAST(lpad(:no, 32, '0') AS uuid), :material, :month, :mass_g, 'x', :now)
""")
ADD_FACTOR = text("""
    INSERT INTO bin_calibrations (authority_id, bin_id, material, valid_from, factor, rounds, counted_g, weighed_g,
                                  decided_by, decided_at)
    VALUES (7, :bin_id, :material, :month, :factor, 1, 1, 1, 'x', :now)
""")
ADD_DROP = text("""
    INSERT INTO daily_deposits AS d (authority_id, day, bin_id, site_id, material, deposits, credited_deposits, items,
                                     mass_g, refused, points, unweighed_items)
    VALUES (7, :day, :bin_id, :site_id, :material, 1, 0, :items, :mass_g, :refused, :points,
            CASE WHEN :mass_g = 0 THEN :items ELSE 0 END)
    ON CONFLICT (authority_id, day, bin_id, site_id, material) DO UPDATE
       SET deposits = d.deposits + 1, items = d.items + excluded.items, mass_g = d.mass_g + excluded.mass_g,
           refused = d.refused + excluded.refused, points = d.points + excluded.points,
           unweighed_items = d.unweighed_items + excluded.unweighed_items
""")
NAMES = ("day", "bin_id", "site", "material", "items", "mass_g", "refused", "points")


@pytest.fixture(scope="module")
def connection(databases: DatabasePool):
    with databases.lend() as database, database.engine().connect() as connection:
        build_town(connection, KEYRING)
        connection.execute(text("UPDATE bins SET state = 'test'"))  # those of the town are not in these figures
        connection.execute(ADD_BINS, {"bin_ids": BINS, "now": NOW})
        yield connection


def write(connection: Connection, town: Town) -> None:
    """Put a town into the database: rollups, masses, calibrations."""
    for table in ("daily_deposits", "monthly_deposits", "folded_days", "unit_masses", "bin_calibrations"):
        connection.execute(text(f"DELETE FROM {table}"))
    town.site_ids = {row.reference: row.site_id for row in connection.execute(text("SELECT * FROM sites"))}
    for no, (material, month, mass_g) in enumerate(town.masses):
        facts = {"no": str(no), "material": material, "month": month, "mass_g": mass_g, "now": NOW}
        connection.execute(ADD_MASS, facts)
    for (bin_id, material, month), factor in town.factors.items():
        facts = {"bin_id": bin_id, "material": material, "month": month, "factor": factor, "now": NOW}
        connection.execute(ADD_FACTOR, facts)
    for drop in town.drops:
        facts = dict(zip(NAMES, drop, strict=True))
        facts["site_id"] = town.site_ids[facts["site"]]
        connection.execute(ADD_DROP, facts)
    while fold_days(connection, **TENANT, today=town.folded_on):
        pass


def step_name(day: datetime.date, granularity: str) -> str:
    """What a reader would call the step of a day."""
    year, week, _ = day.isocalendar()
    return {
        "day": day.isoformat(),
        "week": f"{year}-W{week:02}",
        "month": f"{day:%Y-%m}",
        "year": f"{day:%Y}",
        "whole": "whole",
    }[granularity]


def recompute(town: Town, question: Question) -> dict[tuple[str, str, str | None], dict[str, object]]:
    """Sum the drops one by one."""
    cells = defaultdict(list)
    for drop in town.drops:
        day, bin_id, site, material, *_ = drop
        if not question.period.first_day <= day <= question.period.last_day:
            continue
        if question.material not in (None, material) or question.insee_code not in (None, town.sites[site]):
            continue
        unit = {
            "authority": "",
            "commune": town.sites[site],
            "site": str(town.site_ids[site]),
            "bin": bin_id,
        }[question.level]
        of = material if question.is_by_material or question.material else None
        cells[step_name(day, question.granularity), unit, of].append(drop)
    return {key: sums_of(town, drops) for key, drops in cells.items()}


def sums_of(town: Town, drops) -> dict[str, object]:
    """The figures of some drops."""
    estimates = [town.estimate(drop) for drop in drops]
    is_unknown = None in estimates
    measured_kg = Decimal(sum(drop[5] for drop in drops)).scaleb(-3)
    estimated_kg = None if is_unknown else sum(estimates, Decimal(0)).quantize(Decimal(1)).scaleb(-3)
    presented = sum(drop[4] + drop[6] for drop in drops)
    return {
        "deposits": len(drops),
        "items": sum(drop[4] for drop in drops),
        "kg_measured": measured_kg,
        "kg_estimated": Missing.UNIT_MASS_UNKNOWN if is_unknown else estimated_kg,
        "kg_total": Missing.UNIT_MASS_UNKNOWN if is_unknown else measured_kg + estimated_kg,
        "points_issued": sum(drop[7] for drop in drops),
        "refusal_pct": (100 * Decimal(sum(drop[6] for drop in drops)) / presented).quantize(Decimal("0.01"))
        if presented
        else Missing.NOTHING_PRESENTED,
    }


@given(
    seed=st.integers(0, 2**32),
    period=st.just([FIRST, LAST]) | st.tuples(days, days).map(sorted),
    granularity=st.sampled_from(GRANULARITIES),
    level=st.sampled_from(LEVELS),
    is_by_material=st.booleans(),
    material=st.sampled_from([None, None, "glass", "plastic"]),
    insee_code=st.sampled_from([None, None, "93001"]),
)
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_cell_is_the_sum_of_its_events(connection, seed, period, granularity, **asked):
    town = make_up(seed)
    write(connection, town)
    first, last = period
    if granularity in ("day", "week"):
        last = min(last, first + datetime.timedelta(days=365))
    question = Question(period_of(granularity, first, last), granularity, **asked)
    found = get_figures(connection, question, **TENANT, timezone=ZoneInfo("Europe/Paris"), now=NOW)
    expected = recompute(town, question)
    reported = {
        (cell.step.name, cell.place.unit, cell.material): {name: cell.figures[name] for name in FIGURES}
        for cell in found.cells
        if cell.figures["deposits"] not in NOTHING
    }
    assert reported == expected
    totals = [total.figures["deposits"] for total in found.totals if total.figures["deposits"] not in NOTHING]
    assert sum(totals) == sum(each["deposits"] for each in expected.values())
