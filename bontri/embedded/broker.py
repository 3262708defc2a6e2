"""A private MQTT broker for the demo and the tests: our child, on loopback, every client with a password."""

import secrets
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from bontri.broker_accounts import BrokerAccount, require_distinct_usernames
from bontri.embedded.broker_health import assert_round_trip
from bontri.embedded.errors import EmbeddedServiceError, NotSupportedError, ProgramMissingError
from bontri.embedded.folders import locked_folder, make_service_folder, prepare_data_dir
from bontri.embedded.iotcore_broker import iotcore_command, require_iotcore, write_iotcore_file
from bontri.embedded.listeners import LOOPBACK, assert_listener_belongs_to, list_listeners
from bontri.embedded.mosquitto import find_mosquitto, write_mosquitto_accounts, write_mosquitto_files
from bontri.embedded.processes import Child, start_child
from bontri.embedded.startup import start_on_port
from bontri.embedded.unprivileged import UnprivilegedUser, find_unprivileged_user

BrokerKind = Literal["mosquitto", "iotcore"]

_START_TIMEOUT_S = 30.0  # Mosquitto first reads back everything it had queued
_RELOAD_TIMEOUT_S = 10.0
_ALL_UP_TOPICS = "bontri/v1/+/+/up/#"


@dataclass(frozen=True)
class Broker:
    """A running broker."""

    kind: BrokerKind
    host: str
    port: int
    child: Child = field(repr=False)
    folder: Path = field(repr=False)
    health_account: BrokerAccount = field(repr=False)
    share_group: str = field(repr=False)

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def worker_filter(self) -> str:
        """The filter a worker subscribes to: shared, but plain on iotcore, which panics with shared ones."""
        return f"$share/{self.share_group}/{_ALL_UP_TOPICS}" if self.kind == "mosquitto" else _ALL_UP_TOPICS

    def url(self, username: str, password: str) -> str:
        """Return the address for one account, password included: not for logs."""
        return f"mqtt://{quote(username, safe='')}:{quote(password, safe='')}@{self.host}:{self.port}"

    def assert_healthy(self, *, timeout_s: float = 5.0) -> None:
        """Return when the port is ours and a message comes back through it.

        Raises:
            EmbeddedServiceError: either is not so.
        """
        assert_listener_belongs_to(self.port, self.pid)
        assert_round_trip(self.host, self.port, self.health_account, timeout_s=timeout_s)

    def reload_accounts(self, accounts: Sequence[BrokerAccount]) -> None:
        """Replace all accounts, and return when the broker has taken them; who lost theirs is disconnected.

        Raises:
            NotSupportedError: iotcore reads its accounts at the start only.
            EmbeddedServiceError: the broker did not take them in time.
        """
        if self.kind != "mosquitto":
            raise NotSupportedError("the iotcore broker cannot change accounts while it runs: start it again")
        # A username that was never there before can only be accepted after the new files have been read.
        witness = _make_internal_account("reload")
        everyone = [*accounts, self.health_account, witness]
        require_distinct_usernames(everyone)
        write_mosquitto_accounts(self.folder, find_unprivileged_user(), everyone)
        self.child.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + _RELOAD_TIMEOUT_S
        while True:
            try:
                assert_round_trip(self.host, self.port, witness, timeout_s=1.0)
            except EmbeddedServiceError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """End the broker as a power cut would, for chaos tests; leave the block before starting it again."""
        self.child.kill()


@contextmanager
def running_broker(
    data_dir: Path,
    *,
    accounts: Sequence[BrokerAccount],
    kind: Literal["auto", "mosquitto", "iotcore"] = "auto",
    port: int | None = None,
    share_group: str = "ingest",
) -> Iterator[Broker]:
    """Run a private broker below `data_dir/broker` for the time of the block.

    It listens on 127.0.0.1 only, refuses anonymous clients, and ends with the block, with an exception, or with
    our process, even killed. As root it runs as `nobody`. Mosquitto keeps sessions and queued messages between
    runs, iotcore keeps nothing and has no ACL. Call it from a thread that outlives the block.

    Args:
        data_dir: Kept between runs; as root, a folder that `nobody` can reach.
        accounts: Everyone who may connect.
        kind: `auto` takes an installed Mosquitto, else iotcore.
        port: None chooses a free one.
        share_group: Name of the workers' group; where strangers have accounts, one that nobody can guess.

    Raises:
        EmbeddedServiceError: it cannot be started; the subclasses tell missing programs and unusable folders.
        ValueError: a username occurs twice.
    """
    health_account = _make_internal_account("health")
    everyone = [*accounts, health_account]
    require_distinct_usernames(everyone)
    program = _find_program(kind)
    chosen: BrokerKind = "mosquitto" if program else "iotcore"
    user = find_unprivileged_user()
    folder = make_service_folder(prepare_data_dir(data_dir, user), "broker", user)
    with locked_folder(folder):
        start = partial(_start_mosquitto, program) if program else _start_iotcore
        child, used_port = start_on_port(
            lambda candidate: start(folder, user, everyone, candidate),
            partial(_wait_until_ready, account=health_account),
            port=port,
        )
        try:
            yield Broker(chosen, LOOPBACK, used_port, child, folder, health_account, share_group)
        finally:
            child.stop()


def _find_program(kind: Literal["auto", "mosquitto", "iotcore"]) -> Path | None:
    """Return Mosquitto's path, or None for iotcore."""
    if kind != "iotcore":
        try:
            return find_mosquitto()
        except ProgramMissingError:
            if kind == "mosquitto":
                raise
    require_iotcore()
    return None


def _start_mosquitto(
    program: Path, folder: Path, user: UnprivilegedUser | None, accounts: Sequence[BrokerAccount], port: int
) -> Child:
    configuration = write_mosquitto_files(folder, user, accounts, port)
    return start_child([program, "-c", configuration], name="Mosquitto", log_path=folder / "mosquitto.log", run_as=user)


def _start_iotcore(folder: Path, user: UnprivilegedUser | None, accounts: Sequence[BrokerAccount], port: int) -> Child:
    command = iotcore_command(write_iotcore_file(folder, accounts, port), user)
    return start_child(command, name="iotcore", log_path=folder / "iotcore.log", environment=None)


def _make_internal_account(purpose: str) -> BrokerAccount:
    return BrokerAccount(f"bontri-{purpose}-{secrets.token_hex(4)}", secrets.token_urlsafe(24), "health")


def _wait_until_ready(child: Child, port: int, *, account: BrokerAccount) -> None:
    """Return when our child listens on the port and passes a message on."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not list_listeners(port):
        if not child.is_running:
            raise EmbeddedServiceError(
                f"{child.name} ended at the start (log {child.log_path}): {child.read_last_lines()}"
            )
        if time.monotonic() > deadline:
            raise EmbeddedServiceError(f"{child.name} does not listen after {_START_TIMEOUT_S:.0f} s")
        time.sleep(0.01)
    assert_listener_belongs_to(port, child.pid)
    assert_round_trip(LOOPBACK, port, account)
