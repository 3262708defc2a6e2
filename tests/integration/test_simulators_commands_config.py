"""Commands and configuration over a real broker: published as a backend does, taken by bins of a fleet."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from simulators.emptying_mode import HatchClosedError
from simulators.fleet import Fleet
from simulators.fleet_file import ProvisionedFleet
from tests.integration.test_simulators_broker import (
    Backend,
    Broker,
    provision,
    running_backend,
    running_broker,
)
from tests.unit.test_simulators_reference_backend import sign

FIRST, SECOND = "PLC-00001", "PLC-00002"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path / "broker") as broker:
        yield broker


@contextmanager
def running_fleet(provisioned: ProvisionedFleet, folder: Path) -> Iterator[Fleet]:
    fleet = Fleet(provisioned, folder=folder, seed=1)
    try:
        live_until(fleet, lambda: all(bin.clock.state(fleet.clock.now()) == "synced" for bin in fleet.bins))
        yield fleet
    finally:
        fleet.close()


def live_until(fleet: Fleet, condition: Callable[[], bool], *, within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        fleet.step(timeout_s=0.02)


def down(backend: Backend, bin_id: str, channel: str, line: dict[str, Any], *, key: bytes | None = None) -> None:
    """Publish at QoS 1 what a backend tells a bin; a configuration is retained."""
    topic = f"bontri/v1/plaine-commune/{bin_id}/down/{channel}"
    payload = sign(topic, json.dumps(line).encode(), key or backend.reference.keys[bin_id])
    info = backend.client.publish(topic, payload, qos=1, retain=channel == "config")
    info.wait_for_publish(5)
    assert info.is_published()


def command(bin_id: str, do: str, **fields: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    times = {"issued_at": now.isoformat(), "expires_at": (now + timedelta(minutes=5)).isoformat()}
    return {"do": do, "v": 1, "bin": bin_id, "id": str(uuid4())} | times | fields


def answers(backend: Backend) -> dict[str, str]:
    """Return the state of every command answered so far, by its id."""
    statuses = backend.fields("status")
    return {answer["id"]: answer["state"] for fields in statuses for answer in fields.get("commands", [])}


def test_a_reboot_over_the_broker_is_answered_and_then_done_once(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 2)
    with running_backend(broker.port, provisioned) as backend, running_fleet(provisioned, tmp_path / "j") as fleet:
        fleet.links[0].bin.deposit(fleet.clock.now(), material="glass", items=3)
        journal = fleet.bins[0].journal.id
        line = command(FIRST, "reboot")
        down(backend, FIRST, "command", line)
        live_until(fleet, lambda: any(fields["boot"] == 2 for fields in backend.fields("hello")))
        assert answers(backend) == {line["id"]: "done"}
        live_until(fleet, lambda: fleet.bins[0].clock.state(fleet.clock.now()) == "synced")
        said = [(kind, fields) for kind, fields in backend.reference.messages if fields["bin"] == FIRST]
        answered = next(i for i, (_, fields) in enumerate(said) if "commands" in fields)
        farewell = next(i for i, (kind, fields) in enumerate(said) if kind == "presence" and not fields["online"])
        second_boot = next(i for i, (_, fields) in enumerate(said) if fields["boot"] == 2)
        assert answered < farewell < second_boot
        assert said[farewell][1]["conn"] == 1

        down(backend, FIRST, "command", line)  # as long as the backend has not heard the answer
        live_until(fleet, lambda: fleet.tally.commands_repeated == 1)
        live_until(fleet, fleet.is_drained)
        assert {fields["boot"] for _, fields in backend.reference.messages if fields["bin"] == SECOND} == {1}
        assert {fields["boot"] for _, fields in backend.reference.messages if fields["bin"] == FIRST} == {1, 2}
        assert list(backend.committed()[FIRST]) == [1]
        assert fleet.bins[0].journal.id == journal
        assert (fleet.tally.commands_done, fleet.tally.connections, fleet.tally.lost_connections) == (1, 3, 0)


def test_a_resend_over_the_broker_repeats_what_was_settled(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 1)
    with running_backend(broker.port, provisioned) as backend, running_fleet(provisioned, tmp_path / "j") as fleet:
        [bin] = fleet.bins
        for items in range(1, 6):
            bin.deposit(fleet.clock.now(), material="glass", items=items)
        live_until(fleet, lambda: fleet.is_drained() and len(backend.committed()[FIRST]) == 5)
        line = command(FIRST, "resend", journal=bin.journal.id, first=2, last=4)
        down(backend, FIRST, "command", line)
        live_until(fleet, lambda: backend.reference.repeats == 3 and fleet.is_drained())
        assert answers(backend) == {line["id"]: "done"}


def test_emptying_mode_over_the_broker_closes_the_hatch_until_it_is_ended(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 1)
    with running_backend(broker.port, provisioned) as backend, running_fleet(provisioned, tmp_path / "j") as fleet:
        [bin] = fleet.bins
        down(backend, FIRST, "command", command(FIRST, "emptying_mode", on=True))
        live_until(fleet, lambda: fleet.tally.commands_done == 1)
        with pytest.raises(HatchClosedError):
            bin.deposit(fleet.clock.now(), material="glass", items=3)
        bin.emptying(fleet.clock.now(), material="glass", mass_g=412_000, by="C7")
        down(backend, FIRST, "command", command(FIRST, "emptying_mode", on=False))
        live_until(fleet, lambda: fleet.tally.commands_done == 2)
        bin.deposit(fleet.clock.now(), material="glass", items=3)
        live_until(fleet, fleet.is_drained)
        assert [event["type"] for event in backend.committed()[FIRST].values()] == ["emptying", "deposit"]
        assert fleet.tally.refused_deposits == 1


def test_forged_and_misdirected_commands_are_counted_and_do_nothing(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 2)
    with running_backend(broker.port, provisioned) as backend, running_fleet(provisioned, tmp_path / "j") as fleet:
        down(backend, FIRST, "command", command(FIRST, "reboot"), key=b"x" * 32)
        down(backend, FIRST, "command", command(SECOND, "reboot"))
        down(backend, FIRST, "command", command(FIRST, "reboot") | {"v": 2})
        down(backend, SECOND, "command", command(SECOND, "reboot"), key=backend.reference.keys[FIRST])
        down(backend, SECOND, "command", known := command(SECOND, "sing"))
        live_until(fleet, lambda: answers(backend) == {known["id"]: "refused"} and fleet.tally.commands_ignored == 4)
        assert {fields["boot"] for _, fields in backend.reference.messages} == {1}
        assert (fleet.tally.commands_done, fleet.tally.commands_refused) == (0, 1)


def test_a_retained_configuration_reaches_a_bin_at_once_and_only_a_newer_one_replaces_it(
    broker: Broker, tmp_path: Path
) -> None:
    provisioned = provision(broker, 2)
    config = {
        "v": 1,
        "bin": FIRST,
        "version": 3,
        "tariffs": [],
        "limits": {},
        "texts": {"fr": {"welcome": "Bienvenue"}},
    }
    with running_backend(broker.port, provisioned) as backend:
        down(backend, FIRST, "config", config)  # before any bin is there
        with running_fleet(provisioned, tmp_path / "j") as fleet:
            live_until(fleet, lambda: fleet.tally.configs_taken == 1)
            assert [bin.display.version for bin in fleet.bins] == [3, 0]
            assert fleet.bins[0].display.find_text("welcome", language="fr") == "Bienvenue"

            down(backend, FIRST, "command", command(FIRST, "reboot"))
            live_until(fleet, lambda: any(fields["boot"] == 2 for fields in backend.fields("hello")))
            [hello] = [fields for fields in backend.fields("hello") if fields["boot"] == 2]
            assert hello["config"] == 3
            live_until(fleet, lambda: fleet.tally.configs_ignored == 1)  # retained, so it came again

            down(backend, FIRST, "config", config | {"version": 2, "texts": {}})
            down(backend, FIRST, "config", config | {"version": 9}, key=b"x" * 32)
            down(backend, FIRST, "config", config | {"version": 4, "texts": {"fr": {"welcome": "Bonjour"}}})
            live_until(fleet, lambda: fleet.bins[0].display.version == 4)
            assert fleet.bins[0].display.find_text("welcome", language="fr") == "Bonjour"
            assert (fleet.tally.configs_taken, fleet.tally.configs_ignored) == (2, 3)


def test_some_clocks_of_a_fleet_are_off_and_the_bins_say_by_how_much(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 12)
    with running_backend(broker.port, provisioned) as backend:
        fleet = Fleet(provisioned, folder=tmp_path / "j", seed=1)
        try:
            now = fleet.clock.now()
            off = {bin.identity.bin: bin.clock.read(now) - now for bin in fleet.bins}
            for bin in fleet.bins:
                bin.deposit(now, material="glass", items=3)
            live_until(fleet, fleet.is_drained)
        finally:
            fleet.close()
        said = {fields["bin"]: fields for fields in backend.fields("events")}
        assert {fields["clock"] for fields in said.values()} == {"free"}
        assert any(abs(ahead) > timedelta(seconds=30) for ahead in off.values())
        assert any(abs(ahead) < timedelta(seconds=1) for ahead in off.values())
        for name, ahead in off.items():
            measured = timedelta(milliseconds=said[name]["ahead_ms"])
            # The receipts of this backend have whole seconds, and a round trip takes its time.
            assert timedelta(seconds=-1) < measured - ahead < timedelta(seconds=3)
