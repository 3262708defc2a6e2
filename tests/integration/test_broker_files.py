"""``bontri broker``: the files an operator's Mosquitto reads, and the signal that has it read them."""

import grp
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import bontri.broker_files
import bontri.fleet_accounts
from bontri.broker_accounts import BrokerAccount
from bontri.broker_files import BrokerFilesError, reload_mosquitto, write_broker_files
from bontri.embedded.broker import Broker
from bontri.settings import read_settings
from rewards.bins import NewBin, add_bins, revoke_bin
from tests.bin_session import open_session
from tests.databases import Database
from tests.factories import START, Town, build_town
from tests.ingest_scene import KEYRING, mosquitto, wait_until
from tests.operator_commands import run, run_main, succeed

MANY = 2000
WITHIN_S = 2.0
WORKER = BrokerAccount("bontri-ingest", "secret", "worker")
BIN = BrokerAccount("MRS-00042", "secret", "bin")


@pytest.fixture
def town(database: Database) -> Town:
    with database.engine().begin() as connection:
        build_town(connection, KEYRING, authority_id=8, slug="grand-lyon")
        return build_town(connection, KEYRING)


def usernames(folder: Path) -> list[str]:
    return [line.partition(":")[0] for line in (folder / "passwords").read_text().splitlines()]


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_every_bin_that_is_not_revoked_has_an_account_and_the_worker(
    database: Database, town: Town, tmp_path: Path
) -> None:
    succeed(database, "bins", "revoke", "BIN-0008-A")
    succeed(database, "bins", "test", town.bin_ids[0])
    assert "4 accounts" in succeed(database, "broker", "write", "--folder", tmp_path).stdout
    assert usernames(tmp_path) == ["bontri-ingest", "BIN-0008-B", *town.bin_ids]
    assert (mode_of(tmp_path / "passwords"), mode_of(tmp_path / "acl")) == (0o600, 0o600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["acl", "passwords"]
    acl = (tmp_path / "acl").read_text()
    assert acl == (
        "user bontri-ingest\ntopic read bontri/v1/+/+/up/#\ntopic write bontri/v1/+/+/down/#\n"
        "topic readwrite bontri/ingest/heartbeat/+\n"
        "\npattern write bontri/v1/+/%u/up/#\npattern read bontri/v1/+/%u/down/#\n"
    )
    assert KEYRING.broker_password(username=town.bin_ids[0]) not in (tmp_path / "passwords").read_text()


def test_the_worker_s_account_is_the_one_of_its_address(database: Database, town: Town, tmp_path: Path) -> None:
    address = "mqtts://ingest-7:own%20password@broker.example.org"
    succeed(database, "broker", "write", "--folder", tmp_path, MQTT_URL=address)
    assert usernames(tmp_path)[0] == "ingest-7"
    assert (tmp_path / "acl").read_text().startswith("user ingest-7\n")


def test_files_keep_owner_group_and_mode_and_may_be_given_to_a_group(tmp_path: Path) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    write_broker_files(tmp_path, [WORKER, BIN], group=group)
    assert mode_of(tmp_path / "passwords") == 0o640
    assert (tmp_path / "passwords").stat().st_gid == os.getgid()
    write_broker_files(tmp_path, [WORKER])
    assert mode_of(tmp_path / "passwords") == 0o640
    assert usernames(tmp_path) == ["bontri-ingest"]


def test_files_of_mosquitto_stay_mosquitto_s(tmp_path: Path) -> None:
    write_broker_files(tmp_path, [WORKER])
    owner = (65534, 65534) if os.geteuid() == 0 else (os.getuid(), os.getgid())  # only root gives files away
    os.chown(tmp_path / "passwords", *owner)
    write_broker_files(tmp_path, [WORKER, BIN])
    status = (tmp_path / "passwords").stat()
    assert (status.st_uid, status.st_gid) == owner


def test_files_open_to_everybody_are_closed(tmp_path: Path) -> None:
    for name in ("passwords", "acl"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o666)
    write_broker_files(tmp_path, [WORKER])
    assert mode_of(tmp_path / "passwords") == 0o640


def test_accounts_of_the_operator_s_own_are_kept(tmp_path: Path) -> None:
    (tmp_path / "passwords.own").write_text("monitor:$7$101$abc$def")
    (tmp_path / "acl.own").write_text("user monitor\ntopic read $SYS/#")
    for _ in range(2):
        write_broker_files(tmp_path, [WORKER, BIN])
    assert usernames(tmp_path) == ["bontri-ingest", "MRS-00042", "monitor"]
    assert (tmp_path / "acl").read_text().endswith("user monitor\ntopic read $SYS/#\n")


def test_an_account_of_ours_among_the_operator_s_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / "passwords.own").write_text("MRS-00042:$7$101$abc$def\n")
    with pytest.raises(BrokerFilesError, match="MRS-00042, which is ours"):
        write_broker_files(tmp_path, [WORKER, BIN])
    assert not (tmp_path / "passwords").exists()


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_broker_files(tmp_path, [WORKER, BIN])
    before = (tmp_path / "passwords").read_bytes()

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bontri.broker_files.os, "fsync", fail)
    with pytest.raises(BrokerFilesError, match="No space left"):
        write_broker_files(tmp_path, [WORKER])
    assert (tmp_path / "passwords").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["acl", "passwords"]


def test_unknown_groups_and_missing_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(BrokerFilesError, match="no group nobody-has-this"):
        write_broker_files(tmp_path, [WORKER], group="nobody-has-this")
    with pytest.raises(BrokerFilesError, match="cannot be written"):
        write_broker_files(tmp_path / "missing", [WORKER])


def test_two_thousand_bins_are_written_in_two_seconds(
    database: Database, town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.engine().begin() as connection:
        site_id = connection.scalar(text("SELECT site_id FROM sites WHERE authority_id = 7 LIMIT 1"))
        bins = [NewBin(f"MANY-{number:05}", site_id, START) for number in range(MANY)]
        add_bins(connection, bins, authority_id=town.authority_id, now=START)
    started_s = time.monotonic()
    succeed(database, "broker", "write", "--folder", tmp_path)
    took_s = time.monotonic() - started_s
    assert len(usernames(tmp_path)) == MANY + 5
    with capsys.disabled():
        print(f"\n{MANY:,} accounts written in {took_s:.2f} s")  # noqa: T201 (the figure promised)
    assert took_s < WITHIN_S


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that a stale file might name."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_only_a_running_mosquitto_is_signalled(
    tmp_path: Path, bystander: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mosquitto.pid"
    with pytest.raises(BrokerFilesError, match="cannot be read"):
        reload_mosquitto(path)
    for content in ("", "x", "0", "-1", "1"):
        path.write_text(content)
        with pytest.raises(BrokerFilesError, match="holds no process id"):
            reload_mosquitto(path)
    path.write_text(f"{bystander.pid}\n")
    with pytest.raises(BrokerFilesError, match="not Mosquitto: it was left alone"):
        reload_mosquitto(path)
    assert bystander.poll() is None
    # Control: the signal would have ended it.
    bystander.send_signal(signal.SIGHUP)
    assert bystander.wait(10) == -signal.SIGHUP
    with pytest.raises(BrokerFilesError, match="does not run"):
        reload_mosquitto(path)


@pytest.fixture
def broker() -> Iterator[Broker]:
    with mosquitto() as broker:
        yield broker


def test_a_new_bin_connects_and_a_revoked_one_does_not_after_each_command(
    database: Database, town: Town, broker: Broker, tmp_path: Path
) -> None:
    pid_file = tmp_path / "mosquitto.pid"
    pid_file.write_text(str(broker.pid))
    settings = {"BONTRI_MOSQUITTO_FOLDER": str(broker.folder), "BONTRI_MOSQUITTO_PID_FILE": str(pid_file)}

    def connect(bin_id: str) -> int | None:
        with open_session(broker, bin_id, KEYRING.broker_password(username=bin_id)) as session:
            return session.connect_code

    assert connect("NEW-00001") != 0
    arguments = ("NEW-00001", "--authority", town.slug, "--site", "A")
    added = succeed(database, "bins", "add", *arguments, **settings)
    assert f"Mosquitto (process {broker.pid}) reads them" in added.stderr
    wait_until(lambda: connect("NEW-00001") == 0)
    succeed(database, "bins", "revoke", "NEW-00001", **settings)
    wait_until(lambda: connect("NEW-00001") != 0)
    assert connect(town.bin_ids[0]) == 0


def test_what_the_broker_was_not_told_is_said(database: Database, town: Town, tmp_path: Path) -> None:
    settings = {"BONTRI_MOSQUITTO_FOLDER": str(tmp_path / "missing")}
    result = run(database, "bins", "revoke", town.bin_ids[0], **settings)
    assert isinstance(result.exception, BrokerFilesError)
    assert "the change is made, but the broker does not know of it" in str(result.exception)
    with database.engine().connect() as connection:
        state = connection.scalar(text("SELECT state FROM bins WHERE bin_id = :bin_id"), {"bin_id": town.bin_ids[0]})
    assert state == "revoked"
    result = succeed(database, "bins", "revoke", town.bin_ids[1])
    assert "bontri broker write makes them anew" in result.stderr


def test_keys_are_shown_even_when_the_broker_could_not_be_told(database: Database, town: Town, tmp_path: Path) -> None:
    settings = {"BONTRI_MOSQUITTO_FOLDER": str(tmp_path / "missing")}
    result = run(database, "bins", "add", "NEW-00001", "--authority", town.slug, "--site", "A", **settings)
    assert isinstance(result.exception, BrokerFilesError)
    assert KEYRING.bin_key(authority=town.slug, bin_id="NEW-00001", key_number=1).hex() in result.stdout


def revoke_while_another_command_writes(
    database: Database, town: Town, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """One command has listed the accounts and is slow to write them; meanwhile a bin is revoked."""
    engine, settings = database.engine("bontri_operator"), read_settings()
    has_listed, may_write, is_slow = threading.Event(), threading.Event(), threading.Lock()

    def write(*arguments: Any, **more: Any) -> None:
        if is_slow.acquire(blocking=False):
            has_listed.set()
            may_write.wait(10)
        write_broker_files(*arguments, **more)

    monkeypatch.setattr(bontri.fleet_accounts, "write_broker_files", write)
    command = partial(bontri.fleet_accounts.write_fleet_accounts, engine, settings, KEYRING, folder)
    slow, quick = threading.Thread(target=command), threading.Thread(target=command)
    slow.start()
    assert has_listed.wait(10)
    with engine.begin() as connection:
        assert revoke_bin(connection, town.bin_ids[0], authority_id=town.authority_id)
    quick.start()
    quick.join(0.5)
    may_write.set()
    for thread in (slow, quick):
        thread.join(15)
        assert not thread.is_alive()
    return usernames(folder)


def test_of_two_commands_at_once_the_later_list_stays(
    database: Database, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert town.bin_ids[0] not in revoke_while_another_command_writes(database, town, tmp_path, monkeypatch)


def test_control_without_the_lock_a_revoked_bin_gets_its_account_back(
    database: Database, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bontri.fleet_accounts, "held_folder", lambda _: nullcontext())
    assert town.bin_ids[0] in revoke_while_another_command_writes(database, town, tmp_path, monkeypatch)


def test_secrets_needed_after_the_commit_are_asked_for_before_it(
    database: Database, town: Town, tmp_path: Path
) -> None:
    settings = {"BONTRI_MOSQUITTO_FOLDER": str(tmp_path), "BONTRI_MASTER_KEY": ""}
    result = run(database, "bins", "revoke", town.bin_ids[0], **settings)
    assert result.exit_code != 0
    with database.engine().connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM bins WHERE state = 'revoked'")) == 0


def test_a_failure_of_the_broker_s_files_exits_with_1(
    database: Database,
    town: Town,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    code, told = run_main(monkeypatch, capsys, database, "broker", "reload", "--pid-file", str(tmp_path / "none.pid"))
    assert code == 1
    assert told.startswith("bontri: ")
    assert "see pid_file in mosquitto.conf" in told
