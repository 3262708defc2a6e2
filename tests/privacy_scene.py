"""A town whose citizens are erased: who leaves a row in every table, and what is left of them."""

import datetime
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection, text

from rewards.citizens import Citizen
from rewards.disputes.opening import WORDS_PURPOSE
from rewards.errors import RewardsError
from rewards.households import invite_to_wallet
from rewards.ids import new_id
from rewards.letter_wishes import change_letter_wishes
from rewards.privacy import (
    Erased,
    ErasureRegister,
    erase_citizen,
    finish_erasure,
    list_unfinished,
)
from rewards.schema.whole import Base
from rewards.sign_ins import begin_sign_in
from tests.factories import build_citizen, deposit, open_session_for
from tests.ingest_scene import scalar
from tests.integration.test_households import Scene as Households

DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)


class Scene(Households):
    """The households' town, with a register of erasures beside it."""

    register: ErasureRegister

    def privacy(self, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with self.database.engine("bontri_privacy").begin() as connection:
            return work(connection, *arguments, authority_id=7, **named)

    def erase(self, citizen: Citizen, *, at: datetime.datetime | None = None) -> Erased:
        erased: Erased = self.privacy(
            erase_citizen,
            self.keyring,
            self.register,
            citizen.citizen_id,
            asked_by="citizen",
            now=at or self.now + 3 * HOUR,
        )
        return erased

    def finish(self, *, at: datetime.datetime) -> int:
        """Do as the job does."""
        left = self.privacy(list_unfinished, now=at)
        return sum(self.privacy(finish_erasure, citizen_id, now=at) for citizen_id in left)

    def state_of_deposit(self, badge: str) -> str:
        with self.database.engine().begin() as connection:
            return deposit(connection, self.town, badge=badge, items=1, now=self.now + 4 * HOUR).state

    def own_balance(self, kind: str) -> int:
        held = (
            "SELECT a.credits_posted - a.debits_posted FROM accounts a JOIN authority_accounts o"
            " USING (authority_id, account_id) WHERE o.kind = :kind"
        )
        return int(scalar(self.database, held, kind=kind))

    def rows_about(self, citizen: Citizen) -> dict[str, int]:
        """Count the rows that name a citizen or their wallet, by table; the citizen's own left out."""
        ids = {"citizen_id": citizen.citizen_id, "wallet_id": citizen.wallet_id, "principal_id": citizen.citizen_id}
        counts: Counter[str] = Counter()
        with self.database.engine().connect() as connection:
            for name, table in Base.metadata.tables.items():
                for column, value in ids.items():
                    if column in table.columns and name not in ("citizens", "wallets"):
                        found = text(f"SELECT count(*) FROM {name} WHERE {column} = :value")
                        counts[name] += connection.scalar(found, {"value": value}) or 0
        return dict(+counts)


HELD_BY_LOTS = "SELECT coalesce(sum(credits_posted - debits_posted), 0) FROM accounts WHERE kind = 'lot'"


def live(scene: Scene) -> Citizen:
    """Register Eve, who leaves a row in every table that can name her."""
    with scene.database.engine().begin() as connection:
        eve = build_citizen(connection, scene.town, badge="E", email="eve@example.org")
        open_session_for(connection, scene.town, "eve@example.org", now=scene.now)
        begin_sign_in(connection, scene.keyring, authority_id=7, email="eve@example.org", now=scene.now)
        invite_to_wallet(connection, scene.keyring, authority_id=7, wallet_id=eve.wallet_id, now=scene.now)
        change_letter_wishes(connection, authority_id=7, citizen_id=eve.citizen_id, language="en")
        words = scene.keyring.encrypt(b"not mine", purpose=WORDS_PURPOSE)
        own = {"a": 7, "c": eve.citizen_id, "w": eve.wallet_id, "id": new_id(), "now": scene.now, "words": words}
        for statement in (
            "INSERT INTO cap_usages VALUES (:a, :c, 'day', '2026-11-21', 9, 9, 9)",
            "INSERT INTO invitation_tries VALUES (:a, :c, 1, :now)",
            "INSERT INTO idempotent_requests VALUES (:a, :c, 'key', 'x', '{}', :now)",
            "INSERT INTO expiry_warnings VALUES (:a, :w, '2026-12-01', :now)",
            "INSERT INTO disputes (authority_id, dispute_id, citizen_id, transfer_id, reason, words_encrypted,"
            " opened_at, state) VALUES (:a, :id, :c, :id, 'other', :words, :now, 'open')",
            "INSERT INTO erasure_requests VALUES (:a, :c, :now, :now)",
            "INSERT INTO outbox (authority_id, message_id, citizen_id, kind, facts, created_at, next_try_at)"
            " VALUES (:a, :id, :c, 'points_expiring', '{}', :now, :now)",
        ):
            connection.execute(text(statement), own)
    for days, items in ((70, 40), (40, 30), (0, 20)):
        scene.earn("E", items, at=scene.now - days * DAY)
    return eve


def at_once(scene: Scene, works: list[tuple[str, Callable[[Connection], object]]]) -> Counter[str]:
    """Do all at the same instant, each as a role, in a transaction of its own; count what came of it."""
    line = threading.Barrier(len(works))

    def run(work: tuple[str, Callable[[Connection], object]]) -> str:
        role, do = work
        with scene.database.engine(role).connect() as connection:  # type: ignore[arg-type]
            connection.execute(text("SELECT 1"))
            line.wait(30)
            try:
                do(connection)
            except RewardsError as refusal:
                connection.rollback()
                return refusal.code
            connection.commit()
            return "done"

    with ThreadPoolExecutor(len(works)) as pool:
        return Counter(pool.map(run, works))
