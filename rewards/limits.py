"""Limits on what anybody may try: so often in a while, for each account, network and authority, then none for a while.

Tries are taken before the guess is looked at, all of them or none, in a transaction of their own. Who tried what is
kept as a keyed digest until the window is over (``prune_limits``). A limit never asks whether an address is somebody's:
it holds alike for all, so it tells nothing.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.keyring import Keyring
from rewards.tries import TriesSpentError

MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many tries of a kind within a window, for each who tries."""

    name: str
    most: int
    window: datetime.timedelta


@dataclass(frozen=True, slots=True)
class Trier:
    """Somebody whose tries of a kind are counted: an address, a network, a citizen, or the authority as a whole."""

    limit: Limit
    subject: str


class TooManyTriesError(TriesSpentError):
    """There were too many tries of late; wait as long as Retry-After says."""

    code = "too_many_tries"


TAKEN = Columns(subject_digest="bytea", most="integer", window_ends_at="timestamptz")
# One guarded statement in the order of the digests: of many at once no more than ``most`` get through.
TAKE = text(f"""
    INSERT INTO limited_tries AS t (authority_id, subject_digest, tries, most, window_ends_at)
    SELECT :authority_id, u.subject_digest, 1, u.most, u.window_ends_at FROM {TAKEN.unnest("u")}
     ORDER BY u.subject_digest
    ON CONFLICT (authority_id, subject_digest) DO UPDATE
       SET tries = CASE WHEN t.window_ends_at <= :now THEN 1 ELSE t.tries + 1 END, most = excluded.most,
           window_ends_at = CASE WHEN t.window_ends_at <= :now THEN excluded.window_ends_at ELSE t.window_ends_at END
     WHERE t.window_ends_at <= :now OR t.tries < excluded.most
""")
DIGESTS = Columns(subject_digest="bytea")
FIND_LATEST = text(f"""
    SELECT max(t.window_ends_at) FROM limited_tries t JOIN {DIGESTS.unnest("u")} ON u.subject_digest = t.subject_digest
     WHERE t.authority_id = :authority_id AND t.window_ends_at > :now AND t.tries >= t.most
""")
GIVE_BACK = text(f"""
    UPDATE limited_tries t SET tries = t.tries - 1
      FROM (SELECT * FROM {DIGESTS.unnest("v")} ORDER BY subject_digest) AS u
     WHERE t.authority_id = :authority_id AND t.subject_digest = u.subject_digest AND t.tries > 0
""")
PRUNE = text("DELETE FROM limited_tries WHERE authority_id = :authority_id AND window_ends_at <= :now")


def take_tries(
    connection: Connection,
    keyring: Keyring,
    triers: Sequence[Trier],
    *,
    authority_id: int,
    now: datetime.datetime,
) -> None:
    """Take a try of each; to be committed before what is tried is looked at.

    Raises:
        TooManyTriesError: one of them has none left; the transaction must be rolled back, and none is taken.
    """
    columns = TAKEN.bind(
        subject_digest=digests_of(keyring, triers),
        most=[each.limit.most for each in triers],
        window_ends_at=[now + each.limit.window for each in triers],
    )
    taken = connection.execute(TAKE, {"authority_id": authority_id, "now": now, **columns}).rowcount
    if taken == len(triers):
        return
    named = DIGESTS.bind(subject_digest=digests_of(keyring, triers))
    latest = connection.scalar(FIND_LATEST, {"authority_id": authority_id, "now": now, **named})
    raise TooManyTriesError(1 if latest is None else int((latest - now).total_seconds()) + 1)


def give_back_tries(connection: Connection, keyring: Keyring, triers: Sequence[Trier], *, authority_id: int) -> None:
    """Give tries back that were none: the guess was right."""
    columns = DIGESTS.bind(subject_digest=digests_of(keyring, triers))
    connection.execute(GIVE_BACK, {"authority_id": authority_id, **columns})


def prune_limits(connection: Connection, *, authority_id: int, now: datetime.datetime) -> int:
    """Remove the tries whose window is over; return how many."""
    return connection.execute(PRUNE, {"authority_id": authority_id, "now": now}).rowcount


def digests_of(keyring: Keyring, triers: Sequence[Trier]) -> list[bytes]:
    """Return what tries are kept by."""
    return [keyring.secret_digest("try", f"{each.limit.name}\n{each.subject}") for each in triers]
