"""What every table shares: naming of constraints, column types, and what the table is on Citus.

Tenant first: ``authority_id`` leads every primary key, unique constraint and foreign key of a tenant
table, so that one authority can live on one node (docs/decisions/0001-tenant-first.md). Each table says
in ``info["citus"]`` what it is; ``tests/unit/test_schema.py`` holds the rules on the metadata.
"""

import datetime
import uuid
from typing import Annotated, Any

from sqlalchemy import ForeignKeyConstraint, Integer, LargeBinary, MetaData, Text, Uuid
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, mapped_column

DISTRIBUTED = {"citus": "distributed"}
REFERENCE = {"citus": "reference"}

AuthorityId = Annotated[int, mapped_column(Integer, primary_key=True, autoincrement=False)]
"""The tenant, first column of every key."""

Id = Annotated[uuid.UUID, mapped_column(Uuid, primary_key=True)]
"""A UUIDv7 given by the application: sortable by time, no sequence to share between nodes."""

Digest = Annotated[bytes, mapped_column(LargeBinary)]
"""Keyed digest; the key lives outside the database."""

Instant = Annotated[datetime.datetime, mapped_column(TIMESTAMP(timezone=True))]
"""An aware UTC instant."""


class Base(DeclarativeBase):
    """Declarative base; constraint names are stable, so that refusals can be told apart by them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text, uuid.UUID: Uuid, datetime.datetime: TIMESTAMP(timezone=True)}  # noqa: RUF012


def tenant_key(*columns: str, to: str, key: tuple[str, ...] = (), **options: Any) -> ForeignKeyConstraint:
    """Return a foreign key inside the tenant: ``authority_id`` plus ``columns``, named alike on both sides.

    ``to`` is the referred table; when its key column has another name write ``"table.column"``, or several as ``key``.
    """
    table, _, referred = to.partition(".")
    referred_columns = [referred] if referred else list(key or columns)
    return ForeignKeyConstraint(
        ["authority_id", *columns],
        [f"{table}.{column}" for column in ["authority_id", *referred_columns]],
        **options,
    )
