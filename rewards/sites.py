"""Sites as the authority keeps them: added, changed, listed with the bins that stand there. A site is never deleted."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from rewards.errors import OperatorRefusedError, violates
from rewards.shop_register import unless_commune_unknown
from rewards.territory import NewSite, add_sites

SITES = """
    SELECT s.site_id, s.reference, s.insee_code, c.name AS commune, s.address, s.latitude, s.longitude,
           coalesce(p.bins, '{}') AS bins
      FROM sites s
      JOIN communes c ON c.authority_id = s.authority_id AND c.insee_code = s.insee_code
      LEFT JOIN (SELECT p.site_id, array_agg(p.bin_id ORDER BY p.bin_id) AS bins FROM placements p
                  WHERE p.authority_id = :authority_id AND p.placed_at <= :now
                    AND (p.removed_at IS NULL OR p.removed_at > :now)
                  GROUP BY p.site_id) AS p ON p.site_id = s.site_id
     WHERE s.authority_id = :authority_id
"""
LIST = text(f"""
    {SITES} AND (CAST(:insee_code AS text) IS NULL OR s.insee_code = :insee_code)
       AND (CAST(:after_reference AS text) IS NULL
            OR (s.reference, s.site_id) > (:after_reference, CAST(:after_id AS uuid)))
     ORDER BY s.reference, s.site_id LIMIT :limit
""")
GET = text(f"{SITES} AND s.site_id = :site_id")
LOCK = text("SELECT site_id FROM sites WHERE authority_id = :authority_id AND site_id = :site_id FOR NO KEY UPDATE")
CHANGE = text("""
    UPDATE sites SET reference = coalesce(:reference, reference), insee_code = coalesce(:insee_code, insee_code),
           address = coalesce(:address, address), latitude = coalesce(:latitude, latitude),
           longitude = coalesce(:longitude, longitude)
     WHERE authority_id = :authority_id AND site_id = :site_id
""")


class SiteUnknownError(OperatorRefusedError):
    """The authority has no site of this id."""

    code = "site_unknown"

    def __init__(self, site_id: UUID) -> None:
        super().__init__(f"there is no site {site_id}: list the sites")


class SiteReferenceTakenError(OperatorRefusedError):
    """Another site of the authority has this reference."""

    code = "site_reference_taken"

    def __init__(self, reference: str) -> None:
        super().__init__(f"another site is called {reference}: choose another reference")


@dataclass(frozen=True, slots=True)
class KnownSite:
    """A drop-off point and the ``bins`` that stand there now."""

    site_id: UUID
    reference: str
    insee_code: str
    commune: str
    address: str
    latitude: float
    longitude: float
    bins: list[str]


def list_sites(
    connection: Connection,
    *,
    authority_id: int,
    now: datetime.datetime,
    insee_code: str | None = None,
    after: tuple[str, UUID] | None = None,
    limit: int = 50,
) -> list[KnownSite]:
    """List the sites by reference, of a commune or all, those behind the (reference, id) of ``after``."""
    reference, site_id = after or (None, None)
    values = {"authority_id": authority_id, "now": now, "insee_code": insee_code, "limit": limit}
    rows = connection.execute(LIST, {**values, "after_reference": reference, "after_id": site_id})
    return [KnownSite(*row) for row in rows]


def get_site(
    connection: Connection, site_id: UUID, *, authority_id: int, now: datetime.datetime, is_to_change: bool = False
) -> KnownSite:
    """Return a site, which stays as it is until the transaction ends when it is to be changed.

    Raises:
        SiteUnknownError: the authority has no such site.
    """
    values = {"authority_id": authority_id, "site_id": site_id, "now": now}
    if is_to_change:
        connection.execute(LOCK, values)
    row = connection.execute(GET, values).one_or_none()
    if row is None:
        raise SiteUnknownError(site_id)
    return KnownSite(*row)


def add_site(connection: Connection, site: NewSite, *, authority_id: int) -> UUID:
    """Add a site; return its id.

    Raises:
        SiteReferenceTakenError, CommuneUnknownError: the transaction must be rolled back.
    """
    try:
        return add_sites(connection, [site], authority_id=authority_id)[site.reference]
    except IntegrityError as error:
        raise refusal_of(error, reference=site.reference, insee_code=site.insee_code) from error


def change_site(connection: Connection, site_id: UUID, changes: Mapping[str, Any], *, authority_id: int) -> None:
    """Change reference, commune (``insee_code``), address or place; its figures stay with it, also when it moves.

    Raises:
        SiteUnknownError: the authority has no such site.
        SiteReferenceTakenError, CommuneUnknownError: the transaction must be rolled back.
    """
    names = ("reference", "insee_code", "address", "latitude", "longitude")
    values = {"authority_id": authority_id, "site_id": site_id, **dict.fromkeys(names), **changes}
    try:
        changed = connection.execute(CHANGE, values)
    except IntegrityError as error:
        said = {name: changes.get(name, "") for name in ("reference", "insee_code")}
        raise refusal_of(error, **said) from error
    if changed.rowcount != 1:
        raise SiteUnknownError(site_id)


def refusal_of(error: IntegrityError, *, reference: str, insee_code: str) -> Exception:
    """Return what a violated key means."""
    if violates(error, "uq_sites_authority_id_reference"):
        return SiteReferenceTakenError(reference)
    return unless_commune_unknown(error, "sites", insee_code)
