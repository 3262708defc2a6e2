"""Everything below ``/shop``."""

from typing import Any

from partners_api.operations import Blueprint
from rewards.access import Principal

shops = Blueprint("shop", __name__, url_prefix="/shop", description="For shops' tills and back offices")


def shop_of(caller: Principal) -> dict[str, Any]:
    """Return which shop's calls these are."""
    return {"authority_id": caller.authority_id, "shop_id": caller.subject_id}
