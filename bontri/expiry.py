"""``bontri expire-vouchers``: the job that ends vouchers whose time is over, authority by authority."""

from sqlalchemy import select

from bontri.settings import Settings
from ingest.worker import utc_now
from rewards.database import open_engine
from rewards.schema import Authority
from rewards.vouchers import expire_vouchers


def expire_all_vouchers(settings: Settings) -> int:
    """Expire every voucher that is due, a bounded transaction at a time; return how many there were."""
    engine = open_engine(settings.database_url or "", role="bontri_api")
    expired = 0
    with engine.connect() as connection:
        authority_ids = connection.scalars(select(Authority.authority_id)).all()
    for authority_id in authority_ids:
        while True:
            with engine.begin() as connection:
                done = expire_vouchers(connection, authority_id=authority_id, now=utc_now())
            if not done:
                break
            expired += done
    engine.dispose()
    return expired
