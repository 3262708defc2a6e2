"""docs/asyncapi.json and docs/schemas/ are what the code makes, and valid by the official schemas, offline."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from bontri.bin_documents.asyncapi import make_asyncapi_document
from bontri.bin_documents.schemas import make_schemas
from bontri.cli import cli
from tests.contract.golden import ALL

DOCS = Path(__file__).parents[2] / "docs"
OFFICIAL = json.loads((Path(__file__).parent / "asyncapi/3.0.0.json").read_text(encoding="utf-8"))
DOCUMENT: dict[str, Any] = json.loads((DOCS / "asyncapi.json").read_text(encoding="utf-8"))
SCHEMAS = make_schemas()
CHANNELS = ("hello", "events", "status", "presence", "receipt", "config", "command")


def list_faults(document: dict[str, Any]) -> list[str]:
    return [fault.message for fault in jsonschema.Draft7Validator(OFFICIAL).iter_errors(document)]


def resolve(pointer: str) -> Any:
    found: Any = DOCUMENT
    for part in pointer.removeprefix("#/").split("/"):
        found = found[part]
    return found


def list_refs(value: Any) -> list[str]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value["$ref"]] if isinstance(value, dict) and isinstance(value.get("$ref"), str) else []
    return own + [ref for each in inside for ref in list_refs(each)]


def test_asyncapi_document_is_what_the_code_makes():
    assert make_asyncapi_document() == DOCUMENT, "run: bontri docs asyncapi > docs/asyncapi.json"


def test_asyncapi_document_is_valid_by_the_official_schema():
    assert OFFICIAL["title"] == "AsyncAPI 3.0.0 schema."
    assert list_faults(DOCUMENT) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("asyncapi",), "2.6.0"),
        (("operations", "receiveHello", "action"), "publish"),
        (("operations", "receiveHello", "bindings", "mqtt", "qos"), 3),
        (("channels", "hello", "parameters", "bin", "schema"), {}),
        (("components", "schemas", "Hello", "type"), "number of litres"),
        (("components", "securitySchemes", "binPassword", "type"), "password"),
    ],
    ids=str,
)
def test_a_document_with_a_fault_is_not_valid(place: tuple[str, ...], value: Any):
    """Control: the official schema looks into every part of the document."""
    document = copy.deepcopy(DOCUMENT)
    *path, last = place
    container = document
    for part in path:
        container = resolve(container["$ref"]) if "$ref" in container else container
        container = container[part]
    if "$ref" in container:
        container.pop("$ref")
    container[last] = value
    assert list_faults(document)


def test_all_seven_topics_are_described():
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    ups, downs = CHANNELS[:4], CHANNELS[4:]
    assert addresses == {
        *(f"bontri/v1/{{authority}}/{{bin}}/up/{channel}" for channel in ups),
        *(f"bontri/v1/{{authority}}/{{bin}}/down/{channel}" for channel in downs),
    }
    actions = {operation["channel"]["$ref"]: operation["action"] for operation in DOCUMENT["operations"].values()}
    assert actions == {f"#/channels/{channel}": "receive" if channel in ups else "send" for channel in CHANNELS}


def test_every_reference_of_the_document_resolves():
    refs = list_refs(DOCUMENT)
    assert len(refs) > 40
    for ref in refs:
        assert resolve(ref)


@pytest.mark.parametrize("channel", CHANNELS)
def test_examples_of_the_document_fit_its_schemas(channel: str):
    message = DOCUMENT["components"]["messages"][channel]
    validator = jsonschema.Draft7Validator({**message["payload"], "components": DOCUMENT["components"]})
    assert message["examples"]
    for example in message["examples"]:
        validator.validate(example["payload"])
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"v": 1})


def test_schemas_are_what_the_code_makes():
    found = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in (DOCS / "schemas").iterdir()}
    assert found == SCHEMAS, "run: bontri docs schemas --folder docs/schemas"


@pytest.mark.parametrize("channel", CHANNELS)
def test_schemas_are_valid_by_the_schema_of_2020_12(channel: str):
    assert SCHEMAS[channel]["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[channel])
    with pytest.raises(jsonschema.SchemaError):  # the control
        jsonschema.Draft202012Validator.check_schema(SCHEMAS[channel] | {"type": "message"})


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_field_a_reader_must_understand_is_described(channel: str):
    """A field says what it means by itself, or its type and name leave nothing to say."""
    plain = {"v", "type", "do", "battery_pct", "temperature_c", "signal_dbm", "issued_at", "first", "last", "on"}
    plain |= {"state", "limits", "valid_from", "lines", "per", "points", "day_points", "week_points"}
    schema = SCHEMAS[channel]
    for part in [schema, *schema.get("$defs", {}).values()]:
        for name, field in part.get("properties", {}).items():
            assert "description" in field or name in plain, f"{part['title']}.{name}"


def test_commands_print_and_write_the_same_documents(tmp_path: Path):
    runner = CliRunner()
    assert json.loads(runner.invoke(cli, ["docs", "asyncapi"]).stdout) == DOCUMENT
    assert len(json.loads(runner.invoke(cli, ["docs", "golden"]).stdout)["messages"]) == len(ALL)
    written = runner.invoke(cli, ["docs", "schemas", "--folder", str(tmp_path / "new"), "--json"])
    assert written.exit_code == 0
    files = [Path(file) for file in json.loads(written.stdout)]
    assert {file.stem for file in files} == set(CHANNELS)
    for file in files:
        assert file.read_bytes() == (DOCS / "schemas" / file.name).read_bytes()


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    refused = CliRunner().invoke(cli, ["docs", "schemas", "--folder", str(tmp_path / "file" / "below")])
    assert refused.exit_code == 1
    assert "choose another --folder" in refused.stderr
