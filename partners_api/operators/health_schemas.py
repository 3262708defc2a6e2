"""How a fleet is doing, in counts."""

import marshmallow as ma
from marshmallow import fields

from partners_api.schemas import Instant, Integer


def counts(description: str) -> fields.Dict:
    """Return a field of numbers by name."""
    return fields.Dict(keys=fields.String(), values=Integer(), required=True, metadata={"description": description})


class FleetHealthSchema(ma.Schema):
    """Counts of one authority; revoked bins are in none but their own."""

    live_bins = Integer(required=True)
    test_bins = Integer(required=True)
    revoked_bins = Integer(required=True)
    online_bins = Integer(required=True)
    never_heard_bins = Integer(required=True)
    silent_bins = Integer(required=True)
    last_heard_at = Instant(required=True, allow_none=True)
    open_commands = Integer(required=True)
    failing_jobs = Integer(required=True)
    overdue_jobs = Integer(required=True)
    alarms = counts("Bins with an alarm that is up, by kind")
    quarantine = counts("What waits in quarantine, by code")
