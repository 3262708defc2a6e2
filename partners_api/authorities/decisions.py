"""What reviews and corrections share: both are approved or rejected."""

from partners_api.schemas import Boolean

DECISIONS = ("approve", "reject")
WITH_DECIDED = {
    "with_decided": Boolean(load_default=False, strict=False, metadata={"description": "Those decided too"})
}
