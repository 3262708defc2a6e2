"""The public report as PDF: what was published of a year, in the looks and words of the report of agents."""

from bontri.documents.amounts import format_mass
from bontri.documents.annual_report_sentences import METHOD
from bontri.documents.annual_report_words import GLOSSARY
from bontri.documents.pdf import make_pdf
from bontri.documents.public_report_words import CARDS, METHOD_LINES, SAID, TERMS
from bontri.documents.report_charts import chart_of_communes, chart_of_months
from bontri.documents.report_voice import Facts, Voice
from rewards.languages import Language, format_day, name_material, name_month
from rewards.statistics.annual_report.facts import Amount
from rewards.statistics.annual_report.public import PublicReport


def public_report_as_pdf(report: PublicReport, *, language: Language) -> bytes:
    """Return the report as PDF; the same facts make the same bytes, whenever it is made."""
    return make_pdf("annual_report.typ", facts_of(report, language=language), made_at=report.published_at)


def facts_of(report: PublicReport, *, language: Language) -> Facts:
    """Return everything the template shows, in words."""
    voice, glossary = Voice(language, whole_g=report.total.mass_g), GLOSSARY[language]
    words = voice.words
    return {
        **voice.cover(report.authority, report.year),
        "of_day": words["of_day"].format(day=format_day(report.published_at.date(), language)),
        "banners": [words["simulated"]] if report.is_simulated else [],
        "cards": list_cards(voice, report),
        "sections": [write_territory(voice, report), write_sorted(voice, report), write_method(voice, report)],
        "glossary": {"heading": words["glossary"], "terms": [list(glossary[number]) for number in TERMS]},
    }


def list_cards(voice: Voice, report: PublicReport) -> list[Facts]:
    """List the few figures that matter."""
    words = voice.words
    per = voice.per(report.kg_per_inhabitant)
    if report.kg_per_inhabitant is not None:
        per = f"{per}\N{NO-BREAK SPACE}{words['kg']}"
    years = ", ".join(map(str, report.population_years))
    people = words["of_population"].format(people=voice.number(report.population), years=years) if years else ""
    values = ((voice.mass(report.total), ""), (per, people), (voice.number(report.total.holders), ""))
    return [
        {"value": value, "label": words[name], "note": note} for name, (value, note) in zip(CARDS, values, strict=True)
    ]


def write_territory(voice: Voice, report: PublicReport) -> Facts:
    """Write where bins stood, and who lives there."""
    words = voice.words
    said = voice.say(
        "territory",
        bins=report.bins,
        sites=report.sites,
        equipped=report.communes_equipped,
        communes=len(report.communes),
    )
    rows = [
        [each.name, voice.number(each.population), voice.number(each.bins), voice.number(each.sites)]
        for each in report.communes
    ]
    total = [words["total"], voice.number(report.population), voice.number(report.bins), voice.number(report.sites)]
    years, sources = ", ".join(map(str, report.population_years)), "; ".join(report.population_sources)
    notes = [f"{words['population']}: {sources} ({years})."] if sources else []
    table = voice.table(("commune", "population", "bins", "sites"), rows, total=total)
    return voice.section("territory", [said], [table], notes=notes)


def write_sorted(voice: Voice, report: PublicReport) -> Facts:
    """Write what was dropped, by month, material and commune."""
    words = voice.words
    total = report.total
    said = [voice.say_sorted(total)]
    if report.kg_per_inhabitant is not None:
        said.append(SAID[voice.language]["per"].format(per=voice.per(report.kg_per_inhabitant)))
    if total.holders is not None:
        said.append(SAID[voice.language]["holders"].format(holders=voice.number(total.holders)))
    said.append(say_change(voice, report))
    months = [
        [
            name_month(each.month, voice.language).capitalize(),
            voice.mass(Amount("", "", "", each.told, mass_g=each.mass_g)),
        ]
        for each in report.months
    ]
    materials = [
        row_of(
            voice, name_material(each.amount.material, voice.language).capitalize(), each.amount, each.kg_per_inhabitant
        )
        for each in report.materials
    ]
    communes = [row_of(voice, each.name, each.amount, each.kg_per_inhabitant) for each in report.communes]
    of_all = row_of(voice, words["total"], total, report.kg_per_inhabitant)
    columns = ("mass", "per", "deposits", "holders")
    blocks = [
        chart_of_months(voice, report.months),
        voice.table(("month", "mass"), months),
        voice.table(("material", *columns), materials, total=of_all),
        chart_of_communes(voice, report.communes, by_mass=report.kg_per_inhabitant is None),
        voice.table(("commune", *columns), communes, total=of_all),
    ]
    withheld = report.publication.withheld
    notes = [voice.say("withheld_cells", withheld=withheld, cells=report.publication.cells)] if withheld else []
    return voice.section("sorted", said, blocks, notes=notes)


def row_of(voice: Voice, name: str, amount: Amount, kilograms: float | None) -> list[str]:
    """Return a row of what was dropped."""
    numbers = (voice.number(amount.deposits), voice.number(amount.holders))
    return [name, voice.mass(amount), voice.per(kilograms), *numbers]


def say_change(voice: Voice, report: PublicReport) -> str:
    """Say what the year before was, where it was published."""
    before = report.before
    if before is None or before.mass_g is None:
        return SAID[voice.language]["before_unpublished"].format(year=report.year - 1)
    mass, per = format_mass(before.mass_g, voice.language), voice.per(before.kg_per_inhabitant)
    return SAID[voice.language]["change"].format(year=before.year, mass=mass, per=per)


def write_method(voice: Voice, report: PublicReport) -> Facts:
    """Write how figures are come by."""
    lines = [METHOD[voice.language][number].format(law=report.law) for number in METHOD_LINES]
    listed = [*lines, SAID[voice.language]["sources"], f"{report.publication.licence}."]
    return {**voice.section("method", [], []), "listed": listed}
