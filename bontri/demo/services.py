"""Everything the demo runs on: a database and a broker, private or given, then the worker and the API as processes."""

import datetime
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, text

from bontri.demo.folder import DemoFolder
from bontri.demo.history.calibrating import calibrate_bins
from bontri.demo.history.loading import LoadedHistory, has_history, load_history
from bontri.demo.history.publishing import publish_closed_spans
from bontri.demo.history.rollout import Span, plan_rollout
from bontri.demo.seed import AUTHORITY_ID, TIMEZONE, DemoKeys, seed
from bontri.embedded.broker import running_broker
from bontri.embedded.errors import EmbeddedServiceError
from bontri.embedded.listeners import LOOPBACK, assert_listener_belongs_to, choose_free_port
from bontri.embedded.postgres import running_postgres
from bontri.embedded.processes import Child, start_child
from bontri.jobs.counting import count_holders_of
from bontri.jobs.folding import fold_days_of
from bontri.jobs.measuring import measure_effects_of
from bontri.jobs.weighing import weigh_rounds_of
from bontri.progress import Advance
from bontri.provisioning import WORKER_USERNAME, list_bin_ids, list_broker_accounts
from bontri.readiness import ReadySocket
from bontri.settings import SECRETS, Settings, secret
from ingest.worker import utc_now
from rewards.database import migrate, open_engine
from rewards.keyring import Keyring

DATABASE = "bontri"
READY_WITHIN_S = 30.0
DEMO_WORKERS = 2

ANALYZE = text("ANALYZE")
"""Figures are asked for at once, long before the server looks at new tables by itself."""

COUNTED_AT_START = (fold_days_of, count_holders_of, weigh_rounds_of, measure_effects_of)
"""Jobs whose figures are to be there at first sight; no process runs the jobs of a demo."""

OVERRIDDEN = {*SECRETS, "DATABASE_URL", "MQTT_URL", "BONTRI_MAIL_URL"}
"""Settings that the demo's worker and API get from the demo, whatever its own environment says."""


@dataclass(frozen=True)
class HistoryWish:
    """What a new demo is to have behind it; told of with ``advance`` as it is loaded, by days."""

    days: int
    seed: int
    advance: Advance


@dataclass(frozen=True)
class Town:
    """The demo's authority in a migrated database. ``loaded``: the history that was loaded at this start."""

    owner: Engine
    keyring: Keyring
    keys: DemoKeys
    bin_ids: list[str]
    has_history: bool
    loaded: LoadedHistory | None


@dataclass(frozen=True)
class Services:
    """What runs, and where."""

    town: Town
    database_url: str = field(repr=False)
    mqtt_url: str = field(repr=False)
    database: str
    broker: str
    api_url: str
    worker: Child
    workers: int
    api: Child


@contextmanager
def running_services(settings: Settings, folder: DemoFolder, history: HistoryWish | None) -> Iterator[Services]:
    """Run database, broker, worker and API for the time of the block; nothing is left running after it.

    A demo that is new gets the ``history`` first.

    Raises:
        EmbeddedServiceError: one of them does not start.
        DemoFolderError: the folder does not fit the database.
    """
    keyring = find_keyring(settings, folder)
    secrets = dict(zip(SECRETS, (keyring.master_key, keyring.badge_pepper, keyring.storage_key), strict=True))
    with ExitStack() as stack:
        database_url, database = open_database(stack, settings, folder.path)
        town = prepare_town(stack, database_url, keyring, folder, history)
        mqtt_url, topic_filter, broker = open_broker(stack, settings, folder.path, town)
        environment = {
            # Ours are given by value; a file named for one of them would be a second source.
            **{name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in OVERRIDDEN},
            **{name: value.hex() for name, value in secrets.items()},
            "DATABASE_URL": database_url,
            "MQTT_URL": mqtt_url,
            "BONTRI_MQTT_TOPIC_FILTER": topic_filter,
            "BONTRI_MAIL_URL": f"file://{folder.mail}",
            "BONTRI_API_HOST": LOOPBACK,
            "BONTRI_API_PORT": str(choose_free_port()),
            "BONTRI_API_WORKERS": "1",
            "BONTRI_LOG_FORMAT": "json",
        }
        # On a plain filter each of several would be handed every message.
        workers = max(DEMO_WORKERS, settings.ingest_workers) if topic_filter.startswith("$share/") else 1
        stack.enter_context(folder.announced(database_url, mqtt_url))
        for private in (folder.mail, folder.bins):
            private.mkdir(mode=0o700, exist_ok=True)
        ready = ReadySocket(folder.path / "ingest.ready")
        stack.callback(ready.close)
        worker = start_bontri(
            stack, "ingest", {**environment, **ready.environment}, folder.path, "--workers", str(workers)
        )
        api = start_bontri(stack, "api", environment, folder.path)
        api_url = f"http://{LOOPBACK}:{environment['BONTRI_API_PORT']}"
        wait_until_serving(api, api_url)
        if not ready.wait(timeout_s=READY_WITHIN_S, is_running=lambda: worker.is_running):
            raise EmbeddedServiceError(f"the worker is not ready (log {worker.log_path}): {worker.read_last_lines()}")
        yield Services(town, database_url, mqtt_url, database, broker, api_url, worker, workers, api)


def find_keyring(settings: Settings, folder: DemoFolder) -> Keyring:
    """Return the secrets of the settings; those that are unset come from the folder, where they are drawn once."""
    drawn = {name: secret(value) for name, value in folder.secrets().items()}
    given = (settings.master_key, settings.badge_pepper, settings.storage_key)
    master_key, badge_pepper, storage_key = (value or drawn[name] for name, value in zip(SECRETS, given, strict=True))
    return settings.rotated(Keyring(master_key, badge_pepper, storage_key))


def open_database(stack: ExitStack, settings: Settings, data_dir: Path) -> tuple[str, str]:
    """Return the address of the given database, or of a private one, and what it is in words."""
    if settings.database_url is not None:
        return settings.database_url, "PostgreSQL of DATABASE_URL"
    server = stack.enter_context(running_postgres(data_dir))
    if not server.has_database(DATABASE):
        server.create_database(DATABASE)
    return server.url(DATABASE), f"PostgreSQL {server.version}, private, port {server.port}"


def prepare_town(
    stack: ExitStack, database_url: str, keyring: Keyring, folder: DemoFolder, history: HistoryWish | None = None
) -> Town:
    """Migrate the database and seed it at the first start, with its ``history`` or not at all."""
    owner = open_engine(database_url, role="owner")
    stack.callback(owner.dispose)
    with owner.connect() as connection:
        migrate(connection)
    loaded = None
    with owner.begin() as connection:
        now = utc_now()
        rollout = None
        if history is not None:
            yesterday = now.astimezone(ZoneInfo(TIMEZONE)).date() - datetime.timedelta(days=1)
            rollout = plan_rollout(days=history.days, last_day=yesterday, seed=history.seed)
        keys = seed(connection, keyring, now=now, rollout=rollout)
        if keys is not None:
            if rollout is not None and history is not None:
                loaded = load_history(connection, keyring, rollout, advance=history.advance)
            # Inside the transaction: an authority without its keys would be of no use to anybody.
            folder.keep_keys(keys)
        bin_ids = list_bin_ids(connection, authority_id=AUTHORITY_ID)
        is_there = has_history(connection)
    if loaded is not None:
        with owner.begin() as connection:
            connection.execute(ANALYZE)
    if is_there:
        for count in COUNTED_AT_START:
            count(owner, AUTHORITY_ID)
    if loaded is not None:
        calibrate_bins(owner, Span(loaded.first_day, loaded.last_day), now=now)
        publish_closed_spans(owner, loaded, now=now)
    return Town(owner, keyring, keys or folder.keys(), bin_ids, is_there, loaded)


def open_broker(stack: ExitStack, settings: Settings, data_dir: Path, town: Town) -> tuple[str, str, str]:
    """Return the worker's address at the given broker or at a private one, its filter, and what it is in words."""
    if settings.mqtt_url is not None:
        return settings.mqtt_url, settings.worker_filter(town.keyring), "broker of MQTT_URL"
    accounts = list_broker_accounts(town.bin_ids, keyring=town.keyring)
    broker = stack.enter_context(running_broker(data_dir, accounts=accounts, share_group=town.keyring.share_group()))
    url = broker.url(WORKER_USERNAME, town.keyring.broker_password(username=WORKER_USERNAME))
    return url, broker.worker_filter, f"{broker.kind}, private, port {broker.port}"


def start_bontri(
    stack: ExitStack, command: str, environment: Mapping[str, str], data_dir: Path, *options: str
) -> Child:
    """Start ``bontri command`` as a process that ends with us, however we end; its log is in the data folder."""
    child = start_child(
        [sys.executable, "-m", "bontri", command, *options],
        name=f"bontri {command}",
        log_path=data_dir / f"{command}.log",
        environment=environment,
    )
    # Longer than a group of workers gives its own.
    stack.callback(child.stop, patience_s=20.0)
    return child


def wait_until_serving(api: Child, api_url: str) -> None:
    """Return when our own child answers that it is ready.

    Raises:
        EmbeddedServiceError: it ended, or is not ready in time.
    """
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if not api.is_running:
            raise EmbeddedServiceError(f"the API ended at the start (log {api.log_path}): {api.read_last_lines()}")
        try:
            with urllib.request.urlopen(f"{api_url}/readyz", timeout=2) as answer:  # noqa: S310 (our own address)
                json.load(answer)
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
            continue
        assert_listener_belongs_to(int(api_url.rpartition(":")[2]), api.pid)
        return
    raise EmbeddedServiceError(f"the API is not ready after {READY_WITHIN_S:.0f} s (log {api.log_path})")
