"""New identifiers: UUIDv7, sortable by time, made by the application (no sequences shared between nodes)."""

from uuid import UUID

import uuid_utils
from uuid_utils.compat import uuid7

Id = UUID | str
"""An identifier; as text where thousands pass at once: to make, hash and write a UUID object costs 3 µs, text 0.6."""


def new_id() -> UUID:
    """Return a new UUIDv7."""
    return uuid7()


def new_id_text() -> str:
    """Return a new UUIDv7 as text."""
    return str(uuid_utils.uuid7())
