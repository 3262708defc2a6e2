"""An authority with citizens signed in and vouchers ready to redeem, for benchmarks of the API."""

import datetime
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, insert, make_url, text

from rewards.api_keys import create_api_key
from rewards.citizens import register_citizen
from rewards.database import migrate, open_engine
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.ledger import Transfer, record_transfers
from rewards.lots import lot_month_of, open_lots
from rewards.offers import OfferTerms, put_on_sale
from rewards.schema import Account
from rewards.shops import create_shop
from rewards.sign_ins import begin_sign_in, open_session
from rewards.territory import add_commune, create_authority
from rewards.vouchers import issue_voucher, voucher_text

AUTHORITY_ID, SLUG = 1, "bench"
CITIZENS = 200
SHOPS = 20
PRICE_POINTS = 10


@dataclass(frozen=True, slots=True)
class BenchTill:
    """What a load generator needs: sessions of citizens, and (till's key, code) of vouchers not yet redeemed."""

    sessions: list[str]
    redeemable: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class BenchShop:
    """A shop with one offer, and the key of its till."""

    shop_id: UUID
    offer_id: UUID
    till_key: str = field(repr=False)


@contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """Make a migrated database for the time of the block."""
    name = f"bontri_bench_{secrets.token_hex(4)}"
    server = open_engine(server_url, role="owner")
    url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
    run_on_server(server, f"CREATE DATABASE {name}")
    try:
        owner = open_engine(url, role="owner")
        with owner.connect() as connection:
            migrate(connection)
        owner.dispose()
        yield url
    finally:
        run_on_server(server, f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()


def run_on_server(server: Engine, statement: str) -> None:
    """Run a statement that cannot be in a transaction."""
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(statement)


def build_till(url: str, keyring: Keyring, *, vouchers: int, now: datetime.datetime) -> BenchTill:
    """Write an authority with shops, citizens who have points, and ``vouchers`` issued among them, by turns."""
    owner = open_engine(url, role="owner")
    tenant: dict[str, Any] = {"authority_id": AUTHORITY_ID}
    with owner.begin() as connection:
        create_authority(connection, **tenant, slug=SLUG, name="Bench", timezone="Europe/Paris", now=now)
        add_commune(
            connection, **tenant, insee_code="93066", name="Saint-Denis", population=149_077, population_year=2021
        )
        shops = [open_shop(connection, keyring, number, now=now) for number in range(SHOPS)]
        emails = [f"citizen-{number}@example.org" for number in range(CITIZENS)]
        wallet_ids = [
            register_citizen(connection, keyring, **tenant, email=email, now=now).wallet_id for email in emails
        ]
        give_points(connection, wallet_ids, points=PRICE_POINTS * (vouchers // CITIZENS + 1) + 100, now=now)
        sessions = [sign_in(connection, keyring, email, now=now) for email in emails]
        issued = [
            issue_voucher(
                connection,
                keyring,
                **tenant,
                wallet_id=wallet_ids[number % CITIZENS],
                offer_id=shops[number % SHOPS].offer_id,
                now=now,
            )
            for number in range(vouchers)
        ]
        connection.execute(text("ANALYZE"))
    owner.dispose()
    codes = [voucher_text(keyring, authority=SLUG, voucher_id=voucher_id) for voucher_id in issued]
    return BenchTill(sessions, [(shops[number % SHOPS].till_key, code) for number, code in enumerate(codes)])


def open_shop(connection: Connection, keyring: Keyring, number: int, *, now: datetime.datetime) -> BenchShop:
    """Add a shop with one offer and one till."""
    tenant: dict[str, Any] = {"authority_id": AUTHORITY_ID}
    shop = create_shop(connection, **tenant, name=f"Shop {number}", address="", insee_code="93066", now=now)
    offer_id = put_on_sale(connection, OfferTerms("Offer", PRICE_POINTS, 100, shop.shop_id), **tenant)
    key = create_api_key(connection, keyring, **tenant, audience="shop", shop_id=shop.shop_id, label="till", now=now)
    return BenchShop(shop.shop_id, offer_id, key.secret)


def give_points(connection: Connection, wallet_ids: list[UUID], *, points: int, now: datetime.datetime) -> None:
    """Credit each wallet from an adjustment account."""
    source = new_id()
    values = {"authority_id": AUTHORITY_ID, "account_id": source, "kind": "adjustment", "created_at": now}
    connection.execute(insert(Account).values(values))
    lots = open_lots(
        connection,
        [str(each) for each in wallet_ids],
        authority_id=AUTHORITY_ID,
        lot_month=lot_month_of(now.date()),
        valid_months=24,
        now=now,
    )
    credits = [Transfer(source, account_id, points, reason="adjustment") for account_id in lots.values()]
    record_transfers(connection, credits, authority_id=AUTHORITY_ID, now=now)


def sign_in(connection: Connection, keyring: Keyring, email: str, *, now: datetime.datetime) -> str:
    """Return the token of a session opened for the citizen with this address."""
    asked = begin_sign_in(connection, keyring, authority_id=AUTHORITY_ID, email=email, now=now)
    session = open_session(
        connection, keyring, authority_id=AUTHORITY_ID, sign_in_id=asked.sign_in_id, code=asked.code, now=now
    )
    if session is None:
        raise LookupError("a code just made was refused")
    return session.token
