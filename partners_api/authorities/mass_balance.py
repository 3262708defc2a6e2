"""What bins counted against what was weighed at their emptyings: by bin, and round by round."""

from typing import Any
from zoneinfo import ZoneInfo

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.authorities.fields import Day
from partners_api.authorities.named_places import OF_PLACE, REFUSES_PLACE, require_place
from partners_api.listings import Long, Page, listing, page_of
from partners_api.schemas import Instant, Integer
from partners_api.services import now
from partners_api.texts import MATERIAL
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.fleet.refusals import BinMissingError
from rewards.fleet.register import get_bin_on_map
from rewards.mass_balance import DOUBTS, BinBalance, CollectionRound, list_balances, list_rounds
from rewards.statistics.periods import Period, PeriodReversedError, PeriodToComeError, PeriodTooLongError

SPOKEN_AGAINST = "docs/statistics.md, Counted and weighed"
RATIO = {"description": "Weighed over counted grams, before calibration; null where one of them is not known or zero"}
ANONYMOUS = {"description": "Of the deposits those nobody was credited for"}


class BinBalanceSchema(ma.Schema):
    """A bin and material in a period; grams are of the rounds nothing speaks against. Figures say where they are from.

    Source: docs/figures.md, items to kilograms; definitions: docs/statistics.md, Counted and weighed.
    """

    bin_id = fields.String(required=True)
    site = fields.String(required=True, allow_none=True, metadata={"description": "Where it stands now"})
    material = fields.String(required=True, allow_none=True, metadata={"description": "Null: no round ended"})
    rounds = Integer(required=True, metadata={"description": "That ended in the period"})
    usable_rounds = Integer(required=True, metadata={"description": f"Nothing speaks against: {SPOKEN_AGAINST}"})
    deposits = Integer(required=True, metadata={"description": "Of all rounds"})
    anonymous_deposits = Integer(required=True, metadata=ANONYMOUS)
    anonymous_share = fields.Float(required=True, allow_none=True)
    counted_g = Integer(
        required=True,
        metadata={"description": "By the bin's scales, else items × the unit mass of the round's last day"},
    )
    weighed_g = Integer(required=True, metadata={"description": "At the emptyings"})
    ratio = fields.Float(required=True, allow_none=True, metadata=RATIO)
    factor = fields.Float(required=True, allow_none=True, metadata={"description": "Calibration on the last day"})
    calibrated_from = fields.Date(required=True, allow_none=True)
    expected_by = fields.String(
        required=True,
        validate=validate.OneOf(["calibration", "fleet", "unit_mass"]),
        metadata={"description": "What weighed over counted is compared with"},
    )
    drift = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "Median of weighed over expected of the newest rounds: 1 is as expected; null: too few"
        },
    )
    direction = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(["counted_more", "weighed_more"]),
        metadata={"description": "Which is too much by more than `balance_over_percent`; null: neither"},
    )
    alarm_raised_at = Instant(required=True, allow_none=True)


class CollectionRoundSchema(ma.Schema):
    """What a bin took of one material between two emptyings."""

    material = fields.String(required=True)
    site = fields.String(required=True, metadata={"description": "Where it was emptied"})
    began_at = Instant(required=True, metadata={"description": "The emptying before, by the bin's clock"})
    ended_at = Instant(required=True)
    deposits = Integer(required=True)
    anonymous_deposits = Integer(required=True, metadata=ANONYMOUS)
    items = Integer(required=True)
    counted_g = Integer(required=True, allow_none=True, metadata={"description": "Null: no unit mass is known"})
    factor = fields.Float(required=True, allow_none=True, metadata={"description": "Calibration in force; not applied"})
    weighed_g = Integer(required=True, allow_none=True, metadata={"description": "Null: it was not weighed"})
    ratio = fields.Float(required=True, allow_none=True, metadata=RATIO)
    is_complete = fields.Boolean(required=True)
    missing = Integer(required=True, metadata={"description": "Numbers that may still come"})
    lost = Integer(required=True, metadata={"description": "Numbers that never come"})
    quarantined = Integer(required=True, metadata={"description": "Numbers whose event could not be accepted"})
    is_clock_back = fields.Boolean(
        required=True, metadata={"description": "It ended before it began, by the bin's clock; numbers decide"}
    )
    doubts = fields.List(
        fields.String(validate=validate.OneOf(list(DOUBTS))),
        required=True,
        metadata={"description": f"What speaks against using it: {SPOKEN_AGAINST}"},
    )
    computed_at = Instant(required=True)


@listing(
    authorities,
    "/figures/mass-balance",
    audience="authority",
    role="viewer",
    item=BinBalanceSchema,
    key=(str, str),
    filters={
        "first_day": Day(required=True, data_key="from"),
        "last_day": Day(required=True, data_key="to", metadata={"description": "Included; at most 366 days"}),
        "material": fields.String(load_default=None, validate=MATERIAL),
        **OF_PLACE,
    },
    refuses=(*REFUSES_PLACE, PeriodReversedError, PeriodTooLongError, PeriodToComeError),
)
def show_mass_balance(caller: Principal, asked: dict[str, Any]) -> Page[BinBalance]:
    """List bins and materials by what was counted and weighed in rounds that ended in a period; all live bins
    that stood somewhere in it.

    Commune and site are of where a bin stands now. Rounds are computed once an hour. A bin is compared with its
    calibration, else with the other bins of its material.
    """
    period = Period(asked.pop("first_day"), asked.pop("last_day"))
    period.require_begun(now().astimezone(ZoneInfo(caller.timezone)).date())
    require_place(caller, asked)
    found = list_balances(connection(), period, **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: each.key)


@listing(
    authorities,
    "/bins/<bin_id>/rounds",
    audience="authority",
    role="viewer",
    item=CollectionRoundSchema,
    key=(int, Long),
    filters={"material": fields.String(load_default=None, validate=MATERIAL)},
    refuses=(BinMissingError,),
)
def show_rounds(caller: Principal, asked: dict[str, Any], bin_id: str) -> Page[CollectionRound]:
    """List the collection rounds of a bin, newest first: what was counted, what was weighed, and what is missing."""
    get_bin_on_map(connection(), bin_id, **tenant_of(caller), now=now())
    found = list_rounds(connection(), bin_id, **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: each.key)
