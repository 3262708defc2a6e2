"""Bins: seen as they are now, provisioned, given new keys, put out of service.

Keys are derived from the master key and handed over in the answer; a repeat with the same Idempotency-Key derives the
same again. The broker's accounts are written by `bontri broker write`, on the broker's own machine.
"""

import datetime
from typing import Any

from marshmallow import fields, validate

from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.operators.bin_schemas import (
    STATES,
    BinPortraitSchema,
    BinStateSchema,
    HandedBinSchema,
    LiveBinSchema,
    NewBinSchema,
)
from partners_api.operators.blueprint import operators
from partners_api.operators.tenants import bin_named, get_tenant
from partners_api.refusals import AuthorityUnknownError
from partners_api.schemas import Integer
from partners_api.services import keyring, now
from partners_api.transactions import connection
from rewards.access import Operator
from rewards.bins import NewBin
from rewards.fleet.handing import HandedBin, bin_entry
from rewards.fleet.keys import revoke_key, rotate_key
from rewards.fleet.live_states import LiveBin, list_live_bins
from rewards.fleet.owners import Owner
from rewards.fleet.portraits import Facts, describe_bin
from rewards.fleet.provisioning import provision_bins
from rewards.fleet.refusals import (
    BinMissingError,
    BinRevokedError,
    BinStateUnchangedError,
    BinTakenError,
    KeyIsLastError,
    KeyMissingError,
    KeysTooManyError,
    SiteMissingError,
)
from rewards.fleet.states import change_state, revoke_for_good
from rewards.territory import find_sites

OF_ONE_BIN = (AuthorityUnknownError, BinMissingError)


@listing(
    operators,
    "/authorities/<slug>/bins",
    audience="operator",
    item=LiveBinSchema,
    key=(str,),
    filters={
        "state": fields.String(load_default=None, validate=validate.OneOf(STATES)),
        "silent_for_s": Integer(
            load_default=None,
            validate=validate.Range(1, 366 * 24 * 3600),
            strict=False,
            metadata={"description": "Only bins not heard for so many seconds"},
        ),
    },
    refuses=(AuthorityUnknownError,),
    is_on_a_map=True,
)
def show_bins(caller: Operator, asked: dict[str, Any], slug: str) -> Page[LiveBin]:
    """List bins by id with their live state, as JSON, CSV or GeoJSON."""
    at, silent_for_s = now(), asked["silent_for_s"]
    found = list_live_bins(
        connection(),
        authority_id=get_tenant(slug).authority_id,
        state=asked["state"],
        silent_since=None if silent_for_s is None else at - datetime.timedelta(seconds=silent_for_s),
        after=asked["after"],
        limit=asked["limit"],
        now=at,
    )
    return page_of(found, asked["limit"], lambda each: (each.bin_id,))


@operation(
    operators,
    "POST",
    "/authorities/<slug>/bins",
    audience="operator",
    body=NewBinSchema,
    answers=(201, HandedBinSchema),
    refuses=(AuthorityUnknownError, SiteMissingError, BinTakenError),
    is_idempotent=True,
)
def provision_bin(caller: Operator, new: dict[str, Any], key: str, slug: str) -> dict[str, Any]:
    """Provision a bin at a site and hand its key and password over.

    Workers know it within a second. Where the broker has accounts, write them anew: `bontri broker write`.
    """
    owner = get_tenant(slug)

    def provision() -> dict[str, str]:
        sites = find_sites(connection(), [new["site"]], authority_id=owner.authority_id)
        if new["site"] not in sites:
            raise SiteMissingError(new["site"])
        bins = [NewBin(new["bin_id"], sites[new["site"]], now(), new["capacity_l"], new["state"])]
        provision_bins(connection(), bins, authority_id=owner.authority_id, now=now())
        return {"bin_id": new["bin_id"], "key_number": "1"}

    return hand_over(once(caller, key, provision, authority_id=owner.authority_id), owner)


@operation(
    operators,
    "GET",
    "/authorities/<slug>/bins/<bin_id>",
    audience="operator",
    answers=(200, BinPortraitSchema),
    refuses=OF_ONE_BIN,
)
def show_bin(caller: Operator, slug: str, bin_id: str) -> Facts:
    """Show what is known of a bin: places, keys, journals with what is missing of them."""
    owner = get_tenant(slug)
    return describe_bin(connection(), bin_named(bin_id), authority_id=owner.authority_id, slug=owner.slug)


@operation(
    operators,
    "PUT",
    "/authorities/<slug>/bins/<bin_id>/state",
    audience="operator",
    body=BinStateSchema,
    answers=(204, None),
    refuses=(*OF_ONE_BIN, BinRevokedError, BinStateUnchangedError),
)
def put_bin_into_state(caller: Operator, wanted: dict[str, Any], slug: str, bin_id: str) -> None:
    """Put a bin into service, or back into state `test`."""
    owner = get_tenant(slug)
    change_state(connection(), bin_named(bin_id), wanted["state"], authority_id=owner.authority_id)


@operation(
    operators,
    "POST",
    "/authorities/<slug>/bins/<bin_id>/revocation",
    audience="operator",
    answers=(204, None),
    refuses=(*OF_ONE_BIN, BinRevokedError),
)
def revoke_bin(caller: Operator, slug: str, bin_id: str) -> None:
    """Revoke a bin for good: within two seconds nothing signed by it is accepted. Points it has given stay."""
    owner = get_tenant(slug)
    revoke_for_good(connection(), bin_named(bin_id), authority_id=owner.authority_id)


@operation(
    operators,
    "POST",
    "/authorities/<slug>/bins/<bin_id>/keys",
    audience="operator",
    answers=(201, HandedBinSchema),
    refuses=(*OF_ONE_BIN, BinRevokedError, KeysTooManyError),
    is_idempotent=True,
)
def rotate_bin_key(caller: Operator, key: str, slug: str, bin_id: str) -> dict[str, Any]:
    """Make the bin's next key valid beside its present one, and hand it over; at most two are valid at once.

    Give it to the bin, see in the list of bins when it uses it, then retire the old number.
    """
    owner = get_tenant(slug)

    def rotate() -> dict[str, str]:
        number = rotate_key(connection(), bin_named(bin_id), authority_id=owner.authority_id, now=now())
        return {"bin_id": bin_id, "key_number": str(number)}

    return hand_over(once(caller, key, rotate, authority_id=owner.authority_id), owner)


@operation(
    operators,
    "DELETE",
    "/authorities/<slug>/bins/<bin_id>/keys/<int:key_number>",
    audience="operator",
    answers=(204, None),
    refuses=(*OF_ONE_BIN, BinRevokedError, KeyMissingError, KeyIsLastError),
)
def retire_bin_key(caller: Operator, slug: str, bin_id: str, key_number: int) -> None:
    """Retire a key number, or revoke it where somebody else knows the key: refused within two seconds either way."""
    owner = get_tenant(slug)
    revoke_key(connection(), bin_named(bin_id), key_number, authority_id=owner.authority_id)


def hand_over(answer: dict[str, str], owner: Owner) -> dict[str, Any]:
    """Derive what an answer hands over of a bin."""
    handed = HandedBin(key_number=int(answer["key_number"]))
    entry = bin_entry(answer["bin_id"], handed, authority=owner.slug, keyring=keyring())
    return {**entry, "bin_id": answer["bin_id"]}
