"""Who may speak: rules of authorities and what is known of bins.

Rules are read again every second, and with them the version of the authority's fleet; bins are read again when it has
changed. So a revocation takes effect within a second of its commit (promise: two), and a busy worker does not look up
two thousand bins a second to find that nothing has changed.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from ingest.topics import UpTopic
from rewards.bins import KnownBin, find_bins
from rewards.rules import AuthorityRules, find_rules

REMEMBERED_S = 1.0
MOST_REMEMBERED = 50_000
"""Bound on remembered names, since strangers may claim any."""


class RememberedRules(NamedTuple):
    """The rules of an authority, None for an unknown slug, and when they were read."""

    read_at_s: float
    rules: AuthorityRules | None


class RememberedBin(NamedTuple):
    """What is known of a bin, None when it is unknown, and the version of the fleet in which it was so."""

    fleet_version: int
    bin: KnownBin | None


class Directory:
    """Remembers authorities and bins, unknown ones as unknown."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._rules: dict[str, RememberedRules] = {}
        self._bins: dict[tuple[str, str], RememberedBin] = {}

    def load(self, topics: Iterable[UpTopic | None], *, monotonic_s: float) -> None:
        """Look up whatever ``topics`` name and is not remembered freshly; one read per authority."""
        if len(self._bins) + len(self._rules) > MOST_REMEMBERED:
            self._forget_strangers()
        claimed: defaultdict[str, set[str]] = defaultdict(set)
        for topic in topics:
            if topic is not None:
                claimed[topic.authority].add(topic.bin_id)
        stale = [slug for slug in claimed if not self._is_fresh(slug, monotonic_s)]
        if stale:
            with self._engine.connect() as connection:
                for slug in stale:
                    self._rules[slug] = RememberedRules(monotonic_s, find_rules(connection, slug))
        wanted = {slug: missing for slug, bin_ids in claimed.items() if (missing := self._list_missing(slug, bin_ids))}
        if wanted:
            with self._engine.connect() as connection:
                for slug, bin_ids in wanted.items():
                    self._load_bins(connection, slug, bin_ids)

    def find_rules(self, topic: UpTopic) -> AuthorityRules | None:
        """Find the rules of the authority a loaded topic names."""
        return self._find_rules(topic.authority)

    def find_bin(self, topic: UpTopic) -> KnownBin | None:
        """Find the bin a loaded topic names, within that authority."""
        remembered = self._bins.get((topic.authority, topic.bin_id))
        return remembered.bin if remembered else None

    def note_key_numbers(self, slug: str, used: dict[str, int]) -> None:
        """Remember newer key numbers that bins were seen to use, or each batch of theirs would note them again."""
        for bin_id, key_number in used.items():
            remembered = self._bins.get((slug, bin_id))
            if remembered is not None and remembered.bin is not None:
                known = replace(remembered.bin, newest_key_number=key_number)
                self._bins[slug, bin_id] = RememberedBin(remembered.fleet_version, known)

    def _find_rules(self, slug: str) -> AuthorityRules | None:
        remembered = self._rules.get(slug)
        return remembered.rules if remembered else None

    def _forget_strangers(self) -> None:
        """Forget the names that nobody bears; those of real bins stay, since another writer may count on them now."""
        for slug, remembered in list(self._rules.items()):
            if remembered.rules is None:
                self._rules.pop(slug, None)
        for name, found in list(self._bins.items()):
            if found.bin is None:
                self._bins.pop(name, None)

    def _is_fresh(self, slug: str, monotonic_s: float) -> bool:
        remembered = self._rules.get(slug)
        return remembered is not None and remembered.read_at_s >= monotonic_s - REMEMBERED_S

    def _list_missing(self, slug: str, bin_ids: Iterable[str]) -> list[str]:
        """List the bins of a known authority that are not remembered from its present fleet."""
        rules = self._find_rules(slug)
        if rules is None:
            return []
        return [
            bin_id
            for bin_id in bin_ids
            if (remembered := self._bins.get((slug, bin_id))) is None or remembered.fleet_version != rules.fleet_version
        ]

    def _load_bins(self, connection: Connection, slug: str, bin_ids: list[str]) -> None:
        rules = self._find_rules(slug)
        if rules is None:
            return
        known = find_bins(connection, bin_ids, authority_id=rules.authority_id)
        for bin_id in bin_ids:
            self._bins[slug, bin_id] = RememberedBin(rules.fleet_version, known.get(bin_id))
