"""Sentences that tell citizens how their points came about."""

import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from rewards.explanations import (
    LANGUAGES,
    PHRASES,
    DepositExplanation,
    VoucherExplanation,
    explain_deposit,
    explain_voucher,
    format_day,
)

AT = datetime.datetime(2026, 11, 1, 12, tzinfo=datetime.UTC)


def sentence(language, **changes):
    facts = {
        "material": "glass",
        "items": 3,
        "mass_g": None,
        "basis": "item",
        "rate_points": 1,
        "earned_points": 3,
        "withheld_points": 0,
        "points": 3,
        "occurred_at": AT,
        "is_late": False,
        **changes,
    }
    deposit = DepositExplanation(**facts)
    return explain_deposit(deposit, recorded_at=AT, timezone=ZoneInfo("Europe/Paris"), language=language)


KILOGRAMS = {"basis": "kilogram", "mass_g": 2350, "rate_points": 10, "earned_points": 23, "material": "plastic"}


@pytest.mark.parametrize(
    ("language", "changes", "expected"),
    [
        ("en", {}, "3 items of glass × 1 point = 3 points"),
        ("fr", {}, "3 verres × 1 point = 3 points"),
        ("en", {"items": 1, "earned_points": 1, "material": "can"}, "1 can × 1 point = 1 point"),
        ("fr", {"items": 2, "earned_points": 0, "rate_points": 0}, "2 verres × 0 point = 0 point"),
        ("fr", {"material": "textile"}, "3 objets (textile) × 1 point = 3 points"),
        (
            "en",
            {"withheld_points": 2, "points": 1},
            "3 items of glass × 1 point = 3 points; daily or weekly cap: 2 points withheld",
        ),
        (
            "fr",
            {"withheld_points": 2, "points": 1},
            "3 verres × 1 point = 3 points ; plafond : 2 points non crédités",
        ),
        ("en", KILOGRAMS, "2.350 kg of plastic × 10 points per kg = 23 points (rounded down)"),
        ("fr", KILOGRAMS, "2,350 kg (plastique) × 10 points par kg = 23 points (arrondi au point inférieur)"),
    ],
)
def test_deposit_is_explained(language, changes, expected):
    assert sentence(language, **changes) == expected


def test_every_phrase_exists_in_every_language():
    assert {frozenset(PHRASES[language]) for language in LANGUAGES} == {frozenset(PHRASES["fr"])}


def test_title_with_braces_is_said_as_it_is():
    voucher = VoucherExplanation(UUID(int=1), "{title} 50 %", "L’Épi", 10)
    assert explain_voucher(voucher, kind="voucher_issued", language="fr") == (
        "Bon « {title} 50 % » chez L’Épi : 10 points réservés"
    )


def test_first_of_a_month_is_said_the_french_way():
    assert format_day(datetime.date(2026, 8, 1), "fr") == "1er août 2026"
    assert format_day(datetime.date(2026, 8, 1), "en") == "1 August 2026"
