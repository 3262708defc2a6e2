"""A town with a quarantine: bins speak, operators ask for replays, a worker does them; each as its own role."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text

from ingest.messages import Message
from ingest.pipeline import Pipeline, Processed
from ingest.replay import Replay
from rewards.bins import NewBin, add_bins
from rewards.keyring import Keyring
from rewards.quarantine import Selection, count_by_code, request_replay
from rewards.tariffs import add_tariff
from rewards.territory import add_materials
from rewards.verify import verify
from tests.databases import Database
from tests.factories import START, Town, build_citizen, build_town
from tests.speaker import Speaker

BADGE = "04A2B9C1"


@dataclass
class Scene:
    """One town; ``ingest`` processes as the worker does, ``ask`` as an operator, ``replay`` as a worker's errand."""

    database: Database
    keyring: Keyring
    now: datetime.datetime
    town: Town
    replay: Replay

    def speaker(self, bin_id: str | None = None, *, authority: str | None = None) -> Speaker:
        return Speaker(self.keyring, authority or self.town.slug, bin_id or self.town.bin_ids[0])

    def ingest(self, *messages: Message) -> Processed:
        """Process as a worker that remembers nothing from before."""
        return Pipeline(self.database.engine("bontri_ingest"), self.keyring).process(messages, now=self.now)

    def ask(self, selection: Selection | None = None, *, authority_id: int | None = None) -> list[bytes]:
        """Ask for a replay of everything selected, as an operator."""
        with self.database.engine("bontri_operator").begin() as connection:
            owner = self.town.authority_id if authority_id is None else authority_id
            asked: list[bytes] = []
            while more := request_replay(connection, selection or Selection(), authority_id=owner, now=self.now):
                asked += more
        return asked

    def replay_all(self) -> int:
        """Ask for everything that waits, and have it replayed; return how many messages were tried."""
        self.ask()
        return self.replay.run_once(self.now)

    def rows(self, authority_id: int | None = None) -> Sequence[Row[Any]]:
        """Return the messages in quarantine, by reception."""
        with self.database.engine().connect() as connection:
            return connection.execute(
                text("SELECT * FROM quarantined_messages WHERE authority_id = :owner ORDER BY received_at, topic"),
                {"owner": self.town.authority_id if authority_id is None else authority_id},
            ).all()

    def row(self, authority_id: int | None = None) -> Row[Any]:
        """Return the only message in quarantine."""
        [row] = self.rows(authority_id)
        return row

    def waiting(self) -> dict[str, int]:
        """Return what waits, by code."""
        with self.database.engine("bontri_operator").connect() as connection:
            return count_by_code(connection, authority_id=self.town.authority_id)

    def scalar(self, query: str, **parameters: Any) -> Any:
        with self.database.engine().connect() as connection:
            return connection.scalar(text(query), parameters)

    def points(self) -> int:
        """Return the points in all wallets."""
        query = "SELECT coalesce(sum(credits_posted - debits_posted), 0) FROM accounts WHERE kind = 'lot'"
        return int(self.scalar(query))

    def events(self) -> int:
        return int(self.scalar("SELECT count(*) FROM events"))

    def alter(self, statement: str, **parameters: Any) -> None:
        """Change something as the owner."""
        with self.database.engine().begin() as connection:
            connection.execute(text(statement), parameters)

    def add_bin(self, bin_id: str) -> None:
        """Provision a bin, as an operator would after the fact."""
        with self.database.engine().begin() as connection:
            site_id = connection.scalar(text("SELECT site_id FROM sites ORDER BY reference LIMIT 1"))
            add_bins(connection, [NewBin(bin_id, site_id, START)], authority_id=self.town.authority_id, now=START)

    def declare(self, material: str, points: int = 2) -> None:
        """Declare a material, and pay for it from the start."""
        with self.database.engine().begin() as connection:
            add_materials(connection, {material: None}, authority_id=self.town.authority_id)
            add_tariff(
                connection,
                authority_id=self.town.authority_id,
                name=f"with {material}",
                valid_from=START + datetime.timedelta(days=1),
                lines={"glass": ("item", 1), material: ("item", points)},
                day_cap_points=None,
            )

    def assert_sound(self) -> None:
        """Every invariant holds."""
        verification = verify(self.database.engine("bontri_reader"))
        assert verification.is_sound, [finding for finding in verification.findings if finding.violations]


def build_scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    """Build a town with one citizen who holds ``BADGE``."""
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        build_citizen(connection, town, badge=BADGE)
    return Scene(database, keyring, now, town, Replay(database.engine("bontri_ingest"), keyring))
