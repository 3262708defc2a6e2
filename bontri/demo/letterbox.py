"""The demo's post: letters leave the outbox into a folder, and are shown on the console as they arrive."""

from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

from sqlalchemy import Engine

from bontri.demo.console import DemoConsole
from bontri.demo.seed import AUTHORITY_ID, NAME
from bontri.letters.sending import PostOffice, send_letters
from bontri.letters.writing import Letterhead
from bontri.mail import open_delivery
from rewards.keyring import Keyring

SENDER = "points@demo.invalid"


@dataclass(frozen=True, slots=True)
class ReceivedLetter:
    """What somebody finds in their letterbox."""

    address: str
    subject: str
    text: str


def read_letter(path: Path) -> ReceivedLetter:
    """Read a letter that was laid down."""
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    body = message.get_body(("plain",))
    return ReceivedLetter(message["To"], message["Subject"], body.get_content() if body else "")


class Letterbox:
    """Does what ``bontri jobs`` does with letters, and shows each that was not shown before."""

    def __init__(
        self,
        console: DemoConsole,
        engine: Engine,
        keyring: Keyring,
        folder: Path,
        *,
        public_url: str,
        since_ns: int,
    ) -> None:
        self._console, self._engine, self._folder = console, engine, folder
        head = Letterhead(f"{NAME} <{SENDER}>", public_url)
        self._office = PostOffice(keyring, open_delivery(folder.as_uri()), head)
        self._shown = {path for path in folder.glob("*.eml") if int(path.stem) < since_ns}

    def look(self) -> None:
        """Send what is due and show what has come."""
        send_letters(self._engine, self._office, authority_id=AUTHORITY_ID)
        arrived = set(self._folder.glob("*.eml"))
        for path in sorted(arrived - self._shown):
            letter = read_letter(path)
            indented = "\n".join(f"  │ {line}".rstrip() for line in letter.text.splitlines())
            self._console.line(f"Letter to {letter.address}: {letter.subject}\n{indented}\n")
        self._shown = arrived
