"""A town whose pages are looked at: two bins, deposits over some months, agents of each role."""

import datetime
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from werkzeug.test import TestResponse

from bontri.documents.annual_reports import annual_report_as_pdf
from bontri.documents.public_reports import public_report_as_pdf
from bontri.documents.statements import statement_as_pdf
from partners_api.app import ApiConfig, create_app
from partners_api.cookies import COOKIE
from rewards.agents import invite_agent
from rewards.schema.access import ROLES
from rewards.sign_ins import begin_sign_in, open_session
from tests.api_client import Api, start_api
from tests.databases import Database
from tests.factories import deposit
from tests.ingest_scene import KEYRING

PAGES = [
    "/dashboard",
    "/dashboard?from=2010-01-01&to=2010-12-31",
    "/dashboard/map",
    "/dashboard/map?show=silence&insee_code=93001",
    "/dashboard/participation",
    "/dashboard/participation?insee_code=93001&from=2026-08-01&to=2026-10-31",
    "/dashboard/effect",
    "/dashboard/effect?equipped=A&control=B&equipped_from=2026-10-01&kilograms_from=counted",
    "/dashboard/ranking",
    "/dashboard/ranking?level=commune",
    "/dashboard/report",
    "/dashboard/mass-balance",
    "/dashboard/bins",
    "/dashboard/liability",
    "/account",
]
"""Every page an agent can open: a line here has it looked at by tests/functional/test_pages.py and tests/browser."""

MONTHS = 4
SIMULATED = text("UPDATE authorities SET is_simulated = true WHERE authority_id = :authority_id")
HEAR = text("""
    INSERT INTO bin_days (authority_id, day, bin_id, heard_hours, told_hours, full_hours)
    SELECT authority_id, CAST(days.day AS date), bin_id, 1, 0, 0
      FROM bins, generate_series(CAST(:first AS timestamp), CAST(:last AS timestamp), interval '1 day') AS days (day)
     WHERE authority_id = :authority_id AND bin_id = :bin_id
""")
KILOGRAMS = text("""
    SELECT sum(d.items * 0.3) FROM daily_deposits d
     WHERE d.authority_id = :authority_id AND d.material = 'glass' AND d.day BETWEEN :first AND :last
""")


@dataclass
class Pages:
    """Pages of a town, looked at with Flask's client."""

    api: Api

    def look(self, who: str | None, path: str, **options: Any) -> TestResponse:
        """Open a page as an agent of a role (None: nobody signed in)."""
        return self.client(who).get(path, **{"headers": {"Accept": "text/html", "Accept-Language": "en"}, **options})

    def send(self, who: str | None, path: str, *, origin: str | None = "http://localhost", **form: str) -> TestResponse:
        """Send a form."""
        headers = {"Accept-Language": "en", **({"Origin": origin} if origin else {})}
        return self.client(who).post(path, data=form, headers=headers, buffered=True)

    def client(self, who: str | None) -> FlaskClient:
        """Return a browser, in which an agent is signed in."""
        client = self.api.app.test_client()
        if who is not None:
            client.set_cookie(COOKIE, self.api.tokens[who], secure=True, path="/")
        return client


def build_pages(database: Database, now: datetime.datetime) -> Pages:
    """Build the town, deposits of the last months in it, and a session for an agent of each role."""
    api = start_api(database, KEYRING, now)
    of_town = {"authority_id": api.town.authority_id}
    with api.owner.begin() as connection:
        connection.execute(SIMULATED, of_town)
        for month in range(MONTHS):
            then = now - datetime.timedelta(days=30 * month + 2)
            for bin_no, items in ((0, 40 + 10 * month), (1, 25)):
                deposit(connection, api.town, badge="ADA-CARD", items=items, now=then, bin_no=bin_no)
        heard = {"first": now - datetime.timedelta(days=30 * MONTHS), "last": now}
        connection.execute(HEAR, {**of_town, **heard, "bin_id": api.town.bin_ids[0]})
        for role in ROLES:
            who: dict[str, Any] = {**of_town, "now": now}
            invite_agent(connection, KEYRING, **who, name=role.title(), email=email_of(role), role=role)
            begun = begin_sign_in(connection, KEYRING, **who, email=email_of(role), holder="agent")
            code = {"sign_in_id": begun.sign_in_id, "code": begun.code}
            session = open_session(connection, KEYRING, **who, **code, holder="agent")
            assert session is not None
            api.tokens[role] = session.token
    return Pages(api)


def open_application() -> Flask:
    """Return the application without a database: whoever asks for one finds it away."""
    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    return create_app(
        ApiConfig(),
        engine=away,
        agents_engine=away,
        keyring=KEYRING,
        send_codes=lambda _: None,
        render_statement=statement_as_pdf,
        render_annual_report=annual_report_as_pdf,
        render_public_report=public_report_as_pdf,
    )


def email_of(role: str) -> str:
    """Return the address of the agent of a role."""
    return f"{role}@town.example"
