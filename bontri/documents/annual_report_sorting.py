"""The public report of a year: where bins stood, what was dropped in them, and how that is beside others."""

from bontri.documents.amounts import format_mass
from bontri.documents.report_charts import chart_of_communes, chart_of_months
from bontri.documents.report_voice import Facts, Voice
from rewards.languages import name_material, name_month
from rewards.statistics.annual_report import AnnualReport
from rewards.statistics.annual_report.facts import Amount
from rewards.statistics.figures.comparing import WHY_UNLIKE, Unlike


def write_territory(voice: Voice, report: AnnualReport) -> Facts:
    """Write where bins stood."""
    territory, words = report.territory, voice.words
    said = [
        voice.say(
            "territory",
            bins=territory.bins,
            sites=territory.sites,
            equipped=territory.communes_equipped,
            communes=territory.communes,
        )
    ]
    reference = next(each.value for each in report.worth.assumptions if each.name == "inhabitants_per_bin")
    if territory.inhabitants_per_bin is not None:
        density = voice.number(territory.inhabitants_per_bin)
        said.append(voice.say("density", density=density, reference=reference, lacking=territory.bins_lacking or 0))
    if territory.bins_placed_or_removed:
        said.append(voice.say("moved", count=territory.bins_placed_or_removed))
    rows = [
        [
            each.name,
            voice.number(each.population),
            voice.number(each.bins),
            voice.number(each.sites),
            voice.number(each.population / each.bins if each.population and each.bins else None),
        ]
        for each in report.communes
    ]
    total = [
        words["total"],
        voice.number(territory.population),
        voice.number(territory.bins),
        voice.number(territory.sites),
        voice.number(territory.inhabitants_per_bin),
    ]
    names = ("commune", "population", "bins", "sites", "density")
    years, sources = ", ".join(map(str, territory.population_years)), "; ".join(territory.population_sources)
    return voice.section(
        "territory",
        said,
        [voice.table(names, rows, total=total)],
        notes=[f"{words['population']}: {sources} ({years})."],
    )


def write_sorted(voice: Voice, report: AnnualReport) -> Facts:
    """Write what was dropped, by month, material and commune."""
    words = voice.words
    total = report.total
    said = [voice.say_sorted(total), say_change(voice, report)]
    materials = [
        [
            name_material(each.material, voice.language).capitalize(),
            voice.mass(each),
            voice.percent(100 * each.mass_g / total.mass_g, 1) if each.mass_g is not None and total.mass_g else "–",
            voice.number(each.deposits),
            voice.number(each.holders),
        ]
        for each in report.materials
    ]
    communes = [
        [
            each.name,
            voice.mass(each.amount),
            voice.per(each.kg_per_inhabitant),
            voice.number(each.amount.deposits),
            voice.number(each.amount.holders),
        ]
        for each in report.communes
    ]
    of_all = [
        words["total"],
        voice.mass(total),
        voice.per(report.kg_per_inhabitant),
        voice.number(total.deposits),
        voice.number(total.holders),
    ]
    blocks = [
        chart_of_months(voice, report.months),
        voice.table(("month", "mass", "bins", "reporting"), list_months(voice, report)),
    ]
    if materials:
        blocks.append(voice.table(("material", "mass", "share", "deposits", "holders"), materials))
    blocks += [
        chart_of_communes(voice, report.communes, by_mass=report.kg_per_inhabitant is None),
        voice.table(("commune", "mass", "per", "deposits", "holders"), communes, total=of_all),
    ]
    notes = []
    if report.publication.withheld:
        notes.append(voice.say("withheld_cells", withheld=report.publication.withheld, cells=report.publication.cells))
    return voice.section("sorted", said, blocks, notes=notes)


def say_change(voice: Voice, report: AnnualReport) -> str:
    """Say how it changed, or why nothing is compared."""
    before = report.before
    year = str(before.year)
    if before.change_pct is not None and before.mass_g is not None:
        change = voice.percent(before.change_pct, is_change=True)
        return voice.say("change", year=year, mass=format_mass(before.mass_g, voice.language), change=change)
    if isinstance(before.reason, Unlike):
        return voice.say("no_change", year=year, why=WHY_UNLIKE[before.reason][voice.language])
    return voice.say("no_change", year=year, why=voice.sentences["before_unpublished"])


def list_months(voice: Voice, report: AnnualReport) -> list[list[str]]:
    """List the months with their bins."""
    return [
        [
            name_month(each.month, voice.language).capitalize(),
            voice.mass(Amount("", "", "", each.told, mass_g=each.mass_g)),
            voice.number(each.bins),
            voice.number(each.bins_reporting),
        ]
        for each in report.months
    ]


def write_beside(voice: Voice, report: AnnualReport) -> Facts | None:
    """Write glass beside that of others."""
    beside, words = report.beside, voice.words
    if beside is None or not beside.references:
        return None
    own = [("own_bins", beside.by_bins), ("own", beside.collected.kg_per_inhabitant)]
    rows: list[tuple[str, float | None, str, bool]] = [
        (words[name], value, voice.per(value), True) for name, value in own if value is not None
    ]
    for each in beside.references:
        name = words[each.level].format(code=each.code, name=each.name)
        rows.append((f"{name} ({each.year})", each.kg_per_inhabitant, voice.per(each.kg_per_inhabitant), False))
    said = [voice.say("beside")]
    if beside.capture_pct is not None:
        said.append(voice.say("capture", percent=voice.percent(beside.capture_pct, 0)))
    years = sorted({each.year for each in beside.references})
    if years != [report.year]:
        said.append(voice.say("beside_old", year=", ".join(map(str, years))))
    sources = sorted({source for each in (beside.collected, *beside.references) for source in each.sources})
    return voice.section(
        "beside", said, [voice.bars("chart_beside", rows)], notes=[f"{words['source']}: {'; '.join(sources)}."]
    )
