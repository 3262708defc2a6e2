"""``python -m bontri``: the same as the ``bontri`` command."""

from bontri.cli import main

main()
