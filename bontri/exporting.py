"""Handing out what is held about a citizen: one snapshot of the database in use, as the API would show it."""

from typing import Any

from bontri.commands.holders import Holder
from bontri.operating import engine_in_use, keyring_in_use
from bontri.settings import read_settings
from ingest.worker import utc_now
from rewards.fleet.owners import get_authority
from rewards.languages import Language
from rewards.privacy import export_citizen
from rewards.tenancy import enter_tenant


def export_holder(holder: Holder, slug: str, *, language: Language) -> dict[str, Any]:
    """Return all that is held about a citizen somebody named.

    Raises:
        CardUnknownError, CitizenUnknownError: there is none.
    """
    settings = read_settings()
    keyring = keyring_in_use(settings)
    with (
        engine_in_use(settings, role="bontri_api") as engine,
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
    ):
        authority_id = get_authority(connection, slug).authority_id
        enter_tenant(connection, authority_id=authority_id)
        citizen_id = holder.find(connection, keyring, authority_id=authority_id).citizen_id
        return export_citizen(
            connection, keyring, citizen_id, authority_id=authority_id, language=language, now=utc_now()
        )
