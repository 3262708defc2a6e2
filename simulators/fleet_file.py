"""Read the file by which a backend hands over provisioned bins: broker, keys, passwords, badges."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulators.messages import BinIdentity
from simulators.signatures import KEY_BYTES, KEY_NUMBERS

_AUTHORITY = re.compile(r"[a-z0-9-]{2,32}")
_BIN = re.compile(r"[A-Z0-9-]{4,32}")
_KEY = re.compile(rf"[0-9a-fA-F]{{{KEY_BYTES * 2}}}")
_KEY_NUMBER = re.compile(r"[1-9][0-9]{0,4}")
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")


class FleetFileError(ValueError):
    """The file cannot be used; ``faults`` names every reason, each with its place in the file."""

    def __init__(self, faults: list[str]) -> None:
        """Keep the faults in the order of the file."""
        super().__init__("the fleet file cannot be used:\n- " + "\n- ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the bins connect; TLS everywhere but on loopback, with the public CAs when ``ca_file`` is None."""

    host: str
    port: int
    tls: bool = False
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class ProvisionedBin:
    """One bin as handed over; the password opens the broker, the keys in ``identity`` sign.

    ``fill_pct``: how full it is when its storage is new, since a bin may have stood there before its stand-in.
    """

    identity: BinIdentity
    password: str = field(repr=False)
    fill_pct: int = 0


@dataclass(frozen=True, slots=True)
class ProvisionedFleet:
    """Everything a fleet needs; ``badges`` belong to the holders who will drop something."""

    broker: BrokerAddress
    authority: str
    bins: tuple[ProvisionedBin, ...]
    badges: tuple[str, ...] = field(default=(), repr=False)


def read_fleet_file(path: Path) -> ProvisionedFleet:
    """Return the fleet described by the JSON file at ``path``.

    Raises:
        FleetFileError: the file is missing, no JSON, or any field is wrong; all faults are named at once.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FleetFileError([f"{path}: {error.strerror}"]) from error
    except ValueError as error:
        raise FleetFileError([f"{path}: not JSON: {error}"]) from error
    return read_fleet(content)


def read_fleet(content: object) -> ProvisionedFleet:
    """Return the fleet described by decoded JSON.

    Raises:
        FleetFileError: any field is wrong; all faults are named at once.
    """
    reader = _Reader()
    fleet = reader.read(content)
    if reader.faults or fleet is None:
        raise FleetFileError(reader.faults)
    return fleet


class _Reader:
    """Collects faults instead of stopping at the first."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def read(self, content: object) -> ProvisionedFleet | None:
        if not isinstance(content, dict):
            self.faults.append("the file must hold one JSON object")
            return None
        broker = self._read_broker(content.get("broker"))
        authority = self._text(content, "authority", _AUTHORITY)
        bins = self._read_bins(content.get("bins"), authority)
        badges = content.get("badges", [])
        if not isinstance(badges, list) or not all(isinstance(b, str) and 4 <= len(b) <= 64 for b in badges):
            self.faults.append("badges: must be a list of texts of 4 to 64 characters")
            badges = []
        return None if self.faults else ProvisionedFleet(broker, authority, tuple(bins), tuple(badges))

    def _read_broker(self, content: object) -> BrokerAddress:
        entry = content if isinstance(content, dict) else {}
        if not isinstance(content, dict):
            self.faults.append("broker: must be an object with host and port")
            return BrokerAddress("", 0)
        host = self._text(entry, "host", re.compile(r"[^\s]+"), "broker.")
        port = self._number(entry, "port", range(1, 65536), "broker.")
        tls, ca_file = entry.get("tls", False), entry.get("ca_file")
        if not isinstance(tls, bool):
            self.faults.append("broker.tls: must be true or false")
        elif host and not tls and not _LOOPBACK.fullmatch(host):
            self.faults.append("broker.tls: must be true; plain TCP only on loopback (bin protocol, section Link)")
        if ca_file is not None and not (isinstance(ca_file, str) and Path(ca_file).is_file()):
            self.faults.append("broker.ca_file: no such file")
            ca_file = None
        return BrokerAddress(host, port, tls is True, Path(ca_file) if ca_file else None)

    def _read_bins(self, content: object, authority: str) -> list[ProvisionedBin]:
        if not isinstance(content, list) or not content:
            self.faults.append("bins: must be a list with at least one bin")
            return []
        bins = [self._read_bin(entry, authority, f"bins[{i}]") for i, entry in enumerate(content)]
        read = [provisioned for provisioned in bins if provisioned is not None]
        names = [provisioned.identity.bin for provisioned in read]
        doubles = (
            sorted({name for name in names if name and names.count(name) > 1}) if len(set(names)) < len(names) else []
        )
        self.faults.extend(f"bins: {name} appears more than once" for name in doubles)
        return read

    def _read_bin(self, entry: object, authority: str, place: str) -> ProvisionedBin | None:
        if not isinstance(entry, dict):
            self.faults.append(f"{place}: must be an object")
            return None
        prefix = f"{place}."
        name = self._text(entry, "bin", _BIN, prefix)
        keys = self._read_keys(entry, prefix)
        materials = entry.get("materials", ["glass"])
        if not (isinstance(materials, list) and materials and all(isinstance(m, str) and m for m in materials)):
            self.faults.append(f"{prefix}materials: must be a list with at least one material")
            materials = ["glass"]
        weighs = entry.get("mass", False)
        if not isinstance(weighs, bool):
            self.faults.append(f"{prefix}mass: must be true or false")
        identity = BinIdentity(
            authority=authority,
            bin=name,
            keys=keys,
            materials=tuple(materials),
            capacity_l=self._number(entry, "capacity_l", range(1, 100_001), prefix, default=3000),
            weighs=weighs is True,
        )
        return ProvisionedBin(
            identity,
            self._text(entry, "password", re.compile(r".+", re.DOTALL), prefix),
            fill_pct=self._number(entry, "fill_pct", range(101), prefix, default=0),
        )

    def _read_keys(self, entry: dict[str, Any], prefix: str) -> dict[int, bytes]:
        """Return the keys by number, from ``key_number`` and ``key``, from ``keys``, or from both."""
        several = entry.get("keys", {})
        if not isinstance(several, dict) or ("keys" in entry and not several):
            self.faults.append(f"{prefix}keys: must be an object with at least one key by its number")
            return {}
        keys: dict[int, bytes] = {}
        if not several or "key_number" in entry or "key" in entry:
            number = self._number(entry, "key_number", KEY_NUMBERS, prefix)
            key = self._text(entry, "key", _KEY, prefix)
            if number and key:
                keys[number] = bytes.fromhex(key)
        for name in several:
            if not _KEY_NUMBER.fullmatch(name) or int(name) not in KEY_NUMBERS:
                self.faults.append(f"{prefix}keys: must have whole numbers from 1 to {KEY_NUMBERS[-1]} as names")
                continue
            key = self._text(several, name, _KEY, f"{prefix}keys.")
            if key and keys.setdefault(int(name), bytes.fromhex(key)) != bytes.fromhex(key):
                self.faults.append(f"{prefix}keys.{name}: is another key than the one of key_number {name}")
        return keys

    def _text(self, entry: dict[str, Any], name: str, form: re.Pattern[str], prefix: str = "") -> str:
        value = entry.get(name)
        if isinstance(value, str) and form.fullmatch(value):
            return value
        # The value itself is not shown: it may be a key or a password.
        self.faults.append(f"{prefix}{name}: missing or not of the form {form.pattern}")
        return ""

    def _number(self, entry: dict[str, Any], name: str, bounds: range, prefix: str, default: int | None = None) -> int:
        value = entry.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and value in bounds:
            return value
        self.faults.append(f"{prefix}{name}: must be a whole number from {bounds[0]} to {bounds[-1]}")
        return 0
