"""Numbers as spreadsheets hold them: whatever way one is printed, it is read as what it was."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.quantities import QuantityFaultyError, parse_quantity

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
