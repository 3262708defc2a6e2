"""Why a draft is refused; each code is explained in ``docs/operators.md``."""

import datetime
from collections.abc import Sequence
from uuid import UUID

from rewards.errors import OperatorRefusedError


class DraftUnknownError(OperatorRefusedError):
    """The authority has no such draft."""

    code = "draft_unknown"

    def __init__(self, draft_id: UUID) -> None:
        super().__init__(f"there is no draft {draft_id}: list the drafts")


class DraftEndedError(OperatorRefusedError):
    """It was published or discarded, and is never edited after that."""

    code = "draft_ended"

    def __init__(self, draft_id: UUID, state: str) -> None:
        super().__init__(f"draft {draft_id} is {state}: make a new one")


class DraftNotRehearsedError(OperatorRefusedError):
    """It was not rehearsed since its last change."""

    code = "draft_not_rehearsed"

    def __init__(self, draft_id: UUID) -> None:
        super().__init__(f"draft {draft_id} was not rehearsed since its last change: rehearse it first")


class DefinitionInvalidError(OperatorRefusedError):
    """Something in the definition is missing, unknown or out of bounds; every fault is named."""

    code = "definition_invalid"

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)


class TariffGapError(OperatorRefusedError):
    """A material of the authority has no line: its deposits would go to quarantine."""

    code = "tariff_gap"

    def __init__(self, materials: Sequence[str]) -> None:
        super().__init__(
            f"no line for {', '.join(materials)}: give each material a line, with 0 points if it earns nothing"
        )


class TariffOverlapError(OperatorRefusedError):
    """Another tariff comes into force at the same instant."""

    code = "tariff_overlap"

    def __init__(self, valid_from: datetime.datetime) -> None:
        super().__init__(f"another tariff comes into force at {valid_from.isoformat()}: choose another instant")


class TariffInThePastError(OperatorRefusedError):
    """A tariff cannot come into force before it is published: deposits were credited by another."""

    code = "tariff_in_the_past"

    def __init__(self, valid_from: datetime.datetime) -> None:
        super().__init__(f"{valid_from.isoformat()} is over: choose an instant to come")


class CampaignWithoutEndError(OperatorRefusedError):
    """A campaign needs an end."""

    code = "campaign_without_end"

    def __init__(self) -> None:
        super().__init__("a campaign needs an end: say until when")


class CampaignInThePastError(OperatorRefusedError):
    """A campaign cannot begin before it is published: deposits were credited without it."""

    code = "campaign_in_the_past"

    def __init__(self, valid_from: datetime.datetime) -> None:
        super().__init__(f"{valid_from.isoformat()} is over: let it begin later")
