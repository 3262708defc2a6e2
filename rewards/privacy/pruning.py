"""What is removed with time: answers, codes, sessions, counts. Each by its own rule, a batch at a time.

Idempotency keys of redemptions are a column of the voucher and stay for ever. What is removed here nobody asks for
again; nothing of it says how many points there are.
"""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, TextClause, text

MOST_AT_ONCE = 1000
DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of a table go when ``ended``, an expression of its columns, is ``kept_for`` ago."""

    table: str
    key: tuple[str, ...]
    ended: str
    kept_for: datetime.timedelta

    @property
    def statement(self) -> TextClause:
        """Return the statement that removes a batch.

        In the order of the key: of two runs at once the second waits, and finds less.
        """
        names = ", ".join(self.key)
        same = " AND ".join(f"t.{name} = due.{name}" for name in self.key)
        return text(f"""
            WITH due AS MATERIALIZED (
                SELECT {names} FROM {self.table}
                 WHERE authority_id = :authority_id AND {self.ended} < :before
                 ORDER BY {names} LIMIT :limit)
            DELETE FROM {self.table} t USING due WHERE t.authority_id = :authority_id AND {same}
        """)


RULES = (
    Rule("idempotent_requests", ("principal_id", "idempotency_key"), "created_at", 35 * DAY),
    Rule("sign_in_codes", ("sign_in_id",), "expires_at", DAY),
    Rule("sessions", ("session_id",), "least(revoked_at, expires_at, idle_until)", 90 * DAY),
    Rule("wallet_invitations", ("wallet_id",), "expires_at", DAY),
    Rule("short_codes", ("voucher_id",), "expires_at", DAY),
    Rule("invitation_tries", ("citizen_id",), "window_ends_at", DAY),
    Rule("short_code_tries", ("shop_id",), "window_ends_at", DAY),
    Rule("card_tries", ("shop_id",), "window_ends_at", DAY),
    Rule("expiry_warnings", ("wallet_id", "expires_on"), "expires_on", 35 * DAY),
    Rule("erasure_requests", ("citizen_id",), "taken_back_at", 35 * DAY),
    # A deposit that a bin held back so long finds a fresh cap of its day.
    Rule("cap_usages", ("citizen_id", "period", "starts_on"), "starts_on", 400 * DAY),
)
STATEMENTS = {rule.table: rule.statement for rule in RULES}


def prune(
    connection: Connection, rule: Rule, *, authority_id: int, now: datetime.datetime, limit: int = MOST_AT_ONCE
) -> int:
    """Remove up to ``limit`` rows that are due by a rule; return how many. Call until it returns 0, committing each.

    Safe to run twice and at once: what another run removes is counted there, and that run goes on.
    """
    values = {"authority_id": authority_id, "before": now - rule.kept_for, "limit": limit}
    return connection.execute(STATEMENTS[rule.table], values).rowcount
