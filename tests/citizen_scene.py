"""A town and one citizen of it, whose badge is B: how they earn and spend, and what the books say."""

import datetime
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self
from uuid import UUID

from sqlalchemy import text

from rewards.citizens import Citizen
from rewards.keyring import Keyring
from rewards.vouchers import issue_voucher
from rewards.wallets import get_wallet
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town, deposit


@dataclass
class CitizenScene:
    """What tests about one citizen's points begin with."""

    more_books: ClassVar[tuple[str, ...]] = ()
    database: Database
    keyring: Keyring
    town: Town
    citizen: Citizen
    now: datetime.datetime
    tenant: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.tenant = {"authority_id": self.town.authority_id}

    @classmethod
    def build(cls, database: Database, keyring: Keyring, now: datetime.datetime, **caps: int) -> Self:
        """Build the town, with ``caps`` of its tariff."""
        with database.engine().begin() as connection:
            town = build_town(connection, keyring, **caps)
            citizen = build_citizen(connection, town, badge="B")
        return cls(database, keyring, town, citizen, now)

    def earn(self, items: int, at: datetime.datetime | None = None) -> UUID:
        """Deposit glass; return the transfer that credits it."""
        with self.database.engine().begin() as connection:
            deposit(connection, self.town, badge="B", items=items, now=at or self.now)
            newest = text("SELECT transfer_id FROM transfers WHERE journal_no IS NOT NULL ORDER BY seq DESC LIMIT 1")
            return UUID(str(connection.scalar(newest)))

    def hold(self, at: datetime.datetime) -> UUID:
        """Take a voucher of 10 points."""
        own = {**self.tenant, "wallet_id": self.citizen.wallet_id}
        with self.database.engine("bontri_api").begin() as connection:
            return issue_voucher(connection, self.keyring, **own, offer_id=self.town.offer_id, now=at)

    def points(self, at: datetime.datetime | None = None) -> int:
        with self.database.engine().connect() as connection:
            return get_wallet(connection, **self.tenant, wallet_id=self.citizen.wallet_id, now=at or self.now).points

    def balance(self, kind: str) -> int:
        """Return what the accounts of a kind hold together."""
        with self.database.engine().connect() as connection:
            sums = text("SELECT sum(credits_posted - debits_posted) FROM accounts WHERE kind = :kind")
            return int(connection.scalar(sums, {"kind": kind}) or 0)

    def books(self) -> list[object]:
        """Return every row a refusal must leave as it was."""
        with self.database.engine().connect() as connection:
            return [
                connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).all()
                for table in ("accounts", "transfers", *self.more_books)
            ]
