"""Where e-mail goes: an SMTP server, or a folder the demo and the tests read; and what a refusal of it means."""

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote, urlsplit

Deliver = Callable[[EmailMessage], None]

SMTP_TIMEOUT_S = 10.0
"""For an answer of the server."""

LONGEST_S = 40.0
"""For the whole conversation, however slowly it goes on; a letter is ours for a minute (``rewards/outbox``)."""


class TlsMissingError(OSError):
    """The server offers no TLS, and there is a password that must not travel in the clear."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message was not taken, in a word that names nobody.

    ``is_final``: the server will not take it later either. ``is_of_server``: it is about the server or our account
    there, so that others would fare alike.
    """

    word: str
    is_final: bool
    is_of_server: bool


def judge(error: OSError) -> Fault:
    """Tell what an error of :func:`open_delivery` means. The server's own words are left out: they hold addresses."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        status = next(iter(error.recipients.values()))[0]
        return Fault(f"recipient_refused_{status}", is_final=status >= 500, is_of_server=False)
    if isinstance(error, smtplib.SMTPDataError):
        return Fault(f"content_refused_{error.smtp_code}", is_final=error.smtp_code >= 500, is_of_server=False)
    if isinstance(error, smtplib.SMTPSenderRefused):
        return Fault(f"sender_refused_{error.smtp_code}", is_final=False, is_of_server=True)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Fault(f"login_refused_{error.smtp_code}", is_final=False, is_of_server=True)
    if isinstance(error, smtplib.SMTPResponseException):
        return Fault(f"server_refused_{error.smtp_code}", is_final=False, is_of_server=True)
    return Fault(type(error).__name__, is_final=False, is_of_server=True)


def open_delivery(url: str) -> Deliver:
    """Return how to deliver to ``smtp://user:password@host:port``, ``smtps://…`` or ``file:///folder``.

    What it returns raises an OSError (those of ``smtplib`` are) when a message was not taken.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        folder = Path(unquote(parts.path))
        return lambda message: lay_down(folder, message)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")

    def send(message: EmailMessage) -> None:
        with connected(parts.scheme, parts.hostname or "", parts.port) as server:
            if user:
                require_privacy(server, parts.hostname or "")
                server.login(user, password)
            server.send_message(message)

    return send


@contextmanager
def connected(scheme: str, host: str, port: int | None) -> Iterator[smtplib.SMTP]:
    """Give a connection over TLS from the start (smtps), or upgraded when the server offers it (smtp).

    What goes wrong at the good-bye does not count: the message was taken.
    """
    server = connect(scheme, host, port)
    limit = threading.Timer(LONGEST_S, hang_up, [server])
    limit.daemon = True
    limit.start()
    try:
        if scheme != "smtps":
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
        yield server
        with suppress(OSError):
            server.quit()
    finally:
        limit.cancel()
        server.close()


def connect(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    """Connect, and read the greeting."""
    if scheme == "smtps":
        return smtplib.SMTP_SSL(
            host, port or 465, own_name(), timeout=SMTP_TIMEOUT_S, context=ssl.create_default_context()
        )
    return smtplib.SMTP(host, port or 587, own_name(), timeout=SMTP_TIMEOUT_S)


@cache
def own_name() -> str:
    """Return what we greet with; asked of the system once, since that may take seconds."""
    return socket.getfqdn()


def hang_up(server: smtplib.SMTP) -> None:
    """End a conversation from another thread: whoever waits for an answer gets an error."""
    if server.sock is not None:
        with suppress(OSError):
            server.sock.shutdown(socket.SHUT_RDWR)


def require_privacy(server: smtplib.SMTP, host: str) -> None:
    """Refuse to send a password in the clear to another machine: whoever sits between could take STARTTLS out."""
    if isinstance(server.sock, ssl.SSLSocket) or host == "localhost":
        return
    with suppress(ValueError):
        if ip_address(host).is_loopback:
            return
    raise TlsMissingError


def lay_down(folder: Path, message: EmailMessage) -> None:
    """Write a message into a folder under a name that sorts by time; it appears whole or not at all."""
    path = folder / f"{time.time_ns()}.eml"
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_bytes(message.as_bytes())
    part.rename(path)
