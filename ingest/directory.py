"""Who may speak: rules of authorities and what is known of bins, remembered for one second.

A second is what a revocation may take (promise: two), and saves the lookups of every batch under load.
"""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Engine

from ingest.topics import UpTopic
from rewards.bins import KnownBin, find_bins
from rewards.rules import AuthorityRules, find_rules

REMEMBERED_S = 1.0
MOST_REMEMBERED = 50_000
"""Bound on remembered names, since strangers may claim any."""


class Directory:
    """Remembers authorities and bins for a second; what is not known is remembered as unknown."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._rules: dict[str, tuple[float, AuthorityRules | None]] = {}
        self._bins: dict[tuple[str, str], tuple[float, KnownBin | None]] = {}

    def load(self, topics: Iterable[UpTopic], *, monotonic_s: float) -> None:
        """Look up whatever ``topics`` name and is not remembered freshly; one read per authority."""
        if len(self._bins) + len(self._rules) > MOST_REMEMBERED:
            # Before looking what is fresh, so that nothing this batch counts on is forgotten.
            self._bins.clear()
            self._rules.clear()
        fresh_from = monotonic_s - REMEMBERED_S
        wanted: defaultdict[str, set[str]] = defaultdict(set)
        for topic in topics:
            if self._bins.get((topic.authority, topic.bin_id), (fresh_from - 1, None))[0] < fresh_from:
                wanted[topic.authority].add(topic.bin_id)
        if not wanted:
            return
        with self._engine.connect() as connection:
            for slug, bin_ids in wanted.items():
                rules = find_rules(connection, slug)
                self._rules[slug] = (monotonic_s, rules)
                known = find_bins(connection, bin_ids, authority_id=rules.authority_id) if rules else {}
                for bin_id in bin_ids:
                    self._bins[slug, bin_id] = (monotonic_s, known.get(bin_id))

    def find_rules(self, topic: UpTopic) -> AuthorityRules | None:
        """Find the rules of the authority a loaded topic names."""
        return self._rules[topic.authority][1] if topic.authority in self._rules else None

    def find_bin(self, topic: UpTopic) -> KnownBin | None:
        """Find the bin a loaded topic names, within that authority."""
        return self._bins[topic.authority, topic.bin_id][1] if (topic.authority, topic.bin_id) in self._bins else None
