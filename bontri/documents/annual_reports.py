"""The public report of a year as PDF: its facts in words and bars, in French and English, section by section."""

from bontri.documents.annual_report_people import (
    say_share,
    write_balance,
    write_effect,
    write_lacking,
    write_method,
    write_money,
    write_people,
    write_worth,
)
from bontri.documents.annual_report_sorting import write_beside, write_sorted, write_territory
from bontri.documents.annual_report_words import GLOSSARY
from bontri.documents.pdf import make_pdf
from bontri.documents.report_charts import say_interval
from bontri.documents.report_voice import Facts, Voice
from rewards.languages import Language, format_day, name_material
from rewards.statistics.annual_report import AnnualReport


def annual_report_as_pdf(report: AnnualReport, *, language: Language) -> bytes:
    """Return the report as PDF; the same facts make the same bytes, whenever it is made."""
    return make_pdf("annual_report.typ", facts_of(report, language=language), made_at=report.made_at)


def facts_of(report: AnnualReport, *, language: Language) -> Facts:
    """Return everything the template shows, in words."""
    voice = Voice(language, whole_g=report.total.mass_g)
    words = voice.words
    sections = (
        write_territory(voice, report),
        write_sorted(voice, report),
        write_beside(voice, report),
        write_people(voice, report),
        write_effect(voice, report),
        write_money(voice, report),
        write_worth(voice, report),
        write_balance(voice, report),
        write_lacking(voice, report),
        write_method(voice, report),
    )
    published = report.publication.published_at
    return {
        **voice.cover(report.authority, report.year),
        "of_day": "" if published is None else words["of_day"].format(day=format_day(published.date(), voice.language)),
        "banners": list_banners(voice, report),
        "cards": list_cards(voice, report),
        "sections": [each for each in sections if each is not None],
        "glossary": {"heading": words["glossary"], "terms": [list(each) for each in GLOSSARY[voice.language]]},
    }


def list_banners(voice: Voice, report: AnnualReport) -> list[str]:
    """List what must not be overlooked."""
    publication, year = report.publication, report.year
    banners = [voice.words["simulated"]] if report.is_simulated else []
    if publication.basis == "nothing":
        banners.append(voice.words["not_published"].format(year=year))
    elif publication.basis == "months":
        banners.append(voice.words["part_published"].format(months=len(publication.months)))
    return banners


def list_cards(voice: Voice, report: AnnualReport) -> list[Facts]:
    """List the few figures that matter, each with what it is of."""
    words = voice.words
    territory, part, points = report.territory, report.participation, report.points
    first = next((each for each in report.materials if each.mass_g), None)
    of_stream = ""
    if first is not None and report.total.mass_g and len(report.materials) > 1:
        share = voice.percent(100 * (first.mass_g or 0) / report.total.mass_g, 0)
        of_stream = words["of_stream"].format(share=share, material=name_material(first.material, voice.language))
    people = words["of_population"].format(
        people=voice.number(territory.population), years=", ".join(map(str, territory.population_years))
    )
    per = voice.per(report.kg_per_inhabitant)
    cards = [
        (voice.mass(report.total), words["card_sorted"], of_stream),
        (
            f"{per}\N{NO-BREAK SPACE}{words['kg']}" if report.kg_per_inhabitant is not None else per,
            words["card_per"],
            people,
        ),
        (voice.number(territory.bins_reporting), words["card_bins"], words["of_bins"].format(bins=territory.bins)),
        (voice.number(part.holders), words["card_holders"], say_share(voice, report, short=True)),
        card_of_effect(voice, report),
        (
            voice.number(points.redeemed),
            words["card_redeemed"],
            "" if points.issued is None else words["of_issued"].format(points=voice.number(points.issued)),
        ),
    ]
    return [{"value": value, "label": label, "note": note} for value, label, note in cards]


def card_of_effect(voice: Voice, report: AnnualReport) -> tuple[str, str, str]:
    """Return the effect with its interval, or that there is none yet."""
    words, effect = voice.words, report.effect
    found = effect and effect["effect"]
    if not found:
        return "–", words["card_effect_none"], words["not_yet"]
    return voice.percent(found["percent"], is_change=True), words["card_effect"], say_interval(voice, found)
