"""The thread of an API process that sends codes: at once, again while they are good, and after a restart."""

import datetime
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import rewards.outbox.taking
from bontri.letters.codes import CodeSender
from rewards.keyring import Keyring
from rewards.outbox import post_code
from tests.databases import Database
from tests.letter_scene import ADA, AUTHORITY_ID, Post, body_of
from tests.smtp_catcher import Catcher, catching


@pytest.fixture
def post(database: Database, keyring: Keyring, now: datetime.datetime, tmp_path: Path) -> Post:
    return Post(database, keyring, now, tmp_path)


@pytest.fixture
def server() -> Iterator[Catcher]:
    with catching() as catcher:
        yield catcher


@contextmanager
def sending(post: Post, url: str) -> Iterator[CodeSender]:
    sender = CodeSender(post.database.engine("bontri_api", of=None), post.office(url))
    sender.start()
    try:
        yield sender
    finally:
        sender.stop()


def ask_for_code(post: Post, code: str) -> None:
    with post.database.engine("bontri_api").begin() as connection:
        post_code(
            connection,
            post.keyring,
            "sign_in_code",
            ADA,
            code,
            authority_id=AUTHORITY_ID,
            language=None,
            good_for=datetime.timedelta(minutes=10),
            now=datetime.datetime.now(datetime.UTC),
        )


def wait_until(is_so: Callable[[], bool], within_s: float = 10) -> None:
    deadline_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_a_code_leaves_at_once_and_one_of_before_a_restart_too(post: Post, server: Catcher) -> None:
    ask_for_code(post, "11111111")
    with sending(post, server.url) as sender:
        wait_until(lambda: len(server.received) == 1)
        ask_for_code(post, "22222222")
        sender.wake(AUTHORITY_ID)
        wait_until(lambda: len(server.received) == 2)
    assert ["11111111" in body_of(server.received[0]), "22222222" in body_of(server.received[1])] == [True, True]
    assert post.outbox()[1].sent_at is not None


def test_a_code_refused_for_now_is_sent_again_by_itself(
    post: Post, server: Catcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewards.outbox.taking, "FIRST_URGENT_BACK_OFF", datetime.timedelta(milliseconds=50))
    server.answers_to_data += ["451 try later", "dies"]
    with sending(post, server.url) as sender, capture_logs() as logs:
        ask_for_code(post, "11111111")
        sender.wake(AUTHORITY_ID)
        wait_until(lambda: len(server.received) == 2)
        wait_until(lambda: post.outbox()[0].sent_at is not None)
    assert post.outbox()[0].tries == 3
    assert [line["event"] for line in logs] == ["letter_not_sent"] * 2
    assert ADA not in str(logs)
    assert "11111111" not in str(logs)


def test_a_server_that_never_answers_holds_nobody_up(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bontri.mail.SMTP_TIMEOUT_S", 1.0)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        sending(post, f"smtp://127.0.0.1:{silent.getsockname()[1]}") as sender,
    ):
        ask_for_code(post, "11111111")
        sender.wake(AUTHORITY_ID)
        began_s = time.monotonic()
        for _ in range(20):
            sender.wake(AUTHORITY_ID)
        assert time.monotonic() - began_s < 0.5
        # No transaction is open meanwhile.
        wait_until(lambda: post.outbox()[0].tries == 1)
        post.change("UPDATE outbox SET created_at = created_at")


def test_a_database_that_does_not_answer_is_asked_again(
    post: Post, server: Catcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bontri.letters.codes.AGAIN_AFTER", datetime.timedelta(milliseconds=50))
    ask_for_code(post, "11111111")
    post.change("ALTER TABLE outbox RENAME TO gone")
    with capture_logs() as logs, sending(post, server.url) as sender:
        sender.wake(AUTHORITY_ID)
        wait_until(lambda: len(logs) > 1)
        assert {line["event"] for line in logs} == {"codes_not_sent"}
        post.change("ALTER TABLE gone RENAME TO outbox")
        wait_until(lambda: len(server.received) == 1)
    assert not any(thread.name == "codes" for thread in threading.enumerate())
