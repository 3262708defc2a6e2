"""Who may do what on the broker, the operators' or the embedded one. The topics are those of docs/bin-protocol.md."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

BrokerRole = Literal["bin", "worker", "fleet", "health"]

HEALTH_TOPIC = "bontri/health"

# No separator of the password file (:) and no MQTT wildcard or level, which would widen a pattern of the ACL.
_USERNAME = re.compile(r"[A-Za-z0-9-][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class BrokerAccount:
    """One username of a broker.

    Roles: `bin` writes below its own `up/` and reads below its own `down/`; `worker` reads every `up/` and writes
    every `down/`; `fleet` is a test publisher in place of many bins; `health` has one topic of its own.
    """

    username: str
    password: str = field(repr=False)
    role: BrokerRole

    def __post_init__(self) -> None:
        if not _USERNAME.fullmatch(self.username):
            raise ValueError(f"{self.username!r} cannot be a broker username")
        if not self.password or not self.password.isprintable():
            raise ValueError(f"the password of {self.username} is empty or not printable")


def require_distinct_usernames(accounts: Sequence[BrokerAccount]) -> None:
    """Raise ValueError when a username occurs twice: brokers take the first or the last, without a word."""
    seen: set[str] = set()
    for account in accounts:
        if account.username in seen:
            raise ValueError(f"the broker username {account.username} occurs twice")
        seen.add(account.username)
