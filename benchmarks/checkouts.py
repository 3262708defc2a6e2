"""Checkouts: tills with keys, citizens signed in, and vouchers ready to redeem, for benchmarks of the API.

Vouchers are many and written set-wise. They are numbered, and their ids made of the number (``benchmarks/market.py``),
so that pgbench, which can count and no more, redeems them as a till does.
"""

import datetime
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import psycopg
from sqlalchemy import Connection

from benchmarks.errors import BenchError
from benchmarks.http_load import request_bytes
from benchmarks.market import LOT, Market, Shop, id_in_sql, id_of
from benchmarks.purchases import DIGEST_OF_TURN, KEY, Executed, Script, ScriptWriter, watch
from benchmarks.tills import PRICE_POINTS, give_points, sign_in
from benchmarks.town import AUTHORITY_ID, SLUG
from bontri.documents.annual_reports import annual_report_as_pdf
from bontri.documents.public_reports import public_report_as_pdf
from bontri.documents.statements import statement_as_pdf
from partners_api.app import ApiConfig, create_app
from rewards.api_keys import create_api_key
from rewards.citizens import register_citizen
from rewards.database import open_engine
from rewards.keyring import Keyring
from rewards.vouchers import voucher_text
from rewards.vouchers.codes import digest_of_new_code

CITIZENS = 64
LOTS = 2
VOUCHER, HOLD = 0x30, 0x31
"""Kinds of numbered ids: vouchers, and the transfers that hold their points."""

BALANCE_PATH, REDEMPTION_PATH = "/api/v1/citizen/wallet", "/api/v1/shop/redemptions"


@dataclass(frozen=True, slots=True)
class Checkouts:
    """What a load generator needs: a till's key for each shop of the market, and sessions of citizens."""

    market: Market
    keyring: Keyring = field(repr=False)
    keys: Sequence[str] = field(repr=False)
    sessions: Sequence[str] = field(repr=False)

    def balance_requests(self) -> list[bytes]:
        """Return a request for the balance of each citizen."""
        return [request_bytes("GET", BALANCE_PATH, token=session) for session in self.sessions]

    def redemption_request(self, turn: int) -> bytes:
        """Return the request that redeems the voucher of a turn at its shop."""
        return request_bytes(
            "POST",
            REDEMPTION_PATH,
            token=self.key_of(turn),
            key=str(id_of(KEY, turn)),
            body=json.dumps({"code": self.code_of(turn)}),
        )

    def code_of(self, turn: int) -> str:
        """Return what the QR code of the voucher of a turn says."""
        return voucher_text(self.keyring, authority=SLUG, voucher_id=id_of(VOUCHER, turn))

    def key_of(self, turn: int) -> str:
        """Return the key of the till of a turn."""
        return self.keys[turn % len(self.keys)]

    def code_digest(self, turn: int) -> bytes:
        """Return what the voucher of a turn is found by, when a till redeems it."""
        return digest_of_new_code(self.keyring, id_of(VOUCHER, turn))


def numbered_digest(turn: int) -> bytes:
    """Return what the voucher of a turn is found by when pgbench redeems it, which can compute no code."""
    return hashlib.sha256(turn.to_bytes(8)).digest()


def open_checkouts(connection: Connection, keyring: Keyring, market: Market, *, now: datetime.datetime) -> Checkouts:
    """Give each shop of the market a till, and register citizens who have points and are signed in.

    Needs the owner's transaction.
    """
    tenant: dict[str, Any] = {"authority_id": AUTHORITY_ID}
    keys = [
        create_api_key(connection, keyring, **tenant, audience="shop", shop_id=shop.shop_id, label="till", now=now)
        for shop in market.shops
    ]
    emails = [f"citizen-{number}@example.org" for number in range(CITIZENS)]
    wallet_ids = [register_citizen(connection, keyring, **tenant, email=email, now=now).wallet_id for email in emails]
    for number in range(LOTS):
        give_points(connection, wallet_ids, points=100, now=now - datetime.timedelta(days=31 * number))
    sessions = [sign_in(connection, keyring, email, now=now) for email in emails]
    return Checkouts(market, keyring, [key.secret for key in keys], sessions)


def load_vouchers(
    conninfo: str, market: Market, digests: Sequence[bytes], *, first: int, now: datetime.datetime
) -> None:
    """Issue vouchers numbered from ``first``, each paid from the first lot of its turn's wallet; every invariant holds.

    Whom a turn is about is told by the market; ``digests`` are what they are found by.
    """
    shops = ",".join(f"({number}, {values_of(shop)})" for number, shop in enumerate(market.shops))
    ids = {"voucher": id_in_sql(VOUCHER, "turn"), "hold": id_in_sql(HOLD, "turn")}
    ids["lot"] = id_in_sql(LOT, f"mod(turn, {market.wallets})")
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET LOCAL synchronous_commit = off")
        connection.execute(
            f"""
            CREATE TEMP TABLE wanted ON COMMIT DROP AS
            SELECT CAST({ids["voucher"]} AS uuid) AS voucher_id, CAST({ids["hold"]} AS uuid) AS hold_id,
                   CAST({ids["lot"]} AS uuid) AS lot_id, digest, s.*
              FROM (SELECT %(first)s::bigint + number - 1 AS turn, digest
                      FROM unnest(%(digests)s::bytea[]) WITH ORDINALITY AS d (digest, number)) AS turns
              JOIN (VALUES {shops}) AS s (number, shop_id, account_id, offer_id)
                ON s.number = mod(turn, {len(market.shops)})
            """,
            {"first": first, "digests": list(digests)},
        )
        for statement in LOAD_VOUCHERS:
            connection.execute(statement, {"authority_id": AUTHORITY_ID, "points": PRICE_POINTS, "now": now})
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def values_of(shop: Shop) -> str:
    """Return a shop as SQL values."""
    return ", ".join(f"CAST('{each}' AS uuid)" for each in (shop.shop_id, shop.account_id, shop.offer_id))


LOAD_VOUCHERS = (
    """
    INSERT INTO vouchers (authority_id, voucher_id, offer_id, shop_id, price_points, value_cents, funder_id, status,
                          code_digest, issued_at, expires_at)
    SELECT o.authority_id, w.voucher_id, o.offer_id, o.shop_id, o.price_points, o.value_cents, o.funder_id, 'issued',
           w.digest, %(now)s::timestamptz, %(now)s::timestamptz + interval '30 days'
      FROM wanted w JOIN offers o ON o.authority_id = %(authority_id)s AND o.offer_id = w.offer_id
    """,
    """
    UPDATE offers o SET sold = o.sold + w.vouchers
      FROM (SELECT offer_id, count(*) AS vouchers FROM wanted GROUP BY offer_id) AS w
     WHERE o.authority_id = %(authority_id)s AND o.offer_id = w.offer_id
    """,
    """
    INSERT INTO transfers (authority_id, transfer_id, phase, debit_account_id, credit_account_id, points, recorded_at,
                           voucher_id)
    SELECT %(authority_id)s, hold_id, 'pending', lot_id, account_id, %(points)s, %(now)s, voucher_id FROM wanted
    """,
    """
    UPDATE accounts a SET debits_pending = a.debits_pending + w.points
      FROM (SELECT lot_id, count(*) * %(points)s AS points FROM wanted GROUP BY lot_id) AS w
     WHERE a.authority_id = %(authority_id)s AND a.account_id = w.lot_id
    """,
    """
    UPDATE accounts a SET credits_pending = a.credits_pending + w.points
      FROM (SELECT account_id, count(*) * %(points)s AS points FROM wanted GROUP BY account_id) AS w
     WHERE a.authority_id = %(authority_id)s AND a.account_id = w.account_id
    """,
)


def script_redemptions(url: str, checkouts: Checkouts, *, sessions: int, turns: Sequence[int]) -> Script:
    """Have the API redeem the vouchers of ``turns`` under observation; return the script all of them come to.

    Everything a request has PostgreSQL do is in it, who calls being looked up first.

    Raises:
        BenchError: they differ in something pgbench is not told of, or it cannot be given a statement.
    """
    now = datetime.datetime.now(datetime.UTC)
    scripts = [
        ScriptWriter(
            checkouts.market, turn, digests=sql_of_digests(checkouts, turn), kinds=(VOUCHER, HOLD), since=now
        ).write(watch_redemption(url, checkouts, turn, now=now), sessions=sessions)
        for turn in turns
    ]
    if any(script != scripts[0] for script in scripts):
        raise BenchError("two redemptions differ in more than their numbers: pgbench cannot do the same")
    return scripts[0]


def watch_redemption(url: str, checkouts: Checkouts, turn: int, *, now: datetime.datetime) -> list[Executed]:
    """Have the application redeem the voucher of a turn, and return every statement the driver executed for it."""
    engine = open_engine(url, role="bontri_api", pool_size=1)
    try:
        executed = watch(engine)
        app = create_app(
            ApiConfig(),
            engine=engine,
            keyring=checkouts.keyring,
            agents_engine=engine,
            send_codes=lambda _: None,
            render_statement=statement_as_pdf,
            render_annual_report=annual_report_as_pdf,
            render_public_report=public_report_as_pdf,
            clock=lambda: now,
        )
        answer = app.test_client().post(
            REDEMPTION_PATH,
            json={"code": checkouts.code_of(turn)},
            headers={
                "Authorization": f"Bearer {checkouts.key_of(turn)}",
                "Idempotency-Key": str(id_of(KEY, turn)),
            },
        )
    finally:
        engine.dispose()
    if answer.status_code != HTTPStatus.CREATED:
        raise BenchError(f"a redemption was refused: {answer.text}")
    return executed


def sql_of_digests(checkouts: Checkouts, turn: int) -> dict[bytes, str]:
    """Return the SQL pgbench finds vouchers and keys by, of the digests the API finds those of a turn by."""
    keyring = checkouts.keyring
    of_keys = {
        keyring.secret_digest(purpose, checkouts.key_of(turn)): hex_element(
            [keyring.secret_digest(purpose, key).hex() for key in checkouts.keys], ":shop"
        )
        for purpose in ("session", "api_key")
    }
    return {checkouts.code_digest(turn): DIGEST_OF_TURN, **of_keys}


def hex_element(values: Sequence[str], number: str) -> str:
    """Return SQL for one of a list of bytes written in hexadecimal digits, counted from 1."""
    listed = ",".join(values)
    return f"decode((CAST('{{{listed}}}' AS text[]))[CAST({number} AS integer)], 'hex')"
