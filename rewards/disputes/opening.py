"""Opening a dispute about a movement of one's wallet; one a movement that is not rejected."""

import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.disputes.refusals import DisputeExistsError, MovementUnknownError
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.limits import DAY, Limit, Trier, take_tries
from rewards.wallets import WALLETS_OF

WORDS_PURPOSE = "dispute"
OPENED_BY_CITIZEN = Limit("dispute", 10, DAY)

# What was posted after a review is disputed as the credit it posted: corrections name that one.
FIND = text(f"""
    SELECT CASE t.phase WHEN 'post' THEN t.pending_id ELSE t.transfer_id END
      FROM transfers t
      JOIN wallet_accounts w
        ON w.authority_id = t.authority_id
       AND w.account_id = CASE WHEN t.reason = 'expiry' THEN t.debit_account_id ELSE t.credit_account_id END
     WHERE t.authority_id = :authority_id AND t.transfer_id = :transfer_id AND w.wallet_id = ANY({WALLETS_OF})
       AND ((t.journal_no IS NOT NULL AND t.phase = 'single') OR (t.phase = 'post' AND t.reason = 'review')
            OR t.reason = 'expiry')
""")
# The one row of a movement that is not rejected decides who opens it.
OPEN = text("""
    INSERT INTO disputes (authority_id, dispute_id, citizen_id, transfer_id, reason, words_encrypted, opened_at, state)
    VALUES (:authority_id, :dispute_id, :citizen_id, :transfer_id, :reason, :words, :now, 'open')
    ON CONFLICT (authority_id, transfer_id) WHERE state <> 'rejected' DO NOTHING
""")


def open_dispute(
    connection: Connection,
    keyring: Keyring,
    movement_id: UUID,
    *,
    authority_id: int,
    citizen_id: UUID,
    wallet_id: UUID,
    reason: str,
    words: str,
    now: datetime.datetime,
) -> UUID:
    """Say that a movement is wrong, for one of ``DISPUTE_REASONS`` and in some ``words``; return the dispute's id.

    Raises:
        MovementUnknownError: the wallet has no such credit and no such expiry.
        DisputeExistsError: it is disputed already.
        TooManyTriesError: ten were opened today; the transaction must be rolled back.
    """
    own = {"authority_id": authority_id, "wallet_id": wallet_id, "transfer_id": movement_id}
    transfer_id = connection.scalar(FIND, own)
    if transfer_id is None:
        raise MovementUnknownError
    take_tries(connection, keyring, [Trier(OPENED_BY_CITIZEN, str(citizen_id))], authority_id=authority_id, now=now)
    dispute_id = new_id()
    said = {"reason": reason, "words": keyring.encrypt(words.encode(), purpose=WORDS_PURPOSE), "now": now}
    values = {"authority_id": authority_id, "dispute_id": dispute_id, "citizen_id": citizen_id}
    if connection.execute(OPEN, {**values, **said, "transfer_id": transfer_id}).rowcount == 0:
        raise DisputeExistsError
    return dispute_id
