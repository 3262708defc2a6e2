"""Sentences that tell citizens how their points came about."""

import datetime
from dataclasses import replace
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from rewards.explanation_phrases import PHRASES
from rewards.explanations import (
    CampaignExplanation,
    DepositExplanation,
    VoucherExplanation,
    explain_deposit,
    explain_voucher,
)
from rewards.languages import LANGUAGES, format_day

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


DOUBLED = CampaignExplanation("Semaine du tri", 200, None, 3, is_out_of_budget=False)
TIMES_TWO = {"earned_points": 6, "campaign": DOUBLED}
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
            "3 items of glass × 1 point = 3 points; cap: 2 points withheld",
        ),
        (
            "fr",
            {"withheld_points": 1, "points": 2},
            "3 verres × 1 point = 3 points ; plafond : 1 point retenu",
        ),
        (
            "fr",
            {"withheld_points": 2, "points": 1},
            "3 verres × 1 point = 3 points ; plafond : 2 points retenus",
        ),
        (
            "fr",
            {**TIMES_TWO, "points": 4, "withheld_points": 2, "withheld_by": ("day",)},
            "3 verres × 1 point = 3 points, × 2 « Semaine du tri » = 6 points ; plafond du jour : 2 points retenus",
        ),
        (
            "en",
            {
                "earned_points": 6,
                "points": 1,
                "withheld_points": 5,
                "withheld_by": ("bin_hour", "week"),
                "campaign": DOUBLED,
            },
            "3 items of glass × 1 point = 3 points, × 2 “Semaine du tri” = 6 points;"
            " hourly cap of the bin and weekly cap: 5 points withheld",
        ),
        (
            "fr",
            {"earned_points": 4, "points": 4, "campaign": replace(DOUBLED, multiplier_percent=150, points=1)},
            "3 verres × 1 point = 3 points, × 1,5 « Semaine du tri » = 4 points",
        ),
        (
            "fr",
            {"earned_points": 8, "points": 8, "campaign": replace(DOUBLED, multiplier_percent=None, points=5)},
            "3 verres × 1 point = 3 points, + 5 points « Semaine du tri » = 8 points",
        ),
        (
            "en",
            {"earned_points": 4, "points": 4, "campaign": replace(DOUBLED, points=1, is_out_of_budget=True)},
            "3 items of glass × 1 point = 3 points, + 1 point “Semaine du tri”, whose budget is used up = 4 points",
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
