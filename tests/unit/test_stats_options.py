"""Days and months as an operator types them behind --from and --to."""

import datetime
import re

import click
import pytest
from click.testing import CliRunner

from bontri.cli import cli
from bontri.commands.stats.periods import FIRST_DAY, LAST_DAY, MONTH

STATS = cli.commands["stats"]
OF_NOBODY = ("--authority", "x")
NO_DAYS = ("31.10.2026", "2026-13", "2026-02-30", "2026-1", "0000-01", "2026-10-00", "2026-10-31T00:00:00", "")


def test_a_month_is_its_first_day_or_its_last():
    assert FIRST_DAY.convert("2026-10-31", None, None) == LAST_DAY.convert("2026-10", None, None)
    assert FIRST_DAY.convert("2026-10", None, None) == MONTH.convert("2026-10", None, None)
    assert LAST_DAY.convert("2028-02", None, None) == datetime.date(2028, 2, 29)


@pytest.mark.parametrize("written", NO_DAYS)
def test_what_is_no_day_is_refused_in_plain_words(written):
    with pytest.raises(click.BadParameter, match="a day as 2026-10-31, or a month as 2026-10"):
        FIRST_DAY.convert(written, None, None)
    with pytest.raises(click.BadParameter, match=r"write it as 2026-10|only whole months"):
        MONTH.convert(written, None, None)


def list_options(command, path=()):
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from list_options(each, (*path, name))
        return
    for option in command.params:
        if {"--from", "--to", "--month", "--rounds-from", "--rounds-to", "--equipped-from"} & set(option.opts):
            yield pytest.param(option, id=" ".join((*path, *option.opts)))


@pytest.mark.parametrize("option", [*list_options(STATS)])
def test_every_command_of_statistics_reads_days_and_months_alike(option):
    assert option.type in {FIRST_DAY, LAST_DAY, MONTH}
    assert (option.type is LAST_DAY) == bool({"--to", "--rounds-to"} & set(option.opts)) or option.type is MONTH


def test_a_day_where_only_months_can_be_asked_is_refused():
    asked = ["stats", "participation", *OF_NOBODY, "--from", "2026-10-01", "--to", "2026-11"]
    refused = CliRunner().invoke(cli, asked)
    assert refused.exit_code == 2
    assert "only whole months can be said here: write 2026-10" in re.sub(r"\s+", " ", refused.output)
