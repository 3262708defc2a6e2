"""Usernames, passwords and commands that make the services private."""

import base64
import hashlib
from pathlib import Path

import pytest

from bontri.broker_accounts import BrokerAccount, require_distinct_usernames
from bontri.embedded.iotcore_broker import write_iotcore_file
from bontri.embedded.mosquitto import write_mosquitto_files
from bontri.embedded.postgres import server_command
from bontri.embedded.postgres_programs import PostgresPrograms
from bontri.mosquitto_accounts import hash_password

BIN = BrokerAccount("MRS-00042", "secret", "bin")


@pytest.mark.parametrize("username", ["", "+", "#", "a/b", "a:b", "a b", "a\nuser b", "$SYS", "%u", "x" * 65])
def test_username_that_could_widen_a_rule_is_refused(username: str) -> None:
    with pytest.raises(ValueError, match="username"):
        BrokerAccount(username, "secret", "bin")


@pytest.mark.parametrize("password", ["", "two\nlines"])
def test_password_that_could_break_a_file_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="password"):
        BrokerAccount("MRS-00042", password, "bin")


def test_password_is_not_shown() -> None:
    assert "secret" not in repr(BIN)


def test_username_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        require_distinct_usernames([BIN, BrokerAccount("MRS-00042", "other", "worker")])


def test_hash_is_salted_pbkdf2_and_never_the_same() -> None:
    _, kind, iterations, salt, digest = hash_password("secret").split("$")
    assert kind == "7"
    expected = hashlib.pbkdf2_hmac("sha512", b"secret", base64.b64decode(salt), int(iterations))
    assert base64.b64decode(digest) == expected
    assert hash_password("secret") != hash_password("secret")


def test_files_with_passwords_are_private(tmp_path: Path) -> None:
    write_mosquitto_files(tmp_path, None, [BIN], 1883)
    write_iotcore_file(tmp_path, [BIN], 1883)
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert sorted(path.name for path in files) == ["acl", "iotcore.toml", "mosquitto.conf", "passwords"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert "secret" not in (tmp_path / "passwords").read_text()


def test_settings_cannot_open_the_server_to_the_network() -> None:
    settings = {"listen_addresses": "*", "unix_socket_directories": "/tmp", "fsync": "off"}
    command = server_command(PostgresPrograms(Path("/bin"), "18.6"), Path("/data"), settings, 5433)
    values = [part for part in command if "=" in str(part)]
    assert "listen_addresses=127.0.0.1" in values
    assert "unix_socket_directories=" in values
    assert "fsync=off" in values
    assert "listen_addresses=*" not in values
