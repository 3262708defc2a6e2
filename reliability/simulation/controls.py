"""Controls: the same world with one guard taken away. Each must be caught, or the simulation proves nothing."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.commit import Committed, Tenant, commit_tenant
from ingest.messages import Message, MessageSource, Outgoing
from ingest.pipeline import Pipeline
from ingest.worker import Worker
from reliability.simulation.source import SimulatedSource
from rewards.lots import lot_month_of


class EagerWorker(Worker):
    """Acknowledges what it has only received."""

    def handle(self, batch: Sequence[Message], number: int) -> None:
        """Acknowledge, then handle."""
        self._source.acknowledge(batch)
        super().handle(batch, number)


class HastyPipeline(Pipeline):
    """Publishes receipts while the transaction that they speak of is still open."""

    publish: Callable[[Sequence[Outgoing]], object]

    def _commit_once(self, tenant: Tenant, *, now: datetime.datetime, is_isolated: bool) -> Committed:
        recollection = self._memory.recall(tenant.rules, lot_month=lot_month_of(now.date()))
        with self._engine.begin() as connection:
            committed = commit_tenant(
                connection, tenant, recollection, keyring=self._keyring, now=now, is_isolated=is_isolated
            )
            self.publish(self.write_receipts(committed.list_answers(), now=now))
        recollection.keep()
        return committed


class HastyWorker(Worker):
    """A worker whose receipts leave before the commit."""

    def __init__(self, source: MessageSource, pipeline: Pipeline, **options: Any) -> None:
        super().__init__(source, pipeline, **options)
        if isinstance(pipeline, HastyPipeline):
            pipeline.publish = source.publish


class CarelessSource(SimulatedSource):
    """Acknowledges on the present connection what a former one delivered."""

    heeds_generation = False


@dataclass(frozen=True)
class Control:
    """What is taken away; nothing by default."""

    worker_class: type[Worker] = Worker
    pipeline_class: type[Pipeline] = Pipeline
    source_class: type[SimulatedSource] = SimulatedSource
    trusts_pubacks: bool = False
    compares_inside_insert: bool = False


HONEST = Control()

CONTROLS = {
    "acknowledges_before_the_commit": Control(worker_class=EagerWorker),
    "tells_before_the_commit": Control(worker_class=HastyWorker, pipeline_class=HastyPipeline),
    "bin_trusts_pubacks": Control(trusts_pubacks=True),
    "compares_inside_the_insert": Control(compares_inside_insert=True),
    "acknowledges_former_connections": Control(source_class=CarelessSource),
}
"""Every control, by what it does wrong."""
