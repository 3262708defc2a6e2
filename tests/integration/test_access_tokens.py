"""Sessions, keys and codes: shown once, stored as digests, refused from the moment they end."""

import datetime
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from rewards.access import find_principal
from rewards.api_keys import create_api_key, revoke_api_key
from rewards.sessions import close_session
from rewards.sign_ins import begin_sign_in, open_session
from tests.databases import Database
from tests.factories import build_citizen, build_town

EMAIL = "ada@example.org"


@pytest.fixture
def town(database: Database, keyring):
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        build_citizen(connection, town, email=EMAIL)
    return town


def begin(database, keyring, town, now, email=EMAIL):
    with database.engine("bontri_api").begin() as connection:
        return begin_sign_in(connection, keyring, authority_id=town.authority_id, email=email, now=now)


def enter(database, keyring, town, sign_in, now, *, code=None):
    with database.engine("bontri_api").begin() as connection:
        return open_session(
            connection,
            keyring,
            authority_id=town.authority_id,
            sign_in_id=sign_in.sign_in_id,
            code=code or sign_in.code,
            now=now,
        )


def test_code_opens_one_session_and_no_second(database, keyring, town, now):
    sign_in = begin(database, keyring, town, now)
    session = enter(database, keyring, town, sign_in, now)
    assert enter(database, keyring, town, sign_in, now) is None
    with database.engine().connect() as connection:
        principal = find_principal(connection, keyring, token=session.token, now=now)
    assert (principal.audience, principal.credential_id) == ("citizen", session.session_id)


def test_code_entered_many_times_at_once_opens_one_session(database, keyring, town, now):
    sign_in = begin(database, keyring, town, now)
    with ThreadPoolExecutor(5) as pool:
        opened = list(pool.map(lambda _: enter(database, keyring, town, sign_in, now), range(5)))
    assert sum(session is not None for session in opened) == 1


def test_tries_are_spent_even_when_made_at_once(database, keyring, town, now):
    sign_in = begin(database, keyring, town, now)
    wrong = f"{(int(sign_in.code) + 1) % 10**8:08}"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: enter(database, keyring, town, sign_in, now, code=wrong), range(16)))
    assert enter(database, keyring, town, sign_in, now) is None
    with database.engine().connect() as connection:
        assert connection.scalars(text("SELECT tries_left FROM sign_in_codes")).one() == 0


def test_code_is_good_until_it_expires(database, keyring, town, now):
    sign_in = begin(database, keyring, town, now)
    end = now + datetime.timedelta(minutes=10)
    assert enter(database, keyring, town, sign_in, end) is None
    assert enter(database, keyring, town, sign_in, end - datetime.timedelta(seconds=1)) is not None


def test_code_for_an_address_nobody_holds_opens_nothing(database, keyring, town, now):
    sign_in = begin(database, keyring, town, now, "nobody@example.org")
    assert sign_in.email is None
    assert enter(database, keyring, town, sign_in, now) is None


def test_session_and_key_are_refused_once_revoked(database, keyring, town, now):
    tenant = {"authority_id": town.authority_id}
    session = enter(database, keyring, town, begin(database, keyring, town, now), now)
    with database.engine().begin() as connection:
        key = create_api_key(connection, keyring, **tenant, audience="authority", label="agent", now=now)
        for token, revoke in (
            (session.token, lambda: close_session(connection, session.session_id, **tenant, now=now)),
            (key.secret, lambda: revoke_api_key(connection, **tenant, api_key_id=key.api_key_id, now=now)),
        ):
            assert find_principal(connection, keyring, token=token, now=now)
            assert revoke()
            assert find_principal(connection, keyring, token=token, now=now) is None
            assert not revoke()


def test_secrets_are_stored_as_digests_only(database, keyring, town, now):
    sign_in = begin(database, keyring, town, now)
    session = enter(database, keyring, town, sign_in, now)
    with database.engine().connect() as connection:
        rows = [
            row
            for table in ("sessions", "sign_in_codes", "api_keys", "contacts")
            for row in connection.scalars(text(f"SELECT CAST(t AS text) FROM {table} t"))
        ]
    for secret in (session.token.partition(".")[2], sign_in.code, EMAIL):
        assert not [row for row in rows if secret in row or secret.encode().hex() in row]
