"""A town whose shops redeem vouchers, and whoever locks their statements; as the roles at work would do it."""

import datetime
from typing import Any
from uuid import UUID

from rewards.settlement import Statement, find_statement, lock_statement
from rewards.vouchers import issue_voucher, redeem_voucher, reverse_redemption
from tests.integration.test_offers import Scene

NOVEMBER, DECEMBER = datetime.date(2026, 11, 1), datetime.date(2026, 12, 1)
IN_NOVEMBER = datetime.datetime(2026, 11, 21, 11, 0, tzinfo=datetime.UTC)
IN_DECEMBER = datetime.datetime(2026, 12, 5, 9, 0, tzinfo=datetime.UTC)
IN_JANUARY = datetime.datetime(2027, 1, 5, 9, 0, tzinfo=datetime.UTC)


class SettlementScene(Scene):
    """The scene of offers, and settlement."""

    def spend(self, offer_id: UUID, *, at: datetime.datetime = IN_NOVEMBER, shop_id: UUID | None = None) -> UUID:
        """Buy a voucher and redeem it at once."""
        with self.database.engine("bontri_api").begin() as connection:
            tenant: dict[str, Any] = {"authority_id": 7, "now": at}
            voucher_id = issue_voucher(
                connection, self.keyring, **tenant, wallet_id=self.citizen.wallet_id, offer_id=offer_id
            )
            redeem_voucher(
                connection,
                self.keyring,
                **tenant,
                shop_id=shop_id or self.town.shop.shop_id,
                code=self.keyring.voucher_code(voucher_id),
                redemption_key=str(voucher_id),
            )
        return voucher_id

    def reverse(self, voucher_id: UUID, *, at: datetime.datetime) -> None:
        """Take a redemption back, as the authority does."""
        with self.database.engine("bontri_api").begin() as connection:
            reverse_redemption(
                connection, voucher_id, authority_id=7, reason="goods_returned", reversed_by="grace", now=at
            )

    def lock(
        self, month: datetime.date = NOVEMBER, *, at: datetime.datetime = IN_DECEMBER, shop_id: UUID | None = None
    ) -> Statement | None:
        """Lock a month of the first shop, or another, and read the statement."""
        of_shop: dict[str, Any] = {
            "authority_id": 7,
            "shop_id": shop_id or self.town.shop.shop_id,
            "month": month,
        }
        with self.database.engine("bontri_operator").begin() as connection:
            if lock_statement(connection, **of_shop, locked_by="grace", now=at) is None:
                return None
        with self.database.engine("bontri_reader").connect() as connection:
            return find_statement(connection, **of_shop)

    def locked(self, month: datetime.date = NOVEMBER, **named: Any) -> Statement:
        """Lock a month in which something is due."""
        statement = self.lock(month, **named)
        assert statement is not None
        return statement

    def settled_points(self) -> int:
        """Return what the settled account holds."""
        with self.database.engine().connect() as connection:
            row = connection.exec_driver_sql(
                "SELECT credits_posted - debits_posted FROM accounts WHERE kind = 'settled' AND authority_id = 7"
            )
            return int(row.scalar_one())
