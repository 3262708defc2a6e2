"""Budgets of campaigns: what a campaign may still add is decided in the statement that counts it.

Written only where a campaign with a budget runs. Locked before the caps, in the order of the campaigns' ids.
"""

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.ids import Id

SPENT = Columns(campaign_id="uuid", points="bigint")
SPEND = text(f"""
    UPDATE campaigns c
       SET last_granted = LEAST(c.budget_points - c.used_points, b.points),
           used_points = c.used_points + LEAST(c.budget_points - c.used_points, b.points)
      FROM (SELECT * FROM {SPENT.unnest("t")} ORDER BY campaign_id) AS b
     WHERE c.authority_id = :authority_id AND c.campaign_id = b.campaign_id
    RETURNING CAST(c.campaign_id AS text), c.last_granted
""")
GIVE_BACK = text(f"""
    UPDATE campaigns c SET used_points = c.used_points - b.points
      FROM (SELECT * FROM {SPENT.unnest("t")} ORDER BY campaign_id) AS b
     WHERE c.authority_id = :authority_id AND c.campaign_id = b.campaign_id
""")


def spend_budgets(connection: Connection, wanted: dict[Id, int], *, authority_id: int) -> dict[Id, int]:
    """Take ``wanted`` points out of the budgets of campaigns; return what each had left to give."""
    if not wanted:
        return {}
    columns = SPENT.bind(campaign_id=wanted, points=wanted.values())
    return {row[0]: int(row[1]) for row in connection.execute(SPEND, {"authority_id": authority_id, **columns}).all()}


def give_back_to_budgets(connection: Connection, points: dict[Id, int], *, authority_id: int) -> None:
    """Return what caps held back after all; needs the transaction that spent it."""
    if points:
        columns = SPENT.bind(campaign_id=points, points=points.values())
        connection.execute(GIVE_BACK, {"authority_id": authority_id, **columns})
