"""What a bin knows for its display: tariffs, limits and texts (bin protocol, section "Configuration")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from simulators.counts import Tally
from simulators.down_messages import (
    MalformedMessageError,
    list_of,
    moment_of,
    number_of,
    object_of,
    open_message,
    read_object,
    text_of,
)
from simulators.journal_file import JournalFile
from simulators.messages import BinIdentity
from simulators.signatures import SignatureError

NO_VERSION = 0


@dataclass(frozen=True, slots=True)
class DisplayLine:
    """What one material earns, as people are told: so many points ``per`` ``item`` or ``kilogram``."""

    per: str
    points: int


@dataclass(frozen=True, slots=True)
class DisplayTariff:
    """What every material earns from ``valid_from`` on, until the next tariff begins."""

    valid_from: datetime
    lines: Mapping[str, DisplayLine]


@dataclass(frozen=True, slots=True)
class DisplayConfig:
    """One version of everything shown; ``tariffs`` ascend by ``valid_from``, ``limits`` hold the caps there are."""

    version: int
    tariffs: tuple[DisplayTariff, ...]
    limits: Mapping[str, int]
    texts: Mapping[str, Mapping[str, str]]


_NOTHING = DisplayConfig(NO_VERSION, (), {}, {})


def read_config(fields: Mapping[str, object]) -> DisplayConfig:
    """Return the configuration in the fields of an opened message.

    Raises:
        MalformedMessageError: a field is missing or of another type or range.
    """
    tariffs = (_read_tariff(object_of(entry)) for entry in list_of(fields.get("tariffs")))
    texts = object_of(fields.get("texts", {})).items()
    return DisplayConfig(
        version=_amount_of(fields.get("version")),
        tariffs=tuple(sorted(tariffs, key=lambda tariff: tariff.valid_from)),
        limits={name: _amount_of(points) for name, points in object_of(fields.get("limits", {})).items()},
        texts={language: {name: text_of(text) for name, text in object_of(named).items()} for language, named in texts},
    )


def _read_tariff(entry: dict[str, object]) -> DisplayTariff:
    lines = {material: _read_line(object_of(line)) for material, line in object_of(entry.get("lines")).items()}
    return DisplayTariff(moment_of(entry.get("valid_from")), lines)


def _read_line(entry: dict[str, object]) -> DisplayLine:
    if entry.get("per") not in ("item", "kilogram"):
        raise MalformedMessageError("points are given per item or per kilogram")
    return DisplayLine(text_of(entry.get("per")), _amount_of(entry.get("points")))


def _amount_of(value: object) -> int:
    if number_of(value) < 0:
        raise MalformedMessageError(f"{value!r} is below 0")
    return number_of(value)


class Display:
    """The newest configuration a bin has taken, kept with its journal."""

    def __init__(self, identity: BinIdentity, file: JournalFile, tally: Tally) -> None:
        """Show what the last start of the firmware held, or nothing."""
        self._identity = identity
        self._file = file
        self._tally = tally
        [(stored,)] = file.read("SELECT config FROM journal")
        self.config = _NOTHING if stored is None else read_config(read_object(stored))

    @property
    def version(self) -> int:
        """The version held, 0 when none is."""
        return self.config.version

    def take(self, topic: str, payload: bytes) -> bool:
        """Take a message of the configuration topic and return whether it replaced what was held. Durable.

        Ignored without any effect: a wrong signature or topic, a form not understood, another bin, a version that is
        not above the one held (a retained message comes again with every connection).
        """
        try:
            config = read_config(open_message(topic, payload, self._identity.keys, bin_id=self._identity.bin))
        except (SignatureError, MalformedMessageError):
            config = _NOTHING
        if topic != self._identity.topic("down/config") or config.version <= self.version:
            self._tally.configs_ignored += 1
            return False
        self._file.write("UPDATE journal SET config = ?", payload.partition(b"\n")[0])
        self._file.commit()
        self.config = config
        self._tally.configs_taken += 1
        return True

    def find_tariff(self, reading: datetime) -> DisplayTariff | None:
        """Return the tariff in force at what the bin's clock shows; None before the first."""
        begun = [tariff for tariff in self.config.tariffs if tariff.valid_from <= reading]
        return begun[-1] if begun else None

    def find_text(self, name: str, *, language: str) -> str | None:
        """Return a text of the authority in a language of its, or None."""
        return self.config.texts.get(language, {}).get(name)
