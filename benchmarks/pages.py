"""The pages of ``bontri bench stats``: a dashboard over five years as Flask answers it, without a server between.

Pictures are asked for apart, by the browser, and are not in it. One line of ``PAGES`` for each: add yours there.
"""

import datetime
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from benchmarks.dashboards import Asked
from benchmarks.errors import BenchError
from benchmarks.town import AUTHORITY_ID
from bontri.documents.annual_reports import annual_report_as_pdf
from bontri.documents.public_reports import public_report_as_pdf
from bontri.documents.statements import statement_as_pdf
from partners_api.app import ApiConfig, create_app
from rewards.api_keys import create_api_key
from rewards.database import open_engine
from rewards.keyring import Keyring

PAGES: Mapping[str, str] = {"page_overview": "/dashboard", "page_map": "/dashboard/map"}
Ask = Callable[[str, Asked], None]


@contextmanager
def opened_pages(url: str, keyring: Keyring, *, now: datetime.datetime) -> Iterator[Ask]:
    """Give what asks for a page of a database as an agent's program does.

    Asking raises BenchError when it is not shown.
    """
    engine, agents_engine = open_engine(url, role="bontri_api"), open_engine(url, role="bontri_agent")
    owner = open_engine(url, role="owner")
    with owner.begin() as connection:
        key = create_api_key(
            connection, keyring, authority_id=AUTHORITY_ID, audience="authority", label="bench", now=now
        )
    owner.dispose()
    app = create_app(
        ApiConfig(),
        engine=engine,
        agents_engine=agents_engine,
        keyring=keyring,
        send_codes=lambda _: None,
        render_statement=statement_as_pdf,
        render_annual_report=annual_report_as_pdf,
        render_public_report=public_report_as_pdf,
        clock=lambda: now,
    )
    client = app.test_client()
    headers = {"Authorization": f"Bearer {key.secret}", "Accept": "text/html"}

    def ask(path: str, asked: Asked) -> None:
        query = {"from": f"{asked.period.first_day}", "to": f"{asked.period.last_day}"}
        answer = client.get(path, query_string=query, headers=headers)
        if answer.status_code != 200:
            raise BenchError(f"{path} answered {answer.status}")

    try:
        yield ask
    finally:
        engine.dispose()
        agents_engine.dispose()
