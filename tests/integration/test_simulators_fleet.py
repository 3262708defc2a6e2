"""Whole fleets against a real broker and the reference backend."""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from simulators.fleet import Fleet
from simulators.fleet_file import read_fleet
from simulators.run import run_fleet
from tests.integration.test_simulators_broker import (
    Broker,
    fleet_content,
    provision,
    running_backend,
    running_broker,
    wait_until,
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path / "broker") as broker:
        yield broker


def test_everything_produced_is_committed_and_settled(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 12)
    progress: list[int] = []
    with running_backend(broker.port, provisioned) as backend:
        threads = threading.active_count()
        counts = run_fleet(
            provisioned,
            rate_per_s=60,
            duration_s=2,
            seed=1,
            folder=tmp_path / "journals",
            on_progress=lambda counts: progress.append(threading.active_count()),
        )
        events = [event for stored in backend.committed().values() for event in stored.values()]
        assert counts.produced_deposits == len(events) == 120
        assert (counts.settled_events, counts.unsettled_events, counts.is_drained) == (120, 0, True)
        assert counts.resent_events == backend.reference.repeats == 0
        assert counts.points == sum(event["items"] for event in events if "badge" in event) > 0
        assert set(counts.events_by_state) == {"credited", "counted"}
        assert counts.latency_p50_ms is not None
        assert counts.latency_p50_ms < 1000
        assert (counts.connections, counts.lost_connections, counts.failed_connections) == (12, 0, 0)
        assert set(progress) == {threads}  # no thread per bin
        # The last farewells may still be on their way.
        wait_until(lambda: not any({each["bin"]: each["online"] for each in backend.fields("presence")}.values()))
        assert all(fields["clock"] in ("free", "synced") for fields in backend.fields("events"))


def test_the_same_seed_produces_the_same_events_on_the_wire(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 5)

    def produce(folder: str, seed: int) -> list[tuple[Any, ...]]:
        with running_backend(broker.port, provisioned) as backend:
            run_fleet(provisioned, rate_per_s=200, duration_s=0.5, seed=seed, folder=tmp_path / folder)
            return sorted(
                (bin_id, seq, event["material"], event["items"], event.get("badge", ""), event["confidence"])
                for bin_id, stored in backend.committed().items()
                for seq, event in stored.items()
            )

    first = produce("a", 5)
    assert len(first) == 100
    assert produce("b", 5) == first
    assert produce("c", 6) != first


def test_the_natural_rhythm_runs_faster_on_demand(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 3)
    with running_backend(broker.port, provisioned) as backend:
        counts = run_fleet(
            provisioned, rate_per_s=None, duration_s=1, seed=1, folder=tmp_path / "journals", speed_up=86_400
        )
        assert counts.produced_deposits == pytest.approx(3 * 45, rel=0.5)  # a day in a second, whatever weekday
        times = [event["at"] for stored in backend.committed().values() for event in stored.values()]
        assert len(set(times)) <= 10  # the present time all the same


def test_a_stop_ends_the_run_early_and_cleanly(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 2)
    stop = threading.Event()
    with running_backend(broker.port, provisioned):
        began = time.monotonic()
        counts = run_fleet(
            provisioned,
            rate_per_s=50,
            duration_s=None,
            seed=1,
            folder=tmp_path / "journals",
            on_progress=lambda _: stop.set(),
            stop=stop,
        )
        assert time.monotonic() - began < 20  # without the stop it would go on for ever
        assert counts.is_drained
        assert counts.produced_deposits > 20


def test_journals_continue_with_the_next_boot(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 2)
    with running_backend(broker.port, provisioned) as backend:
        for _ in range(3):
            run_fleet(provisioned, rate_per_s=40, duration_s=0.5, seed=1, folder=tmp_path / "journals")
        assert sorted({fields["boot"] for fields in backend.fields("hello")}) == [1, 2, 3]
        for stored in backend.committed().values():
            assert sorted(stored) == list(range(1, len(stored) + 1))
        assert sum(len(stored) for stored in backend.committed().values()) == 60


def test_a_dead_connection_leaves_the_signed_will_behind(broker: Broker, tmp_path: Path) -> None:
    provisioned = provision(broker, 2)
    with running_backend(broker.port, provisioned) as backend:
        fleet = Fleet(provisioned, folder=tmp_path / "journals", seed=1)
        try:
            for _ in itertools.takewhile(lambda _: fleet.counts().connected_bins < 2, range(500)):
                fleet.step(timeout_s=0.02)
            fleet.links[0].abort()
            wait_until(lambda: any(not fields["online"] for fields in backend.fields("presence")))
            [will] = [fields for fields in backend.fields("presence") if not fields["online"]]
            assert (will["bin"], will["conn"]) == ("PLC-00001", 1)
            for _ in itertools.takewhile(lambda _: fleet.tally.connections < 3, range(500)):
                fleet.step(timeout_s=0.02)
            assert fleet.counts().connected_bins == 2
            assert fleet.tally.lost_connections == 1
            wait_until(lambda: any(fields["conn"] == 2 for fields in backend.fields("presence")))
        finally:
            fleet.close()
            fleet.close()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker of a test")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "broker.crt", folder / "broker.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    no_password = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, no_password))
    return paths


def test_bins_speak_tls_and_refuse_a_broker_they_cannot_verify(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with running_broker(tmp_path / "broker", certificate=certificate) as broker:
        address = {"host": "127.0.0.1", "port": broker.tls_port, "tls": True}
        trusting = read_fleet(fleet_content(address | {"ca_file": str(certificate[0])}, 3))
        wary = read_fleet(fleet_content(address, 3))
        with running_backend(broker.port, trusting) as backend:
            counts = run_fleet(wary, rate_per_s=60, duration_s=0.5, seed=1, folder=tmp_path / "j", drain_s=0)
            assert (counts.connections, counts.unsettled_events) == (0, 30)
            assert "CERTIFICATE_VERIFY_FAILED" in (counts.last_connection_failure or "")
            counts = run_fleet(trusting, rate_per_s=60, duration_s=0.5, seed=1, folder=tmp_path / "j")
            assert (counts.connections, counts.unsettled_events) == (3, 0)
            assert sum(len(stored) for stored in backend.committed().values()) == 60


def test_the_simulators_import_nothing_of_the_backend() -> None:
    statement = (
        "import sys, simulators.run; "
        "print([m for m in sys.modules if m.split('.')[0] in "
        "('bontri', 'ingest', 'rewards', 'partners_api', 'benchmarks', 'sqlalchemy', 'flask')])"
    )
    found = subprocess.run([sys.executable, "-c", statement], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
