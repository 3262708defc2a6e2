"""A till that does more than redeem: staff with PINs, short codes, cards, taking back, and the lists of a day."""

import datetime
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import event, text
from structlog.testing import capture_logs

from rewards.errors import RewardsError
from rewards.keyring import Keyring
from rewards.shops import create_shop
from rewards.staff import take_pin_try
from rewards.vouchers import make_short_code
from tests.api_client import Api, assert_problem, start_api
from tests.databases import DatabasePool
from tests.factories import build_key

NOW = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
STATEMENTS_OF_A_REDEMPTION = 6
"""Who calls, the guarded update, the lock of what is posted, and three that are sent together."""
MINUTE = datetime.timedelta(minutes=1)
KEYRING = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)


@pytest.fixture(scope="module")
def town(databases: DatabasePool) -> Iterator[Api]:
    with databases.lend() as database:
        api = start_api(database, KEYRING, NOW)
        api.earn(200)
        api.earn(200)
        with api.owner.begin() as connection:
            facts = {"authority_id": 1, "name": "Café", "address": "3", "insee_code": "93001", "now": NOW}
            cafe = create_shop(connection, **facts)
            api.tokens["café"] = build_key(connection, api.town, shop_id=cafe.shop_id)
        yield api


@pytest.fixture
def api(town: Api) -> Iterator[Api]:
    """The town, on a day of its own so that the lists begin empty; PINs are off."""
    town.now += datetime.timedelta(days=1)
    yield town
    set_pins(town, wanted=False)


def set_pins(api: Api, *, wanted: bool, who: str = "shop") -> None:
    etag = api.call(who, "GET", "/shop/details").headers["ETag"]
    headers = {"If-Match": etag}
    answer = api.call(who, "PATCH", "/shop/details", json={"wants_pins": wanted}, headers=headers)
    assert (answer.status_code, answer.json["wants_pins"]) == (200, wanted)


def buy(api: Api) -> dict[str, Any]:
    return api.buy(f"buy-{new_key()}")


def new_key() -> str:
    return f"k{next(KEYS)}"


KEYS = iter(range(10_000))


def name(api: Api, called: str, pin: str, *, who: str = "shop") -> dict[str, Any]:
    answer = api.call(who, "POST", "/shop/staff", key=new_key(), json={"name": called, "pin": pin})
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def redeem(api: Api, code: str, *, key: str | None = None, who: str = "shop", **staff: Any):
    entered = {"code": code, **staff}
    return api.call(who, "POST", "/shop/redemptions", key=key or new_key(), json=entered)


def reverse(api: Api, voucher_id: str, *, key: str | None = None, who: str = "shop", **more: Any):
    order = {"reason": "mistake", **more}
    path = f"/shop/redemptions/{voucher_id}/reversal"
    return api.call(who, "POST", path, key=key or new_key(), json=order)


def short_code(api: Api, voucher: dict[str, Any]) -> str:
    with api.owner.begin() as connection:
        code, _ = make_short_code(
            connection,
            KEYRING,
            authority_id=1,
            wallet_id=api.citizen.wallet_id,
            voucher_id=UUID(voucher["voucher_id"]),
            shop_id=api.town.shop.shop_id,
            now=api.now,
        )
    return code


def test_with_pins_on_nobody_redeems_or_takes_back_unnamed_and_who_did_is_kept(api: Api):
    ada, voucher = name(api, "Ada", "314159"), buy(api)
    foreign = name(api, "Eve", "314159", who="café")
    by_ada = {"staff_id": ada["staff_id"], "pin": "314159"}
    set_pins(api, wanted=True)
    before = api.ledger()
    assert_problem(redeem(api, voucher["code"]), 403, "pin_required")
    assert_problem(redeem(api, voucher["code"], staff_id=ada["staff_id"]), 403, "pin_required")
    assert_problem(redeem(api, voucher["code"], **by_ada | {"pin": "000000"}), 403, "staff_refused")
    assert_problem(redeem(api, voucher["code"], staff_id=foreign["staff_id"], pin="314159"), 403, "staff_refused")
    assert api.ledger() == before
    first = redeem(api, voucher["code"], key="by-ada", **by_ada)
    assert (first.status_code, first.json["is_repeat"]) == (201, False)
    assert redeem(api, voucher["code"], key="by-ada", **by_ada).json["is_repeat"]
    before = api.ledger()
    assert_problem(reverse(api, voucher["voucher_id"]), 403, "pin_required")
    assert api.ledger() == before
    key = new_key()
    assert reverse(api, voucher["voucher_id"], key=key, **by_ada).json["status"] == "reversed"
    before = api.ledger()
    assert reverse(api, voucher["voucher_id"], key=key, **by_ada).json["status"] == "reversed"
    assert_problem(reverse(api, voucher["voucher_id"], **by_ada), 409, "voucher_not_redeemed")
    assert api.ledger() == before
    [listed] = api.call("shop", "GET", "/shop/redemptions").json["items"]
    assert (listed["status"], listed["staff"], listed["reversed_by_staff"]) == ("reversed", "Ada", "Ada")
    refused = [each["reason"] for each in api.call("shop", "GET", "/shop/refusals").json["items"]]
    assert Counter(refused) == {"pin_required": 3, "staff_refused": 2}
    assert api.call("café", "GET", "/shop/redemptions").json["items"] == []
    assert "Ada" not in api.call("citizen", "GET", "/citizen/statement").text


def test_without_pins_nothing_is_asked_about_staff(api: Api):
    code, asked = buy(api)["code"], []
    engine = api.app.extensions["bontri"].engine

    class NotingCursor(psycopg.Cursor[Any]):
        """Also notes what the domain gives the driver past SQLAlchemy."""

        def execute(self, query: Any, *rest: Any, **options: Any) -> Any:
            asked.append(str(query))
            return super().execute(query, *rest, **options)

    def note(driver: Any, *_: Any) -> None:
        driver.cursor_factory = NotingCursor

    event.listen(engine, "checkout", note)
    try:
        assert redeem(api, code).status_code == 201
    finally:
        event.remove(engine, "checkout", note)
        engine.dispose()
    assert any("UPDATE vouchers" in statement for statement in asked)
    assert not [statement for statement in asked if "shop_staff" in statement or "staff_tries" in statement]
    assert len(asked) <= STATEMENTS_OF_A_REDEMPTION


def test_blocked_staff_and_a_pin_from_before_are_refused_at_once(api: Api):
    person = name(api, "Grace", "271828")
    path = f"/shop/staff/{person['staff_id']}"
    at_till = {"staff_id": person["staff_id"], "pin": "271828"}
    assert redeem(api, buy(api)["code"], **at_till).status_code == 201

    def change(**to: str):
        etag = api.call("shop", "GET", path).headers["ETag"]
        return api.call("shop", "PATCH", path, json=to, headers={"If-Match": etag})

    assert change(pin="161803").status_code == 200
    assert_problem(redeem(api, buy(api)["code"], **at_till), 403, "staff_refused")
    assert redeem(api, buy(api)["code"], **at_till | {"pin": "161803"}).status_code == 201
    assert change(state="blocked").json["state"] == "blocked"
    assert_problem(redeem(api, buy(api)["code"], **at_till | {"pin": "161803"}), 403, "staff_refused")
    assert_problem(
        api.call("shop", "PATCH", path, json={"name": "X"}, headers={"If-Match": '"old"'}), 412, "precondition_failed"
    )
    assert_problem(api.call("café", "GET", path), 404, "staff_unknown")
    active = api.call("shop", "GET", "/shop/staff?state=active").json["items"]
    assert person["staff_id"] not in [each["staff_id"] for each in active]
    with api.owner.connect() as connection:
        dump = str(connection.execute(text("SELECT CAST(s AS text) FROM shop_staff s")).all())
    assert not [pin for pin in ("271828", "161803") if pin in dump]


def test_five_wrong_pins_lock_one_of_staff_for_a_while_and_right_ones_cost_nothing(api: Api):
    person, other = name(api, "Joan", "123321"), name(api, "Kay", "456654")
    at_till = {"staff_id": person["staff_id"], "pin": "123321"}
    voucher = buy(api)
    for pin in ["999999"] * 4 + ["123321", "999999"]:
        refused = redeem(api, "town-1.NOTHING", **at_till | {"pin": pin})
        right = pin == at_till["pin"]
        assert_problem(refused, 404 if right else 403, "voucher_unknown" if right else "staff_refused")
    before = api.ledger()
    locked = redeem(api, voucher["code"], **at_till)
    assert_problem(locked, 429, "staff_locked")
    assert locked.headers["Retry-After"] == "600"
    assert api.ledger() == before
    by_other = redeem(api, voucher["code"], staff_id=other["staff_id"], pin="456654")
    assert by_other.status_code == 201
    api.now += 11 * MINUTE
    assert redeem(api, buy(api)["code"], **at_till).status_code == 201


def test_many_guesses_of_a_pin_at_once_have_no_more_than_five_tries(api: Api):
    staff_id = UUID(name(api, "Mary", "777777")["staff_id"])
    shop = {"authority_id": 1, "shop_id": api.town.shop.shop_id, "now": api.now}
    outcomes = api.race(lambda connection, _: take_pin_try(connection, staff_id, **shop), threads=4)
    outcomes += api.race(lambda connection, _: take_pin_try(connection, staff_id, **shop), threads=4)
    assert outcomes == {"done": 5, "staff_locked": 3}


def test_control_tries_that_are_looked_at_first_let_all_guesses_through(api: Api):
    staff_id = UUID(name(api, "Ida", "777777")["staff_id"])
    looked = threading.Barrier(4)
    with api.owner.begin() as connection:
        facts = {"staff_id": staff_id, "ends_at": api.now + 10 * MINUTE}
        connection.execute(text("INSERT INTO staff_tries VALUES (1, :staff_id, 4, :ends_at)"), facts)

    def look_then_write(connection, _):
        tries = connection.scalar(text("SELECT tries FROM staff_tries WHERE staff_id = :id"), {"id": staff_id})
        looked.wait(10)
        if tries >= 5:
            raise RewardsError
        connection.execute(text("UPDATE staff_tries SET tries = 5 WHERE staff_id = :id"), {"id": staff_id})

    assert api.race(look_then_write, threads=4) == {"done": 4}


def test_a_short_code_is_looked_up_and_redeemed_here_and_answered_again_for_ever(api: Api):
    voucher = buy(api)
    code = short_code(api, voucher)
    spaced = f"{code[:3]}-{code[3:].lower()}"
    found = api.call("shop", "POST", "/shop/vouchers/lookup", json={"code": spaced})
    assert found.json["voucher_id"] == voucher["voucher_id"]
    assert_problem(api.call("café", "POST", "/shop/vouchers/lookup", json={"code": code}), 404, "short_code_unknown")
    assert redeem(api, code, key="short").status_code == 201
    api.now += datetime.timedelta(days=40)
    before = api.ledger()
    assert redeem(api, code, key="short").json["is_repeat"]
    assert_problem(redeem(api, code), 404, "short_code_unknown")
    assert api.ledger() == before
    for _ in range(4):
        assert_problem(redeem(api, "000000"), 404, "short_code_unknown")
    locked = api.call("shop", "POST", "/shop/vouchers/lookup", json={"code": "000000"})
    assert_problem(locked, 429, "short_code_locked")
    assert int(locked.headers["Retry-After"]) == 600


def test_vouchers_of_a_card_are_shown_and_one_is_redeemed(api: Api):
    voucher = buy(api)
    read = {"badge": "ADA-CARD"}
    shown = api.call("shop", "POST", "/shop/cards/vouchers", json=read).json["vouchers"]
    assert voucher["voucher_id"] in [each["voucher_id"] for each in shown]
    assert api.call("café", "POST", "/shop/cards/vouchers", json=read).json == {"vouchers": []}
    assert api.call("shop", "POST", "/shop/cards/vouchers", json={"badge": "NOBODY"}).json == {"vouchers": []}
    order, path = read | {"voucher_id": voucher["voucher_id"]}, "/shop/cards/redemptions"
    before = api.ledger()
    assert_problem(api.call("shop", "POST", path, key=new_key(), json=order | {"badge": "X"}), 404, "voucher_unknown")
    set_pins(api, wanted=True)
    assert_problem(api.call("shop", "POST", path, key=new_key(), json=order), 403, "pin_required")
    set_pins(api, wanted=False)
    assert api.ledger() == before
    assert api.call("shop", "POST", path, key="card", json=order).status_code == 201
    assert api.call("shop", "POST", path, key="card", json=order).json["is_repeat"]
    for _ in range(9):
        api.call("shop", "POST", "/shop/cards/vouchers", json=read)
    locked = api.call("shop", "POST", "/shop/cards/vouchers", json=read)
    assert_problem(locked, 429, "cards_locked")
    assert locked.headers["Retry-After"] == "600"


def test_cards_cannot_be_tried_out_by_redeeming_either(api: Api):
    first, second = buy(api), buy(api)

    def redeem_with(badge: str, voucher: dict[str, Any]):
        order = {"badge": badge, "voucher_id": voucher["voucher_id"]}
        return api.call("shop", "POST", "/shop/cards/redemptions", key=new_key(), json=order)

    assert redeem_with("ADA-CARD", first).status_code == 201
    for number in range(10):
        assert_problem(redeem_with(f"GUESS-{number}", second), 404, "voucher_unknown")
    before = api.ledger()
    locked = redeem_with("ADA-CARD", second)
    assert_problem(locked, 429, "cards_locked")
    assert locked.headers["Retry-After"] == "601"
    assert api.ledger() == before
    assert redeem(api, second["code"]).status_code == 201
    api.now += 11 * MINUTE
    assert redeem_with("ADA-CARD", buy(api)).status_code == 201


def test_a_repeat_is_answered_whatever_has_changed_since(api: Api):
    person = name(api, "Emmy", "998877")
    by_emmy = {"staff_id": person["staff_id"], "pin": "998877"}
    scanned, typed, carded = buy(api), buy(api), buy(api)
    typed_code = short_code(api, typed)
    of_card = {"badge": "ADA-CARD", "voucher_id": carded["voucher_id"]}

    def redeem_all(run: str) -> list[Any]:
        return [
            redeem(api, scanned["code"], key=f"{run}-scanned", **by_emmy),
            redeem(api, typed_code, key=f"{run}-typed", **by_emmy),
            api.call("shop", "POST", "/shop/cards/redemptions", key=f"{run}-card", json=of_card | by_emmy),
        ]

    def change_all(state: str) -> None:
        with api.owner.begin() as connection:
            connection.execute(text("UPDATE badges SET state = :state"), {"state": state})
            connection.execute(text("UPDATE shop_staff SET state = :state WHERE name = 'Emmy'"), {"state": state})

    first = redeem_all("emmy")
    assert [each.status_code for each in first] == [201] * 3
    # The same key with another voucher, while the short code is kept and for ever.
    assert_problem(redeem(api, short_code(api, buy(api)), key="emmy-typed"), 422, "idempotency_key_reused")
    assert_problem(redeem(api, scanned["code"], key="emmy-typed", **by_emmy), 422, "idempotency_key_reused")
    other = of_card | by_emmy | {"voucher_id": scanned["voucher_id"]}
    reused = api.call("shop", "POST", "/shop/cards/redemptions", key="emmy-card", json=other)
    assert_problem(reused, 422, "idempotency_key_reused")
    api.now += datetime.timedelta(days=2)
    with api.owner.begin() as connection:
        connection.execute(text("DELETE FROM short_codes"))
    for _ in range(5):
        redeem(api, "000000")
    change_all("blocked")
    before = api.ledger()
    again = redeem_all("emmy")
    assert [each.json for each in again] == [each.json | {"is_repeat": True} for each in first]
    assert [each.status_code for each in redeem_all("new")] == [403] * 3
    assert api.ledger() == before
    change_all("active")


def test_a_redemption_is_taken_back_on_its_own_day_only_and_by_its_own_shop(api: Api):
    voucher, later = buy(api), buy(api)
    before = api.ledger()
    assert_problem(reverse(api, voucher["voucher_id"]), 409, "voucher_not_redeemed")
    assert_problem(reverse(api, "0190a0b0-0000-7000-8000-000000000000"), 404, "voucher_unknown")
    assert api.ledger() == before
    for each in (voucher, later):
        assert redeem(api, each["code"]).status_code == 201
    before = api.ledger()
    assert_problem(reverse(api, voucher["voucher_id"], who="café"), 403, "voucher_of_another_shop")
    assert api.ledger() == before
    assert reverse(api, voucher["voucher_id"], key="back").status_code == 200
    assert_problem(reverse(api, voucher["voucher_id"], key="back", reason="fraud"), 422, "idempotency_key_reused")
    api.now += datetime.timedelta(days=1)
    before = api.ledger()
    assert_problem(reverse(api, later["voucher_id"]), 409, "reversal_too_late")
    assert api.ledger() == before


def test_eight_at_once_take_a_redemption_back_once(api: Api):
    voucher = buy(api)
    redeem(api, voucher["code"])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: reverse(api, voucher["voucher_id"]).status_code, range(8)))
    assert Counter(answers) == {200: 1, 409: 7}


def test_lists_of_a_day_go_page_by_page_and_by_state(api: Api):
    vouchers = [buy(api) for _ in range(3)]
    for voucher in vouchers:
        redeem(api, voucher["code"])
        redeem(api, voucher["code"])
    reverse(api, vouchers[0]["voucher_id"])
    day = api.now.date().isoformat()
    for path, total in (("redemptions", 3), ("refusals", 3)):
        seen, after = [], ""
        while after is not None:
            page = api.call("shop", "GET", f"/shop/{path}?day={day}&limit=2{after}").json
            seen += page["items"]
            after = page["next"] and f"&after={page['next']}"
        assert len({str(each) for each in seen}) == len(seen) == total
        assert api.call("shop", "GET", f"/shop/{path}?day=2026-01-01").json["items"] == []
    taken_back = api.call("shop", "GET", "/shop/redemptions?status=reversed").json["items"]
    assert [each["voucher_id"] for each in taken_back] == [vouchers[0]["voucher_id"]]
    refused = api.call("shop", "GET", "/shop/refusals?reason=voucher_already_redeemed").json["items"]
    assert [each["title"] for each in refused] == ["Un carnet"] * 3
    assert api.call("shop", "GET", "/shop/refusals?reason=voucher_unknown").json["items"] == []
    csv = api.call("shop", "GET", "/shop/redemptions?format=csv").text
    assert csv.startswith("voucher_id,redeemed_at,status,title")


def test_pins_cards_and_codes_are_in_no_log(api: Api):
    with capture_logs() as logs:
        person = name(api, "Lise", "836251")
        voucher = buy(api)
        redeem(api, voucher["code"], staff_id=person["staff_id"], pin="836251")
        api.call("shop", "POST", "/shop/cards/vouchers", json={"badge": "ADA-CARD"})
    assert not [secret for secret in ("836251", "ADA-CARD", "Lise", voucher["code"]) if secret in str(logs)]
