"""From a kind and its facts to a message: subject, plain text, the same as simple HTML; nothing remote in it."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context

from bontri.documents.amounts import format_euros
from rewards.keyring import Keyring
from rewards.languages import Language, format_day, name_month, name_points
from rewards.notice_links import make_notices_token
from rewards.outbox import Letter
from rewards.schema.jobs import NOTICE_KINDS

NOTICES_OFF_PATH = "/notices-off"
FOOTER = "\n-- \n"


@dataclass(frozen=True, slots=True)
class Words:
    """What a letter says."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes: the sender's address, with or without a name, and where people reach the API, if that is known."""

    sender: str
    public_url: str | None = None

    def address(self, authority: str) -> Address:
        """Return the sender of an authority's letters: under its name, unless the settings give one."""
        name, plain = parseaddr(self.sender)
        return Address(name or one_line(authority), addr_spec=plain)


@pass_context
def points(context: Context, value: int) -> str:
    """Write points in the letter's language."""
    return name_points(value, context["language"])


@pass_context
def day(context: Context, value: str) -> str:
    """Write a day."""
    return format_day(datetime.date.fromisoformat(value), context["language"])


@pass_context
def month(context: Context, value: str) -> str:
    """Write a month, given by one of its days."""
    return name_month(datetime.date.fromisoformat(value), context["language"])


@pass_context
def euros(context: Context, value: int) -> str:
    """Write an amount given in cents."""
    return format_euros(value, context["language"])


def make_environment() -> Environment:
    """Return the engine: a name that is missing is a mistake, and only HTML is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"points": points, "day": day, "month": month, "euros": euros}
    return environment


TEMPLATES = make_environment()


def find_words(
    kind: str, language: Language, facts: Mapping[str, Any], *, authority: str, off_link: str | None
) -> Words:
    """Say a kind of letter in a language. ``off_link`` of a notice switches notices off.

    Raises:
        jinja2.UndefinedError: a fact the kind needs is missing.
    """
    known: dict[str, Any] = {
        name: one_line(value) if isinstance(value, str) else value for name, value in facts.items()
    }
    known |= {"language": language, "authority": one_line(authority)}
    subject, _, body = TEMPLATES.get_template(f"{language}/{kind}.txt").render(known).partition("\n")
    frame = {**known, "body": body.strip(), "is_notice": kind in NOTICE_KINDS, "off_link": off_link or ""}
    written = TEMPLATES.get_template(f"{language}/frame.txt").render(frame).strip()
    said, _, footer = written.partition(FOOTER)
    html = TEMPLATES.get_template("letter.html").render(
        language=language,
        subject=subject,
        paragraphs=said.split("\n\n"),
        code=known.get("code"),
        footer=footer.removesuffix(off_link or ""),
        off_link=off_link,
    )
    return Words(subject, f"{written}\n", html)


def write_letter(letter: Letter, keyring: Keyring, head: Letterhead) -> EmailMessage:
    """Write the message of a letter; written again it is the same, to whom it was sent twice can tell.

    Raises:
        ValueError: its address is none.
        jinja2.UndefinedError: a fact is missing.
    """
    off_link = None
    if letter.kind in NOTICE_KINDS and letter.citizen_id is not None and head.public_url:
        token = make_notices_token(keyring, slug=letter.slug, citizen_id=letter.citizen_id)
        off_link = f"{head.public_url}{NOTICES_OFF_PATH}/{token}"
    words = find_words(letter.kind, letter.language, letter.facts, authority=letter.authority, off_link=off_link)
    sender = head.address(letter.authority)
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = sender, Address(addr_spec=letter.address)
    message["Subject"] = words.subject
    message["Date"] = format_datetime(letter.created_at)
    message["Message-ID"] = f"<{letter.message_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    if letter.kind in NOTICE_KINDS:
        add_unsubscribing(message, sender, off_link)
    # Quoted-printable passes every server, also those without 8BITMIME.
    message.set_content(words.text, cte="quoted-printable")
    message.add_alternative(words.html, subtype="html", cte="quoted-printable")
    # Last: what is about the content moves to the first part when there are two.
    message["Content-Language"] = letter.language
    return message


def add_unsubscribing(message: EmailMessage, sender: Address, off_link: str | None) -> None:
    """Let mail programs offer to switch notices off: by one request (RFC 8058), else by a letter to the sender."""
    if off_link is None:
        message["List-Unsubscribe"] = f"<mailto:{quote(sender.addr_spec, safe='@')}?subject=unsubscribe>"
        return
    message["List-Unsubscribe"] = f"<{off_link}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def one_line(words: str) -> str:
    """Return words without line breaks: names somebody typed come into subjects and paragraphs."""
    return " ".join(words.split())
