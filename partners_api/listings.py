"""Lists: one page after the other by key, as JSON or CSV, and places on a map as GeoJSON too.

A page is asked for by where the one before ended, so that a long list costs no more at its end than at its beginning,
and what comes in meanwhile shifts nothing.
"""

import base64
import binascii
import csv
import datetime
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import marshmallow as ma
from flask import Response, json, request
from marshmallow import fields, validate

from partners_api.geojson import GEOJSON, as_collection, as_feature_at_point
from partners_api.operations import Blueprint, View, operation
from partners_api.schemas import Integer
from partners_api.texts import WholeText
from rewards.access import Audience, Role, Scope
from rewards.csv_files import as_cell
from rewards.errors import RewardsError

CSV = "text/csv"
PAGE_MAX = 500
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

Item = TypeVar("Item")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list, and the key behind which the next page begins; None at the end."""

    items: Sequence[Item]
    next: tuple[Any, ...] | None


def page_of(items: Sequence[Item], limit: int, key: Callable[[Item], tuple[Any, ...]]) -> Page[Item]:
    """Return a page of at most ``limit`` items; a full one may be followed by an empty one."""
    return Page(items, key(items[-1]) if len(items) == limit else None)


@dataclass(frozen=True, slots=True)
class Part:
    """One value of a key as callers carry it."""

    pattern: str
    write: Callable[[Any], str]
    read: Callable[[str], Any]


def write_text(text: str) -> str:
    """Return a text in letters that need no quoting anywhere."""
    return base64.b32encode(text.encode()).decode().rstrip("=")


def read_text(written: str) -> str:
    """Return the text again; whatever somebody makes up instead is some text too."""
    try:
        raw = base64.b32decode(written + "=" * (-len(written) % 8))
    except binascii.Error:
        return ""
    return raw.decode(errors="replace").replace("\0", "")


class Long(int):
    """A number that may be longer than those of a column of integers: of an event, by its bin."""


PARTS: dict[type, Part] = {
    UUID: Part("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", str, UUID),
    int: Part("[0-9]{1,9}", str, int),
    Long: Part("[0-9]{1,18}", str, int),
    str: Part("[A-Z2-7]{0,400}", write_text, read_text),
    datetime.date: Part(
        "[0-9]{1,6}", lambda day: str(day.toordinal()), lambda text: datetime.date.fromordinal(max(1, int(text)))
    ),
    datetime.datetime: Part(
        "[0-9]{1,16}",
        lambda at: str((at - EPOCH) // datetime.timedelta(microseconds=1)),
        lambda text: EPOCH + datetime.timedelta(microseconds=int(text)),
    ),
}


class Cursor(fields.String):
    """The key of a list's last item as one word; to Python a tuple of values of the types given."""

    def __init__(self, *types: type, **options: Any) -> None:
        self.parts = [PARTS[each] for each in types]
        pattern = r"\.".join(part.pattern for part in self.parts)
        super().__init__(**{"validate": WholeText(f"^{pattern}$"), **options})

    def _serialize(self, value: Any, attr: str | None, obj: Any, **options: Any) -> str | None:
        if value is None:
            return None
        return ".".join(part.write(each) for part, each in zip(self.parts, value, strict=True))

    def _validate(self, value: Any) -> None:
        """Leave it to :meth:`deserialize`, which knows the word before it is taken apart."""

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **options: Any) -> Any:
        """Return the values of the key."""
        word = super().deserialize(value, attr, data, **options)
        if not isinstance(word, str):
            return word
        super()._validate(word)
        return tuple(part.read(each) for part, each in zip(self.parts, word.split("."), strict=True))


def listing(
    blueprint: Blueprint,
    path: str,
    *,
    audience: Audience,
    item: type[ma.Schema],
    key: tuple[type, ...],
    role: Role | None = None,
    scope: Scope | Literal["any"] | None = None,
    filters: Mapping[str, fields.Field[Any]] | None = None,
    refuses: tuple[type[RewardsError], ...] = (),
    is_on_a_map: bool = False,
) -> Callable[[View], View]:
    """Make a function a list: called with (principal, asked) and path parts, it returns a :class:`Page`.

    ``asked`` has ``after`` (a tuple of the types of ``key``, None for the first page), ``limit`` and the ``filters``.
    Items ``is_on_a_map`` have ``longitude`` and ``latitude``.
    """
    types = (CSV, GEOJSON) if is_on_a_map else (CSV,)
    names = ["json", "csv", "geojson"][: len(types) + 1]

    def decorate(view: View) -> View:
        name = "".join(word.title() for word in (blueprint.name, *view.__name__.split("_")))
        query = ma.Schema.from_dict(
            {
                **(filters or {}),
                "after": Cursor(*key, load_default=None, metadata={"description": "`next` of the page before"}),
                "limit": Integer(load_default=50, validate=validate.Range(1, PAGE_MAX), strict=False),
                "format": fields.String(
                    load_default=None,
                    validate=validate.OneOf(names),
                    metadata={"description": f"Else by `Accept`: `application/json`, `{'`, `'.join(types)}`"},
                ),
            },
            name=f"{name}QuerySchema",
        )
        answer = ma.Schema.from_dict(
            {
                "items": fields.List(fields.Nested(item), required=True),
                "next": Cursor(
                    *key,
                    required=True,
                    allow_none=True,
                    metadata={"description": "`after` of the next page", "example": None},
                ),
            },
            name=f"{name}Schema",
        )
        answer.__doc__ = "One page of a list."

        @wraps(view)
        def paged(caller: Any, asked: dict[str, Any], **path_parts: Any) -> Any:
            wanted = choose_type(asked.pop("format"), types)
            page = view(caller, asked, **path_parts)
            if wanted == CSV:
                return with_link(render_csv(item(), page.items), answer, page)
            if wanted == GEOJSON:
                return with_link(render_geojson(item(), page.items), answer, page)
            return page

        operation(
            blueprint,
            "GET",
            path,
            audience=audience,
            role=role,
            scope=scope,
            query=query,
            answers=(200, answer),
            also_answers=types,
            refuses=refuses,
        )(paged)
        return view

    return decorate


def choose_type(asked: str | None, types: Sequence[str]) -> str:
    """Return the type of the answer: as asked for in the query, else by ``Accept``, else JSON."""
    if asked is not None:
        return {"csv": CSV, "geojson": GEOJSON, "json": "application/json"}[asked]
    return request.accept_mimetypes.best_match(["application/json", *types]) or "application/json"


def with_link(answer: Response, schema: type[ma.Schema], page: Page[Any]) -> Response:
    """Say in a header what JSON says in ``next``."""
    if page.next is not None:
        after = schema().dump({"next": page.next, "items": []})["next"]
        answer.headers["Link"] = f'<{request.path}?{urlencode({**request.args, "after": after})}>; rel="next"'
    return answer


def render_csv(schema: ma.Schema, items: Sequence[Any]) -> Response:
    """Return items as CSV with a header; what is nested becomes columns of its own, what is unknown an empty cell."""
    text = io.StringIO()
    writer, columns = csv.writer(text, lineterminator="\r\n"), list_columns(schema)
    writer.writerow([".".join(column) for column in columns])
    writer.writerows([cell_of(row, column) for column in columns] for row in schema.dump(items, many=True))
    return Response(text.getvalue(), content_type=f"{CSV}; charset=utf-8")


def list_columns(schema: ma.Schema) -> list[list[str]]:
    """List the columns of a schema's rows as the names that lead to them: those of nested ones are ``outer.inner``."""
    columns: list[list[str]] = []
    for name, field in schema.dump_fields.items():
        known = field.data_key or name
        inner = list_columns(field.schema) if isinstance(field, fields.Nested) else [[]]
        columns += [[known, *column] for column in inner]
    return columns


def cell_of(row: Row, column: list[str]) -> Any:
    """Return what a cell shows, below which column however deep."""
    value: Any = row
    for name in column:
        value = None if value is None else value[name]
    return as_cell(value)


def render_geojson(schema: ma.Schema, items: Sequence[Any]) -> Response:
    """Return items as a FeatureCollection, each at its longitude and latitude."""
    collection = as_collection(map(as_feature_at_point, schema.dump(items, many=True)))
    return Response(json.dumps(collection), content_type=GEOJSON)
