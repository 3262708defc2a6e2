"""All that is held about a citizen, in one file."""

from typing import Any

import marshmallow as ma
from flask import Response, json
from marshmallow import fields

from partners_api.citizens.blueprint import citizen_of, citizens
from partners_api.languages import LANGUAGE, language_of_request
from partners_api.operations import operation
from partners_api.schemas import Instant
from partners_api.services import keyring, now
from partners_api.transactions import connection, snapshot
from rewards.access import Principal
from rewards.limits import TooManyTriesError
from rewards.privacy import export_citizen
from rewards.privacy.exporting import take_export_try


class ExportQuerySchema(ma.Schema):
    """How movements are explained."""

    lang = LANGUAGE


def list_of_rows() -> fields.List[Any]:
    """Return the field of a section: facts by name, of which later versions may have more."""
    return fields.List(fields.Dict(), required=True)


class ExportSchema(ma.Schema):
    """All that is held about a citizen; a section each, in plain values, instants in UTC."""

    exported_at = Instant(required=True)
    authority = fields.Dict(required=True)
    citizen = fields.Dict(required=True)
    wallet = fields.Dict(required=True)
    cards = list_of_rows()
    lots = list_of_rows()
    movements = list_of_rows()
    vouchers = list_of_rows()
    donations = list_of_rows()
    disputes = list_of_rows()
    wallet_changes = list_of_rows()
    invitations = list_of_rows()
    invitation_tries = list_of_rows()
    caps = list_of_rows()
    sessions = list_of_rows()
    sign_ins = list_of_rows()
    erasure_requests = list_of_rows()
    letters = list_of_rows()
    expiry_warnings = list_of_rows()
    stored_answers = list_of_rows()


@operation(
    citizens,
    "GET",
    "/export",
    audience="citizen",
    query=ExportQuerySchema,
    answers=(200, ExportSchema),
    refuses=(TooManyTriesError,),
)
def export_own_data(caller: Principal, asked: dict[str, Any]) -> Response:
    """Download all that is held about oneself, as JSON (GDPR articles 15 and 20): ten times a day at most.

    Address, cards, wallet, every movement with its explanation in French or English (`lang`, else `Accept-Language`),
    vouchers without codes, donations, disputes, sessions, letters. As of one instant.
    """
    take_export_try(connection(), keyring(), **citizen_of(caller), now=now())
    with snapshot() as reading:
        exported = export_citizen(reading, keyring(), **citizen_of(caller), language=language_of_request(), now=now())
    answer = Response(json.dumps(exported), mimetype="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="{caller.authority}-{now():%Y-%m-%d}.json"'
    answer.headers["Cache-Control"] = "no-store"
    return answer
