"""``bontri stats figures`` and ``definitions`` as an operator types them."""

import csv
import io
import json

import click
import pytest

from tests.factories import build_town, deposit
from tests.operator_commands import code_of, run, succeed

OF_TOWN = ("stats", "figures", "--authority", "plaine-commune")
AUTUMN = ("--from", "2026-10-01", "--to", "2026-10-31")


@pytest.fixture
def town(database, keyring, now, monkeypatch):
    monkeypatch.setattr("ingest.worker.utc_now", lambda: now)
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        deposit(connection, town, badge=None, items=10, now=now.replace(month=10))
        return town


def test_table_shows_what_is_missing(database, town):
    lines = succeed(database, *OF_TOWN, *AUTUMN, "--level", "commune").output.splitlines()
    assert lines[0] == "2026-10-01 to 2026-10-31, both included (Europe/Paris)"
    silent, spoke, total = (line.split() for line in lines[3:6])
    assert silent[:3] == ["2026-10", "*", "Aubervilliers"]
    assert silent[-7:] == ["0/1", "–", "–", "–", "–", "–", "–"]
    assert spoke == ["2026-10", "*", "Saint-Denis", "1/1", "1", "10", "3.000", "0.000", "0.00", "0"]
    assert total[:3] == ["whole", "*", "1/2"]
    assert "  2026-10, Saint-Denis: 1 bin silent for a time" in lines
    assert f"  {town.bin_ids[1]} at B (93001) was silent in 2026-10" in lines


def test_table_of_a_narrow_terminal_leaves_columns_out_and_cuts_nothing(database, town):
    asked = (*OF_TOWN, *AUTUMN, "--level", "commune", "--by-material")
    wide, narrow = (
        click.unstyle(succeed(database, *asked, FORCE_COLOR="1", TERM="xterm", COLUMNS=str(columns)).output)
        for columns in (100, 70)
    )
    assert " items " in wide
    assert "Left out" not in wide
    assert "Left out, since the terminal is narrow: items, refused %." in narrow
    table = narrow.splitlines()[2:6]
    assert max(map(len, table)) <= 70
    assert any("Saint-Denis" in line for line in narrow.splitlines())
    assert "…" not in narrow


def test_json_and_csv_say_the_same(database, town):
    answer = json.loads(succeed(database, *OF_TOWN, *AUTUMN, "--level", "site", "--json").output)
    rows = list(csv.DictReader(io.StringIO(succeed(database, *OF_TOWN, *AUTUMN, "--level", "site", "--csv").output)))
    assert [each["site"] for each in answer["cells"]] == [row["site"] for row in rows] == ["A", "B"]
    assert [each["kg_total"] for each in answer["cells"]] == [3.0, None]
    assert [row["kg_total"] for row in rows] == ["3.000", ""]
    assert answer["cells"][1]["missing"]["items"] == "nothing_reported"
    assert answer["totals"][0]["is_complete"] is False


def test_year_before_stands_beside_with_why_nothing_is_compared(database, town):
    asked = (*OF_TOWN, *AUTUMN, "--level", "site", "--with-year-before")
    assert "no bin stood there a year before" in succeed(database, *asked).output
    answer = json.loads(succeed(database, *asked, "--json").output)
    before = {"step": None, "kg_total": None, "change_pct": None, "reason": "nothing_before"}
    assert [answer[name][0]["year_before"] for name in ("cells", "totals")] == [before, {**before, "step": "whole"}]
    row = next(csv.DictReader(io.StringIO(succeed(database, *asked, "--csv").output)))
    assert (row["year_before.step"], row["year_before.reason"]) == ("", "nothing_before")
    assert "year_before" not in succeed(database, *OF_TOWN, *AUTUMN, "--json").output
    assert run(database, *asked, "--by", "week").exit_code == 2


def test_question_that_makes_no_sense_is_refused(database, town):
    assert code_of(run(database, *OF_TOWN, "--from", "2026-11-02", "--to", "2026-11-01")) == "period_reversed"
    assert code_of(run(database, *OF_TOWN, "--from", "2027-01-01", "--to", "2027-02-01")) == "period_to_come"
    assert code_of(run(database, *OF_TOWN, *AUTUMN, "--commune", "75056")) == "commune_unknown"
    assert run(database, *OF_TOWN, *AUTUMN, "--json", "--csv").exit_code == 2


def test_definitions_are_told_in_both_languages(database):
    told = [succeed(database, "stats", "definitions", "--language", language).output for language in ("fr", "en")]
    assert "population municipale" in told[0]
    assert "municipal population" in told[1]
    assert "equipped_in_between: des bornes ont été installées ou retirées pendant" in told[0]
    assert len(json.loads(succeed(database, "stats", "definitions", "--json").output)["indicators"]) > 10
