"""The ceiling of broker and parser: messages are taken from a full queue and acknowledged, and nothing else."""

import time

from benchmarks.errors import BenchError
from benchmarks.pipelines import Pipeline, filled_queue
from benchmarks.scene import Scene
from ingest.broker_address import Broker
from ingest.mqtt import MqttSource

WITHIN_S = 60.0


def drain_into_nothing(scene: Scene, pipeline: Pipeline, messages: int) -> float:
    """Return messages a second between the first batch and the last.

    In this process, with the source our workers use. The session is that of ``pipeline``, which is not started.
    """
    with filled_queue(scene, pipeline, pipeline.messages(messages)):
        source = MqttSource(
            Broker.from_url(scene.mqtt_url("worker")),
            client_id=pipeline.client_ids[0],
            topic_filter=pipeline.topic_filter,
        )
        with source:
            return take_all(source, messages)


def take_all(source: MqttSource, messages: int) -> float:
    """Take and acknowledge batches until all have come."""
    deadline = time.monotonic() + WITHIN_S
    taken = first = 0
    started_s = 0.0
    while taken < messages:
        if time.monotonic() > deadline:
            raise BenchError(f"only {taken:,} of {messages:,} messages came")
        batch = source.next_batch(wait_s=1.0)
        source.acknowledge(batch)
        taken += len(batch)
        if batch and not first:
            first, started_s = taken, time.perf_counter()
    return (taken - first) / (time.perf_counter() - started_s)
