"""Agents sign in on pages: the same answers for everybody, tries that cost, and the way out."""

import datetime
import re
from collections.abc import Iterator
from html import unescape

import pytest

from partners_api.cookies import COOKIE
from tests.pages_scene import Pages, build_pages, email_of

NOW = datetime.datetime(2026, 11, 21, 9, tzinfo=datetime.UTC)
ASK = {"authority": "town-1", "email": email_of("viewer")}


@pytest.fixture
def pages(databases) -> Iterator[Pages]:
    with databases.lend() as database:
        yield build_pages(database, NOW)


def sign_in_id(location: str) -> str:
    found = re.search(r"sign_in_id=([0-9a-f-]{36})", location)
    assert found
    return found[1]


def test_agent_signs_in_with_the_code_of_a_letter_and_comes_back(pages: Pages):
    asked = pages.send(None, "/sign-in", **ASK, next="/dashboard?from=2026-11-01&to=2026-11-20")
    assert asked.status_code == 303
    assert "email" not in asked.headers["Location"]
    form = pages.look(None, asked.headers["Location"])
    assert "a code of 8 digits is on its way" in form.text
    [(address, code, language)] = pages.api.sent
    assert (address, language) == (ASK["email"], "en")
    entered = {"authority": "town-1", "sign_in_id": sign_in_id(asked.headers["Location"])}
    # Copied with a space in it, as the letter groups it.
    back = {"next": "/dashboard?from=2026-11-01&to=2026-11-20"}
    opened = pages.send(None, "/sign-in/code", **entered, **back, code=f"{code[:4]} {code[4:]}")
    assert (opened.status_code, opened.headers["Location"]) == (303, back["next"])
    cookie = opened.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert all(each in cookie for each in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"))
    pages.api.tokens["new"] = cookie.partition("=")[2].partition(";")[0]
    assert "Viewer: sees every figure" in pages.look("new", "/account").text


def test_address_that_nobody_has_gets_the_same_answers(pages: Pages):
    known, unknown = (pages.send(None, "/sign-in", **{**ASK, "email": email}) for email in (ASK["email"], "no@x.org"))
    assert known.status_code == unknown.status_code == 303
    without_id = {re.sub("sign_in_id=[0-9a-f-]+", "", each.headers["Location"]) for each in (known, unknown)}
    assert len(without_id) == 1
    answers = [
        pages.send(
            None, "/sign-in/code", authority="town-1", sign_in_id=sign_in_id(each.headers["Location"]), code="0" * 8
        )
        for each in (known, unknown)
    ]
    assert {each.status_code for each in answers} == {403}
    said = {
        each.text.replace(sign_in_id(asked.headers["Location"]), "")
        for each, asked in zip(answers, (known, unknown), strict=True)
    }
    assert len(said) == 1
    assert "Check the digits, or ask for a new code." in said.pop()


def test_language_can_be_chosen_after_a_wrong_code(pages: Pages):
    asked = pages.send(None, "/sign-in", **ASK, next="/dashboard/map")
    form = pages.look(None, asked.headers["Location"])
    [action] = re.findall(r'<form method="post" action="([^"]+)"', form.text)
    entered = {"authority": "town-1", "sign_in_id": sign_in_id(asked.headers["Location"]), "next": "/dashboard/map"}
    refused = pages.send(None, unescape(action), **entered, code="0" * 8)
    assert refused.status_code == 403
    [link] = re.findall(r'href="([^"]+lang=fr[^"]*)"', refused.text)
    again = pages.look(None, unescape(link))
    assert (again.status_code, '<html lang="fr"' in again.text) == (200, True)
    assert entered["sign_in_id"] in again.text


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null"])
@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/code", "/sign-out"])
def test_form_of_another_site_is_refused(pages: Pages, origin: str | None, path: str):
    before = pages.api.ledger()
    code = {"sign_in_id": "01a00000-0000-7000-8000-000000000000", "code": "12345678"}
    answer = pages.send("viewer", path, origin=origin, **ASK, **code)
    assert answer.status_code == 403
    assert "from another site" in answer.text
    assert pages.api.ledger() == before
    assert pages.api.sent == []


def test_too_many_tries_are_refused_with_how_long_to_wait(pages: Pages):
    answers = [pages.send(None, "/sign-in", **ASK) for _ in range(40)]
    assert answers[-1].status_code == 429
    assert "There were too many tries of late." in answers[-1].text
    assert "Try again in" in answers[-1].text
    assert email_of("viewer") in answers[-1].text


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ({"email": "nonsense"}, "E-mail address: this cannot be read"),
        ({"authority": "nobody-here"}, "No authority has this name here."),
        ({"authority": ""}, "Short name of the authority: this cannot be read"),
    ],
)
def test_what_cannot_be_is_said_on_the_form_with_what_was_entered(pages: Pages, entered, words):
    answer = pages.send(None, "/sign-in", **{**ASK, **entered})
    assert answer.status_code in (404, 422)
    assert words in answer.text
    assert all(value in answer.text for value in entered.values())


def test_json_is_no_form(pages: Pages):
    sent = pages.client(None).post("/sign-in", json=ASK, headers={"Origin": "http://localhost"})
    assert sent.status_code == 415


def test_signing_out_ends_the_session_and_the_cookie(pages: Pages):
    left = pages.send("viewer", "/sign-out")
    assert left.status_code == 303
    assert f"{COOKIE}=;" in left.headers["Set-Cookie"]
    assert "You have signed out." in pages.look(None, left.headers["Location"]).text
    # In a second tab the same button leads to the sign-in as well.
    assert "why=expired" in pages.send("viewer", "/sign-out").headers["Location"]


def test_one_ends_ones_own_sessions_and_no_others(pages: Pages):
    asked = pages.send(None, "/sign-in", **ASK)
    code = pages.api.sent[-1][1]
    entered = {"authority": "town-1", "sign_in_id": sign_in_id(asked.headers["Location"]), "code": code}
    opened = pages.send(None, "/sign-in/code", **entered)
    pages.api.tokens["second"] = opened.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    [end] = re.findall(r'action="(/account/sessions/[^"]+)"', pages.look("viewer", "/account").text)
    assert pages.send("manager", end).status_code == 404
    assert pages.look("second", "/account").status_code == 200
    assert pages.send("viewer", end).status_code == 303
    assert pages.look("second", "/account").status_code == 303


def test_password_of_a_proxy_in_front_does_not_sign_anybody_out(pages: Pages):
    headers = {"Accept": "text/html", "Authorization": "Basic dXNlcjpwYXNz"}
    assert pages.look("viewer", "/dashboard", headers=headers).status_code == 200
    # The control: it signs nobody in either, and a token that is refused does not fall back on the cookie.
    assert pages.look(None, "/dashboard", headers=headers).status_code == 303
    refused = {"Accept": "text/html", "Authorization": "Bearer town-1.nonsense"}
    assert pages.look("viewer", "/dashboard", headers=refused).status_code == 303
