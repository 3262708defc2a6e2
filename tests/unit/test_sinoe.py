"""The real file of SINOE: every row agrees with its published column, and France is weighted by who lives there."""

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.csv_files import CsvFault
from rewards.statistics.references.regions import REGION_OF, REGIONS, department_of
from rewards.statistics.references.sinoe import find_doubtful, read_sinoe

CONTENT = (files("bontri.demo.data") / "sinoe_household_waste_2009_2017.csv").read_bytes()
HEADER = b"year;department;stream_code;tonnes;population;kg_per_inhabitant\n"


def read(content: bytes):
    """Return the rows of a file, and its faults."""
    file = read_sinoe(content)
    return file.rows, file.faults


def test_kilograms_per_inhabitant_are_those_published_in_every_row():
    rows, faults = read(CONTENT)
    lines = CONTENT.decode().splitlines()
    assert (len(rows), faults, find_doubtful(rows)) == (1629, [], [])
    published = [float(lines[row.line - 1].rsplit(",", 1)[1]) for row in rows]
    assert max(abs(row.kg_per_inhabitant - kg) for row, kg in zip(rows, published, strict=True)) < 1e-6


def test_a_row_whose_columns_contradict_each_other_is_a_fault():
    """A control of the test above: the least change of a tonnage is noticed."""
    first = CONTENT.splitlines()[1]
    assert first.startswith(b"2009,01,Ain,08A")
    spoilt = CONTENT.replace(b"134208.6846", b"134208.7846", 1)
    _, [fault] = read(spoilt)
    assert (fault.line, fault.column) == (2, "kg_per_inhabitant")


def test_every_departement_is_in_one_region():
    assert len(REGION_OF) == 101 == sum(len(departments) for _, departments in REGIONS.values())
    assert [department_of(code) for code in ("93066", "2A004", "97411")] == ["93", "2A", "974"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"2009;99;08C;1;10;\n", CsvFault(2, "department", "'99' is no département")),
        (b"2009;01;09Z;1;10;\n", CsvFault(2, "stream_code", "'09Z' is none of 08A, 08B, 08C, 08D")),
        (b"2009;01;08C;-1;10;\n", CsvFault(2, "tonnes", "-1 is below zero")),
        (
            b"2009;01;08C;99999999999999;10;\n",
            CsvFault(2, "tonnes", "99999999999999 is more than can be: at most 1,000,000,000"),
        ),
        (b"2009;01;08C;1;0;\n", CsvFault(2, "population", "'0' is no whole number from 1 to 1000000000")),
        (b"2009;01;08C;1;;\n", CsvFault(2, "population", "is empty")),
        (b"20x9;01;08C;1;10;\n", CsvFault(2, "year", "'20x9' is no number")),
        (
            b"2009;01;08C;1;10;\n2009;1;08C;2;10;\n",
            CsvFault(3, "", "glass of 01 in 2009 stands in line 2 already"),
        ),
    ],
)
def test_a_faulty_line_is_named_with_its_column(line: bytes, fault: CsvFault):
    assert read(HEADER + line)[1] == [fault]


def test_missing_tonnes_are_left_out_and_zero_is_kept():
    rows, faults = read(HEADER + b"2009;01;08C;;10;\n2009;02;08C;0,0;10;\n")
    assert ([(row.department, row.mass_g) for row in rows], faults) == ([("02", 0)], [])


def test_kilograms_in_the_column_of_tonnes_are_doubted():
    lines = b"".join(
        b"2009;%02d;08C;%d;1000;\n" % (number, 30 * (1000 if number == 7 else 1)) for number in range(1, 13)
    )
    rows, _ = read(HEADER + lines)
    assert [(each.line, each.column) for each in find_doubtful(rows)] == [(8, "tonnes")]


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused(content: bytes, has_header: bool):
    rows, faults = read(HEADER + content if has_header else content)
    assert rows or faults or not content.strip()
