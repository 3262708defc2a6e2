"""All tables: what migrations compare the database with, and what tests look through."""

from rewards.schema import (  # noqa: F401 (each adds its tables)
    access,
    assumptions,
    causes,
    citizens,
    drafts,
    events,
    fleet,
    jobs,
    ledger,
    mass_balance,
    publications,
    references,
    requests,
    settlements,
    shops,
    statistics,
    tariffs,
    territory,
)
from rewards.schema.base import Base

__all__ = ["Base"]
