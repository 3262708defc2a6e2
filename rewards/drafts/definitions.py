"""What a tariff or a campaign says, read from plain data (a file, a form) with every fault named at once.

Times are the authority's own, as its people write them; places are named by the references they use.
"""

import datetime
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rewards.drafts.refusals import CampaignWithoutEndError, DefinitionInvalidError
from rewards.tariffs import Basis

MOST_POINTS = 10_000
MOST_BUDGET_POINTS = 10**12
MOST_NAME = 100

Kind = Literal["tariff", "campaign"]


@dataclass(frozen=True, slots=True)
class TariffDefinition:
    """Points by material, caps, welcome."""

    name: str
    lines: dict[str, tuple[Basis, int]]
    day_cap_points: int | None = None
    week_cap_points: int | None = None
    bin_hour_cap_points: int | None = None
    welcome_points: int = 0


@dataclass(frozen=True, slots=True)
class CampaignDefinition:
    """More points for a time, a place or a material; ``valid_from`` and ``valid_until`` are local and naive.

    ``sites`` are the authority's references, ``communes`` INSEE codes; None holds for all.
    """

    name: str
    valid_from: datetime.datetime
    valid_until: datetime.datetime
    multiplier_percent: int | None = None
    bonus_points: int | None = None
    weekdays: tuple[int, ...] | None = None
    from_time: datetime.time | None = None
    until_time: datetime.time | None = None
    materials: tuple[str, ...] | None = None
    sites: tuple[str, ...] | None = None
    communes: tuple[str, ...] | None = None
    is_first_deposit_only: bool = False
    budget_points: int | None = None


Definition = TariffDefinition | CampaignDefinition


def read_definition(kind: Kind, said: Mapping[str, Any]) -> Definition:
    """Read what a file or a form says.

    Raises:
        CampaignWithoutEndError: it does not say until when.
        DefinitionInvalidError: something else is wrong; every fault is named.
    """
    reader = Reader(said)
    definition = read_tariff(reader) if kind == "tariff" else read_campaign(reader)
    reader.finish()
    return definition


class Reader:
    """Takes fields out of plain data and notes what is wrong with them."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._said = dict(said)
        self.faults: list[str] = []

    def take(self, name: str) -> Any:
        """Take a field; None when it is not there."""
        return self._said.pop(name, None)

    def text(self, name: str) -> str:
        """Take a text of 1 to 100 characters."""
        value = self.take(name)
        if not isinstance(value, str) or not 1 <= len(value.strip()) <= MOST_NAME:
            self.faults.append(f"{name} must be a text of 1 to {MOST_NAME} characters")
            return ""
        return value.strip()

    def number(self, name: str, *, least: int, most: int) -> int | None:
        """Take a whole number; None when it is not there."""
        value = self.take(name)
        return None if value is None else self.check_number(name, value, least=least, most=most)

    def check_number(self, name: str, value: Any, *, least: int, most: int) -> int:
        """Return a whole number within bounds, or note the fault."""
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.faults.append(f"{name} must be a whole number from {least} to {most}, not {value!r}")
            return least
        return value

    def names(self, name: str) -> tuple[str, ...] | None:
        """Take a list of texts; None when it is not there."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
            self.faults.append(f"{name} must be a list of names; leave it out for all")
            return ()
        return tuple(dict.fromkeys(value))

    def moment(self, name: str, read: Callable[[str], Any], what: type[Any]) -> Any:
        """Take an instant or a time of day, written or as such; None when it is not there."""
        value = self.take(name)
        if isinstance(value, str):
            try:
                value = read(value)
            except ValueError:
                value = value or "nothing"
        if value is not None and (not isinstance(value, what) or value.tzinfo is not None):
            self.faults.append(
                f"{name} must be a local {'time' if what is datetime.time else 'date and time'}, not {value}"
            )
            return None
        return value

    def finish(self) -> None:
        """Raise when something was wrong or is left over."""
        self.faults += [f"{name} is not known here" for name in self._said]
        if self.faults:
            raise DefinitionInvalidError(self.faults)


def read_tariff(reader: Reader) -> TariffDefinition:
    """Read a tariff."""
    name = reader.text("name")
    lines = reader.take("lines")
    if not isinstance(lines, dict) or not lines:
        reader.faults.append("lines must give points by material")
        lines = {}
    caps = {
        cap: reader.number(cap, least=1, most=10**6)
        for cap in ("day_cap_points", "week_cap_points", "bin_hour_cap_points")
    }
    return TariffDefinition(
        name,
        {material: read_line(reader, material, line) for material, line in lines.items()},
        **caps,
        welcome_points=reader.number("welcome_points", least=0, most=MOST_POINTS) or 0,
    )


def read_line(reader: Reader, material: str, line: Any) -> tuple[Basis, int]:
    """Read one line: ``{points = 1, per = "item"}``."""
    said = dict(line) if isinstance(line, dict) else {}
    basis, points = said.pop("per", "item"), said.pop("points", None)
    if not isinstance(line, dict) or said or basis not in ("item", "kilogram"):
        reader.faults.append(f'lines.{material} must be like {{points = 1, per = "item"}} or per = "kilogram"')
        return "item", 0
    return basis, reader.check_number(f"lines.{material}.points", points, least=0, most=MOST_POINTS)


def read_campaign(reader: Reader) -> CampaignDefinition:
    """Read a campaign."""
    name = reader.text("name")
    valid_from = reader.moment("from", datetime.datetime.fromisoformat, datetime.datetime)
    valid_until = reader.moment("until", datetime.datetime.fromisoformat, datetime.datetime)
    if valid_until is None and not reader.faults:
        raise CampaignWithoutEndError
    if valid_from is None:
        reader.faults.append("from must say when it begins")
    elif valid_until is not None and valid_until <= valid_from:
        reader.faults.append("until is not after from")
    percent = reader.number("multiplier_percent", least=101, most=1000)
    bonus = reader.number("bonus_points", least=1, most=MOST_POINTS)
    if (percent is None) == (bonus is None):
        reader.faults.append("give either multiplier_percent or bonus_points")
    hours = (
        reader.moment("from_time", datetime.time.fromisoformat, datetime.time),
        reader.moment("until_time", datetime.time.fromisoformat, datetime.time),
    )
    if (hours[0] is None) != (hours[1] is None):
        reader.faults.append("give both from_time and until_time, or neither")
    elif hours[0] is not None and hours[1] <= hours[0]:
        reader.faults.append("until_time is not after from_time; make two campaigns of one that goes over midnight")
    is_first = reader.take("first_deposit_only")
    if is_first not in (None, True, False):
        reader.faults.append("first_deposit_only must be true or false")
    return CampaignDefinition(
        name,
        valid_from,
        valid_until,
        percent,
        bonus,
        read_weekdays(reader),
        *hours,
        reader.names("materials"),
        reader.names("sites"),
        reader.names("communes"),
        is_first_deposit_only=bool(is_first),
        budget_points=reader.number("budget_points", least=1, most=MOST_BUDGET_POINTS),
    )


def read_weekdays(reader: Reader) -> tuple[int, ...] | None:
    """Read days of the week, 1 is Monday."""
    days = reader.take("weekdays")
    if days is None:
        return None
    if not isinstance(days, list) or not days or not all(day in range(1, 8) for day in days):
        reader.faults.append("weekdays must be a list of numbers from 1, Monday, to 7; leave it out for all")
        return ()
    return tuple(sorted(set(days)))


def check_names(kind: str, named: Collection[str] | None, known: Collection[str]) -> list[str]:
    """List a fault for every name the authority does not have."""
    return [f"{kind} {name} is not known" for name in named or () if name not in known]
