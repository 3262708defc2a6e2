"""Every indicator, reason and assumption is explained, in the words and with the sources the code has; no other is."""

import re
from pathlib import Path

from rewards.languages import LANGUAGES
from rewards.statistics.advice import THRESHOLDS
from rewards.statistics.assumptions import ASSUMPTION_NAMES, DEFAULTS
from rewards.statistics.figures import INDICATORS, MEANINGS, Missing
from rewards.statistics.figures.comparing import WHY_UNLIKE, Unlike

DOCS = Path(__file__).parents[2] / "docs"


def rows_of(page: str, heading: str) -> dict[str, list[str]]:
    """Return the rows of the tables below a heading by the code they begin with."""
    below = (DOCS / page).read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    section = re.split(r"\n##+ ", below)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows}


def test_every_indicator_has_its_row_with_unit_definition_formula_and_source():
    assert rows_of("statistics.md", "## Figures and their definitions") == {
        each.name: [each.unit, each.definition["en"], each.formula, each.source] for each in INDICATORS
    }


def test_every_reason_has_its_row():
    assert rows_of("statistics.md", "### What is missing") == {
        reason.value: [meaning["en"]] for reason, meaning in MEANINGS.items()
    }
    assert set(MEANINGS) == set(Missing)


def test_every_assumption_has_its_row_with_its_default_and_source():
    rows = rows_of("figures.md", "## Costs, CO2, density")
    assert {name: row[0] for name, row in rows.items()} == {
        name: f"{DEFAULTS[name].value:,}" for name in ASSUMPTION_NAMES
    }
    assert all(rows[name][1].startswith(DEFAULTS[name].source) for name in ASSUMPTION_NAMES)


def test_every_threshold_of_advice_has_its_row():
    assert rows_of("figures.md", "## Where to do what") == {
        each.name: [f"{each.value} {each.unit}", each.meaning["en"], each.source] for each in THRESHOLDS.values()
    }


def test_every_indicator_and_reason_is_said_in_both_languages():
    said = [*(each.definition for each in INDICATORS), *MEANINGS.values(), *WHY_UNLIKE.values()]
    assert set(WHY_UNLIKE) == set(Unlike)
    assert all(set(each) == set(LANGUAGES) and all(each.values()) for each in said)
