"""``bontri stats``: figures of sorting, how they are come by, and whether they are what was committed."""

import click

from bontri.commands.stats.assumptions import assumptions
from bontri.commands.stats.balance import balance
from bontri.commands.stats.bins import bins
from bontri.commands.stats.calibrate import calibrate
from bontri.commands.stats.comparing import capture, characterise, compare
from bontri.commands.stats.effect import effect
from bontri.commands.stats.figures import definitions, figures
from bontri.commands.stats.imports import imports
from bontri.commands.stats.masses import masses
from bontri.commands.stats.participation import count_holders, households, participation
from bontri.commands.stats.publish import publications, publish
from bontri.commands.stats.ranking import ranking
from bontri.commands.stats.rebuild import rebuild
from bontri.commands.stats.report import report


@click.group()
def stats() -> None:
    """Say what was sorted where, whether people sort more, and how sure that is.

    Works on the database of DATABASE_URL; without DATABASE_URL on the demo's.
    """


stats.add_command(bins)
stats.add_command(figures)
stats.add_command(definitions)
stats.add_command(ranking)
stats.add_command(masses)
stats.add_command(assumptions)
stats.add_command(participation)
stats.add_command(households)
stats.add_command(count_holders)
stats.add_command(effect)
stats.add_command(balance)
stats.add_command(calibrate)
stats.add_command(publish)
stats.add_command(publications)
stats.add_command(report)
stats.add_command(imports)
stats.add_command(compare)
stats.add_command(capture)
stats.add_command(characterise)
stats.add_command(rebuild)
