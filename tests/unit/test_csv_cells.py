"""Cells of CSV: what every program reads alike, and nothing a spreadsheet calculates."""

import pytest

from rewards.csv_files import as_cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (True, "true"),
        (False, "false"),
        (None, None),
        (-1, -1),
        ([], ""),
        ([2021, 2023], "2021 2023"),
        (("93001", None, True), "93001  true"),
        ({"kg_total": "no_bin", "items": "no_bin"}, "kg_total:no_bin items:no_bin"),
        ({}, ""),
        ([{"a": 1}], '{"a": 1}'),
        ("=1+1", "'=1+1"),
        (["=1+1"], "'=1+1"),
        ("x", "x"),
    ],
)
def test_a_cell_is_written_as_every_program_reads_it(value: object, cell: object):
    assert as_cell(value) == cell
