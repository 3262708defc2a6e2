"""What most tests over MQTT stand on; a file that wants accounts of its own at the broker has its own ``broker``."""

from collections.abc import Iterator

import pytest

from bontri.embedded.broker import Broker
from tests.ingest_scene import Publisher, connected_publisher, mosquitto


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """A Mosquitto that the tests of one file share."""
    with mosquitto() as broker:
        yield broker


@pytest.fixture
def publisher(broker: Broker) -> Iterator[Publisher]:
    """Whoever speaks for the bins of one test."""
    with connected_publisher(broker) as publisher:
        yield publisher
