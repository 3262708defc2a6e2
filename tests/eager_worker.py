"""A worker without the guard, for the control of ``test_ingest_kill``: it acknowledges before it commits."""

import time
from collections.abc import Sequence

import bontri.worker
from bontri.cli import main
from ingest.messages import Message
from ingest.worker import Worker


class EagerWorker(Worker):
    """Acknowledges what it has only received, and makes sure that the broker is told."""

    def handle(self, batch: Sequence[Message], number: int) -> None:
        self._source.acknowledge(batch)
        while self._source._client.want_write():
            time.sleep(0.001)
        super().handle(batch, number)


if __name__ == "__main__":
    bontri.worker.Worker = EagerWorker
    main()
