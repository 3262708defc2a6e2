"""A worker that hangs, for ``test_ingest_processes``: its source waits for ever once it is ready."""

import os
import threading
from functools import partial
from pathlib import Path

import bontri.worker
from bontri.cli import main
from bontri.worker_watch import Patience
from ingest.messages import Message
from ingest.mqtt import MqttSource

HANG_FILE = "BONTRI_TEST_HANG_FILE"


class HangingSource(MqttSource):
    """Takes batches until the file appears, then never again."""

    def next_batch(self, *, wait_s: float) -> list[Message]:
        if Path(os.environ[HANG_FILE]).exists():
            threading.Event().wait()
        return super().next_batch(wait_s=wait_s)


if __name__ == "__main__":
    bontri.worker.MqttSource = HangingSource
    bontri.worker.Patience = partial(Patience, silent_after_s=1.0, heartbeat_every_s=0.2, round_s=0.1)
    main()
