"""The voice of reports: numbers, masses and sentences in one language, and what sections are built of."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from bontri.documents.amounts import format_decimal, format_euros, format_mass, format_percent
from bontri.documents.annual_report_sentences import SENTENCES
from bontri.documents.annual_report_words import WORDS
from rewards.languages import Language
from rewards.statistics.annual_report.facts import Amount

Facts = dict[str, Any]
"""What a template of documents shows."""


class Voice:
    """Says things in one language; masses in the unit that suits ``whole_g``, the mass of everything."""

    def __init__(self, language: Language, *, whole_g: int | None) -> None:
        self.language, self.whole_g = language, whole_g
        self.words, self.sentences = WORDS[language], SENTENCES[language]

    def cover(self, authority: str, year: int) -> Facts:
        """Return what a report of a year begins with."""
        words, names = self.words, {"authority": authority, "year": year}
        return {
            "lang": self.language,
            "title": words["document"].format(**names),
            "footer": words["footer"].format(**names),
            "kicker": words["kicker"],
            "heading": words["title"].format(**names),
            "authority": authority,
            "year": str(year),
            "law": words["law_note"],
            "essential": words["essential"],
            "contents": words["contents"],
        }

    def say(self, name: str, **facts: Any) -> str:
        """Return a sentence; whole numbers are written as the language does."""
        written = {key: self.number(each) if isinstance(each, int) else each for key, each in facts.items()}
        return self.sentences[name].format(**written)

    def number(self, value: float | None, digits: int = 0) -> str:
        """Write a number; what nobody knows is a dash."""
        return "–" if value is None else format_decimal(value, digits, self.language)

    def per(self, kilograms: float | None) -> str:
        """Write kilograms per inhabitant."""
        return self.number(kilograms, 2)

    def mass(self, amount: Amount) -> str:
        """Write a mass in the unit of the whole, or why it is not told."""
        whole = self.whole_g or amount.mass_g
        return self.why(amount) if amount.mass_g is None else format_mass(amount.mass_g, self.language, beside=whole)

    def say_sorted(self, total: Amount) -> str:
        """Say what was sorted in all, or why it is not told."""
        if total.mass_g is None:
            return self.say("sorted_withheld", why=self.why(total))
        return self.say("sorted", mass=self.mass(total), deposits=total.deposits)

    def why(self, amount: Amount) -> str:
        """Return why an amount has no mass."""
        return self.words["not_told" if amount.told == "not_published" else amount.told]

    def percent(self, value: float, digits: int = 1, *, is_change: bool = False) -> str:
        """Write a percentage."""
        return format_percent(value, digits, self.language, is_change=is_change)

    def euros(self, cents: int) -> str:
        """Write an amount."""
        return format_euros(cents, self.language)

    def section(self, name: str, said: Iterable[str], blocks: Iterable[Facts], *, notes: Iterable[str] = ()) -> Facts:
        """Return a section: a heading, sentences, what is drawn, notes."""
        return {
            "name": name,
            "heading": self.words[name],
            "said": list(said),
            "blocks": list(blocks),
            "notes": list(notes),
            "listed": [],
        }

    def table(
        self, names: Sequence[str], rows: list[list[str]], *, total: list[str] | None = None, is_words: bool = False
    ) -> Facts:
        """Return a table; all but the first column are numbers, unless ``is_words``."""
        header = [self.words[name] for name in names]
        return {"kind": "table", "header": header, "rows": rows, "total": total, "is_words": is_words}

    def bars(self, title: str, rows: Sequence[tuple[str, float | None, str, bool]]) -> Facts:
        """Return lying bars of (label, value, the value in words, whether it is one to look at); from zero."""
        top = top_of([value for _, value, _, _ in rows])
        return {
            "kind": "bars",
            "title": self.words[title],
            "note": self.words["from_zero"],
            "alt": f"{self.words[title]}: " + ", ".join(f"{label} {told}" for label, _, told, _ in rows),
            "bars": [
                {"label": label, "told": told, "part": None if value is None else value / top, "is_own": is_own}
                for label, value, told, is_own in rows
            ],
        }


def top_of(values: Iterable[float | None]) -> float:
    """Return where an axis from zero ends: 1, 2, 4 or 8 times a power of ten, no less than the largest value."""
    largest = max((value for value in values if value), default=1.0)
    power = 10.0 ** math.floor(math.log10(largest))
    return next(step * power for step in (1, 1.2, 1.6, 2, 3, 4, 6, 8, 10) if step * power >= largest)
