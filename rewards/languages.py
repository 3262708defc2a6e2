"""The languages of the scheme, and how numbers, days and materials are said in each. Pure functions."""

import datetime
from typing import Literal

Language = Literal["fr", "en"]

LANGUAGES: tuple[Language, ...] = ("fr", "en")
"""What the scheme speaks; the first where nothing is asked for."""

MATERIALS: dict[Language, dict[str, tuple[str, str]]] = {
    "fr": {
        "glass": ("verre", "verres"),
        "paper": ("papier", "papiers"),
        "plastic": ("plastique", "plastiques"),
        "can": ("canette", "canettes"),
    },
    "en": {"can": ("can", "cans")},
}
"""One item and several items of a material; the others get a general phrase."""

MONTHS: dict[Language, str] = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "en": "January February March April May June July August September October November December",
}


def name_points(points: int, language: Language) -> str:
    """Return "1 point", "2 points"; zero is singular in French."""
    return f"{points} point" if points == 1 or (points == 0 and language == "fr") else f"{points} points"


def name_items(items: int, material: str, language: Language) -> str:
    """Return "3 verres", "3 items of glass", "1 can"."""
    is_one = items <= 1 if language == "fr" else items == 1
    known = MATERIALS[language].get(material)
    if known:
        return f"{items} {known[0] if is_one else known[1]}"
    if language == "fr":
        return f"{items} {'objet' if is_one else 'objets'} ({material})"
    return f"{items} {'item' if is_one else 'items'} of {material}"


def name_material(material: str, language: Language) -> str:
    """Return the material's name, itself where it has no translation."""
    return MATERIALS[language].get(material, (material,))[0]


def format_kilograms(mass_g: int, language: Language) -> str:
    """Return grams as kilograms to the gram: "2.350", in French "2,350"."""
    kilograms = f"{mass_g // 1000}.{mass_g % 1000:03}"
    return kilograms.replace(".", ",") if language == "fr" else kilograms


def name_month(month: datetime.date, language: Language) -> str:
    """Return "November 2026" in the language."""
    return f"{MONTHS[language].split()[month.month - 1]} {month.year}"


def format_day(day: datetime.date, language: Language) -> str:
    """Return "21 November 2026", in French "1er novembre 2026" for a first."""
    number = "1er" if day.day == 1 and language == "fr" else str(day.day)
    return f"{number} {name_month(day, language)}"
