"""What a reader must be able to look up is written down: settings, commands, codes, routes, dependencies."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import get_args

import click
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine

from bontri.cli import cli
from bontri.documents.annual_reports import annual_report_as_pdf
from bontri.documents.public_reports import public_report_as_pdf
from bontri.documents.statements import statement_as_pdf
from bontri.settings import TABLE
from ingest.metrics import IngestMetrics
from ingest.verification import MessageCode
from partners_api.app import ApiConfig, create_app
from partners_api.metrics import ApiMetrics
from rewards.acceptance import RefusalCode
from rewards.keyring import Keyring

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OPERATORS = [
    *sorted((ROOT / "docs").glob("operators*.md")),
    ROOT / "docs" / "privacy.md",
    ROOT / "docs" / "statistics.md",
]
SHOWN_LINE = re.compile(r"^ *(?:\.venv/bin/|[A-Z_]+=\S+ )*bontri (.+)$", re.MULTILINE)
METHODS = ("get", "post", "put", "patch", "delete")
EVENT_CODES = ("schema", "event_conflict", *get_args(RefusalCode))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def read_operators() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in OPERATORS)


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
    app = create_app(
        ApiConfig(),
        engine=nowhere,
        agents_engine=nowhere,
        keyring=secrets,
        send_codes=print,
        render_statement=statement_as_pdf,
        render_annual_report=annual_report_as_pdf,
        render_public_report=public_report_as_pdf,
    )
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
    for page in PAGES:
        if page.name != "CONTRIBUTING.md":  # it names what only tests read
            assert set(re.findall(r"\bBONTRI_[A-Z_]+\b", page.read_text(encoding="utf-8"))) <= known, page.name


@pytest.mark.parametrize("command", list_commands(cli))
def test_every_command_is_shown(command):
    assert re.search(rf"\b{command}\b", read("README.md") + read_operators())


@pytest.mark.parametrize("command", [each for each in list_commands(cli) if each.startswith("bontri stats ")])
def test_every_command_of_statistics_has_its_row(command):
    assert re.search(rf"^\|.*`{command}\b.* \|", read("docs/operators-statistics.md"), flags=re.MULTILINE)


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """Find the command that ``words`` run, and what is left for it to read; KeyError when there is none."""
    command: click.Command = cli
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def parse_line(line: str) -> None:
    """Parse a command line up to a comment, a pipe or a redirection; raises when it could not run."""
    words = shlex.split(line, comments=True)
    ends = [words.index(sign) for sign in ("|", ">") if sign in words]
    command, rest = find_command(words[: min(ends, default=len(words))])
    if isinstance(command, click.Group):
        raise KeyError(line)
    command.make_parser(click.Context(command)).parse_args(rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_line_shown_runs_a_command_with_options_it_has(page):
    blocks = re.findall(r"^ *```\n(.*?)^ *```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for line in SHOWN_LINE.findall("\n".join(blocks)):
        parse_line(line)


@pytest.mark.parametrize("line", ["bins", "bins rename VAL-00001", "bins show VAL-00001 --bytes"])
def test_line_that_could_not_run_is_seen(line):
    with pytest.raises((KeyError, click.NoSuchOption)):
        parse_line(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_command_is_named_that_is_not_there(page):
    for named in re.findall(r"`bontri\s([a-z][^`]*)`", page.read_text(encoding="utf-8")):
        words = [word for word in named.split() if re.fullmatch(r"[a-z][a-z-]*", word)]
        find_command(words)


def list_metrics() -> set[str]:
    """List the metrics of workers and of the API, and those only the parent of several has."""
    registries: list[CollectorRegistry] = [IngestMetrics().registry, ApiMetrics().registry]
    parents = [(ROOT / f"bontri/{name}.py").read_text(encoding="utf-8") for name in ("worker_group", "api_watch")]
    of_the_parent = re.findall(r'(Gauge|Counter)MetricFamily\("(\w+)"', "".join(parents))
    families = [family for registry in registries for family in registry.collect()]
    own = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    return own | {name + ("_total" if kind == "Counter" else "") for kind, name in of_the_parent}


def test_every_metric_is_explained_and_no_other():
    shown = re.findall(r"^\| `(bontri_(?:ingest|api)_\w+)` \|", read_operators(), flags=re.MULTILINE)
    assert sorted(shown) == sorted(list_metrics())


def test_every_event_of_the_logs_is_explained_and_no_other():
    logged = set()
    for package in ("bontri", "ingest", "partners_api", "rewards"):
        for module in (ROOT / package).rglob("*.py"):
            source = module.read_text(encoding="utf-8")
            logged |= set(re.findall(r"\.(?:debug|info|warning|error)\)?\(\s*\"([a-z_]+)\"", source))
    below = read("docs/operators-running.md").partition("\n### Logs\n")[2]
    rows = re.findall(r"^\| (`[^|]+) \|", below, flags=re.MULTILINE)
    assert {event for row in rows for event in re.findall(r"`(\w+)`", row)} == logged


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
    pages = {"citizen": "citizens", "shop": "shops", "authority": "authorities", "operator": "operators-api"}
    page = pages[route.split("/")[3]]
    assert f"| `{route}` |" in read(f"docs/{page}.md")


@pytest.mark.parametrize("page", ["citizens", "shops", "authorities", "operators-api"])
def test_pages_show_no_route_that_is_not_there(page):
    shown = re.findall(r"^\| `([A-Z]+ /api/[^`]+)` \|", read(f"docs/{page}.md"), flags=re.MULTILINE)
    assert set(shown) <= set(list_routes())


@pytest.mark.parametrize("dependency", sorted(set(list_dependencies()), key=str.lower))
def test_every_dependency_has_its_reason(dependency):
    assert f"| `{dependency}` |" in read("docs/dependencies.md")


def test_no_reason_is_given_for_a_dependency_that_is_gone():
    given = re.findall(r"^\| `([^`]+)` \|", read("docs/dependencies.md"), flags=re.MULTILINE)
    assert set(given) == set(list_dependencies())
