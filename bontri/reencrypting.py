"""Encrypting anew what stands under an old key, in the database in use."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Engine

from bontri.operating import engine_in_use, keyring_in_use
from bontri.settings import read_settings
from rewards.fleet.owners import list_authorities
from rewards.keyring import Keyring
from rewards.privacy import BEFORE_ALL
from rewards.privacy.reencrypting import OWNERS, count_secrets, reencrypt_addresses


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """How many addresses were encrypted anew, and what then stands under which number, over all authorities."""

    addresses_reencrypted: int
    cards_by_pepper: dict[int, int]
    addresses_by_key: dict[int, int]


def reencrypt_all() -> Reencrypted:
    """Encrypt every address under the present key, a bounded transaction at a time."""
    settings = read_settings()
    keyring = keyring_in_use(settings)
    done, cards, addresses = 0, Counter[int](), Counter[int]()
    with engine_in_use(settings, role="bontri_privacy") as engine:
        with engine.connect() as connection:
            owners = list_authorities(connection)
        for owner in owners:
            done += sum(reencrypt(engine, keyring, table, authority_id=owner.authority_id) for table in OWNERS)
            with engine.connect() as connection:
                secrets = count_secrets(connection, authority_id=owner.authority_id)
            cards.update(secrets.cards)
            addresses.update(secrets.addresses)
    return Reencrypted(done, dict(sorted(cards.items())), dict(sorted(addresses.items())))


def reencrypt(engine: Engine, keyring: Keyring, table: str, *, authority_id: int) -> int:
    """Encrypt the addresses of a table under the present key; return how many."""
    done, after = 0, BEFORE_ALL
    while True:
        with engine.begin() as connection:
            count, last = reencrypt_addresses(connection, keyring, table, authority_id=authority_id, after=after)
        done += count
        if last is None:
            return done
        after = last
