"""Keeping drafts: made, changed, discarded, listed. Every change needs another rehearsal."""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select, text

from rewards.drafts.definitions import (
    CampaignDefinition,
    Definition,
    Kind,
    TariffDefinition,
    check_names,
    read_definition,
)
from rewards.drafts.refusals import DefinitionInvalidError, DraftEndedError, DraftUnknownError, TariffGapError
from rewards.ids import new_id
from rewards.schema.drafts import Draft as DraftRow
from rewards.schema.territory import Commune, Material, Site

CHANGE = text("""
    UPDATE drafts SET name = :name, definition = CAST(:definition AS jsonb), state = 'draft', version = version + 1,
           changed_by = :changed_by, changed_at = :now, rehearsed_at = NULL
     WHERE authority_id = :authority_id AND draft_id = :draft_id AND state IN ('draft', 'rehearsed')
""")
DISCARD = text("""
    UPDATE drafts SET state = 'discarded'
     WHERE authority_id = :authority_id AND draft_id = :draft_id AND state IN ('draft', 'rehearsed')
""")
NOTE_REHEARSED = text("""
    UPDATE drafts SET state = 'rehearsed', rehearsed_at = :now
     WHERE authority_id = :authority_id AND draft_id = :draft_id AND version = :version
       AND state IN ('draft', 'rehearsed')
""")


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as its authors see it; ``definition`` is the plain data it was made from."""

    draft_id: UUID
    kind: Kind
    name: str
    definition: Mapping[str, Any]
    state: str
    version: int
    changed_by: str
    changed_at: datetime.datetime
    rehearsed_at: datetime.datetime | None
    published_by: str | None
    published_at: datetime.datetime | None
    published_id: UUID | None

    def read(self) -> Definition:
        """Return what the draft says."""
        return read_definition(self.kind, self.definition)


COLUMNS = [getattr(DraftRow, name) for name in Draft.__slots__]


def create_draft(
    connection: Connection,
    kind: Kind,
    definition: Mapping[str, Any],
    *,
    authority_id: int,
    made_by: str,
    now: datetime.datetime,
) -> UUID:
    """Keep a new draft and return its id.

    Raises:
        DefinitionInvalidError, CampaignWithoutEndError, TariffGapError: as :func:`check_definition`.
    """
    read = check_definition(connection, kind, definition, authority_id=authority_id)
    draft_id = new_id()
    connection.execute(
        insert(DraftRow).values(
            authority_id=authority_id,
            draft_id=draft_id,
            kind=kind,
            name=read.name,
            definition=as_json(definition),
            state="draft",
            version=1,
            changed_by=made_by,
            changed_at=now,
        )
    )
    return draft_id


def change_draft(
    connection: Connection,
    draft_id: UUID,
    definition: Mapping[str, Any],
    *,
    authority_id: int,
    changed_by: str,
    now: datetime.datetime,
) -> None:
    """Replace what a draft says; it must be rehearsed again.

    Raises:
        DraftUnknownError, DraftEndedError: there is nothing to change.
        DefinitionInvalidError, CampaignWithoutEndError, TariffGapError: as :func:`check_definition`.
    """
    draft = get_draft(connection, draft_id, authority_id=authority_id)
    read = check_definition(connection, draft.kind, definition, authority_id=authority_id)
    values = {
        "authority_id": authority_id,
        "draft_id": draft_id,
        "name": read.name,
        "definition": json.dumps(as_json(definition)),
        "changed_by": changed_by,
        "now": now,
    }
    if connection.execute(CHANGE, values).rowcount != 1:
        raise DraftEndedError(draft_id, get_draft(connection, draft_id, authority_id=authority_id).state)


def discard_draft(connection: Connection, draft_id: UUID, *, authority_id: int) -> None:
    """Give a draft up; raises ``DraftUnknownError`` or ``DraftEndedError`` when there is nothing to give up."""
    values = {"authority_id": authority_id, "draft_id": draft_id}
    if connection.execute(DISCARD, values).rowcount != 1:
        raise DraftEndedError(draft_id, get_draft(connection, draft_id, authority_id=authority_id).state)


def note_rehearsed(connection: Connection, draft: Draft, *, authority_id: int, now: datetime.datetime) -> bool:
    """Note that a draft was rehearsed as it is; False when it was changed or has ended meanwhile."""
    values = {"authority_id": authority_id, "draft_id": draft.draft_id, "version": draft.version, "now": now}
    return connection.execute(NOTE_REHEARSED, values).rowcount == 1


def get_draft(connection: Connection, draft_id: UUID, *, authority_id: int, is_to_change: bool = False) -> Draft:
    """Return a draft, which stays as it is until the transaction ends when it is to be changed.

    Raises:
        DraftUnknownError: the authority has no such draft.
    """
    wanted = select(*COLUMNS).where(DraftRow.authority_id == authority_id, DraftRow.draft_id == draft_id)
    row = connection.execute(wanted.with_for_update() if is_to_change else wanted).one_or_none()
    if row is None:
        raise DraftUnknownError(draft_id)
    return Draft(*row)


def list_drafts(
    connection: Connection,
    kind: Kind | None,
    *,
    authority_id: int,
    with_ended: bool = False,
    after: tuple[UUID] | None = None,
    limit: int | None = None,
) -> list[Draft]:
    """List the drafts of a kind or of both, newest first, behind the id of ``after``: those still worked on, or all."""
    wanted = select(*COLUMNS).where(DraftRow.authority_id == authority_id)
    if kind is not None:
        wanted = wanted.where(DraftRow.kind == kind)
    if after is not None:
        wanted = wanted.where(DraftRow.draft_id < after[0])
    if not with_ended:
        wanted = wanted.where(DraftRow.state.in_(("draft", "rehearsed")))
    return [Draft(*row) for row in connection.execute(wanted.order_by(DraftRow.draft_id.desc()).limit(limit))]


def check_definition(
    connection: Connection, kind: Kind, definition: Mapping[str, Any], *, authority_id: int
) -> Definition:
    """Read a definition and compare the names in it with what the authority has.

    Raises:
        DefinitionInvalidError: something is missing, unknown or out of bounds.
        CampaignWithoutEndError: a campaign does not say until when.
        TariffGapError: a material has no line.
    """
    read = read_definition(kind, definition)
    materials = set(connection.scalars(select(Material.material).where(Material.authority_id == authority_id)))
    if isinstance(read, TariffDefinition):
        faults = check_names("material", read.lines, materials)
        missing = sorted(materials - read.lines.keys())
        if missing and not faults:
            raise TariffGapError(missing)
    else:
        faults = check_campaign_names(connection, read, materials, authority_id=authority_id)
    if faults:
        raise DefinitionInvalidError(faults)
    return read


def check_campaign_names(
    connection: Connection, campaign: CampaignDefinition, materials: set[str], *, authority_id: int
) -> list[str]:
    """List a fault for every material, site and commune a campaign names that the authority does not have."""
    sites = connection.scalars(select(Site.reference).where(Site.authority_id == authority_id))
    communes = connection.scalars(select(Commune.insee_code).where(Commune.authority_id == authority_id))
    return [
        *check_names("material", campaign.materials, materials),
        *check_names("site", campaign.sites, set(sites)),
        *check_names("commune", campaign.communes, set(communes)),
    ]


def as_json(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain data with dates and times written out, as JSON can hold them."""
    written: dict[str, Any] = json.loads(json.dumps(definition, default=lambda value: value.isoformat()))
    return written
