"""What a bin gets at its provisioning and with a new key, and nowhere else: shown once, and stored nowhere."""

from dataclasses import dataclass
from typing import Any

from rewards.keyring import Keyring


@dataclass(frozen=True, slots=True)
class HandedBin:
    """What differs from bin to bin in what is handed over: the key number, and the capacity where it is known."""

    key_number: int = 1
    capacity_l: int | None = None


def bin_entry(bin_id: str, handed: HandedBin, *, authority: str, keyring: Keyring) -> dict[str, Any]:
    """Return what firmware is given of one bin: its key and its password at the broker, both secret."""
    number = handed.key_number
    entry = {
        "bin": bin_id,
        "key_number": number,
        "key": keyring.bin_key(authority=authority, bin_id=bin_id, key_number=number).hex(),
        "password": keyring.broker_password(username=bin_id),
        "materials": ["glass"],
    }
    return entry if handed.capacity_l is None else entry | {"capacity_l": handed.capacity_l}
