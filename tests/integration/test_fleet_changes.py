"""Changes of the fleet by operators, as their role: a refusal changes nothing, a race has one winner."""

import datetime
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

import rewards.bins
import rewards.fleet.keys
from bontri.provisioning import fleet_file
from ingest.topics import UpTopic
from rewards.bins import find_bins, note_key_numbers
from rewards.errors import OperatorRefusedError
from rewards.fleet import refusals
from rewards.fleet.keys import list_valid_keys, revoke_key, rotate_key
from rewards.fleet.placing import move_bin
from rewards.fleet.states import change_state, revoke_for_good
from rewards.keyring import Keyring
from tests.databases import Database
from tests.factories import START, Town, build_town
from tests.ingest_scene import KEYRING
from tests.operator_commands import run, run_main, succeed

HOUR = datetime.timedelta(hours=1)
TABLES = ("authorities", "bin_directory", "bins", "bin_keys", "placements", "accounts")


@pytest.fixture
def town(database: Database) -> Town:
    with database.engine().begin() as connection:
        return build_town(connection, KEYRING)


@pytest.fixture
def other_town(database: Database, town: Town) -> Town:
    with database.engine().begin() as connection:
        return build_town(connection, KEYRING, authority_id=8, slug="grand-lyon")


def contents(database: Database) -> dict[str, list[Any]]:
    """Return everything the fleet consists of."""
    with database.engine().connect() as connection:
        rows = {name: connection.execute(text(f"SELECT * FROM {name}")).all() for name in TABLES}
    return {name: sorted(map(str, found)) for name, found in rows.items()}


def scalar(database: Database, query: str, **parameters: Any) -> Any:
    with database.engine().connect() as connection:
        return connection.scalar(text(query), parameters)


def fleet_version(database: Database, town: Town) -> int:
    query = "SELECT fleet_version FROM authorities WHERE authority_id = :id"
    return int(scalar(database, query, id=town.authority_id))


def newest_key(database: Database, bin_id: str) -> int:
    return int(scalar(database, "SELECT newest_key_number FROM bins WHERE bin_id = :bin_id", bin_id=bin_id))


def assert_refused(
    database: Database, refusal: type[OperatorRefusedError], *arguments: str | Path, **settings: str
) -> OperatorRefusedError:
    """The command is refused for this reason, and nothing has changed."""
    before = contents(database)
    result = run(database, *arguments, **settings)
    assert isinstance(result.exception, refusal), (result.output, result.exception)
    assert contents(database) == before
    return result.exception


def test_a_new_bin_is_provisioned_as_the_operator_role_and_its_keys_are_shown_once(
    database: Database, town: Town
) -> None:
    version = fleet_version(database, town)
    result = succeed(
        database, "bins", "add", "NEW-00001", "--authority", town.slug, "--site", "A", "--capacity-l", "2500"
    )
    content = json.loads(result.stdout)
    assert content["broker"] == {"host": "broker.example.org", "port": 8883, "tls": True}
    [handed] = content["bins"]
    assert bytes.fromhex(handed["key"]) == KEYRING.bin_key(authority=town.slug, bin_id="NEW-00001", key_number=1)
    assert handed["capacity_l"] == 2500
    assert "shown this once" in result.stderr
    assert handed["key"] not in result.stderr
    with database.engine("bontri_ingest").connect() as connection:
        known = find_bins(connection, ["NEW-00001"], authority_id=town.authority_id)["NEW-00001"]
    assert (known.state, known.key_states, len(known.placements)) == ("live", {1: "valid"}, 1)
    assert fleet_version(database, town) == version + 1


def test_a_bin_can_begin_in_state_test_at_an_instant_of_the_authority(database: Database, town: Town) -> None:
    arguments = ("--authority", town.slug, "--site", "B", "--test", "--placed-at", "2026-07-01T08:00")
    succeed(database, "bins", "add", "NEW-00001", *arguments)
    assert scalar(database, "SELECT state FROM bins WHERE bin_id = 'NEW-00001'") == "test"
    placed_at = scalar(database, "SELECT placed_at FROM placements WHERE bin_id = 'NEW-00001'")
    assert placed_at == datetime.datetime(2026, 7, 1, 6, 0, tzinfo=datetime.UTC)


def test_keys_go_into_a_private_file_that_is_never_an_existing_one(
    database: Database, town: Town, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    arguments = ("--authority", town.slug, "--site", "A", "--hand-over", path)
    result = succeed(database, "bins", "add", "NEW-00001", *arguments)
    assert path.stat().st_mode & 0o777 == 0o600
    written = path.read_text()
    [handed] = json.loads(written)["bins"]
    assert handed["key"] not in result.output
    before = contents(database)
    result = run(database, "bins", "add", "NEW-00002", *arguments)
    assert "is there already" in str(result.exception)
    assert path.read_text() == written
    assert contents(database) == before


def test_a_hand_over_that_cannot_be_written_provisions_nothing(database: Database, town: Town, tmp_path: Path) -> None:
    before = contents(database)
    path = tmp_path / "missing" / "keys.json"
    result = run(database, "bins", "add", "NEW-00001", "--authority", town.slug, "--site", "A", "--hand-over", path)
    assert "cannot be written" in str(result.exception)
    assert contents(database) == before


def test_a_refused_bin_leaves_no_file(database: Database, town: Town, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    arguments = ("bins", "add", town.bin_ids[0], "--authority", town.slug, "--site", "A", "--hand-over", path)
    assert_refused(database, refusals.BinTakenError, *arguments)
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("NEW-00001", "--authority", "nowhere", "--site", "A"), refusals.AuthorityMissingError),
        (("NEW-00001", "--authority", "plaine-commune", "--site", "Z"), refusals.SiteMissingError),
        (("new-00001", "--authority", "plaine-commune", "--site", "A"), refusals.BinIdInvalidError),
        (("NEW/#", "--authority", "plaine-commune", "--site", "A"), refusals.BinIdInvalidError),
        (("BIN-0007-A", "--authority", "plaine-commune", "--site", "A"), refusals.BinTakenError),
        (("BIN-0008-A", "--authority", "plaine-commune", "--site", "A"), refusals.BinTakenError),
    ],
)
def test_a_bin_that_cannot_be_is_refused(
    database: Database, other_town: Town, arguments: tuple[str, ...], refusal: type[OperatorRefusedError]
) -> None:
    assert_refused(database, refusal, "bins", "add", *arguments)


def test_an_id_taken_at_this_very_moment_is_refused_by_its_name(
    database: Database, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rewards.fleet.provisioning.find_owners", lambda *_: {})
    arguments = ("bins", "add", town.bin_ids[1], "--authority", town.slug, "--site", "A")
    assert town.bin_ids[1] in str(assert_refused(database, refusals.BinTakenError, *arguments))


def test_refusals_are_one_sentence_with_their_code(
    database: Database, town: Town, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = run_main(monkeypatch, capsys, database, "bins", "show", "NOT-THERE")
    assert code == 1
    assert told == "bontri: there is no bin NOT-THERE: check the id with bontri bins list (bin_missing)\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("add",),
        ("add", "NEW-00001", "--file", __file__, "--authority", "plaine-commune"),
        ("add", "--file", __file__, "--authority", "plaine-commune"),
        ("add", "NEW-00001", "--authority", "plaine-commune"),
        ("add", "NEW-00001", "--authority", "plaine-commune", "--site", "A", "--placed-at", "tomorrow"),
        ("list", "--silent-for", "long"),
        ("move", "BIN-0007-A", "--to", "B", "--at", "2026-13-01"),
    ],
)
def test_wrong_options_are_told_and_change_nothing(database: Database, town: Town, arguments: tuple[str, ...]) -> None:
    before = contents(database)
    assert run(database, "bins", *arguments).exit_code == 2
    assert contents(database) == before


def test_rotation_makes_the_next_key_valid_and_hands_it_over(database: Database, town: Town, tmp_path: Path) -> None:
    bin_id, version = town.bin_ids[0], fleet_version(database, town)
    succeed(database, "bins", "rotate-key", bin_id, "--hand-over", tmp_path / "new.json")
    [handed] = json.loads((tmp_path / "new.json").read_text())["bins"]
    assert handed["key_number"] == 2
    assert bytes.fromhex(handed["key"]) == KEYRING.bin_key(authority=town.slug, bin_id=bin_id, key_number=2)
    with database.engine("bontri_operator").connect() as connection:
        assert list_valid_keys(connection, bin_id, authority_id=town.authority_id) == [1, 2]
    # The backend goes on with the old one until the bin uses the new one.
    assert newest_key(database, bin_id) == 1
    assert fleet_version(database, town) == version + 1


def test_a_third_valid_key_is_refused_until_one_is_revoked(database: Database, town: Town, tmp_path: Path) -> None:
    bin_id = town.bin_ids[0]
    succeed(database, "bins", "rotate-key", bin_id)
    path = tmp_path / "third.json"
    arguments = ("bins", "rotate-key", bin_id, "--hand-over", path)
    refusal = assert_refused(database, refusals.KeysTooManyError, *arguments)
    assert "keys 1 and 2" in str(refusal)
    assert not path.exists()
    succeed(database, "bins", "revoke", bin_id, "--key", "1")
    assert json.loads(succeed(database, "bins", "rotate-key", bin_id).stdout)["bins"][0]["key_number"] == 3


def test_the_only_valid_key_cannot_be_revoked_alone(database: Database, town: Town) -> None:
    arguments = ("bins", "revoke", town.bin_ids[0], "--key")
    assert "revoke the whole bin" in str(assert_refused(database, refusals.KeyIsLastError, *arguments, "1"))
    assert_refused(database, refusals.KeyMissingError, *arguments, "2")


def use_key(database: Database, town: Town, bin_id: str, key_number: int) -> None:
    with database.engine("bontri_ingest").begin() as connection:
        note_key_numbers(connection, {bin_id: key_number}, authority_id=town.authority_id)


def test_revoking_the_newest_used_key_falls_back_to_the_highest_valid_one(database: Database, town: Town) -> None:
    bin_id = town.bin_ids[0]
    succeed(database, "bins", "rotate-key", bin_id)
    use_key(database, town, bin_id, 2)
    assert newest_key(database, bin_id) == 2
    succeed(database, "bins", "revoke", bin_id, "--key", "2")
    assert newest_key(database, bin_id) == 1
    assert_refused(database, refusals.KeyMissingError, "bins", "revoke", bin_id, "--key", "2")


def test_revoking_an_older_key_leaves_the_newest_in_use(database: Database, town: Town) -> None:
    bin_id = town.bin_ids[0]
    succeed(database, "bins", "rotate-key", bin_id)
    use_key(database, town, bin_id, 2)
    succeed(database, "bins", "revoke", bin_id, "--key", "1")
    assert newest_key(database, bin_id) == 2


def test_a_key_that_is_not_valid_is_never_noted_as_used(database: Database, town: Town) -> None:
    bin_id = town.bin_ids[0]
    succeed(database, "bins", "rotate-key", bin_id)
    succeed(database, "bins", "revoke", bin_id, "--key", "2")
    for number in (2, 3):
        use_key(database, town, bin_id, number)
        assert newest_key(database, bin_id) == 1


def test_control_without_the_guard_a_revoked_key_is_noted_as_used(
    database: Database, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_id = town.bin_ids[0]
    succeed(database, "bins", "rotate-key", bin_id)
    succeed(database, "bins", "revoke", bin_id, "--key", "2")
    unguarded = str(rewards.bins.NOTE_USED).partition("AND EXISTS")[0]
    monkeypatch.setattr(rewards.bins, "NOTE_USED", text(unguarded))
    use_key(database, town, bin_id, 2)
    assert newest_key(database, bin_id) == 2


def note_during_revocation(database: Database, town: Town, note: Callable[[Connection], object]) -> int:
    """Let ``note`` begin while a revocation of key 2 is not committed yet; return the newest key afterwards."""
    bin_id = town.bin_ids[0]
    succeed(database, "bins", "rotate-key", bin_id)
    failures: list[BaseException] = []

    def note_in_thread() -> None:
        try:
            with database.engine("bontri_ingest").begin() as connection:
                note(connection)
        except BaseException as failure:  # noqa: BLE001 (looked at below)
            failures.append(failure)

    with database.engine("bontri_operator").begin() as connection:
        revoke_key(connection, bin_id, 2, authority_id=town.authority_id)
        thread = threading.Thread(target=note_in_thread)
        thread.start()
        wait_for_a_waiting_lock(database)
    thread.join(15)
    assert not thread.is_alive()
    assert failures == []
    return newest_key(database, bin_id)


def wait_for_a_waiting_lock(database: Database) -> None:
    """Return when a statement waits for a row."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    deadline = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=10)
    while not scalar(database, query):
        assert datetime.datetime.now(datetime.UTC) < deadline, "nothing waits"


def test_a_key_revoked_at_this_very_moment_is_not_noted_as_used(database: Database, town: Town) -> None:
    used = {town.bin_ids[0]: 2}
    assert (
        note_during_revocation(
            database, town, lambda connection: note_key_numbers(connection, used, authority_id=town.authority_id)
        )
        == 1
    )


def test_control_without_the_lock_a_key_revoked_at_this_very_moment_is_noted_as_used(
    database: Database, town: Town
) -> None:
    parameters = {"authority_id": town.authority_id, "bin_id": f"{{{town.bin_ids[0]}}}", "key_number": "{2}"}
    assert (
        note_during_revocation(
            database, town, lambda connection: connection.execute(rewards.bins.NOTE_USED, parameters)
        )
        == 2
    )


def race(database: Database, *changes: Callable[[Connection], object]) -> list[BaseException | None]:
    """Run changes at once, each in a transaction of its own; return how each ended."""
    barrier = threading.Barrier(len(changes))
    ends: list[BaseException | None] = [None] * len(changes)

    def run_one(number: int, change: Callable[[Connection], object]) -> None:
        try:
            with database.engine("bontri_operator").connect() as connection, connection.begin():
                connection.execute(text("SELECT 1"))
                barrier.wait(10)
                change(connection)
                # Long enough for the others to have looked.
                connection.execute(text("SELECT pg_sleep(0.05)"))
        except Exception as error:  # noqa: BLE001 (returned)
            ends[number] = error

    threads = [threading.Thread(target=run_one, args=(number, change)) for number, change in enumerate(changes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return ends


def revoke_both_keys_at_once(database: Database, town: Town) -> list[int]:
    bin_id = town.bin_ids[0]
    succeed(database, "bins", "rotate-key", bin_id)
    race(
        database,
        *(
            lambda connection, number=number: revoke_key(connection, bin_id, number, authority_id=town.authority_id)
            for number in (1, 2)
        ),
    )
    with database.engine().connect() as connection:
        return list_valid_keys(connection, bin_id, authority_id=town.authority_id)


def test_of_two_keys_revoked_at_once_one_stays_valid(database: Database, town: Town) -> None:
    assert len(revoke_both_keys_at_once(database, town)) == 1


def test_control_without_the_lock_both_keys_are_revoked(
    database: Database, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewards.fleet.keys, "lock_bin", lambda *_, **__: "live")
    assert revoke_both_keys_at_once(database, town) == []


def test_of_eight_rotations_at_once_one_is_made(database: Database, town: Town, now: datetime.datetime) -> None:
    bin_id = town.bin_ids[0]
    ends = race(
        database,
        *[lambda connection: rotate_key(connection, bin_id, authority_id=town.authority_id, now=now)] * 8,
    )
    assert ends.count(None) == 1
    assert sum(isinstance(end, refusals.KeysTooManyError) for end in ends) == 7


def test_a_revoked_bin_stays_revoked(database: Database, town: Town) -> None:
    bin_id, version = town.bin_ids[0], fleet_version(database, town)
    result = succeed(database, "bins", "revoke", bin_id)
    assert "revoked for good" in result.stdout
    assert fleet_version(database, town) == version + 1
    for arguments in (
        ("revoke", bin_id),
        ("live", bin_id),
        ("test", bin_id),
        ("rotate-key", bin_id),
        ("revoke", bin_id, "--key", "1"),
        ("move", bin_id, "--to", "B"),
    ):
        assert_refused(database, refusals.BinRevokedError, "bins", *arguments)


@pytest.mark.parametrize("command", ["show", "test", "live", "revoke", "rotate-key"])
def test_a_bin_nobody_has_is_refused(database: Database, town: Town, command: str) -> None:
    assert_refused(database, refusals.BinMissingError, "bins", command, "NOT-THERE")


def test_a_bin_goes_into_test_and_back(database: Database, town: Town) -> None:
    bin_id, version = town.bin_ids[0], fleet_version(database, town)
    for number, state in enumerate(("test", "live"), 1):
        succeed(database, "bins", state, bin_id)
        assert scalar(database, "SELECT state FROM bins WHERE bin_id = :bin_id", bin_id=bin_id) == state
        assert fleet_version(database, town) == version + number
        assert_refused(database, refusals.BinStateUnchangedError, "bins", state, bin_id)


def stays(database: Database, town: Town, bin_id: str) -> list[tuple[str, Any, Any]]:
    query = text(
        "SELECT s.reference, p.placed_at, p.removed_at FROM placements p JOIN sites s USING (authority_id, site_id)"
        " WHERE p.bin_id = :bin_id AND p.authority_id = :authority_id ORDER BY p.placed_at"
    )
    with database.engine().connect() as connection:
        rows = connection.execute(query, {"bin_id": bin_id, "authority_id": town.authority_id})
        return [tuple(row) for row in rows]


def test_a_move_ends_one_placement_and_begins_the_next(database: Database, town: Town) -> None:
    bin_id, version = town.bin_ids[0], fleet_version(database, town)
    at = START + HOUR
    succeed(database, "bins", "move", bin_id, "--to", "B", "--at", at.isoformat())
    assert stays(database, town, bin_id) == [("A", START, at), ("B", at, None)]
    assert fleet_version(database, town) == version + 1
    with database.engine("bontri_ingest").connect() as connection:
        known = find_bins(connection, [bin_id], authority_id=town.authority_id)[bin_id]
    assert known.find_site(at - HOUR) != known.find_site(at)


@pytest.mark.parametrize(
    ("to", "at", "refusal"),
    [
        ("A", START + HOUR, refusals.BinAlreadyThereError),
        ("Z", START + HOUR, refusals.SiteMissingError),
        ("B", START, refusals.PlacementOverlapsError),
        ("B", START - HOUR, refusals.PlacementOverlapsError),
    ],
)
def test_a_move_that_cannot_be_is_refused(
    database: Database, town: Town, to: str, at: datetime.datetime, refusal: type[OperatorRefusedError]
) -> None:
    assert_refused(database, refusal, "bins", "move", town.bin_ids[0], "--to", to, "--at", at.isoformat())


def test_a_move_into_an_earlier_placement_is_refused(database: Database, town: Town) -> None:
    bin_id, at = town.bin_ids[0], START + 2 * HOUR
    succeed(database, "bins", "move", bin_id, "--to", "B", "--at", at.isoformat())
    earlier = (START + HOUR).isoformat()
    assert_refused(database, refusals.PlacementOverlapsError, "bins", "move", bin_id, "--to", "A", "--at", earlier)


def test_of_two_moves_at_once_the_bin_stands_at_one_place(
    database: Database, town: Town, now: datetime.datetime
) -> None:
    bin_id = town.bin_ids[0]
    ends = race(
        database,
        *[lambda connection: move_bin(connection, bin_id, to="B", at=now, authority_id=town.authority_id)] * 4,
    )
    assert ends.count(None) == 1
    assert all(isinstance(end, refusals.BinAlreadyThereError) for end in ends if end)
    assert len(stays(database, town, bin_id)) == 2


def test_services_run_as_the_operator_role_and_nothing_more(database: Database, town: Town, keyring: Keyring) -> None:
    with database.engine("bontri_operator").begin() as connection:
        change_state(connection, town.bin_ids[0], "test", authority_id=town.authority_id)
        revoke_for_good(connection, town.bin_ids[0], authority_id=town.authority_id)
    for forbidden in (
        "SELECT badge_digest, pepper_no FROM badges",
        "SELECT email_encrypted FROM contacts",
        "UPDATE settlement_lines SET points = 1",
        "UPDATE wallet_changes SET points = 1",
        "UPDATE transfers SET points = 1",
        "DELETE FROM transfers",
        "UPDATE accounts SET kind = 'loss'",
        "DELETE FROM bins",
        "DELETE FROM events",
        "UPDATE bin_keys SET key_number = 9",
        "UPDATE placements SET placed_at = removed_at",
    ):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            database.engine("bontri_operator").begin() as connection,
        ):
            connection.execute(text(forbidden))


def test_workers_know_what_commands_changed_without_a_restart(database: Database, town: Town) -> None:
    from ingest.directory import REMEMBERED_S, Directory

    directory, bin_id = Directory(database.engine("bontri_ingest")), town.bin_ids[0]
    topic = UpTopic(town.slug, bin_id, "events")
    for second, (command, expected) in enumerate(
        [
            (("test", bin_id), ("test", {1: "valid"})),
            (("live", bin_id), ("live", {1: "valid"})),
            (("rotate-key", bin_id), ("live", {1: "valid", 2: "valid"})),
            (("revoke", bin_id, "--key", "1"), ("live", {1: "revoked", 2: "valid"})),
            (("revoke", bin_id), ("revoked", {1: "revoked", 2: "valid"})),
        ]
    ):
        succeed(database, "bins", *command)
        directory.load([topic], monotonic_s=second * (REMEMBERED_S + 0.001))
        known = directory.find_bin(topic)
        assert known is not None
        assert (known.state, known.key_states) == expected


def test_the_file_handed_over_is_what_simulated_bins_read() -> None:
    from simulators.fleet_file import read_fleet

    content = fleet_file(["NEW-00001"], authority="val", mqtt_url="mqtts://b.example.org", keyring=KEYRING)
    assert read_fleet(content).bins[0].identity.bin == "NEW-00001"
