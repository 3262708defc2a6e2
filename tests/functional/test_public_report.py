"""Everybody reads of a year what was published of it, as a page and as PDF; of other years that they were not."""

import datetime
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, text
from werkzeug.test import TestResponse

from bontri.documents.public_reports import facts_of, public_report_as_pdf
from partners_api.app import ApiConfig
from partners_api.cookies import COOKIE
from partners_api.pages.public.documents import KeptDocuments
from partners_api.refusals import RequestTooSlowError
from rewards.languages import LANGUAGES
from rewards.statistics.annual_report import read_annual_report
from rewards.statistics.annual_report.public import PublicReport, find_public_report
from tests.api_client import Api, start_api
from tests.databases import Database, DatabasePool
from tests.factories import build_citizen, build_town, deposit
from tests.functional.test_api_rates import served
from tests.ingest_scene import KEYRING
from tests.published_scene import publish_year

NOW = datetime.datetime(2027, 3, 1, 9, tzinfo=datetime.UTC)
MAY = datetime.datetime(2026, 5, 10, 9, tzinfo=datetime.UTC)
HEADERS = {"Accept": "text/html", "Accept-Language": "en"}
REPORT = "/open-data/town-1/report/2026"
PUBLISHED = text("""
    SELECT coalesce(c.name, p.material) AS name, p.mass_g, p.deposits, p.holders FROM published_cells p
      LEFT JOIN communes c ON c.authority_id = p.authority_id AND p.level = 'commune' AND c.insee_code = p.code
     WHERE p.authority_id = 1 AND p.granularity = 'year' AND p.first_day = '2026-01-01'
       AND ((p.level = 'commune' AND p.material = '') OR (p.level = 'authority' AND p.material <> ''))
""")
NOT_PUBLISHED = {
    *("daily_deposits", "monthly_deposits", "events", "holder_counts", "settlements", "transfers", "accounts"),
    *("tonnages", "collection_rounds", "bin_days", "wallets", "withheld_cells"),
}


@pytest.fixture(scope="module")
def borrowed(databases: DatabasePool) -> Iterator[tuple[Database, Api]]:
    """Two towns: the first published 2026, the second January to March of it; of both there are deposits in May."""
    with databases.lend() as database:
        api = start_api(database, KEYRING, NOW)
        with api.owner.begin() as connection:
            build_citizen(connection, api.town, badge="B")
            deposit(connection, api.town, badge="B", items=7, now=MAY)
            publish_year(connection, 2026, authority_id=1)
            other = build_town(connection, KEYRING, authority_id=2, slug="town-2")
            build_citizen(connection, other, badge="C")
            deposit(connection, other, badge="C", items=7, now=MAY)
            publish_year(connection, 2026, authority_id=2, months=3)
        yield database, api


@pytest.fixture
def api(borrowed: tuple[Database, Api]) -> Api:
    return borrowed[1]


@pytest.fixture
def anybody(api: Api) -> FlaskClient:
    return api.app.test_client()


def look(client: FlaskClient, path: str) -> TestResponse:
    return client.get(path, headers=HEADERS)


def find_report(api: Api, year: int = 2026, authority_id: int = 1) -> PublicReport | None:
    with api.owner.connect() as connection:
        return find_public_report(connection, year, authority_id=authority_id, now=NOW)


def get_report(api: Api) -> PublicReport:
    report = find_report(api)
    assert report is not None
    return report


def agent_of(api: Api) -> FlaskClient:
    client = api.app.test_client()
    client.set_cookie(COOKIE, api.tokens["authority"], secure=True, path="/")
    return client


@pytest.mark.parametrize("language", LANGUAGES)
def test_figures_of_the_page_are_those_that_were_published(api: Api, anybody: FlaskClient, language: str) -> None:
    shown = anybody.get(f"{REPORT}?lang={language}", headers=HEADERS)
    assert (shown.status_code, f'<html lang="{language}"' in shown.text) == (200, True)
    rows = [re.findall(r'data-sort="([^"]*)"', row) for row in re.findall(r"<tr>.*?</tr>", shown.text, re.DOTALL)]
    told = {(row[-4], row[-2], row[-1]) for row in rows if len(row) >= 4}
    with api.owner.connect() as connection:
        published = connection.execute(PUBLISHED).all()
    assert len(published) == 4
    assert told == {tuple("" if each is None else str(each) for each in row[1:]) for row in published}
    assert sum(row[-1] == "3703701" for row in rows if len(row) == 2) == 12, "a month is a twelfth"


def test_territory_and_kilograms_per_inhabitant_are_those_of_the_report_of_agents(api: Api) -> None:
    with api.owner.connect() as connection:
        agents = read_annual_report(connection, 2026, authority_id=1, now=NOW).report
    public = get_report(api)
    assert public.kg_per_inhabitant == agents.kg_per_inhabitant
    assert public.kg_per_inhabitant
    of_agents = agents.territory
    assert (public.bins, public.sites, public.population, public.communes_equipped) == (
        *(of_agents.bins, of_agents.sites, of_agents.population),
        of_agents.communes_equipped,
    )
    for each, same in zip(public.communes, agents.communes, strict=True):
        assert (each.name, each.bins, each.sites, each.amount) == (same.name, same.bins, same.sites, same.amount)
        assert each.kg_per_inhabitant == same.kg_per_inhabitant


def statements_of(api: Api, read: Any) -> str:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(api.owner, "before_cursor_execute", note)
    try:
        with api.owner.connect() as connection:
            read(connection, 2026, authority_id=1, now=NOW)
    finally:
        event.remove(api.owner, "before_cursor_execute", note)
    return "\n".join(seen)


@pytest.mark.parametrize(("read", "is_public"), [(find_public_report, True), (read_annual_report, False)])
def test_report_of_everybody_reads_no_table_of_what_was_not_published(api: Api, read: Any, is_public: bool) -> None:
    tables = set(re.findall(r"(?:FROM|JOIN)\s+(\w+)", statements_of(api, read)))
    assert "published_cells" in tables
    assert (not tables & NOT_PUBLISHED) == is_public


def test_what_comes_in_later_changes_no_byte_and_control_agents_are_told(api: Api, anybody: FlaskClient) -> None:
    paths = (REPORT, f"{REPORT}.pdf?lang=en", "/open-data/town-1", "/open-data/town-1/2026-05.json")
    before = [look(anybody, path).data for path in paths]
    figures = "/authority/figures?from=2026-05-01&to=2026-05-31&by=whole"
    known = api.call("authority", "GET", figures).json["totals"][0]["deposits"]
    with api.owner.begin() as connection:
        deposit(connection, api.town, badge="B", items=3, now=MAY)
    assert [look(anybody, path).data for path in paths] == before
    assert api.call("authority", "GET", figures).json["totals"][0]["deposits"] == known + 1


def test_year_of_which_months_alone_were_published_has_no_report(api: Api, anybody: FlaskClient) -> None:
    for path in ("/open-data/town-2/report/2026", "/open-data/town-2/report/2026.pdf"):
        shown = look(anybody, path)
        assert (shown.status_code, shown.mimetype) == (404, "text/html")
        assert "This year was not published as a whole" in shown.text
        assert "Town-1" not in shown.text
    assert find_report(api, authority_id=2) is None
    listed = re.findall(r'scope="row" data-sort="([0-9-]+)"', look(anybody, "/open-data/town-1").text)
    assert listed == ["2026", *(f"2026-{month:02}" for month in range(12, 0, -1))]
    page = look(anybody, "/open-data/town-2")
    assert ("March 2026" in page.text, "Public reports" in page.text) == (True, False)
    assert look(anybody, "/open-data/town-2/2026-05.csv").status_code == 404
    # The control: published or not decides, for there are deposits of May, and the first town has its page.
    with api.owner.connect() as connection:
        sums = text("SELECT authority_id, sum(items) > 0 FROM daily_deposits GROUP BY 1 ORDER BY 1")
        assert [tuple(row) for row in connection.execute(sums)] == [(1, True), (2, True)]
    assert look(anybody, "/open-data/town-1/2026-05.csv").status_code == 200


@pytest.mark.parametrize("year", ["2025", "2027", "2099"])
def test_year_without_publication_says_so_and_names_those_there_are(anybody: FlaskClient, year: str) -> None:
    shown = look(anybody, f"/open-data/town-1/report/{year}")
    assert shown.status_code == 404
    assert "This year was not published as a whole" in shown.text
    assert f'href="{REPORT}"' in shown.text
    assert 'content="noindex"' in shown.text
    assert 'content="noindex"' not in look(anybody, REPORT).text


@pytest.mark.parametrize(
    "year", ["1999", "2100", "20260", "02026", "-2026", "2026.0", "MMXXVI", "%00", "2026%0a", "9" * 900]
)
@pytest.mark.parametrize("ending", ["", ".pdf"])
def test_what_is_no_year_is_not_there(anybody: FlaskClient, year: str, ending: str) -> None:
    assert look(anybody, f"/open-data/town-1/report/{year}{ending}").status_code == 404


@pytest.mark.parametrize("slug", ["nowhere", "TOWN-1", "town-1'", "x" * 300])
def test_slug_nobody_has_is_not_there(anybody: FlaskClient, slug: str) -> None:
    for path in (f"/open-data/{slug}", f"/open-data/{slug}/report/2026", f"/open-data/{slug}/report/2026.pdf"):
        shown = look(anybody, path)
        assert (shown.status_code, shown.mimetype) == (404, "text/html"), path


@pytest.mark.parametrize("language", LANGUAGES)
def test_document_is_tagged_kept_by_caches_and_says_nothing_else(api: Api, anybody: FlaskClient, language: Any) -> None:
    first = anybody.get(f"{REPORT}.pdf?lang={language}")
    report = get_report(api)
    assert (first.mimetype, first.data) == ("application/pdf", public_report_as_pdf(report, language=language))
    assert b"/StructTreeRoot" in first.data
    assert "public" in first.headers["Cache-Control"]
    assert "Accept-Language" in first.headers["Vary"]
    again = anybody.get(f"{REPORT}.pdf?lang={language}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    facts = facts_of(report, language=language)
    assert [each["name"] for each in facts["sections"]] == ["territory", "sorted", "method"]
    said = f"{facts}"
    assert not [word for word in ("Effet", "Effect:", "€", "effect of", "Points issued") if word in said]


def test_language_of_the_document_is_that_of_the_reader(anybody: FlaskClient) -> None:
    named = {
        lang: anybody.get(f"{REPORT}.pdf", headers={"Accept-Language": lang}).headers["Content-Disposition"]
        for lang in LANGUAGES
    }
    assert all(f"2026-{lang}.pdf" in name for lang, name in named.items())


def test_one_request_too_many_of_an_address_is_refused(borrowed: tuple[Database, Api]) -> None:
    paths = ("/open-data/town-1", REPORT, f"{REPORT}.pdf", "/open-data/town-1/2026-05.csv")
    limited = served(*borrowed, ApiConfig(rates={"public": len(paths)})).app.test_client()
    assert [look(limited, path).status_code for path in paths] == [200] * len(paths)
    for path in paths:
        refused = look(limited, path)
        assert (refused.status_code, refused.mimetype) == (429, "text/html")
        assert "Retry-After" in refused.headers
    elsewhere = limited.get(REPORT, headers=HEADERS, environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert elsewhere.status_code == 200


def test_control_without_a_limit_every_request_is_answered(borrowed: tuple[Database, Api]) -> None:
    client = served(*borrowed, ApiConfig(rates={"public": 0})).app.test_client()
    assert {look(client, REPORT).status_code for _ in range(6)} == {200}


def test_page_of_agents_and_its_foot_lead_to_what_is_public(api: Api, anybody: FlaskClient) -> None:
    shown = look(agent_of(api), "/dashboard/report?year=2026")
    assert f'href="{REPORT}"' in shown.text
    assert shown.text.count('href="/open-data/town-1"') == 2
    assert 'href="/open-data/town-1"' in look(anybody, "/sign-in?authority=town-1").text
    assert "/open-data/" not in look(anybody, "/sign-in").text


def test_many_at_once_make_a_document_once() -> None:
    kept, made, ready = KeptDocuments(wait_s=10), [], threading.Barrier(4)

    def make() -> bytes:
        made.append(threading.get_ident())
        return b"%PDF-"

    def ask() -> None:
        ready.wait(10)
        assert kept.get("2026", make) == b"%PDF-"

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(10)
    assert len(made) == 1
    # The control: of which nothing is kept, each is made.
    forgetful = KeptDocuments(kept=0)
    for _ in range(4):
        forgetful.get("2026", make)
    assert len(made) == 5


def test_document_that_has_to_wait_too_long_is_refused_and_one_that_is_kept_is_not() -> None:
    kept = KeptDocuments(kept=2, wait_s=0.01)
    kept.get("kept", lambda: b"kept")
    refused = []

    def ask() -> None:
        with pytest.raises(RequestTooSlowError) as refusal:
            kept.get("other", lambda: b"other")
        refused.append(refusal)

    def make_slowly() -> bytes:
        another = threading.Thread(target=ask)
        another.start()
        another.join(10)
        assert kept.get("kept", lambda: b"other") == b"kept"
        return b"slow"

    assert kept.get("slow", make_slowly) == b"slow"
    assert len(refused) == 1
    assert kept.get("other", lambda: b"other") == b"other", "whoever failed left nothing locked"


def test_what_fails_while_it_is_made_is_made_again() -> None:
    kept = KeptDocuments()

    def fail() -> bytes:
        raise ValueError("no font")

    with pytest.raises(ValueError, match="no font"):
        kept.get("2026", fail)
    assert kept.get("2026", lambda: b"made") == b"made"


def test_report_names_the_year_before_and_draws_no_change(api: Api) -> None:
    with api.owner.connect() as connection, connection.begin() as begun:
        publish_year(connection, 2025, authority_id=1)
        report = find_public_report(connection, 2026, authority_id=1, now=NOW)
        begun.rollback()
    assert report is not None
    assert report.before is not None
    assert (report.before.year, report.before.mass_g, report.before.kg_per_inhabitant) == (2025, 36 * 1234567, None)
    said = facts_of(report, language="en")["sections"][1]["said"]
    assert any(each.startswith("2025: 44.") and "%" not in each for each in said), said
    without = facts_of(replace(report, before=None), language="en")["sections"][1]["said"]
    assert "No mass of 2025 is published: nothing is compared." in without
