"""Whatever the pages and the code point to exists, and pictures stand on their own."""

import ast
import importlib
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bontri", "ingest", "rewards", "partners_api", "simulators", "migrations", "benchmarks", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
DOCS_PATH = re.compile(r"\bdocs/[\w./-]*\w\.md\b")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_resolves(page):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    for link in links:
        assert (page.parent / link.partition("#")[0]).exists(), f"{named(page)} links to {link}"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_page_that_code_names_exists(package):
    for module in (ROOT / package).rglob("*.py"):
        for path in DOCS_PATH.findall(module.read_text(encoding="utf-8")):
            assert (ROOT / path).is_file(), f"{named(module)} names {path}"


def test_every_section_of_the_protocol_that_code_names_exists():
    headings = set(HEADING.findall((ROOT / "docs/bin-protocol.md").read_text(encoding="utf-8")))
    asked = re.compile(r'docs/bin-protocol\.md, ((?:"[^"]+"(?:, | and )?)+)')
    for package in PACKAGES:
        for module in (ROOT / package).rglob("*.py"):
            for names in asked.findall(module.read_text(encoding="utf-8")):
                assert set(re.findall(r'"([^"]+)"', names)) <= headings, named(module)


def test_every_file_of_the_walk_exists():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    files = re.findall(r"`((?:ingest|rewards|partners_api|bontri|simulators)/[\w/.]+)`", readme)
    assert len(files) > 20
    for file in files:
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_python_on_a_page_names_what_exists(page):
    for source in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module or "")
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{named(page)}: {node.module}.{alias.name}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_dotted_names_of_the_domain_exist(page):
    for module, name in re.findall(r"`(rewards(?:\.[a-z_]+)+)\.([a-z_]+)`", page.read_text(encoding="utf-8")):
        assert hasattr(importlib.import_module(module), name), f"{named(page)}: {module}.{name}"


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").rglob("*.svg")), ids=named)
def test_pictures_are_well_formed_and_load_nothing(picture):
    text = picture.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 (our own file)
    assert root.get("viewBox")
    assert not re.search(r"https?://(?!www\.w3\.org/)|<script|@import", text)


def test_every_decision_has_its_number_once_and_says_what_was_rejected():
    records = sorted((ROOT / "docs/decisions").glob("*.md"))
    numbers = [record.name[:4] for record in records]
    assert len(set(numbers)) == len(numbers)
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert record.name[:4] in text.splitlines()[0]
        assert "reject" in text.casefold(), record.name
