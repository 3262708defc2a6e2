"""Statuses of what agents and operators' commands are refused alike; ``docs/errors.md`` explains each code."""

from http import HTTPStatus

from rewards.authorities import AuthorityTakenError
from rewards.campaigns import CampaignUnknownError
from rewards.causes import CauseMissingError, CauseNumberError, CauseStateError
from rewards.corrections import (
    CorrectionDecidedError,
    CorrectionUnknownError,
    ExpiredPointsCorrectedError,
    LotWithoutWalletError,
    SecondPersonRequiredError,
    TransferAlreadyCorrectedError,
    TransferInReviewError,
    TransferNotCorrectableError,
    TransferNotReinstatableError,
    TransferUnknownError,
)
from rewards.drafts import (
    CampaignInThePastError,
    DefinitionInvalidError,
    DraftEndedError,
    DraftNotRehearsedError,
    DraftUnknownError,
    TariffGapError,
    TariffInThePastError,
    TariffOverlapError,
)
from rewards.errors import RewardsError
from rewards.fleet.refusals import (
    AlarmMissingError,
    BinAlreadyThereError,
    BinMissingError,
    BinNeverHeardError,
    BinRevokedError,
    BinStateUnchangedError,
    BinTakenError,
    KeyIsLastError,
    KeyMissingError,
    KeysTooManyError,
    PlacementOverlapsError,
    SiteMissingError,
)
from rewards.funders import FunderUnknownError
from rewards.goals import GoalMissingError, GoalStateError
from rewards.jobs import JobUnknownError
from rewards.offers import BudgetBelowCommittedError, BudgetChangedError
from rewards.quarantine import MessageMissingError
from rewards.rehearsal import RehearsalTooLargeError
from rewards.reviews import ReviewDecidedError, ReviewUnknownError
from rewards.settlement import (
    MonthNotOverError,
    NothingDueError,
    PaymentDateError,
    ShopUnknownError,
    StatementLockedError,
    StatementStateError,
    StatementUnknownError,
)
from rewards.shop_register import CommuneUnknownError
from rewards.sites import SiteReferenceTakenError, SiteUnknownError
from rewards.statistics.effect.asking import (
    SiteOnBothSidesError,
    SiteReferenceUnknownError,
    StartOutsidePeriodError,
)
from rewards.statistics.unit_masses import MaterialUnknownError
from rewards.tariffs import TariffUnknownError

STATUS_OF_WORK: dict[type[RewardsError], HTTPStatus] = {
    MessageMissingError: HTTPStatus.NOT_FOUND,
    KeysTooManyError: HTTPStatus.CONFLICT,
    KeyMissingError: HTTPStatus.NOT_FOUND,
    KeyIsLastError: HTTPStatus.CONFLICT,
    JobUnknownError: HTTPStatus.NOT_FOUND,
    BinTakenError: HTTPStatus.CONFLICT,
    BinStateUnchangedError: HTTPStatus.CONFLICT,
    BinNeverHeardError: HTTPStatus.CONFLICT,
    AuthorityTakenError: HTTPStatus.CONFLICT,
    AlarmMissingError: HTTPStatus.NOT_FOUND,
    BinAlreadyThereError: HTTPStatus.CONFLICT,
    BinMissingError: HTTPStatus.NOT_FOUND,
    BinRevokedError: HTTPStatus.CONFLICT,
    BudgetBelowCommittedError: HTTPStatus.CONFLICT,
    BudgetChangedError: HTTPStatus.PRECONDITION_FAILED,
    CampaignInThePastError: HTTPStatus.CONFLICT,
    CampaignUnknownError: HTTPStatus.NOT_FOUND,
    CauseMissingError: HTTPStatus.NOT_FOUND,
    CauseNumberError: HTTPStatus.UNPROCESSABLE_ENTITY,
    CauseStateError: HTTPStatus.CONFLICT,
    CommuneUnknownError: HTTPStatus.NOT_FOUND,
    MaterialUnknownError: HTTPStatus.NOT_FOUND,
    CorrectionDecidedError: HTTPStatus.CONFLICT,
    CorrectionUnknownError: HTTPStatus.NOT_FOUND,
    DefinitionInvalidError: HTTPStatus.UNPROCESSABLE_ENTITY,
    DraftEndedError: HTTPStatus.CONFLICT,
    DraftNotRehearsedError: HTTPStatus.CONFLICT,
    DraftUnknownError: HTTPStatus.NOT_FOUND,
    ExpiredPointsCorrectedError: HTTPStatus.CONFLICT,
    FunderUnknownError: HTTPStatus.NOT_FOUND,
    GoalMissingError: HTTPStatus.NOT_FOUND,
    GoalStateError: HTTPStatus.CONFLICT,
    LotWithoutWalletError: HTTPStatus.CONFLICT,
    MonthNotOverError: HTTPStatus.CONFLICT,
    NothingDueError: HTTPStatus.CONFLICT,
    PaymentDateError: HTTPStatus.CONFLICT,
    PlacementOverlapsError: HTTPStatus.CONFLICT,
    RehearsalTooLargeError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ReviewDecidedError: HTTPStatus.CONFLICT,
    ReviewUnknownError: HTTPStatus.NOT_FOUND,
    SecondPersonRequiredError: HTTPStatus.FORBIDDEN,
    ShopUnknownError: HTTPStatus.NOT_FOUND,
    SiteMissingError: HTTPStatus.NOT_FOUND,
    SiteOnBothSidesError: HTTPStatus.UNPROCESSABLE_ENTITY,
    SiteReferenceTakenError: HTTPStatus.CONFLICT,
    SiteReferenceUnknownError: HTTPStatus.NOT_FOUND,
    SiteUnknownError: HTTPStatus.NOT_FOUND,
    StartOutsidePeriodError: HTTPStatus.UNPROCESSABLE_ENTITY,
    StatementLockedError: HTTPStatus.CONFLICT,
    StatementStateError: HTTPStatus.CONFLICT,
    StatementUnknownError: HTTPStatus.NOT_FOUND,
    TariffGapError: HTTPStatus.UNPROCESSABLE_ENTITY,
    TariffInThePastError: HTTPStatus.CONFLICT,
    TariffOverlapError: HTTPStatus.CONFLICT,
    TariffUnknownError: HTTPStatus.NOT_FOUND,
    TransferAlreadyCorrectedError: HTTPStatus.CONFLICT,
    TransferInReviewError: HTTPStatus.CONFLICT,
    TransferNotCorrectableError: HTTPStatus.CONFLICT,
    TransferNotReinstatableError: HTTPStatus.CONFLICT,
    TransferUnknownError: HTTPStatus.NOT_FOUND,
}
