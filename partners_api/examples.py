"""Examples for the OpenAPI document, made from the schemas: each operation has one, and none is ever out of date.

A field whose form nobody could guess says its own (``metadata={"example": …}``), and so does a schema whose fields do
not all go together (its attribute ``example``); tests load every example again.
"""

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

PLAIN: Mapping[type[fields.Field[Any]], Any] = {
    fields.UUID: "01936a2e-7c41-7b7e-9d5a-2f6c1e8b4a10",
    fields.AwareDateTime: "2026-11-22T09:30:00.000000Z",
    fields.Date: "2026-11-22",
    fields.Boolean: True,
    fields.Integer: 12,
    fields.Float: 4.5,
    fields.Dict: {},
}
WORDS: Mapping[str, str] = {
    "authority": "plaine-commune",
    "email": "camille@example.org",
    "code": "48150926",
    "material": "glass",
    "commune": "Saint-Denis",
    "insee_code": "93066",
    "shop": "Boulangerie du Canal",
    "title": "Une baguette tradition",
    "timezone": "Europe/Paris",
    "language": "fr",
    "badge": "CARD-7F3A91",
    "card": "CARD-7F3A91",
    "phone": "+33 1 49 33 60 00",
    "pin": "482951",
    "name": "Les Jardins du Canal",
    "sentence": "12 articles de verre × 1 point = 12 points",
}
SOME_TEXT = "Place du marché"


def example_of(schema: ma.Schema) -> dict[str, Any]:
    """Return what an object of the schema looks like as JSON."""
    own: dict[str, Any] | None = getattr(schema, "example", None)
    if own is not None:
        return own
    return {field.data_key or name: example_of_field(name, field) for name, field in schema.fields.items()}


def example_of_field(name: str, field: fields.Field[Any]) -> Any:
    """Return a good value of a field: its own example, its first choice, else what its type and name suggest."""
    if "example" in field.metadata:
        return field.metadata["example"]
    if isinstance(field, fields.Nested):
        inner = example_of(field.schema)
        return [inner] if field.many else inner
    if isinstance(field, fields.List):
        return [example_of_field(name, field.inner)]
    for rule in field.validators:
        if isinstance(rule, validate.OneOf):
            return next(iter(rule.choices))
    value = next((PLAIN[kind] for kind in type(field).__mro__ if kind in PLAIN), WORDS.get(name, SOME_TEXT))
    return bounded(value, field)


def bounded(value: Any, field: fields.Field[Any]) -> Any:
    """Return a number or a text as near to ``value`` as the field's rules allow."""
    for rule in field.validators:
        if isinstance(rule, validate.Range) and isinstance(value, int | float):
            least, most = rule.min, rule.max
            value = least if least is not None and value < least else value
            value = most if most is not None and value > most else value
        if isinstance(rule, validate.Length) and isinstance(value, str) and rule.max is not None:
            value = value[: rule.max]
    return value
