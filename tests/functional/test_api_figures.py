"""Agents ask for figures: as JSON, as CSV, on a map; and for what each of them means."""

import csv
import datetime
import io
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from rewards.statistics.figures.comparing import Unlike
from tests.api_client import Api, assert_problem, start_api
from tests.factories import deposit
from tests.ingest_scene import KEYRING

NOW = datetime.datetime(2026, 11, 21, 9, tzinfo=datetime.UTC)
AUTUMN = "from=2026-10-01&to=2026-11-30"
HEAR = text("""
    INSERT INTO bin_days (authority_id, day, bin_id, heard_hours, told_hours, full_hours)
    SELECT authority_id, CAST(days.day AS date), bin_id, 1, 0, 0
      FROM bins, generate_series(timestamp '2026-10-01', timestamp '2026-11-21', interval '1 day') AS days (day)
     WHERE bin_id = :bin_id
""")


@pytest.fixture(scope="module")
def api(databases) -> Iterator[Api]:
    with databases.lend() as database:
        api = start_api(database, KEYRING, NOW)
        with api.owner.begin() as connection:
            for month, bin_no, items in ((10, 0, 10), (11, 0, 20), (11, 1, 30)):
                deposit(connection, api.town, badge=None, items=items, now=NOW.replace(month=month), bin_no=bin_no)
            connection.execute(HEAR, {"bin_id": api.town.bin_ids[0]})
        yield api


def show(api: Api, asked: str):
    return api.call("authority", "GET", f"/authority/figures{asked}")


def test_figures_come_with_period_population_bins_and_what_is_missing(api: Api):
    answer = show(api, f"?{AUTUMN}&level=commune&material=glass").json
    assert answer["period"] == {"from": "2026-10-01", "to": "2026-11-30", "timezone": "Europe/Paris"}
    silent, spoke = answer["cells"][:2]
    assert (silent["step"], silent["commune"], silent["bins"], silent["bins_reporting"]) == (
        "2026-10",
        "Aubervilliers",
        1,
        0,
    )
    assert (silent["deposits"], silent["missing"]["deposits"]) == (None, "nothing_reported")
    assert (silent["is_complete"], spoke["is_complete"]) == (False, True)
    assert (spoke["kg_estimated"], spoke["population"], spoke["population_years"]) == (3.0, 100_000, [2023])
    assert (spoke["co2_low_kg"], spoke["co2_high_kg"]) == (1.4, 1.9)
    [total] = answer["totals"]
    assert (total["items"], total["is_complete"], total["communes_missing"]) == (60, False, ["93001"])
    assert [each["bin_id"] for each in answer["missing_bins"]] == [api.town.bin_ids[1]]
    assert {each["name"]: each["valid_from"] for each in answer["assumptions"]}["co2_low_kg_per_tonne"] is None


def test_year_before_is_shown_where_asked_for_with_why_nothing_is_compared(api: Api):
    assert show(api, f"?{AUTUMN}").json["cells"][0]["year_before"] is None
    october = show(api, f"?{AUTUMN}&with_year_before=true").json["cells"][0]
    assert october["year_before"] == {
        "step": "2025-10",
        "kg_total": None,
        "change_pct": None,
        "reason": "nothing_before",
    }
    assert_problem(show(api, f"?{AUTUMN}&with_year_before=true&by=week"), 422, "request_invalid")


def test_cells_come_as_csv(api: Api):
    answer = show(api, f"?{AUTUMN}&level=bin&by_material=true&format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {(row["step"], row["bin_id"], row["material"]) for row in rows} == {
        (step, bin_id, material)
        for step in ("2026-10", "2026-11")
        for bin_id in api.town.bin_ids
        for material in ("glass", "plastic")
    }
    october = {row["bin_id"]: row["items"] for row in rows if row["step"] == "2026-10" and row["material"] == "glass"}
    assert october == dict(zip(api.town.bin_ids, ("10", ""), strict=True))


def test_sites_come_on_a_map_with_the_density_of_their_communes(api: Api):
    answer = api.call("authority", "GET", f"/authority/figures/sites?{AUTUMN}&format=geojson").json
    first = answer["features"][0]
    assert first["geometry"]["coordinates"] == [2.35, 48.93]
    told = first["properties"]
    assert (told["site"], told["kg_total"], told["deposits"]) == ("A", 9.0, 2)
    assert (told["commune_inhabitants_per_bin"], told["commune_bins_lacking"]) == (100_000.0, 199)
    page = api.call("authority", "GET", f"/authority/figures/sites?{AUTUMN}&limit=1").json
    rest = api.call("authority", "GET", f"/authority/figures/sites?{AUTUMN}&after={page['next']}").json
    assert [each["site"] for each in page["items"] + rest["items"]] == ["A", "B"]


def test_every_figure_of_a_cell_has_its_definition(api: Api):
    definitions = show(api, "/definitions").json
    names = {each["name"] for each in definitions["indicators"] if each["served_at"].endswith("/figures")}
    cell = show(api, f"?{AUTUMN}").json["cells"][0]
    assert names <= cell.keys()
    assert all(each["definition"]["fr"] and each["source"] and each["formula"] for each in definitions["indicators"])
    assert {
        reason for row in show(api, f"?{AUTUMN}&level=site").json["cells"] for reason in row["missing"].values()
    } <= {each["code"] for each in definitions["reasons"]}
    assert {each["code"] for each in definitions["reasons_not_compared"]} == {each.value for each in Unlike}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?from=2026-11-02&to=2026-11-01", 422, "period_reversed"),
        ("?from=2027-01-01&to=2027-01-31", 422, "period_to_come"),
        ("?from=2010-01-01&to=2026-01-31", 422, "period_too_long"),
        ("?from=2025-01-01&to=2026-01-31&by=day", 422, "period_too_long"),
        ("?from=2026-01-01", 422, "request_invalid"),
        (f"?{AUTUMN}&by=hour", 422, "request_invalid"),
        (f"?{AUTUMN}&insee_code=75056", 404, "commune_unknown"),
        (f"?{AUTUMN}&site=Z", 404, "site_missing"),
        (f"?{AUTUMN}&bin_id=BIN-9999", 404, "bin_missing"),
        (f"?{AUTUMN}&material=wood", 404, "material_unknown"),
        ("/sites?from=2027-01-01&to=2027-01-31", 422, "period_to_come"),
    ],
)
def test_question_that_makes_no_sense_is_refused(api: Api, query: str, status: int, code: str):
    assert_problem(show(api, query), status, code)


def test_too_many_cells_are_refused_with_how_many_there_would_be(api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("rewards.statistics.figures.questions.CELLS_MAX", 1)
    problem = assert_problem(show(api, f"?{AUTUMN}"), 422, "figures_too_many")
    assert "2 cells" in problem["detail"]
