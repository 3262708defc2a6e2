"""What the API itself refuses, before the domain is asked. Statuses are in ``partners_api/errors.py``."""

from rewards.errors import RewardsError


class AuthorityUnknownError(RewardsError):
    """No authority has this name here."""

    code = "authority_unknown"


class CredentialsMissingError(RewardsError):
    """The request carries no bearer token."""

    code = "credentials_missing"


class CredentialsRefusedError(RewardsError):
    """The token is unknown, revoked or expired."""

    code = "credentials_refused"


class AudienceWrongError(RewardsError):
    """The token is good, but not for this part of the API."""

    code = "audience_wrong"


class RoleInsufficientError(RewardsError):
    """The agent or key has a role that may not do this."""

    code = "role_insufficient"


class ScopeMissingError(RewardsError):
    """The shop's key was not made for this."""

    code = "scope_missing"


class RateLimitedError(RewardsError):
    """Too many requests within a minute; Retry-After says when the next one is answered."""

    code = "rate_limited"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"{retry_after_s} s")
        self.retry_after_s = retry_after_s


class RequestTooSlowError(RewardsError):
    """The request took longer than requests may; nothing was changed."""

    code = "request_too_slow"


class RequestInFlightError(RewardsError):
    """A request with the same Idempotency-Key is being answered; ask again in a moment."""

    code = "request_in_flight"


class AgentRequiredError(RewardsError):
    """A person must do this, signed in; a program's key does not do."""

    code = "agent_required"


class CrossSiteRequestError(RewardsError):
    """A browser sent this from another site than this one."""

    code = "cross_site_refused"
