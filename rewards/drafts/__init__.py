"""Drafts of tariffs and campaigns: written, rehearsed on past deposits, published, and never edited after that."""

from rewards.drafts.definitions import CampaignDefinition, Definition, TariffDefinition, read_definition
from rewards.drafts.keeping import Draft, change_draft, create_draft, discard_draft, get_draft, list_drafts
from rewards.drafts.publishing import publish_draft
from rewards.drafts.refusals import (
    CampaignInThePastError,
    CampaignWithoutEndError,
    DefinitionInvalidError,
    DraftEndedError,
    DraftNotRehearsedError,
    DraftUnknownError,
    TariffGapError,
    TariffInThePastError,
    TariffOverlapError,
)

__all__ = [
    "CampaignDefinition",
    "CampaignInThePastError",
    "CampaignWithoutEndError",
    "Definition",
    "DefinitionInvalidError",
    "Draft",
    "DraftEndedError",
    "DraftNotRehearsedError",
    "DraftUnknownError",
    "TariffDefinition",
    "TariffGapError",
    "TariffInThePastError",
    "TariffOverlapError",
    "change_draft",
    "create_draft",
    "discard_draft",
    "get_draft",
    "list_drafts",
    "publish_draft",
    "read_definition",
]
