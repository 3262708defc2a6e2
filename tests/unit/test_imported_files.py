"""Files nobody has seen yet: whatever bytes they have, they are read, or every fault is told."""

from hypothesis import given
from hypothesis import strategies as st

from rewards.csv_files import read_csv
from rewards.statistics.census_files import read_census
from rewards.statistics.tonnages.reading import read_tonnages

TONNAGES = b"commune;flux;mois;tonnage (kg)\n"
CENSUS = b"codgeo,pmun,annee\n"
ODD = st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
CELL = st.sampled_from(
    ["", "93066", "glass", "2026-02", "31/02/2026", "1\u202f234,5", "-0", "1e9", "9" * 50, '"', "\r"]
)
LINES = st.lists(st.lists(CELL, min_size=2, max_size=5).map(";".join), max_size=6).map("\n".join)


@given(ODD | LINES.map(str.encode) | LINES.map(lambda text: text.encode("utf-16")))
def test_any_bytes_are_rows_or_faults(content: bytes):
    for header in (b"", TONNAGES):
        read = read_tonnages(header + content)
        assert read.rows or read.faults or read.left_out
    for header in (b"", CENSUS):
        counted, faults = read_census(header + content, year=2021)
        assert counted or faults


def test_a_file_is_read_the_same_in_every_encoding_and_with_every_separator():
    text = "Commune;Matière;Mois;Poids (t)\r\n93066;verre;10/2026;1\u00a0234,5\r\n"
    encodings = ("utf-8", "utf-8-sig", "cp1252")
    read = [read_tonnages(text.encode(encoding)) for encoding in encodings]
    read.append(read_tonnages(text.replace(";", "\t").encode()))
    read.append(read_tonnages(text.replace(",", ".").replace(";", ",").encode()))
    assert [each.faults for each in read] == [[]] * 5
    assert len({(row.insee_code, row.stream, row.first_day, row.quantity) for each in read for row in each.rows}) == 1


def test_a_line_of_another_length_is_named_and_so_is_text_that_never_ends():
    _, faults = read_csv(b'a,b\n1,2,3\n"never,ends\n', known=("a", "b"))
    assert [str(fault) for fault in faults] == [
        "line 2: has 3 columns, the header 2",
        "line 3: is no CSV (unexpected end of data)",
    ]
