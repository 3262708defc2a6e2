"""The simulation's stand-in for PostgreSQL, side by side with PostgreSQL: the same batches, the same receipts and rows.

Only what one writer sees; what two see of each other is tested on the stand-in alone, and on PostgreSQL by the race
tests of the ingest.
"""

import datetime
from collections import Counter
from random import Random
from typing import Any, cast

import pytest
from sqlalchemy import Engine, text

from ingest.contract import MOST_EVENTS
from ingest.messages import Message
from ingest.pipeline import Pipeline
from reliability.simulation.connections import SimulatedEngine
from reliability.simulation.database import SimulatedDatabase
from reliability.simulation.faults import Faults
from reliability.simulation.processes import WorkerProcess
from reliability.simulation.provisioning import KEYRING, provision_bin, provision_town
from reliability.simulation.scheduler import Scheduler
from reliability.simulation.trace import Trace
from reliability.simulation.voice import Town as SimulatedTown
from rewards.reviews import set_review_rules
from rewards.suspicion import ReviewRules
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town
from tests.speaker import Speaker, deposit, tell

CAP_POINTS = 10
REVIEW_OVER_ITEMS = 1
BADGES = ("BADGE-0", "BADGE-1")


@pytest.fixture
def town(database: Database) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, KEYRING, lines={"glass": ("item", 1)}, day_cap_points=CAP_POINTS)
        for badge in BADGES:
            build_citizen(connection, town, badge=badge)
        rules = ReviewRules(over_items=REVIEW_OVER_ITEMS)
        set_review_rules(connection, rules, authority_id=town.authority_id)
    return town


def simulated_database(town: Town) -> SimulatedDatabase:
    """Return the stand-in with the same town in it."""
    scheduler, chance = Scheduler(Random(0)), Random(0)
    database = SimulatedDatabase(scheduler, Faults(chance), Trace(lambda: 0.0))
    same = SimulatedTown(town.authority_id, town.slug, list(BADGES))
    provision_town(database.tables, same, day_cap_points=CAP_POINTS, review_over_items=REVIEW_OVER_ITEMS)
    for bin_id in town.bin_ids:
        provision_bin(database.tables, bin_id, same)
    return database


def invent_batches(town: Town, chance: Random, now: datetime.datetime) -> list[list[Message]]:
    """Invent what two bins could say: news, repeats, conflicts, what breaks the schema, what nobody signed."""
    speakers = [Speaker(KEYRING, town.slug, bin_id, f"{chance.getrandbits(128):032x}") for bin_id in town.bin_ids]

    def invent_event() -> dict[str, Any]:
        fields = {"badge": chance.choice([*BADGES, "BADGE-UNKNOWN"])} if chance.random() < 0.8 else {}
        material = chance.choice(["glass"] * 8 + ["granite"])
        items: Any = chance.choice([1, 1, 1, 2, 9, "many"])
        return deposit(chance.randint(1, 25), now, items=items, material=material, **fields)

    def invent_message() -> Message:
        speaker = chance.choice(speakers)
        match chance.choice(["events"] * 6 + ["hello", "status", "babble"]):
            case "hello":
                return speaker.say("hello", now, next_seq=30, oldest_held=chance.randint(1, 4), firmware="1")
            case "status":
                return speaker.say("status", now, battery_pct=50)
            case "babble":
                return Message(speaker.topic("events"), b"babble", now)
        return speaker.events(now, *[invent_event() for _ in range(chance.choice([1, 3, 10]))])

    said: list[Message] = []
    batches = []
    for _ in range(12):
        batch = [chance.choice(said) if said and chance.random() < 0.3 else invent_message() for _ in range(4)]
        said += batch
        batches.append(batch)
    return batches


def tell_simulated(database: SimulatedDatabase, batches: list[list[Message]], now: datetime.datetime) -> list[Any]:
    """Let the pipeline take the batches on the stand-in; it must run as a task there."""
    scheduler = database.scheduler
    told: list[Any] = []

    def run() -> None:
        process = cast(WorkerProcess, Nobody())
        pipeline = Pipeline(cast(Engine, SimulatedEngine(database, process)), KEYRING)
        told.extend(tell(pipeline, batch, now=now) for batch in batches)

    scheduler.spawn("pipeline", run)
    scheduler.run_until(1e6)
    scheduler.close()
    return told


class Nobody:
    """Stands for the process the stand-in is asked by."""

    def task_name(self) -> str:
        return "pipeline"


def rows_of(database: Database) -> dict[str, Any]:
    """Return what PostgreSQL holds in the end, as far as no identifier was drawn for it."""
    with database.engine().connect() as connection:

        def all_of(query: str) -> list[Any]:
            return sorted(tuple(row) for row in connection.execute(text(query)))

        return {
            "events": all_of("SELECT journal_no, seq, content_digest FROM events"),
            "transfers": all_of("SELECT journal_no, seq, phase, points, withheld_points FROM transfers"),
            "reviews": all_of("SELECT rule FROM reviews"),
            "capped": all_of("SELECT journal_no, seq, withheld_points FROM capped_deposits"),
            "credits": all_of("SELECT credits_posted, credits_pending FROM accounts WHERE kind = 'lot'"),
            "debits": all_of("SELECT debits_posted, debits_pending FROM accounts WHERE kind = 'issuing'"),
            "bin_days": all_of("SELECT bin_id, heard_hours, told_hours, full_hours, fill_pct FROM bin_days"),
            "daily": all_of("SELECT bin_id, deposits, credited_deposits, items, points FROM daily_deposits"),
            "refused": all_of("SELECT journal_no, seq, content_digest, code FROM quarantined_events"),
            "messages": all_of("SELECT message_digest, code, times FROM quarantined_messages"),
        }


def rows_of_simulated(database: SimulatedDatabase) -> dict[str, Any]:
    """Return the same of the stand-in."""
    tables = database.tables.table

    def columns(table: str, *names: str) -> list[Any]:
        return sorted((*key[1:], *(row[name] for name in names)) for key, row in tables(table).items())

    def side(kind: str, *names: str) -> list[Any]:
        rows = [row for key, row in tables("accounts").items() if key[1].startswith(kind)]
        return sorted(tuple(row[name] for name in names) for row in rows)

    daily = [
        (key[2], *(row[name] for name in ("deposits", "credited_deposits", "items", "points")))
        for key, row in tables("daily_deposits").items()
    ]
    days = [
        (key[2], *(row[name] for name in ("heard_hours", "told_hours", "full_hours", "fill_pct")))
        for key, row in tables("bin_days").items()
    ]
    return {
        "events": columns("events", "content_digest"),
        "transfers": columns("transfers", "phase", "points", "withheld_points"),
        "reviews": sorted((row["rule"],) for row in tables("reviews").values()),
        "capped": columns("capped_deposits", "withheld_points"),
        "credits": side("lot", "credits_posted", "credits_pending"),
        "debits": side("issuing", "debits_posted", "debits_pending"),
        "bin_days": sorted(days),
        "daily": sorted(daily),
        "refused": columns("quarantined_events", "code"),
        "messages": columns("quarantined_messages", "code", "times"),
    }


@pytest.mark.parametrize("seed", range(6))
def test_the_same_batches_give_the_same_receipts_and_the_same_rows(
    town: Town, database: Database, now: datetime.datetime, seed: int
) -> None:
    batches = invent_batches(town, Random(seed), now)
    assert max(len(batch) for batch in batches) <= MOST_EVENTS
    pipeline = Pipeline(database.engine("bontri_ingest"), KEYRING)
    told = [tell(pipeline, batch, now=now) for batch in batches]
    simulated = simulated_database(town)
    assert tell_simulated(simulated, batches, now) == told
    assert rows_of_simulated(simulated) == rows_of(database)
    assert Counter(len(rows) > 0 for rows in rows_of(database).values())[True] == 10
