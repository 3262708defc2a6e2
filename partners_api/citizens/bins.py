"""Bins near a place, and reporting that one is full or broken."""

from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.citizens.blueprint import citizen_of, citizens
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer
from partners_api.services import keyring, now
from partners_api.texts import MATERIAL
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.bin_problems import BinUnknownError, report_problem
from rewards.bins_near import NearBin, list_bins_near
from rewards.limits import TooManyTriesError
from rewards.schema.requests import PROBLEM_KINDS


class NearBinSchema(ma.Schema):
    """A bin in use. What it never told is null, or empty."""

    bin_id = fields.String(required=True)
    address = fields.String(required=True)
    commune = fields.String(required=True)
    latitude = fields.Float(required=True)
    longitude = fields.Float(required=True)
    distance_m = Integer(required=True, metadata={"description": "From the place asked for, in a straight line"})
    materials = fields.List(fields.String(), required=True, metadata={"description": "What it takes"})
    fill_pct = Integer(required=True, allow_none=True, metadata={"description": "Of its fullest part, at `status_at`"})
    fill_by_material = fields.Dict(
        keys=fields.String(),
        values=Integer(),
        required=True,
        allow_none=True,
        metadata={"description": "Null where the bin does not tell its parts apart"},
    )
    status_at = Instant(required=True, allow_none=True)
    is_out_of_order = fields.Boolean(
        required=True, metadata={"description": "It says so, was not heard for a day, or two found it broken"}
    )
    problems = fields.List(
        fields.String(validate=validate.OneOf(PROBLEM_KINDS)),
        required=True,
        metadata={"description": "What at least two citizens reported"},
    )


class ProblemOrderSchema(ma.Schema):
    """What is wrong with a bin."""

    kind = fields.String(required=True, validate=validate.OneOf(PROBLEM_KINDS))


class ReportedProblemSchema(ma.Schema):
    """The bin's open problem; others may have reported it before."""

    problem_id = fields.UUID(required=True)


@listing(
    citizens,
    "/bins",
    audience="citizen",
    item=NearBinSchema,
    key=(int, str),
    filters={
        "latitude": fields.Float(required=True, validate=validate.Range(-90, 90)),
        "longitude": fields.Float(required=True, validate=validate.Range(-180, 180)),
        "radius_m": Integer(load_default=1000, validate=validate.Range(10, 50_000), strict=False),
        "material": fields.String(load_default=None, validate=MATERIAL),
    },
    is_on_a_map=True,
)
def show_bins_near(caller: Principal, asked: dict[str, Any]) -> Page[NearBin]:
    """List the bins near a place, nearest first, with what they take and how full they are.

    With `format=geojson` they are points on a map. The place asked for is kept nowhere.
    """
    bins = list_bins_near(connection(), authority_id=caller.authority_id, now=now(), **asked)
    return page_of(bins, asked["limit"], lambda each: (each.distance_m, each.bin_id))


@operation(
    citizens,
    "POST",
    "/bins/<string:bin_id>/problems",
    audience="citizen",
    body=ProblemOrderSchema,
    answers=(201, ReportedProblemSchema),
    refuses=(BinUnknownError, TooManyTriesError),
)
def report_bin_problem(caller: Principal, said: dict[str, str], bin_id: str) -> dict[str, UUID]:
    """Report that a bin is full, broken or blocked, reads no card, or that litter lies beside it.

    Once a day for each bin and kind, ten times a day in all. Who reported is kept nowhere.
    """
    return {
        "problem_id": report_problem(
            connection(), keyring(), bin_id, **citizen_of(caller), kind=said["kind"], now=now()
        )
    }
