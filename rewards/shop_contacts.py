"""Where letters to a shop go: its statements, what became of its offers."""

from uuid import UUID

from sqlalchemy import Connection, delete
from sqlalchemy.dialects.postgresql import insert as upsert

from rewards.citizens import EMAIL_PURPOSE, normalise_email
from rewards.keyring import Keyring
from rewards.languages import Language
from rewards.schema.shops import ShopContact


def note_shop_contact(
    connection: Connection, keyring: Keyring, shop_id: UUID, *, authority_id: int, email: str, language: Language | None
) -> None:
    """Write down a shop's address, in place of an earlier one; ``language`` None is the authority's."""
    facts = {
        "email_encrypted": keyring.encrypt(normalise_email(email).encode(), purpose=EMAIL_PURPOSE),
        "language": language,
    }
    connection.execute(
        upsert(ShopContact)
        .values(authority_id=authority_id, shop_id=shop_id, **facts)
        .on_conflict_do_update(index_elements=["authority_id", "shop_id"], set_=facts)
    )


def remove_shop_contact(connection: Connection, shop_id: UUID, *, authority_id: int) -> bool:
    """Forget a shop's address, so that it gets no letters; return False when it had none."""
    forgotten = delete(ShopContact).where(ShopContact.authority_id == authority_id, ShopContact.shop_id == shop_id)
    return connection.execute(forgotten).rowcount == 1
