"""Settling shops: for each its statement of a month, locked when asked to, and written as files."""

import datetime
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine

from bontri.documents.statements import statement_as_csv, statement_as_pdf
from ingest.worker import utc_now
from rewards.languages import Language
from rewards.settlement import (
    Statement,
    StatementLockedError,
    draft_statement,
    find_statement,
    list_settled_shops,
    lock_statement,
)


def find_shops(engine: Engine, month: datetime.date, *, authority_id: int) -> list[UUID]:
    """List the shops that have a statement of the month or would get one, by name."""
    with engine.connect() as connection:
        return list_settled_shops(connection, month, authority_id=authority_id)


def lock_all(
    engine: Engine, shops: list[UUID], month: datetime.date, *, authority_id: int, locked_by: str
) -> Iterator[bool]:
    """Lock the statements of shops, a transaction each; yield for each whether it was done now.

    One that is locked already, by us or somebody else beside us, is left as it is.
    """
    for shop_id in shops:
        try:
            with engine.begin() as connection:
                settlement_id = lock_statement(
                    connection,
                    authority_id=authority_id,
                    shop_id=shop_id,
                    month=month,
                    locked_by=locked_by,
                    now=utc_now(),
                )
        except StatementLockedError:
            settlement_id = None
        yield settlement_id is not None


def read_statement(engine: Engine, shop_id: UUID, month: datetime.date, *, authority_id: int) -> Statement | None:
    """Return the locked statement of a shop and month, else its draft; None when there is nothing."""
    with engine.connect() as connection:
        locked = find_statement(connection, authority_id=authority_id, shop_id=shop_id, month=month)
        return locked or draft_statement(connection, authority_id=authority_id, shop_id=shop_id, month=month)


def write_files(
    statement: Statement, *, pdf: Path | None, csv: Path | None, language: Language, now: datetime.datetime
) -> list[Path]:
    """Write a statement into folders, which are made; return the files. Earlier ones of these names are replaced."""
    made = []
    for folder, suffix in ((pdf, "pdf"), (csv, "csv")):
        if folder is None:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name_file(statement)}.{suffix}"
        if suffix == "pdf":
            path.write_bytes(statement_as_pdf(statement, language=language, now=now))
        else:
            path.write_bytes(statement_as_csv(statement, language=language))
        made.append(path)
    return made


def name_file(statement: Statement) -> str:
    """Return the name of a statement's files: its number, or what it is a draft of, and the shop in plain letters."""
    plain = unicodedata.normalize("NFKD", statement.shop.name).encode("ascii", "ignore").decode().lower()
    shop = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40]
    if statement.number is not None:
        return f"{statement.number}-{shop}".rstrip("-")
    return f"draft-{statement.month:%Y-%m}-{shop}-{statement.shop_id.hex[-8:]}"
