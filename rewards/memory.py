"""What a process remembers between transactions, so that a busy worker does not ask the same with every batch.

Holders of badges with their lot of the month, and numbers of journals. Only what a committed transaction has seen is
remembered. Holders are forgotten when the authority's ``holders_version`` rises or a month begins, journals when its
epoch rises: after a restore the numbers may stand for others. Source: docs/decisions/0018-remembered-holders.md.
"""

import datetime
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TypeVar

from rewards.badges import Holder
from rewards.journals import JournalKey
from rewards.rules import AuthorityRules

MOST_REMEMBERED = 50_000
"""Holders, and journals, of one authority: about 20 MB each."""

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(slots=True)
class Recollection:
    """What one transaction may rely on, and what it learns; an empty one relies on nothing."""

    holders: dict[bytes, Holder] = field(default_factory=dict)
    journals: dict[JournalKey, int] = field(default_factory=dict)
    learned_holders: dict[bytes, Holder] = field(default_factory=dict)
    learned_journals: dict[JournalKey, int] = field(default_factory=dict)

    def find_holder(self, badge_digest: bytes) -> Holder | None:
        """Find a holder, remembered or just learned."""
        return self.holders.get(badge_digest) or self.learned_holders.get(badge_digest)

    def keep(self) -> None:
        """Remember what was learned; only after the commit."""
        self.holders.update(self.learned_holders)
        self.journals.update(self.learned_journals)


class Memory:
    """The memory of a process; its threads may share it."""

    def __init__(self) -> None:
        self._holders: dict[int, tuple[Hashable, dict[bytes, Holder]]] = {}
        self._journals: dict[int, tuple[Hashable, dict[JournalKey, int]]] = {}

    def recall(self, rules: AuthorityRules, *, lot_month: datetime.date) -> Recollection:
        """Return what is known of an authority under its present versions."""
        return Recollection(
            find_version(self._holders, rules.authority_id, (rules.epoch, rules.holders_version, lot_month)),
            find_version(self._journals, rules.authority_id, rules.epoch),
        )

    def forget(self) -> None:
        """Forget everything: the database was seen not to hold what was remembered."""
        self._holders.clear()
        self._journals.clear()


def find_version(
    known: dict[int, tuple[Hashable, dict[Key, Value]]], authority_id: int, version: Hashable
) -> dict[Key, Value]:
    """Return what is known under ``version``, an empty dictionary when that is new or too much is known."""
    remembered = known.get(authority_id)
    if remembered is None or remembered[0] != version or len(remembered[1]) > MOST_REMEMBERED:
        remembered = known[authority_id] = (version, {})
    return remembered[1]
