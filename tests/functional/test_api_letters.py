"""A citizen says how letters are wanted: signed in, by a link in one, and by the language of the app."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text

from rewards.keyring import Keyring
from rewards.notice_links import make_notices_token
from tests.api_client import EMAIL, Api, start_api
from tests.databases import DatabasePool

KEYRING = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)
NOW = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(scope="module")
def town(databases: DatabasePool) -> Iterator[Api]:
    with databases.lend() as database:
        yield start_api(database, KEYRING, NOW)


@pytest.fixture
def api(town: Api) -> Api:
    with town.owner.begin() as connection:
        connection.execute(text("UPDATE citizens SET language = NULL, wants_notices = true"))
    town.sent.clear()
    return town


def wishes(api: Api) -> tuple[str, bool]:
    answer = api.call("citizen", "GET", "/citizen/letters")
    assert answer.status_code == 200
    return answer.json["language"], answer.json["notices"]


def sign_in(api: Api, **headers: str) -> None:
    asked = {"authority": api.town.slug, "email": EMAIL}
    api.now += datetime.timedelta(minutes=11)
    sign_in_id = api.call(None, "POST", "/citizen/sign-ins", json=asked, headers=headers).json["sign_in_id"]
    answer = {"authority": api.town.slug, "sign_in_id": sign_in_id, "code": api.sent[-1][1]}
    assert api.call(None, "POST", "/citizen/sessions", json=answer, headers=headers).status_code == 201


def test_letters_are_in_the_authoritys_language_until_one_is_chosen(api: Api) -> None:
    assert wishes(api) == ("fr", True)
    changed = api.call("citizen", "PATCH", "/citizen/letters", json={"language": "en"})
    assert changed.json == {"language": "en", "notices": True}
    assert api.call("citizen", "PATCH", "/citizen/letters", json={"notices": False}).json == {
        "language": "en",
        "notices": False,
    }
    assert wishes(api) == ("en", False)


@pytest.mark.parametrize(
    "body", [{"language": "de"}, {"notices": "maybe"}, {"notices": 1}, {"language": None}, {"a": 1}]
)
def test_what_is_no_wish_is_refused_and_changes_nothing(api: Api, body: dict[str, object]) -> None:
    assert api.call("citizen", "PATCH", "/citizen/letters", json=body).status_code == 422
    assert wishes(api) == ("fr", True)


def test_the_language_of_whoever_signs_in_is_kept_unless_one_was_chosen(api: Api) -> None:
    sign_in(api)
    assert (wishes(api)[0], api.sent[-1][2]) == ("fr", "fr")
    sign_in(api, **{"Accept-Language": "en-GB"})
    assert (wishes(api)[0], api.sent[-1][2]) == ("en", "en")
    sign_in(api, **{"Accept-Language": "fr"})
    assert (wishes(api)[0], api.sent[-1][2]) == ("en", "fr")


def test_a_link_switches_notices_off_by_a_post_alone(api: Api) -> None:
    client = api.app.test_client()
    path = f"/notices-off/{make_notices_token(KEYRING, slug=api.town.slug, citizen_id=api.citizen.citizen_id)}"
    page = client.get(path, headers={"Accept-Language": "en"})
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert '<form method="post"><button type="submit">Switch notices off</button></form>' in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert wishes(api) == ("fr", True)
    for _ in range(2):
        assert client.post(path, data=ONE_CLICK).status_code == 200
        assert wishes(api) == ("fr", False)


def test_a_link_nobody_made_switches_nothing_off(api: Api) -> None:
    client = api.app.test_client()
    good = make_notices_token(KEYRING, slug="elsewhere", citizen_id=api.citizen.citizen_id)
    for token in ("x", f"{api.town.slug}.AAAA", good, good.replace("elsewhere", api.town.slug), "é.é"):
        assert client.post(f"/notices-off/{token}", data=ONE_CLICK).status_code == 404
    assert wishes(api) == ("fr", True)


@contextmanager
def watched(api: Api, statements: list[str]) -> Iterator[None]:
    """Note the statements of the application for the time of the block."""
    engine = api.app.extensions["bontri"].engine

    def note(*call: Any) -> None:
        statements.append(call[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_as_much_is_written_for_an_unknown_address_as_for_a_known_one(api: Api) -> None:
    def rows() -> tuple[int, int]:
        with api.owner.connect() as connection:
            counts = "SELECT (SELECT count(*) FROM outbox) AS letters, (SELECT count(*) FROM sign_in_codes) AS codes"
            found = connection.execute(text(counts)).one()
            return found.letters, found.codes

    def asked_for(email: str) -> list[str]:
        statements: list[str] = []
        with watched(api, statements):
            api.call(None, "POST", "/citizen/sign-ins", json={"authority": api.town.slug, "email": email})
        return statements

    before = rows()
    known, unknown = asked_for(EMAIL), asked_for("nobody@example.org")
    after = rows()
    assert [after[0] - before[0], after[1] - before[1]] == [2, 2]
    assert len(api.sent) == 1
    inserted = [[statement for statement in each if "INSERT" in statement] for each in (known, unknown)]
    assert inserted[0] == inserted[1]
    # A try, a code and a letter.
    assert len(inserted[0]) == 3
