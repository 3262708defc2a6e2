"""The public report of a year as the API tells it; what is null is not known, not published or withheld."""

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.effects import (
    METHOD,
    SOURCES,
    BilingualSchema,
    EffectCautionSchema,
    EffectIntervalSchema,
    LackingReasonSchema,
)
from partners_api.authorities.references import ReferenceSchema
from partners_api.schemas import Instant, Integer

TOLD = validate.OneOf(["told", "withheld", "mass_unknown", "not_published", "no_bin", "nothing_reported"])


class ReportPublicationSchema(ma.Schema):
    """What the report draws on: the year as published, else its published months, else nothing."""

    basis = fields.String(required=True, validate=validate.OneOf(["year", "months", "nothing"]))
    months = fields.List(fields.Date(), required=True)
    published_at = Instant(required=True, allow_none=True)
    cells = Integer(required=True)
    withheld = Integer(required=True)
    licence = fields.String(required=True)


class ReportTerritorySchema(ma.Schema):
    """Where bins stood in the year."""

    communes = Integer(required=True)
    communes_equipped = Integer(required=True)
    population = Integer(required=True, allow_none=True, metadata={"description": "Of communes with bins"})
    population_years = fields.List(Integer(), required=True)
    population_sources = fields.List(fields.String(), required=True)
    bins = Integer(required=True)
    bins_reporting = Integer(required=True)
    sites = Integer(required=True)
    inhabitants_per_bin = fields.Float(required=True, allow_none=True)
    bins_lacking = Integer(required=True, allow_none=True)
    bins_placed_or_removed = Integer(required=True)


class ReportAmountSchema(ma.Schema):
    """What was dropped at a place, of a material, as it was published."""

    code = fields.String(required=True, metadata={"description": "INSEE code; empty: the authority"})
    name = fields.String(required=True)
    material = fields.String(required=True, metadata={"description": "Empty: all together"})
    told = fields.String(required=True, validate=TOLD)
    deposits = Integer(required=True, allow_none=True)
    mass_g = Integer(required=True, allow_none=True)
    points = Integer(required=True, allow_none=True)
    holders = Integer(required=True, allow_none=True, metadata={"description": "Of a published year"})


class ReportCommuneSchema(ma.Schema):
    """A commune with its bins."""

    insee_code = fields.String(required=True)
    name = fields.String(required=True)
    population = Integer(required=True, allow_none=True)
    population_year = Integer(required=True, allow_none=True)
    bins = Integer(required=True)
    bins_reporting = Integer(required=True)
    sites = Integer(required=True)
    amount = fields.Nested(ReportAmountSchema, required=True)
    kg_per_inhabitant = fields.Float(required=True, allow_none=True)


class ReportMonthSchema(ma.Schema):
    """A month of the whole authority."""

    month = fields.Date(required=True)
    told = fields.String(required=True, validate=TOLD)
    mass_g = Integer(required=True, allow_none=True)
    bins = Integer(required=True)
    bins_reporting = Integer(required=True)


class ReportYearBeforeSchema(ma.Schema):
    """The year before, and the change where like is like."""

    year = Integer(required=True)
    mass_g = Integer(required=True, allow_none=True)
    change_pct = fields.Float(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why nothing is compared"})


class ReportBesideSchema(ma.Schema):
    """Glass beside that of others; what bins took is a part of what was collected."""

    stream = fields.String(required=True)
    by_bins = fields.Float(required=True, allow_none=True)
    collected = fields.Nested(ReferenceSchema, required=True)
    references = fields.List(fields.Nested(ReferenceSchema), required=True)
    capture_pct = fields.Float(required=True, allow_none=True)
    capture_missing = fields.String(required=True, allow_none=True)


class ReportParticipationSchema(ma.Schema):
    """Who took part, in whole percents."""

    holders = Integer(required=True, allow_none=True)
    new_pct = Integer(required=True, allow_none=True)
    participation_pct = Integer(required=True, allow_none=True)
    share_basis = fields.String(
        required=True, allow_none=True, validate=validate.OneOf(["households_served", "holders_registered"])
    )
    households = Integer(required=True, allow_none=True)
    households_year = Integer(required=True, allow_none=True)
    households_source = fields.String(required=True, allow_none=True)
    anonymous_pct = Integer(required=True, allow_none=True)


class ReportEffectSchema(ma.Schema):
    """The effect with its interval, or ``effect`` null and the ``reasons``; without the names of sites."""

    is_measurable = fields.Boolean(required=True)
    sentence = fields.Nested(BilingualSchema, required=True)
    kilograms_from = fields.String(required=True, validate=SOURCES)
    effect = fields.Nested(EffectIntervalSchema, required=True, allow_none=True)
    p_value = fields.Float(required=True, allow_none=True)
    method = fields.String(required=True, allow_none=True, validate=METHOD)
    reasons = fields.List(fields.Nested(LackingReasonSchema), required=True)
    cautions = fields.List(fields.Nested(EffectCautionSchema), required=True)
    definition = fields.String(required=True)
    source = fields.String(required=True)


class ReportPaidSchema(ma.Schema):
    """What a funder paid; without a name several together, of which some have few customers."""

    funder_kind = fields.String(required=True, allow_none=True)
    name = fields.String(required=True, allow_none=True)
    payable_cents = Integer(required=True)
    value_cents = Integer(required=True)
    funders = Integer(required=True)


class ReportPointsSchema(ma.Schema):
    """Points of the year, what shops were paid, and what is owed at its end."""

    issued = Integer(required=True, allow_none=True)
    redeemed = Integer(required=True, allow_none=True)
    expired = Integer(required=True, allow_none=True)
    paid = fields.List(fields.Nested(ReportPaidSchema), required=True)
    paid_told = fields.String(required=True, validate=validate.OneOf(["told", "withheld", "nothing_locked"]))
    paid_cents = Integer(required=True, allow_none=True)
    owed_cents = Integer(required=True, allow_none=True)
    owed_expected_cents = Integer(required=True, allow_none=True)


class ReportAssumptionSchema(ma.Schema):
    """A number that is taken for granted, with where it comes from."""

    name = fields.String(required=True)
    value = Integer(required=True)
    source = fields.String(required=True)
    valid_from = fields.Date(required=True, allow_none=True)


class ReportWorthSchema(ma.Schema):
    """What the glass comes to; of all glass, not of an effect."""

    glass_g = Integer(required=True, allow_none=True)
    co2_low_kg = fields.Float(required=True, allow_none=True)
    co2_high_kg = fields.Float(required=True, allow_none=True)
    cents_avoided_per_extra_tonne = Integer(required=True)
    assumptions = fields.List(fields.Nested(ReportAssumptionSchema), required=True)


class ReportWeighedSchema(ma.Schema):
    """Counted and weighed at emptyings, of all bins together."""

    material = fields.String(required=True)
    rounds = Integer(required=True)
    usable_rounds = Integer(required=True)
    counted_g = Integer(required=True)
    weighed_g = Integer(required=True)
    ratio = fields.Float(required=True, allow_none=True)


class ReportSilentBinSchema(ma.Schema):
    """A bin of which months are missing."""

    bin_id = fields.String(required=True)
    site = fields.String(required=True)
    insee_code = fields.String(required=True)
    months = fields.List(fields.String(), required=True)


class ReportLackingSchema(ma.Schema):
    """What is missing in the year."""

    months = fields.List(fields.String(), required=True)
    communes = fields.List(fields.String(), required=True)
    bins = Integer(required=True)
    silent_bins = fields.List(fields.Nested(ReportSilentBinSchema), required=True)


class AnnualReportSchema(ma.Schema):
    """The facts of a year for the public."""

    year = Integer(required=True)
    authority = fields.String(required=True)
    slug = fields.String(required=True)
    is_simulated = fields.Boolean(required=True, metadata={"description": "No real bin stands behind any of it"})
    timezone = fields.String(required=True)
    publication = fields.Nested(ReportPublicationSchema, required=True)
    territory = fields.Nested(ReportTerritorySchema, required=True)
    total = fields.Nested(ReportAmountSchema, required=True)
    kg_per_inhabitant = fields.Float(required=True, allow_none=True)
    materials = fields.List(fields.Nested(ReportAmountSchema), required=True)
    communes = fields.List(fields.Nested(ReportCommuneSchema), required=True)
    months = fields.List(fields.Nested(ReportMonthSchema), required=True)
    before = fields.Nested(ReportYearBeforeSchema, required=True)
    beside = fields.Nested(ReportBesideSchema, required=True, allow_none=True)
    participation = fields.Nested(ReportParticipationSchema, required=True)
    refusal_pct = fields.Float(required=True, allow_none=True)
    effect_material = fields.String(required=True, allow_none=True)
    effect = fields.Nested(ReportEffectSchema, required=True, allow_none=True)
    points = fields.Nested(ReportPointsSchema, required=True)
    worth = fields.Nested(ReportWorthSchema, required=True)
    weighed = fields.List(fields.Nested(ReportWeighedSchema), required=True)
    lacking = fields.Nested(ReportLackingSchema, required=True)
    law = fields.String(required=True)
