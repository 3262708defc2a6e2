"""What the ingest writes to a bin, in the hands of a bin; the answers of the bin, in the hands of the ingest."""

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.contract import (
    CommandResult,
    Config,
    ConfigLine,
    ConfigTariff,
    DownEnvelope,
    EmptyingMode,
    Limits,
    Reboot,
    Resend,
    decode_events,
    decode_hello,
    decode_status,
    encode,
)
from ingest.signatures import sign_message
from ingest.topics import DownChannel, down_topic
from simulators.bin import SimulatedBin
from simulators.clock import BinClock
from simulators.display import DisplayLine, DisplayTariff
from simulators.messages import BinIdentity

NOW = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
BIN_ID, KEY = "MRS-00042", bytes(range(32))
COMMAND_ID = "0b54cf8a-54f5-4f9e-a111-000000000001"


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[SimulatedBin]:
    simulated = SimulatedBin(BinIdentity("mrs", BIN_ID, {1: KEY}), tmp_path / "journal", NOW)
    simulated.deposit(NOW, material="glass", items=3)
    yield simulated
    simulated.close()


def tell(simulated: SimulatedBin, channel: DownChannel, message: DownEnvelope) -> None:
    topic = down_topic("mrs", BIN_ID, channel)
    simulated.on_message(topic, sign_message(KEY, key_number=1, topic=topic, line=encode(message)), NOW)


def said(simulated: SimulatedBin, kind: str) -> bytes:
    """Return the first line of the one message of this kind that the bin sends after connecting."""
    simulated.on_connected(NOW)
    [message] = [message for message in simulated.due_messages(NOW) if message.topic.endswith(f"up/{kind}")]
    return message.payload.partition(b"\n")[0]


def test_a_bin_does_what_the_ingest_writes_and_the_ingest_reads_its_answers(simulated: SimulatedBin) -> None:
    head = {"v": 1, "bin": BIN_ID, "issued_at": NOW, "expires_at": NOW + HOUR}
    ids = [COMMAND_ID[:-1] + str(number) for number in range(4)]
    tell(simulated, "command", Resend(**head, id=ids[0], journal=simulated.journal.id, first=1, last=1))
    tell(simulated, "command", EmptyingMode(**head, id=ids[1], on=True))
    tell(simulated, "command", Reboot(**head, id=ids[2]))
    tell(simulated, "command", Resend(**head, id=ids[3], journal=simulated.journal.id, first=8, last=9))
    commands = decode_status(said(simulated, "status")).commands
    assert commands == [
        CommandResult(ids[3], "refused"),
        CommandResult(ids[2], "done"),
        CommandResult(ids[1], "done"),
        CommandResult(ids[0], "done"),
    ]
    assert simulated.is_reboot_due


def test_a_bin_answers_that_a_command_has_expired(simulated: SimulatedBin) -> None:
    tell(simulated, "command", Reboot(1, BIN_ID, COMMAND_ID, issued_at=NOW - HOUR, expires_at=NOW - HOUR / 2))
    assert decode_status(said(simulated, "status")).commands == [CommandResult(COMMAND_ID, "expired")]


def test_a_bin_takes_the_configuration_of_the_ingest_and_names_its_version(simulated: SimulatedBin) -> None:
    assert decode_hello(said(simulated, "hello")).config == 0
    config = Config(
        v=1,
        bin=BIN_ID,
        version=4,
        tariffs=[ConfigTariff(NOW, {"glass": ConfigLine("item", 2)})],
        limits=Limits(day_points=40),
        texts={"fr": {"welcome": "Déposez vos bouteilles"}},
    )
    tell(simulated, "config", config)
    assert decode_hello(said(simulated, "hello")).config == 4
    assert simulated.display.find_tariff(NOW) == DisplayTariff(NOW, {"glass": DisplayLine("item", 2)})
    assert simulated.display.config.limits == {"day_points": 40}
    assert simulated.display.find_text("welcome", language="fr") == "Déposez vos bouteilles"
    tell(simulated, "config", Config(v=1, bin=BIN_ID, version=5, tariffs=[], limits=Limits()))
    assert (simulated.display.version, simulated.display.config.limits) == (5, {})


def test_the_ingest_reads_how_far_a_free_clock_was_ahead(tmp_path: Path) -> None:
    clock = BinClock(NOW, offset=datetime.timedelta(days=3650))
    simulated = SimulatedBin(BinIdentity("mrs", BIN_ID, {1: KEY}), tmp_path / "journal", NOW, clock=clock)
    simulated.deposit(NOW, material="glass", items=3)
    hello = decode_hello(said(simulated, "hello"))
    topic = down_topic("mrs", BIN_ID, "receipt")
    receipt = {"v": 1, "journal": simulated.journal.id, "epoch": 1, "upto": 0, "time": NOW, "echo": hello.n}
    simulated.on_message(topic, sign_message(KEY, key_number=1, topic=topic, line=encode(receipt)), NOW)
    events = decode_events(said(simulated, "events"))
    simulated.close()
    assert (events.clock, events.ahead_ms) == ("free", 315_360_000_000)
    assert events.ahead_ms is not None
    assert events.events[0].at - datetime.timedelta(milliseconds=events.ahead_ms) == NOW
