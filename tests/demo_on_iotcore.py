"""The demo as on a machine without Mosquitto, for ``test_demo``."""

import bontri.embedded.broker
from bontri.cli import main
from bontri.embedded.errors import ProgramMissingError


def find_nothing() -> None:
    raise ProgramMissingError("no Mosquitto")


if __name__ == "__main__":
    bontri.embedded.broker.find_mosquitto = find_nothing
    main()
