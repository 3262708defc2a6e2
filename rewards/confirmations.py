"""Codes by e-mail that confirm what a citizen who is signed in asks for: whoever has the session alone cannot.

Kept with the codes to sign in, and digested for another purpose: neither is good for the other. The row names nobody,
so that it does not count as a sign-in under way: whose code it is, is in the digest. A code is good for ten minutes and
five tries.
"""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, insert, text

from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.limits import MINUTE, Limit, Trier, take_tries
from rewards.profiles import get_profile
from rewards.schema.access import SignInCode
from rewards.sign_ins import CODE_TRIES, CODE_VALID, new_code

ASKED_BY_CITIZEN = Limit("ask confirmation", 5, 10 * MINUTE)
PURPOSE = "confirmation_code"

# One guarded update counts the try and uses the code up.
TRY_CODE = text("""
    UPDATE sign_in_codes
       SET tries_left = tries_left - 1,
           used_at = CASE WHEN code_digest = :code_digest THEN CAST(:now AS timestamptz) END
     WHERE authority_id = :authority_id AND sign_in_id = :confirmation_id AND citizen_id IS NULL AND agent_id IS NULL
       AND used_at IS NULL AND expires_at > :now AND tries_left > 0
    RETURNING used_at IS NOT NULL AS is_right
""")


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A code that was asked for, to be sent to ``email``."""

    confirmation_id: UUID
    code: str
    email: str


def take_confirmation_try(
    connection: Connection, keyring: Keyring, *, authority_id: int, citizen_id: UUID, now: datetime.datetime
) -> None:
    """Take one of a citizen's tries at asking for a code; to be committed before :func:`begin_confirmation`.

    Raises:
        TooManyTriesError: none is left.
    """
    triers = [Trier(ASKED_BY_CITIZEN, str(citizen_id))]
    take_tries(connection, keyring, triers, authority_id=authority_id, now=now)


def begin_confirmation(
    connection: Connection, keyring: Keyring, *, authority_id: int, citizen_id: UUID, now: datetime.datetime
) -> Confirmation:
    """Store the digest of a new code for the address of a citizen."""
    email = get_profile(connection, keyring, authority_id=authority_id, citizen_id=citizen_id).email
    confirmation = Confirmation(new_id(), new_code(), email)
    connection.execute(
        insert(SignInCode).values(
            authority_id=authority_id,
            sign_in_id=confirmation.confirmation_id,
            code_digest=digest_of(keyring, confirmation.confirmation_id, confirmation.code, citizen_id=citizen_id),
            expires_at=now + CODE_VALID,
            tries_left=CODE_TRIES,
        )
    )
    return confirmation


def confirm(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    citizen_id: UUID,
    confirmation_id: UUID,
    code: str,
    now: datetime.datetime,
) -> bool:
    """Spend one try of a code; tell whether it was right. The caller commits the spent try either way."""
    values = {
        "authority_id": authority_id,
        "confirmation_id": confirmation_id,
        "code_digest": digest_of(keyring, confirmation_id, code, citizen_id=citizen_id),
        "now": now,
    }
    return bool(connection.scalar(TRY_CODE, values))


def digest_of(keyring: Keyring, confirmation_id: UUID, code: str, *, citizen_id: UUID) -> bytes:
    """Return what a code is compared by: good for one citizen alone."""
    return keyring.secret_digest(PURPOSE, f"{confirmation_id}\n{citizen_id}\n{code}")
