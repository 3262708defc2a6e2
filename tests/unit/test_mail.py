"""E-mail leaves in its own thread: a slow server holds nobody up, a broken one stops nothing."""

import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bontri.mail import sign_in_mailer
from bontri.settings import Settings, read_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(read_settings(), mail_url=tmp_path.as_uri())


def wait_for_mail(folder: Path) -> str:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for path in folder.glob("*.eml"):
            return path.read_text()
        time.sleep(0.01)
    raise AssertionError("no e-mail within 5 s")


@pytest.mark.parametrize(("language", "word"), [("en", "Your code is"), ("fr", "Votre code est")])
def test_a_code_is_laid_down_whole_in_its_language(
    settings: Settings, tmp_path: Path, language: str, word: str
) -> None:
    sign_in_mailer(settings)("camille@example.org", "12345678", language)
    text = wait_for_mail(tmp_path)
    assert "To: camille@example.org" in text
    assert f"{word} 12345678" in text
    assert [path.stat().st_mode & 0o077 for path in tmp_path.iterdir()] == [0]


def test_a_server_that_never_answers_holds_nobody_up(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        send = sign_in_mailer(replace(settings, mail_url=f"smtp://127.0.0.1:{silent.getsockname()[1]}"))
        started_s = time.monotonic()
        for _ in range(20):
            send("camille@example.org", "12345678", "fr")
        assert time.monotonic() - started_s < 1


def test_what_cannot_be_delivered_stops_nothing(settings: Settings, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    send = sign_in_mailer(replace(settings, mail_url=gone.as_uri()))
    send("camille@example.org", "11111111", "fr")
    time.sleep(0.05)
    gone.mkdir()
    send("camille@example.org", "22222222", "fr")
    assert "22222222" in wait_for_mail(gone)
    assert any(thread.name == "mail" for thread in threading.enumerate())
