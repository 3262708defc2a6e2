"""Numbers of associations: their form, and the check digit where there is one."""

import pytest

from rewards.causes.numbers import is_rna, is_siret


@pytest.mark.parametrize("number", ["12345678200028", "73282932000074", "35600000000048", "35600000049837"])
def test_a_siret_with_the_right_check_digit_is_one(number: str) -> None:
    assert is_siret(number)


@pytest.mark.parametrize(
    "number", ["12345678200029", "1234567820002", "123456782000281", "1234567820002a", "", "²" * 14]
)
def test_what_is_no_siret_is_seen(number: str) -> None:
    assert not is_siret(number)


def test_one_wrong_digit_is_always_seen() -> None:
    good = "12345678200028"
    for place in range(14):
        for digit in set("0123456789") - {good[place]}:
            assert not is_siret(good[:place] + digit + good[place + 1 :])


@pytest.mark.parametrize(
    ("number", "is_one"), [("W751234567", True), ("W2A1000123", True), ("751234567", False), ("W75123456", False)]
)
def test_a_number_of_the_register_has_its_form(number: str, is_one: bool) -> None:
    assert is_rna(number) == is_one
