"""What a shop's till sends and gets."""

import marshmallow as ma
from marshmallow import fields

from partners_api.schemas import ENTERED_CODE, Integer


class EnteredCodeSchema(ma.Schema):
    """A voucher's code, scanned or typed. In the body, so that it is in no access log."""

    code = fields.String(
        required=True,
        validate=ENTERED_CODE,
        metadata={"description": "`{authority}.{code}` as scanned, or the code typed; blanks and look-alikes forgiven"},
    )


class RedemptionSchema(ma.Schema):
    """A voucher redeemed at this shop."""

    voucher_id = fields.UUID(required=True)
    title = fields.String(required=True)
    price_points = Integer(required=True)
    value_cents = Integer(required=True, metadata={"description": "What the shop is paid for it"})
    redeemed_at = fields.AwareDateTime(required=True)
    is_repeat = fields.Boolean(required=True, metadata={"description": "The same key had redeemed it before"})
