"""What tariffs, campaigns, their drafts and rehearsals look like."""

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.schemas import Boolean, Instant, Integer, NearInstant
from partners_api.texts import INSEE, MATERIAL, Text, WholeText
from rewards.schema.drafts import DRAFT_KINDS, DRAFT_STATES

BASES = ("item", "kilogram")
NAMES_MAX = 500
DAY = "20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
HOUR = "([01][0-9]|2[0-3]):[0-5][0-9]"
LOCAL_TIME = WholeText(f"^{DAY}T{HOUR}$")
TIME_OF_DAY = WholeText(f"^{HOUR}$")
CAP = validate.Range(1, 1_000_000)


class LineSchema(ma.Schema):
    """What one material earns."""

    points = Integer(required=True, validate=validate.Range(0, 10_000))
    per = fields.String(load_default="item", validate=validate.OneOf(BASES))


def lines_field(**options: Any) -> fields.Dict:
    """Return a field of lines by material."""
    names = fields.String(validate=MATERIAL)
    return fields.Dict(names, fields.Nested(LineSchema), required=True, **options)


class TariffTermsSchema(ma.Schema):
    """What a tariff says: points by material, caps, a welcome. In force from its publication's `valid_from`."""

    name = Text(100, required=True)
    lines = lines_field(validate=validate.Length(1, 100), metadata={"description": "Each material needs a line"})
    day_cap_points = Integer(validate=CAP, allow_none=True, metadata={"description": "Of a citizen"})
    week_cap_points = Integer(validate=CAP, allow_none=True, metadata={"description": "Of a citizen"})
    bin_hour_cap_points = Integer(validate=CAP, allow_none=True, metadata={"description": "Of a bin, in an hour"})
    welcome_points = Integer(
        validate=validate.Range(0, 10_000), metadata={"description": "Once, with a citizen's first credited deposit"}
    )


class CampaignTermsSchema(ma.Schema):
    """What a campaign says. Times are the authority's own; what is left out holds for all."""

    name = Text(100, required=True)
    valid_from = fields.String(required=True, data_key="from", validate=LOCAL_TIME)
    valid_until = fields.String(required=True, data_key="until", validate=LOCAL_TIME)
    multiplier_percent = Integer(
        validate=validate.Range(101, 1000), allow_none=True, metadata={"description": "200 doubles; or a bonus"}
    )
    bonus_points = Integer(validate=validate.Range(1, 10_000), allow_none=True)
    weekdays = fields.List(Integer(validate=validate.Range(1, 7)), validate=validate.Length(1, 7), allow_none=True)
    from_time = fields.String(validate=TIME_OF_DAY, allow_none=True)
    until_time = fields.String(validate=TIME_OF_DAY, allow_none=True)
    materials = fields.List(fields.String(validate=MATERIAL), validate=validate.Length(1, 100), allow_none=True)
    sites = fields.List(Text(100), validate=validate.Length(1, NAMES_MAX), allow_none=True)
    communes = fields.List(fields.String(validate=INSEE), validate=validate.Length(1, NAMES_MAX), allow_none=True)
    first_deposit_only = Boolean()
    budget_points = Integer(validate=validate.Range(1, 10**12), allow_none=True)


class DefinitionSchema(ma.Schema):
    """What a draft says: a tariff or a campaign, one of them."""

    example = {  # noqa: RUF012
        "tariff": {
            "name": "2027",
            "lines": {"glass": {"points": 2, "per": "item"}, "plastic": {"points": 10, "per": "kilogram"}},
            "day_cap_points": 50,
            "welcome_points": 10,
        }
    }

    tariff = fields.Nested(TariffTermsSchema)
    campaign = fields.Nested(CampaignTermsSchema)

    @ma.validates_schema
    def check_kind(self, said: dict[str, Any], **_: Any) -> None:
        """Refuse both, and neither."""
        if len(said) != 1:
            raise ma.ValidationError("Give either tariff or campaign.")


class DraftSchema(ma.Schema):
    """A draft, until it is published and never edited again."""

    draft_id = fields.UUID(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(DRAFT_KINDS))
    name = fields.String(required=True)
    definition = fields.Dict(required=True, metadata={"description": "As `tariff` or `campaign` when it was made"})
    state = fields.String(required=True, validate=validate.OneOf(DRAFT_STATES))
    version = Integer(required=True)
    changed_by = fields.String(required=True)
    changed_at = Instant(required=True)
    rehearsed_at = Instant(required=True, allow_none=True)
    published_by = fields.String(required=True, allow_none=True)
    published_at = Instant(required=True, allow_none=True)
    published_id = fields.UUID(required=True, allow_none=True, metadata={"description": "The tariff or campaign"})


class RehearsalOrderSchema(ma.Schema):
    """On which deposits: those recorded from an instant until before another."""

    since = NearInstant(required=True)
    until = NearInstant(required=True, metadata={"example": "2026-12-20T12:00:00+00:00"})

    @ma.validates_schema
    def check_period(self, said: dict[str, Any], **_: Any) -> None:
        """Refuse a period that ends before it begins."""
        if said["until"] <= said["since"]:
            raise ma.ValidationError("Must be later than since.", "until")


class SpreadSchema(ma.Schema):
    """Points of a wallet: those of which a tenth, half, nine tenths and 99 % of wallets have no more."""

    p10 = Integer(required=True)
    p50 = Integer(required=True)
    p90 = Integer(required=True)
    p99 = Integer(required=True)
    most = Integer(required=True)


class MaterialEffectSchema(ma.Schema):
    """What changes for a material."""

    material = fields.String(required=True)
    deposits = Integer(required=True)
    actual_points = Integer(required=True)
    points = Integer(required=True)


class CommuneEffectSchema(ma.Schema):
    """What changes at the bins of a commune."""

    insee_code = fields.String(required=True)
    name = fields.String(required=True)
    deposits = Integer(required=True)
    actual_points = Integer(required=True)
    points = Integer(required=True)
    wallets = Integer(required=True)


class RehearsalSchema(ma.Schema):
    """A draft on past deposits, beside what they were credited."""

    since = NearInstant(required=True)
    until = Instant(required=True)
    deposits = Integer(required=True)
    wallets = Integer(required=True)
    actual_points = Integer(required=True)
    points = Integer(required=True)
    campaign_points = Integer(required=True)
    cents_a_point = fields.Float(required=True, allow_none=True)
    withheld_by_bin_hour = Integer(required=True)
    withheld_by_day = Integer(required=True)
    withheld_by_week = Integer(required=True)
    winners = Integer(required=True, metadata={"description": "Wallets that would have more"})
    losers = Integer(required=True)
    capped = Integer(required=True)
    actual_spread = fields.Nested(SpreadSchema, required=True, allow_none=True)
    spread = fields.Nested(SpreadSchema, required=True, allow_none=True)
    communes = fields.List(fields.Nested(CommuneEffectSchema), required=True)
    materials = fields.List(fields.Nested(MaterialEffectSchema), required=True)
    budget_used_up_at = Instant(required=True, allow_none=True)


class PublicationSchema(ma.Schema):
    """When a tariff comes into force; a campaign says so itself."""

    valid_from = NearInstant(load_default=None, allow_none=True, metadata={"description": "Of a tariff; to come"})


class PublishedTariffSchema(ma.Schema):
    """A published tariff."""

    tariff_id = fields.UUID(required=True)
    name = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["superseded", "in force", "to come"]))
    valid_from = Instant(required=True)
    day_cap_points = Integer(required=True, allow_none=True)
    week_cap_points = Integer(required=True, allow_none=True)
    bin_hour_cap_points = Integer(required=True, allow_none=True)
    welcome_points = Integer(required=True)
    lines = lines_field()


class PublishedCampaignSchema(ma.Schema):
    """A published campaign; null holds for all."""

    campaign_id = fields.UUID(required=True)
    name = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["to come", "running", "used up", "over"]))
    valid_from = Instant(required=True)
    valid_until = Instant(required=True)
    multiplier_percent = Integer(required=True, allow_none=True)
    bonus_points = Integer(required=True, allow_none=True)
    budget_points = Integer(required=True, allow_none=True)
    used_points = Integer(required=True)
    weekdays = fields.List(Integer(), required=True, allow_none=True)
    from_time = fields.Time(required=True, allow_none=True, metadata={"format": "local-time"})
    until_time = fields.Time(required=True, allow_none=True, metadata={"format": "local-time"})
    materials = fields.List(fields.String(), required=True, allow_none=True)
    site_ids = fields.List(fields.UUID(), required=True, allow_none=True)
    insee_codes = fields.List(fields.String(), required=True, allow_none=True)
    is_first_deposit_only = fields.Boolean(required=True)
