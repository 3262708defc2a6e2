"""The errands every worker has: telling bins what they are to know, and watching over them, authority by authority.

Several workers may run them at once: a message is taken by one of them only, and only one looks at a fleet.
"""

import datetime
import threading
from collections.abc import Callable
from time import perf_counter

import structlog
from sqlalchemy import Engine, text

from ingest.downlink import MOST_A_TURN, Downlink, Publisher
from ingest.errands import Errand
from ingest.worker import describe_fault
from rewards.fleet_watch import watch_fleet
from rewards.keyring import Keyring

log = structlog.get_logger(__name__)

DOWNLINK_EVERY_S = 1.0
WATCH_EVERY_S = 10.0

LIST_AUTHORITIES = text("SELECT authority_id, slug FROM authorities ORDER BY authority_id")


def list_fleet_errands(
    engine: Engine,
    publisher: Publisher,
    keyring: Keyring,
    *,
    stop: threading.Event,
    downlink_every_s: float = DOWNLINK_EVERY_S,
    watch_every_s: float = WATCH_EVERY_S,
) -> list[Errand]:
    """List the errands of a worker; ``engine`` is theirs alone and works as ``bontri_ingest``."""
    downlink = Downlink(engine, publisher, keyring)

    def tell_bins(now: datetime.datetime) -> None:
        left = MOST_A_TURN

        def tell(authority_id: int, slug: str) -> None:
            nonlocal left
            left -= downlink.tell(authority_id=authority_id, slug=slug, now=now, most=left)

        for_each_authority(engine, "downlink", tell, stop=stop)

    def watch(now: datetime.datetime) -> None:
        for_each_authority(
            engine,
            "fleet_watch",
            lambda authority_id, slug: watch_authority(engine, authority_id=authority_id, slug=slug, now=now),
            stop=stop,
        )

    return [Errand("downlink", downlink_every_s, tell_bins), Errand("fleet_watch", watch_every_s, watch)]


def for_each_authority(engine: Engine, name: str, work: Callable[[int, str], None], *, stop: threading.Event) -> None:
    """Do ``work`` for every authority until stopped; one that fails is logged and does not keep it from the others.

    Raises:
        sqlalchemy.exc.DBAPIError: not even the authorities can be listed.
    """
    with engine.connect() as connection:
        authorities = connection.execute(LIST_AUTHORITIES).all()
    for authority_id, slug in authorities:
        if stop.is_set():
            return
        try:
            work(authority_id, slug)
        except Exception as fault:  # noqa: BLE001 (a top, for one authority)
            log.error("errand_failed", errand=name, authority=slug, **describe_fault(fault))


def watch_authority(engine: Engine, *, authority_id: int, slug: str, now: datetime.datetime) -> None:
    """Look at one fleet, and log what is new once it is committed."""
    started_s = perf_counter()
    with engine.begin() as connection:
        look = watch_fleet(connection, authority_id=authority_id, now=now)
    if look is None:
        return
    for sighting in look.raised:
        log.warning("bin_alarm_raised", authority=slug, bin_id=sighting.bin_id, kind=sighting.kind)
    for bin_id, kind in look.ended:
        log.info("bin_alarm_ended", authority=slug, bin_id=bin_id, kind=kind)
    log.debug("fleet_watched", authority=slug, resends=look.resends, ms=round((perf_counter() - started_s) * 1000, 1))
