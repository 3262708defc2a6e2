"""The ingest worker as a process: composes engine, broker and pipeline, and stops cleanly on SIGTERM."""

import gc
import sys
import threading
import time

import structlog
from sqlalchemy import text

from bontri.readiness import notify_ready
from bontri.settings import Settings
from bontri.signals import stop_event
from ingest.mqtt import Broker, MqttSource
from ingest.pipeline import Pipeline
from ingest.worker import Worker
from rewards.database import open_engine

log = structlog.get_logger(__name__)

FIRST_SUBSCRIPTION_S = 15.0
STOP_HEEDED_WITHIN_S = 0.5


class BrokerUnreachableError(Exception):
    """The broker cannot be reached, or refuses this worker."""


def run_worker(settings: Settings) -> None:
    """Take messages from the broker and commit them until SIGTERM or SIGINT.

    At the start database and broker must answer; later failures are waited out.

    Raises:
        sqlalchemy.exc.OperationalError: the database cannot be reached at the start.
        BrokerUnreachableError: the broker has not granted the subscription in time.
    """
    stop = stop_event()
    engine = open_engine(settings.database_url or "", role="bontri_ingest", pool_size=settings.ingest_writers)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1 FROM authorities LIMIT 1"))
    source = MqttSource(
        Broker.from_url(settings.mqtt_url or ""),
        client_id=settings.mqtt_client_id,
        topic_filter=settings.worker_filter(settings.keyring()),
        parser=settings.mqtt_parser,
    )
    with source:
        wait_for_subscription(source, stop)
        notify_ready()
        log.info("worker_ready", client_id=settings.mqtt_client_id)
        worker = Worker(source, Pipeline(engine, settings.keyring()), stop=stop, writers=settings.ingest_writers)
        # Batches make and drop many small objects; looking through all that lives, every 700 of them, took a tenth.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        # A writer whose answer from PostgreSQL has come may wait this long for the interpreter, a dozen times a batch.
        sys.setswitchinterval(0.001)
        worker.run()
    engine.dispose()
    log.info("worker_stopped", messages=worker.handled.messages, events=worker.handled.events)


def wait_for_subscription(source: MqttSource, stop: threading.Event) -> None:
    """Return once the broker has granted the subscription, or when told to stop."""
    deadline = time.monotonic() + FIRST_SUBSCRIPTION_S
    while not source.wait_until_subscribed(timeout_s=STOP_HEEDED_WITHIN_S):
        if stop.is_set():
            return
        if source.refusal or time.monotonic() > deadline:
            raise BrokerUnreachableError(source.refusal or f"no answer within {FIRST_SUBSCRIPTION_S:.0f} s")
