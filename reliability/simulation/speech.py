"""What bins say, with what the audit must know of it: which rows of the database would prove that it was handled."""

from dataclasses import dataclass

Fact = tuple[object, ...]
"""Something the database holds for good once it is committed:

``("content", authority_id, bin_id, journal, seq, digest)``: an event of this content, recorded or quarantined;
``("refused", authority_id, digest)``: a message, quarantined with its bytes;
``("heard", authority_id, bin_id, kind, boot, n)``: a report of this order, or a newer one.
"""


@dataclass(frozen=True, eq=False)
class Utterance:
    """A message of a bin. ``proofs``: it is handled when all of them hold; or when ``refused`` does.

    ``events`` are what it carries, as (bin, journal, seq); empty for all but well-formed events.
    """

    topic: str
    payload: bytes
    bin_id: str
    what: str
    proofs: tuple[Fact, ...]
    refused: Fact
    events: tuple[tuple[str, str, int], ...] = ()
    journal: str | None = None
