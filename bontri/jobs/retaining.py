"""The jobs that keep nothing for ever: what is removed with time, erasures finished, citizens who are gone for long."""

from collections.abc import Callable, Mapping

from sqlalchemy import Engine

from bontri.erasing import erase, finish_erasures_of
from ingest.worker import utc_now
from rewards.keyring import Keyring
from rewards.privacy import BEFORE_ALL, ErasureRegister
from rewards.privacy.inactivity import forget_warnings, is_to_be_erased, list_idle, warn_idle
from rewards.privacy.pruning import RULES, prune

ASKED_BY = "inactivity"


def retain_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Remove what is due by its rule, a bounded transaction at a time; finish erasures of yesterday."""
    removed = 0
    for rule in RULES:
        done = -1
        while done:
            with engine.begin() as connection:
                done = prune(connection, rule, authority_id=authority_id, now=utc_now())
            removed += done
    return {"rows": removed, "erasures_finished": finish_erasures_of(engine, authority_id)}


def erase_inactive_work(keyring: Keyring, register: ErasureRegister) -> Callable[[Engine, int], Mapping[str, int]]:
    """Return the work that warns and then erases citizens who did nothing for as long as their authority says."""

    def work(engine: Engine, authority_id: int) -> Mapping[str, int]:
        counts = {"warned": 0, "letters": 0, "erased": 0}
        after = BEFORE_ALL
        while True:
            with engine.begin() as connection:
                now = utc_now()
                page = list_idle(connection, authority_id=authority_id, now=now, after=after)
                counts["letters"] += warn_idle(connection, page.to_warn, authority_id=authority_id, now=now)
                forget_warnings(connection, page.active_again, authority_id=authority_id)
            counts["warned"] += len(page.to_warn)
            for citizen_id in page.to_erase:
                with engine.connect() as connection:
                    is_idle = is_to_be_erased(connection, citizen_id, authority_id=authority_id, now=now)
                if is_idle:
                    erase(engine, keyring, register, citizen_id, authority_id=authority_id, asked_by=ASKED_BY)
                    counts["erased"] += 1
            if page.position is None:
                return counts
            after = page.position

    return work
