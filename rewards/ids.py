"""New identifiers: UUIDv7, sortable by time, made by the application (no sequences shared between nodes)."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """Return a new UUIDv7."""
    return uuid7()
