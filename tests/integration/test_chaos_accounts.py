"""The harness's accounts find what is wrong: one thing is spoilt at a time, in a database that agreed before."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import make_url, text

from ingest.messages import Message
from ingest.pipeline import Pipeline
from ingest.worker import utc_now
from reliability.chaos.accounts import Accounts, draw_up
from reliability.chaos.checks import check_events, check_redemptions
from reliability.chaos.proxy import Passed, Proxy
from reliability.chaos.tills import Redemptions
from reliability.chaos.town import ChaosTown, build_town, draw_keyring
from reliability.chaos.watching import COMPARE_RECEIPTS, Watch, read_receipt
from simulators.bin import SimulatedBin
from simulators.fleet_file import read_fleet
from tests.databases import Database

EVENTS = 6
FINDINGS = ("lost", "invented", "altered", "wrongly_credited", "wrongly_refused", "refused_repeats")


class Scene:
    """A town with one bin whose deposits are all recorded and told."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.town: ChaosTown = build_town(database.engine(), draw_keyring(), bins=2, seed=1, now=utc_now())
        self.receipts: list[Passed] = []
        [handed_over] = read_fleet(self.town.hand_over_offline_bin(mqtt_url="mqtt://127.0.0.1:1")).bins
        identity = handed_over.identity
        bin_ = SimulatedBin(identity, folder / identity.authority / f"{identity.bin}.journal", utc_now())
        for number in range(EVENTS):
            badge = self.town.badges[number] if number % 2 else None
            bin_.deposit(utc_now(), material="glass", items=1 + number, badge=badge)
        bin_.prepare_connection(utc_now())
        bin_.on_connected(utc_now())
        pipeline = Pipeline(database.engine("bontri_ingest"), self.town.keyring)
        messages = [Message(each.topic, each.payload, utc_now()) for each in bin_.due_messages(utc_now())]
        processed = pipeline.process(messages, now=utc_now())
        for each in pipeline.write_receipts(processed.answers, now=utc_now()):
            self.receipts.append(Passed(each.topic, each.payload, 0.0, utc_now()))
            assert bin_.on_receipt(each.topic, each.payload, utc_now())
        bin_.close()

    def run(self, statement: str, **parameters: Any) -> None:
        with self.database.engine().begin() as connection:
            connection.execute(text(statement), parameters)

    def connect(self) -> "psycopg.Connection[dict[str, Any]]":
        url = make_url(self.database.url).set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(url, autocommit=True, row_factory=dict_row)

    def draw_up(self, redemptions: Redemptions | None = None) -> Accounts:
        return draw_up(self.database.engine(), self.folder, redemptions or Redemptions(), self.town)


@pytest.fixture
def scene(database: Database, tmp_path: Path) -> Scene:
    return Scene(database, tmp_path)


def findings_of(accounts: Accounts) -> dict[str, int]:
    return {name: len(getattr(accounts, name)) for name in FINDINGS if getattr(accounts, name)}


def test_accounts_of_an_honest_town_agree(scene: Scene) -> None:
    accounts = scene.draw_up()
    assert findings_of(accounts) == {}
    assert (accounts.produced, accounts.committed, accounts.still_in_journals) == (EVENTS, EVENTS, 0)
    assert all(check.holds for check in check_events(accounts, repeats=1))


REFUSED = """
    INSERT INTO quarantined_events (authority_id, journal_no, seq, content_digest, code, detail, received_at)
    SELECT authority_id, journal_no, seq, 'other', :code, '', now() FROM events WHERE seq = 1
"""
ANOTHER_LOT = """
    UPDATE transfers SET credit_account_id =
           (SELECT max(a.account_id::text)::uuid FROM accounts a
             WHERE a.kind = 'lot' AND a.account_id <> transfers.credit_account_id)
     WHERE seq = 2
"""


@pytest.mark.parametrize(
    ("statement", "found", "broken"),
    [
        ("DELETE FROM events WHERE seq = 1", {"lost": 1}, {"events_lost", "events_accounted_for", "invariants"}),
        (
            "UPDATE events SET seq = 99 WHERE seq = 1",
            {"lost": 1, "invented": 1},
            {"events_lost", "events_as_dropped", "invariants"},
        ),
        ("UPDATE events SET items = 9 WHERE seq = 1", {"altered": 1}, {"events_as_dropped", "invariants"}),
        ("UPDATE events SET content_digest = 'x' WHERE seq = 1", {"altered": 1}, {"events_as_dropped"}),
        (
            "UPDATE transfers SET points = points + 1 WHERE seq = 2",
            {"wrongly_credited": 1},
            {"events_credited", "invariants"},
        ),
        (ANOTHER_LOT, {"wrongly_credited": 1}, {"events_credited", "invariants"}),
        ("DELETE FROM transfers WHERE seq = 2", {"wrongly_credited": 1}, {"events_credited", "invariants"}),
    ],
)
def test_what_was_spoilt_is_found(scene: Scene, statement: str, found: dict[str, int], broken: set[str]) -> None:
    scene.run(statement)
    accounts = scene.draw_up()
    assert findings_of(accounts) == found
    assert {check.name for check in check_events(accounts, repeats=1) if not check.holds} == broken


@pytest.mark.parametrize(
    ("code", "found", "broken"),
    [
        ("internal", {"wrongly_refused": 1}, "events_refused"),
        ("clock_ahead", {"wrongly_refused": 1}, "events_refused"),
        ("event_conflict", {"refused_repeats": 1}, "repeats_recognised"),
    ],
)
def test_an_honest_event_that_was_refused_is_found(scene: Scene, code: str, found: dict[str, int], broken: str) -> None:
    scene.run(REFUSED, code=code)
    accounts = scene.draw_up()
    assert findings_of(accounts) == found
    assert broken in {check.name for check in check_events(accounts, repeats=1) if not check.holds}


def test_a_redemption_told_and_not_there_is_found(scene: Scene) -> None:
    redemptions = Redemptions(paid_at_s={"bench.0000000000000000000000000A": 1.0})
    accounts = scene.draw_up(redemptions)
    kept = next(each for each in check_redemptions(redemptions, accounts) if each.name == "redemptions_kept")
    assert (kept.trials, kept.failures) == (1, 1)


def test_a_snapshot_shows_points_from_nowhere(scene: Scene) -> None:
    watch = Watch(scene.database.url, cast(Proxy, SimpleNamespace(receipts=[])))
    with scene.connect() as connection:
        watch._snapshot(connection)
        assert watch.bad_snapshots == []
        scene.run("UPDATE accounts SET credits_posted = credits_posted + 1 WHERE kind = 'lot'")
        watch._snapshot(connection)
        assert watch.bad_snapshots[0]["posted"] < 0


@pytest.mark.parametrize(
    ("statement", "compared"),
    [
        ("SELECT 1", [(0, True)]),
        ("UPDATE bin_journals SET received = '{}'", [(0, False)]),
        ("UPDATE authorities SET epoch = epoch + 1", [(-1, True)]),
        ("UPDATE authorities SET epoch = 0", [(1, True)]),
    ],
)
def test_a_receipt_is_compared_with_what_is_settled(
    scene: Scene, statement: str, compared: list[tuple[int, bool]]
) -> None:
    scene.run(statement)
    said = [read_receipt(each) for each in scene.receipts]
    parameters = {
        "id": 1,
        "bins": [each.bin_id for each in said],
        "journals": [each.journal for each in said],
        "settled": [each.multirange for each in said],
        "epochs": [each.epoch for each in said],
    }
    with scene.connect() as connection:
        rows = connection.execute(COMPARE_RECEIPTS, parameters).fetchall()
    assert [(row["epoch_sign"], row["is_settled"]) for row in rows] == compared


def test_a_watcher_that_breaks_off_is_a_fault_and_what_it_left_is_counted(scene: Scene) -> None:
    nonsense = Passed("bontri/v1/bench/BEN-00001/down/receipt", b"{}\n1:0", 0.0, utc_now())
    watch = Watch(scene.database.url, cast(Proxy, SimpleNamespace(receipts=[nonsense])))
    watch.receipts.start()
    watch.receipts._thread.join(10)
    assert watch.faults == ["receipts: KeyError: 'upto'"]
    assert watch.receipts_waiting == 1
