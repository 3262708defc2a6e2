"""The authority of ``bontri bench rewards``: shops with an offer each, and many wallets with lots, written set-wise.

Wallets and lots are numbered and their ids made of the number, so that whoever shops knows them without asking: every
session of a measurement, and pgbench, which can count and no more. Shops and offers come from the domain.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

from benchmarks.tills import open_shop
from benchmarks.town import AUTHORITY_ID, SLUG
from rewards.keyring import Keyring
from rewards.territory import add_commune, create_authority

SHOPS = 16
WALLET, LOT, CREDIT, SOURCE = 0x0A, 0x10, 0x20, 0x0B
"""Kinds of numbered ids; the lots of a wallet are ``LOT``, ``LOT + 1``, …, and so are the credits in them."""

LIST_SHOPS = text("""
    SELECT s.shop_id, s.account_id, o.offer_id
      FROM shops s JOIN offers o ON o.authority_id = s.authority_id AND o.shop_id = s.shop_id
     WHERE s.authority_id = :authority_id ORDER BY s.shop_id
""")


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop with its one offer."""

    shop_id: UUID
    account_id: UUID
    offer_id: UUID


@dataclass(frozen=True, slots=True)
class LotTerms:
    """What each wallet holds in one lot."""

    expires_on: datetime.date
    points: int


@dataclass(frozen=True, slots=True)
class Market:
    """Who buys where: turn after turn another wallet and another shop, so that no two sessions meet at one."""

    shops: Sequence[Shop]
    wallets: int

    def shop_of(self, turn: int) -> Shop:
        """Return the shop of a turn."""
        return self.shops[turn % len(self.shops)]

    def wallet_of(self, turn: int) -> int:
        """Return the number of the wallet of a turn."""
        return turn % self.wallets


def id_of(kind: int, number: int) -> UUID:
    """Return the id of a numbered row."""
    return UUID(f"{prefix_of(kind)}{number:012x}")


def id_in_sql(kind: int, number: str) -> str:
    """Return the SQL that makes the same id, as text, of the ``number`` another piece of SQL gives."""
    return f"'{prefix_of(kind)}' || lpad(to_hex(CAST({number} AS bigint)), 12, '0')"


def prefix_of(kind: int) -> str:
    """Return what all ids of a kind begin with."""
    return f"{kind:08x}-0000-7000-8000-"


def build_market(connection: Connection, keyring: Keyring, *, now: datetime.datetime) -> None:
    """Write the authority with its shops. Needs the owner's transaction."""
    tenant: dict[str, Any] = {"authority_id": AUTHORITY_ID}
    create_authority(connection, **tenant, slug=SLUG, name="Bench", timezone="Europe/Paris", now=now)
    add_commune(connection, **tenant, insee_code="93066", name="Saint-Denis", population=149_077, population_year=2021)
    open_shops(connection, keyring, now=now)


def open_shops(connection: Connection, keyring: Keyring, *, now: datetime.datetime) -> None:
    """Add the shops, with an offer each, to the authority. Needs the owner's transaction."""
    for number in range(SHOPS):
        open_shop(connection, keyring, number, now=now)


def read_market(connection: Connection, *, wallets: int) -> Market:
    """Return the market of a database."""
    rows = connection.execute(LIST_SHOPS, {"authority_id": AUTHORITY_ID})
    return Market([Shop(*row) for row in rows], wallets)


def load_wallets(conninfo: str, lots: Sequence[LotTerms], *, wallets: int, now: datetime.datetime) -> None:
    """Write numbered wallets with these lots each, credited from an adjustment account; every invariant holds."""
    values: dict[str, Any] = {"last": wallets - 1, "now": now, "source": id_of(SOURCE, 0)}
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET LOCAL synchronous_commit = off")
        connection.execute(
            f"""
            INSERT INTO wallets (authority_id, wallet_id, created_at)
            SELECT {AUTHORITY_ID}, CAST({id_in_sql(WALLET, "g")} AS uuid), %(now)s
              FROM generate_series(0, %(last)s::int) AS g
            """,
            values,
        )
        connection.execute(
            f"""
            INSERT INTO accounts (authority_id, account_id, kind, debits_posted, created_at)
            VALUES ({AUTHORITY_ID}, %(source)s, 'adjustment', %(points)s, %(now)s)
            """,
            {**values, "points": wallets * sum(lot.points for lot in lots)},
        )
        for number, lot in enumerate(lots):
            # A lot of each wallet and month: the months before now serve.
            month = (now.date().replace(day=1) - datetime.timedelta(days=31 * (24 - number))).replace(day=1)
            terms = {**values, "expires_on": lot.expires_on, "points": lot.points, "month": month}
            for statement in LOAD_LOTS:
                kinds = {"lot": LOT + number, "credit": CREDIT + number}
                ids = {name: f"CAST({id_in_sql(kind, 'g')} AS uuid)" for name, kind in kinds.items()}
                wallet = f"CAST({id_in_sql(WALLET, 'g')} AS uuid)"
                connection.execute(statement.format(**ids, wallet=wallet, authority=AUTHORITY_ID), terms)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


LOAD_LOTS = (
    """
    INSERT INTO accounts (authority_id, account_id, kind, expires_on, credits_posted, created_at)
    SELECT {authority}, {lot}, 'lot', %(expires_on)s, %(points)s, %(now)s
      FROM generate_series(0, %(last)s::int) AS g
    """,
    """
    INSERT INTO wallet_accounts (authority_id, account_id, wallet_id, lot_month)
    SELECT {authority}, {lot}, {wallet}, %(month)s FROM generate_series(0, %(last)s::int) AS g
    """,
    """
    INSERT INTO transfers (authority_id, transfer_id, phase, debit_account_id, credit_account_id, points, recorded_at,
                           reason)
    SELECT {authority}, {credit}, 'single', %(source)s, {lot}, %(points)s, %(now)s, 'adjustment'
      FROM generate_series(0, %(last)s::int) AS g
    """,
)
