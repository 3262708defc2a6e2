"""``bontri stats``: figures of sorting, how they are come by, and whether they are what was committed."""

import click


@click.group()
def stats() -> None:
    """Say what was sorted where, whether people sort more, and how sure that is.

    Works on the database of DATABASE_URL; without DATABASE_URL on the demo's.
    """
