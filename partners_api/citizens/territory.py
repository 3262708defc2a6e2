"""What an app offers to choose from: the communes of the authority, and the materials its bins take."""

from typing import Any

import marshmallow as ma
from marshmallow import fields

from partners_api.citizens.blueprint import citizens
from partners_api.listings import Page, listing, page_of
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.territory import ListedCommune, ListedMaterial, list_communes, list_materials


class NamedCommuneSchema(ma.Schema):
    """A commune where the scheme runs."""

    insee_code = fields.String(required=True)
    name = fields.String(required=True)


class NamedMaterialSchema(ma.Schema):
    """A material one earns points with."""

    material = fields.String(required=True)


@listing(citizens, "/communes", audience="citizen", item=NamedCommuneSchema, key=(str,))
def show_communes_to_citizens(caller: Principal, asked: dict[str, Any]) -> Page[ListedCommune]:
    """List the communes by INSEE code."""
    [after] = asked["after"] or [None]
    found = list_communes(connection(), authority_id=caller.authority_id, after=after, limit=asked["limit"])
    return page_of(found, asked["limit"], lambda each: (each.insee_code,))


@listing(citizens, "/materials", audience="citizen", item=NamedMaterialSchema, key=(str,))
def show_materials_to_citizens(caller: Principal, asked: dict[str, Any]) -> Page[ListedMaterial]:
    """List the materials by name, as `GET /api/v1/citizen/bins` takes them."""
    [after] = asked["after"] or [None]
    found = list_materials(connection(), authority_id=caller.authority_id, after=after, limit=asked["limit"])
    return page_of(found, asked["limit"], lambda each: (each.material,))
