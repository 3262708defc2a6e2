"""Imports as an operator types them: shown first, stored whole or not at all, every fault named by line and column."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
from sqlalchemy import text

from rewards.csv_files import CsvFaultyError
from tests.databases import Database
from tests.factories import Town, build_town
from tests.operator_commands import run, succeed


@pytest.fixture
def town(database: Database, keyring) -> Town:
    with database.engine().begin() as connection:
        return build_town(connection, keyring)


class Desk:
    """Imports files for one authority."""

    def __init__(self, database: Database, folder: Path, town: Town) -> None:
        self.database, self._file, self._town = database, folder / "file.csv", town

    def arguments(self, what: str, content: str | bytes, *more: str) -> tuple[str, ...]:
        self._file.write_bytes(content.encode() if isinstance(content, str) else content)
        of_town = () if what == "references" else ("--authority", self._town.slug)
        return ("stats", "import", what, str(self._file), *of_town, *more)

    def store(self, what: str, content: str | bytes, *more: str):
        return json.loads(succeed(self.database, *self.arguments(what, content, "--yes", "--json", *more)).stdout)

    def faults(self, what: str, content: str | bytes, *more: str) -> list[str]:
        """Return the faults of a file, having seen that nothing changed."""
        before = self.rows()
        result = run(self.database, *self.arguments(what, content, "--yes", *more))
        assert isinstance(result.exception, CsvFaultyError), (result.output, result.exception)
        assert self.rows() == before
        return [str(fault) for fault in result.exception.faults]

    def rows(self) -> list[tuple]:
        query = """
            SELECT level, place, stream, first_day::text, last_day::text, mass_g FROM tonnages
            UNION ALL SELECT 'population', insee_code, '', year::text, '', population FROM populations
            UNION ALL SELECT 'reference', department, stream, year::text, '', mass_g FROM reference_tonnages
            ORDER BY 1, 2, 3, 4
        """
        with self.database.engine().connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def tonnages(self) -> list[tuple]:
        return [row for row in self.rows() if row[0] in ("site", "commune", "authority")]


@pytest.fixture
def desk(database: Database, tmp_path: Path, town: Town) -> Desk:
    return Desk(database, tmp_path, town)


def test_tonnages_are_read_as_french_spreadsheets_write_them(desk):
    content = (
        "Commune;Flux;Mois;Tonnage (t)\n93066;glass;01/2026;1\u202f234,5\n;Residual;2026-02;0\n93001;glass;01/2026;\n"
    )
    told = desk.store("tonnages", content.encode("utf-8-sig"))
    assert (told["new"], told["left_out"], told["is_stored"]) == (2, 1, True)
    assert desk.tonnages() == [
        ("authority", "", "residual", "2026-02-01", "2026-02-28", 0),
        ("commune", "93066", "glass", "2026-01-01", "2026-01-31", 1_234_500_000),
    ]


def test_what_would_change_is_shown_and_a_dry_run_changes_nothing(desk):
    header = "insee_code,stream,first_day,last_day,tonnage_kg\n"
    desk.store("tonnages", header + "93066,glass,2026-01-01,2026-01-31,1000\n93066,glass,2026-02-01,2026-02-28,500\n")
    changed = header + "93066,glass,01/01/2026,31/01/2026,1100\n93066,glass,2026-02-01,2026-02-28,500\n"
    before = desk.rows()
    said = succeed(desk.database, *desk.arguments("tonnages", changed, "--dry-run")).output
    assert "0 new, 1 changed, 1 as stored" in said
    assert "line 2: glass of Saint-Denis (93066), 2026-01-01 to 2026-01-31: 1,000.0 kg -> 1,100.0 kg" in said
    assert desk.rows() == before
    unanswered = run(desk.database, *desk.arguments("tonnages", changed))
    assert (unanswered.exit_code, "Store this?" in unanswered.output) == (1, True)
    assert desk.rows() == before
    desk.store("tonnages", changed)
    assert {row[5] for row in desk.tonnages()} == {1_100_000, 500_000}


def test_every_fault_is_named_by_line_and_column(desk):
    content = """site,insee_code,stream,first_day,last_day,tonnage_kg
NOWHERE,,glass,2026-01-01,2026-01-31,10
,75056,glass,2026-01-01,2026-01-31,10
A,93066,glass,2026-01-01,2026-01-31,10
A,,wood,2026-01-01,2026-01-31,10
A,,glass,2026-01-31,2026-01-01,10
A,,glass,2026-13-01,2026-01-31,ten
A,,glass,2024-01-01,2025-12-31,10
A,,glass,2026-01-01,2026-01-31,-1
A,,glass,2090-01-01,2090-01-31,10
A,,glass,2026-01-01,2026-01-31,99999999999
"""
    assert desk.faults("tonnages", content) == [
        "line 2: site: there is no site 'NOWHERE'",
        "line 3: insee_code: the authority has no commune '75056'",
        "line 4: site: names a site and a commune: leave one of them empty",
        "line 5: stream: 'wood' is none of food, glass, packaging_paper, plastic, residual",
        "line 6: last_day: 2026-01-01 is before 2026-01-31",
        "line 7: first_day: '2026-13-01' is no day: expected 2026-10-31 or 31/10/2026",
        "line 7: tonnage_kg: 'ten' is no number",
        "line 8: last_day: 2024-01-01 to 2025-12-31 is more than a year: give it by month or year",
        "line 9: tonnage_kg: -1 is below zero",
        "line 10: last_day: 2090-01-31 is still to come",
        "line 11: tonnage_kg: 99999999999 is more than can be: at most 1,000,000,000",
    ]


def test_days_are_counted_once_in_a_file_and_beside_what_is_stored(desk):
    header = "insee_code,stream,first_day,last_day,tonnage_t\n"
    twice = header + "93066,glass,2026-01-01,2026-01-31,9\n93066,glass,2026-01-31,2026-02-28,9\n"
    assert desk.faults("tonnages", twice) == [
        "line 3: glass of Saint-Denis (93066), 2026-01-31 to 2026-02-28 overlaps line 2, 2026-01-01 to 2026-01-31"
    ]
    desk.store("tonnages", header + "93066,glass,2026-01-01,2026-01-31,9\n")
    [fault] = desk.faults("tonnages", header + "93066,glass,2026-01-01,2026-06-30,90\n")
    assert fault.endswith("overlaps what is stored for 2026-01-01 to 2026-01-31")


def test_the_database_itself_counts_no_day_twice(desk, town):
    """A control: what the import refuses would be refused without it too."""
    insert = "INSERT INTO tonnages VALUES (:id, 'authority', '', 'glass', :first, '2026-02-28', 1, 'x', now())"
    with desk.database.engine().connect() as connection:
        connection.execute(text(insert), {"id": town.authority_id, "first": "2026-01-01"})
        with pytest.raises(Exception, match="ex_tonnages_one_a_day"):
            connection.execute(text(insert), {"id": town.authority_id, "first": "2026-02-01"})


@pytest.mark.parametrize(("kg_a_month", "unit"), [("250000", "kg"), ("250", "t")])
def test_a_unit_nobody_names_is_found_where_only_one_can_be_true(desk, kg_a_month, unit):
    """100,000 inhabitants: 30 kg of glass a year each are 250 tonnes a month."""
    told = desk.store("tonnages", f"insee_code,stream,month,tonnage\n93066,glass,2026-01,{kg_a_month}\n")
    assert told["warnings"] == [f"line 1: tonnage: taken for {unit}: only so can the quantities be true"]
    assert [row[5] for row in desk.tonnages()] == [250_000_000]


def test_a_unit_that_could_be_either_is_asked_for(desk):
    content = "site,stream,month,tonnage\nA,glass,2026-01,20\n"
    assert desk.faults("tonnages", content) == [
        "line 1: tonnage: kilograms or tonnes? The header does not say: give --unit kg or --unit t"
    ]
    desk.store("tonnages", content, "--unit", "kg")
    assert [row[5] for row in desk.tonnages()] == [20_000]


def test_a_row_in_another_unit_than_its_neighbours_is_a_fault_unless_one_is_sure(desk):
    lines = "".join(f"A,glass,2026-0{month},{1500 if month == 3 else 1.5}\n" for month in range(1, 6))
    content = "site,stream,month,tonnage_t\n" + lines
    [fault] = desk.faults("tonnages", content)
    assert fault.startswith("line 4: tonnage_t: 1500 is ")
    assert desk.store("tonnages", content, "--sure")["new"] == 5


def test_arrondissements_are_counted_once(desk, town):
    with desk.database.engine().begin() as connection:
        insert = "INSERT INTO communes (authority_id, insee_code, name) VALUES (:id, '13055', 'Marseille')"
        connection.execute(text(insert), {"id": town.authority_id})
    parts = "".join(f"132{number:02};10000;2021\n" for number in range(1, 17))
    whole = "13055;160000;2021\n"
    header = "codgeo;pmun;annee\n"
    assert desk.faults("populations", header + whole + parts) == [
        "line 3: insee_code: arrondissements of 13055, which stands in line 2: counted twice"
    ]
    assert desk.faults("populations", header + parts[: parts.index("13216")]) == [
        "line 2: insee_code: 15 of the 16 arrondissements of 13055: give all, or the commune"
    ]
    assert desk.store("populations", header + parts)["new"] == 1
    assert ("population", "13055", "", "2021", "", 160_000) in desk.rows()
    assert desk.store("populations", header + whole)["unchanged"] == 1


def test_unknown_communes_and_bad_numbers_are_named_and_may_be_skipped_if_only_unknown(desk):
    content = (
        "insee_code,population,year\n93059,30000,2021\n93066,0,2021\n93001,1,\n93066,150000,2022\n93066,150000,2022\n"
    )
    assert desk.faults("populations", content) == [
        "line 2: insee_code: 93059 has been part of 93066 since 2025: add it there",
        "line 3: population: '0' is no whole number above zero",
        "line 4: year: '' is no year; --year says it of all rows",
        "line 6: insee_code: 93066 stands in line 5 already, for 2022",
    ]
    told = desk.store(
        "populations", "insee_code,population\n75056,2100000\n93066,150000\n", "--year", "2022", "--skip-others"
    )
    assert told["new"] == 1


def test_the_file_of_sinoe_is_imported_once(desk):
    content = (files("bontri.demo.data") / "sinoe_household_waste_2009_2017.csv").read_bytes()
    assert desk.store("references", content)["new"] == 1629
    assert desk.store("references", content)["unchanged"] == 1629


@pytest.mark.parametrize(
    ("header", "quantity", "told"),
    [
        ("tonnage_t", "142", "142 t cannot be right for 31 days there: --sure takes it"),
        ("tonnage_kg", "1,234", "1.234 kg cannot be right for 31 days there: --sure takes it"),
    ],
)
def test_what_cannot_be_true_is_a_fault_whoever_named_the_unit(desk, header, quantity, told):
    """142 tonnes in a month at one column; and a comma between thousands, which in French is the decimal one."""
    content = f"site;stream;month;{header}\nA;glass;2026-01;{quantity}\n"
    assert desk.faults("tonnages", content) == [f"line 2: {header}: {told}"]
    assert desk.store("tonnages", content, "--sure")["new"] == 1


def test_a_row_unlike_what_is_stored_for_its_place_is_a_fault_even_alone_in_its_file(desk):
    header = "site,stream,month,tonnage_kg\n"
    desk.store("tonnages", header + "".join(f"A,glass,2026-0{month},20\n" for month in range(1, 4)))
    [fault] = desk.faults("tonnages", header + "A,glass,2026-04,20000\n")
    assert fault.endswith("20000 kg is 1.03e+03 times what is stored as usual here: --sure takes it")
    assert desk.store("tonnages", header + "A,glass,2026-04,20000\n", "--sure")["new"] == 1
    assert desk.store("tonnages", header + "A,glass,2026-05,25\n")["new"] == 1


def test_streams_may_be_called_as_in_french_where_the_authority_has_them(desk):
    header = "insee_code;flux;mois;kg\n"
    rows = "93066;Verre;2026-01;250000\n93066;Plastiques;2026-01;9000\n"
    rows += "93066;Ordures ménagères résiduelles;2026-01;2000000\n"
    desk.store("tonnages", header + rows + "93066;OMR;2026-02;2000000\n")
    assert sorted(row[2] for row in desk.tonnages()) == ["glass", "plastic", "residual", "residual"]
    assert desk.faults("tonnages", header + "93066;Papier;2026-01;9000\n") == [
        "line 2: stream: 'papier' (paper) is none of food, glass, packaging_paper, plastic, residual"
    ]


def test_a_month_that_is_not_over_is_named_as_one(desk):
    assert desk.faults("tonnages", "site,stream,month,tonnage_kg\nA,glass,2090-11,20\n") == [
        "line 2: month: November 2090 is not over"
    ]


def test_a_zero_is_put_before_a_code_only_where_that_is_a_commune_of_the_authority(desk, town):
    with desk.database.engine().begin() as connection:
        insert = "INSERT INTO communes (authority_id, insee_code, name) VALUES (:id, '01053', 'Bourg-en-Bresse')"
        connection.execute(text(insert), {"id": town.authority_id})
    header = "insee_code,population\n"
    for more in ((), ("--skip-others",)):
        assert desk.faults("populations", header + "9307,10\n930666,10\n", "--year", "2022", *more) == [
            "line 2: insee_code: '9307' is no INSEE code: five signs",
            "line 3: insee_code: '930666' is no INSEE code: five signs",
        ]
    assert desk.faults("populations", header + "01053,10\n1053,11\n", "--year", "2022") == [
        "line 3: insee_code: 01053 stands in line 2 already, for 2022"
    ]
    desk.store("populations", header + "1053,41000\n", "--year", "2022")
    assert ("population", "01053", "", "2022", "", 41_000) in desk.rows()
    assert desk.faults("tonnages", "insee_code,stream,month,tonnage_kg\n9307,glass,2026-01,9000\n") == [
        "line 2: insee_code: '9307' is no INSEE code: five signs"
    ]
    desk.store("tonnages", "insee_code,stream,month,tonnage_kg\n1053,glass,2026-01,90000\n")
    assert [row[1] for row in desk.tonnages()] == ["01053"]


def test_an_import_of_nothing_new_ends_with_nothing_to_store(desk):
    content = "insee_code,population,year\n93066,150000,2022\n"
    assert desk.store("populations", content)["is_stored"]
    assert succeed(desk.database, *desk.arguments("populations", content, "--yes")).output.endswith(
        "Nothing to store.\n"
    )
    assert not desk.store("populations", content)["is_stored"]


def test_references_without_tonnes_are_counted_as_left_out(desk):
    header = "year,department,stream_code,tonnes,population\n"
    told = desk.store("references", header + "2021,93,08C,30000,1650000\n2021,75,08C,,2100000\n")
    assert (told["new"], told["left_out"]) == (1, 1)


def test_one_fault_is_counted_as_one(desk):
    result = run(desk.database, *desk.arguments("tonnages", "site,stream,month,tonnage_kg\nA,glass,2090-11,20\n"))
    assert "nothing was imported, 1 fault:\n" in str(result.exception)


def test_numbers_of_two_styles_in_one_file_are_refused(desk):
    told = desk.faults("tonnages", "stream;month;tonnage_kg\nglass;2025-01;15,200.5\nglass;2025-02;15,200\n", "--sure")
    assert told == [
        "line 3: tonnage_kg: '15,200' reads with a comma as decimal sign, '15,200.5' of line 2 with a point:"
        " write all numbers of a file alike"
    ]
