"""A real SMTP server for tests: keeps what it is sent, and behaves as badly as it is told to."""

import asyncio
import datetime
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bontri.embedded.listeners import choose_free_port

LOGIN = (b"bontri", b"s3cret")


@dataclass
class Catcher:
    """``received`` are the letters it has, also those it did not confirm; ``refused`` says how to answer whom."""

    url: str = ""
    received: list[EmailMessage] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    answers_to_data: list[str] = field(default_factory=list)
    delay_s: float = 0
    were_private: list[bool] = field(default_factory=list)
    were_logged_in: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 (the server calls it so)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(self.delay_s)
        answer = self.answers_to_data.pop(0) if self.answers_to_data else "250 OK"
        if answer.startswith(("250", "dies")):
            self.received.append(message_from_bytes(envelope.content, policy=policy.default))
            self.were_private.append(session.ssl is not None)
            self.were_logged_in.append(session.authenticated)
        if answer == "dies":
            server.transport.abort()
        return answer


def check_login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == LOGIN, handled=False)


@contextmanager
def catching(*, tls: ssl.SSLContext | None = None, wants_login: bool = False) -> Iterator[Catcher]:
    """Run a server for the time of the block, on a port of its own."""
    catcher, port = Catcher(), choose_free_port()
    controller = Controller(
        catcher,
        hostname="127.0.0.1",
        port=port,
        tls_context=tls,
        auth_required=wants_login and tls is not None,
        auth_require_tls=tls is not None,
        authenticator=check_login if wants_login else None,
    )
    controller.start()
    catcher.url = f"smtp://127.0.0.1:{port}"
    try:
        yield catcher
    finally:
        controller.stop()


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a server's TLS context for 127.0.0.1, and the certificate a client must trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, public
