"""Offers count what they sold without a stock too; what was sold before there was one counts from now on.

An offer that has sold more than its stock, since that was given later, has what it sold as its stock.

Revision ID: 0030
Revises: 0029
"""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.execute("""
        UPDATE offers o
           SET sold = v.vouchers, stock = CASE WHEN o.stock IS NOT NULL THEN greatest(o.stock, v.vouchers) END
          FROM (SELECT f.authority_id, f.offer_id, count(s.voucher_id) AS vouchers
                  FROM offers f
                  LEFT JOIN vouchers s ON s.authority_id = f.authority_id AND s.offer_id = f.offer_id
                                      AND s.status IN ('issued', 'redeemed')
                 GROUP BY f.authority_id, f.offer_id) AS v
         WHERE o.authority_id = v.authority_id AND o.offer_id = v.offer_id AND o.sold <> v.vouchers
    """)


def downgrade() -> None:
    """Leave the counts: before, they were looked at only where there is a stock, and there they are right."""
