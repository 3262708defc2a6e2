"""The indicators: each with its name, unit, definition, formula and source.

API, CSV, commands and pages show these words. The arithmetic is in ``reckoning``; formulae come from docs/figures.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rewards.languages import Language
from rewards.statistics.assumptions import AssumptionName
from rewards.statistics.figures.reckoning import (
    Basis,
    Figure,
    avoided_cost_of_a_tonne,
    bins_lacking,
    co2_of,
    estimated_kilograms,
    flow_of,
    inhabitants_per_bin,
    kilograms,
    kilograms_per_inhabitant_year,
    of_reports,
    refusal_pct,
    total_kilograms,
)

OWN = "own arithmetic"


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator; ``reckon`` returns its figure for a cell, or why it is missing. None: it is served elsewhere."""

    name: str
    unit: str
    definition: Mapping[Language, str]
    formula: str
    source: str
    reckon: Callable[[Basis], Figure] | None
    assumptions: tuple[AssumptionName, ...] = ()
    served_at: str = "/api/v1/authority/figures"


INDICATORS: tuple[Indicator, ...] = (
    Indicator(
        "deposits",
        "deposits",
        {
            "fr": "Dépôts d'une matière signalés par les bornes, anonymes compris ; ni des personnes ni des visites.",
            "en": "Reports of one material by bins, anonymous ones too; neither persons nor visits.",
        },
        "Σ deposits",
        OWN,
        of_reports(lambda basis: basis.sums.deposits),
    ),
    Indicator(
        "items",
        "items",
        {"fr": "Objets acceptés par les bornes.", "en": "Items the bins accepted."},
        "Σ items",
        OWN,
        of_reports(lambda basis: basis.sums.items),
    ),
    Indicator(
        "kg_measured",
        "kg",
        {
            "fr": "Masse pesée par les bornes, dépôt par dépôt ; ce n'est pas la pesée de la collecte.",
            "en": "Weighed by bins, deposit by deposit; not the weighing of the collection round.",
        },
        "Σ mass_g / 1000",
        OWN,
        of_reports(lambda basis: kilograms(basis.sums.measured_g)),
    ),
    Indicator(
        "kg_estimated",
        "kg",
        {
            "fr": "Masse estimée là où la borne ne pèse pas : objets × masse unitaire en vigueur × facteur"
            " d'étalonnage de la borne (1 sans étalonnage).",
            "en": "Estimated where bins do not weigh: items × unit mass in force × the bin's calibration factor (1"
            " where there is none).",
        },
        "Σ items × unit_mass_g × factor / 1000",
        OWN,
        of_reports(estimated_kilograms),
    ),
    Indicator(
        "kg_total",
        "kg",
        {"fr": "Masse pesée et masse estimée ensemble.", "en": "Weighed and estimated kilograms together."},
        "kg_measured + kg_estimated",
        OWN,
        of_reports(lambda basis: total_kilograms(basis.sums)),
    ),
    Indicator(
        "kg_per_inhabitant_year",
        "kg/inhabitant/year",
        {
            "fr": "Masse rapportée à la population municipale des communes où une borne était installée, ramenée à"
            " l'année ; chaque commune compte les jours où elle était équipée.",
            "en": "Kilograms by the municipal population of the communes where a bin stood, as for a whole year; each"
            " commune counts for the days on which it had a bin.",
        },
        "kg_total × 365 / Σ population × days; of a whole calendar year its own number of days",
        "décret 2015-1827 (RPQS); Clermont Auvergne RPQS 2018",
        of_reports(kilograms_per_inhabitant_year),
    ),
    Indicator(
        "refusal_pct",
        "%",
        {
            "fr": "Part des objets présentés que la borne a refusés, en nombre d'objets ; le refus en centre de tri, en"
            " masse, est un autre chiffre.",
            "en": "Share of the items presented that the bin refused, by items; refusal at the sorting centre, by mass,"
            " is another figure.",
        },
        "refused / (items + refused) × 100",
        "Grand Lyon",
        of_reports(refusal_pct),
    ),
    Indicator(
        "inhabitants_per_bin",
        "inhabitants/bin",
        {
            "fr": "Habitants des communes équipées par borne installée ; référence : une borne pour 500 habitants au"
            " moins.",
            "en": "Inhabitants of the communes with bins, by bins that stood there; reference: at least one per 500.",
        },
        "population / bins",
        "Biloba; La Gazette 429208",
        inhabitants_per_bin,
    ),
    Indicator(
        "bins_lacking",
        "bins",
        {
            "fr": "Bornes qui manquent pour atteindre la référence de densité.",
            "en": "Bins lacking to reach the reference of density.",
        },
        "max(0, ⌈population / reference⌉ − bins)",
        "Biloba; La Gazette 429208",
        bins_lacking,
        ("inhabitants_per_bin",),
    ),
    Indicator(
        "points_issued",
        "points",
        {
            "fr": "Points crédités pour les dépôts, avant toute correction.",
            "en": "Points credited for deposits, before any correction.",
        },
        "Σ points",
        OWN,
        of_reports(lambda basis: basis.sums.points),
    ),
    Indicator(
        "points_redeemed",
        "points",
        {
            "fr": "Points des bons utilisés chez les commerçants et non annulés depuis.",
            "en": "Points of vouchers redeemed at shops and not taken back since.",
        },
        "Σ price_points",
        OWN,
        flow_of(lambda flows: flows.redeemed),
    ),
    Indicator(
        "points_expired",
        "points",
        {"fr": "Points expirés, moins ceux rendus.", "en": "Points that expired, less those given back."},
        "Σ expired − Σ given back",
        OWN,
        flow_of(lambda flows: flows.expired),
    ),
    Indicator(
        "liability_cents",
        "cents",
        {
            "fr": "Ce que doit la collectivité : points non dépensés, bons en circulation, commerçants à payer.",
            "en": "What the authority owes: points not spent, vouchers that are out, shops still to be paid.",
        },
        "points × cents a point + vouchers + unsettled + unpaid",
        "docs/operators-points.md",
        None,
        served_at="/api/v1/authority/liability",
    ),
    Indicator(
        "co2_low_kg",
        "kg CO2",
        {
            "fr": "CO2 évité par le verre recyclé, valeur basse ; pour tout le verre collecté et non pour un effet du"
            " dispositif.",
            "en": "CO2 avoided by recycling the glass, low value; of all glass collected, not of an effect of the"
            " scheme.",
        },
        "kg of glass / 1000 × 460",
        "smictom-centreouest35",
        co2_of("co2_low_kg_per_tonne"),
        ("co2_low_kg_per_tonne",),
    ),
    Indicator(
        "co2_high_kg",
        "kg CO2",
        {
            "fr": "CO2 évité par le verre recyclé, valeur haute ; pour tout le verre collecté et non pour un effet du"
            " dispositif.",
            "en": "CO2 avoided by recycling the glass, high value; of all glass collected, not of an effect of the"
            " scheme.",
        },
        "kg of glass / 1000 × 620",
        "rsf91",
        co2_of("co2_high_kg_per_tonne"),
        ("co2_high_kg_per_tonne",),
    ),
    Indicator(
        "cents_avoided_per_extra_tonne",
        "cents/t",
        {
            "fr": "Coût évité par tonne de verre supplémentaire, si l'effet du dispositif est mesuré ; à ne pas"
            " multiplier par tout le verre collecté.",
            "en": "Cost avoided by each tonne of glass more, if the scheme is shown to bring it; not to be multiplied"
            " by all glass collected.",
        },
        "residual_cost_cents_per_tonne − glass_cost_cents_per_tonne",
        "Le Havre, 2022; reference of 2012",
        avoided_cost_of_a_tonne,
        ("residual_cost_cents_per_tonne", "glass_cost_cents_per_tonne"),
    ),
)

RECKONED = tuple(each for each in INDICATORS if each.reckon is not None)
"""Those a cell carries."""


def reckon_all(basis: Basis) -> dict[str, Figure]:
    """Return every figure of a cell by its indicator's name."""
    return {each.name: each.reckon(basis) for each in RECKONED if each.reckon is not None}
