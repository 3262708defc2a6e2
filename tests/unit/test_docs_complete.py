"""What a reader must be able to look up is written down: settings, commands, codes, routes, dependencies."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import click
import pytest
from sqlalchemy import create_engine

from bontri.cli import cli
from bontri.settings import TABLE
from ingest.verification import MessageCode
from partners_api.app import ApiConfig, create_app
from rewards.acceptance import RefusalCode
from rewards.keyring import Keyring

ROOT = Path(__file__).parents[2]
METHODS = ("get", "post", "put", "patch", "delete")
EVENT_CODES = ("schema", "event_conflict", *get_args(RefusalCode))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of any level."""
    return re.split(r"\n#+ ", text.partition(f"\n{heading}\n")[2])[0]


def list_commands(group: click.Group, prefix: str = "bontri") -> list[str]:
    """List the commands one can run, groups not counted."""
    commands = []
    for name, command in group.commands.items():
        path = f"{prefix} {name}"
        commands += list_commands(command, path) if isinstance(command, click.Group) else [path]
    return commands


def list_routes() -> list[str]:
    """List "METHOD /path" of every operation; building the application connects to nothing."""
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    secrets = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)
    app = create_app(ApiConfig(), engine=nowhere, keyring=secrets, send_sign_in_code=print)
    paths = app.test_client().get("/api/v1/openapi.json").json["paths"]
    return [f"{method.upper()} {path}" for path, item in paths.items() for method in item if method in METHODS]


def list_dependencies() -> list[str]:
    """List the names in pyproject.toml, those of the extras included."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    names = [re.match(r"[A-Za-z0-9._-]+(\[[a-z]+\])?", line) for line in [*project["dependencies"], *extras]]
    return [name[0] for name in names if name and not name[0].startswith("bontri")]


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.variable)
def test_every_setting_has_its_row_for_operators(setting):
    row = next(line for line in read("docs/operators.md").splitlines() if line.startswith(f"| `{setting.variable}` |"))
    default = row.split("|")[2].strip()
    if setting.default is None:
        assert default == "–"
    elif setting.variable != "BONTRI_DATA_DIR":  # its default depends on who asks
        assert default == f"`{setting.default}`"


def test_operators_are_told_of_no_setting_that_is_not_there():
    known = {setting.variable for setting in TABLE} | {f"{setting.variable}_FILE" for setting in TABLE}
    for page in ("README.md", "docs/operators.md", "docs/bin-makers.md", "docs/citizens.md"):
        assert set(re.findall(r"\bBONTRI_[A-Z_]+\b", read(page))) <= known


@pytest.mark.parametrize("command", list_commands(cli))
def test_every_command_is_shown(command):
    assert re.search(rf"\b{command}\b", read("README.md") + read("docs/operators.md"))


def test_no_command_is_shown_that_is_not_there():
    groups = {f"bontri {name}" for name, command in cli.commands.items() if isinstance(command, click.Group)}
    known = set(list_commands(cli)) | groups
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        in_blocks = re.findall(r"^ *(?:\.venv/bin/|[A-Z_]+=\S+ )*bontri ([a-z][a-z-]+)", text, flags=re.MULTILINE)
        for shown in (f"bontri {name}" for name in [*in_blocks, *re.findall(r"`bontri ([a-z][a-z-]+)", text)]):
            assert shown in known, f"{page.name} shows {shown}"


@pytest.mark.parametrize("code", get_args(MessageCode))
def test_every_code_of_a_whole_message_is_in_the_protocol(code):
    assert f"| `{code}` |" in section(read("docs/bin-protocol.md"), "### A whole message is refused")


@pytest.mark.parametrize("code", EVENT_CODES)
def test_every_code_of_an_event_is_in_the_protocol(code):
    assert f"| `{code}` |" in section(read("docs/bin-protocol.md"), "### A single event is refused")


def test_protocol_names_no_code_that_is_not_there():
    protocol = read("docs/bin-protocol.md")
    for heading, codes in (
        ("### A whole message is refused", get_args(MessageCode)),
        ("### A single event is refused", EVENT_CODES),
    ):
        assert set(re.findall(r"^\| \d+ \| `(\w+)`", section(protocol, heading), flags=re.MULTILINE)) == set(codes)


@pytest.mark.parametrize("route", list_routes())
def test_every_route_is_on_the_page_of_its_audience(route):
    page = {"citizen": "citizens", "shop": "shops", "authority": "authorities"}[route.split("/")[3]]
    assert f"| `{route}` |" in read(f"docs/{page}.md")


@pytest.mark.parametrize("page", ["citizens", "shops", "authorities"])
def test_pages_show_no_route_that_is_not_there(page):
    shown = re.findall(r"^\| `([A-Z]+ /api/[^`]+)` \|", read(f"docs/{page}.md"), flags=re.MULTILINE)
    assert set(shown) <= set(list_routes())


@pytest.mark.parametrize("dependency", sorted(set(list_dependencies()), key=str.lower))
def test_every_dependency_has_its_reason(dependency):
    assert f"| `{dependency}` |" in read("docs/dependencies.md")


def test_no_reason_is_given_for_a_dependency_that_is_gone():
    given = re.findall(r"^\| `([^`]+)` \|", read("docs/dependencies.md"), flags=re.MULTILINE)
    assert set(given) == set(list_dependencies())
