"""Where e-mail goes: an SMTP server, or a folder the demo and the tests read."""

import queue
import smtplib
import ssl
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog

from bontri.settings import Settings

log = structlog.get_logger(__name__)

Deliver = Callable[[EmailMessage], None]

SMTP_TIMEOUT_S = 10.0
MOST_WAITING = 1000

SUBJECT = {"en": "Your sign-in code", "fr": "Votre code de connexion"}
BODY = {
    "en": "Your code is {code}. It is good for ten minutes, once.\nIf you did not ask for it, ignore this message.\n",
    "fr": "Votre code est {code}. Il est valable dix minutes, une seule fois.\n"
    "Si vous ne l'avez pas demandé, ignorez ce message.\n",
}


def sign_in_mailer(settings: Settings) -> Callable[[str, str, str], None]:
    """Return what sends a sign-in code: (address, code, language).

    Returns at once; one thread delivers. A slow server must not hold up the requests behind, which would also tell
    that the address is known. What cannot be delivered is logged and dropped: the citizen asks again.
    """
    waiting: queue.Queue[EmailMessage] = queue.Queue(MOST_WAITING)
    deliver = open_delivery(settings.mail_url or "")
    threading.Thread(target=deliver_all, args=(waiting, deliver), name="mail", daemon=True).start()

    def send(address: str, code: str, language: str) -> None:
        message = EmailMessage()
        message["From"], message["To"] = settings.mail_from, address
        message["Subject"] = SUBJECT[language]
        message["Message-ID"] = make_msgid(domain="bontri.invalid")
        message.set_content(BODY[language].format(code=code))
        try:
            waiting.put_nowait(message)
        except queue.Full:
            log.error("mail_dropped", waiting=MOST_WAITING)

    return send


def deliver_all(waiting: "queue.Queue[EmailMessage]", deliver: Deliver) -> None:
    """Deliver what is waiting, for ever."""
    while True:
        try:
            deliver(waiting.get())
        except Exception as fault:  # noqa: BLE001 (a top: the next message may go through)
            log.error("mail_not_delivered", fault=type(fault).__name__)


def open_delivery(url: str) -> Deliver:
    """Return how to deliver to ``smtp://user:password@host:port``, ``smtps://…`` or ``file:///folder``."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        folder = Path(unquote(parts.path))
        return lambda message: lay_down(folder, message)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")

    def send(message: EmailMessage) -> None:
        with connect(parts.scheme, parts.hostname or "", parts.port) as server:
            if user:
                server.login(user, password)
            server.send_message(message)

    return send


def connect(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    """Connect over TLS from the start (smtps), or upgrade when the server offers it (smtp)."""
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=SMTP_TIMEOUT_S, context=ssl.create_default_context())
    server = smtplib.SMTP(host, port or 587, timeout=SMTP_TIMEOUT_S)
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=ssl.create_default_context())
        server.ehlo()
    return server


def lay_down(folder: Path, message: EmailMessage) -> None:
    """Write a message into a folder under a name that sorts by time; it appears whole or not at all."""
    path = folder / f"{time.time_ns()}.eml"
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_bytes(message.as_bytes())
    part.rename(path)
