"""What is killed, paused and started again: PostgreSQL, broker, workers, API, bins; each a real process.

Only the thread that made a ``Services`` may start anything: children die with the thread that started them.
"""

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from benchmarks.scene import clean_environment
from bontri.embedded.broker import Broker, running_broker
from bontri.embedded.errors import EmbeddedServiceError
from bontri.embedded.folders import write_private_file
from bontri.embedded.listeners import LOOPBACK, choose_lasting_port
from bontri.embedded.postgres import PostgresServer, running_postgres
from bontri.embedded.processes import Child, start_child
from bontri.provisioning import WORKER_USERNAME
from bontri.settings import SECRETS
from ingest.topics import shared_filter
from reliability.chaos.guardian import Guardian
from reliability.chaos.proxy import Proxy, Weather
from reliability.chaos.service import Service
from reliability.chaos.town import STRANGER, ChaosTown, list_accounts
from rewards.keyring import Keyring

DATABASE = "bontri"
CLIENT_ID = "chaos-worker"
BINS_PARTS = 3
SHARE_GROUP = "chaos"
POSTGRES_SETTINGS = {"max_connections": "200", "track_commit_timestamp": "on"}
"""A race of 64 needs as many connections beside those of workers, API and watchers; and the moment of each commit tells
whether a receipt came before it. Durability stays as it is by default."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The modules that are run: ours, or in a control one with its guard taken out; ``python -m`` comes before."""

    worker: Sequence[str] = ("bontri", "ingest", "--workers", "2")
    api: Sequence[str] = ("bontri", "api")
    bins: Sequence[str] = ("reliability.chaos.fleet",)


@dataclass
class Services:
    """All of one scene, over one folder. ``ended_by_themselves`` tells what nobody killed, with its last words."""

    folder: Path
    keyring: Keyring
    bin_ids: list[str]
    programs: Programs
    rate_per_s: float
    seed: int
    fleets: list[Service] = field(default_factory=list)
    database_url: str = ""
    ended_by_themselves: list[str] = field(default_factory=list)
    server: PostgresServer | None = None
    postgres: Service = field(init=False)
    broker: Service = field(init=False)
    workers: Service = field(init=False)
    api: Service = field(init=False)
    guardian: Guardian = field(init=False)
    bins_proxy: Proxy = field(init=False)
    workers_proxy: Proxy = field(init=False)

    def __post_init__(self) -> None:
        self._postgres_port, self._broker_port, self.api_port, self._health_port = (
            choose_lasting_port() for _ in range(4)
        )
        self.guardian = Guardian()
        self.postgres = Service("postgres", self.guardian, self._open_postgres)
        self.broker = Service("broker", self.guardian, self._open_broker)
        self.workers = Service("workers", self.guardian, self._open_workers)
        self.api = Service("api", self.guardian, self._open_api)
        self.bins_proxy = Proxy(self._broker_port, self.seed)
        self.workers_proxy = Proxy(self._broker_port, self.seed + 1)

    @property
    def all(self) -> list[Service]:
        """Everything, in the order in which it is stopped: nobody waits for somebody already gone."""
        return [*self.fleets, self.api, self.workers, self.broker, self.postgres]

    @property
    def api_url(self) -> str:
        """The address of the API."""
        return f"http://{LOOPBACK}:{self.api_port}"

    def start_database(self) -> None:
        """Start PostgreSQL with an empty database."""
        self.postgres.start()
        if self.server is None:
            raise EmbeddedServiceError("PostgreSQL did not start")
        self.server.create_database(DATABASE)
        self.database_url = self.server.url(DATABASE)

    def hand_over(self, town: ChaosTown) -> None:
        """Make a service of each part of the bins; they connect through the bins' proxy."""
        for number, content in enumerate(town.hand_over(mqtt_url=self.bins_url, parts=BINS_PARTS)):
            path = self.folder / f"bins-{number}.json"
            write_private_file(path, json.dumps(content))
            self.fleets.append(Service(f"bins-{number}", self.guardian, BinsOpener(self, number, path)))

    def look_after(self) -> None:
        """Start again what ended by itself though it should run, as a service manager would.

        Bins that have ended with 0 were asked to, and have nothing left; nothing else ends so unasked.
        """
        for service in self.all:
            has_drained = service in self.fleets and service.has_ended_well
            if service.is_wanted and not service.is_running and not has_drained:
                said = service.child.read_last_lines() if service.child else "it never ran"
                self.ended_by_themselves.append(f"{service.name}: {said}")
                service.kill()
                service.start()

    def stop_all(self) -> None:
        """End everything, paused or not."""
        with ExitStack() as stack:
            # Each in its turn, whatever becomes of the others.
            stack.callback(self.guardian.close)
            stack.callback(self.workers_proxy.close)
            stack.callback(self.bins_proxy.close)
            for service in reversed(self.all):
                stack.callback(service.stop)

    def clear_weather(self) -> None:
        """Let both networks be good ones."""
        self.bins_proxy.weather = Weather()
        self.workers_proxy.weather = Weather()

    def wipe_broker(self) -> None:
        """Take the broker's disk away; it must not run.

        Raises:
            FileNotFoundError: there is none.
        """
        shutil.rmtree(self.folder / "broker" / "store")

    def stranger_url(self) -> str:
        """Return the broker's address for who may publish as any bin, past the proxies."""
        password = self.keyring.broker_password(username=STRANGER)
        return f"mqtt://{STRANGER}:{password}@{LOOPBACK}:{self._broker_port}"

    @property
    def bins_url(self) -> str:
        """The broker's address for bins: the proxy's."""
        return f"mqtt://{LOOPBACK}:{self.bins_proxy.port}"

    @property
    def journals(self) -> Path:
        """Where the bins keep their journals."""
        return self.folder / "journals"

    def status_path(self, number: int) -> Path:
        """Return where a part of the bins writes how it goes, once a second."""
        return self.folder / f"bins-{number}.status"

    def has_said_how_it_goes(self, number: int) -> bool:
        """Tell whether a part of the bins is so far that it heeds signals."""
        child, path = self.fleets[number].child, self.status_path(number)
        return child is not None and path.exists() and json.loads(path.read_text())["pid"] == child.pid

    def environment(self, **more: str) -> dict[str, str]:
        """Return the whole environment of our programs."""
        secrets = (self.keyring.master_key, self.keyring.badge_pepper, self.keyring.storage_key)
        return {
            **clean_environment(),
            **{name: value.hex() for name, value in zip(SECRETS, secrets, strict=True)},
            "DATABASE_URL": self.database_url,
            "BONTRI_LOG_FORMAT": "json",
            **more,
        }

    def are_workers_ready(self) -> bool:
        """Ask the workers whether they take messages."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self._health_port}/readyz", timeout=2.0) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False

    def run_bontri(self, *arguments: str) -> None:
        """Run one of our commands to its end.

        Raises:
            EmbeddedServiceError: it failed.
        """
        done = subprocess.run(
            [sys.executable, "-m", "bontri", *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise EmbeddedServiceError(f"bontri {arguments[0]} failed: {done.stderr.strip()}")

    @contextmanager
    def _open_postgres(self) -> Iterator[PostgresServer]:
        with running_postgres(self.folder, settings=POSTGRES_SETTINGS, port=self._postgres_port) as self.server:
            yield self.server

    def _open_broker(self) -> AbstractContextManager[Broker]:
        accounts = list_accounts(self.bin_ids, self.keyring)
        return running_broker(
            self.folder, accounts=accounts, kind="mosquitto", port=self._broker_port, share_group=SHARE_GROUP
        )

    def _open_workers(self) -> AbstractContextManager[Child]:
        password = self.keyring.broker_password(username=WORKER_USERNAME)
        environment = self.environment(
            MQTT_URL=f"mqtt://{WORKER_USERNAME}:{password}@{LOOPBACK}:{self.workers_proxy.port}",
            BONTRI_MQTT_CLIENT_ID=CLIENT_ID,
            BONTRI_MQTT_TOPIC_FILTER=shared_filter(SHARE_GROUP),
            BONTRI_INGEST_HTTP_PORT=str(self._health_port),
        )
        return self.running_program("workers", self.programs.worker, environment)

    def _open_api(self) -> AbstractContextManager[Child]:
        environment = self.environment(
            BONTRI_API_HOST=LOOPBACK,
            BONTRI_API_PORT=str(self.api_port),
            BONTRI_API_WORKERS="1",
            BONTRI_API_RATES="public=0",
            BONTRI_MAIL_URL=f"file://{self.folder}",
        )
        return self.running_program("api", self.programs.api, environment)

    @contextmanager
    def running_program(
        self, name: str, module: Sequence[str], environment: Mapping[str, str], *arguments: str
    ) -> Iterator[Child]:
        """Run a module of ours as a process for the time of the block."""
        child = start_child(
            [sys.executable, "-m", *module, *arguments],
            name=name,
            log_path=self.folder / f"{name}.log",
            environment=environment,
        )
        try:
            yield child
        finally:
            child.stop(patience_s=20.0)


@dataclass(frozen=True, slots=True)
class BinsOpener:
    """Starts one part of the bins; every start draws other deposits, over the same journals."""

    services: Services
    number: int
    path: Path

    def __call__(self) -> AbstractContextManager[Child]:
        """Run them for the time of the block."""
        services = self.services
        return services.running_program(
            f"bins-{self.number}",
            services.programs.bins,
            services.environment(),
            str(self.path),
            str(services.journals),
            str(services.status_path(self.number)),
            str(services.rate_per_s / BINS_PARTS),
            str(services.seed * 1000 + self.number * 100_000 + services.fleets[self.number].starts),
        )
