"""Columns written here are the rows PostgreSQL reads, whatever is in them."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from rewards.arrays import NOTHING, Columns
from tests.databases import DatabasePool

COLUMNS = Columns(number="bigint", words="text", raw="bytea", share="real")
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
ROWS = st.lists(
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.none() | TEXTS, st.none() | st.binary(), st.none() | st.just(0.5)),
    max_size=6,
)
READ = text(f"SELECT * FROM {COLUMNS.unnest('t')}")


@pytest.fixture(scope="module")
def connection(databases: DatabasePool) -> Iterator[Connection]:
    with databases.lend() as database, database.engine().connect() as connection:
        yield connection


@given(rows=ROWS)
@settings(max_examples=150, deadline=None)
def test_rows_come_back_as_they_were_written(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    columns = dict(zip(COLUMNS.kinds, zip(*rows, strict=True) if rows else ((), (), (), ()), strict=True))
    told = connection.execute(READ, COLUMNS.bind(**columns)).all()
    assert [(number, words, raw and bytes(raw), share) for number, words, raw, share in told] == [
        (number, words, raw, share) for number, words, raw, share in rows
    ]


def test_a_column_without_any_value_is_not_written_out(connection: Connection) -> None:
    bound = COLUMNS.bind(number=range(1000), words=[None] * 1000, raw=[None] * 999 + [b"x"], share=[0.5] * 1000)
    assert bound["words"] == NOTHING
    told = connection.execute(READ, bound).all()
    assert (len(told), told[0].words, told[-1].raw) == (1000, None, b"x")
