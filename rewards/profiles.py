"""What a citizen says of themselves: the name they are shown by to their household, if any; and their own address."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.cards import CitizenUnknownError
from rewards.citizens import EMAIL_PURPOSE
from rewards.keyring import Keyring

NAME_PURPOSE = "name"

READ = """
    SELECT email_encrypted, display_name_encrypted FROM contacts
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id
"""
GET = text(READ)
LOCK = text(f"{READ} FOR NO KEY UPDATE")
CHANGE = text("""
    UPDATE contacts SET display_name_encrypted = :name
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id
""")


@dataclass(frozen=True, slots=True)
class Profile:
    """A citizen's own data."""

    email: str
    display_name: str | None


def get_profile(
    connection: Connection, keyring: Keyring, *, authority_id: int, citizen_id: UUID, is_to_change: bool = False
) -> Profile:
    """Return a citizen's profile; locked until the transaction ends if it ``is_to_change``.

    Raises:
        CitizenUnknownError: they were erased meanwhile.
    """
    own = {"authority_id": authority_id, "citizen_id": citizen_id}
    row = connection.execute(LOCK if is_to_change else GET, own).one_or_none()
    if row is None:
        raise CitizenUnknownError("id")
    email = keyring.decrypt(bytes(row.email_encrypted), purpose=EMAIL_PURPOSE).decode()
    return Profile(email, open_name(keyring, row.display_name_encrypted))


def change_name(
    connection: Connection, keyring: Keyring, *, authority_id: int, citizen_id: UUID, display_name: str | None
) -> None:
    """Give a citizen another name, or none."""
    name = None if display_name is None else keyring.encrypt(display_name.encode(), purpose=NAME_PURPOSE)
    connection.execute(CHANGE, {"authority_id": authority_id, "citizen_id": citizen_id, "name": name})


def open_name(keyring: Keyring, sealed: Collection[int] | None) -> str | None:
    """Return a name as it was given."""
    return None if sealed is None else keyring.decrypt(bytes(sealed), purpose=NAME_PURPOSE).decode()
