"""The process of the iotcore broker: `python -m bontri.embedded.iotcore_process CONFIGURATION [UID GID]`.

iotcore's own launcher starts a process too, but as us, and one that root cannot make unprivileged.
"""

import logging
import os
import signal
import sys

from iotcore.iotcore import IotCoreBroker

from bontri.embedded.processes import request_death_signal


def main(configuration: str, uid: str | None = None, gid: str | None = None) -> None:
    """Read the configuration, become `uid` and `gid` when given, and serve until killed."""
    parent_pid = os.getppid()
    # rumqttd logs every packet as an error.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    broker = IotCoreBroker(config_path=configuration)
    if uid is not None and gid is not None:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
        request_death_signal(signal.SIGKILL, parent_pid)
    broker.run_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
