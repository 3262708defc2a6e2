"""The public report of a year: who took part, whether it has an effect, what it cost, how figures are come by."""

from collections.abc import Sequence

from bontri.documents.amounts import format_mass
from bontri.documents.annual_report_sentences import METHOD, SOURCES_OF_KILOGRAMS
from bontri.documents.report_charts import chart_of_effect
from bontri.documents.report_voice import Facts, Voice
from rewards.languages import name_material
from rewards.statistics.annual_report import AnnualReport


def write_people(voice: Voice, report: AnnualReport) -> Facts:
    """Write who took part, and how much bins refused."""
    part = report.participation
    said = [voice.say("holders_unknown") if part.holders is None else voice.say("holders", holders=part.holders)]
    if share := say_share(voice, report, short=False):
        said.append(share)
    if part.new_pct is not None:
        said.append(voice.say("new", percent=voice.percent(part.new_pct, 0)))
    elif part.holders is not None:
        said.append(voice.say("new_withheld"))
    if part.anonymous_pct is not None:
        said.append(voice.say("anonymous", percent=voice.percent(part.anonymous_pct, 0)))
    refusal = report.refusal_pct
    said.append(
        voice.say("refusal_unknown") if refusal is None else voice.say("refusal", percent=voice.percent(refusal))
    )
    notes = [f"{voice.words['source']}: {part.households_source}."] if part.households_source else []
    return voice.section("people", said, [], notes=notes)


def say_share(voice: Voice, report: AnnualReport, *, short: bool) -> str:
    """Say which share took part, and of whom."""
    part = report.participation
    if part.participation_pct is None:
        return ""
    percent, is_served = voice.percent(part.participation_pct, 0), part.share_basis == "households_served"
    if short:
        return voice.words["of_served" if is_served else "of_registered"].format(percent=percent)
    if is_served:
        return voice.say("served", percent=percent, households=part.households, source=str(part.households_year))
    return voice.say("registered", percent=percent)


def write_effect(voice: Voice, report: AnnualReport) -> Facts | None:
    """Write the effect with its interval, or what is lacking to tell it."""
    effect = report.effect
    if effect is None:
        return None
    source = SOURCES_OF_KILOGRAMS[voice.language][effect["kilograms_from"]]
    said, found = [effect["sentence"][voice.language]], effect["effect"]
    said.append(voice.say("effect_how", source=source) if found else voice.say("effect_not"))
    return voice.section("effect", said, [chart_of_effect(voice, found)] if found else [])


def write_money(voice: Voice, report: AnnualReport) -> Facts:
    """Write points and what shops were paid."""
    points, words = report.points, voice.words
    if points.redeemed is None:
        return voice.section("money", [voice.say("points_withheld")], [])
    issued = points.issued if points.issued is not None else words["withheld"]
    said = [voice.say("points", issued=issued, redeemed=points.redeemed, expired=points.expired)]
    if points.paid_cents is not None:
        said.append(voice.say("paid", amount=voice.euros(points.paid_cents)))
    else:
        said.append(voice.say(f"paid_{points.paid_told}"))
    if points.owed_cents is not None:
        owed = {"amount": voice.euros(points.owed_cents)}
        if points.owed_expected_cents is None:
            said.append(voice.say("owed_one", **owed))
        else:
            said.append(voice.say("owed", **owed, expected=voice.euros(points.owed_expected_cents)))
    rows = [
        [
            each.name or words["funders_pooled"].format(count=each.funders),
            voice.euros(each.value_cents),
            voice.euros(each.payable_cents),
        ]
        for each in points.paid
    ]
    return voice.section("money", said, [voice.table(("funder", "value", "paid"), rows)] if rows else [])


def write_worth(voice: Voice, report: AnnualReport) -> Facts:
    """Write CO2 and cost, with what they assume."""
    worth, words = report.worth, voice.words
    said = [voice.say("worth_unknown")]
    if worth.co2_low_kg is not None and worth.co2_high_kg is not None:
        low, high = (format_mass(round(each * 1000), voice.language) for each in (worth.co2_low_kg, worth.co2_high_kg))
        said = [voice.say("worth", low=low, high=high)]
    cents = worth.cents_avoided_per_extra_tonne
    said.append(voice.say("cost" if cents >= 0 else "cost_more", amount=voice.euros(abs(cents))))
    rows = [
        [
            words[each.name],
            voice.euros(each.value)
            if "cents" in each.name
            else voice.number(each.value) + (" kg" if "kg" in each.name else ""),
            each.source,
        ]
        for each in worth.assumptions
    ]
    return voice.section("worth", said, [voice.table(("assumption", "amount", "source"), rows, is_words=True)])


def write_balance(voice: Voice, report: AnnualReport) -> Facts:
    """Write counted beside weighed."""
    rows = [
        [
            name_material(each.material, voice.language).capitalize(),
            voice.number(each.rounds),
            voice.number(each.usable_rounds),
            format_mass(each.counted_g, voice.language),
            format_mass(each.weighed_g, voice.language),
            voice.number(each.ratio, 2),
        ]
        for each in report.weighed
    ]
    if not rows:
        return voice.section("balance", [voice.say("no_balance")], [])
    names = ("material", "rounds", "usable", "counted", "weighed", "ratio")
    return voice.section("balance", [voice.say("balance")], [voice.table(names, rows)])


def write_lacking(voice: Voice, report: AnnualReport) -> Facts:
    """Write which months, communes and bins are missing."""
    lacking = report.lacking
    said = [voice.say("lacking", bins=lacking.bins) if lacking.bins else voice.say("lacking_none")]
    if lacking.months:
        said.append(voice.say("lacking_months", months=", ".join(lacking.months)))
    if lacking.communes:
        said.append(voice.say("lacking_communes", communes=", ".join(lacking.communes)))
    rows = [[each.bin_id, each.site, join_months(each.months)] for each in lacking.silent_bins]
    if lacking.bins > len(rows) > 0:
        said.append(voice.say("lacking_more", count=len(rows)))
    return voice.section("lacking", said, [voice.table(("bin", "site", "silent"), rows, is_words=True)] if rows else [])


def write_method(voice: Voice, report: AnnualReport) -> Facts:
    """Write how figures are come by."""
    listed = [each.format(law=report.law) for each in METHOD[voice.language]]
    return {**voice.section("method", [], []), "listed": [*listed, f"{report.publication.licence}."]}


def join_months(months: Sequence[str]) -> str:
    """Return months, not more than six of them by name."""
    return ", ".join(months) if len(months) <= 6 else f"{', '.join(months[:6])} … ({len(months)})"
