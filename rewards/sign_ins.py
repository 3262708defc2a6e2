"""Citizens and agents sign in with a code sent by e-mail, and citizens sign up with one.

An address nobody holds gets the same answer by the same work: nobody learns here who takes part. To sign up is to ask
for a code that is sent to a strange address too; whoever enters it is made a citizen then, and not before.
"""

import datetime
import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, insert, select, text

from rewards.agents import find_agent_by_email
from rewards.citizens import (
    EMAIL_PURPOSE,
    EmailTakenError,
    find_citizen_by_email,
    find_contact,
    normalise_email,
    register_citizen,
)
from rewards.errors import RewardsError
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.languages import Language
from rewards.letter_wishes import note_language
from rewards.schema.access import SignInCode
from rewards.schema.territory import Authority
from rewards.sessions import Holder, NewSession, add_session, for_each_holder

CODE_DIGITS = 8
CODE_VALID = datetime.timedelta(minutes=10)
CODE_TRIES = 5


class SignInCodeRefusedError(RewardsError):
    """The code is wrong, used, expired or tried too often; which of these is not told."""

    code = "sign_in_code_refused"


class SignUpClosedError(RewardsError):
    """The authority takes no new citizens here; ask at the town hall."""

    code = "sign_up_closed"


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in under way. ``code`` is to be sent to ``email``, which is None when nobody is to be written to.

    ``is_sign_up``: whoever enters the code becomes a citizen.
    """

    sign_in_id: UUID
    code: str
    email: str | None
    is_sign_up: bool


# One guarded update counts the try and uses the code up: two requests with the right code open one session.
TRY_CODE = for_each_holder("""
    UPDATE sign_in_codes
       SET tries_left = tries_left - 1,
           used_at = CASE WHEN code_digest = :code_digest
                           AND ({holder}_id IS NOT NULL OR ('{holder}' = 'citizen' AND email_encrypted IS NOT NULL))
                          THEN CAST(:now AS timestamptz) END
     WHERE authority_id = :authority_id AND sign_in_id = :sign_in_id AND used_at IS NULL AND expires_at > :now
       AND tries_left > 0
    RETURNING used_at IS NOT NULL AS is_right, {holder}_id AS holder_id, email_encrypted
""")
PRUNE = text("DELETE FROM sign_in_codes WHERE authority_id = :authority_id AND expires_at <= :now")


OPEN_SIGN_INS_MAX = 5

LOCK_HOLDER = text("SELECT pg_advisory_xact_lock(7106003, hashtext(:authority_id || ' ' || :holder_id))")
COUNT_OPEN = for_each_holder("""
    SELECT count(*) FROM sign_in_codes
     WHERE authority_id = :authority_id AND {holder}_id = :holder_id AND expires_at > :now AND used_at IS NULL
""")


def count_open_sign_ins(
    connection: Connection, authority_id: int, holder_id: UUID, now: datetime.datetime, *, holder: Holder = "citizen"
) -> int:
    """Count the codes sent in the last ten minutes and not used, one asker at a time until the transaction ends.

    Codes whose tries are spent count too, or new ones could be asked for without end.
    """
    connection.execute(LOCK_HOLDER, {"authority_id": authority_id, "holder_id": str(holder_id)})
    values = {"authority_id": authority_id, "holder_id": holder_id, "now": now}
    return int(connection.scalar(COUNT_OPEN[holder], values) or 0)


def find_holder(
    connection: Connection, keyring: Keyring, holder: Holder, *, authority_id: int, email: str
) -> tuple[UUID | None, bool]:
    """Find who signs in with this address, None while they are blocked, and tell whether anybody has it."""
    if holder == "agent":
        agent_id = find_agent_by_email(connection, keyring, authority_id=authority_id, email=email)
        return agent_id, agent_id is not None
    contact = find_contact(connection, keyring, authority_id=authority_id, email=email)
    return contact.citizen_id if contact and contact.is_active else None, contact is not None


def begin_sign_up(
    connection: Connection, keyring: Keyring, *, authority_id: int, email: str, now: datetime.datetime
) -> SignIn:
    """Store the digest of a new code for ``email``: a citizen signs in with it, anybody else becomes one.

    Raises:
        SignUpClosedError: the authority takes nobody; whose address it is does not matter.
    """
    if not connection.scalar(select(Authority.sign_up_is_open).where(Authority.authority_id == authority_id)):
        raise SignUpClosedError
    return begin_sign_in(connection, keyring, authority_id=authority_id, email=email, now=now, takes_strangers=True)


def begin_sign_in(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    email: str,
    holder: Holder = "citizen",
    now: datetime.datetime,
    takes_strangers: bool = False,
) -> SignIn:
    """Store the digest of a new code for ``email``, whether or not a citizen, or an agent, has this address.

    Who has too many codes under way is treated like an unknown address: the answer is the same, no e-mail
    leaves, and five codes of five tries are all that can be guessed at in ten minutes, however many ask.
    """
    sign_in_id, address = new_id(), normalise_email(email)
    holder_id, is_known = find_holder(connection, keyring, holder, authority_id=authority_id, email=email)
    # Asked and encrypted for whoever it is: nobody shall tell by the time it takes.
    open_sign_ins = count_open_sign_ins(connection, authority_id, holder_id or sign_in_id, now, holder=holder)
    encrypted = keyring.encrypt(address.encode(), purpose=EMAIL_PURPOSE)
    if open_sign_ins >= OPEN_SIGN_INS_MAX:
        holder_id = None
    is_sign_up = takes_strangers and not is_known
    sign_in = SignIn(sign_in_id, new_code(), address if holder_id or is_sign_up else None, is_sign_up)
    connection.execute(
        insert(SignInCode).values(
            **{f"{holder}_id": holder_id},
            authority_id=authority_id,
            sign_in_id=sign_in.sign_in_id,
            email_encrypted=encrypted if is_sign_up else None,
            code_digest=code_digest(keyring, sign_in.sign_in_id, sign_in.code),
            expires_at=now + CODE_VALID,
            tries_left=CODE_TRIES,
        )
    )
    return sign_in


def open_session(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    sign_in_id: UUID,
    code: str,
    holder: Holder = "citizen",
    language: Language | None = None,
    label: str | None = None,
    now: datetime.datetime,
) -> NewSession | None:
    """Spend one try of a sign-in; open a session when the code is right, else return None.

    ``language`` is the one seen to be used: letters are written in it from now on, unless another was chosen before.
    ``label`` is what the device calls itself. None rather than a refusal, because the caller must commit the spent try.
    """
    tried = connection.execute(
        TRY_CODE[holder],
        {
            "authority_id": authority_id,
            "sign_in_id": sign_in_id,
            "code_digest": code_digest(keyring, sign_in_id, code),
            "now": now,
        },
    ).one_or_none()
    if tried is None or not tried.is_right:
        return None
    holder_id = tried.holder_id
    if holder_id is None:
        email = keyring.decrypt(bytes(tried.email_encrypted), purpose=EMAIL_PURPOSE).decode()
        holder_id = register_or_find(connection, keyring, authority_id=authority_id, email=email, now=now)
    if holder_id is None:
        return None
    if language is not None and holder == "citizen":
        note_language(connection, authority_id=authority_id, citizen_id=holder_id, language=language)
    return add_session(
        connection, keyring, authority_id=authority_id, holder=holder, holder_id=holder_id, label=label, now=now
    )


def register_or_find(
    connection: Connection, keyring: Keyring, *, authority_id: int, email: str, now: datetime.datetime
) -> UUID | None:
    """Make a citizen of an address; of two codes entered at once the second finds the citizen of the first.

    None when the citizen it has become meanwhile is blocked.
    """
    try:
        with connection.begin_nested():
            return register_citizen(connection, keyring, authority_id=authority_id, email=email, now=now).citizen_id
    except EmailTakenError:
        return find_citizen_by_email(connection, keyring, authority_id=authority_id, email=email)


def prune_sign_ins(connection: Connection, *, authority_id: int, now: datetime.datetime) -> int:
    """Remove the codes that are good no more, with the addresses of those who did not sign up; return how many."""
    return connection.execute(PRUNE, {"authority_id": authority_id, "now": now}).rowcount


def new_code() -> str:
    """Return a fresh code; stores nothing."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def code_digest(keyring: Keyring, sign_in_id: UUID, code: str) -> bytes:
    """Return what a sign-in code is compared by; the same code in two sign-ins has two digests."""
    return keyring.secret_digest("sign_in_code", f"{sign_in_id}\n{code}")
