"""A citizen takes along what is held about them, and asks to be erased: confirmed by a code, undone while it waits."""

import datetime
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from bontri.erasing import ErasuresFailedError, erase
from bontri.jobs.retaining import erase_requested_work
from partners_api.citizens.export import ExportSchema
from rewards.citizens import EMAIL_PURPOSE, Citizen
from rewards.errors import RewardsError
from rewards.privacy import ErasureRegister
from rewards.privacy.exporting import EXPORTED_BY_CITIZEN
from rewards.privacy.requesting import ERASED_AFTER, begin_erasure, take_back_erasure
from rewards.sign_ins import CODE_TRIES
from rewards.verify import verify
from rewards.vouchers import redeem_voucher
from tests.api_client import assert_problem, start_api
from tests.databases import Database, DatabasePool
from tests.factories import build_citizen, deposit, open_session_for
from tests.ingest_scene import KEYRING, scalar
from tests.races import race

NOON = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
SERIAL = count(1)
ERASURE = "/citizen/erasure"
WRONG = "00000000"


class Scene:
    """A town with a job that erases; ``eve`` is another citizen in each test, with 40 points and a session."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.api = database, start_api(database, KEYRING, NOON)
        self.register = ErasureRegister(folder / "erasures.jsonl")
        self.eve: Citizen
        self.email = ""

    def renew(self, *, after: datetime.timedelta = datetime.timedelta(hours=1)) -> None:
        self.api.now += after
        self.api.sent.clear()
        number = next(SERIAL)
        self.email, badge = f"eve.{number}@example.org", f"EVE-{number}"
        with self.database.engine().begin() as connection:
            self.eve = build_citizen(connection, self.api.town, badge=badge, email=self.email)
            deposit(connection, self.api.town, badge=badge, items=40, now=self.api.now)
        self.api.tokens["eve"] = self.sign_in()

    def sign_in(self) -> str:
        with self.database.engine().begin() as connection:
            return open_session_for(connection, self.api.town, self.email, now=self.api.now)

    def call(self, method: str, path: str = ERASURE, who: str = "eve", **options: Any) -> Any:
        return self.api.call(who, method, path, **options)

    def ask_code(self) -> dict[str, str]:
        confirmation_id = self.call("POST", f"{ERASURE}/codes").json["confirmation_id"]
        address, code, _ = self.api.sent[-1]
        assert address == self.email
        return {"confirmation_id": confirmation_id, "code": code}

    def ask(self) -> dict[str, Any]:
        answer = self.call("POST", json=self.ask_code())
        assert answer.status_code == 200, answer.text
        asked: dict[str, Any] = answer.json
        return asked

    def run_job(self, monkeypatch: pytest.MonkeyPatch, *, after: datetime.timedelta = ERASED_AFTER) -> int:
        self.api.now += after
        for module in ("bontri.jobs.retaining", "bontri.erasing"):
            monkeypatch.setattr(f"{module}.utc_now", lambda: self.api.now)
        work = erase_requested_work(KEYRING, self.register)
        return work(self.database.engine("bontri_privacy"), self.api.town.authority_id)["erased"]

    def is_registered(self) -> bool:
        return self.register.holds(self.eve.citizen_id, authority_id=self.api.town.authority_id)

    def points(self) -> int:
        return int(self.call("GET", "/citizen/wallet").json["points"])


@pytest.fixture(scope="module")
def town(databases: DatabasePool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with databases.lend() as database:
        yield Scene(database, tmp_path_factory.mktemp("register"))


@pytest.fixture
def scene(town: Scene) -> Scene:
    town.renew()
    return town


def test_who_asks_and_confirms_is_erased_by_the_job_and_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    held = "SELECT sum(credits_posted - debits_posted) FROM accounts WHERE kind <> 'issuing'"
    before = scalar(scene.database, held)
    elsewhere = scene.sign_in()
    asked = scene.ask()
    assert asked["state"] == "asked"
    assert scene.call("GET").json == asked
    # Whoever else is signed in as Eve is out at once; Eve herself may think better of it.
    assert_problem(scene.call("GET", "/citizen/wallet", who=elsewhere), 401, "credentials_refused")
    assert scene.points() == 40
    assert scene.run_job(monkeypatch, after=ERASED_AFTER / 2) == 0
    assert scene.run_job(monkeypatch, after=ERASED_AFTER / 2) == 1
    assert_problem(scene.call("GET"), 401, "credentials_refused")
    assert [each.asked_by for each in scene.register.read() if each.citizen_id == scene.eve.citizen_id] == ["citizen"]
    assert scalar(scene.database, "SELECT count(*) FROM outbox WHERE kind = 'account_erased'") == 1
    assert scalar(scene.database, "SELECT count(*) FROM erasure_requests") == 0
    assert scalar(scene.database, held) == before
    assert scene.run_job(monkeypatch) == 0
    assert verify(scene.database.engine("bontri_reader")).is_sound


def test_one_who_cannot_be_erased_keeps_nobody_behind_them_waiting(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.ask()
    stuck, address = {"citizen_id": scene.eve.citizen_id}, scene.email

    def note_address(email: bytes) -> None:
        sealed = {"sealed": KEYRING.encrypt(email, purpose=EMAIL_PURPOSE)}
        with scene.database.engine().begin() as connection:
            connection.execute(
                text("UPDATE contacts SET email_encrypted = :sealed WHERE citizen_id = :citizen_id"),
                {**stuck, **sealed},
            )

    note_address(b"\xff")
    scene.renew(after=datetime.timedelta(minutes=1))
    scene.ask()
    with pytest.raises(ErasuresFailedError, match="failed: 1"):
        scene.run_job(monkeypatch)
    state = "SELECT state FROM citizens WHERE citizen_id = :citizen_id"
    assert scalar(scene.database, state, **stuck) == "active"
    assert scalar(scene.database, state, citizen_id=scene.eve.citizen_id) == "erased"
    note_address(address.encode())
    assert scene.run_job(monkeypatch) == 1


def test_a_wrong_code_costs_a_try_and_asks_nothing(scene: Scene) -> None:
    order = scene.ask_code()
    for _ in range(CODE_TRIES):
        assert_problem(scene.call("POST", json={**order, "code": WRONG}), 403, "sign_in_code_refused")
    assert_problem(scene.call("POST", json=order), 403, "sign_in_code_refused")
    assert_problem(scene.call("GET"), 404, "erasure_not_asked")


def test_codes_that_confirm_keep_nobody_from_signing_in(scene: Scene) -> None:
    for _ in range(5):
        scene.ask_code()
    asked = {"authority": scene.api.town.slug, "email": scene.email}
    assert scene.call("POST", "/citizen/sign-ins", json=asked).status_code == 202
    assert [address for address, _, _ in scene.api.sent] == [scene.email] * 6


def test_a_code_is_good_for_its_citizen_its_purpose_and_its_time_alone(scene: Scene) -> None:
    order, mine = scene.ask_code(), scene.api.tokens["eve"]
    scene.renew()
    assert_problem(scene.call("POST", json=order), 403, "sign_in_code_refused")
    signing_in = {"authority": scene.api.town.slug, "sign_in_id": order["confirmation_id"], "code": order["code"]}
    assert_problem(scene.call("POST", "/citizen/sessions", json=signing_in), 403, "sign_in_code_refused")
    asked = {"authority": scene.api.town.slug, "email": scene.email}
    sign_in_id = scene.call("POST", "/citizen/sign-ins", json=asked).json["sign_in_id"]
    of_sign_in = {"confirmation_id": sign_in_id, "code": scene.api.sent[-1][1]}
    assert_problem(scene.call("POST", json=of_sign_in), 403, "sign_in_code_refused")
    assert_problem(scene.call("POST", json=order, who=mine), 403, "sign_in_code_refused")  # an hour old
    for _ in range(5):
        assert scene.call("POST", f"{ERASURE}/codes").status_code == 202
    assert_problem(scene.call("POST", f"{ERASURE}/codes"), 429, "too_many_tries")


def test_asked_again_it_stays_as_it_was_and_taken_back_nothing_is_erased(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = scene.ask()
    scene.api.now += datetime.timedelta(minutes=1)
    again = scene.call("POST", json={**scene.ask_code(), "code": WRONG})
    assert (again.status_code, again.json) == (200, asked)
    assert scene.call("DELETE").status_code == 204
    assert_problem(scene.call("DELETE"), 404, "erasure_not_asked")
    assert_problem(scene.call("GET"), 404, "erasure_not_asked")
    assert scene.run_job(monkeypatch) == 0
    assert (scene.points(), scene.is_registered()) == (40, False)
    assert scene.ask()["due_at"] > asked["due_at"]
    assert scene.call("DELETE").status_code == 204


def test_once_begun_it_is_finished_even_by_another_run_and_cannot_be_taken_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job dies after it has begun, before or after the register was written."""
    scene.ask()
    of_town = {"authority_id": scene.api.town.authority_id, "now": scene.api.now + ERASED_AFTER}
    with scene.database.engine("bontri_privacy").begin() as connection:
        assert begin_erasure(connection, scene.eve.citizen_id, **of_town)
    assert scene.call("GET").json["state"] == "begun"
    assert_problem(scene.call("DELETE"), 409, "erasure_begun")
    assert scene.run_job(monkeypatch) == 1
    assert scene.is_registered()


@pytest.mark.parametrize(
    ("method", "path", "reads"),
    [
        ("GET", "/citizen/profile", "FROM contacts"),
        ("GET", "/citizen/export", "BEGIN ISOLATION"),
        ("POST", "/citizen/cards", "claiming_is_open"),
    ],
)
def test_who_is_erased_while_a_request_is_answered_is_signed_out(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, method: str, path: str, reads: str
) -> None:
    order: dict[str, Any] = {"key": "claim", "json": {"card": "ANEW"}} if method == "POST" else {}
    monkeypatch.setattr("bontri.erasing.utc_now", lambda: scene.api.now)
    erased: list[int] = []

    def erase_before(*args: Any) -> None:
        if reads in args[2] and not erased:
            of_town = {"authority_id": scene.api.town.authority_id, "asked_by": "citizen"}
            erased.append(1)
            erase(scene.database.engine("bontri_privacy"), KEYRING, scene.register, scene.eve.citizen_id, **of_town)

    engine = scene.api.app.extensions["bontri"].engine
    event.listen(engine, "before_cursor_execute", erase_before)
    try:
        assert_problem(scene.call(method, path, **order), 401, "credentials_refused")
    finally:
        event.remove(engine, "before_cursor_execute", erase_before)
    assert erased


def test_a_household_keeps_what_is_in_the_wallet(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    eve = scene.api.tokens["eve"]
    code = scene.call("POST", "/citizen/household/invitations").json["code"]
    scene.renew(after=datetime.timedelta(minutes=1))
    joined = scene.call("POST", "/citizen/household/memberships", key="join", json={"code": code})
    assert joined.status_code < 300, joined.text
    scene.ask()
    assert scene.run_job(monkeypatch) == 1
    assert scene.call("GET", "/citizen/wallet", who=eve).json["points"] == 80


def test_taking_back_and_beginning_at_once_only_one_of_them_is_done(scene: Scene) -> None:
    scene.ask()
    at = scene.api.now + ERASED_AFTER
    done: list[str] = []

    def work(connection: Any, number: int) -> None:
        own = {"authority_id": scene.api.town.authority_id, "now": at}
        if number % 2:
            done.extend(["begun"] * begin_erasure(connection, scene.eve.citizen_id, **own))
            return
        try:
            take_back_erasure(connection, citizen_id=scene.eve.citizen_id, **own)
        except RewardsError:
            return
        done.append("taken back")

    race(scene.database.engine(), work, 8)
    assert len(set(done)) == 1, done
    state = "SELECT begun_at IS NOT NULL, taken_back_at IS NOT NULL FROM erasure_requests WHERE citizen_id = :c"
    with scene.database.engine().begin() as connection:
        assert sorted(connection.execute(text(state), {"c": scene.eve.citizen_id}).one()) == [False, True]
        connection.execute(text("DELETE FROM erasure_requests"))


def test_control_without_the_guard_only_the_schema_keeps_both_from_being_done(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded = "UPDATE erasure_requests SET taken_back_at = :now WHERE authority_id = :authority_id"
    monkeypatch.setattr("rewards.privacy.requesting.TAKE_BACK", text(unguarded))
    scene.ask()
    own = {"authority_id": scene.api.town.authority_id, "now": scene.api.now + ERASED_AFTER}
    with scene.database.engine().connect() as connection:
        assert begin_erasure(connection, scene.eve.citizen_id, **own)
        with pytest.raises(Exception, match="begun_or_taken_back"):
            take_back_erasure(connection, citizen_id=scene.eve.citizen_id, **own)
    assert scene.call("DELETE").status_code == 204


def test_a_voucher_is_redeemed_or_cancelled_when_the_job_comes_at_that_moment(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = {"offer_id": str(scene.api.town.offer_id)}
    voucher = scene.call("POST", "/citizen/vouchers", key="buy", json=order).json
    scene.ask()

    def work(connection: Any, number: int) -> None:
        if number:
            scene.run_job(monkeypatch)
            return
        redeem_voucher(
            connection,
            KEYRING,
            authority_id=scene.api.town.authority_id,
            shop_id=scene.api.town.shop.shop_id,
            code=voucher["code"],
            redemption_key="K",
            now=scene.api.now,
        )

    race(scene.database.engine(), work, 2)
    assert scene.is_registered()
    status = scalar(scene.database, "SELECT status FROM vouchers WHERE voucher_id = :v", v=voucher["voucher_id"])
    assert status in ("redeemed", "cancelled")
    assert verify(scene.database.engine("bontri_reader")).is_sound


def test_the_api_may_neither_begin_nor_erase(scene: Scene) -> None:
    for statement in (
        "UPDATE erasure_requests SET begun_at = asked_at WHERE authority_id = 1",
        "DELETE FROM erasure_requests WHERE authority_id = 1",
        "DELETE FROM contacts WHERE authority_id = 1",
    ):
        with scene.database.engine("bontri_api").connect() as connection, pytest.raises(Exception, match="permission"):
            connection.execute(text(statement))


def test_everything_held_is_one_file_of_one_instant(scene: Scene) -> None:
    statements: list[str] = []
    engine = scene.api.app.extensions["bontri"].engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    answer = scene.call("GET", "/citizen/export?lang=en")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="town-1-{scene.api.now:%Y-%m-%d}.json"'
    assert (answer.content_type, answer.headers["Cache-Control"]) == ("application/json", "no-store")
    exported = json.loads(answer.text)
    assert set(exported) == set(ExportSchema().fields)
    assert (exported["citizen"]["email"], exported["wallet"]["points"]) == (scene.email, 40)
    assert exported["movements"][0]["explanation"] == "40 items of glass × 1 point = 40 points"
    begun = statements.index("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    assert statements[-1] == "ROLLBACK"
    assert all("FROM" in each for each in statements[begun + 1 : -1])
    for _ in range(EXPORTED_BY_CITIZEN.most - 1):
        assert scene.call("GET", "/citizen/export").status_code == 200
    assert_problem(scene.call("GET", "/citizen/export"), 429, "too_many_tries")
    # The connection goes on as before.
    assert scene.points() == 40
