"""The authority benchmarks run on, and signed messages of its bins, made before anything is timed."""

import datetime
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from ingest.signatures import sign_message
from rewards.bins import NewBin, add_bins
from rewards.cards import register_cards
from rewards.keyring import Keyring
from rewards.tariffs import add_tariff
from rewards.territory import NewSite, add_commune, add_materials, add_sites, create_authority

AUTHORITY_ID = 1
SLUG = "bench"
DAY_CAP_POINTS = 1000
ANONYMOUS_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class BenchMessage:
    """A message ready to publish."""

    topic: str
    payload: bytes


class BenchTown:
    """Bins with running sequence numbers; the same seed makes the same deposits.

    The bins are numbered from ``first_bin``: one town may be built whole and its bins be played by several.
    """

    def __init__(self, keyring: Keyring, *, bins: int, citizens: int, seed: int, first_bin: int = 1) -> None:
        self._random = random.Random(seed)
        self._badges = [f"CARD-{number:08}" for number in range(citizens)]
        self._bin_ids = [f"BEN-{number:05}" for number in range(first_bin, first_bin + bins)]
        self._keys = [keyring.bin_key(authority=SLUG, bin_id=each, key_number=1) for each in self._bin_ids]
        self._journals = [f"{self._random.getrandbits(128):032x}" for _ in self._bin_ids]
        self._next_seq = [1] * bins
        self._turn = 0
        self._keyring = keyring

    @property
    def bin_ids(self) -> list[str]:
        """The bins, in the order their messages come."""
        return self._bin_ids

    @property
    def badges(self) -> list[str]:
        """The cards of the citizens."""
        return self._badges

    def build(self, connection: Connection, *, now: datetime.datetime, placed_days: int = 400) -> None:
        """Write the authority, its bins, and citizens with a card each. Needs the owner's transaction.

        The bins have stood there for ``placed_days``.
        """
        create_authority(
            connection, authority_id=AUTHORITY_ID, slug=SLUG, name="Bench", timezone="Europe/Paris", now=now
        )
        add_commune(
            connection,
            authority_id=AUTHORITY_ID,
            insee_code="93066",
            name="Saint-Denis",
            population=149_077,
            population_year=2021,
        )
        add_materials(connection, {"glass": 230}, authority_id=AUTHORITY_ID)
        sites = add_sites(
            connection,
            [NewSite(each, "93066", "", 48.9, 2.3) for each in self._bin_ids],
            authority_id=AUTHORITY_ID,
        )
        placed_at = now - datetime.timedelta(days=placed_days)
        add_bins(
            connection,
            [NewBin(each, site_id, placed_at) for each, site_id in sites.items()],
            authority_id=AUTHORITY_ID,
            now=now,
        )
        add_tariff(
            connection,
            authority_id=AUTHORITY_ID,
            name="bench",
            valid_from=placed_at,
            lines={"glass": ("item", 1)},
            day_cap_points=DAY_CAP_POINTS,
        )
        register_cards(connection, self._keyring, dict.fromkeys(self._badges, now), authority_id=AUTHORITY_ID)

    def messages(self, count: int, *, now: datetime.datetime, events: int = 1) -> Iterator[BenchMessage]:
        """Make ``count`` messages of ``events`` deposits each, the bins taking turns."""
        for _ in range(count):
            index, self._turn = self._turn, (self._turn + 1) % len(self._bin_ids)
            yield self._message(index, now, events)

    def one_deposit(self, *, badge: str, items: int, now: datetime.datetime) -> BenchMessage:
        """Make the next message of the first bin, with one deposit by ``badge``."""
        return self._message(0, now, 1, badge=badge, items=items)

    def _message(self, index: int, now: datetime.datetime, events: int, **given: object) -> BenchMessage:
        topic = f"bontri/v1/{SLUG}/{self._bin_ids[index]}/up/events"
        envelope = {
            "v": 1,
            "bin": self._bin_ids[index],
            "boot": 1,
            "n": self._next_seq[index],
            "journal": self._journals[index],
            "sent_at": now.isoformat(),
            "clock": "synced",
            "events": [self._deposit(index, now) | given for _ in range(events)],
        }
        line = json.dumps(envelope, separators=(",", ":")).encode()
        return BenchMessage(topic, sign_message(self._keys[index], key_number=1, topic=topic, line=line))

    def _deposit(self, index: int, now: datetime.datetime) -> dict[str, object]:
        seq = self._next_seq[index]
        self._next_seq[index] += 1
        deposit: dict[str, object] = {
            "seq": seq,
            "type": "deposit",
            "at": now.isoformat(),
            "material": "glass",
            "items": self._random.randint(1, 6),
        }
        if self._random.random() >= ANONYMOUS_SHARE:
            deposit["badge"] = self._random.choice(self._badges)
        return deposit
