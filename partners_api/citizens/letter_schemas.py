"""What is said about letters."""

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.schemas import Boolean
from rewards.languages import LANGUAGES

IS_LANGUAGE = validate.OneOf(LANGUAGES)
NOTICES = "Letters one can do without: points that expire, how a collective goal ended"


class LetterWishesSchema(ma.Schema):
    """How a citizen wants letters."""

    language = fields.String(required=True, validate=IS_LANGUAGE)
    notices = fields.Boolean(required=True, attribute="wants_notices", metadata={"description": NOTICES})


class LetterWishesChangeSchema(ma.Schema):
    """What is to be otherwise."""

    language = fields.String(validate=IS_LANGUAGE)
    notices = Boolean(attribute="wants_notices", metadata={"description": NOTICES})
