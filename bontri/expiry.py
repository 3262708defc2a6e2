"""The jobs that end what is over, authority by authority: vouchers, then points."""

from sqlalchemy import Engine, select

from ingest.worker import utc_now
from rewards.expiry import expire_points, first_position, note_expired
from rewards.schema import Authority
from rewards.vouchers import expire_vouchers

MOST_PASSES = 3
"""Lots that a redemption held are visited again; who holds one for so long is left to the next run."""


def list_authority_ids(engine: Engine) -> list[int]:
    """List the authorities a job goes through."""
    with engine.connect() as connection:
        return list(connection.scalars(select(Authority.authority_id).order_by(Authority.authority_id)))


def expire_all_vouchers(engine: Engine) -> int:
    """Expire every voucher that is due, a bounded transaction at a time; return how many there were."""
    expired = 0
    for authority_id in list_authority_ids(engine):
        done = -1
        while done:
            with engine.begin() as connection:
                done = expire_vouchers(connection, authority_id=authority_id, now=utc_now())
            expired += done
    return expired


def expire_all_points(engine: Engine) -> tuple[int, int]:
    """Expire the points of every lot that is due, a small batch at a time; return how many lots and points."""
    lots = points = 0
    for authority_id in list_authority_ids(engine):
        for _ in range(MOST_PASSES):
            with engine.connect() as connection:
                position = first_position(connection, authority_id=authority_id)
            while True:
                with engine.begin() as connection:
                    swept = expire_points(connection, authority_id=authority_id, now=utc_now(), after=position)
                lots, points = lots + swept.lots, points + swept.points
                if swept.position is None:
                    break
                position = swept.position
            with engine.begin() as connection:
                if note_expired(connection, authority_id=authority_id, now=utc_now()):
                    break
    return lots, points
