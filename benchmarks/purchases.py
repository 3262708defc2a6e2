"""A purchase, as the domain does it: a voucher is issued in one transaction and redeemed in another.

Played by sessions (``benchmarks/sessions.py``), and once more under observation, to hand pgbench the very statements.
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Engine, event

from benchmarks.errors import BenchError
from benchmarks.market import LOT, WALLET, Market, id_in_sql, id_of
from benchmarks.town import AUTHORITY_ID
from ingest.worker import utc_now
from rewards.database import open_engine
from rewards.keyring import Keyring
from rewards.vouchers import issue_voucher, redeem_voucher
from rewards.vouchers.codes import digest_of_new_code

KEY, NEW = 0x0C, 0x0D
"""Kinds of numbered ids: the keys of redemptions, and whatever a purchase makes anew."""

DIGEST_OF_TURN = "sha256(int8send(CAST(:turn AS bigint)))"
"""What stands for the digest of a code, which pgbench cannot derive."""

IDS_A_TURN = 16
"""How many new ids pgbench has for one purchase."""

A_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
A_PARAMETER = re.compile(r"%\((\w+)\)s")
A_VARIABLE = re.compile(r"(?<!:):\w")


def purchase(engine: Engine, keyring: Keyring, market: Market, turn: int, *, now: datetime.datetime) -> UUID:
    """Issue a voucher to the wallet of a turn and redeem it at its shop; two transactions. Return its id."""
    shop, wallet_id = market.shop_of(turn), id_of(WALLET, market.wallet_of(turn))
    with engine.begin() as connection:
        voucher_id = issue_voucher(
            connection,
            keyring,
            authority_id=AUTHORITY_ID,
            wallet_id=wallet_id,
            offer_id=shop.offer_id,
            now=now,
        )
    with engine.begin() as connection:
        redeem_voucher(
            connection,
            keyring,
            authority_id=AUTHORITY_ID,
            shop_id=shop.shop_id,
            code=keyring.voucher_code(voucher_id),
            redemption_key=str(id_of(KEY, turn)),
            now=now,
        )
    return voucher_id


@dataclass(frozen=True, slots=True)
class Executed:
    """A statement as the driver was given it, or the end of a transaction."""

    statement: str
    parameters: Mapping[str, Any]


COMMIT = Executed("COMMIT", {})


def watch_purchase(
    engine: Engine, keyring: Keyring, market: Market, turn: int, *, now: datetime.datetime
) -> tuple[list[Executed], UUID]:
    """Make a purchase and return every statement the driver executed for it, and the voucher's id."""
    executed = watch(engine)
    voucher_id = purchase(engine, keyring, market, turn, now=now)
    return executed, voucher_id


def watch(engine: Engine) -> list[Executed]:
    """Return a list that every statement the driver executes for ``engine`` is added to from now on.

    ``engine`` must have no connection yet: its cursors are ours.
    """
    executed: list[Executed] = []

    class WatchedCursor(psycopg.Cursor[Any]):
        """Notes what passes; also what the domain gives the driver past SQLAlchemy."""

        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            executed.append(Executed(str(query), dict(params or {})))
            return super().execute(query, params, **options)

    def give_cursor(connection: Any, _record: Any) -> None:
        connection.cursor_factory = WatchedCursor

    event.listen(engine, "connect", give_cursor)
    event.listen(engine, "commit", lambda _: executed.append(COMMIT))
    with engine.connect():
        executed.clear()  # what a new connection asks
    return executed


@dataclass(frozen=True, slots=True)
class Script:
    """A script for pgbench, and the values of the variables that stay the same."""

    text: str
    constants: Mapping[str, str]


class ScriptWriter:
    """Writes statements of one purchase as a script whose every round is another purchase.

    Whatever names the turn (ids, the code's digest, the key) becomes an expression of the turn's number; everything
    else stays a parameter of the same value. Two purchases must come to the same script: nothing was missed.
    """

    def __init__(
        self,
        market: Market,
        turn: int,
        *,
        digests: Mapping[bytes, str],
        kinds: Sequence[int] = (),
        since: datetime.datetime,
    ) -> None:
        """``digests`` is the SQL of every digest a statement is given; ``kinds`` of ids are numbered by the turn."""
        self._market, self._since_ms = market, int(since.timestamp() * 1000)
        wallet, shop = market.wallet_of(turn), market.shop_of(turn)
        self._known = {
            str(id_of(WALLET, wallet)): id_in_sql(WALLET, ":wallet"),
            **{str(id_of(kind, wallet)): id_in_sql(kind, ":wallet") for kind in range(LOT, LOT + 8)},
            **{str(id_of(kind, turn)): id_in_sql(kind, ":turn") for kind in (KEY, *kinds)},
            **{
                str(getattr(shop, name)): array_element([str(getattr(each, name)) for each in market.shops], ":shop")
                for name in ("shop_id", "account_id", "offer_id")
            },
        }
        self._digests = digests
        self._constants: dict[str, str] = {}
        self._new_ids: list[str] = []

    def write(self, executed: Sequence[Executed], *, sessions: int) -> Script:
        """Return the script for so many sessions of pgbench; they take turns as ours do."""
        statements = [self._statement(each) for each in executed]
        begun = ["BEGIN;"]
        for statement in statements[:-1]:
            begun += [statement, "BEGIN;"] if statement == "COMMIT;" else [statement]
        turns = [
            "\\set round :round + 1",
            f"\\set turn :round * {sessions} + :client_id",
            f"\\set wallet :turn % {self._market.wallets}",
            f"\\set shop :turn % {len(self._market.shops)} + 1",
            *(f"\\set id{number} :turn * {IDS_A_TURN} + {number}" for number in range(len(self._new_ids))),
        ]
        if len(self._new_ids) > IDS_A_TURN:
            raise BenchError(f"a purchase makes {len(self._new_ids)} ids, pgbench has {IDS_A_TURN}")
        return Script("\n".join([*turns, *begun, statements[-1], ""]), self._constants)

    def _statement(self, executed: Executed) -> str:
        if A_VARIABLE.search(A_PARAMETER.sub("", executed.statement)) or ";" in executed.statement:
            raise BenchError(f"pgbench cannot be given the statement {executed.statement!r}")
        written = A_PARAMETER.sub(lambda found: self._value(executed.parameters[found[1]]), executed.statement)
        return written.replace("%%", "%").strip() + ";"

    def _value(self, value: Any) -> str:
        if value is None:
            return "NULL"
        if isinstance(value, bytes):
            if value not in self._digests:
                raise BenchError("a statement is given bytes that are no digest known of")
            return self._digests[value]
        if isinstance(value, UUID):
            return f"CAST({self._text(str(value))} AS uuid)"
        if isinstance(value, datetime.datetime):
            return self._constant(value.isoformat())
        text = "{" + ",".join(map(str, value)) + "}" if isinstance(value, list) else str(value)
        return f"({self._text(text)})"

    def _text(self, value: str) -> str:
        """Return SQL for a text in which ids may stand."""
        pieces, end = [], 0
        for found in A_UUID.finditer(value):
            if (expression := self._id(found[0])) is None:
                continue
            pieces += [f"'{value[end : found.start()]}'"] if found.start() > end else []
            pieces.append(expression)
            end = found.end()
        if not pieces:
            return self._constant(value)
        pieces += [f"'{value[end:]}'"] if end < len(value) else []
        return " || ".join(pieces)

    def _id(self, value: str) -> str | None:
        """Return SQL for an id; None for one that was there before and does not depend on the turn."""
        if value in self._known:
            return self._known[value]
        # UUIDv7 begin with the time in milliseconds.
        if UUID(value).int >> 80 < self._since_ms:
            return None
        self._new_ids.append(value)
        number = len(self._new_ids) - 1
        self._known[value] = id_in_sql(NEW, f":id{number}")
        return self._known[value]

    def _constant(self, value: str) -> str:
        """Return the variable that stands for a value, the same one each time."""
        name = next((name for name, known in self._constants.items() if known == value), f"c{len(self._constants)}")
        self._constants[name] = value
        return f":{name}"


def array_element(values: Sequence[str], number: str) -> str:
    """Return SQL for one of a list of ids, counted from 1, as text."""
    listed = ",".join(values)
    return f"CAST((CAST('{{{listed}}}' AS uuid[]))[CAST({number} AS integer)] AS text)"


def script_purchases(url: str, keyring: Keyring, market: Market, *, sessions: int, turns: Sequence[int]) -> Script:
    """Make a purchase in each of ``turns`` under observation, and return the script all of them come to.

    Raises:
        BenchError: they differ in something pgbench is not told of, or it cannot be given a statement.
    """
    now = utc_now()
    scripts = [script_purchase(url, keyring, market, turn=turn, sessions=sessions, now=now) for turn in turns]
    if any(script != scripts[0] for script in scripts):
        raise BenchError("two purchases differ in more than their numbers: pgbench cannot do the same")
    return scripts[0]


def script_purchase(
    url: str, keyring: Keyring, market: Market, *, turn: int, sessions: int, now: datetime.datetime
) -> Script:
    """Make a purchase under observation and return what it comes to; whatever is made after ``now`` is new."""
    engine = open_engine(url, role="bontri_api", pool_size=1, authority_id=AUTHORITY_ID)
    try:
        executed, voucher_id = watch_purchase(engine, keyring, market, turn, now=now)
    finally:
        engine.dispose()
    digests = {digest_of_new_code(keyring, voucher_id): DIGEST_OF_TURN}
    return ScriptWriter(market, turn, digests=digests, since=now).write(executed, sessions=sessions)
