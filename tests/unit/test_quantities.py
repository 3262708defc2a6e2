"""Numbers as spreadsheets hold them: whatever way one is printed, it is read as what it was."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.quantities import QuantityFaultyError, find_decimal_sign, list_mixed, parse_quantity

BLANKS = (" ", "\u00a0", "\u202f", "'", "’")


def print_number(number: Decimal, group: str, point: str) -> str:
    """Print it with three digits between ``group``."""
    return f"{number:,f}".replace(",", "G").replace(".", "P").replace("G", group).replace("P", point)


@given(
    st.decimals(0, 10**9, places=3),
    st.sampled_from(
        [*((blank, point) for blank in BLANKS for point in ".,"), ("", "."), ("", ","), (".", ","), (",", ".")]
    ),
)
def test_whatever_a_number_is_printed_with_it_is_read_as_it_was(number: Decimal, printed_with: tuple[str, str]):
    assert parse_quantity(print_number(number, *printed_with)) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234", "1.234"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("-5", "-5"),
        ("−5,5", "-5.5"),
        ("0", "0"),
    ],
)
def test_a_single_sign_is_the_decimal_one_and_several_are_between_thousands(text: str, number: str):
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize(
    "text",
    ["", "-", "12 34", "1 23,4", "1,2,3", "1.2.3", "1,23.4", "1e5", "NaN", "Infinity", "12t", "٣", "1" * 41, ",5"],
)
def test_what_is_no_number_is_refused(text: str):
    with pytest.raises(QuantityFaultyError):
        parse_quantity(text)


@given(st.text())
def test_any_text_is_a_number_or_refused(text: str):
    with suppress(QuantityFaultyError):
        assert isinstance(parse_quantity(text), Decimal)


@given(st.decimals(0, 10**9, places=3), st.sampled_from([*((blank, point) for blank in BLANKS for point in ".,")]))
def test_the_decimal_sign_of_a_number_is_told(number: Decimal, printed_with: tuple[str, str]):
    assert find_decimal_sign(print_number(number, *printed_with)) == printed_with[1]


def test_numbers_of_two_styles_in_a_file_are_told_by_line_and_column():
    written = ["12", "1,234.5", "1 000", "1,234", "", "1.5", "1.234.567", "x"]
    faults = list_mixed([(line, {"t": each}) for line, each in enumerate(written, 2)], ["t"])
    assert [(each.line, each.column) for each in faults] == [(5, "t"), (8, "t")]
    assert "'1,234' reads with a comma as decimal sign, '1,234.5' of line 3 with a point" in faults[0].reason
    assert not list_mixed([(2, {"t": "1.234,5"}), (3, {"t": "1,234"}), (4, {"t": "7"})], ["t"])
