"""The operator looks after letters: what has not left, again, what they say, where a shop's go."""

import datetime
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.databases import Database
from tests.ingest_scene import KEYRING
from tests.letter_scene import ADA, Post
from tests.operator_commands import code_of, run, succeed

AUTHORITY = ("--authority", "plaine-commune")


@pytest.fixture
def post(database: Database, now: datetime.datetime, tmp_path: Path) -> Post:
    return Post(database, KEYRING, now, tmp_path)


def test_letters_that_failed_are_listed_without_their_address_and_tried_again(post: Post) -> None:
    assert succeed(post.database, "letters", "list", *AUTHORITY).output == "Every letter has left.\n"
    post.warn()
    assert "to citizen" in succeed(post.database, "letters", "list", *AUTHORITY).output
    assert "nothing to try again" in succeed(post.database, "letters", "retry", "--all", *AUTHORITY).output
    post.send("smtp://127.0.0.1:1")
    post.change("UPDATE outbox SET given_up_at = created_at WHERE fault IS NOT NULL")
    listed = run(post.database, "letters", "list", *AUTHORITY, "--json")
    assert listed.exit_code == 1
    given_up = [each for each in json.loads(listed.output) if each["state"] == "given_up"]
    assert [(each["fault"], each["tries"], each["kind"]) for each in given_up] == [
        ("ConnectionRefusedError", 1, "points_expiring")
    ]
    told = run(post.database, "letters", "list", *AUTHORITY).output
    assert "GIVEN UP" in told
    assert ADA not in told + listed.output
    retried = succeed(post.database, "letters", "retry", given_up[0]["message_id"], *AUTHORITY, "--json")
    assert json.loads(retried.output) == {"retried": 1}
    assert post.send() == {"sent": 2, "not_sent": 0}
    again = run(post.database, "letters", "retry", given_up[0]["message_id"], *AUTHORITY)
    assert (again.exit_code, code_of(again)) == (1, "letter_unknown")
    assert run(post.database, "letters", "retry", *AUTHORITY).exit_code == 2


def test_a_letter_somebody_is_just_sending_is_left_alone(post: Post) -> None:
    post.warn()
    post.change("UPDATE outbox SET tries = 1")
    assert json.loads(succeed(post.database, "letters", "retry", "--all", *AUTHORITY, "--json").output) == {
        "retried": 0
    }


def test_what_a_letter_says_can_be_read_before(post: Post) -> None:
    database = post.database
    kinds = succeed(database, "letters", "preview").output.split()
    assert "sign_in_code" in kinds
    told = succeed(database, "letters", "preview", "points_expiring", "--lang", "fr").output
    assert told.startswith("12 points bientôt perdus\n\nBonjour,")
    assert (
        "<p>Hello,</p>" in succeed(database, "letters", "preview", "points_expiring", "--lang", "en", "--html").output
    )
    words = json.loads(succeed(database, "letters", "preview", "card_blocked", "--json").output)
    assert set(words) == {"subject", "text", "html"}
    assert json.loads(succeed(database, "letters", "preview", "--json").output) == kinds
    assert run(database, "letters", "preview", "love_letter").exit_code == 2


def test_a_shop_and_an_authority_choose_where_and_how_letters_come(post: Post) -> None:
    database = post.database
    succeed(database, "letters", "language", "en", *AUTHORITY)
    succeed(database, "letters", "shop", "Librairie", "--email", "Till@Example.org", "--lang", "fr", *AUTHORITY)
    succeed(database, "letters", "shop", "Librairie", "--email", "other@example.org", *AUTHORITY)
    with database.engine().connect() as connection:
        stored = connection.execute(
            text("SELECT c.*, a.language AS own FROM shop_contacts c JOIN authorities a USING (authority_id)")
        ).one()
    assert (stored.language, stored.own) == (None, "en")
    assert KEYRING.decrypt(stored.email_encrypted, purpose="email") == b"other@example.org"
    for told in ("gets no letters any more", "had no address before"):
        assert told in succeed(database, "letters", "shop", "Librairie", "--none", *AUTHORITY).output
    assert run(database, "letters", "shop", "Librairie", *AUTHORITY).exit_code == 2
    assert code_of(run(database, "letters", "shop", "Nowhere", "--none", *AUTHORITY)) == "shop_unknown"
