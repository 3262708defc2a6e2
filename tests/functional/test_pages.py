"""Pages as a browser gets them: policy, languages, refusals, errors, what they weigh; without a browser."""

import datetime
import re
from collections.abc import Iterator
from html import escape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import url_for

from bontri.documents.annual_reports import annual_report_as_pdf
from bontri.documents.public_reports import public_report_as_pdf
from bontri.documents.statements import statement_as_pdf
from partners_api.app import ApiConfig, create_app
from partners_api.pages.assets import asset_url, list_assets
from partners_api.pages.navigation import NAVIGATION
from partners_api.pages.security import POLICY
from tests.ingest_scene import KEYRING
from tests.pages_scene import PAGES, Pages, build_pages, open_application

NOW = datetime.datetime(2026, 11, 21, 9, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def pages(databases) -> Iterator[Pages]:
    with databases.lend() as database:
        yield build_pages(database, NOW)


@pytest.mark.parametrize("path", ["/sign-in", *PAGES])
def test_every_page_is_under_the_strict_policy_and_holds_nothing_inline(pages: Pages, path: str):
    answer = pages.look("viewer", path)
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", answer.text)
    assert not re.search(r"""(?:src|href|srcset)=["'](?:https?:)?//""", answer.text)


def test_every_page_of_the_navigation_is_looked_at(pages: Pages):
    with pages.api.app.test_request_context():
        linked = {url_for(entry.endpoint) for entries in NAVIGATION.values() for entry in entries}
    assert linked <= {path.partition("?")[0] for path in PAGES}


@pytest.mark.parametrize("path", PAGES)
def test_who_has_not_signed_in_is_sent_to_sign_in_and_back(pages: Pages, path: str):
    answer = pages.look(None, path)
    assert answer.status_code == 303
    asked = urlsplit(answer.headers["Location"])
    assert (asked.path, parse_qs(asked.query)) == ("/sign-in", {"next": [path], "why": ["needed"]})
    assert f'href="{escape(path)}"' in pages.look(None, answer.headers["Location"]).text


def test_session_that_has_ended_says_so(pages: Pages):
    pages.api.tokens["gone"] = "town-1.gone"
    answer = pages.look("gone", "/dashboard")
    assert "why=expired" in answer.headers["Location"]
    assert "Your session has ended" in pages.look("gone", answer.headers["Location"]).text


@pytest.mark.parametrize("path", ["/%5Cevil.example/", "/%09/evil.example/", "/%0A/evil.example", "///evil.example/x"])
def test_language_links_of_a_page_that_is_not_there_lead_to_no_other_host(pages: Pages, path: str):
    shown = pages.look(None, path)
    assert shown.status_code == 404
    links = re.findall(r'href="([^"]*[?]lang=[^"]*)"', shown.text)
    assert links
    # As browsers read an address.
    assert not [each for each in links if re.sub(r"[\t\r\n]", "", each).replace("\\", "/").startswith("//")]


@pytest.mark.parametrize("query", ["site=É", "site=a\\b", "site=a'b\"c"])
def test_address_that_holds_more_than_plain_letters_is_come_back_to(pages: Pages, query: str):
    # Servers hand bytes over as latin-1.
    raw = query.encode().decode("latin-1")
    sent_on = pages.look(None, "/dashboard", environ_overrides={"QUERY_STRING": raw})
    form = pages.look(None, sent_on.headers["Location"])
    assert form.status_code == 200
    [back] = parse_qs(urlsplit(sent_on.headers["Location"]).query)["next"]
    assert parse_qs(urlsplit(back).query)["site"] == [query.partition("=")[2]]


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "https://evil.example", "dashboard"])
def test_sign_in_leads_to_no_other_host(pages: Pages, path: str):
    assert pages.client(None).get("/sign-in", query_string={"next": path}).status_code == 422


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=2026-11-20&to=2026-11-01", "The period ends before it begins. Swap the two days."),
        ("from=2027-02-01&to=2027-03-01", "The period has not begun. Choose a period that has begun."),
        ("from=1990-01-01&to=2026-11-01", "From: this cannot be read"),
        ("from=2001-01-01&to=2026-11-01", "The period has more days than are shown at once."),
        ("from=soon", "From: this cannot be read"),
        ("insee_code=75056", "The authority has no such commune. Choose one from the list."),
        ("material=gold", "The authority collects no such material."),
        ("site=nowhere", "The authority has no site with this reference."),
    ],
)
def test_question_that_makes_no_sense_is_refused_with_a_sentence_beside_the_pickers(
    pages: Pages, query: str, words: str
):
    answer = pages.look("viewer", f"/dashboard?{query}")
    assert answer.status_code in (404, 422)
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))
    assert words in said
    assert "<form" in answer.text
    assert query.partition("=")[2].partition("&")[0] in answer.text


def test_empty_fields_are_the_usual_twelve_months(pages: Pages):
    answer = pages.look("viewer", "/dashboard?from=&to=&insee_code=&material=&site=&utm=x")
    assert "21 November 2025 to 20 November 2026" in answer.text


def test_language_is_asked_for_then_remembered_then_the_browsers_then_french(pages: Pages):
    browser = pages.client("viewer")
    assert '<html lang="fr"' in browser.get("/dashboard").text
    assert '<html lang="en"' in browser.get("/dashboard", headers={"Accept-Language": "en"}).text
    assert '<html lang="en"' in browser.get("/dashboard?lang=en").text
    assert '<html lang="en"' in browser.get("/dashboard", headers={"Accept-Language": "fr"}).text
    assert '<html lang="fr"' in browser.get("/dashboard?lang=fr").text


def test_theme_is_remembered_and_auto_leaves_it_to_the_browser(pages: Pages):
    browser = pages.client(None)
    assert "data-theme" not in browser.get("/sign-in").text
    assert 'data-theme="dark"' in browser.get("/sign-in?theme=dark").text
    assert 'data-theme="dark"' in browser.get("/sign-in").text
    assert "data-theme" not in browser.get("/sign-in?theme=auto").text
    assert "data-theme" not in browser.get("/sign-in?theme=%22onload").text


def test_simulated_data_are_marked_on_every_page(pages: Pages):
    assert all("Simulated data" in pages.look("viewer", path).text for path in PAGES)


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/nowhere", 404, "There is no page here"),
        ("POST", "/dashboard", 405, "This page cannot be used that way"),
    ],
)
def test_errors_are_pages_for_people_and_problems_for_programs(pages: Pages, method, path, status, words):
    client = pages.client(None)
    shown = client.open(path, method=method, headers={"Accept": "text/html", "Accept-Language": "en"})
    assert (shown.status_code, shown.mimetype) == (status, "text/html")
    assert words in shown.text
    assert shown.headers["Content-Security-Policy"] == POLICY
    assert client.open(path, method=method).mimetype == "application/problem+json"
    of_api = client.open("/api/v1/nowhere", method=method, headers={"Accept": "text/html"})
    assert of_api.mimetype == "application/problem+json"


def test_bug_is_a_page_without_a_trace(pages: Pages, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("partners_api.pages.authorities.overview.get_figures", lambda *_, **__: 1 / 0)
    answer = pages.look("viewer", "/dashboard")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "ZeroDivision" not in answer.text


def test_database_that_is_away_is_a_page():
    client = open_application().test_client()
    client.set_cookie("__Host-bontri", "town-1.token", secure=True)
    answer = client.get("/dashboard", headers={"Accept-Language": "en"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "The database does not answer" in answer.text


def test_too_many_requests_are_a_page_with_how_long_to_wait(pages: Pages):
    app = create_app(
        ApiConfig(rates={"public": 1}),
        engine=pages.api.owner,
        agents_engine=pages.api.owner,
        keyring=KEYRING,
        send_codes=lambda _: None,
        render_statement=statement_as_pdf,
        render_annual_report=annual_report_as_pdf,
        render_public_report=public_report_as_pdf,
        clock=lambda: NOW,
    )
    client = app.test_client()
    assert client.get("/sign-in").status_code == 200
    answer = client.get("/sign-in", headers={"Accept-Language": "en"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert "Try again in 1 min." in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_page_with_all_it_loads_is_light(pages: Pages, path: str):
    client = pages.client("viewer")
    packed = {"Accept-Encoding": "gzip"}
    page = client.get(path, headers=packed)
    assert page.headers["Content-Encoding"] == "gzip"
    urls = set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', client.get(path).text))
    loaded = [client.get(url, headers=packed) for url in urls]
    assert all(each.status_code == 200 for each in loaded)
    assert len(urls) >= 4
    assert len(page.data) + sum(len(each.data) for each in loaded) < 300_000


def test_files_are_kept_for_a_year_under_a_name_that_changes_with_them(pages: Pages):
    client = pages.client(None)
    for name in ("bootstrap.min.css", "tokens.css", "leaflet/images/marker-icon.png"):
        answer = client.get(asset_url(name))
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.data == list_assets()[name].read_bytes()
    of_old = client.get("/assets/0000000000000000/tokens.css")
    assert (of_old.status_code, of_old.headers["Cache-Control"]) == (200, "no-store")
    assert client.get(asset_url("tokens.css").replace("tokens", "..%2f..%2fpage")).status_code == 404


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/map"])
def test_figures_of_five_years_are_shown(pages: Pages, path: str):
    assert pages.look("viewer", f"{path}?from=2021-11-01&to=2026-11-20").status_code == 200
