"""The authority a run is made on: bins, cards, citizens with points to spend, shops with tills.

It is the town of the benchmarks with shops beside it.
"""

import datetime
import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from benchmarks.tills import BenchShop, give_points, open_shop, sign_in
from benchmarks.town import AUTHORITY_ID, SLUG, BenchTown
from bontri.broker_accounts import BrokerAccount
from bontri.provisioning import fleet_file, list_broker_accounts
from rewards.citizens import register_citizen
from rewards.database import migrate
from rewards.keyring import Keyring

CARDS = 300
SHOPPERS = 24
SHOPS = 4
POINTS_TO_SPEND = 1_000_000
"""Of each shopper: none of them runs out of points in a run."""
STRANGER = "fleet"
"""The broker account of whoever publishes as any bin: replays, forged messages, the same number with other content."""


@dataclass(frozen=True)
class ChaosTown:
    """What is known of the authority outside its database."""

    keyring: Keyring
    bin_ids: list[str]
    badges: list[str]
    wallet_ids: list[UUID]
    tokens: list[str]
    shops: list[BenchShop]

    def bin_key(self, bin_id: str) -> bytes:
        """Return the key a bin signs with."""
        return self.keyring.bin_key(authority=SLUG, bin_id=bin_id, key_number=1)

    def hand_over(self, *, mqtt_url: str, parts: int) -> list[dict[str, Any]]:
        """Return the fleet files of the bins at work, in ``parts`` of about the same size."""
        at_work = self.bin_ids[:-1]
        return [self._fleet_file(at_work[part::parts], mqtt_url) for part in range(parts)]

    def hand_over_offline_bin(self, *, mqtt_url: str) -> dict[str, Any]:
        """Return the fleet file of the last bin, which none of the parts has."""
        return self._fleet_file(self.bin_ids[-1:], mqtt_url)

    def _fleet_file(self, bin_ids: list[str], mqtt_url: str) -> dict[str, Any]:
        return fleet_file(bin_ids, authority=SLUG, mqtt_url=mqtt_url, keyring=self.keyring, badges=self.badges)


def draw_keyring() -> Keyring:
    """Return the secrets of one run."""
    return Keyring(os.urandom(32), os.urandom(32), os.urandom(32))


def bin_ids_of(bins: int) -> list[str]:
    """Return the names a town's bins will have; the broker needs them before there is a database."""
    return BenchTown(draw_keyring(), bins=bins, citizens=0, seed=0).bin_ids


def list_accounts(bin_ids: list[str], keyring: Keyring) -> list[BrokerAccount]:
    """List the broker accounts of the worker, of every bin, and of the stranger who may publish as any."""
    stranger = BrokerAccount(STRANGER, keyring.broker_password(username=STRANGER), "fleet")
    return [*list_broker_accounts(bin_ids, keyring=keyring), stranger]


def build_town(owner: Engine, keyring: Keyring, *, bins: int, seed: int, now: datetime.datetime) -> ChaosTown:
    """Migrate the database and write the authority into it."""
    with owner.connect() as connection:
        migrate(connection)
    town = BenchTown(keyring, bins=bins, citizens=CARDS, seed=seed)
    tenant: dict[str, Any] = {"authority_id": AUTHORITY_ID}
    with owner.begin() as connection:
        town.build(connection, now=now)
        shops = [open_shop(connection, keyring, number, now=now) for number in range(SHOPS)]
        emails = [f"shopper-{number}@example.org" for number in range(SHOPPERS)]
        wallet_ids = [register_citizen(connection, keyring, **tenant, email=each, now=now).wallet_id for each in emails]
        give_points(connection, wallet_ids, points=POINTS_TO_SPEND, now=now)
        tokens = [sign_in(connection, keyring, email, now=now) for email in emails]
    return ChaosTown(keyring, town.bin_ids, town.badges, wallet_ids, tokens, shops)
