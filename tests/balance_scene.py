"""A town whose bins report deposits and emptyings through the ingest, a collection round at a time."""

import datetime
import random
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from ingest.pipeline import Pipeline
from rewards.bins import NewBin, add_bins
from rewards.keyring import Keyring
from rewards.mass_balance import BinBalance, CollectionRound, list_balances, list_rounds, watch_balances, weigh_rounds
from rewards.statistics.periods import Period
from tests.databases import Database
from tests.factories import START, Town, build_citizen, build_town
from tests.speaker import Speaker, deposit, tell

DAY = datetime.timedelta(days=1)
UNIT_MASS_G = 300
BADGE = "04A2B9C1"


@dataclass
class Scene:
    """A town and its bins' voices; ``now`` goes on with what they report."""

    database: Database
    town: Town
    pipeline: Pipeline
    now: datetime.datetime
    seqs: dict[str, int] = field(default_factory=dict)
    journals: dict[str, str] = field(default_factory=dict)

    @property
    def tenant(self) -> dict[str, Any]:
        return {"authority_id": self.town.authority_id}

    def restart_worker(self) -> None:
        """Have a worker that knows of what has changed in the fleet."""
        self.pipeline = Pipeline(self.database.engine("bontri_ingest"), self.town.keyring)

    def speaker(self, bin_id: str) -> Speaker:
        voice = Speaker(self.town.keyring, self.town.slug, bin_id)
        voice.journal = self.journals.get(bin_id, voice.journal)
        return voice

    def replace_storage(self, bin_id: str, journal: str) -> None:
        self.journals[bin_id], self.seqs[bin_id] = journal, 0

    def next_seq(self, bin_id: str) -> int:
        self.seqs[bin_id] = self.seqs.get(bin_id, 0) + 1
        return self.seqs[bin_id]

    def tell(self, bin_id: str, *events: dict[str, Any]) -> None:
        """Let a bin report events, at most a hundred a message."""
        for begin in range(0, len(events), 100):
            told = self.speaker(bin_id).events(self.now, *events[begin : begin + 100])
            tell(self.pipeline, [told], now=self.now)

    def drop(self, bin_id: str, *items: int, **fields: Any) -> list[dict[str, Any]]:
        """Return deposits as the bin writes them, numbered."""
        return [deposit(self.next_seq(bin_id), self.now, items=count, **fields) for count in items]

    def emptying(self, bin_id: str, mass_g: int | None, **fields: Any) -> dict[str, Any]:
        """Return an emptying as the bin writes it, numbered."""
        told = {"type": "emptying", "at": self.now.isoformat(), "material": "glass", "by": "tour 3", **fields}
        return {"seq": self.next_seq(bin_id), **told, **({} if mass_g is None else {"mass_g": mass_g})}

    def fill(self, bin_id: str, *, items: int, weighed_g: int | None, times: int = 1, days: int = 7) -> None:
        """Fill a bin in a week with so many items, 20 a deposit, each counted ``times``, and empty it."""
        self.now += days * DAY
        full, rest = divmod(items * times, 20)
        counts = [20] * full + [rest] * (rest > 0)
        self.tell(bin_id, *self.drop(bin_id, *counts), self.emptying(bin_id, weighed_g))

    def fill_honestly(self, bin_id: str, *, rounds: int, seed: int = 0, times: int = 1, factor: float = 1.0) -> None:
        """Fill and empty a bin again and again; what is weighed is off by 15 % of noise and by ``factor``."""
        chance = random.Random(f"{seed} {bin_id}")
        for _ in range(rounds):
            items = chance.randrange(300, 500)
            weighed_g = round(items * UNIT_MASS_G * factor * chance.lognormvariate(0, 0.15))
            self.fill(bin_id, items=items, weighed_g=weighed_g, times=times)

    def weigh(self) -> int:
        """Weigh rounds as the job does, a bin at a time; return how many were computed."""
        total, after, is_done = 0, None, False
        while not is_done:
            with self.database.engine("bontri_operator").begin() as connection:
                rounds, after = weigh_rounds(connection, **self.tenant, now=self.now, after=after, limit=1)
            total, is_done = total + rounds, after is None
        return total

    def watch(self) -> tuple[int, int]:
        """Weigh rounds, then watch balances; return how many alarms were raised and ended."""
        self.weigh()
        with self.database.engine("bontri_operator").begin() as connection:
            return watch_balances(connection, **self.tenant, today=self.now.date(), now=self.now)

    def rounds(self, bin_id: str) -> list[CollectionRound]:
        """Return the rounds of a bin, the oldest first."""
        with self.read() as connection:
            return list_rounds(connection, bin_id, **self.tenant)[::-1]

    def balance(self, bin_id: str) -> BinBalance:
        """Return the balance of a bin over the year until now."""
        with self.read() as connection:
            [found] = list_balances(connection, self.year(), **self.tenant, bin_id=bin_id)
        return found

    def year(self) -> Period:
        return Period((self.now - 365 * DAY).date(), self.now.date())

    def read(self) -> Connection:
        return self.database.engine("bontri_reader").connect()


def build_balance_scene(database: Database, keyring: Keyring, *, bins: int = 0, town: Town | None = None) -> Scene:
    """A town of two bins and ``bins`` more at the first one's site, each emptied once: rounds begin there."""
    with database.engine().begin() as connection:
        town = town or build_town(connection, keyring)
        build_citizen(connection, town, badge=BADGE)
        if bins:
            add_more_bins(connection, town, bins)
    scene = Scene(database, town, Pipeline(database.engine("bontri_ingest"), keyring), START + 30 * DAY)
    for bin_id in town.bin_ids:
        scene.tell(bin_id, scene.emptying(bin_id, 1_000))
    return scene


def add_more_bins(connection: Connection, town: Town, bins: int) -> None:
    """Let more bins stand at the town's first site."""
    more = [f"MORE-{no:04}" for no in range(bins)]
    of_town = {"authority_id": town.authority_id}
    site_id = connection.scalars(
        text("SELECT site_id FROM sites WHERE authority_id = :authority_id AND reference = 'A'"), of_town
    ).one()
    add_bins(connection, [NewBin(bin_id, site_id, START) for bin_id in more], **of_town, now=START)
    town.bin_ids += more
