"""What shops were paid in a year by whom; a funder with few customers is told only together with others."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.statistics.disclosure.threshold import FEWEST_HOLDERS

# Whose a voucher was follows from the lots that paid it; a link that retention cut is nobody, which withholds more.
SUM = text("""
    SELECT l.funder_kind, l.funder_name AS name, CAST(sum(l.payable_cents) AS bigint) AS payable_cents,
           CAST(sum(l.value_cents) AS bigint) AS value_cents,
           (SELECT count(DISTINCT coalesce(o.merged_into, o.wallet_id))
              FROM settlement_lines k
              JOIN settlements s ON s.authority_id = k.authority_id AND s.settlement_id = k.settlement_id
              JOIN transfers t ON t.authority_id = k.authority_id AND t.voucher_id = k.voucher_id
                              AND t.phase = 'pending'
              JOIN wallet_accounts w ON w.authority_id = t.authority_id AND w.account_id = t.debit_account_id
              JOIN wallets o ON o.authority_id = w.authority_id AND o.wallet_id = w.wallet_id
             WHERE k.authority_id = :authority_id AND k.funder_id = l.funder_id
               AND s.month BETWEEN :first_day AND :last_day) AS holders
      FROM settlements t
      JOIN settlement_lines l ON l.authority_id = t.authority_id AND l.settlement_id = t.settlement_id
     WHERE t.authority_id = :authority_id AND t.month BETWEEN :first_day AND :last_day
     GROUP BY l.funder_id, l.funder_kind, l.funder_name
     ORDER BY payable_cents DESC, name
""")


@dataclass(frozen=True, slots=True)
class FunderOfYear:
    """What a funder's vouchers come to in the locked statements of a year, and of how many holders they were."""

    funder_kind: str
    name: str
    payable_cents: int
    value_cents: int
    holders: int


@dataclass(frozen=True, slots=True)
class Paid:
    """What one funder paid, or ``funders`` together whose names are not told apart."""

    funder_kind: str | None
    name: str | None
    payable_cents: int
    value_cents: int
    funders: int = 1


def list_funders(connection: Connection, year: int, *, authority_id: int) -> list[FunderOfYear]:
    """List what funders' vouchers come to in the locked statements of a year; of agents, not yet for the public."""
    days = {"first_day": datetime.date(year, 1, 1), "last_day": datetime.date(year, 12, 31)}
    return [FunderOfYear(*row) for row in connection.execute(SUM, {"authority_id": authority_id, **days})]


def pool_small(funders: Sequence[FunderOfYear]) -> tuple[Paid, ...]:
    """Return what may be told: who has few holders is added to the smallest other that has enough of them.

    At least eleven holders stand behind each amount then, and behind whatever two of them differ by. Nothing is told
    where nobody has enough.
    """
    small = [each for each in funders if each.holders < FEWEST_HOLDERS]
    enough = sorted((each for each in funders if each.holders >= FEWEST_HOLDERS), key=lambda each: each.payable_cents)
    if not enough:
        return ()
    pooled = [enough[0], *small]
    alone = [each for each in funders if each.holders >= FEWEST_HOLDERS and (not small or each is not enough[0])]
    told = [Paid(each.funder_kind, each.name, each.payable_cents, each.value_cents) for each in alone]
    if small:
        told.append(
            Paid(
                None,
                None,
                sum(each.payable_cents for each in pooled),
                sum(each.value_cents for each in pooled),
                len(pooled),
            )
        )
    return tuple(told)
