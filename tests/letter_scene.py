"""A town with people who get letters, and a folder or a server these go to."""

import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bontri.jobs.expiring import warn_of_expiry_of
from bontri.letters.sending import PostOffice, send_letters
from bontri.letters.writing import Letterhead
from bontri.mail import open_delivery
from rewards.keyring import Keyring
from tests.databases import Database
from tests.factories import build_citizen, build_town, deposit

AUTHORITY_ID = 7
ADA, EVE = "ada@example.org", "eve@example.org"
PUBLIC_URL = "https://points.example.org"


class Post:
    """Ada and Eve have an address, and 12 and 7 points that expire soon; so has somebody nobody knows."""

    def __init__(self, database: Database, keyring: Keyring, now: datetime.datetime, folder: Path) -> None:
        self.database, self.keyring, self.folder, self.now = database, keyring, folder, now
        with database.engine().begin() as connection:
            self.town = build_town(connection, keyring)
            self.ada = build_citizen(connection, self.town, badge="ADA", email=ADA)
            self.eve = build_citizen(connection, self.town, badge="EVE", email=EVE)
            build_citizen(connection, self.town, badge="NOBODY")
            for badge, items in (("ADA", 12), ("EVE", 7), ("NOBODY", 3)):
                deposit(connection, self.town, badge=badge, items=items, now=now)
            connection.execute(text("UPDATE accounts SET expires_on = CURRENT_DATE + 20 WHERE kind = 'lot'"))

    def warn(self) -> dict[str, int]:
        return warn_of_expiry_of(self.database.engine("bontri_api"), AUTHORITY_ID)

    def office(self, url: str | None = None) -> PostOffice:
        head = Letterhead("points@example.org", PUBLIC_URL)
        return PostOffice(self.keyring, open_delivery(url or self.folder.as_uri()), head)

    def send(self, url: str | None = None, **how: Any) -> dict[str, int]:
        return send_letters(self.database.engine("bontri_api"), self.office(url), authority_id=AUTHORITY_ID, **how)

    def letters(self) -> list[EmailMessage]:
        """Read what was laid down, by address, and take it away."""
        found: list[Any] = []
        for path in self.folder.glob("*.eml"):
            found.append(message_from_bytes(path.read_bytes(), policy=policy.default))
            path.unlink()
        return sorted(found, key=lambda letter: str(letter["To"]))

    def outbox(self) -> list[Any]:
        with self.database.engine().connect() as connection:
            return list(connection.execute(text("SELECT * FROM outbox ORDER BY created_at, message_id")).all())

    def change(self, statement: str) -> None:
        """Do what only the owner of the database may."""
        with self.database.engine().begin() as connection:
            connection.execute(text(statement))

    def make_due(self) -> None:
        """Let the pause after a failure, or a lease, be over."""
        self.change("UPDATE outbox SET next_try_at = created_at")


def body_of(letter: EmailMessage, subtype: str = "plain") -> str:
    """Return the words of a part."""
    part = letter.get_body((subtype,))
    assert part is not None
    return str(part.get_content())
