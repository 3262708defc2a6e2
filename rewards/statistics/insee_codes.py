"""Codes of communes in files: spreadsheets cut the zero of départements 01 to 09 off."""

import re
from collections.abc import Collection

INSEE_CODE = re.compile(r"(?:[0-9]{2}|2[AB])[0-9]{3}")
"""Source: INSEE, Code officiel géographique."""
SHORT = re.compile(r"[1-9][0-9]{3}")


def complete_code(said: str, known: Collection[str]) -> str | None:
    """Return a commune's code, with its zero where that makes it one of ``known``; None where it is no code.

    Four digits may as well be five of which another got lost, so no zero is put before what nobody knows.
    """
    code = said.upper()
    if SHORT.fullmatch(code) and f"0{code}" in known:
        return f"0{code}"
    return code if INSEE_CODE.fullmatch(code) else None


def describe_no_code(said: str) -> str:
    """Say why it is none."""
    return f"{said!r} is no INSEE code: five signs"
