"""Build the JSON of deposits and emptyings and hold the field rules of the bin protocol, section "Events"."""

from __future__ import annotations

import json
from datetime import UTC, datetime

MAX_ITEMS = 200
MAX_MASS_G = 2_000_000
BADGE_LENGTHS = range(4, 65)
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class InvalidEventError(ValueError):
    """A field breaks a rule of the protocol; such an event must not enter the journal."""


def format_time(moment: datetime) -> str:
    """Return RFC 3339 in UTC with whole seconds, as the protocol writes times."""
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def encode_json(fields: dict[str, object]) -> bytes:
    """Return one compact UTF-8 line without a line feed."""
    return _to_json(fields).encode()


def encode_deposit(
    *,
    seq: int,
    at: datetime,
    material: str,
    items: int,
    mass_g: int | None,
    badge: str | None,
    refused: int | None,
    confidence: float | None,
) -> bytes:
    """Return the JSON of a deposit; absent optional fields are left out.

    Raises:
        InvalidEventError: a value is outside the rules of the protocol.
    """
    if not 0 <= items <= MAX_ITEMS:
        raise InvalidEventError(f"items must be 0 to {MAX_ITEMS}, not {items}")
    if items == 0 and not refused and not mass_g:
        raise InvalidEventError("a deposit of 0 items needs refused or mass_g above 0")
    if refused is not None and refused < 0:
        raise InvalidEventError(f"refused must be 0 or more, not {refused}")
    if badge is not None and len(badge) not in BADGE_LENGTHS:
        raise InvalidEventError("a badge has 4 to 64 characters")
    if confidence is not None and not 0 <= confidence <= 1:
        raise InvalidEventError(f"confidence must be 0 to 1, not {confidence}")
    _check_mass(mass_g)
    optional = {"mass_g": mass_g, "badge": badge, "refused": refused, "confidence": confidence}
    required = {"seq": seq, "type": "deposit", "at": format_time(at), "material": material, "items": items}
    return encode_json(required | {name: value for name, value in optional.items() if value is not None})


def encode_emptying(*, seq: int, at: datetime, material: str, mass_g: int | None, by: str | None) -> bytes:
    """Return the JSON of an emptying; ``by`` names the collection round.

    Raises:
        InvalidEventError: the mass is outside the rules of the protocol.
    """
    _check_mass(mass_g)
    optional = {"mass_g": mass_g, "by": by}
    required = {"seq": seq, "type": "emptying", "at": format_time(at), "material": material}
    return encode_json(required | {name: value for name, value in optional.items() if value is not None})


def _check_mass(mass_g: int | None) -> None:
    if mass_g is not None and not 1 <= mass_g <= MAX_MASS_G:
        raise InvalidEventError(f"mass_g must be 1 to {MAX_MASS_G}, not {mass_g}")
