"""What is said about letters."""

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from rewards.languages import LANGUAGES

IS_LANGUAGE = validate.OneOf(LANGUAGES)
NOTICES = "Letters one can do without: points that expire, how a collective goal ended"


class StrictBoolean(fields.Boolean):
    """Takes true and false, and neither 1 nor "yes"."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class LetterWishesSchema(ma.Schema):
    """How a citizen wants letters."""

    language = fields.String(required=True, validate=IS_LANGUAGE)
    notices = fields.Boolean(required=True, attribute="wants_notices", metadata={"description": NOTICES})


class LetterWishesChangeSchema(ma.Schema):
    """What is to be otherwise."""

    language = fields.String(validate=IS_LANGUAGE)
    notices = StrictBoolean(attribute="wants_notices", metadata={"description": NOTICES})
