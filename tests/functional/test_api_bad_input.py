"""Bad input for every operation, read off the OpenAPI document. The long form is `make fuzz-api`."""

import datetime
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from rewards.keyring import Keyring
from rewards.verify import verify
from tests.api_client import Api, start_api
from tests.api_fuzz import NASTY, Answer, Headers, Trial
from tests.databases import DatabasePool

NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
KEYRING = Keyring(b"m" * 32, b"p" * 32, b"s" * 32)


@pytest.fixture(scope="module")
def api(databases: DatabasePool) -> Iterator[Api]:
    with databases.lend() as database:
        api = start_api(database, KEYRING, NOON)
        api.earn(100)
        yield api


@pytest.fixture
def trial(api: Api) -> Trial:
    def send(method: str, path: str, headers: Headers, body: bytes | None) -> Answer:
        client = api.app.test_client()
        answer = client.open(path, method=method, headers=headers, data=body, buffered=True)
        return Answer(answer.status_code, dict(answer.headers), answer.data)

    document = api.call(None, "GET", "/openapi.json").json
    return Trial(send, document, api.tokens, api.town.slug)


def test_nasty_strings_are_refused_or_stored_and_never_a_bug(trial: Trial) -> None:
    trial.try_nasty_strings(of_each=3)
    assert trial.faults == []
    assert trial.counts["nasty strings"] > 5 * len(NASTY)


def test_what_is_no_json_is_refused(trial: Trial) -> None:
    trial.try_wrong_content()
    assert trial.faults == []
    assert trial.counts["wrong content"] > 100


def test_pages_have_their_bound_and_csv_calculates_nothing(api: Api, trial: Trial) -> None:
    words = NASTY["spreadsheet formula"]
    place = {"insee_code": "93066", "address": words, "latitude": 48.9, "longitude": 2.3}
    for path, body in (
        ("sites", place | {"reference": "S"}),
        ("shops", {"name": words, "address": words, "insee_code": "93066"}),
        ("funders", {"kind": "sponsor", "name": words}),
        ("causes", {"name": words, "description": words}),
        ("offers", {"title": words, "price_points": 20, "value_cents": 150}),
    ):
        assert api.call("authority", "POST", f"/authority/{path}", json=body, key=f"formula-{path}").status_code == 201
    trial.try_huge_pages()
    assert trial.faults == []
    assert trial.counts["CSV"] >= 8
    assert trial.counts["CSV formulas kept from calculating"] >= 7


def test_posts_at_once_with_one_key_are_done_once(api: Api, trial: Trial) -> None:
    bodies = {
        "citizen_buy_voucher": {"offer_id": str(api.town.offer_id)},
        "shop_redeem": {"code": api.buy()["code"], "staff_id": None, "pin": None},
        "operator_provision_bin": {"bin_id": "RACE-0001", "site": "A"},
        "path of operator_rotate_bin_key": {"bin_id": api.town.bin_ids[0]},
        "path of operator_order_reboot": {"bin_id": api.town.bin_ids[0]},
    }
    done = trial.race_one_key(bodies=bodies)
    assert trial.faults == []
    assert done >= {name.removeprefix("path of ") for name in bodies}
    with api.owner.connect() as connection:
        for table, most in (("vouchers", 2), ("bin_commands", 1)):
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == most
        count = text("SELECT count(*) FROM bin_keys WHERE bin_id = :bin_id")
        assert connection.scalar(count, {"bin_id": api.town.bin_ids[0]}) == 2


def test_afterwards_every_invariant_holds(api: Api) -> None:
    assert verify(api.owner).is_sound
