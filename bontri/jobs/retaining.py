"""The jobs that keep nothing for ever: what is removed with time, and citizens who ask for it or are gone for long."""

from collections.abc import Callable, Mapping
from uuid import UUID

from sqlalchemy import Engine

from bontri.erasing import OneByOne, erase, finish_erasures_of
from ingest.worker import utc_now
from rewards.keyring import Keyring
from rewards.privacy import BEFORE_ALL, ErasureRegister
from rewards.privacy.inactivity import forget_warnings, is_to_be_erased, list_idle, warn_idle
from rewards.privacy.pruning import RULES, prune
from rewards.privacy.requesting import begin_erasure, list_erasure_requests
from rewards.privacy.resting import cut_resting_lots

BY_INACTIVITY, BY_CITIZEN = "inactivity", "citizen"
"""Who asked, in the register of erasures."""


def retain_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Remove what is due by its rule, a bounded transaction at a time; cut old links; finish erasures of yesterday."""
    removed = 0
    for rule in RULES:
        done = -1
        while done:
            with engine.begin() as connection:
                done = prune(connection, rule, authority_id=authority_id, now=utc_now())
            removed += done
    links = cut_resting_of(engine, authority_id)
    return {"rows": removed, "links_cut": links, "erasures_finished": finish_erasures_of(engine, authority_id)}


def cut_resting_of(engine: Engine, authority_id: int) -> int:
    """Cut the links of lots that have been empty for long; return how many."""
    links, after = 0, BEFORE_ALL
    while True:
        with engine.begin() as connection:
            cut, last = cut_resting_lots(connection, authority_id=authority_id, now=utc_now(), after=after)
        links += cut
        if last is None:
            return links
        after = last


def erase_requested_work(keyring: Keyring, register: ErasureRegister) -> Callable[[Engine, int], Mapping[str, int]]:
    """Return the work that erases the citizens who asked for it, and did not take it back in time."""

    def work(engine: Engine, authority_id: int) -> Mapping[str, int]:
        counts, after, one_by_one = {"erased": 0}, BEFORE_ALL, OneByOne(authority_id=authority_id)
        while True:
            with engine.connect() as connection:
                page = list_erasure_requests(connection, authority_id=authority_id, due_by=utc_now(), after=after)
            if not page:
                one_by_one.end()
                return counts
            after = page[-1].citizen_id
            for asked in page:
                with one_by_one.turn(asked.citizen_id):
                    counts["erased"] += erase_requested(engine, asked.citizen_id, authority_id)

    def erase_requested(engine: Engine, citizen_id: UUID, authority_id: int) -> int:
        with engine.begin() as connection:
            is_begun = begin_erasure(connection, citizen_id, authority_id=authority_id, now=utc_now())
        if not is_begun:
            return 0
        erased = erase(engine, keyring, register, citizen_id, authority_id=authority_id, asked_by=BY_CITIZEN)
        return erased.citizens

    return work


def erase_inactive_work(keyring: Keyring, register: ErasureRegister) -> Callable[[Engine, int], Mapping[str, int]]:
    """Return the work that warns and then erases citizens who did nothing for as long as their authority says."""

    def work(engine: Engine, authority_id: int) -> Mapping[str, int]:
        counts = {"warned": 0, "letters": 0, "erased": 0}
        after, one_by_one = BEFORE_ALL, OneByOne(authority_id=authority_id)
        while True:
            with engine.begin() as connection:
                now = utc_now()
                page = list_idle(connection, authority_id=authority_id, now=now, after=after)
                counts["letters"] += warn_idle(connection, page.to_warn, authority_id=authority_id, now=now)
                forget_warnings(connection, page.active_again, authority_id=authority_id)
            counts["warned"] += len(page.to_warn)
            for citizen_id in page.to_erase:
                with one_by_one.turn(citizen_id):
                    with engine.connect() as connection:
                        is_idle = is_to_be_erased(connection, citizen_id, authority_id=authority_id, now=now)
                    if is_idle:
                        erase(engine, keyring, register, citizen_id, authority_id=authority_id, asked_by=BY_INACTIVITY)
                        counts["erased"] += 1
            if page.position is None:
                one_by_one.end()
                return counts
            after = page.position

    return work
