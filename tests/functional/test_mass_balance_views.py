"""The mass balance of one town, as agents get it over the API and operators in the terminal."""

import csv
import datetime
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from partners_api.pages.authorities.mass_balance import TO_DO, sort_by_urgency, what_to_do
from rewards.mass_balance import list_balances
from rewards.statistics.periods import Period
from tests.api_client import Api, assert_problem, start_api
from tests.balance_scene import Scene, build_balance_scene
from tests.databases import DatabasePool
from tests.ingest_scene import KEYRING
from tests.operator_commands import code_of, run, succeed

NOW = datetime.datetime(2026, 11, 21, 9, tzinfo=datetime.UTC)
OF_TOWN = ("--authority", "town-1")
HALF_YEAR = ("--from", "2026-01-01", "--to", "2026-06-30")
ROUNDS_OF = ("--rounds-from", "2026-01-01", "--rounds-to", "2026-06-30")
IN_HALF_YEAR = "from=2026-01-01&to=2026-06-30"
HALF_A_YEAR = Period(datetime.date(2026, 1, 1), datetime.date(2026, 6, 30))


@dataclass
class Seen:
    """One bin is honest, one counts ten times and lacks a number at last, one was never emptied again."""

    scene: Scene
    api: Api

    @property
    def bins(self) -> list[str]:
        return self.scene.town.bin_ids


@pytest.fixture(scope="module")
def seen(databases: DatabasePool) -> Iterator[Seen]:
    with databases.lend() as database:
        api = start_api(database, KEYRING, NOW)
        scene = build_balance_scene(database, KEYRING, bins=1, town=api.town)
        honest, tenfold, _ = scene.town.bin_ids
        begun_at = scene.now
        scene.fill_honestly(honest, rounds=4)
        scene.now = begun_at
        scene.fill_honestly(tenfold, rounds=4, times=10)
        scene.drop(tenfold, 50)
        scene.tell(tenfold, *scene.drop(tenfold, 40), scene.emptying(tenfold, 27_000))
        scene.watch()
        yield Seen(scene, api)


def test_every_live_bin_is_listed_with_what_it_counted_and_what_was_weighed(seen: Seen) -> None:
    shown = seen.api.call("authority", "GET", f"/authority/figures/mass-balance?{IN_HALF_YEAR}").json["items"]
    honest, tenfold, silent = (next(each for each in shown if each["bin_id"] == bin_id) for bin_id in seen.bins)
    assert (honest["rounds"], honest["usable_rounds"], honest["direction"]) == (4, 4, None)
    assert honest["ratio"] == honest["weighed_g"] / honest["counted_g"]
    assert honest["drift"] == pytest.approx(1, rel=0.3)
    assert (tenfold["rounds"], tenfold["usable_rounds"], tenfold["direction"]) == (5, 4, "counted_more")
    assert tenfold["drift"] < 0.2
    assert (tenfold["anonymous_share"], tenfold["expected_by"]) == (1.0, "unit_mass")
    assert tenfold["alarm_raised_at"].endswith("Z")
    assert (silent["material"], silent["rounds"], silent["ratio"], silent["drift"]) == (None, 0, None, None)


def test_pages_go_on_behind_a_bin_without_rounds_and_csv_says_the_same(seen: Seen) -> None:
    path = f"/authority/figures/mass-balance?{IN_HALF_YEAR}"
    whole = seen.api.call("authority", "GET", path).json["items"]
    paged, after = [], ""
    while True:
        page = seen.api.call("authority", "GET", f"{path}&limit=1{after}").json
        paged += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert paged == whole
    rows = list(csv.DictReader(io.StringIO(seen.api.call("authority", "GET", f"{path}&format=csv").text)))
    assert [(row["bin_id"], row["weighed_g"]) for row in rows] == [
        (each["bin_id"], str(each["weighed_g"])) for each in whole
    ]


def test_rounds_of_a_bin_say_what_is_missing(seen: Seen) -> None:
    path = f"/authority/bins/{seen.bins[1]}/rounds"
    newest, before, *_ = seen.api.call("authority", "GET", path).json["items"]
    assert (newest["is_complete"], newest["missing"], newest["doubts"]) == (False, 1, ["incomplete"])
    assert (newest["counted_g"], newest["weighed_g"]) == (12_000, 27_000)
    assert (before["is_complete"], before["doubts"]) == (True, [])
    assert before["ended_at"] == newest["began_at"]
    page = seen.api.call("authority", "GET", f"{path}?limit=1&material=glass").json
    [second] = seen.api.call("authority", "GET", f"{path}?limit=1&after={page['next']}").json["items"]
    assert (page["items"], second) == ([newest], before)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("figures/mass-balance?from=2026-02-01&to=2026-01-01", 422, "period_reversed"),
        ("figures/mass-balance?from=2024-01-01&to=2026-01-01", 422, "period_too_long"),
        ("figures/mass-balance?from=2027-01-01&to=2027-01-31", 422, "period_to_come"),
        ("figures/mass-balance?from=2026-01-01", 422, "request_invalid"),
        ("bins/NOBODYS-BIN/rounds", 404, "bin_missing"),
    ],
)
def test_what_makes_no_sense_is_refused(seen: Seen, path: str, status: int, code: str) -> None:
    assert_problem(seen.api.call("authority", "GET", f"/authority/{path}"), status, code)


def test_an_authority_says_how_far_off_is_too_far(seen: Seen) -> None:
    shown = seen.api.call("authority", "GET", "/authority/settings")
    assert shown.json["balance_over_percent"] == 40
    etag = {"If-Match": shown.headers["ETag"]}
    refused = seen.api.call("authority", "PATCH", "/authority/settings", headers=etag, json={"balance_over_percent": 9})
    assert_problem(refused, 422, "request_invalid")
    changed = seen.api.call(
        "authority", "PATCH", "/authority/settings", headers=etag, json={"balance_over_percent": 40}
    )
    assert changed.json["balance_over_percent"] == 40


def test_the_terminal_shows_balances_and_the_noise_behind_them(seen: Seen) -> None:
    database = seen.scene.database
    told = succeed(database, "stats", "balance", *OF_TOWN, *HALF_YEAR).output
    assert "ALARM: counted too much" in told
    assert "1 of 3 bins ended no round in this time." in told
    assert "An alarm is raised beyond 40 %" in told
    listed = succeed(database, "alarms", "list", *OF_TOWN).output
    assert "mass_balance: glass counted too much in its newest 4 rounds: drift 0." in listed
    assert "journal_no" not in listed
    shown = json.loads(succeed(database, "stats", "balance", *OF_TOWN, *HALF_YEAR, "--json").output)
    assert (shown["bins"], shown["bins_with_rounds"], shown["over_percent"]) == (3, 2, 40)
    assert 0 < shown["noise"] < 0.5
    assert [each["direction"] for each in shown["balances"] if each["direction"]] == ["counted_more"]


def test_the_terminal_shows_the_rounds_of_a_bin(seen: Seen) -> None:
    of_bin = ("stats", "balance", *OF_TOWN, *HALF_YEAR, "--bin", seen.bins[1])
    told = succeed(seen.scene.database, *of_bin).output
    assert "incomplete (1 missing)" in told
    assert "not usable because" in told
    assert "weighed / counted" in told
    shown = json.loads(succeed(seen.scene.database, *of_bin, "--json").output)
    assert [each["doubts"] for each in shown["rounds"]] == [["incomplete"], [], [], [], []]
    unknown = run(seen.scene.database, "stats", "balance", *OF_TOWN, "--bin", "NOBODYS-BIN")
    assert code_of(unknown) == "bin_missing"


def test_calibrations_are_rehearsed_decided_and_refused_with_a_sentence(seen: Seen) -> None:
    database, asked = seen.scene.database, ("stats", "calibrate", *OF_TOWN, *ROUNDS_OF, "--by", "ada")
    told = succeed(database, *asked, "--from", "2026-07", "--dry-run").output
    assert "its alarm mass_balance is up" in " ".join(told.split())
    assert "1 of 2 calibrations would be decided." in told
    assert code_of(run(database, *asked, "--from", "2026-07")) == "calibration_retroactive"
    assert code_of(run(database, *asked, "--from", "2126-07", "--bin", seen.bins[1])) == "calibration_refused"
    assert code_of(run(database, *asked, "--from", "2126-07", "--bin", seen.bins[2])) == "calibration_refused"
    done = json.loads(succeed(database, *asked, "--from", "2026-07", "--retroactive", "--json").output)
    assert (done["decided"], [each["factor"] is None for each in done["proposals"]]) == (1, [False, True])
    again = run(database, *asked, "--from", "2026-07", "--retroactive", "--bin", seen.bins[0])
    assert code_of(again) == "calibration_taken"
    july = "from=2026-07-01&to=2026-07-31"
    listed = seen.api.call("authority", "GET", f"/authority/figures/mass-balance?{july}").json["items"]
    assert {each["rounds"] for each in listed} == {0}


def look(seen: Seen, query: str) -> str:
    headers = {
        "Authorization": f"Bearer {seen.api.tokens['authority']}",
        "Accept": "text/html",
        "Accept-Language": "en",
    }
    return seen.api.app.test_client().get(f"/dashboard/mass-balance?{query}", headers=headers).text


def test_page_shows_what_the_api_tells_and_what_to_do_the_most_urgent_first(seen: Seen) -> None:
    shown = look(seen, IN_HALF_YEAR)
    honest, tenfold, silent = seen.bins
    rows = re.findall(
        r'<th scope="row"[^>]*>([^<]+)<.*?<td class="to-do-of-bin" data-sort="\d+">([^<]+?)\s*</td>', shown, re.DOTALL
    )
    assert rows[0] == (tenfold, "Go and look: counts and weights part (counted more than weighed)")
    assert dict(rows)[honest] == "Calibrate it"
    assert dict(rows)[silent] == "No emptying was told: ask whether it was emptied"
    told = seen.api.call("authority", "GET", f"/authority/figures/mass-balance?{IN_HALF_YEAR}").json["items"]
    for each in told:
        assert f'data-sort="{each["weighed_g"]}"' in shown
    assert f"{sum(each['usable_rounds'] for each in told)} of {sum(each['rounds'] for each in told)} rounds" in shown


def test_page_without_rounds_says_what_to_do(seen: Seen) -> None:
    assert "No emptying ended a round in this period" in look(seen, "from=2010-01-01&to=2010-12-31")
    assert "The period has more days than are shown at once." in look(seen, "from=2020-01-01&to=2026-06-30")


def test_bin_whose_alarm_is_up_is_not_to_be_calibrated(seen: Seen) -> None:
    with seen.scene.database.engine().connect() as connection:
        found = list_balances(connection, HALF_A_YEAR, **seen.scene.tenant)
    assert {what_to_do(each) for each in found if each.alarm_raised_at} == {"look"}
    assert [what for what, _ in sort_by_urgency(found[::-1])] == sorted(map(what_to_do, found), key=list(TO_DO).index)
