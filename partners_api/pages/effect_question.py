"""What the page on the effect is asked for, in its address, under the API's names.

Without days it is about all that is known: other pages' twelve months would leave nothing to compare with.
"""

from typing import Any
from urllib.parse import urlencode

import marshmallow as ma
from flask import g, request

from partners_api.authorities.effects import EffectQuerySchema
from partners_api.pages.questions import read_choices, usual_material

NAMES = ("material", "kilograms_from", "from", "to", "equipped_from", "equipped", "control")


class EffectQuestionSchema(EffectQuerySchema):
    """The API's query; without a material it is about glass, else about the first there is."""

    @ma.pre_load
    def fill_material(self, asked: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Fill the material; and have ready what the form offers, for a refusal too."""
        g.choices = read_choices(g.principal)
        return {"material": usual_material(), **asked}


def effect_in_url(**changed: str) -> str:
    """Return the question as a query string that begins with `?`; empty where it is usual."""
    asked = {name: value for name in NAMES if (value := request.args.get(name, "").strip())}
    kept = {name: value for name, value in {**asked, **changed}.items() if value}
    return f"?{urlencode(kept)}" if kept else ""
