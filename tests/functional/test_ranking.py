"""Sites and communes by what they took, with what to do there: as agents ask, as operators type, as it is stored."""

import csv
import datetime
import io
import json
import random
from collections.abc import Iterator
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from rewards.bins import NewBin, add_bins
from rewards.fleet.placing import move_bin
from rewards.statistics.advice.observing import list_levels, list_silent_days
from rewards.statistics.periods import Period
from rewards.territory import NewSite, add_sites
from tests.api_client import Api, assert_problem, start_api
from tests.databases import Database
from tests.factories import START, deposit
from tests.ingest_scene import KEYRING
from tests.operator_commands import code_of, run, succeed

NOW = datetime.datetime(2026, 11, 21, 9, tzinfo=datetime.UTC)
PARIS = ZoneInfo("Europe/Paris")
SUMMER = Period(datetime.date(2026, 7, 1), datetime.date(2026, 10, 31))
ASKED = "from=2026-07-01&to=2026-10-31"
DAYS = [SUMMER.first_day + datetime.timedelta(days=no) for no in range(123)]
ITEMS = {"A": 5, "C": 40, "D": 50, "E": 60, "F": 70, "G": 80}
"""By site of Saint-Denis, in glass; B is in Aubervilliers and says nothing."""
FULL_HOURS = {"C": 3, "G": 1}
"""Of four hours a day in which a level is told."""
TELL = text("""
    INSERT INTO bin_days (authority_id, day, bin_id, heard_hours, told_hours, full_hours, fill_pct, fill_at)
    VALUES (:authority_id, :day, :bin_id,
            CAST(:told_hours AS integer) | 1, :told_hours, :full_hours, :fill_pct, :fill_at)
""")
STORED = text("""
    SELECT bin_id, day, told_hours, full_hours, fill_pct FROM bin_days
     WHERE authority_id = :authority_id AND told_hours <> 0 AND day BETWEEN :first AND :last ORDER BY bin_id, day
""")
MOVED_AT = datetime.datetime(2026, 8, 15, 10, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def of_module(databases) -> Iterator[Database]:
    with databases.lend() as database:
        yield database


@pytest.fixture(scope="module")
def api(of_module: Database) -> Api:
    """Six bins of a commune that told four levels a day for four months; C was emptied weekly, G never."""
    api = start_api(of_module, KEYRING, NOW)
    of_town = {"authority_id": api.town.authority_id}
    with api.owner.begin() as connection:
        new = [NewSite(name, "93066", f"1 rue {name}", 48.93, 2.36) for name in "CDEFG"]
        sites = add_sites(connection, new, **of_town)
        bins = [NewBin(f"BIN-{name}", site_id, START) for name, site_id in sites.items()]
        add_bins(connection, bins, **of_town, now=START)
        api.town.bin_ids += [each.bin_id for each in bins]
        bin_of = dict(zip("ABCDEFG", api.town.bin_ids, strict=True))
        for name, items in ITEMS.items():
            at = NOW.replace(month=9)
            deposit(connection, api.town, badge=None, items=items, now=at, bin_no="ABCDEFG".index(name))
        rows = [
            {
                **of_town,
                "bin_id": bin_of[name],
                "day": day,
                "told_hours": 0b1111 << 8,
                "full_hours": (1 << FULL_HOURS.get(name, 0)) - 1 << 8,
                "fill_pct": 10 + 10 * (no % 6) if name != "G" else 60,
                "fill_at": datetime.datetime.combine(day, datetime.time(12), datetime.UTC),
            }
            for name in ITEMS
            for no, day in enumerate(DAYS)
        ]
        connection.execute(TELL, rows)
    return api


def ask(api: Api, query: str = ""):
    return api.call("authority", "GET", f"/authority/figures/ranking?{ASKED}{query}")


def test_sites_are_ranked_and_each_has_what_to_do_with_its_numbers(api: Api):
    items = ask(api).json["items"]
    assert [(each["rank"], each["site"], each["kg_total"], each["advice"]) for each in items] == [
        (1, "G", 24.0, "empty_earlier"),
        (2, "F", 21.0, None),
        (3, "E", 18.0, None),
        (4, "D", 15.0, None),
        (5, "C", 12.0, "add"),
        (6, "A", 1.5, "move"),
        (None, "B", None, "repair"),
    ]
    by_site = {each["site"]: each for each in items}
    assert by_site["C"]["reasons"] == [
        {"name": "full_pct", "value": 75.0, "threshold": 10.0},
        {"name": "days_between_emptyings", "value": 6.15, "threshold": 7.0},
    ]
    assert by_site["G"]["sentence"]["en"] == (
        "Full 25 % of the hours it told its level (threshold 10 %): empty earlier."
    )
    assert by_site["A"]["reasons"] == [
        {"name": "kg_per_bin_day", "value": 0.01, "threshold": 0.03},
        {"name": "median_kg_per_bin_day", "value": 0.13, "threshold": None},
    ]
    assert (by_site["A"]["bin_days"], by_site["A"]["is_complete"]) == (123, True)
    assert by_site["B"]["reasons"][0]["name"] == "silent_days"
    assert by_site["E"]["no_advice"] == "nothing_to_do"


def test_a_period_that_is_short_moves_nothing(api: Api):
    october = api.call("authority", "GET", "/authority/figures/ranking?from=2026-09-01&to=2026-10-31").json["items"]
    assert {each["site"]: each["no_advice"] for each in october}["A"] == "too_short"


def test_one_silent_week_takes_the_advice_to_move_away(api: Api):
    of_town = {"authority_id": api.town.authority_id, "bin_id": api.town.bin_ids[0]}
    week = {"first": DAYS[10], "last": DAYS[18]}
    where = "WHERE authority_id = :authority_id AND bin_id = :bin_id AND day BETWEEN :first AND :last"
    with api.owner.begin() as connection:
        kept = connection.execute(text(f"SELECT * FROM bin_days {where}"), {**of_town, **week}).mappings().all()
        connection.execute(text(f"DELETE FROM bin_days {where}"), {**of_town, **week})
    try:
        told = {each["site"]: each for each in ask(api).json["items"]}["A"]
    finally:
        with api.owner.begin() as connection:
            connection.execute(TELL, [dict(each) for each in kept])
    assert (told["advice"], told["no_advice"]) == (None, "was_silent")


def test_communes_lack_bins_by_density_and_tell_of_how_many_sites_something_is_advised(api: Api):
    denis, aubervilliers = ask(api, "&level=commune").json["items"]
    assert (denis["commune"], denis["advice"], denis["sites_advised"]) == ("Saint-Denis", "add", 3)
    assert denis["sentence"]["en"] == ("16,666.7 inhabitants for each bin known here (reference 500): 194 lacking.")
    assert denis["sentence"]["fr"].startswith("16\u202f666,7 habitants par borne")
    assert (aubervilliers["rank"], aubervilliers["sites_advised"]) == (None, 1)


def test_ranking_comes_by_pages_as_csv_and_on_a_map(api: Api):
    first = ask(api, "&limit=5").json
    rest = ask(api, f"&limit=5&after={first['next']}").json
    assert [each["place"] for each in first["items"] + rest["items"]] == [1, 2, 3, 4, 5, 6, 7]
    rows = list(csv.DictReader(io.StringIO(ask(api, "&format=csv").text)))
    assert [(row["site"], row["advice"]) for row in rows][-2:] == [("A", "move"), ("B", "repair")]
    feature = ask(api, "&format=geojson").json["features"][0]
    assert feature["geometry"]["coordinates"] == [2.36, 48.93]
    assert feature["properties"]["advice"] == "empty_earlier"
    assert ask(api, "&level=commune&format=geojson").json["features"][0]["geometry"] is None


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("from=2026-11-02&to=2026-11-01", "period_reversed"),
        ("from=2027-01-01&to=2027-01-31", "period_to_come"),
        (f"{ASKED}&insee_code=75056", "commune_unknown"),
        (f"{ASKED}&material=gold", "material_unknown"),
        (f"{ASKED}&level=bin", "request_invalid"),
        ("to=2026-10-31", "request_invalid"),
    ],
)
def test_question_that_makes_no_sense_is_refused(api: Api, query: str, code: str):
    answer = api.call("authority", "GET", f"/authority/figures/ranking?{query}")
    assert_problem(answer, answer.status_code, code)


def test_command_says_the_same_and_refuses_the_same(api: Api, of_module: Database, monkeypatch):
    monkeypatch.setattr("ingest.worker.utc_now", lambda: NOW)
    of_town = ("stats", "ranking", "--authority", api.town.slug)
    asked = (*of_town, "--from", "2026-07", "--to", "2026-10")
    answer = json.loads(succeed(of_module, *asked, "--json").output)
    rows = ask(api).json["items"]
    assert answer["ranking"] == [{name: row[name] for name in answer["ranking"][0]} for row in rows]
    lines = succeed(of_module, *asked).output.splitlines()
    assert lines[3].split() == ["1", "G", "empty", "earlier", "24", "0.2", "25"]
    assert max(map(len, lines[:10])) <= 80
    assert "G: Full 25 % of the hours it told its level (threshold 10 %): empty earlier." in lines
    french = succeed(of_module, *asked, "--level", "commune", "--language", "fr").output
    assert "habitants par borne connue ici (référence : 500) : il en manque 194." in french
    assert "2026-08-23 to 2026-11-20" in succeed(of_module, *of_town).output
    assert code_of(run(of_module, *of_town, "--from", "2026-11-02", "--to", "2026-11-01")) == "period_reversed"
    assert run(of_module, *of_town, "--level", "bin").exit_code == 2


def test_levels_by_site_are_what_a_plain_count_finds_also_where_bins_moved(databases):
    drawn = random.Random(8)
    with databases.lend() as database:
        api = start_api(database, KEYRING, NOW)
        of_town = {"authority_id": api.town.authority_id}
        first, second = api.town.bin_ids
        with api.owner.begin() as connection:
            move_bin(connection, first, to="B", at=MOVED_AT, **of_town)
            rows = [
                {
                    **of_town,
                    "bin_id": bin_id,
                    "day": day,
                    "told_hours": (told := drawn.choice([0, drawn.getrandbits(24) | 2])),
                    "full_hours": told & drawn.getrandbits(24),
                    "fill_pct": drawn.randrange(101) if told else None,
                    "fill_at": datetime.datetime.combine(day, datetime.time(12), datetime.UTC) if told else None,
                }
                for bin_id in (first, second)
                for day in (DAYS[::2] if bin_id == first else DAYS[:-8:2])
            ]
            connection.execute(TELL, rows)
            values = {**of_town, "first": SUMMER.first_day, "last": SUMMER.last_day}
            stored = connection.execute(STORED, values).all()
            names = dict(connection.execute(text("SELECT CAST(site_id AS text), reference FROM sites")).all())
        with database.engine("bontri_reader").connect() as connection:
            where = {**of_town, "timezone": PARIS, "insee_code": None}
            found = {names[unit]: each for unit, each in list_levels(connection, SUMMER, **where).items()}
            silent = {
                names[unit]: days for unit, days in list_silent_days(connection, SUMMER, **where, now=NOW).items()
            }
    plain: dict[str, dict[str, list]] = {"A": {}, "B": {}}
    for row in stored:
        site = "A" if row.bin_id == first and row.day < MOVED_AT.date() else "B"
        plain[site].setdefault(row.bin_id, []).append(row)
    for site, by_bin in plain.items():
        told = [row for rows in by_bin.values() for row in rows]
        falls = [one.fill_pct - other.fill_pct for rows in by_bin.values() for one, other in pairwise(rows)]
        assert (found[site].told_days, found[site].emptyings) == (len(told), sum(fall >= 15 for fall in falls))
        assert found[site].told_hours == sum(row.told_hours.bit_count() for row in told)
        assert found[site].full_hours == sum(row.full_hours.bit_count() for row in told)
    assert silent == {"B": (SUMMER.last_day - DAYS[:-8:2][-1]).days}
