"""Disputes: opened once a movement, decided once, and what is accepted is a correction a second person approves."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

import rewards.disputes.deciding
import rewards.disputes.opening
from rewards.citizens import Citizen
from rewards.corrections import (
    Granted,
    SecondPersonRequiredError,
    approve_correction,
    request_credit,
    request_reinstatement,
)
from rewards.disputes import (
    DisputeDecidedError,
    DisputeExistsError,
    DisputeUnknownError,
    MovementUnknownError,
    RemedyImpossibleError,
    accept_dispute,
    get_dispute,
    list_disputes,
    open_dispute,
    reject_dispute,
)
from rewards.ids import new_id
from rewards.statements import explain, list_movements
from rewards.verify import verify
from rewards.wallets import get_wallet
from tests.databases import Database, DatabasePool
from tests.factories import Town, build_citizen, build_town, deposit
from tests.ingest_scene import KEYRING
from tests.races import race

NOON = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)


@dataclass
class Scene:
    database: Database
    town: Town
    citizen: Citizen
    transfer_id: UUID

    def open(self, connection: Connection, transfer_id: UUID | None = None, *, citizen: Citizen | None = None) -> UUID:
        whose = citizen or self.citizen
        said = {"reason": "points_missing", "words": "J'ai mis 13 bouteilles"}
        own = {"citizen_id": whose.citizen_id, "wallet_id": whose.wallet_id}
        movement_id = transfer_id or self.transfer_id
        return open_dispute(connection, KEYRING, movement_id, authority_id=7, now=NOON, **own, **said)  # type: ignore[arg-type]

    def accept(self, connection: Connection, dispute_id: UUID, *, by: str = "ada") -> UUID:
        return accept_dispute(
            connection,
            dispute_id,
            partial(request_credit, points=12),
            authority_id=7,
            reason="bin_fault",
            note="12 were not counted",
            answer="Vous avez raison",
            decided_by=by,
            now=NOON,
        )

    def reject(self, connection: Connection, dispute_id: UUID, *, by: str = "ada") -> None:
        said = {"refusal": "as_recorded", "answer": "Le bac a compté juste", "decided_by": by}
        reject_dispute(connection, dispute_id, authority_id=7, now=NOON, **said)

    def broken(self) -> dict[str, int]:
        return verify(self.database.engine("bontri_reader"), now=NOON).broken

    def count(self, table: str) -> int:
        with self.database.engine().connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


@pytest.fixture
def scene(databases: DatabasePool) -> Iterator[Scene]:
    with databases.lend() as database:
        with database.engine().begin() as connection:
            town = build_town(connection, KEYRING)
            citizen = build_citizen(connection, town, badge="A", email="ada@example.org")
            deposit(connection, town, badge="A", items=1, now=NOON)
            transfer_id = connection.execute(text("SELECT transfer_id FROM transfers")).scalar_one()
        yield Scene(database, town, citizen, transfer_id)


def test_accepted_dispute_credits_what_was_missing_once_a_second_person_approves(scene: Scene) -> None:
    with scene.database.engine("bontri_api").begin() as connection:
        dispute_id = scene.open(connection)
    agents = scene.database.engine("bontri_agent")
    with agents.begin() as connection:
        [listed] = list_disputes(connection, KEYRING, authority_id=7, state="open")
        assert (listed.words, listed.points, listed.bin_id) == ("J'ai mis 13 bouteilles", 1, scene.town.bin_ids[0])
        correction_id = scene.accept(connection, dispute_id)
    with pytest.raises(SecondPersonRequiredError), agents.begin() as connection:
        approve_correction(connection, correction_id, authority_id=7, decided_by="ada", now=NOON)
    assert scene.broken() == {}
    with agents.begin() as connection:
        done = approve_correction(connection, correction_id, authority_id=7, decided_by="grace", now=NOON)
        assert done == Granted(12)
    own = {"authority_id": 7, "wallet_id": scene.citizen.wallet_id}
    with scene.database.engine("bontri_api").connect() as connection:
        assert get_wallet(connection, **own, now=NOON).points == 13
        movements = list_movements(connection, **own, timezone=scene.town.timezone)
        assert sum(movement.points for movement in movements) == 13
        told = get_dispute(connection, KEYRING, dispute_id, authority_id=7, citizen_id=scene.citizen.citizen_id)
    assert (told.state, told.correction_state, told.answer) == ("accepted", "approved", "Vous avez raison")
    sentence = explain(movements[0], timezone=scene.town.timezone, language="en")
    assert (movements[0].kind, sentence) == (
        "points_credited",
        "Missing points credited, the bin was faulty: 12 points",
    )
    assert scene.broken() == {}
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE corrections SET granted_points = 11"))
    assert scene.broken() == {"credits_give_what_was_granted": 1}
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE corrections SET granted_points = 12"))
        connection.execute(text("UPDATE disputes SET correction_id = :id"), {"id": new_id()})
    assert scene.broken() == {"accepted_disputes_have_their_correction": 1}


def test_what_cannot_be_disputed_or_decided_is_refused_and_changes_nothing(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        stranger = build_citizen(connection, scene.town, badge="B", email="bob@example.org")
    api, agents = scene.database.engine("bontri_api"), scene.database.engine("bontri_agent")
    for refused in ((scene.transfer_id, stranger), (new_id(), scene.citizen)):
        with pytest.raises(MovementUnknownError), api.begin() as connection:
            scene.open(connection, refused[0], citizen=refused[1])
    with api.begin() as connection:
        dispute_id = scene.open(connection)
    with pytest.raises(DisputeExistsError), api.begin() as connection:
        scene.open(connection)
    with pytest.raises(DisputeUnknownError), api.begin() as connection:
        get_dispute(connection, KEYRING, dispute_id, authority_id=7, citizen_id=stranger.citizen_id)
    with pytest.raises(DisputeUnknownError), agents.begin() as connection:
        scene.reject(connection, new_id())
    said = {"note": "x", "answer": "x", "decided_by": "ada"}
    with pytest.raises(RemedyImpossibleError), agents.begin() as connection:
        accept_dispute(connection, dispute_id, request_reinstatement, authority_id=7, reason="outage", now=NOON, **said)
    assert (scene.count("disputes"), scene.count("corrections"), scene.count("limited_tries")) == (1, 0, 1)
    with agents.begin() as connection:
        scene.reject(connection, dispute_id)
    for decide in (scene.reject, scene.accept):
        with pytest.raises(DisputeDecidedError), agents.begin() as connection:
            decide(connection, dispute_id)
    # A rejected one can be asked again.
    with api.begin() as connection:
        assert scene.open(connection) != dispute_id
    assert scene.broken() == {}


def decide_at_once(scene: Scene) -> dict[str, int]:
    """Let two agents accept and two reject one dispute at the same instant."""
    with scene.database.engine("bontri_api").begin() as connection:
        dispute_id = scene.open(connection)

    def decide(connection: Connection, number: int) -> None:
        act = scene.accept if number % 2 else scene.reject
        act(connection, dispute_id, by=f"agent {number}")

    return dict(race(scene.database.engine("bontri_agent"), decide, 4))


def test_of_agents_who_decide_at_once_one_does(scene: Scene) -> None:
    assert decide_at_once(scene)["done"] == 1
    assert scene.broken() == {}


def test_control_without_the_guard_several_decide(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    unguarded = str(rewards.disputes.deciding.DECIDE).replace(" AND state = 'open'", "")
    monkeypatch.setattr(rewards.disputes.deciding, "DECIDE", text(unguarded))
    assert decide_at_once(scene)["done"] > 1


def open_at_once(scene: Scene) -> dict[str, int]:
    return dict(race(scene.database.engine("bontri_api"), lambda connection, _: scene.open(connection), 4))


def test_a_movement_disputed_by_many_at_once_is_disputed_once(scene: Scene) -> None:
    assert open_at_once(scene) == {"done": 1, "dispute_exists": 3}
    assert scene.count("disputes") == 1


def test_control_without_the_unique_index_it_is_disputed_four_times(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded = str(rewards.disputes.opening.OPEN).partition("ON CONFLICT")[0]
    monkeypatch.setattr(rewards.disputes.opening, "OPEN", text(unguarded))
    with scene.database.engine().begin() as connection:
        connection.execute(text("DROP INDEX uq_disputes_open"))
    assert open_at_once(scene) == {"done": 4}
