"""JSON Schemas of the first lines, from the structs the worker decodes with.

They say what one line may hold. Rules that compare fields, the signature and the topic are beyond them
(docs/bin-makers.md, "The schemas").
"""

from typing import Any

import msgspec

from ingest.contract import END, Command, Config, Events, Hello, Presence, Receipt, Status

BASE = "https://bontri.example/bin-protocol/v1/"
"""An identifier, not an address: nothing is fetched from it."""

MESSAGES: dict[str, Any] = {
    "hello": Hello,
    "events": Events,
    "status": Status,
    "presence": Presence,
    "receipt": Receipt,
    "config": Config,
    "command": Command,
}
"""What the first line of each channel holds."""

COMMAND = "What a bin shall do: once, whatever a repeat says. The answer comes in its status."


def make_schemas() -> dict[str, dict[str, Any]]:
    """Return one complete JSON Schema 2020-12 per channel."""
    schemas = {}
    for channel, message in MESSAGES.items():
        _, components = msgspec.json.schema_components([message], ref_template="#/$defs/{name}")
        body = components.pop(message.__name__) if isinstance(message, type) else any_command("#/$defs/")
        inner = {"$defs": components} if components else {}
        schemas[channel] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"{BASE}{channel}.json",
            **portable(body | inner),
        }
    return schemas


def make_components(refs: str) -> dict[str, Any]:
    """Return the schemas of all messages and their parts by name; ``refs`` is where they will stand."""
    _, components = msgspec.json.schema_components(MESSAGES.values(), ref_template=refs + "{name}")
    made: dict[str, Any] = portable(dict(components) | {"Command": any_command(refs)})
    return made


def any_command(refs: str) -> dict[str, Any]:
    """Return the schema of a command of any kind."""
    kinds = [kind.__name__ for kind in Command.__args__]
    return {"title": "Command", "description": COMMAND, "oneOf": [{"$ref": refs + kind} for kind in kinds]}


def portable(value: Any) -> Any:
    """Return a schema without what only some readers know, the same for drafts 07 and 2020-12.

    A discriminator is OpenAPI's. Pairs become lists of two, and the end of a pattern plain ``$``, which in JSON Schema
    means the end of the text and nothing else.
    """
    if isinstance(value, list):
        return [portable(each) for each in value]
    if not isinstance(value, dict):
        return value.replace(END, "$").replace("``", "`") if isinstance(value, str) else value
    kept = {name: portable(each) for name, each in value.items() if name != "discriminator"}
    if isinstance(kept.get("enum"), list) and len(kept["enum"]) == 1:
        kept["const"] = kept.pop("enum")[0]
    if "prefixItems" in kept:
        kept["items"] = kept.pop("prefixItems")[0]
    return kept
