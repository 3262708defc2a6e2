"""Every setting of Bontri, in one table, read once; all faults are told at once. Nothing else reads the environment."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from environs import EnvError, FileAwareEnv
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from bontri.embedded.folders import default_data_dir
from ingest.broker_address import Broker
from ingest.mqtt_client import Parser
from ingest.topics import shared_filter
from rewards.crash_points import CrashStep, parse_crash_step
from rewards.keyring import Keyring

SECRET_BYTES = 32

RATED = ("public", "citizen", "shop", "authority", "operator")
USUAL_RATES = "public=300,citizen=300,shop=1200,authority=1200,operator=1200"


class SettingsError(Exception):
    """Settings are missing or wrong; ``faults`` has a line for each, with what to do."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def database_url(value: str) -> str:
    """Accept ``postgresql://`` and ``postgres://`` as well; the driver is always psycopg."""
    try:
        url = make_url(value)
    except ArgumentError:
        raise ValueError("expected postgresql://user:password@host:port/database") from None
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError("expected postgresql://…; Bontri knows no other database")
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def mqtt_url(value: str) -> str:
    """Check an ``mqtt://`` or ``mqtts://`` address."""
    Broker.from_url(value)
    return value


def mail_url(value: str) -> str:
    """Check where e-mail goes: ``smtp://host:port``, ``smtps://…`` or ``file:///folder``."""
    if not re.match(r"(smtps?://[^/]+|file:///.+)", value):
        raise ValueError("expected smtp://user:password@host:port, smtps://… or file:///folder")
    return value


def mail_from(value: str) -> str:
    """Read the sender of e-mail: an address, with or without a name."""
    _, address = parseaddr(value)
    if not re.fullmatch(r"[!-?A-~]+@[!-?A-~]+", address) or not value.isprintable():
        raise ValueError("expected points@example.org, or Points <points@example.org>")
    return value


def public_url(value: str) -> str:
    """Read the address people reach the API at."""
    if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?", value):
        raise ValueError("expected https://host, as people reach the API")
    return value.rstrip("/")


def tile_address(value: str) -> str:
    """Read where a map's tiles are."""
    if not re.fullmatch(r"https?://[A-Za-z0-9.:-]+/[A-Za-z0-9._~/{}?=&%-]*", value) or any(
        part not in value for part in ("{z}", "{x}", "{y}")
    ):
        raise ValueError("expected https://host/{z}/{x}/{y}.png, one host that sends tiles to your users")
    return value


def secret(value: str) -> bytes:
    """Read a secret written as at least 64 hexadecimal digits."""
    if not re.fullmatch(r"([0-9a-fA-F]{2}){32,}", value):
        raise ValueError('expected at least 64 hexadecimal digits; make one with "bontri new-secret"')
    return bytes.fromhex(value)


def port(value: str) -> int:
    """Read a TCP port; 0 lets the system choose."""
    if not value.isdecimal() or int(value) > 65_535:
        raise ValueError("expected a port from 0 to 65535")
    return int(value)


def worker_count(value: str) -> int:
    """Read a number of processes."""
    if not value.isdecimal() or not 1 <= int(value) <= 64:
        raise ValueError("expected a number from 1 to 64")
    return int(value)


def key_number(value: str) -> int:
    """Read the number of a key that rotates."""
    if not value.isdecimal() or not 1 <= int(value) <= 32_767:
        raise ValueError("expected a number from 1 to 32767")
    return int(value)


def proxy_count(value: str) -> int:
    """Read how many proxies stand before the API."""
    if not value.isdecimal() or int(value) > 8:
        raise ValueError("expected a number from 0 to 8")
    return int(value)


def duration_s(value: str) -> float:
    """Read a number of seconds."""
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]+)?", value) or float(value) <= 0:
        raise ValueError("expected seconds, more than 0 and less than 100000")
    return float(value)


def rates(value: str) -> dict[str, int]:
    """Read how often callers may call, as ``audience=requests`` a minute with commas; 0 sets no limit."""
    found = dict.fromkeys(RATED, 0)
    for part in value.split(","):
        name, _, number = part.strip().partition("=")
        if name not in found or not re.fullmatch("[0-9]{1,7}", number):
            raise ValueError(f"expected NAME=REQUESTS_A_MINUTE,… of {', '.join(RATED)}")
        found[name] = int(number)
    return found


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a reader that accepts ``choices``."""

    def read(value: str) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return value

    return read


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: the environment variable, how it is read, its default, and what it is for."""

    variable: str
    read: Callable[[str], Any]
    default: str | None
    purpose: str

    @property
    def attribute(self) -> str:
        """Its name in ``Settings``."""
        return self.variable.removeprefix("BONTRI_").lower()


TABLE = (
    Setting("DATABASE_URL", database_url, None, "PostgreSQL 15 or later; the demo starts a private one when unset"),
    Setting("MQTT_URL", mqtt_url, None, "MQTT 5 broker, as the worker; the demo starts a private one when unset"),
    Setting("BONTRI_MASTER_KEY", secret, None, "derives the keys of all bins; losing it means visiting every bin"),
    Setting("BONTRI_BADGE_PEPPER", secret, None, "keys the digests badges are stored as"),
    Setting("BONTRI_STORAGE_KEY", secret, None, "encrypts addresses and quarantine, keys digests of codes and tokens"),
    Setting("BONTRI_BADGE_PEPPER_NO", key_number, "1", "number of the badge pepper, one more with each rotation"),
    Setting("BONTRI_OLD_BADGE_PEPPER", secret, None, "the pepper before it, while cards are still stored under it"),
    Setting("BONTRI_ENCRYPTION_KEY", secret, None, "encrypts in place of the storage key, once that was rotated"),
    Setting("BONTRI_ENCRYPTION_KEY_NO", key_number, "1", "number of the encryption key; 1 is the storage key's own"),
    Setting("BONTRI_OLD_ENCRYPTION_KEY", secret, None, "the encryption key before it, from number 3 on"),
    Setting("BONTRI_MQTT_CLIENT_ID", str, "bontri-ingest-1", "fixed id of this worker's session at the broker"),
    Setting("BONTRI_MQTT_TOPIC_FILTER", str, None, "what workers subscribe to; unset: shared, under a derived name"),
    Setting("BONTRI_MQTT_PARSER", one_of("fast", "stock"), "fast", "who reads PUBLISH packets: Bontri, or stock paho"),
    Setting("BONTRI_MOSQUITTO_FOLDER", Path, None, "where bins commands write Mosquitto's passwords and acl, when set"),
    Setting("BONTRI_MOSQUITTO_PID_FILE", Path, None, "names the Mosquitto that bins commands have read them, when set"),
    Setting("BONTRI_INGEST_WRITERS", worker_count, "4", "threads of a worker that commit, each with a connection"),
    Setting(
        "BONTRI_INGEST_WORKERS", worker_count, "1", "worker processes of bontri ingest, on one shared subscription"
    ),
    Setting("BONTRI_INGEST_STUCK_AFTER", duration_s, "60", "seconds a worker may be stuck before it ends itself"),
    Setting("BONTRI_INGEST_HTTP_HOST", str, "127.0.0.1", "address of the worker's metrics and health"),
    Setting("BONTRI_INGEST_HTTP_PORT", port, None, "port of the worker's metrics and health; off when unset"),
    Setting("CRASH_AT", parse_crash_step, None, "for tests: the step of the pipeline at which the worker kills itself"),
    Setting("BONTRI_API_HOST", str, "127.0.0.1", "address the API listens on; loopback unless told"),
    Setting("BONTRI_API_PORT", port, "8000", "port the API listens on"),
    Setting("BONTRI_API_WORKERS", worker_count, "2", "processes of the API"),
    Setting(
        "BONTRI_API_STOP_WITHIN", duration_s, "15", "seconds the API may take to answer what is under way at a stop"
    ),
    Setting("BONTRI_API_MONITORING_HOST", str, "127.0.0.1", "address of the API's metrics"),
    Setting("BONTRI_API_MONITORING_PORT", port, None, "port of the API's metrics; off when unset"),
    Setting("BONTRI_PROXIES", proxy_count, "0", "proxies before the API whose X-Forwarded-For and -Proto are believed"),
    Setting(
        "BONTRI_API_RATES", rates, USUAL_RATES, "requests a minute of each caller, public: of each address; 0: any"
    ),
    Setting(
        "BONTRI_API_STATEMENT_SECONDS", duration_s, "20", "after which PostgreSQL breaks a request's statement off"
    ),
    Setting("BONTRI_MAIL_URL", mail_url, None, "where e-mail goes: smtp://…, smtps://… or file:///folder"),
    Setting("BONTRI_MAIL_FROM", mail_from, "bontri@localhost", "sender of e-mail, with or without a name"),
    Setting("BONTRI_PUBLIC_URL", public_url, None, "where people reach the API; notices link to it"),
    Setting(
        "BONTRI_MAP_TILES", tile_address, None, "tiles under the map, https://host/{z}/{x}/{y}.png; none when unset"
    ),
    Setting("BONTRI_MAP_TILES_CREDIT", str, "© OpenStreetMap", "whom the map credits for its tiles"),
    Setting("BONTRI_ERASURE_REGISTER", Path, None, "file that tells who was erased, outside the database's backups"),
    Setting("BONTRI_DATA_DIR", Path, str(default_data_dir()), "where the demo keeps its database, broker and bins"),
    Setting("BONTRI_LOG_FORMAT", one_of("auto", "json", "text"), "auto", "auto: text on a terminal, else JSON"),
    Setting("BONTRI_LOG_LEVEL", one_of("debug", "info", "warning", "error"), "info", "least severe log lines shown"),
)

SECRETS = ("BONTRI_MASTER_KEY", "BONTRI_BADGE_PEPPER", "BONTRI_STORAGE_KEY")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of this process; None where one is unset and has no default. Secrets are never printed."""

    database_url: str | None = field(repr=False)
    mqtt_url: str | None = field(repr=False)
    master_key: bytes | None = field(repr=False)
    badge_pepper: bytes | None = field(repr=False)
    storage_key: bytes | None = field(repr=False)
    badge_pepper_no: int
    old_badge_pepper: bytes | None = field(repr=False)
    encryption_key: bytes | None = field(repr=False)
    encryption_key_no: int
    old_encryption_key: bytes | None = field(repr=False)
    mqtt_client_id: str
    mqtt_topic_filter: str | None = field(repr=False)
    mqtt_parser: Parser
    mosquitto_folder: Path | None
    mosquitto_pid_file: Path | None
    ingest_writers: int
    ingest_workers: int
    ingest_stuck_after: float
    ingest_http_host: str
    ingest_http_port: int | None
    crash_at: CrashStep | None
    api_host: str
    api_port: int
    api_workers: int
    api_stop_within: float
    api_monitoring_host: str
    api_monitoring_port: int | None
    proxies: int
    api_rates: dict[str, int]
    api_statement_seconds: float
    mail_url: str | None = field(repr=False)
    mail_from: str
    public_url: str | None
    map_tiles: str | None
    map_tiles_credit: str
    erasure_register: Path | None
    data_dir: Path
    log_format: str
    log_level: str

    def keyring(self) -> Keyring:
        """Return the secrets as a keyring; only after they were required."""
        if self.master_key is None or self.badge_pepper is None or self.storage_key is None:
            raise SettingsError([f"{name} is not set" for name in SECRETS])
        return self.rotated(Keyring(self.master_key, self.badge_pepper, self.storage_key))

    def rotated(self, keyring: Keyring) -> Keyring:
        """Return a keyring with what is in force of peppers and encryption keys, and what was before.

        Raises:
            SettingsError: keys and their numbers do not fit.
        """
        faults = []
        if (self.encryption_key is None) != (self.encryption_key_no == 1):
            faults.append("BONTRI_ENCRYPTION_KEY has number 2 or more in BONTRI_ENCRYPTION_KEY_NO; 1 is none at all")
        if self.old_badge_pepper is not None and self.badge_pepper_no == 1:
            faults.append("BONTRI_OLD_BADGE_PEPPER stands beside a pepper of BONTRI_BADGE_PEPPER_NO 2 or more")
        if self.old_encryption_key is not None and self.encryption_key_no in (1, 2):
            faults.append("BONTRI_OLD_ENCRYPTION_KEY stands beside a key of BONTRI_ENCRYPTION_KEY_NO 3 or more")
        if faults:
            raise SettingsError(faults)
        return replace(
            keyring,
            badge_pepper_no=self.badge_pepper_no,
            old_badge_pepper=self.old_badge_pepper,
            encryption_key=self.encryption_key,
            encryption_key_no=self.encryption_key_no,
            old_encryption_key=self.old_encryption_key,
        )

    def worker_filter(self, keyring: Keyring) -> str:
        """Return what workers subscribe to: the filter given, else a shared one whose group nobody can guess."""
        return self.mqtt_topic_filter or shared_filter(keyring.share_group())


def read_settings(*required: str) -> Settings:
    """Read all settings from the environment; ``NAME_FILE`` may name a file that holds the value of ``NAME``.

    Raises:
        SettingsError: with every fault, of values and of ``required`` variables that are missing.
    """
    env = FileAwareEnv()
    values: dict[str, Any] = {}
    faults: list[str] = []
    for setting in TABLE:
        try:
            raw = env.str(setting.variable, setting.default)
            values[setting.attribute] = None if raw is None else setting.read(raw.strip())
        except (ValueError, EnvError) as error:
            faults.append(f"{setting.variable}: {error}")
            continue
        if raw is None and setting.variable in required:
            faults.append(f"{setting.variable} is not set: {setting.purpose}")
    if faults:
        raise SettingsError(faults)
    return Settings(**values)
