"""Peer: paho-mqtt and SQLAlchemy, one row and one commit per message, into a plain table."""

import sys
from typing import Any

from sqlalchemy import create_engine
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


def run(database_url: str, mqtt_url: str, client_id: str) -> None:
    """Store every deposit of the session until ended by a signal."""
    engine = create_engine(database_url)

    def store(rows: list[dict[str, Any]]) -> None:
        with Session(engine) as session:
            for row in rows:
                session.add(PlainDeposit(**{name: row[name] for name in COLUMNS}))
            session.commit()

    subscribe(mqtt_url, client_id, store)


if __name__ == "__main__":
    run(*sys.argv[1:])
