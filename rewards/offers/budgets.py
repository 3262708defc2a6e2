"""Budgets of funders: what vouchers may cost whoever pays for them in a year, decided where a voucher is issued.

A voucher counts in the year of the authority's calendar in which it was bought. Its value is committed as it is issued,
and given back when it is cancelled, expires or is taken back. Funders without a budget cost no statement.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from rewards.errors import OperatorRefusedError, RewardsError, violates
from rewards.funders import FunderUnknownError
from rewards.offers.reading import Offer
from rewards.offers.refusals import FunderBudgetSpentError
from rewards.territory import get_timezone

SPEND = text("""
    UPDATE funder_budgets SET committed_cents = committed_cents + :value_cents
     WHERE authority_id = :authority_id AND funder_id = :funder_id AND year = :year
       AND committed_cents + :value_cents <= budget_cents
""")
GIVE_BACK = text("""
    UPDATE funder_budgets b SET committed_cents = b.committed_cents - v.value_cents
      FROM (SELECT funder_id, budget_year, sum(value_cents) AS value_cents FROM vouchers
             WHERE authority_id = :authority_id AND voucher_id = ANY(CAST(:voucher_ids AS uuid[]))
               AND budget_year IS NOT NULL
             GROUP BY funder_id, budget_year ORDER BY funder_id, budget_year) AS v
     WHERE b.authority_id = :authority_id AND b.funder_id = v.funder_id AND b.year = v.budget_year
""")
CHANGE = text("""
    INSERT INTO funder_budgets (authority_id, funder_id, year, budget_cents)
    VALUES (:authority_id, :funder_id, :year, :budget_cents)
    ON CONFLICT (authority_id, funder_id, year) DO UPDATE SET budget_cents = excluded.budget_cents
          WHERE NOT :is_seen OR funder_budgets.budget_cents = CAST(:seen_cents AS bigint)
""")
GET = text("""
    SELECT f.funder_id, CAST(:year AS integer) AS year, b.budget_cents FROM funders f
      LEFT JOIN funder_budgets b ON b.authority_id = f.authority_id AND b.funder_id = f.funder_id AND b.year = :year
     WHERE f.authority_id = :authority_id AND f.funder_id = :funder_id
""")
WITHOUT_A_BUDGET = """
    funder_id = :funder_id AND budget_year IS NULL
    AND status IN ('issued', 'redeemed') AND issued_at >= :since AND issued_at < :until
"""
# Before the budget, as whoever ends vouchers does: the other way round the two met in a deadlock.
LOCK_ADOPTED = text(f"""
    SELECT voucher_id FROM vouchers
     WHERE authority_id = :authority_id AND {WITHOUT_A_BUDGET}
     ORDER BY voucher_id FOR UPDATE
""")
ADOPT = text(f"""
    UPDATE vouchers SET budget_year = :year
     WHERE authority_id = :authority_id AND {WITHOUT_A_BUDGET}
    RETURNING value_cents
""")
COMMIT_ADOPTED = text("""
    UPDATE funder_budgets SET committed_cents = committed_cents + :value_cents
     WHERE authority_id = :authority_id AND funder_id = :funder_id AND year = :year
""")
LIST = text("""
    SELECT f.funder_id, f.kind, f.name, b.year, b.budget_cents, b.committed_cents,
           CASE WHEN b.year IS NOT NULL
                THEN (SELECT coalesce(sum(v.value_cents), 0) FROM vouchers v
                       WHERE v.authority_id = :authority_id AND v.funder_id = b.funder_id AND v.budget_year = b.year
                         AND v.status = 'redeemed') END AS redeemed_cents
      FROM funders f
      LEFT JOIN funder_budgets b ON b.authority_id = f.authority_id AND b.funder_id = f.funder_id
     WHERE f.authority_id = :authority_id
       AND (CAST(:after_name AS text) IS NULL
            OR (f.name, f.funder_id, -coalesce(b.year, 0)) > (:after_name, CAST(:after_id AS uuid), -:after_year))
     ORDER BY f.name, f.funder_id, -coalesce(b.year, 0) LIMIT :limit
""")


class BudgetBelowCommittedError(OperatorRefusedError):
    """Vouchers that are out or redeemed have cost more than the new budget."""

    code = "budget_below_committed"

    def __init__(self, budget_cents: int) -> None:
        super().__init__(f"vouchers bought in that year cost more than {budget_cents} cents: see bontri budgets list")


class BudgetChangedError(RewardsError):
    """Somebody else has changed the budget since it was looked at."""

    code = "budget_changed"


@dataclass(frozen=True, slots=True)
class YearBudget:
    """What a funder gives in a year; ``budget_cents`` None: no budget bounds it."""

    funder_id: UUID
    year: int
    budget_cents: int | None


@dataclass(frozen=True, slots=True)
class FunderBudget:
    """A funder and its budget of a year; the last four are None where it has none.

    ``committed_cents`` is the value of vouchers that are out or redeemed, ``redeemed_cents`` of the latter alone.
    """

    funder_id: UUID
    kind: str
    name: str
    year: int | None
    budget_cents: int | None
    committed_cents: int | None
    redeemed_cents: int | None


def spend_budget(connection: Connection, offer: Offer, *, authority_id: int) -> None:
    """Commit the value of one voucher to the budget of its offer's funder, where it has one.

    Raises:
        FunderBudgetSpentError: less is left.
    """
    if offer.budget_year is None:
        return
    facts = {"funder_id": offer.funder_id, "year": offer.budget_year, "value_cents": offer.value_cents}
    if connection.execute(SPEND, {"authority_id": authority_id, **facts}).rowcount != 1:
        raise FunderBudgetSpentError


def give_back_to_budgets(connection: Connection, voucher_ids: Collection[UUID], *, authority_id: int) -> None:
    """Give back what vouchers that were cancelled, expired or taken back had committed."""
    connection.execute(GIVE_BACK, {"authority_id": authority_id, "voucher_ids": list(voucher_ids)})


def get_budget(connection: Connection, funder_id: UUID, *, authority_id: int, year: int) -> YearBudget:
    """Return what a funder gives in a year.

    Raises:
        FunderUnknownError: the authority has no such funder.
    """
    row = connection.execute(GET, {"authority_id": authority_id, "funder_id": funder_id, "year": year}).one_or_none()
    if row is None:
        raise FunderUnknownError(str(funder_id))
    return YearBudget(*row)


def change_budget(
    connection: Connection,
    funder_id: UUID,
    *,
    authority_id: int,
    year: int,
    budget_cents: int,
    seen: YearBudget | None = None,
) -> None:
    """Give a funder a budget for a year, or another one; vouchers bought in that year before count in it.

    What is being bought in the very moment a first budget is given may be missed; giving it again counts that too.
    With ``seen`` only if nobody has changed since what was seen then.

    Raises:
        BudgetChangedError: somebody has; the transaction must be rolled back.
        BudgetBelowCommittedError: more is out or redeemed; the transaction must be rolled back.
    """
    timezone = get_timezone(connection, authority_id=authority_id)
    values = {
        "authority_id": authority_id,
        "funder_id": funder_id,
        "year": year,
        "budget_cents": budget_cents,
        "since": datetime.datetime(year, 1, 1, tzinfo=timezone),
        "until": datetime.datetime(year + 1, 1, 1, tzinfo=timezone),
        "is_seen": seen is not None,
        "seen_cents": seen and seen.budget_cents,
    }
    try:
        connection.execute(LOCK_ADOPTED, values)
        if connection.execute(CHANGE, values).rowcount != 1:
            raise BudgetChangedError
        adopted = sum(connection.scalars(ADOPT, values))
        connection.execute(COMMIT_ADOPTED, {**values, "value_cents": adopted})
    except IntegrityError as error:
        if violates(error, "ck_funder_budgets_committed_within_budget"):
            raise BudgetBelowCommittedError(budget_cents) from error
        raise


def list_budgets(
    connection: Connection,
    *,
    authority_id: int,
    after: tuple[str, UUID, int] | None = None,
    limit: int | None = None,
) -> list[FunderBudget]:
    """List every funder by name, with its budgets, newest first, behind the (name, id, year or 0) of ``after``."""
    name, funder_id, year = after or (None, None, 0)
    values = {"authority_id": authority_id, "limit": limit, "after_name": name}
    rows = connection.execute(LIST, {**values, "after_id": funder_id, "after_year": year})
    return [FunderBudget(*row) for row in rows]
