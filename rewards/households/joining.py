"""Joining a household takes two consents: a member makes a code, and another citizen types it in.

The code has 40 bits, is good once and for ten minutes, and a citizen has five tries in ten minutes
(``rewards/tries.py``). Only somebody alone in their wallet joins: others in it would be taken along unasked.
"""

import datetime
import secrets
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.households.changes import lock_wallets
from rewards.households.merging import Merged, merge_wallets
from rewards.households.refusals import (
    HouseholdTooSoonError,
    InvitationLockedError,
    InvitationUnknownError,
    WalletSharedError,
)
from rewards.households.splitting import count_members
from rewards.keyring import CROCKFORD, LOOK_ALIKES, Keyring
from rewards.tries import Tries

CHARACTERS = 8
GOOD_FOR = datetime.timedelta(minutes=10)
AFTER_LEAVING = datetime.timedelta(days=30)
"""Else one could leave and come back to get round what an offer gives to each wallet."""

TRIES = Tries("invitation_tries", "citizen_id", most=5, window=datetime.timedelta(minutes=10))

KEEP = text("""
    INSERT INTO wallet_invitations (authority_id, wallet_id, code_digest, expires_at)
    VALUES (:authority_id, :wallet_id, :code_digest, :expires_at)
    ON CONFLICT (authority_id, wallet_id) DO UPDATE
       SET code_digest = excluded.code_digest, expires_at = excluded.expires_at, accepted_at = NULL
""")
ACCEPT = text("""
    UPDATE wallet_invitations i SET accepted_at = :now
      FROM wallets w
     WHERE i.authority_id = :authority_id AND i.code_digest = :code_digest AND i.accepted_at IS NULL
       AND i.expires_at > :now AND i.wallet_id <> :wallet_id
       AND w.authority_id = i.authority_id AND w.wallet_id = i.wallet_id AND w.merged_into IS NULL
    RETURNING i.wallet_id
""")
FIND_OWN = text("""
    SELECT 1 FROM wallet_invitations
     WHERE authority_id = :authority_id AND code_digest = :code_digest AND wallet_id = :wallet_id
       AND accepted_at IS NOT NULL
""")
FIND_LEFT = text("""
    SELECT 1 FROM wallet_changes
     WHERE authority_id = :authority_id AND to_wallet_id = :wallet_id AND kind = 'split' AND made_at > :since
""")


def invite_to_wallet(
    connection: Connection, keyring: Keyring, *, authority_id: int, wallet_id: UUID, now: datetime.datetime
) -> tuple[str, datetime.datetime]:
    """Make the code by which somebody may join the wallet, in place of an earlier one; return until when it is good."""
    code = "".join(secrets.choice(CROCKFORD) for _ in range(CHARACTERS))
    expires_at = now + GOOD_FOR
    connection.execute(
        KEEP,
        {
            "authority_id": authority_id,
            "wallet_id": wallet_id,
            "code_digest": digest_of_invitation(keyring, code),
            "expires_at": expires_at,
        },
    )
    return code, expires_at


def take_invitation_try(connection: Connection, *, authority_id: int, citizen_id: UUID, now: datetime.datetime) -> None:
    """Take one of a citizen's tries; to be committed before :func:`accept_invitation`.

    Raises:
        InvitationLockedError: none is left for now.
    """
    if not TRIES.take(connection, citizen_id, authority_id=authority_id, now=now):
        raise InvitationLockedError(TRIES.find_wait_s(connection, citizen_id, authority_id=authority_id, now=now))


def accept_invitation(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    citizen_id: UUID,
    wallet_id: UUID,
    code: str,
    now: datetime.datetime,
) -> Merged:
    """Merge the wallet of a citizen who has typed a code into the wallet it is for; the try is given back.

    The statement of the household tells every movement of its members, earlier ones too: say so before.

    Raises:
        InvitationUnknownError: no other wallet has the code, or no longer.
        HouseholdTooSoonError: the citizen left a household within ``AFTER_LEAVING``.
        WalletSharedError: the citizen shares a wallet already.
        WalletChangedError: one of the wallets was merged or left at the same moment.
    """
    values = {
        "authority_id": authority_id,
        "wallet_id": wallet_id,
        "code_digest": digest_of_invitation(keyring, code),
        "now": now,
        "since": now - AFTER_LEAVING,
    }
    to_wallet_id = connection.scalar(ACCEPT, values)
    if to_wallet_id is None:
        if connection.execute(FIND_OWN, values).first() is None:
            raise InvitationUnknownError
        return Merged(wallet_id, 0, is_repeat=True)
    if connection.execute(FIND_LEFT, values).first() is not None:
        raise HouseholdTooSoonError
    lock_wallets(connection, [wallet_id, to_wallet_id], authority_id=authority_id)
    if count_members(connection, authority_id=authority_id, wallet_id=wallet_id) > 1:
        raise WalletSharedError
    merged = merge_wallets(
        connection,
        authority_id=authority_id,
        from_wallet_id=wallet_id,
        to_wallet_id=to_wallet_id,
        made_by="citizens",
        now=now,
    )
    TRIES.give_back(connection, citizen_id, authority_id=authority_id)
    return merged


def digest_of_invitation(keyring: Keyring, entered: str) -> bytes:
    """Return what an invitation is found by; look-alikes and blanks are forgiven."""
    return keyring.secret_digest("invitation", entered.upper().translate(LOOK_ALIKES))
