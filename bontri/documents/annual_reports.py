"""The public report of a year as PDF: its facts in words and bars, in French and English."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from bontri.documents.amounts import format_decimal, format_euros, format_mass, format_percent
from bontri.documents.annual_report_words import GLOSSARY, METHOD, SENTENCES, SOURCES_OF_KILOGRAMS, WORDS
from bontri.documents.pdf import make_pdf
from rewards.languages import Language, format_day, name_material, name_month
from rewards.statistics.annual_report import AnnualReport
from rewards.statistics.annual_report.facts import Amount, CommuneOfYear
from rewards.statistics.figures.comparing import WHY_UNLIKE, Unlike

Facts = dict[str, Any]


def annual_report_as_pdf(report: AnnualReport, *, language: Language) -> bytes:
    """Return the report as PDF; the same facts make the same bytes, whenever it is made."""
    return make_pdf("annual_report.typ", facts_of(report, language=language), made_at=report.made_at)


def facts_of(report: AnnualReport, *, language: Language) -> Facts:
    """Return everything the template shows, in words."""
    return ReportWriter(report, language).write()


class ReportWriter:
    """Writes one report in one language, section by section in reading order."""

    def __init__(self, report: AnnualReport, language: Language) -> None:
        self.report, self.language = report, language
        self.words, self.sentences = WORDS[language], SENTENCES[language]

    def write(self) -> Facts:
        """Return all of it."""
        report, words = self.report, self.words
        sections = (
            self.write_territory(),
            self.write_sorted(),
            self.write_beside(),
            self.write_people(),
            self.write_effect(),
            self.write_money(),
            self.write_worth(),
            self.write_balance(),
            self.write_lacking(),
            self.write_method(),
        )
        names = {"authority": report.authority, "year": report.year}
        published = report.publication.published_at
        return {
            "lang": self.language,
            "title": words["document"].format(**names),
            "footer": words["footer"].format(**names),
            "kicker": words["kicker"],
            "heading": words["title"].format(**names),
            "authority": report.authority,
            "year": str(report.year),
            "law": words["law_note"],
            "of_day": ""
            if published is None
            else words["of_day"].format(day=format_day(published.date(), self.language)),
            "banners": self.list_banners(),
            "essential": words["essential"],
            "contents": words["contents"],
            "cards": self.list_cards(),
            "sections": [each for each in sections if each is not None],
            "glossary": {"heading": words["glossary"], "terms": [list(each) for each in GLOSSARY[self.language]]},
        }

    def say(self, name: str, **facts: Any) -> str:
        """Return a sentence; whole numbers are written as the language does."""
        written = {key: self.number(each) if isinstance(each, int) else each for key, each in facts.items()}
        return self.sentences[name].format(**written)

    def number(self, value: float | None, digits: int = 0) -> str:
        """Write a number; what nobody knows is a dash."""
        return "–" if value is None else format_decimal(value, digits, self.language)

    def mass(self, amount: Amount) -> str:
        """Write a mass in the unit of the whole, or why it is not told."""
        whole = self.report.total.mass_g or amount.mass_g
        return self.why(amount) if amount.mass_g is None else format_mass(amount.mass_g, self.language, beside=whole)

    def why(self, amount: Amount) -> str:
        """Return why an amount has no mass."""
        return self.words["not_told" if amount.told == "not_published" else amount.told]

    def percent(self, value: float, digits: int = 1, *, is_change: bool = False) -> str:
        """Write a percentage."""
        return format_percent(value, digits, self.language, is_change=is_change)

    def list_banners(self) -> list[str]:
        """List what must not be overlooked."""
        publication, year = self.report.publication, self.report.year
        banners = [self.words["simulated"]] if self.report.is_simulated else []
        if publication.basis == "nothing":
            banners.append(self.words["not_published"].format(year=year))
        elif publication.basis == "months":
            banners.append(self.words["part_published"].format(months=len(publication.months)))
        return banners

    def list_cards(self) -> list[Facts]:
        """List the few figures that matter, each with what it is of."""
        report, words = self.report, self.words
        territory, part, points = report.territory, report.participation, report.points
        first = next((each for each in report.materials if each.mass_g), None)
        of_stream = ""
        if first is not None and report.total.mass_g and len(report.materials) > 1:
            share = self.percent(100 * (first.mass_g or 0) / report.total.mass_g, 0)
            of_stream = words["of_stream"].format(share=share, material=name_material(first.material, self.language))
        people = words["of_population"].format(
            people=self.number(territory.population), years=", ".join(map(str, territory.population_years))
        )
        per = self.number(report.kg_per_inhabitant, 2)
        cards = [
            (self.mass(report.total), words["card_sorted"], of_stream),
            (
                f"{per}\N{NO-BREAK SPACE}{words['kg']}" if report.kg_per_inhabitant is not None else per,
                words["card_per"],
                people,
            ),
            (self.number(territory.bins_reporting), words["card_bins"], words["of_bins"].format(bins=territory.bins)),
            (self.number(part.holders), words["card_holders"], self.say_share(short=True)),
            self.card_of_effect(),
            (
                self.number(points.redeemed),
                words["card_redeemed"],
                "" if points.issued is None else words["of_issued"].format(points=self.number(points.issued)),
            ),
        ]
        return [{"value": value, "label": label, "note": note} for value, label, note in cards]

    def card_of_effect(self) -> tuple[str, str, str]:
        """Return the effect with its interval, or that there is none yet."""
        words, effect = self.words, self.report.effect
        found = effect and effect["effect"]
        if not found:
            return "–", words["card_effect_none"], words["not_yet"]
        low, high = (self.percent(found[end], is_change=True) for end in ("low_percent", "high_percent"))
        value = self.percent(found["percent"], is_change=True)
        return value, words["card_effect"], words["between"].format(low=low, high=high)

    def say_share(self, *, short: bool) -> str:
        """Say which share took part, and of whom."""
        part = self.report.participation
        if part.participation_pct is None:
            return ""
        percent, is_served = self.percent(part.participation_pct, 0), part.share_basis == "households_served"
        if short:
            return self.words["of_served" if is_served else "of_registered"].format(percent=percent)
        if is_served:
            return self.say("served", percent=percent, households=part.households, source=str(part.households_year))
        return self.say("registered", percent=percent)

    def write_territory(self) -> Facts:
        """Write where bins stood."""
        territory, words = self.report.territory, self.words
        said = [
            self.say(
                "territory",
                bins=territory.bins,
                sites=territory.sites,
                equipped=territory.communes_equipped,
                communes=territory.communes,
            )
        ]
        reference = next(each.value for each in self.report.worth.assumptions if each.name == "inhabitants_per_bin")
        if territory.inhabitants_per_bin is not None:
            density = self.number(territory.inhabitants_per_bin)
            said.append(self.say("density", density=density, reference=reference, lacking=territory.bins_lacking or 0))
        if territory.bins_placed_or_removed:
            said.append(self.say("moved", count=territory.bins_placed_or_removed))
        rows = [
            [
                each.name,
                self.number(each.population),
                self.number(each.bins),
                self.number(each.sites),
                self.number(each.population / each.bins if each.population and each.bins else None),
            ]
            for each in self.report.communes
        ]
        total = [
            words["total"],
            self.number(territory.population),
            self.number(territory.bins),
            self.number(territory.sites),
            self.number(territory.inhabitants_per_bin),
        ]
        names = ("commune", "population", "bins", "sites", "density")
        years, sources = ", ".join(map(str, territory.population_years)), "; ".join(territory.population_sources)
        return self.section(
            "territory",
            said,
            [self.table(names, rows, total=total)],
            notes=[f"{words['population']}: {sources} ({years})."],
        )

    def write_sorted(self) -> Facts:
        """Write what was dropped, by month, material and commune."""
        report, words = self.report, self.words
        total = report.total
        if total.mass_g is None:
            said = [self.say("sorted_withheld", why=self.why(total))]
        else:
            said = [self.say("sorted", mass=self.mass(total), deposits=total.deposits)]
        said.append(self.say_change())
        materials = [
            [
                name_material(each.material, self.language).capitalize(),
                self.mass(each),
                self.percent(100 * each.mass_g / total.mass_g, 1) if each.mass_g is not None and total.mass_g else "–",
                self.number(each.deposits),
                self.number(each.holders),
            ]
            for each in report.materials
        ]
        communes = [
            [
                each.name,
                self.mass(each.amount),
                self.number(each.kg_per_inhabitant, 2),
                self.number(each.amount.deposits),
                self.number(each.amount.holders),
            ]
            for each in report.communes
        ]
        of_all = [
            words["total"],
            self.mass(total),
            self.number(report.kg_per_inhabitant, 2),
            self.number(total.deposits),
            self.number(total.holders),
        ]
        blocks = [self.chart_of_months(), self.table(("month", "mass", "bins", "reporting"), self.list_months())]
        if materials:
            blocks.append(self.table(("material", "mass", "share", "deposits", "holders"), materials))
        blocks += [
            self.chart_of_communes(),
            self.table(("commune", "mass", "per", "deposits", "holders"), communes, total=of_all),
        ]
        notes = []
        if report.publication.withheld:
            notes.append(
                self.say("withheld_cells", withheld=report.publication.withheld, cells=report.publication.cells)
            )
        return self.section("sorted", said, blocks, notes=notes)

    def say_change(self) -> str:
        """Say how it changed, or why nothing is compared."""
        before = self.report.before
        year = str(before.year)
        if before.change_pct is not None and before.mass_g is not None:
            change = self.percent(before.change_pct, is_change=True)
            return self.say("change", year=year, mass=format_mass(before.mass_g, self.language), change=change)
        if isinstance(before.reason, Unlike):
            return self.say("no_change", year=year, why=WHY_UNLIKE[before.reason][self.language])
        return self.say("no_change", year=year, why=self.sentences["before_unpublished"])

    def chart_of_months(self) -> Facts:
        """Draw the twelve months; what is unknown is hatched."""
        words, months = self.words, self.report.months
        masses = [None if each.mass_g is None else each.mass_g / 1_000_000 for each in months]
        top = top_of(masses)
        names = [name_month(each.month, self.language).split()[0] for each in months]
        told = [
            self.number(mass, 1)
            if mass is not None
            else words["not_told" if each.told == "not_published" else each.told]
            for mass, each in zip(masses, months, strict=True)
        ]
        return {
            "kind": "columns",
            "title": words["chart_months"],
            "note": f"{words['from_zero']} {words['hatched']}" if None in masses else words["from_zero"],
            "alt": f"{words['chart_months']}: "
            + ", ".join(f"{name} {each}" for name, each in zip(names, told, strict=True)),
            "ticks": [self.number(top * part / 4, 1 if top < 40 else 0) for part in range(5)],
            "columns": [
                {
                    "label": name[:3] if self.language == "en" else shorten(name),
                    "told": self.number(mass, 1) if mass is not None else "",
                    "part": None if mass is None else mass / top,
                }
                for name, mass in zip(names, masses, strict=True)
            ],
        }

    def list_months(self) -> list[list[str]]:
        """List the months with their bins."""
        return [
            [
                name_month(each.month, self.language).capitalize(),
                self.mass(Amount("", "", "", each.told, mass_g=each.mass_g)),
                self.number(each.bins),
                self.number(each.bins_reporting),
            ]
            for each in self.report.months
        ]

    def chart_of_communes(self) -> Facts:
        """Draw communes by kilograms an inhabitant where the year is published, else by mass."""
        by_mass = self.report.kg_per_inhabitant is None

        def of(each: CommuneOfYear) -> float | None:
            if by_mass:
                return None if each.amount.mass_g is None else each.amount.mass_g / 1000
            return each.kg_per_inhabitant

        ranked = sorted(self.report.communes, key=lambda each: (of(each) is None, -(of(each) or 0)))[:20]
        rows = [
            (
                each.name,
                of(each),
                self.mass(each.amount) if by_mass or of(each) is None else self.number(of(each), 2),
                False,
            )
            for each in ranked
        ]
        return self.bars("chart_communes_mass" if by_mass else "chart_communes", rows)

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

    def write_beside(self) -> Facts | None:
        """Write glass beside that of others."""
        beside, words = self.report.beside, self.words
        if beside is None or not beside.references:
            return None
        own = [("own_bins", beside.by_bins), ("own", beside.collected.kg_per_inhabitant)]
        rows: list[tuple[str, float | None, str, bool]] = [
            (words[name], value, self.number(value, 2), True) for name, value in own if value is not None
        ]
        for each in beside.references:
            name = words[each.level].format(code=each.code, name=each.name)
            rows.append(
                (f"{name} ({each.year})", each.kg_per_inhabitant, self.number(each.kg_per_inhabitant, 2), False)
            )
        said = [self.say("beside")]
        if beside.capture_pct is not None:
            said.append(self.say("capture", percent=self.percent(beside.capture_pct, 0)))
        years = sorted({each.year for each in beside.references})
        if years != [self.report.year]:
            said.append(self.say("beside_old", year=", ".join(map(str, years))))
        sources = sorted({source for each in (beside.collected, *beside.references) for source in each.sources})
        return self.section(
            "beside", said, [self.bars("chart_beside", rows)], notes=[f"{words['source']}: {'; '.join(sources)}."]
        )

    def write_people(self) -> Facts:
        """Write who took part, and how much bins refused."""
        part = self.report.participation
        said = [self.say("holders_unknown") if part.holders is None else self.say("holders", holders=part.holders)]
        if share := self.say_share(short=False):
            said.append(share)
        if part.new_pct is not None:
            said.append(self.say("new", percent=self.percent(part.new_pct, 0)))
        elif part.holders is not None:
            said.append(self.say("new_withheld"))
        if part.anonymous_pct is not None:
            said.append(self.say("anonymous", percent=self.percent(part.anonymous_pct, 0)))
        refusal = self.report.refusal_pct
        said.append(
            self.say("refusal_unknown") if refusal is None else self.say("refusal", percent=self.percent(refusal))
        )
        notes = [f"{self.words['source']}: {part.households_source}."] if part.households_source else []
        return self.section("people", said, [], notes=notes)

    def write_effect(self) -> Facts | None:
        """Write the effect with its interval, or what is lacking to tell it."""
        effect = self.report.effect
        if effect is None:
            return None
        source = SOURCES_OF_KILOGRAMS[self.language][effect["kilograms_from"]]
        said, found = [effect["sentence"][self.language]], effect["effect"]
        said.append(self.say("effect_how", source=source) if found else self.say("effect_not"))
        return self.section("effect", said, [self.chart_of_effect(found)] if found else [])

    def chart_of_effect(self, found: Facts) -> Facts:
        """Draw the interval on an axis that holds zero."""
        low, middle, high = found["low_percent"], found["percent"], found["high_percent"]
        reach = top_of([abs(low), abs(high)])
        first = -reach if low < 0 else 0.0
        span = reach - first
        return {
            "kind": "interval",
            "title": self.words["chart_effect"],
            "alt": f"{self.words['chart_effect']}: {self.card_of_effect()[0]}, {self.card_of_effect()[2]}",
            "ticks": [self.percent(first + span * part / 4, 1, is_change=True) for part in range(5)],
            "zero": -first / span,
            "low": (low - first) / span,
            "middle": (middle - first) / span,
            "high": (high - first) / span,
        }

    def write_money(self) -> Facts:
        """Write points and what shops were paid."""
        points, words = self.report.points, self.words
        if points.redeemed is None:
            return self.section("money", [self.say("points_withheld")], [])
        issued = points.issued if points.issued is not None else words["withheld"]
        said = [self.say("points", issued=issued, redeemed=points.redeemed, expired=points.expired)]
        if points.paid_cents is not None:
            said.append(self.say("paid", amount=self.euros(points.paid_cents)))
        else:
            said.append(self.say(f"paid_{points.paid_told}"))
        if points.owed_cents is not None:
            owed = {"amount": self.euros(points.owed_cents)}
            if points.owed_expected_cents is None:
                said.append(self.say("owed_one", **owed))
            else:
                said.append(self.say("owed", **owed, expected=self.euros(points.owed_expected_cents)))
        rows = [
            [
                each.name or words["funders_pooled"].format(count=each.funders),
                self.euros(each.value_cents),
                self.euros(each.payable_cents),
            ]
            for each in points.paid
        ]
        return self.section("money", said, [self.table(("funder", "value", "paid"), rows)] if rows else [])

    def euros(self, cents: int) -> str:
        """Write an amount."""
        return format_euros(cents, self.language)

    def write_worth(self) -> Facts:
        """Write CO2 and cost, with what they assume."""
        worth, words = self.report.worth, self.words
        said = [self.say("worth_unknown")]
        if worth.co2_low_kg is not None and worth.co2_high_kg is not None:
            low, high = (
                format_mass(round(each * 1000), self.language) for each in (worth.co2_low_kg, worth.co2_high_kg)
            )
            said = [self.say("worth", low=low, high=high)]
        cents = worth.cents_avoided_per_extra_tonne
        said.append(self.say("cost" if cents >= 0 else "cost_more", amount=self.euros(abs(cents))))
        rows = [
            [
                words[each.name],
                self.euros(each.value)
                if "cents" in each.name
                else self.number(each.value) + (" kg" if "kg" in each.name else ""),
                each.source,
            ]
            for each in worth.assumptions
        ]
        return self.section("worth", said, [self.table(("assumption", "amount", "source"), rows, is_words=True)])

    def write_balance(self) -> Facts:
        """Write counted beside weighed."""
        rows = [
            [
                name_material(each.material, self.language).capitalize(),
                self.number(each.rounds),
                self.number(each.usable_rounds),
                format_mass(each.counted_g, self.language),
                format_mass(each.weighed_g, self.language),
                self.number(each.ratio, 2),
            ]
            for each in self.report.weighed
        ]
        if not rows:
            return self.section("balance", [self.say("no_balance")], [])
        names = ("material", "rounds", "usable", "counted", "weighed", "ratio")
        return self.section("balance", [self.say("balance")], [self.table(names, rows)])

    def write_lacking(self) -> Facts:
        """Write which months, communes and bins are missing."""
        lacking = self.report.lacking
        said = [self.say("lacking", bins=lacking.bins) if lacking.bins else self.say("lacking_none")]
        if lacking.months:
            said.append(self.say("lacking_months", months=", ".join(lacking.months)))
        if lacking.communes:
            said.append(self.say("lacking_communes", communes=", ".join(lacking.communes)))
        rows = [[each.bin_id, each.site, join_months(each.months)] for each in lacking.silent_bins]
        if lacking.bins > len(rows) > 0:
            said.append(self.say("lacking_more", count=len(rows)))
        return self.section(
            "lacking", said, [self.table(("bin", "site", "silent"), rows, is_words=True)] if rows else []
        )

    def write_method(self) -> Facts:
        """Write how figures are come by."""
        listed = [each.format(law=self.report.law) for each in METHOD[self.language]]
        return {**self.section("method", [], []), "listed": [*listed, f"{self.report.publication.licence}."]}

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


def top_of(values: Iterable[float | None]) -> float:
    """Return where an axis from zero ends: 1, 2, 4 or 8 times a power of ten, no less than the largest value."""
    largest = max((value for value in values if value), default=1.0)
    power = 10.0 ** math.floor(math.log10(largest))
    return next(step * power for step in (1, 1.2, 1.6, 2, 3, 4, 6, 8, 10) if step * power >= largest)


def shorten(month: str) -> str:
    """Return a French month as calendars shorten it: janv., mars, oct."""
    if len(month) <= 4:
        return month
    letters = {"octobre": 3, "novembre": 3, "décembre": 3, "février": 5, "juillet": 5}.get(month, 4)
    return f"{month[:letters]}."


def join_months(months: Sequence[str]) -> str:
    """Return months, not more than six of them by name."""
    return ", ".join(months) if len(months) <= 6 else f"{', '.join(months[:6])} … ({len(months)})"
