"""A fleet as CSV: every fault is told with its line and column, and nothing is imported when there is one."""

import datetime
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

import bontri.fleet_import
from bontri.fleet_import import HandOver, import_fleet
from bontri.hand_over import HandOverError, provisioning_change
from rewards.csv_files import CsvFaultyError
from rewards.fleet.refusals import BinTakenError
from simulators.fleet_file import read_fleet_file
from tests.databases import Database
from tests.factories import Town, build_town
from tests.ingest_scene import KEYRING
from tests.operator_commands import run, run_main

MANY = 10_000
WITHIN_S = 15.0


@pytest.fixture
def town(database: Database) -> Town:
    with database.engine().begin() as connection:
        build_town(connection, KEYRING, authority_id=8, slug="grand-lyon")
        return build_town(connection, KEYRING)


def count_bins(database: Database) -> int:
    with database.engine().connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM bins")) or 0)


def import_csv(database: Database, tmp_path: Path, content: str | bytes, **settings: str) -> Any:
    file = tmp_path / "fleet.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    arguments = ("--authority", "plaine-commune", "--hand-over", tmp_path / "keys.json")
    return run(database, "bins", "add", "--file", file, *arguments, **settings)


def faults_of(database: Database, tmp_path: Path, content: str | bytes) -> list[str]:
    """Import a faulty file, and return what is told of it; nothing has changed."""
    before = count_bins(database)
    result = import_csv(database, tmp_path, content)
    assert isinstance(result.exception, CsvFaultyError), (result.output, result.exception)
    assert count_bins(database) == before
    assert not (tmp_path / "keys.json").exists()
    return [str(fault) for fault in result.exception.faults]


@pytest.mark.parametrize(
    "content",
    [
        "bin,site\nNEW-00001,A\nNEW-00002,B\n",
        "bin;site\r\nNEW-00001;A\r\nNEW-00002;B\r\n",
        "\ufeffbin;site;capacity_l\nNEW-00001;A;\nNEW-00002;B;2500\n",
        'Site,BIN\n"A", NEW-00001\n\nB,"NEW-00002"',
        "bin,site,state,placed_at,capacity_l\nNEW-00001,A,live,2026-03-01,1\nNEW-00002,B,,,\n",
    ],
)
def test_a_file_of_a_spreadsheet_is_imported(database: Database, town: Town, tmp_path: Path, content: str) -> None:
    result = import_csv(database, tmp_path, content)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "2 bins are provisioned" in result.output
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    fleet = read_fleet_file(tmp_path / "keys.json")
    assert [each.identity.bin for each in fleet.bins] == ["NEW-00001", "NEW-00002"]
    assert fleet.bins[0].identity.keys[1] == KEYRING.bin_key(
        authority="plaine-commune", bin_id="NEW-00001", key_number=1
    )


def test_a_file_of_one_line_is_told_of_as_one_bin(database: Database, town: Town, tmp_path: Path) -> None:
    assert "1 bin is provisioned; keys" in import_csv(database, tmp_path, "bin,site\nNEW-00001,A\n").output


def test_each_column_is_stored(database: Database, town: Town, tmp_path: Path) -> None:
    content = "bin,site,state,placed_at,capacity_l\nNEW-00001,B,test,2026-07-01T08:00,2500\n"
    assert import_csv(database, tmp_path, content).exit_code == 0
    query = text(
        "SELECT b.state, b.capacity_l, s.reference, p.placed_at AT TIME ZONE 'UTC' FROM bins b"
        " JOIN placements p USING (authority_id, bin_id) JOIN sites s USING (authority_id, site_id)"
        " WHERE b.bin_id = 'NEW-00001'"
    )
    with database.engine().connect() as connection:
        state, capacity_l, site, placed_at = connection.execute(query).one()
    # Summer in Paris is two hours ahead.
    assert (state, capacity_l, site, placed_at.isoformat()) == ("test", 2500, "B", "2026-07-01T06:00:00")


def test_every_fault_is_told_at_once_with_line_and_column(database: Database, town: Town, tmp_path: Path) -> None:
    content = (
        "bin,site,capacity_l,placed_at,state\n"
        "NEW-00001,A,,,\n"  # good
        "new-00002,A,,,\n"
        "NEW-00003,Z,,,\n"
        "NEW-00001,A,,,\n"
        "BIN-0007-A,A,,,\n"
        "BIN-0008-A,A,,,\n"
        "NEW-00004,A,,31.12.2026,\n"
        "NEW-00005,A,many,,\n"
        "NEW-00006,A,-5,,\n"
        "NEW-00007,A\n"
        "NEW-00008,A,,,broken\n"
        "NEW-00009,,٣,,\n"
    )
    assert faults_of(database, tmp_path, content) == [
        "line 3: bin: 'new-00002' is no bin id: 4 to 32 capital letters, digits and hyphens",
        "line 4: site: plaine-commune has no site 'Z'",
        "line 5: bin: NEW-00001 stands in line 2 already",
        "line 6: bin: BIN-0007-A is taken already, by plaine-commune",
        "line 7: bin: BIN-0008-A is taken already, by grand-lyon",
        "line 8: placed_at: '31.12.2026' is no date: expected 2026-11-21 or 2026-11-21T09:00+01:00",
        "line 9: capacity_l: 'many' is no whole number of litres from 1 to 100000",
        "line 10: capacity_l: '-5' is no whole number of litres from 1 to 100000",
        "line 11: has 2 columns, the header 5",
        "line 12: state: 'broken' is no state: test or live",
        "line 13: capacity_l: '٣' is no whole number of litres from 1 to 100000",
        "line 13: site: is empty",
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "line 1: is empty; a header is expected: bin, site, capacity_l, placed_at, state"),
        ("bin,site\n", "line 1: has a header and nothing below it"),
        ("bin,place\nX,Y\n", "line 1: place: unknown column; known are bin, site, capacity_l, placed_at, state"),
        ("bin\nNEW-00001\n", "line 1: site: this column is missing"),
        ("bin,site,bin\nNEW-00001,A,B\n", "line 1: bin: this column is there twice"),
        (b"bin,site\nNEW-00001,A\nNEW-00002,\xe9\n", "line 3: site: plaine-commune has no site 'é'"),
        ('bin,site\nNEW-00001,"A\n', "line 2: is no CSV (unexpected end of data)"),
        ('bin,site\n"NEW\n00001",A\nnew,A\n', "line 2: bin: 'NEW\\n00001' is no bin id"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused(
    database: Database, town: Town, tmp_path: Path, content: str | bytes, fault: str
) -> None:
    assert any(told.startswith(fault) for told in faults_of(database, tmp_path, content))


def test_the_line_told_is_right_after_a_field_of_several_lines(database: Database, town: Town, tmp_path: Path) -> None:
    faults = faults_of(database, tmp_path, 'bin,site\n"NEW\n00001",A\n\nnew,A\n')
    assert [fault.partition(":")[0] for fault in faults] == ["line 2", "line 5"]


def test_faults_are_told_as_lines_and_exit_with_2(
    database: Database,
    town: Town,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text("bin,site\nnew,Z\n")
    arguments = ("--authority", town.slug, "--hand-over", str(tmp_path / "keys.json"))
    code, told = run_main(monkeypatch, capsys, database, "bins", "add", "--file", str(file), *arguments)
    assert code == 2
    assert f"{file}: nothing was imported, 2 faults:\n  line 2: bin: 'new' is no bin id" in told
    assert "\n  line 2: site: plaine-commune has no site 'Z'" in told


def big_file(count: int) -> str:
    lines = [f"MANY-{number:06};{'AB'[number % 2]};3000;2026-03-01T09:00:00+01:00;live" for number in range(count)]
    return "bin;site;capacity_l;placed_at;state\n" + "\n".join(lines) + "\n"


def test_ten_thousand_bins_are_imported_in_seconds(
    database: Database, town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, before = big_file(MANY), count_bins(database)
    started_s = time.monotonic()
    result = import_csv(database, tmp_path, content)
    took_s = time.monotonic() - started_s
    assert result.exit_code == 0, (result.output, result.exception)
    assert count_bins(database) == before + MANY
    assert len(json.loads((tmp_path / "keys.json").read_text())["bins"]) == MANY
    with capsys.disabled():
        print(f"\n{MANY:,} bins imported in {took_s:.2f} s")  # noqa: T201 (the figure promised)
    assert took_s < WITHIN_S


def test_of_two_imports_of_the_same_bins_at_once_one_is_made(
    database: Database, town: Town, tmp_path: Path, now: datetime.datetime
) -> None:
    file, before = tmp_path / "fleet.csv", count_bins(database)
    file.write_text(big_file(1500))
    engine, barrier = database.engine("bontri_operator"), threading.Barrier(2)
    ends: dict[str, object] = {}

    def run_one(name: str) -> None:
        hand_over = HandOver(tmp_path / f"{name}.json", "mqtts://broker.example.org", KEYRING)

        def meet(done: int, _total: int) -> None:
            # Both have looked by now, and found every id free.
            if done == 0:
                barrier.wait(10)

        try:
            ends[name] = import_fleet(engine, file, slug=town.slug, hand_over=hand_over, now=now, on_progress=meet)
        except BinTakenError as refusal:
            ends[name] = refusal

    threads = [threading.Thread(target=run_one, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    [winner] = [name for name, end in ends.items() if end == 1500]
    [loser] = [name for name, end in ends.items() if isinstance(end, BinTakenError)]
    assert "MANY-" in str(ends[loser])
    assert count_bins(database) == before + 1500
    assert (tmp_path / f"{winner}.json").exists()
    assert not (tmp_path / f"{loser}.json").exists()


def test_a_failure_in_the_last_thousand_leaves_nothing(
    database: Database, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = count_bins(database)
    written = []

    def provision(connection: Any, part: Any, **more: Any) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(len(part))
        real(connection, part, **more)

    real = bontri.fleet_import.provision_bins
    monkeypatch.setattr(bontri.fleet_import, "provision_bins", provision)
    result = import_csv(database, tmp_path, big_file(2500))
    assert result.exit_code != 0
    assert written == [1000, 1000]
    assert count_bins(database) == before
    assert not (tmp_path / "keys.json").exists()


def test_no_provisioned_bin_is_ever_without_its_keys_on_disk(database: Database, town: Town, tmp_path: Path) -> None:
    """The file is complete while the bins are still invisible to everybody else."""
    path = tmp_path / "keys.json"
    seen: list[tuple[int, Any]] = []
    engine = database.engine("bontri_operator")
    event.listen(engine, "commit", lambda _: seen.append((count_bins(database), json.loads(path.read_text()))))
    before = count_bins(database)
    with provisioning_change(engine, path) as change:
        change.connection.execute(
            text("INSERT INTO bin_directory (authority_id, bin_id) VALUES (7, :bin_id)"), {"bin_id": "NEW-00001"}
        )
        change.content = {"bins": ["NEW-00001"]}
    assert seen == [(before, {"bins": ["NEW-00001"]})]


def test_a_connection_that_breaks_at_the_commit_keeps_the_file_since_nobody_knows(
    database: Database, town: Town, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    engine = database.engine("bontri_operator")

    def break_before_the_commit() -> None:
        with provisioning_change(engine, path) as change:
            pid = change.connection.scalar(text("SELECT pg_backend_pid()"))
            change.content = {"bins": ["NEW-00001"]}
            with database.engine().begin() as owner:
                owner.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            # Until the server has ended it, the commit would go through.
            while owner_sees(pid):
                time.sleep(0.01)

    def owner_sees(pid: object) -> bool:
        with database.engine().connect() as owner:
            return bool(owner.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid"), {"pid": pid}))

    with pytest.raises(HandOverError, match=r"bontri bins list tells.*keep it if they do"):
        break_before_the_commit()
    assert json.loads(path.read_text()) == {"bins": ["NEW-00001"]}


def test_a_link_in_the_place_of_the_file_is_not_followed(database: Database, town: Town, tmp_path: Path) -> None:
    (tmp_path / "keys.json").symlink_to(tmp_path / "elsewhere.json")
    result = import_csv(database, tmp_path, "bin,site\nNEW-00001,A\n")
    assert "is there already" in str(result.exception)
    assert not (tmp_path / "elsewhere.json").exists()


def test_an_import_without_a_database_says_so(town: Town, tmp_path: Path) -> None:
    nowhere = Database("postgresql+psycopg://nobody@127.0.0.1:1/none", {})
    result = import_csv(nowhere, tmp_path, "bin,site\nNEW-00001,A\n")
    assert isinstance(result.exception, OperationalError)
    assert not (tmp_path / "keys.json").exists()
