"""What somebody without a token can do to one citizen's account, or to the server."""

import datetime

from sqlalchemy import text

from rewards.keyring import Keyring
from rewards.sign_ins import OPEN_SIGN_INS_MAX
from tests.api_client import EMAIL, start_api
from tests.databases import Database


def test_only_a_few_codes_of_one_citizen_are_good_at_a_time(
    database: Database, keyring: Keyring, now: datetime.datetime
) -> None:
    api = start_api(database, keyring, now)
    asked = {"authority": api.town.slug, "email": EMAIL}
    api.sent.clear()
    # In the middle of them one window ends and the next begins, ten minutes after the first code.
    answers = []
    for minutes in (0, 9, 9, 9, 9, 10, 10, 10, 10):
        api.now = now + datetime.timedelta(minutes=minutes)
        answers.append(api.call(None, "POST", "/citizen/sign-ins", json=asked))
    assert {answer.status_code for answer in answers} == {202}
    # The first code is over by then, and makes room for one.
    assert len(api.sent) == OPEN_SIGN_INS_MAX + 1
    with api.owner.connect() as connection:
        guessable = connection.scalar(
            text(
                "SELECT count(*) FROM sign_in_codes"
                " WHERE citizen_id IS NOT NULL AND used_at IS NULL AND expires_at > :now"
            ),
            {"now": api.now},
        )
    assert guessable == OPEN_SIGN_INS_MAX


def test_json_too_deep_to_be_read_is_a_bad_request(
    database: Database, keyring: Keyring, now: datetime.datetime
) -> None:
    api = start_api(database, keyring, now)
    answer = api.call(None, "POST", "/citizen/sign-ins", data=b"[" * 60_000, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["code"] == "request_malformed"
