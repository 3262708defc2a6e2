"""The API as it is deployed: processes, their metrics and health, and what a stop does to a redemption under way."""

import datetime
import http.client
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from flask import request
from sqlalchemy import text

from bontri.api import THREADS
from bontri.documents.annual_reports import annual_report_as_pdf
from bontri.documents.public_reports import public_report_as_pdf
from bontri.documents.statements import statement_as_pdf
from bontri.embedded.listeners import LOOPBACK
from partners_api.app import ApiConfig, create_app
from rewards.keyring import Keyring
from tests.api_client import Api, start_api
from tests.api_process import Server, running_server
from tests.databases import Database, DatabasePool, execute

IS_WAITING = text("""
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'bontri/bontri_api' AND wait_event_type = 'Lock'
""")
LOCK_SHOP = text("SELECT 1 FROM accounts WHERE authority_id = :authority_id AND kind = 'shop' FOR UPDATE")
STATUS = text("SELECT status FROM vouchers WHERE authority_id = :authority_id AND voucher_id = :voucher_id")


@pytest.fixture(scope="module")
def database(databases: DatabasePool) -> Iterator[Database]:
    with databases.lend() as database:
        yield database


@pytest.fixture(scope="module")
def keys() -> Keyring:
    return Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)


@pytest.fixture(scope="module")
def api(database: Database, keys: Keyring) -> Api:
    """The town the server serves; its own clock is now, since the server's is."""
    api = start_api(database, keys, datetime.datetime.now(datetime.UTC))
    api.earn(100)
    return api


@dataclass
class Till:
    """A redemption sent by a thread of its own; ``status`` is the answer's, None while or when there is none."""

    server: Server
    api: Api
    code: str
    status: int | None = None
    fault: Exception | None = None
    _thread: threading.Thread | None = field(default=None, repr=False)

    def begin(self) -> None:
        self._thread = threading.Thread(target=self._redeem, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        assert self._thread is not None
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _redeem(self) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, self.server.port, timeout=30)
        headers = {
            "Authorization": f"Bearer {self.api.tokens['shop']}",
            "Idempotency-Key": self.code[-20:],
            "Content-Type": "application/json",
        }
        try:
            connection.request("POST", "/api/v1/shop/redemptions", json.dumps({"code": self.code}), headers)
            self.status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as fault:
            self.fault = fault
        finally:
            connection.close()


def wait_for(is_so, *, within_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


@contextmanager
def redemption_held_up(server: Server, api: Api, key: str) -> Iterator[tuple[Till, str]]:
    """A redemption that waits inside PostgreSQL for the shop's account, until the block ends."""
    voucher = api.buy(key)
    till = Till(server, api, voucher["code"])
    with api.owner.connect() as holder, api.owner.connect() as watcher:
        holder.execute(LOCK_SHOP, {"authority_id": api.town.authority_id})
        till.begin()

        def is_waiting() -> bool:
            with watcher.begin():
                return bool(watcher.scalar(IS_WAITING))

        wait_for(is_waiting)
        yield till, voucher["voucher_id"]
        holder.rollback()


def status_of(api: Api, voucher_id: str) -> str:
    with api.owner.connect() as connection:
        values = {"authority_id": api.town.authority_id, "voucher_id": voucher_id}
        return str(connection.scalar(STATUS, values))


def test_several_processes_are_counted_together_and_a_stop_answers_what_is_under_way(tmp_path, api, database, keys):
    with running_server(tmp_path, database, keys, BONTRI_API_WORKERS="2") as server:
        # Each over a connection of its own, so that both processes get some.
        for _ in range(12):
            assert server.get("/api/v1/citizen/wallet")[0] == 401
        route = {"method": "GET", "route": "/api/v1/citizen/wallet", "status": "401"}
        wait_for(lambda: server.count("bontri_api_requests_total", **route) == 12)
        assert server.count("bontri_api_refusals_total", code="credentials_missing") == 12
        assert server.count("bontri_api_request_seconds_count", part="citizen") == 12
        assert server.count("bontri_api_processes") == 2
        assert server.count("bontri_api_connections_most", role="bontri_api") == 2 * (THREADS + 1)
        assert server.count("bontri_api_connections_most", role="bontri_agent") == 2 * THREADS
        wait_for(lambda: server.get("/readyz", port=server.monitoring_port)[0] == 200)
        assert server.get("/metrics")[0] == 404

        with redemption_held_up(server, api, "stopped-1") as (till, voucher_id):
            server.child.process.send_signal(signal.SIGTERM)
            wait_for(server.refuses_connections)
            assert server.child.is_running
            assert till.status is None
        till.wait()
        assert (till.status, till.fault) == (201, None)
        assert server.child.process.wait(10) == 0
    assert status_of(api, voucher_id) == "redeemed"


def test_health_follows_the_database_and_a_stop_waits_no_longer_than_told(tmp_path, api, database, keys):
    """The control of the stop: what is not answered in time is rolled back, and the till is told nothing."""
    with running_server(tmp_path, database, keys, BONTRI_API_WORKERS="1", BONTRI_API_STOP_WITHIN="1") as server:
        name = database.url.rpartition("/")[2]
        server_url = database.url.rpartition("/")[0] + "/postgres"
        execute(server_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            execute(server_url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            wait_for(lambda: server.get("/readyz")[0] == 503)
            assert server.get("/healthz")[0] == 200
            status, problem = server.get("/readyz")
            assert (status, json.loads(problem)["code"]) == (503, "service_unavailable")
        finally:
            execute(server_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        api.owner.dispose()
        api.app.extensions["bontri"].engine.dispose()
        wait_for(lambda: server.get("/readyz")[0] == 200)

        with redemption_held_up(server, api, "stopped-2") as (till, voucher_id):
            server.child.process.send_signal(signal.SIGTERM)
            server.child.process.wait(8)
            till.wait()
            assert till.status is None
            assert till.fault is not None
        assert status_of(api, voucher_id) == "issued"


@pytest.mark.parametrize(
    ("proxies", "address", "scheme"),
    [(0, "127.0.0.1", "http"), (1, "203.0.113.9", "https"), (2, "198.51.100.7", "http")],
)
def test_only_as_many_entries_are_believed_as_there_are_proxies(api, keys, proxies, address, scheme):
    app = create_app(
        ApiConfig(proxies=proxies),
        engine=api.owner,
        agents_engine=api.owner,
        keyring=keys,
        send_codes=lambda _: None,
        render_statement=statement_as_pdf,
        render_annual_report=annual_report_as_pdf,
        render_public_report=public_report_as_pdf,
    )
    app.add_url_rule("/seen", view_func=lambda: {"address": request.remote_addr, "scheme": request.scheme})
    sent = {"X-Forwarded-For": "192.0.2.1, 198.51.100.7, 203.0.113.9", "X-Forwarded-Proto": "https, http, https"}
    assert app.test_client().get("/seen", headers=sent).json == {"address": address, "scheme": scheme}
