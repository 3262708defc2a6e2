"""A town with a citizen who has points, a cause and a collective goal, and the hands that move them."""

import datetime
from collections.abc import Callable
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from rewards.donations import donate_to_cause
from rewards.errors import RewardsError
from rewards.goals import ClosedGoal, Goal, close_goal, donate_to_goal, get_goal, give_back
from rewards.keyring import Keyring
from rewards.lots import expiry_of
from rewards.statements import Movement, list_movements
from rewards.verify import verify
from rewards.wallets import get_wallet
from tests.databases import Database
from tests.factories import Town, build_cause, build_citizen, build_goal, build_holder, build_town, deposit

PARIS = ZoneInfo("Europe/Paris")
DAY = datetime.timedelta(days=1)
BOOKS = ("accounts", "transfers", "donations", "goals", "causes")


class Scene:
    """Ada has 30 points; the goal wants 100 within 90 days, for the cause, which is paid half a cent a point.

    ``over`` is the first day on which points of November 2026 cannot be spent.
    """

    def __init__(self, database: Database, keyring: Keyring, now: datetime.datetime) -> None:
        self.database, self.now, self.ends_at = database, now, now + 90 * DAY
        with database.engine().begin() as connection:
            self.town: Town = build_town(connection, keyring)
            self.ada = build_citizen(connection, self.town, badge="ADA").wallet_id
            self.cause_id = build_cause(connection, self.town, hundred_points_cents=50)
        self.tenant: dict[str, Any] = {"authority_id": self.town.authority_id}
        self.goal_id = self.set_goal(100, ends_at=self.ends_at, to_cause_id=self.cause_id)
        self.over = datetime.datetime.combine(
            expiry_of(now.date().replace(day=1), valid_months=24), datetime.time(0), PARIS
        )
        self.earn(30)

    def earn(self, points: int, *, at: datetime.datetime | None = None) -> None:
        with self.database.engine().begin() as connection:
            deposit(connection, self.town, badge="ADA", items=points, now=at or self.now)

    def join(self, points: int) -> UUID:
        """Let another citizen earn points; return the wallet."""
        with self.database.engine().begin() as connection:
            return build_holder(connection, self.town, points=points, now=self.now).wallet_id

    def set_goal(self, target_points: int, **terms: Any) -> UUID:
        with self.database.engine().begin() as connection:
            return build_goal(connection, self.town, target_points=target_points, **terms)

    def give(self, points: Any, *, to: UUID | None = None, at: datetime.datetime | None = None, **asked: Any) -> UUID:
        """Give points to the cause."""
        return self.donate(donate_to_cause, to or self.cause_id, points, at, asked)

    def give_to_goal(
        self, points: Any, *, to: UUID | None = None, at: datetime.datetime | None = None, **asked: Any
    ) -> UUID:
        return self.donate(donate_to_goal, to or self.goal_id, points, at, asked)

    def donate(
        self, work: Any, receiver_id: UUID, points: Any, at: datetime.datetime | None, asked: dict[str, Any]
    ) -> UUID:
        facts = {**self.tenant, "wallet_id": self.ada, **asked, "points": points, "now": at or self.now}
        with self.database.engine("bontri_api").begin() as connection:
            donation_id: UUID = work(connection, receiver_id, **facts)
        return donation_id

    def close(self, goal_id: UUID | None = None, *, at: datetime.datetime | None = None) -> ClosedGoal:
        with self.database.engine("bontri_api").begin() as connection:
            return close_goal(connection, goal_id or self.goal_id, **self.tenant, now=at or self.ends_at)

    def give_back(self, *, at: datetime.datetime | None = None, limit: int = 100) -> list[int]:
        """Give back what is owed; return how many donations each batch came to."""
        batches: list[int] = []
        while True:
            with self.database.engine("bontri_api").begin() as connection:
                returned = give_back(connection, **self.tenant, now=at or self.ends_at, limit=limit)
            if returned is None:
                return batches
            batches.append(returned)

    def goal(self, goal_id: UUID | None = None) -> Goal:
        with self.database.engine("bontri_reader").connect() as connection:
            return get_goal(connection, goal_id or self.goal_id, **self.tenant)

    def points(self, wallet_id: UUID | None = None, *, at: datetime.datetime | None = None) -> int:
        with self.database.engine().connect() as connection:
            return get_wallet(connection, **self.tenant, wallet_id=wallet_id or self.ada, now=at or self.now).points

    def held(self, kind: str) -> int:
        """What all accounts of a kind hold."""
        with self.database.engine().connect() as connection:
            sums = text("SELECT sum(credits_posted - debits_posted) FROM accounts WHERE kind = :kind")
            return int(connection.scalar(sums, {"kind": kind}) or 0)

    def movements(self) -> list[Movement]:
        with self.database.engine("bontri_api").connect() as connection:
            return list_movements(connection, **self.tenant, wallet_id=self.ada, timezone=PARIS)

    def books(self) -> list[object]:
        with self.database.engine().connect() as connection:
            return [connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).all() for table in BOOKS]

    def assert_refused(self, refusal: type[RewardsError], work: Callable[[], object]) -> None:
        """Assert that ``work`` is refused so, and that nothing has changed."""
        before = self.books()
        with pytest.raises(refusal):
            work()
        assert self.books() == before

    def assert_sound(self) -> None:
        assert [each for each in verify(self.database.engine("bontri_reader")).findings if each.violations] == []
