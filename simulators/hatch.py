"""What people do at a bin: drop something in, empty it. Either is in the journal before anybody hears of it."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from simulators.clock import BinClock
from simulators.contents import Contents, unit_mass_g
from simulators.counts import Tally
from simulators.emptying_mode import EmptyingMode, HatchClosedError
from simulators.events import InvalidEventError, encode_deposit, encode_emptying
from simulators.housekeeping import Housekeeping
from simulators.journal import Journal, JournalFullError
from simulators.messages import ENVELOPE_EVENT_BYTES_MAX
from simulators.outbox import Outbox
from simulators.outcomes import Outcomes
from simulators.status import StatusReport


class OptionalDepositFields(TypedDict, total=False):
    """What a deposit may tell beside material and items.

    Attributes:
        true_mass_g: What really fell in, for later emptyings; ``mass_g``, else items times the mean mass, if absent.
    """

    badge: str | None
    mass_g: int | None
    refused: int | None
    confidence: float | None
    true_mass_g: int | None


class Hatch:
    """Turns what happens into events of the journal, in the order it happens."""

    def __init__(
        self,
        journal: Journal,
        *,
        clock: BinClock,
        contents: Contents,
        emptying_mode: EmptyingMode,
        housekeeping: Housekeeping,
        outbox: Outbox,
        outcomes: Outcomes,
        status: StatusReport,
        tally: Tally,
    ) -> None:
        """Write to this journal."""
        self._journal = journal
        self._clock = clock
        self._contents = contents
        self._emptying_mode = emptying_mode
        self._housekeeping = housekeeping
        self._outbox = outbox
        self._outcomes = outcomes
        self._status = status
        self._tally = tally

    def deposit(self, now: datetime, material: str, items: int, fields: OptionalDepositFields) -> int:
        """Journal a deposit and return its number.

        Raises:
            HatchClosedError: the bin is in emptying mode; counted as refused.
            InvalidEventError: a field breaks the protocol, or the event could not fit into a packet.
            JournalFullError: nothing was stored; counted as refused, and ``status`` reports the fault ``journal_full``.
        """
        if self._emptying_mode.is_on(now):
            self._tally.refused_deposits += 1
            raise HatchClosedError("the bin is being emptied")
        mass_g = fields.get("mass_g")
        body = encode_deposit(
            seq=self._journal.next_seq,
            at=self._clock.read(now),
            material=material,
            items=items,
            mass_g=mass_g,
            badge=fields.get("badge"),
            refused=fields.get("refused"),
            confidence=fields.get("confidence"),
        )
        try:
            self._require_room(body, now)
        except JournalFullError:
            self._tally.refused_deposits += 1
            raise
        fallen_g = fields.get("true_mass_g") or mass_g or items * unit_mass_g(material)
        self._contents.add(material, items=items, mass_g=fallen_g)
        self._tally.produced_deposits += 1
        return self._append(body, now)

    def emptying(self, now: datetime, *, material: str, mass_g: int | None, by: str | None) -> int:
        """Journal an emptying and return its number; the compartment is empty afterwards.

        Raises:
            InvalidEventError: the mass breaks the protocol.
            JournalFullError: nothing was stored; ``status`` reports the fault ``journal_full``.
        """
        at, seq = self._clock.read(now), self._journal.next_seq
        body = encode_emptying(seq=seq, at=at, material=material, mass_g=mass_g, by=by)
        self._require_room(body, now)
        self._contents.empty(material)
        self._tally.produced_emptyings += 1
        return self._append(body, now)

    def _require_room(self, body: bytes, now: datetime) -> None:
        if len(body) > ENVELOPE_EVENT_BYTES_MAX:
            raise InvalidEventError(f"an event of {len(body)} bytes could never be sent")
        if self._journal.is_full:
            self._housekeeping.forget_settled(now)
        if self._journal.is_full:
            raise JournalFullError(f"the journal holds its {self._journal.held_events} events")

    def _append(self, body: bytes, now: datetime) -> int:
        seq = self._journal.append(body, clock=self._clock.state(now))
        if self._journal.is_full:
            self._status.add_fault("journal_full", now)
        self._outbox.add(seq)
        self._outcomes.note_made(seq, now)
        return seq
