"""A client of the API under test: the real application on a real database, with tokens that were really given."""

import datetime
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Engine, text
from werkzeug.test import TestResponse

from bontri.documents.annual_reports import annual_report_as_pdf
from bontri.documents.public_reports import public_report_as_pdf
from bontri.documents.statements import statement_as_pdf
from partners_api.app import ApiConfig, create_app
from rewards.agents import invite_agent
from rewards.api_keys import create_operator_key
from rewards.citizens import Citizen
from rewards.keyring import Keyring
from rewards.outbox import note_sent, take_letter
from rewards.sign_ins import begin_sign_in, open_session
from rewards.tenancy import enter_tenant
from tests.databases import Database
from tests.factories import Town, build_citizen, build_key, build_town, deposit, open_session_for
from tests.races import race

EMAIL = "ada@example.org"


@dataclass
class Api:
    """One town with a citizen, a shop and an agent; ``call`` speaks as one of them."""

    app: Flask
    owner: Engine
    town: Town
    citizen: Citizen
    tokens: dict[str, str]
    sent: list[tuple[str, str, str]]
    now: datetime.datetime

    def call(
        self,
        who: str | None,
        method: str,
        path: str,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> TestResponse:
        """Send a request as ``who`` (None: nobody); effects that follow the answer have happened on return."""
        sent = dict(headers or {})
        if who is not None:
            sent["Authorization"] = f"Bearer {self.tokens.get(who, who)}"
        if key is not None:
            sent["Idempotency-Key"] = key
        answer = self.app.test_client().open(f"/api/v1{path}", method=method, headers=sent, buffered=True, **options)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return answer

    def buy(self, key: str = "buy-1") -> dict[str, Any]:
        """Buy the town's offer as the citizen; return the voucher."""
        order = {"offer_id": str(self.town.offer_id)}
        answer = self.call("citizen", "POST", "/citizen/vouchers", key=key, json=order)
        assert answer.status_code == 201, answer.text
        voucher: dict[str, Any] = answer.json
        return voucher

    def earn(self, points: int) -> None:
        """Let the citizen drop glass worth ``points``."""
        with self.owner.begin() as connection:
            deposit(connection, self.town, badge="ADA-CARD", items=points, now=self.now)

    def race(self, work: Callable[[Connection, int], object], *, threads: int, as_agents: bool = False) -> Counter[str]:
        """Race ``work`` on connections of the API's, which work for the town."""

        def work_for_town(connection: Connection, number: int) -> None:
            enter_tenant(connection, authority_id=self.town.authority_id)
            work(connection, number)

        services = self.app.extensions["bontri"]
        engine = services.agents_engine if as_agents else services.engine
        return race(engine, work_for_town, threads=threads)

    def ledger(self) -> list[Any]:
        """Everything that a refusal must leave as it was."""
        tables = ("transfers", "accounts", "vouchers", "sessions", "idempotent_requests")
        with self.owner.connect() as connection:
            return [connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).all() for table in tables]


def start_api(database: Database, keyring: Keyring, now: datetime.datetime, *, town_no: int = 1) -> Api:
    """Build a town in ``database`` and the API over it, as the role the API has in production."""
    owner, sent = database.engine(), []
    with owner.begin() as connection:
        town = build_town(connection, keyring, authority_id=town_no, slug=f"town-{town_no}")
        citizen = build_citizen(connection, town, badge="ADA-CARD", email=EMAIL)
        tokens = {
            "citizen": open_session_for(connection, town, EMAIL, now=now),
            "shop": build_key(connection, town),
            "authority": build_key(connection, town, "authority"),
            "operator": create_operator_key(connection, keyring, label="test", now=now).secret,
        }
    app = create_app(
        ApiConfig(),
        engine=database.engine("bontri_api", of=None),
        agents_engine=database.engine("bontri_agent", of=None),
        keyring=keyring,
        send_codes=lambda authority_id: sent.extend(
            take_codes(database.engine("bontri_api", of=authority_id), keyring, authority_id=authority_id, now=api.now)
        ),
        render_statement=statement_as_pdf,
        render_annual_report=annual_report_as_pdf,
        render_public_report=public_report_as_pdf,
        clock=lambda: api.now,
    )
    api = Api(app, owner, town, citizen, tokens, sent, now)
    return api


def take_codes(
    engine: Engine, keyring: Keyring, *, authority_id: int, now: datetime.datetime
) -> Iterator[tuple[str, str, str]]:
    """Take the codes that wait in the outbox: (address, code, language), as the sender of the API would."""
    while True:
        with engine.begin() as connection:
            letter = take_letter(connection, keyring, authority_id=authority_id, now=now, only_urgent=True)
            if letter is None:
                return
            note_sent(connection, letter, now=now)
        if letter.address and "code" in letter.facts:
            yield letter.address, letter.facts["code"], letter.language


def sign_agent_in(connection: Connection, api: Api, name: str) -> str:
    """Invite an agent and open a session for them."""
    who = {"authority_id": api.town.authority_id, "now": api.now}
    keyring, email = api.town.keyring, f"{name}@town.example"
    invite_agent(connection, keyring, **who, name=name.title(), email=email, role="admin")
    begun = begin_sign_in(connection, keyring, **who, email=email, holder="agent")
    code = {"sign_in_id": begun.sign_in_id, "code": begun.code}
    session = open_session(connection, keyring, **who, **code, holder="agent")
    assert session is not None
    return session.token


def assert_problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Assert that ``answer`` is a problem+json with this status and code; return it."""
    assert answer.content_type == "application/problem+json", answer.text
    problem: dict[str, Any] = answer.json
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert problem["status"] == status
    assert problem["type"].endswith(code)
    assert problem["title"]
    return problem
