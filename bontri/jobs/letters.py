"""Sending what is in the outbox: letters in French and English, one transaction each, tried again when refused."""

import datetime
import smtplib
from email.message import EmailMessage
from email.utils import make_msgid

import structlog
from sqlalchemy import Engine

from bontri.mail import Deliver
from ingest.worker import utc_now
from rewards.explanations import format_day, name_points
from rewards.keyring import Keyring
from rewards.outbox import Letter, note_not_sent, note_sent, take_letter

log = structlog.get_logger(__name__)

SUBJECTS = {"points_expiring": "{authority} : {points} bientôt perdus / {points_en} expiring soon"}
BODIES = {
    "points_expiring": """\
Bonjour,

{points} de votre compte ne pourront plus être utilisés à partir du {day}.
Dépensez-les avant chez un commerçant partenaire, ou donnez-les.

{authority}

--

Hello,

{points_en} of yours can no longer be spent from {day_en} on.
Spend them before at a partner shop, or give them away.

{authority}
"""
}


def write_letter(letter: Letter, *, sender: str) -> EmailMessage:
    """Write a letter in both languages: citizens have told nobody which they read."""
    day = datetime.date.fromisoformat(letter.facts["expires_on"])
    facts = {
        "authority": letter.authority,
        "points": name_points(letter.facts["points"], "fr"),
        "points_en": name_points(letter.facts["points"], "en"),
        "day": format_day(day, "fr"),
        "day_en": format_day(day, "en"),
    }
    message = EmailMessage()
    message["From"], message["To"] = sender, letter.address
    message["Subject"] = SUBJECTS[letter.kind].format(**facts)
    message["Message-ID"] = make_msgid(domain="bontri.invalid")
    message.set_content(BODIES[letter.kind].format(**facts))
    return message


def send_letters(
    engine: Engine, keyring: Keyring, deliver: Deliver, *, authority_id: int, sender: str
) -> dict[str, int]:
    """Send every letter of an authority that is due; return how many went, and how many did not.

    A letter is held by its own transaction while the mail server is asked, so that nobody sends it beside us.
    """
    counts = {"sent": 0, "not_sent": 0}
    while True:
        with engine.begin() as connection:
            now = utc_now()
            letter = take_letter(connection, keyring, authority_id=authority_id, now=now)
            if letter is None:
                return counts
            fault = hand_over(letter, deliver, sender=sender)
            if fault is None:
                note_sent(connection, letter.message_id, authority_id=authority_id, now=now)
                counts["sent"] += 1
                continue
            log.warning("letter_not_sent", message_id=str(letter.message_id), fault=fault)
            note_not_sent(
                connection,
                letter.message_id,
                authority_id=authority_id,
                is_hopeless=letter.address is None,
                now=now,
            )
            counts["not_sent"] += 1


def hand_over(letter: Letter, deliver: Deliver, *, sender: str) -> str | None:
    """Hand a letter to the mail server; return the kind of fault, None when it was taken."""
    if letter.address is None:
        return "no_address"
    try:
        deliver(write_letter(letter, sender=sender))
    except (OSError, smtplib.SMTPException) as fault:
        return type(fault).__name__
    return None
