"""The public report as PDF: what was published of a year, in the looks and words of the report of agents."""

from typing import cast

from bontri.documents.amounts import format_mass
from bontri.documents.annual_report_words import GLOSSARY, METHOD
from bontri.documents.annual_reports import Facts, ReportWriter
from bontri.documents.pdf import make_pdf
from bontri.documents.public_report_words import CARDS, METHOD_LINES, SAID, TERMS
from rewards.languages import Language, format_day, name_material, name_month
from rewards.statistics.annual_report import AnnualReport
from rewards.statistics.annual_report.facts import Amount
from rewards.statistics.annual_report.public import PublicReport


def public_report_as_pdf(report: PublicReport, *, language: Language) -> bytes:
    """Return the report as PDF; the same facts make the same bytes, whenever it is made."""
    facts = PublicReportWriter(report, language).write()
    return make_pdf("annual_report.typ", facts, made_at=report.published_at)


class PublicReportWriter(ReportWriter):
    """Writes one public report in one language: territory, what was sorted, method."""

    def __init__(self, public: PublicReport, language: Language) -> None:
        # What of the other writer is used here reads only what both reports have, under the same names.
        super().__init__(cast(AnnualReport, public), language)
        self.public, self.said = public, SAID[language]

    def write(self) -> Facts:
        """Return all of it."""
        report, words = self.public, self.words
        names = {"authority": report.authority, "year": report.year}
        glossary = GLOSSARY[self.language]
        return {
            "lang": self.language,
            "title": words["document"].format(**names),
            "footer": words["footer"].format(**names),
            "kicker": words["kicker"],
            "heading": words["title"].format(**names),
            "authority": report.authority,
            "year": str(report.year),
            "law": words["law_note"],
            "of_day": words["of_day"].format(day=format_day(report.published_at.date(), self.language)),
            "banners": [words["simulated"]] if report.is_simulated else [],
            "essential": words["essential"],
            "contents": words["contents"],
            "cards": self.list_cards(),
            "sections": [self.write_territory(), self.write_sorted(), self.write_method()],
            "glossary": {"heading": words["glossary"], "terms": [list(glossary[number]) for number in TERMS]},
        }

    def list_cards(self) -> list[Facts]:
        """List the few figures that matter."""
        report, words = self.public, self.words
        per = self.per(report.kg_per_inhabitant)
        if report.kg_per_inhabitant is not None:
            per = f"{per}\N{NO-BREAK SPACE}{words['kg']}"
        years = ", ".join(map(str, report.population_years))
        people = words["of_population"].format(people=self.number(report.population), years=years) if years else ""
        values = ((self.mass(report.total), ""), (per, people), (self.number(report.total.holders), ""))
        return [
            {"value": value, "label": words[name], "note": note}
            for name, (value, note) in zip(CARDS, values, strict=True)
        ]

    def per(self, kilograms: float | None) -> str:
        """Write kilograms per inhabitant."""
        return self.number(kilograms, 2)

    def write_territory(self) -> Facts:
        """Write where bins stood, and who lives there."""
        report, words = self.public, self.words
        said = self.say(
            "territory",
            bins=report.bins,
            sites=report.sites,
            equipped=report.communes_equipped,
            communes=len(report.communes),
        )
        rows = [
            [each.name, self.number(each.population), self.number(each.bins), self.number(each.sites)]
            for each in report.communes
        ]
        total = [words["total"], self.number(report.population), self.number(report.bins), self.number(report.sites)]
        years, sources = ", ".join(map(str, report.population_years)), "; ".join(report.population_sources)
        notes = [f"{words['population']}: {sources} ({years})."] if sources else []
        table = self.table(("commune", "population", "bins", "sites"), rows, total=total)
        return self.section("territory", [said], [table], notes=notes)

    def write_sorted(self) -> Facts:
        """Write what was dropped, by month, material and commune."""
        report, words = self.public, self.words
        total = report.total
        if total.mass_g is None:
            said = [self.say("sorted_withheld", why=self.why(total))]
        else:
            said = [self.say("sorted", mass=self.mass(total), deposits=total.deposits)]
        if report.kg_per_inhabitant is not None:
            said.append(self.said["per"].format(per=self.per(report.kg_per_inhabitant)))
        if total.holders is not None:
            said.append(self.said["holders"].format(holders=self.number(total.holders)))
        said.append(self.say_change())
        months = [
            [
                name_month(each.month, self.language).capitalize(),
                self.mass(Amount("", "", "", each.told, mass_g=each.mass_g)),
            ]
            for each in report.months
        ]
        materials = [
            self.row(
                name_material(each.amount.material, self.language).capitalize(), each.amount, each.kg_per_inhabitant
            )
            for each in report.materials
        ]
        communes = [self.row(each.name, each.amount, each.kg_per_inhabitant) for each in report.communes]
        of_all = self.row(words["total"], total, report.kg_per_inhabitant)
        columns = ("mass", "per", "deposits", "holders")
        blocks = [
            self.chart_of_months(),
            self.table(("month", "mass"), months),
            self.table(("material", *columns), materials, total=of_all),
            self.chart_of_communes(),
            self.table(("commune", *columns), communes, total=of_all),
        ]
        withheld = report.publication.withheld
        notes = [self.say("withheld_cells", withheld=withheld, cells=report.publication.cells)] if withheld else []
        return self.section("sorted", said, blocks, notes=notes)

    def row(self, name: str, amount: Amount, kilograms: float | None) -> list[str]:
        """Return a row of what was dropped."""
        numbers = (self.number(amount.deposits), self.number(amount.holders))
        return [name, self.mass(amount), self.per(kilograms), *numbers]

    def say_change(self) -> str:
        """Say what the year before was, where it was published."""
        before = self.public.before
        if before is None or before.mass_g is None:
            return self.said["before_unpublished"].format(year=self.public.year - 1)
        mass, per = format_mass(before.mass_g, self.language), self.per(before.kg_per_inhabitant)
        return self.said["change"].format(year=before.year, mass=mass, per=per)

    def write_method(self) -> Facts:
        """Write how figures are come by."""
        lines = [METHOD[self.language][number].format(law=self.public.law) for number in METHOD_LINES]
        listed = [*lines, self.said["sources"], f"{self.public.publication.licence}."]
        return {**self.section("method", [], []), "listed": listed}
