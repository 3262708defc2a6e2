"""Everything below ``/citizen``."""

from typing import Any

from partners_api.operations import Blueprint
from rewards.access import Principal

citizens = Blueprint("citizen", __name__, url_prefix="/citizen", description="For citizens' applications")


def citizen_of(caller: Principal) -> dict[str, Any]:
    """Return who a citizen's calls are about."""
    return {"authority_id": caller.authority_id, "citizen_id": caller.subject_id}


def wallet_of(caller: Principal) -> dict[str, Any]:
    """Return whose points a citizen's calls are about."""
    return {"authority_id": caller.authority_id, "wallet_id": caller.wallet_id}
