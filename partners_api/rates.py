"""How often somebody may call: so many requests a minute for each caller, and for each address where nobody signs in.

Counted in the memory of each process, which grants its share of what the installation allows: a counter in the
database would cost a write a request. All windows begin together, so that what was counted is thrown away whole and
never looked through. Why not a library, and what two windows side by side let through: docs/decisions/0041-rates.md.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from flask import Flask, Response, current_app, g, request

from partners_api.networks import network_of
from partners_api.refusals import RateLimitedError
from partners_api.services import now
from rewards.access import Audience, Operator, Principal

Policy = Literal["public"] | Audience
"""Whose limit it is: that of an audience, or of an address where nobody says who calls."""

EXTENSION = "bontri_rates"
WINDOW_S = 60
MOST_CALLERS = 100_000
"""Counted apart in one window; those that come after share one counter, so that addresses cannot fill the memory."""

OTHERS = "others"
Caller = tuple[str, object]


@dataclass(frozen=True, slots=True)
class Spent:
    """What a caller has left in this window, and the seconds until the next one; below 0 it is refused."""

    policy: str
    remaining: int
    reset_s: int


@dataclass(slots=True)
class Rates:
    """Counts requests of this process; ``quotas`` are requests a minute by policy, 0 or none sets no limit."""

    quotas: Mapping[str, int]
    _window: int = 0
    _counts: dict[Caller, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def spend(self, policy: Policy, caller: object, now_s: float) -> Spent | None:
        """Count a request; return what is left, None where there is no limit."""
        quota = self.quotas.get(policy, 0)
        if not quota:
            return None
        window, passed_s = divmod(int(now_s), WINDOW_S)
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            key = (policy, caller)
            if key not in self._counts and len(self._counts) >= MOST_CALLERS:
                key = (policy, OTHERS)
            count = self._counts.get(key, 0) + 1
            self._counts[key] = count
        return Spent(policy, quota - count, WINDOW_S - passed_s)


def share_out(quotas: Mapping[str, int], workers: int) -> dict[str, int]:
    """Return what each of several processes grants, rounded up: together a little more, never less."""
    return {policy: -(-quota // workers) for policy, quota in quotas.items()}


def limit_rates(app: Flask, quotas: Mapping[str, int]) -> None:
    """Have ``app`` count its callers, and tell each in every answer what is left."""
    app.extensions[EXTENSION] = Rates(dict(quotas))
    policies = {policy: f'"{policy}";q={quota};w={WINDOW_S}' for policy, quota in quotas.items()}

    @app.after_request
    def tell(answer: Response) -> Response:
        spent: Spent | None = g.get("spent")
        if spent is not None:
            answer.headers["RateLimit-Policy"] = policies[spent.policy]
            answer.headers["RateLimit"] = f'"{spent.policy}";r={max(0, spent.remaining)};t={spent.reset_s}'
        return answer


def spend_of_caller(principal: Principal | Operator) -> None:
    """Count a request of somebody who signed in: of a citizen or agent all sessions together, of a till its key.

    Raises:
        RateLimitedError: the caller has no request left in this window.
    """
    if isinstance(principal, Operator):
        spend("operator", principal.credential_id)
    elif principal.audience == "shop":
        spend("shop", principal.credential_id)
    else:
        spend(principal.audience, principal.subject_id)


def spend_of_address() -> None:
    """Count a request of nobody in particular, by where it comes from.

    Raises:
        RateLimitedError: the address has no request left in this window.
    """
    spend("public", network_of(request.remote_addr or ""))


def spend(policy: Policy, caller: object) -> None:
    """Count a request, and refuse it when it is one too many."""
    rates: Rates = current_app.extensions[EXTENSION]
    g.spent = spent = rates.spend(policy, caller, now().timestamp())
    if spent is not None and spent.remaining < 0:
        raise RateLimitedError(spent.reset_s)
