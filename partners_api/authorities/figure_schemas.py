"""What agents ask of figures and get; a cell carries every indicator of the catalogue, by its name."""

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.fields import Day
from partners_api.authorities.named_places import OF_PLACE
from partners_api.schemas import Boolean, Integer
from partners_api.texts import MATERIAL
from rewards.statistics.figures import RECKONED, Indicator, Missing
from rewards.statistics.figures.comparing import COMPARED_BY, Unlike
from rewards.statistics.figures.of_sites import OF_COMMUNE

GRANULARITIES = ("day", "week", "month", "year", "whole")
LEVELS = ("authority", "commune", "site", "bin")
WHOLE_UNITS = ("deposits", "items", "points", "bins", "cents/t")


def field_of(indicator: Indicator) -> fields.Field[Any]:
    """Return the field of an indicator; null: see ``missing``."""
    told = {"description": f"{indicator.definition['en']} In {indicator.unit}; null: see `missing`"}
    kind = Integer if indicator.unit in WHOLE_UNITS else fields.Float
    return kind(required=True, allow_none=True, metadata=told)


class InPeriodSchema(ma.Schema):
    """A period and a material. Days are those of the authority's time zone."""

    first_day = Day(required=True, data_key="from")
    last_day = Day(required=True, data_key="to", metadata={"description": "Included"})
    material = fields.String(load_default=None, validate=MATERIAL)
    insee_code = OF_PLACE["insee_code"]


class GridQuerySchema(InPeriodSchema):
    """Which period in which steps, of which places and materials."""

    by = fields.String(
        load_default="month",
        validate=validate.OneOf(GRANULARITIES),
        metadata={"description": "ISO weeks. At most 366 days by day or week, else eleven years"},
    )
    level = fields.String(load_default="authority", validate=validate.OneOf(LEVELS))
    by_material = Boolean(load_default=False, strict=False, metadata={"description": "A cell for each material"})
    with_year_before = Boolean(
        load_default=False,
        strict=False,
        metadata={"description": "By month, year or whole: with the same step a year before, where it may be compared"},
    )
    site, bin_id = OF_PLACE["site"], OF_PLACE["bin_id"]
    format = fields.String(
        load_default=None,
        validate=validate.OneOf(["json", "csv"]),
        metadata={"description": "Else by `Accept`: `application/json` or `text/csv`"},
    )

    @ma.validates_schema
    def has_years(self, asked: dict[str, Any], **_: Any) -> None:
        """Refuse to compare days or weeks of two years."""
        if asked["with_year_before"] and asked["by"] not in COMPARED_BY:
            raise ma.ValidationError("only by month, year or whole", "with_year_before")


class CoverageSchema(ma.Schema):
    """How complete figures are."""

    is_partial = fields.Boolean(required=True, metadata={"description": "The step is cut by the period, or not over"})
    is_complete = fields.Boolean(
        required=True, metadata={"description": "The step is over, and every bin stood there and reported all the time"}
    )
    bins = Integer(required=True, metadata={"description": "That stood there"})
    bins_reporting = Integer(required=True, metadata={"description": "Of these: had a deposit, or were heard"})
    bins_missing = Integer(
        required=True, metadata={"description": "Of these: silent for seven days on end, or in some step of it"}
    )
    bins_in_between = Integer(
        required=True, metadata={"description": "Of these: placed or removed within it, by more than a day"}
    )
    sites_missing = Integer(required=True, metadata={"description": "Where bins stood and none reported"})
    communes_missing = fields.List(
        fields.String(), required=True, metadata={"description": "INSEE codes of those where bins stood, none reported"}
    )
    silent_steps = fields.List(
        fields.String(), required=True, metadata={"description": "Days, weeks or months in which nothing came"}
    )


class CellPlaceSchema(ma.Schema):
    """The step, the place and the material of a cell; null: all."""

    step = fields.String(required=True, metadata={"example": "2026-11"})
    first_day = fields.Date(required=True, data_key="from")
    last_day = fields.Date(required=True, data_key="to")
    days = Integer(required=True, metadata={"description": "That have begun"})
    insee_code = fields.String(required=True, allow_none=True)
    commune = fields.String(required=True, allow_none=True)
    site = fields.String(required=True, allow_none=True)
    site_id = fields.UUID(required=True, allow_none=True)
    bin_id = fields.String(required=True, allow_none=True)
    material = fields.String(required=True, allow_none=True)
    population = Integer(required=True, allow_none=True, metadata={"description": "Of the communes where a bin stood"})
    population_years = fields.List(Integer(), required=True, metadata={"description": "Of the census"})
    population_sources = fields.List(fields.String(), required=True)


REASON = fields.Dict(
    keys=fields.String(),
    values=fields.String(validate=validate.OneOf([each.value for each in Missing])),
    required=True,
    metadata={"description": "Why figures are null, by indicator: see `figures/definitions`"},
)


class YearBeforeSchema(ma.Schema):
    """The same cell a year before, and the change of kilograms since."""

    step = fields.String(required=True, allow_none=True)
    kg_total = fields.Float(required=True, allow_none=True)
    change_pct = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Of kg_total a day; null where like is not compared with like"},
    )
    reason = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf([each.value for each in Unlike]),
        metadata={
            "description": "Why there is no change: a step is not complete, a bin was placed or removed within it, "
            "the bins are others, or nothing is known"
        },
    )


CellSchema: type[ma.Schema] = type(
    "CellSchema",
    (CellPlaceSchema, CoverageSchema),
    {
        "__doc__": "The figures of one step, place and material.",
        **{each.name: field_of(each) for each in RECKONED},
        "missing": REASON,
        "year_before": fields.Nested(
            YearBeforeSchema, required=True, allow_none=True, metadata={"description": "Null unless asked for"}
        ),
    },
)


class MissingBinSchema(ma.Schema):
    """A bin that stood at a site and did not report in some steps."""

    bin_id = fields.String(required=True)
    site = fields.String(required=True)
    insee_code = fields.String(required=True)
    steps = fields.List(fields.String(), required=True)


class AssumptionInForceSchema(ma.Schema):
    """A number figures were reckoned with; a default of Bontri has no month."""

    name = fields.String(required=True)
    value = Integer(required=True)
    source = fields.String(required=True)
    valid_from = fields.Date(required=True, allow_none=True)


class GridPeriodSchema(ma.Schema):
    """From the first to the last day, both included, in the authority's time zone."""

    first_day = fields.Date(required=True, data_key="from")
    last_day = fields.Date(required=True, data_key="to")
    timezone = fields.String(required=True)


class GridSchema(ma.Schema):
    """The cells by step, place and material, the whole for each material, and the bins that are missing."""

    period = fields.Nested(GridPeriodSchema, required=True)
    by = fields.String(required=True, validate=validate.OneOf(GRANULARITIES))
    level = fields.String(required=True, validate=validate.OneOf(LEVELS))
    is_simulated = fields.Boolean(required=True, metadata={"description": "No real bin stands behind any of it"})
    totals = fields.List(fields.Nested(CellSchema), required=True)
    cells = fields.List(fields.Nested(CellSchema), required=True)
    missing_bins = fields.List(
        fields.Nested(MissingBinSchema), required=True, metadata={"description": "The first 200 by id"}
    )
    assumptions = fields.List(
        fields.Nested(AssumptionInForceSchema), required=True, metadata={"description": "On the last day"}
    )


class SitePlaceSchema(CoverageSchema):
    """A site and how complete its figures are."""

    site_id = fields.UUID(required=True)
    site = fields.String(required=True)
    insee_code = fields.String(required=True)
    commune = fields.String(required=True)
    address = fields.String(required=True)
    latitude = fields.Float(required=True)
    longitude = fields.Float(required=True)


SiteFiguresSchema: type[ma.Schema] = type(
    "SiteFiguresSchema",
    (SitePlaceSchema,),
    {
        "__doc__": "What a site collected in the period; what needs a population is of its commune.",
        **{
            each.name: field_of(each)
            for each in RECKONED
            if each.name in ("deposits", "items", "kg_measured", "kg_estimated", "kg_total", "refusal_pct")
        },
        **{f"commune_{each.name}": field_of(each) for each in RECKONED if each.name in OF_COMMUNE},
        "missing": REASON,
    },
)


class WordsSchema(ma.Schema):
    """In French and in English."""

    fr = fields.String(required=True)
    en = fields.String(required=True)


class IndicatorSchema(ma.Schema):
    """What a figure means, and how it is come by."""

    name = fields.String(required=True)
    unit = fields.String(required=True)
    definition = fields.Nested(WordsSchema, required=True)
    formula = fields.String(required=True)
    source = fields.String(required=True)
    assumptions = fields.List(fields.String(), required=True)
    served_at = fields.String(required=True)


class ReasonSchema(ma.Schema):
    """Why a figure may be missing, or is compared with nothing."""

    code = fields.String(required=True)
    meaning = fields.Nested(WordsSchema, required=True)


class DefinitionsSchema(ma.Schema):
    """What figures mean; the defaults of what is taken for granted; why figures may be missing, or not compared."""

    indicators = fields.List(fields.Nested(IndicatorSchema), required=True)
    assumptions = fields.List(fields.Nested(AssumptionInForceSchema), required=True)
    reasons = fields.List(fields.Nested(ReasonSchema), required=True)
    reasons_not_compared = fields.List(
        fields.Nested(ReasonSchema),
        required=True,
        metadata={"description": "Why a figure is not compared with the year before"},
    )
