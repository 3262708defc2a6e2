"""Encrypting anew what stands under an old key, in the database in use; and starting with no key missing."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from bontri.operating import engine_in_use, keyring_in_use
from bontri.settings import read_settings
from rewards.database import DatabaseRole, open_engine
from rewards.fleet.owners import list_authorities
from rewards.keyring import Keyring
from rewards.privacy.reencrypting import (
    SEALED,
    Pass,
    Sealed,
    count_peppers,
    note_oldest_key,
    reencrypt_next,
    require_encryption_keys,
)
from rewards.quarantine import NO_AUTHORITY

OnProgress = Callable[[str, int], object]
"""Told after each batch: which column, and how many of it were looked at."""


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """How much was encrypted anew, and what then stands under which number, over all authorities.

    ``unreadable``: by column, what no key that is given opens. While there is any, earlier keys are still needed.
    """

    reencrypted: int
    cards_by_pepper: dict[int, int]
    encrypted_by_key: dict[int, int]
    unreadable: dict[str, int]


def reencrypt_all(on_progress: OnProgress = lambda column, looked_at: None) -> Reencrypted:
    """Encrypt everything under the present key, a bounded transaction at a time.

    Ends with a pass that finds nothing left to do, which alone says that an earlier key can be dropped.

    Raises:
        EncryptionKeyNeededError: a key that something may stand under is not given.
    """
    settings = read_settings()
    keyring = keyring_in_use(settings)
    with engine_in_use(settings, role="bontri_privacy") as engine:
        with engine.connect() as connection:
            require_encryption_keys(connection, keyring)
            authority_ids = [owner.authority_id for owner in list_authorities(connection)]
        renewed, found = 0, list_found(engine, keyring, authority_ids, on_progress)
        while any(each.under.keys() - {keyring.encryption_key_no} for each in found.values()):
            renewed += sum(each.renewed for each in found.values())
            found = list_found(engine, keyring, authority_ids, on_progress)
        unreadable = {name: each.unreadable for name, each in found.items() if each.unreadable}
        cards = Counter[int]()
        for authority_id in authority_ids:
            with engine.begin() as connection:
                cards.update(count_peppers(connection, authority_id=authority_id))
                if not unreadable:
                    note_oldest_key(connection, keyring.encryption_key_no, authority_id=authority_id)
    under = sum((each.under for each in found.values()), Counter[int]())
    return Reencrypted(renewed, dict(sorted(cards.items())), dict(sorted(under.items())), unreadable)


def list_found(
    engine: Engine, keyring: Keyring, authority_ids: Sequence[int], on_progress: OnProgress
) -> dict[str, Pass]:
    """Pass over every column of every authority once, and of the messages that name none; say what was found."""
    found = {each.name: Pass() for each in SEALED}
    for sealed in SEALED:
        for authority_id in (*authority_ids, NO_AUTHORITY):
            reencrypt(engine, keyring, sealed, found[sealed.name], on_progress, authority_id=authority_id)
    return found


def reencrypt(
    engine: Engine, keyring: Keyring, sealed: Sealed, found: Pass, on_progress: OnProgress, *, authority_id: int
) -> None:
    """Pass over a column of one authority, and add to what was found."""
    after = None
    while True:
        with engine.begin() as connection:
            batch, after = reencrypt_next(connection, keyring, sealed, authority_id=authority_id, after=after)
        if after is None:
            return
        found.add(batch)
        on_progress(sealed.name, found.under.total() + found.unreadable)


def require_keys_of(database_url: str, keyring: Keyring, *, role: DatabaseRole) -> None:
    """Refuse to start without a key that is needed; asked with a connection of its own.

    Raises:
        EncryptionKeyNeededError: a key that something may stand under is not given.
        sqlalchemy.exc.OperationalError: the database cannot be reached.
    """
    engine = open_engine(database_url, role=role)
    try:
        with engine.connect() as connection:
            require_encryption_keys(connection, keyring)
    finally:
        engine.dispose()
