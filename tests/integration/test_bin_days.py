"""What bins said of themselves by day: silent and full hours, levels and forecasts, from signed reports."""

import datetime
import itertools
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from ingest.pipeline import Pipeline
from rewards.bin_days import hour_of
from rewards.statistics.bin_attendance import list_bin_attendance
from rewards.statistics.periods import Period, PeriodToComeError
from tests.databases import Database
from tests.factories import Town, build_town
from tests.operator_commands import succeed
from tests.speaker import Speaker

PARIS = ZoneInfo("Europe/Paris")
HOUR = datetime.timedelta(hours=1)
DAY = 24 * HOUR
MORNING = datetime.datetime(2026, 11, 21, 6, 10, tzinfo=datetime.UTC)


@pytest.fixture
def town(database: Database, keyring) -> Town:
    with database.engine().begin() as connection:
        return build_town(connection, keyring)


@pytest.fixture
def pipeline(database: Database, keyring) -> Pipeline:
    return Pipeline(database.engine("bontri_ingest"), keyring)


@pytest.fixture
def speaker(town: Town, keyring) -> Speaker:
    return Speaker(keyring, town.slug, town.bin_ids[0])


def days_of(database: Database) -> list[tuple]:
    with database.engine().connect() as connection:
        query = "SELECT day, heard_hours, told_hours, full_hours, fill_pct FROM bin_days ORDER BY day"
        return [tuple(row) for row in connection.execute(text(query))]


def attendance(database: Database, town: Town, period: Period, now: datetime.datetime):
    with database.engine("bontri_reader").connect() as connection:
        found = list_bin_attendance(connection, period, authority_id=town.authority_id, timezone=PARIS, now=now)
    return {each.bin_id: each for each in found}


def test_hours_are_those_of_the_authoritys_day_and_a_level_is_that_of_the_fullest_compartment(
    database, pipeline, speaker
):
    messages = [
        speaker.say("hello", MORNING, next_seq=1, oldest_held=1),
        speaker.say("status", MORNING, fill_pct={"glass": 96, "paper": 4}),
        speaker.say("status", MORNING + HOUR, fill_pct=97),
        speaker.say("status", MORNING + 2 * HOUR),
        # Half past midnight in Paris: the next day.
        speaker.say("status", MORNING.replace(hour=23, minute=30), fill_pct=3),
    ]
    pipeline.process(messages, now=MORNING)
    first, second = datetime.date(2026, 11, 21), datetime.date(2026, 11, 22)
    assert days_of(database) == [(first, 0b111 << 7, 0b11 << 7, 0b11 << 7, 97), (second, 1, 1, 0, 3)]


def test_neither_order_nor_repeats_of_reports_matter(database, pipeline, speaker, town):
    at = [MORNING + minutes * HOUR / 4 for minutes in range(4)]
    messages = [speaker.say("status", each, fill_pct=fill) for each, fill in zip(at, (95, 40, 50, 60), strict=True)]
    found = set()
    for order in itertools.islice(itertools.permutations(messages), 0, 24, 5):
        for message in (*order, order[0]):
            pipeline.process([message], now=MORNING)
        found.update(days_of(database))
        with database.engine().begin() as connection:
            connection.execute(text("DELETE FROM bin_days"))
    assert found == {(MORNING.date(), 1 << 7, 1 << 7, 1 << 7, 60)}


def test_the_night_in_which_clocks_go_back_has_25_hours():
    hours = [
        hour_of(datetime.datetime(2026, 10, 24, 22, 5, tzinfo=datetime.UTC) + hour * HOUR, PARIS) for hour in range(26)
    ]
    assert hours[:25] == [(datetime.date(2026, 10, 25), hour) for hour in range(25)]
    assert hours[25] == (datetime.date(2026, 10, 26), 0)


def test_silence_is_counted_while_a_bin_stands_somewhere_and_until_now(database, pipeline, speaker, town):
    with database.engine().begin() as connection:
        connection.execute(
            text("UPDATE placements SET placed_at = :at WHERE bin_id = :bin_id"),
            {"at": MORNING - 4 * HOUR, "bin_id": speaker.bin_id},
        )
    pipeline.process(
        [speaker.say("status", MORNING + hour * HOUR, fill_pct=95 + hour) for hour in range(3)], now=MORNING
    )
    period = Period(datetime.date(2026, 11, 20), datetime.date(2026, 11, 30))
    found = attendance(database, town, period, MORNING + 6 * HOUR)
    told, mute = found[speaker.bin_id], found[town.bin_ids[1]]
    assert (told.placed_minutes, told.silent_minutes, told.told_minutes, told.full_minutes) == (600, 420, 180, 180)
    assert (told.fill_pct, told.no_forecast) == (97, "too_few_levels")
    assert mute.silent_minutes == mute.placed_minutes > 600
    assert (mute.fill_pct, mute.no_forecast) == (None, "nothing_told")


def test_a_bin_in_test_is_in_no_figure_and_a_period_to_come_is_refused(database, town):
    period = Period(datetime.date(2026, 11, 20), datetime.date(2026, 11, 30))
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE bins SET state = 'test' WHERE bin_id = :bin_id"), {"bin_id": town.bin_ids[0]})
    assert town.bin_ids[0] not in attendance(database, town, period, MORNING)
    with pytest.raises(PeriodToComeError):
        attendance(database, town, period, MORNING - 3 * DAY)


def test_the_command_tells_level_and_forecast(database, pipeline, speaker, town):
    today = datetime.datetime.now(datetime.UTC).replace(hour=12, minute=0)
    levels = ((5, 90), (4, 10), (3, 20), (2, 30), (1, 40))
    for days, level_pct in levels:
        pipeline.process([speaker.say("status", today - days * DAY, fill_pct=level_pct)], now=MORNING)
    said = succeed(database, "stats", "bins", "--authority", town.slug, "--bin", speaker.bin_id).output
    full_on = (today + 5 * DAY).astimezone(PARIS).date()
    assert f"40 %  {full_on}  {full_on} and {full_on}" in " ".join(said.split(" ")).replace("   ", "  ")
