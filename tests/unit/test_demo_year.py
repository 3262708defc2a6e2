"""The simulated year before anything is recorded: what was planned for it is in it, told apart from what is chance."""

import datetime
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from bontri.demo.history.market import Purchase
from bontri.demo.history.publishing import list_closed_months, list_closed_spans
from bontri.demo.history.rollout import QUIET_SITES, SHORTEST_DAYS, Rollout, plan_rollout
from bontri.demo.history.spending import FORGETTING_SHARE, draw_visit
from bontri.demo.history.tonnages import last_of, list_months, weigh_columns
from bontri.demo.history.year import TRUE_EFFECT, UNIT_G, Year, daily_kg
from bontri.demo.recording import Happening
from rewards.bin_days import FULL_PCT
from rewards.offers import Offer
from rewards.statistics.disclosure.threshold import FEWEST_HOLDERS
from rewards.statistics.effect.measuring import measure_effect
from rewards.statistics.effect.panel import Panel, PanelSite, SiteMonth
from rewards.statistics.effect.verdict import Measured
from rewards.statistics.participation.counting import Span

PARIS = ZoneInfo("Europe/Paris")
LAST_DAY = datetime.date(2026, 11, 21)
DAY = datetime.timedelta(days=1)


@dataclass
class Lived:
    """A year that was asked for day after day; ``received`` by the day of reception, ``told`` by bin and hour."""

    rollout: Rollout
    year: Year
    received: dict[datetime.date, list[Happening]] = field(default_factory=dict)
    told: dict[datetime.date, dict[str, list[int | None]]] = field(default_factory=dict)

    @property
    def happenings(self) -> list[Happening]:
        return [each for day in self.received.values() for each in day]


def live(rollout: Rollout) -> Lived:
    lived = Lived(rollout, Year(rollout, PARIS))
    day = rollout.span.first
    while day <= rollout.span.last:
        lived.received[day] = lived.year.list_happenings(day)
        lived.told[day] = lived.year.list_told()
        day += DAY
    return lived


@pytest.fixture(scope="module")
def lived() -> Lived:
    return live(plan_rollout(days=365, last_day=LAST_DAY, seed=1, bins=18))


def test_the_same_seed_gives_the_same_year():
    first, again, other = (
        live(plan_rollout(days=SHORTEST_DAYS, last_day=LAST_DAY, seed=seed)).happenings for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_the_numbers_of_each_bin_have_neither_gaps_nor_doubles(lived: Lived):
    seqs = defaultdict(list)
    for each in lived.happenings:
        seqs[each.bin_id].append(each.seq)
    assert len(seqs) == 18
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seqs.values())


def test_bins_come_in_three_waves_and_report_only_where_they_stand(lived: Lived):
    starts = sorted({each.from_day for each in lived.rollout.stays[:18]})
    assert len(starts) == 3
    first_seen = {}
    for each in lived.happenings:
        first_seen.setdefault(each.bin_id, each.at.astimezone(PARIS).date())
    for stay in lived.rollout.stays[:18]:
        assert first_seen[stay.bin_id] >= stay.from_day


def test_a_bin_that_was_out_of_reach_reports_late_and_in_order(lived: Lived):
    for bin_id, outage in lived.rollout.offline.items():
        late = [each for each in lived.happenings if each.bin_id == bin_id and each.received_at - each.at > DAY]
        assert late
        assert {each.received_at.astimezone(PARIS).date() for each in late} == {outage.last + DAY}
        assert all(each.at.astimezone(PARIS).date() in outage for each in late)


def test_one_commune_is_silent_for_a_month_and_the_others_are_not(lived: Lived):
    silent, commune = lived.rollout.silent, lived.rollout.silent_commune
    assert silent is not None
    bins = {each.bin_id for each in lived.rollout.stays if each.insee_code == commune}
    within = [each for each in lived.happenings if each.at.astimezone(PARIS).date() in silent]
    assert within
    assert not [each for each in within if each.bin_id in bins]
    assert [each for each in lived.happenings if each.bin_id in bins]


def test_weighed_kilograms_agree_with_counted_ones_but_for_the_bins_that_drift(lived: Lived):
    half = lived.rollout.span.first + 200 * DAY
    counting, counted, weighed = defaultdict(int), defaultdict(int), defaultdict(int)
    for each in lived.happenings:
        counting[each.bin_id] += (each.items or 0) * UNIT_G
        if each.mass_g is None:
            continue
        round_g = counting.pop(each.bin_id)
        if each.at.date() >= half:
            counted[each.bin_id] += round_g
            weighed[each.bin_id] += each.mass_g
    silent = {each.bin_id for each in lived.rollout.stays if each.insee_code == lived.rollout.silent_commune}
    shares = {bin_id: weighed[bin_id] / counted[bin_id] for bin_id in counted.keys() - silent}
    much, less, other_way = [shares.pop(bin_id) for bin_id in lived.rollout.drifting]
    assert all(0.98 < share < 1.08 for share in shares.values()), shares
    assert much > less > 1.2
    assert other_way < 0.8


def test_some_bins_are_emptied_by_a_lorry_without_scales_and_all_others_weighed(lived: Lived):
    by_weighing = {True: set(), False: set()}
    for each in lived.happenings:
        if each.items is None:
            by_weighing[each.mass_g is not None].add(each.bin_id)
    assert by_weighing[False] <= lived.rollout.unweighed
    assert by_weighing[False]
    assert not by_weighing[True] & lived.rollout.unweighed


def test_bins_are_full_now_and_then_and_never_for_long(lived: Lived):
    levels = [
        level
        for day, told in lived.told.items()
        for stay in lived.rollout.stays
        if stay.is_on(day)
        for level in told[stay.bin_id]
        if level is not None
    ]
    assert 0 <= min(levels) < max(levels) <= 100
    full_share = sum(level >= FULL_PCT for level in levels) / len(levels)
    assert 0 < full_share < 0.02


def test_a_bin_that_is_not_heard_for_some_hours_reports_after_them_the_same_day(lived: Lived):
    late = 0
    for day, received in lived.received.items():
        midnight = datetime.datetime.combine(day, datetime.time(), PARIS).astimezone(datetime.UTC)
        for each in received:
            if each.at < midnight or each.bin_id in lived.rollout.offline:
                continue
            late += each.received_at - each.at > datetime.timedelta(minutes=1)
            heard = lived.told[day][each.bin_id][int((each.received_at - midnight) / datetime.timedelta(hours=1))]
            assert heard is not None
    assert late > 0


def test_few_come_to_the_first_two_quiet_bins(lived: Lived):
    cards = Counter(each.bin_id for each in lived.rollout.cards)
    few = [bin_id for bin_id, number in cards.items() if number < FEWEST_HOLDERS]
    assert len(few) == QUIET_SITES
    assert all(number > 4 * FEWEST_HOLDERS for bin_id, number in cards.items() if bin_id not in few)


def test_columns_with_a_bin_take_more_by_the_effect_that_is_built_in(lived: Lived):
    rollout = lived.rollout
    without_g = sum(
        daily_kg(stay.kg_per_year, day, rollout.span.last) * 1000
        for stay in rollout.stays
        for day in lived.received
        if stay.is_on(day)
    )
    assert sum(lived.year.dropped_g.values()) / without_g == pytest.approx(1 + TRUE_EFFECT, abs=0.02)


def test_the_effect_that_is_built_in_is_what_is_measured_on_the_tonnages(lived: Lived):
    rollout = lived.rollout
    months = list_months(rollout)
    weighed = weigh_columns(rollout, lived.year, months)
    equipped_on = {stay.site: stay.from_day for stay in rollout.stays}
    sites = [
        PanelSite(
            site,
            equipped_on.get(site),
            {month: SiteMonth(weighed[site, month], (last_of(month) - month).days + 1) for month in months},
        )
        for site in rollout.kg_per_year
    ]
    assert (months[0], months[-1]) == (datetime.date(2024, 11, 1), datetime.date(2026, 10, 1))
    told = measure_effect(Panel("glass", "tonnages", tuple(sites)))
    assert isinstance(told, Measured), told
    assert 0 < told.effect.low_percent < 100 * TRUE_EFFECT < told.effect.high_percent


def test_the_shortest_history_has_its_mishaps_within_its_days():
    rollout = plan_rollout(days=SHORTEST_DAYS, last_day=LAST_DAY, seed=3)
    assert rollout.days == SHORTEST_DAYS
    assert rollout.silent is None
    assert all(outage.first in rollout.span and outage.last < LAST_DAY for outage in rollout.offline.values())
    assert all(each.handed_out_on in rollout.span for each in rollout.cards)


def test_months_are_published_that_are_closed_and_wholly_in_the_history():
    november = datetime.date(2025, 11, 1)
    assert list_closed_months(november, datetime.date(2026, 1, 4)) == []
    assert list_closed_months(november, datetime.date(2026, 1, 5)) == [november]
    assert list_closed_months(november + DAY, datetime.date(2026, 2, 10)) == [datetime.date(2025, 12, 1)]


def test_the_year_that_ended_last_is_published_after_its_months_once_it_is_closed():
    june, january = datetime.date(2025, 6, 1), datetime.date(2026, 1, 1)
    months = [Span("month", june.replace(month=month)) for month in range(1, 13)]
    year, today = Span("year", datetime.date(2025, 1, 1)), datetime.date(2026, 4, 10)
    assert list_closed_spans(june, datetime.date(2026, 1, 20)) == months[9:11]
    newest = [Span("month", january), Span("month", january.replace(month=2))]
    assert list_closed_spans(june, today) == [*months, year, *newest]
    assert list_closed_spans(january, today) == newest


def test_vouchers_are_ended_while_shops_are_open_and_few_are_forgotten():
    offer = Offer(
        offer_id=uuid4(),
        shop_id=uuid4(),
        shop="Boulangerie",
        held_by_account_id=uuid4(),
        title="Une baguette",
        category="food",
        price_points=10,
        value_cents=120,
        funder_id=uuid4(),
        voucher_valid_days=30,
        stock_left=None,
        offered_until=None,
        most_per_wallet=None,
        limit_period=None,
        minimum_purchase_cents=0,
        budget_year=None,
    )
    rng, now = random.Random(1), datetime.datetime(2026, 3, 20, 23, tzinfo=PARIS)
    purchases = [Purchase(uuid4(), offer, uuid4()) for _ in range(2000)]
    visits = [visit for each in purchases if (visit := draw_visit(rng, each, now))]
    assert {each.at.astimezone(PARIS).hour for each in visits} == set(range(9, 19))
    assert all(DAY / 4 < each.at - now < 26 * DAY for each in visits)
    assert len(visits) / len(purchases) == pytest.approx(1 - FORGETTING_SHARE, abs=0.02)
