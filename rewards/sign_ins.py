"""Citizens sign in with a code sent by e-mail; a session is a row, so that it can be revoked.

An address nobody holds gets the same answer by the same work: nobody learns here who takes part.
"""

import datetime
import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, insert, text, update

from rewards.access import new_token
from rewards.citizens import find_citizen_by_email, normalise_email
from rewards.errors import RewardsError
from rewards.explanations import Language
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.letter_wishes import note_language
from rewards.schema import Session as SessionRow
from rewards.schema import SignInCode

CODE_DIGITS = 8
CODE_VALID = datetime.timedelta(minutes=10)
CODE_TRIES = 5
SESSION_VALID = datetime.timedelta(days=90)


class SignInCodeRefusedError(RewardsError):
    """The code is wrong, used, expired or tried too often; which of these is not told."""

    code = "sign_in_code_refused"


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in under way. ``code`` is to be sent to ``email``, which is None when no citizen has the address."""

    sign_in_id: UUID
    code: str
    email: str | None


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just opened; ``token`` is stored nowhere and shown this once."""

    session_id: UUID
    token: str
    expires_at: datetime.datetime


# One guarded update counts the try and uses the code up: two requests with the right code open one session.
TRY_CODE = text("""
    UPDATE sign_in_codes
       SET tries_left = tries_left - 1,
           used_at = CASE WHEN code_digest = :code_digest AND citizen_id IS NOT NULL
                          THEN CAST(:now AS timestamptz) END
     WHERE authority_id = :authority_id AND sign_in_id = :sign_in_id AND used_at IS NULL AND expires_at > :now
       AND tries_left > 0
    RETURNING CASE WHEN used_at IS NOT NULL THEN citizen_id END
""")


OPEN_SIGN_INS_MAX = 5

LOCK_CITIZEN = text("SELECT pg_advisory_xact_lock(7106003, hashtext(:authority_id || ' ' || :citizen_id))")
COUNT_OPEN = text("""
    SELECT count(*) FROM sign_in_codes
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND expires_at > :now AND used_at IS NULL
""")


def count_open_sign_ins(connection: Connection, authority_id: int, citizen_id: UUID, now: datetime.datetime) -> int:
    """Count the codes sent in the last ten minutes and not used, one asker at a time until the transaction ends.

    Codes whose tries are spent count too, or new ones could be asked for without end.
    """
    connection.execute(LOCK_CITIZEN, {"authority_id": authority_id, "citizen_id": str(citizen_id)})
    values = {"authority_id": authority_id, "citizen_id": citizen_id, "now": now}
    return int(connection.scalar(COUNT_OPEN, values) or 0)


def begin_sign_in(
    connection: Connection, keyring: Keyring, *, authority_id: int, email: str, now: datetime.datetime
) -> SignIn:
    """Store the digest of a new code for ``email``, whether or not a citizen has this address.

    A citizen with too many codes under way is treated like an unknown address: the answer is the same, no e-mail
    leaves, and five codes of five tries are all that can be guessed at in ten minutes, however many ask.
    """
    citizen_id = find_citizen_by_email(connection, keyring, authority_id=authority_id, email=email)
    if citizen_id is not None and count_open_sign_ins(connection, authority_id, citizen_id, now) >= OPEN_SIGN_INS_MAX:
        citizen_id = None
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    sign_in = SignIn(new_id(), code, normalise_email(email) if citizen_id else None)
    connection.execute(
        insert(SignInCode).values(
            authority_id=authority_id,
            sign_in_id=sign_in.sign_in_id,
            citizen_id=citizen_id,
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
    language: Language | None = None,
    now: datetime.datetime,
) -> NewSession | None:
    """Spend one try of a sign-in; open a session when the code is right, else return None.

    ``language`` is the one seen to be used: letters are written in it from now on, unless another was chosen before.
    None rather than a refusal, because the caller must commit the spent try.
    """
    citizen_id = connection.scalar(
        TRY_CODE,
        {
            "authority_id": authority_id,
            "sign_in_id": sign_in_id,
            "code_digest": code_digest(keyring, sign_in_id, code),
            "now": now,
        },
    )
    if citizen_id is None:
        return None
    if language is not None:
        note_language(connection, authority_id=authority_id, citizen_id=citizen_id, language=language)
    session = NewSession(new_id(), new_token(connection, authority_id=authority_id), now + SESSION_VALID)
    connection.execute(
        insert(SessionRow).values(
            authority_id=authority_id,
            session_id=session.session_id,
            citizen_id=citizen_id,
            token_digest=keyring.secret_digest("session", session.token),
            created_at=now,
            expires_at=session.expires_at,
        )
    )
    return session


def revoke_session(connection: Connection, *, authority_id: int, session_id: UUID, now: datetime.datetime) -> bool:
    """Refuse a session from now on; return False when there was nothing left to revoke."""
    result = connection.execute(
        update(SessionRow)
        .where(
            SessionRow.authority_id == authority_id,
            SessionRow.session_id == session_id,
            SessionRow.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
    return result.rowcount == 1


def code_digest(keyring: Keyring, sign_in_id: UUID, code: str) -> bytes:
    """Return what a sign-in code is compared by; the same code in two sign-ins has two digests."""
    return keyring.secret_digest("sign_in_code", f"{sign_in_id}\n{code}")
