"""Who gets hold of the logs, or of a dump of the database, gets no badge, code, key, token, address or PIN with it.

One scene uses them all, over the API and at a bin; then every row of every table and every line of the log is searched,
as they are and as hexadecimal digits.
"""

import base64
import datetime
import io
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import structlog

from rewards.keyring import Keyring
from rewards.quarantine import RefusedMessage, store_refused
from tests.api_client import EMAIL, Api, assert_problem, start_api
from tests.databases import DatabasePool
from tests.factories import build_key, deposit

NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
KEYRING = Keyring(
    b"master-key-of-the-scene-32-bytes", b"badge-pepper-of-scene-32-bytes!!", b"storage-key-of-scene-32-bytes!!!"
)
BADGE, STRANGERS_BADGE, QUARANTINED_BADGE = "ADA-CARD", "04A2B9C1D2", "QUARANTINED-CARD"


@dataclass
class Scene:
    """What was left behind, and what must not be in it, by what it is."""

    rows: str
    log: str
    secrets: dict[str, str]


def play(api: Api) -> dict[str, str]:
    """Use everything that is secret; return it by what it is."""
    secrets: dict[str, str] = {f"token of {who}": token for who, token in api.tokens.items()}
    with api.owner.begin() as connection:
        deposit(connection, api.town, badge=BADGE, items=60, now=api.now)
        deposit(connection, api.town, badge=STRANGERS_BADGE, items=2, now=api.now)
        message = RefusedMessage(
            "bontri/1/town-1/X/up", QUARANTINED_BADGE.encode(), api.now, api.town.bin_ids[0], "bad_signature", ""
        )
        store_refused(connection, [message], authority_id=1, keyring=KEYRING)
        secrets["replaced key"] = build_key(connection, api.town)
    address = {"authority": api.town.slug, "email": EMAIL}
    sign_in = api.call(None, "POST", "/citizen/sign-ins", json=address)
    assert sign_in.status_code == 202
    sign_in.close()
    secrets["sign-in code"] = api.sent[-1][1]
    entered = {"authority": api.town.slug, "sign_in_id": sign_in.json["sign_in_id"], "code": secrets["sign-in code"]}
    wrong = entered | {"code": "00000000" if entered["code"] != "00000000" else "11111111"}
    assert_problem(api.call(None, "POST", "/citizen/sessions", json=wrong), 403, "sign_in_code_refused")
    session = api.call(None, "POST", "/citizen/sessions", json=entered)
    assert session.status_code == 201, session.text
    secrets["session's token"] = session.json["token"]
    for no in range(2):
        secrets[f"voucher's code {no}"] = api.buy(f"buy-{no}")["code"].partition(".")[2]
    code = ".".join((api.town.slug, secrets["voucher's code 0"]))
    assert api.call("shop", "POST", "/shop/redemptions", key="till-1", json={"code": code}).status_code == 201
    assert_problem(
        api.call("shop", "POST", "/shop/redemptions", key="till-2", json={"code": code}),
        409,
        "voucher_already_redeemed",
    )
    assert_problem(api.call("no.such-token-at-all", "GET", "/citizen/wallet"), 401, "credentials_refused")
    made = api.call("operator", "POST", "/operator/keys", json={"label": "grace"}).json
    secrets["operator's key"] = made["secret"]
    new = {"bin_id": "DUMP-0001", "site": "A"}
    handed = api.call("operator", "POST", "/operator/authorities/town-1/bins", key="bin-1", json=new).json
    secrets |= {"bin's key": handed["key"], "bin's password": handed["password"]}
    api.app.view_functions["citizen.show_wallet"] = broken_with(secrets["session's token"])
    assert_problem(api.call("citizen", "GET", f"/citizen/wallet?email={EMAIL}"), 500, "internal_error")
    secrets |= {"e-mail address": EMAIL, "badge": BADGE, "stranger's badge": STRANGERS_BADGE}
    secrets |= {"quarantined badge": QUARANTINED_BADGE, "bad token": "such-token-at-all"}
    secrets |= {"master key": "master-key-of", "pepper": "badge-pepper-of", "storage key": "storage-key-of"}
    return secrets


def broken_with(token: str):
    def broken(*_: object) -> None:
        held = token  # a local variable, which a traceback with values would show
        raise RuntimeError(f"a bug, {len(held)} characters from a token")

    return broken


def dump(api: Api) -> str:
    """Return every row of every table as COPY writes it."""
    out = io.StringIO()
    raw = api.owner.raw_connection()
    try:
        with raw.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            for (table,) in cursor.fetchall():
                with cursor.copy(f"COPY {table} TO STDOUT") as rows:
                    for block in rows:
                        out.write(bytes(block).decode())
    finally:
        raw.close()
    return out.getvalue()


@pytest.fixture(scope="module")
def scene(databases: DatabasePool) -> Iterator[Scene]:
    lines: list[str] = []

    def keep(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        lines.append(repr(event))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[keep])
    try:
        with databases.lend() as database:
            api = start_api(database, KEYRING, NOON)
            secrets = play(api)
            yield Scene(dump(api), "\n".join(lines), secrets)
    finally:
        structlog.configure(**before)


def traces_of(secret: str) -> list[str]:
    """Return what the secret would look like: as it is, and as bytes that PostgreSQL or a program has written."""
    parts = {secret, secret.partition(".")[2]} - {""}
    raw = [part.encode() for part in parts if len(part) >= 6]
    return [
        *(part for part in parts if len(part) >= 6),
        *(part.hex() for part in raw),
        *(base64.b64encode(part).decode().rstrip("=") for part in raw),
    ]


def test_dump_of_the_database_holds_no_secret(scene: Scene) -> None:
    assert {what: secret for what, secret in scene.secrets.items() if is_in(secret, scene.rows)} == {}


def test_log_holds_no_secret(scene: Scene) -> None:
    assert {what: secret for what, secret in scene.secrets.items() if is_in(secret, scene.log)} == {}


def is_in(secret: str, words: str) -> bool:
    return any(trace in words for trace in traces_of(secret))


def test_control_what_is_no_secret_is_found_where_it_is(scene: Scene) -> None:
    assert "town-1" in scene.rows
    assert "Un carnet" in scene.rows
    assert "/api/v1/shop/redemptions" in scene.log
    assert "a bug, " in scene.log
    assert is_in("DUMP-0001", scene.rows)
    assert is_in(EMAIL, f"x{EMAIL.encode().hex()}y")
    assert len(scene.secrets) >= 18
