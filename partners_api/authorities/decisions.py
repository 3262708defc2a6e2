"""What reviews, corrections and reversals share: both are approved or rejected."""

from partners_api.schemas import Boolean

DECISIONS = ("approve", "reject")
STATES = ("requested", "approved", "rejected")
WITH_DECIDED = {
    "with_decided": Boolean(load_default=False, strict=False, metadata={"description": "Those decided too"})
}
