"""Bad input against the API as it is served: granian and PostgreSQL as processes, every operation of its own document.

``make fuzz-api EXAMPLES=200 SEED=7``. Prints counts as JSON, and every fault; exits with 1 when there is one.
"""

import argparse
import datetime
import itertools
import json
import os
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from bontri.demo.services import wait_until_serving
from bontri.embedded.folders import scratch_folder
from bontri.embedded.listeners import assert_listener_belongs_to, choose_free_port
from bontri.embedded.postgres import running_postgres
from bontri.embedded.processes import start_child
from rewards.database import migrate
from rewards.keyring import Keyring
from rewards.verify import verify
from tests.api_client import EMAIL, Api, start_api
from tests.api_fuzz import Answer, Headers, Operation, Trial
from tests.databases import Database
from tests.factories import open_session_for

KEYRING = Keyring(b"m" * 32, b"p" * 32, b"s" * 32)
LOOPBACK = "127.0.0.1"


@contextmanager
def served_town() -> Iterator[tuple[Api, int]]:
    """Serve one town's API from processes of our own; give the town and the port."""
    with scratch_folder("fuzz-api") as folder, running_postgres(folder / "postgres") as server:
        server.create_database("town")
        database = Database(server.url("town"))
        with database.engine().connect() as connection:
            migrate(connection)
        api = start_api(database, KEYRING, datetime.datetime.now(datetime.UTC))
        for _ in range(50):
            api.earn(200)
        port = choose_free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BONTRI_")},
            "DATABASE_URL": database.url,
            "BONTRI_MASTER_KEY": KEYRING.master_key.hex(),
            "BONTRI_BADGE_PEPPER": KEYRING.badge_pepper.hex(),
            "BONTRI_STORAGE_KEY": KEYRING.storage_key.hex(),
            "BONTRI_MAIL_URL": f"file://{folder}",
            "BONTRI_API_HOST": LOOPBACK,
            "BONTRI_API_PORT": str(port),
            "BONTRI_API_RATES": "public=0",
        }
        child = start_child(
            [sys.executable, "-m", "bontri", "api"], name="API", log_path=folder / "api.log", environment=environment
        )
        try:
            wait_until_serving(child, f"http://{LOOPBACK}:{port}")
            assert_listener_belongs_to(port, child.pid)
            yield api, port
            if "request_failed" in (folder / "api.log").read_text(errors="replace"):
                sys.stderr.write((folder / "api.log").read_text(errors="replace")[-20_000:])
        finally:
            child.stop(patience_s=20.0)
            database.close()


def sender(port: int):
    """Return what sends a request over a connection of its own."""

    def send(method: str, path: str, headers: Headers, body: bytes | None) -> Answer:
        connection = HTTPConnection(LOOPBACK, port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            headers_of = {name.title(): value for name, value in answer.getheaders()}
            return Answer(answer.status, headers_of, answer.read())
        finally:
            connection.close()

    return send


def try_document(api: Api, port: int, *, examples: int, first_seed: int, trial: Trial) -> None:
    """Have schemathesis try every operation with good and with bad data."""
    load_all_checks()
    schema = schemathesis.openapi.from_url(f"http://{LOOPBACK}:{port}/api/v1/openapi.json")
    for operation, mode in itertools.product(trial.operations(), GenerationMode):
        tried = schema[operation.path][operation.method].as_strategy(generation_mode=mode)
        try:
            try_operation(api, operation, tried, examples=examples, first_seed=first_seed, trial=trial)
        except Exception as fault:  # noqa: BLE001 (one operation must not hide the others)
            told = "; ".join(str(each) for each in getattr(fault, "exceptions", [fault]))
            trial.faults.append(f"schemathesis {mode} {operation.method} {operation.path}: {told[:1500]}")
    trial.counts["operations"] = len(trial.operations())


def try_operation(
    api: Api, operation: Operation, cases: SearchStrategy[Any], *, examples: int, first_seed: int, trial: Trial
) -> None:
    """Send what schemathesis makes up for one operation; raises what is not as documented."""
    cannot_be_good = "figures" in operation.path or "412" in operation.facts["responses"]
    excluded = [positive_data_acceptance] if cannot_be_good else []
    if operation.audience == "citizen":
        # Some operations end the session, as they should.
        with api.owner.begin() as connection:
            now = datetime.datetime.now(datetime.UTC)
            api.tokens["citizen"] = open_session_for(connection, api.town, EMAIL, now=now)
    headers = {"Authorization": f"Bearer {api.tokens[operation.audience]}"} if operation.audience else {}

    @seed(first_seed)
    @given(case=cases)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    def hold(case: Any) -> None:
        if case.meta.generation.mode is GenerationMode.POSITIVE and "slug" in case.path_parameters:
            case.path_parameters["slug"] = api.town.slug
        trial.counts["schemathesis"] += 1
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    hold()


def try_server(port: int, trial: Trial) -> None:
    """Send what no HTTP client would: the server must refuse it, and go on serving."""
    crowd = b"".join(b"X-%d: %s\r\n" % (no, b"y" * 200) for no in range(500))
    for name, head in (
        ("huge URL", b"GET /healthz?" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("huge header", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n"),
        ("many headers", b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + crowd + b"\r\n"),
        ("no HTTP", b"\x16\x03\x01\x02\x00" + b"z" * 500 + b"\r\n\r\n"),
        ("two lengths", b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc"),
    ):
        status = raw_status(port, head)
        trial.counts[f"{name}: {status or 'closed'}"] += 1
        if status is not None and not 400 <= status < 500:
            trial.faults.append(f"{name} was answered {status}")
    if sender(port)("GET", "/healthz", {}, None).status != 200:
        trial.faults.append("the server serves no more")


def raw_status(port: int, head: bytes) -> int | None:
    """Send bytes; return the status they are answered with, None when the server closes instead."""
    with socket.create_connection((LOOPBACK, port), timeout=10) as stream:
        try:
            stream.sendall(head)
            words = stream.recv(100).split()
        except (OSError, HTTPException):
            return None
    return int(words[1]) if len(words) > 1 else None


def main() -> int:
    """Try everything; return the exit code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--examples", type=int, default=50, help="of schemathesis, for each operation and kind of data"
    )
    options.add_argument("--seed", type=int, default=1)
    given_options = options.parse_args()
    with served_town() as (api, port):
        send = sender(port)
        document = json.loads(send("GET", "/api/v1/openapi.json", {}, None).body)
        trial = Trial(send, document, api.tokens, api.town.slug)
        trial.try_nasty_strings()
        trial.try_wrong_content()
        trial.try_huge_pages()
        raced: Counter[str] = Counter()
        for no in range(20):
            bodies = {
                "buy_voucher": {"offer_id": str(api.town.offer_id)},
                "provision_bin": {"bin_id": f"RACE-{no:04}", "site": "A"},
                "path of order_reboot": {"bin_id": api.town.bin_ids[0]},
            }
            raced.update(trial.race_one_key(ways=16, bodies=bodies))
        try_document(api, port, examples=given_options.examples, first_seed=given_options.seed, trial=trial)
        try_server(port, trial)
        if not verify(api.owner).is_sound:
            trial.faults.append("an invariant is broken: bontri verify")
        told = {"seed": given_options.seed, **trial.counts, "raced": raced, "faults": trial.faults}
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
    return 1 if trial.faults else 0


if __name__ == "__main__":
    sys.exit(main())
