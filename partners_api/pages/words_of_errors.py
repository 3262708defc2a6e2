"""What pages say of errors beside the API's own titles: what each status means to a person, and what to do."""

from http import HTTPStatus

from partners_api.pages.translations import said_later
from partners_api.refusals import AgentRequiredError, AuthorityUnknownError, CrossSiteRequestError, RequestTooSlowError
from rewards.errors import RewardsError
from rewards.fleet.refusals import BinMissingError, SiteMissingError
from rewards.sessions import SessionUnknownError
from rewards.shop_register import CommuneUnknownError
from rewards.sign_ins import SignInCodeRefusedError
from rewards.statistics.effect.asking import (
    SiteOnBothSidesError,
    SiteReferenceUnknownError,
    StartOutsidePeriodError,
)
from rewards.statistics.figures import FiguresTooManyError
from rewards.statistics.periods import PeriodReversedError, PeriodToComeError, PeriodTooLongError
from rewards.statistics.unit_masses import MaterialUnknownError

WORDS_OF_STATUS: dict[HTTPStatus, tuple[str, str]] = {
    HTTPStatus.BAD_REQUEST: (
        said_later("This could not be read"),
        said_later("Go back, look over what you entered, and send it again."),
    ),
    HTTPStatus.FORBIDDEN: (
        said_later("This is not for your role"),
        said_later("Ask an admin of your authority to do it, or to give you another role."),
    ),
    HTTPStatus.NOT_FOUND: (
        said_later("There is no page here"),
        said_later("The address may be old or mistyped. Begin again from the overview."),
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        said_later("This page cannot be used that way"),
        said_later("Open it from the navigation instead."),
    ),
    HTTPStatus.CONFLICT: (
        said_later("This is not possible now"),
        said_later("Somebody may have changed it meanwhile. Open the page again and look."),
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        said_later("That is too much at once"),
        said_later("Send less, or in several parts."),
    ),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        said_later("This page takes forms only"),
        said_later("Programs use the API; its documentation is at /api/docs."),
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        said_later("This cannot be answered as it was asked"),
        said_later("Change what you asked for and try again."),
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        said_later("Too often for now"),
        said_later("Wait a minute, then try again."),
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        said_later("Something went wrong on our side"),
        said_later("Nothing was changed. Try again; if it happens again, tell whoever runs Bontri here when it was."),
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        said_later("The database does not answer"),
        said_later("Nothing was changed and nothing is lost: bins keep their deposits. Try again in a moment."),
    ),
}

TITLES: dict[str, str] = {
    "audience_wrong": said_later("This sign-in is for another part of Bontri."),
    "rate_limited": said_later("Too many requests within a minute."),
    "role_insufficient": said_later("Your role may not do this."),
    "too_many_tries": said_later("There were too many tries of late."),
}
"""Said instead of the API's title, where that speaks of tokens and headers to those who write programs."""

SAID: tuple[type[RewardsError], ...] = (
    AgentRequiredError,
    AuthorityUnknownError,
    BinMissingError,
    CommuneUnknownError,
    CrossSiteRequestError,
    FiguresTooManyError,
    MaterialUnknownError,
    PeriodReversedError,
    PeriodToComeError,
    PeriodTooLongError,
    RequestTooSlowError,
    SessionUnknownError,
    SignInCodeRefusedError,
    SiteMissingError,
    SiteOnBothSidesError,
    SiteReferenceUnknownError,
    StartOutsidePeriodError,
)
"""What pages may be refused, each with the API's own title; a test wants their French."""

TO_DO: dict[str, str] = {
    "period_reversed": said_later("Swap the two days."),
    "period_to_come": said_later("Choose a period that has begun."),
    "period_too_long": said_later("Choose a shorter period, or longer steps."),
    "figures_too_many": said_later("Choose a shorter period, longer steps, larger places or one material."),
    "commune_unknown": said_later("Choose one from the list."),
    "material_unknown": said_later("Choose one from the list."),
    "site_missing": said_later("Check the reference of the site, or leave it empty."),
    "site_on_both_sides": said_later("Leave it out of one, or name the day the scheme began."),
    "site_reference_unknown": said_later("Check the references and INSEE codes; they stand apart with commas."),
    "start_outside_period": said_later("Name a day with months before and after it."),
    "sign_in_code_refused": said_later("Check the digits, or ask for a new code."),
    "authority_unknown": said_later("Check the short name; your admin knows it."),
    "cross_site_refused": said_later("Open the page here and send the form from it."),
}
"""What to do about a refusal, where its title does not say it."""

WORDS_OF_FIELDS: dict[str, str] = {
    "from": said_later("From"),
    "to": said_later("To"),
    "material": said_later("Material"),
    "insee_code": said_later("Commune"),
    "site": said_later("Site"),
    "by": said_later("Step"),
    "equipped_from": said_later("Equipped from"),
    "equipped": said_later("Equipped sites or communes"),
    "control": said_later("Control sites or communes"),
    "kilograms_from": said_later("Kilograms from"),
    "authority": said_later("Short name of the authority"),
    "email": said_later("E-mail address"),
    "code": said_later("Code"),
}
