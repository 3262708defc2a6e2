"""What of a lot has expired and is still there to be given back, or to be taken back."""

from uuid import UUID

from sqlalchemy import Connection, text

COUNT_EXPIRED = text("""
    SELECT CAST(coalesce(sum(points), 0) AS bigint) FROM (
        SELECT points FROM transfers
         WHERE authority_id = :authority_id AND debit_account_id = :lot AND journal_no IS NULL AND reason = 'expiry'
        UNION ALL
        SELECT -points FROM transfers
         WHERE authority_id = :authority_id AND credit_account_id = :lot AND reason = 'reinstatement'
        UNION ALL
        SELECT -c.expired_points
          FROM transfers t
          JOIN corrections c ON c.authority_id = t.authority_id AND c.transfer_id = t.transfer_id
         WHERE t.authority_id = :authority_id AND t.credit_account_id = :lot AND t.journal_no IS NOT NULL
           AND c.expired_points > 0) AS moved
""")


def count_expired(connection: Connection, lot: UUID, *, authority_id: int) -> int:
    """Return the points swept out of a lot, less those given back to it, less those corrections of its credits took.

    The lot must be locked, or two corrections count the same points.
    """
    points: int = connection.execute(COUNT_EXPIRED, {"authority_id": authority_id, "lot": lot}).scalar_one()
    return points
