"""Places that are named in a question: a commune, a site, a bin; who names one that is not there is told so."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from partners_api.authorities.callers import tenant_of
from partners_api.texts import BIN_ID, INSEE, Text
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.fleet.refusals import BinMissingError, SiteMissingError
from rewards.shop_register import CommuneUnknownError
from rewards.statistics.figures.places import check_place

OF_PLACE: Mapping[str, fields.Field[Any]] = {
    "insee_code": fields.String(load_default=None, validate=INSEE),
    "site": Text(100, load_default=None, metadata={"description": "The authority's reference of it"}),
    "bin_id": fields.String(load_default=None, validate=BIN_ID),
}
"""What a query names places with."""

REFUSES_PLACE = (CommuneUnknownError, SiteMissingError, BinMissingError)


def place_of(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return which place is asked about, as the domain wants it."""
    return {name: asked[name] for name in OF_PLACE}


def require_place(caller: Principal, asked: Mapping[str, Any]) -> None:
    """Raise unless what is named is there.

    Raises:
        CommuneUnknownError, SiteMissingError, BinMissingError: it is not.
    """
    check_place(connection(), **tenant_of(caller), **place_of(asked))
