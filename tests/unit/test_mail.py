"""Handing e-mail to a real SMTP server: over TLS and with a login, and what each of its refusals means."""

import smtplib
import socket
import time
from email.message import EmailMessage
from pathlib import Path

import pytest

import bontri.mail
from bontri.mail import Fault, TlsMissingError, judge, open_delivery
from tests.smtp_catcher import Catcher, catching, make_certificate

ADA = "ada@example.org"


def letter(to: str = ADA) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "points@example.org", to, "Points"
    message.set_content("12 points")
    return message


@pytest.fixture(scope="module")
def catcher():
    with catching() as catcher:
        yield catcher


@pytest.fixture(autouse=True)
def _as_new(catcher: Catcher) -> None:
    catcher.received.clear()
    catcher.refused.clear()
    catcher.answers_to_data.clear()
    catcher.delay_s = 0


def fault_of(url: str) -> Fault:
    try:
        open_delivery(url)(letter())
    except OSError as error:
        return judge(error)
    raise AssertionError("it was taken")


def test_a_message_is_taken(catcher: Catcher) -> None:
    open_delivery(catcher.url)(letter())
    assert [message["To"] for message in catcher.received] == [ADA]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("550 no such user ada@example.org", Fault("recipient_refused_550", is_final=True, is_of_server=False)),
        ("450 try later", Fault("recipient_refused_450", is_final=False, is_of_server=False)),
    ],
)
def test_a_recipient_is_refused_for_good_or_for_now(catcher: Catcher, answer: str, fault: Fault) -> None:
    catcher.refused[ADA] = answer
    assert fault_of(catcher.url) == fault


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("554 looks like spam", Fault("content_refused_554", is_final=True, is_of_server=False)),
        ("452 disk full", Fault("content_refused_452", is_final=False, is_of_server=False)),
        ("dies", Fault("SMTPServerDisconnected", is_final=False, is_of_server=True)),
    ],
)
def test_a_content_is_refused_or_its_end_is_not_confirmed(catcher: Catcher, answer: str, fault: Fault) -> None:
    catcher.answers_to_data.append(answer)
    assert fault_of(catcher.url) == fault


def test_a_server_that_is_away_is_another_matter_than_a_letter_it_refuses() -> None:
    assert fault_of("smtp://127.0.0.1:1") == Fault("ConnectionRefusedError", is_final=False, is_of_server=True)


def test_a_server_that_says_nothing_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bontri.mail, "SMTP_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert fault_of(f"smtp://127.0.0.1:{silent.getsockname()[1]}").is_of_server


def test_a_conversation_that_goes_on_slowly_is_ended(monkeypatch: pytest.MonkeyPatch, catcher: Catcher) -> None:
    monkeypatch.setattr(bontri.mail, "LONGEST_S", 0.2)
    catcher.delay_s = 5
    began_s = time.monotonic()
    assert fault_of(catcher.url).is_of_server
    assert time.monotonic() - began_s < 4


def test_a_good_bye_that_goes_wrong_does_not_send_a_letter_again(
    monkeypatch: pytest.MonkeyPatch, catcher: Catcher
) -> None:
    def vanish(_: object) -> None:
        raise smtplib.SMTPServerDisconnected

    monkeypatch.setattr(smtplib.SMTP, "quit", vanish)
    open_delivery(catcher.url)(letter())
    assert len(catcher.received) == 1


def test_tls_is_used_when_offered_and_the_certificate_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = make_certificate(tmp_path)
    with catching(tls=context, wants_login=True) as catcher:
        url = catcher.url.replace("//", "//bontri:s3cret@")
        assert fault_of(url) == Fault("SSLCertVerificationError", is_final=False, is_of_server=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        open_delivery(url)(letter())
        assert (catcher.were_private, catcher.were_logged_in) == ([True], [True])
        wrong = fault_of(url.replace("s3cret", "wrong"))
        assert wrong == Fault("login_refused_535", is_final=False, is_of_server=True)


def test_a_password_goes_in_the_clear_to_this_machine_only(monkeypatch: pytest.MonkeyPatch, catcher: Catcher) -> None:
    here = smtplib.SMTP

    def elsewhere(host: str, *arguments: object, **options: object) -> smtplib.SMTP:
        return here("127.0.0.1", *arguments, **options)

    with catching(wants_login=True) as open_one:
        open_delivery(open_one.url.replace("//", "//bontri:s3cret@"))(letter())
        assert open_one.were_logged_in == [True]
    monkeypatch.setattr(smtplib, "SMTP", elsewhere)
    with pytest.raises(TlsMissingError):
        open_delivery(catcher.url.replace("127.0.0.1", "bontri:s3cret@mail.example.org"))(letter())
    assert catcher.received == []


def test_a_message_is_laid_down_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    open_delivery(tmp_path.as_uri())(letter())
    [path] = tmp_path.iterdir()
    assert f"To: {ADA}" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert judge(FileNotFoundError()).is_of_server
