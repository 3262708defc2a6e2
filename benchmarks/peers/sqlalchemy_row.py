"""Peer: paho-mqtt and SQLAlchemy, one row and one commit per message, into a plain table."""

import os
from typing import Any

from sqlalchemy import create_engine, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.peers.subscriber import COLUMNS, subscribe


class Base(DeclarativeBase):
    """The peers' own metadata."""


class PlainDeposit(Base):
    """A deposit as a plain row."""

    __tablename__ = "plain_deposits"
    id: Mapped[int] = mapped_column(primary_key=True)
    bin_id: Mapped[str]
    seq: Mapped[int]
    material: Mapped[str]
    items: Mapped[int]
    badge: Mapped[str | None]
    at: Mapped[str]


class KeyedDeposit(Base):
    """The same under the identity the bin gave it, for peers that write by key."""

    __tablename__ = "keyed_deposits"
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    material: Mapped[str]
    items: Mapped[int]
    badge: Mapped[str | None]
    at: Mapped[str]


def run() -> None:
    """Store every deposit of the session until ended by a signal."""
    engine = create_engine(make_url(os.environ["PEER_DATABASE_URL"]).set(drivername="postgresql+psycopg"))

    def store(rows: list[dict[str, Any]]) -> None:
        with Session(engine) as session:
            for row in rows:
                session.add(PlainDeposit(**{name: row[name] for name in COLUMNS}))
            session.commit()

    subscribe(store)


if __name__ == "__main__":
    run()
