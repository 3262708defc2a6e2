"""Sending what is in the outbox: a letter is taken, handed over, and noted, each in a transaction of its own.

The mail server is asked in none of them: it may take longer than a transaction may last.
"""

from dataclasses import dataclass

import structlog
from jinja2 import TemplateError
from sqlalchemy import Engine

from bontri.letters.writing import Letterhead, write_letter
from bontri.mail import Deliver, Fault, judge, open_delivery
from bontri.settings import Settings
from ingest.worker import utc_now
from rewards.keyring import Keyring
from rewards.outbox import Letter, note_not_sent, note_sent, take_letter
from rewards.tenancy import begin_of_tenant

log = structlog.get_logger(__name__)

FAULTS_BEFORE = {
    "no_address": Fault("no_address", is_final=True, is_of_server=False),
    "switched_off": Fault("switched_off", is_final=True, is_of_server=False),
    "unreadable": Fault("unreadable", is_final=False, is_of_server=False),
}
"""What the outbox itself says against sending a letter."""


@dataclass(frozen=True, slots=True)
class PostOffice:
    """Everything a letter needs to leave."""

    keyring: Keyring
    deliver: Deliver
    head: Letterhead


def open_post_office(settings: Settings) -> PostOffice:
    """Compose it from the settings, of which the mail server and the secrets are required."""
    head = Letterhead(settings.mail_from, settings.public_url)
    return PostOffice(settings.keyring(), open_delivery(settings.mail_url or ""), head)


def send_letters(engine: Engine, office: PostOffice, *, authority_id: int, only_urgent: bool = False) -> dict[str, int]:
    """Send the letters of an authority that are due; return how many went, and how many did not.

    A server that is away is left alone until the next run: each letter more would only wait for it. Safe at once with
    others.
    """
    counts = {"sent": 0, "not_sent": 0}
    while True:
        with begin_of_tenant(engine, authority_id=authority_id) as connection:
            letter = take_letter(
                connection, office.keyring, authority_id=authority_id, now=utc_now(), only_urgent=only_urgent
            )
        if letter is None:
            return counts
        fault = hand_over(letter, office)
        note(engine, letter, fault)
        if fault is not None:
            counts["not_sent"] += 1
            if fault.is_of_server:
                return counts
        elif letter.address:
            counts["sent"] += 1


def hand_over(letter: Letter, office: PostOffice) -> Fault | None:
    """Hand a letter to the mail server; return why not, None when it was taken or is for nobody."""
    if letter.fault is not None:
        return FAULTS_BEFORE[letter.fault]
    if not letter.address:
        return None
    if letter.good_until is not None and letter.good_until <= utc_now():
        return Fault("too_late", is_final=True, is_of_server=False)
    try:
        message = write_letter(letter, office.keyring, office.head)
    except (ValueError, TypeError, KeyError, TemplateError) as fault:
        # The type alone: what they say holds the address.
        return Fault(f"unwritable_{type(fault).__name__}", is_final=True, is_of_server=False)
    try:
        office.deliver(message)
    except OSError as error:
        return judge(error)
    return None


def note(engine: Engine, letter: Letter, fault: Fault | None) -> None:
    """Note what became of a letter."""
    with begin_of_tenant(engine, authority_id=letter.authority_id) as connection:
        if fault is None:
            note_sent(connection, letter, now=utc_now())
            return
        is_tried_again = note_not_sent(connection, letter, fault.word, is_final=fault.is_final, now=utc_now())
    told = {"message_id": str(letter.message_id), "kind": letter.kind, "fault": fault.word, "tries": letter.tries}
    if is_tried_again:
        log.warning("letter_not_sent", authority_id=letter.authority_id, **told)
    else:
        log.warning("letter_given_up", authority_id=letter.authority_id, **told)
