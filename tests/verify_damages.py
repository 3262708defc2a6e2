"""Damage done by hand, for each invariant and more: what is done, and how often which invariant notices."""

import datetime
from typing import Any

from sqlalchemy import text

from rewards.ids import new_id
from rewards.ledger import Transfer, open_authority_account, record_transfers
from tests.verify_scene import Scene

HOUR = datetime.timedelta(hours=1)

ANY_LOT = "(SELECT account_id FROM wallet_accounts WHERE authority_id = :authority ORDER BY account_id LIMIT 1)"


def unbalance(scene: Scene) -> None:
    scene.damage(
        f"UPDATE accounts SET credits_posted = credits_posted + 1"
        f" WHERE authority_id = :authority AND account_id = {ANY_LOT}"
    )


def move_counters_without_a_transfer(scene: Scene) -> None:
    scene.damage(
        f"UPDATE accounts SET debits_posted = debits_posted + 1, credits_posted = credits_posted + 1"
        f" WHERE authority_id = :authority AND account_id = {ANY_LOT}"
    )


def give_a_wallet_an_overdrawn_account(scene: Scene) -> None:
    """The CHECK lets no lot go below zero, so the damage is a link to an account that may."""
    scene.damage(
        "INSERT INTO wallet_accounts SELECT authority_id, issuing_account_id, :wallet, '2020-01-01' FROM bins"
        " WHERE authority_id = :authority ORDER BY bin_id LIMIT 1",
        wallet=scene.citizen.wallet_id,
    )


def post_less_than_was_pending(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        issuing = connection.scalars(text("SELECT issuing_account_id FROM bins ORDER BY bin_id LIMIT 1")).one()
        tenant: dict[str, Any] = {"authority_id": scene.town.authority_id, "now": scene.now}
        loss = open_authority_account(connection, "loss", **tenant)
        [pending_id] = record_transfers(
            connection, [Transfer(issuing, loss, 5, "pending", reason="adjustment")], **tenant
        )
        record_transfers(
            connection, [Transfer(issuing, loss, 3, "post", pending_id=pending_id, reason="adjustment")], **tenant
        )


def credit_a_deposit_nobody_made(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        issuing, lot = connection.execute(
            text(f"SELECT issuing_account_id, {ANY_LOT} FROM bins ORDER BY bin_id LIMIT 1"),
            {"authority": scene.town.authority_id},
        ).one()
        invented = Transfer(issuing, lot, 5, journal_no=1, seq=1_000_000)
        record_transfers(connection, [invented], authority_id=scene.town.authority_id, now=scene.now)


def cancel_a_voucher_without_giving_back(scene: Scene) -> None:
    scene.damage(
        "UPDATE vouchers SET status = 'cancelled', ended_at = :now"
        " WHERE authority_id = :authority AND voucher_id = :voucher",
        now=scene.now,
        voucher=scene.vouchers["issued"],
    )


def forget_a_sale(scene: Scene) -> None:
    scene.damage(
        "UPDATE offers SET sold = sold - 1 WHERE authority_id = :authority AND offer_id ="
        " (SELECT offer_id FROM vouchers WHERE authority_id = :authority AND voucher_id = :voucher)",
        voucher=scene.vouchers["issued"],
    )


def change_a_rollup(scene: Scene) -> None:
    scene.damage("UPDATE daily_deposits SET items = items + 1 WHERE authority_id = :authority AND material = 'plastic'")


def change_a_round(scene: Scene) -> None:
    scene.damage("UPDATE collection_rounds SET items = items + 1 WHERE authority_id = :authority")


def invent_a_month(scene: Scene) -> None:
    scene.damage(
        "INSERT INTO monthly_deposits SELECT authority_id, '2020-01-01', bin_id, site_id, material, 1, 0, 1, 0, 0, 0"
        " FROM daily_deposits WHERE authority_id = :authority LIMIT 1"
    )


def invent_a_sign(scene: Scene) -> None:
    scene.damage("INSERT INTO bin_months VALUES (:authority, '2020-01-01', 'BIN-0', 1, 0)")


def settle_a_number_nobody_sent(scene: Scene) -> None:
    scene.damage(
        "UPDATE bin_journals SET received = received + '{[20,21)}' WHERE authority_id = :authority AND journal_no = 1"
    )


def approve_a_correction_that_moves_nothing(scene: Scene) -> None:
    scene.damage(
        "UPDATE corrections SET state = 'approved', decided_by = 'eve', decided_at = :now"
        " WHERE authority_id = :authority AND state = 'requested'",
        now=scene.now,
    )


def spend_a_budget_for_nothing(scene: Scene) -> None:
    scene.damage(
        "INSERT INTO campaigns (authority_id, campaign_id, name, valid_from, valid_until, bonus_points, budget_points,"
        " used_points) VALUES (:authority, gen_random_uuid(), 'x', '2026-01-01', '2027-01-01', 1, 10, 3)"
    )


def say_that_missing_points_were_credited(scene: Scene) -> None:
    scene.damage(
        """INSERT INTO corrections (authority_id, correction_id, transfer_id, kind, reason, note, requested_by,
                                    requested_at, state, decided_by, decided_at, granted_points)
           VALUES (:authority, :id, :transfer, 'credit', 'outage', 'x', 'ada', :now, 'approved', 'grace', :now, 5)""",
        id=new_id(),
        transfer=new_id(),
        now=scene.now,
    )


def say_that_a_redemption_was_taken_back(scene: Scene) -> None:
    ids = {"ada": new_id(), "eva": new_id()}
    for name, agent_id in ids.items():
        scene.damage(
            "INSERT INTO agents (authority_id, agent_id, name, email_digest, email_encrypted, role, state, created_at)"
            " VALUES (:authority, :id, :name, :digest, '', 'admin', 'active', :now)",
            id=agent_id,
            name=name,
            digest=agent_id.bytes,
            now=scene.now,
        )
    scene.damage(
        """INSERT INTO redemption_reversals (authority_id, reversal_id, voucher_id, reason, note, state, requested_by,
                                             requested_by_agent_id, requested_at, decided_by, decided_by_agent_id,
                                             decided_at)
           VALUES (:authority, :id, :voucher, 'mistake', 'x', 'approved', 'ada', :ada, :now, 'eva', :eva, :now)""",
        **ids,
        id=new_id(),
        voucher=scene.vouchers["redeemed"],
        now=scene.now,
    )


def accept_a_dispute_by_nothing(scene: Scene) -> None:
    scene.damage(
        """INSERT INTO disputes (authority_id, dispute_id, citizen_id, transfer_id, reason, words_encrypted, opened_at,
                                 state, decided_by, decided_at, answer, correction_id)
           VALUES (:authority, :id, :citizen, :id, 'other', '', :now, 'accepted', 'ada', :now, 'x', :id)""",
        id=new_id(),
        citizen=scene.citizen.citizen_id,
        now=scene.now,
    )


def ask_for_a_reinstatement_of_no_expiry(scene: Scene) -> None:
    scene.damage(
        "INSERT INTO corrections (authority_id, correction_id, transfer_id, kind, reason, note, state, requested_by,"
        " requested_at) SELECT authority_id, correction_id, gen_random_uuid(), 'reinstatement', 'outage', 'x',"
        " 'requested', 'ada', :now FROM (SELECT :authority AS authority_id, gen_random_uuid() AS correction_id) AS t",
        now=scene.now,
    )


def say_that_a_review_lapsed(scene: Scene) -> None:
    scene.damage("UPDATE reviews SET state = 'lapsed', decided_at = due_at WHERE authority_id = :authority")


def forget_a_review(scene: Scene) -> None:
    scene.damage("UPDATE reviews SET due_at = :then WHERE authority_id = :authority", then=scene.now - 25 * HOUR)


def say_that_all_has_expired(scene: Scene) -> None:
    scene.damage("UPDATE authorities SET points_expired_on = '2100-01-01' WHERE authority_id = :authority")


def show_sessions_to_all(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        connection.execute(text("ALTER TABLE sessions DISABLE ROW LEVEL SECURITY"))


def merge_in_a_circle(scene: Scene) -> None:
    """The wallet that was merged, the one it leads to, and the citizen who is left in that one."""
    scene.damage(
        "UPDATE wallets o SET merged_into = m.wallet_id FROM wallets m WHERE o.authority_id = :authority"
        " AND m.authority_id = o.authority_id AND m.merged_into = o.wallet_id"
    )


def note_more_than_was_moved(scene: Scene) -> None:
    scene.damage("UPDATE wallet_changes SET points = points + 1 WHERE authority_id = :authority AND kind = 'split'")


def forget_that_a_donation_went_back(scene: Scene) -> None:
    scene.damage("UPDATE donations SET returned_at = NULL WHERE authority_id = :authority AND returned_at IS NOT NULL")


def promise_a_closed_goal_to_nobody(scene: Scene) -> None:
    scene.damage("UPDATE goals SET to_cause_id = NULL WHERE authority_id = :authority AND state = 'closed'")


def call_a_goal_reached_that_was_not(scene: Scene) -> None:
    scene.damage(
        "UPDATE goals SET state = 'reached', reached_at = :now WHERE authority_id = :authority AND state = 'open'",
        now=scene.now,
    )


def spend_a_funders_budget_for_nothing(scene: Scene) -> None:
    scene.damage(
        "INSERT INTO funder_budgets SELECT authority_id, funder_id, 2026, 1000, 300 FROM funders"
        " WHERE authority_id = :authority"
    )


def number_a_statement_nobody_locked(scene: Scene) -> None:
    scene.damage("INSERT INTO settlement_numbers VALUES (:authority, 2025, 1)")


def settle_without_a_line(scene: Scene) -> None:
    scene.damage(
        "UPDATE vouchers SET settled_at = NULL WHERE authority_id = :authority AND voucher_id = :voucher",
        voucher=scene.vouchers["settled"],
    )


def change_the_sum_of_a_statement(scene: Scene) -> None:
    scene.damage("UPDATE settlements SET payable_cents = payable_cents + 1 WHERE authority_id = :authority")


def pay_out_of(scene: Scene, kind: str) -> None:
    """Take a point out of an account for no reason the books know of."""
    with scene.database.engine().begin() as connection:
        tenant: dict[str, Any] = {"authority_id": scene.town.authority_id, "now": scene.now}
        loss = open_authority_account(connection, "loss", **tenant)
        of_kind = text("SELECT account_id FROM accounts WHERE authority_id = :authority AND kind = :kind")
        account_id = connection.scalars(of_kind, {"authority": scene.town.authority_id, "kind": kind}).one()
        record_transfers(connection, [Transfer(account_id, loss, 1, reason="adjustment")], **tenant)


def forfeit_what_was_in_no_lot(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        issuing = connection.scalars(text("SELECT issuing_account_id FROM bins ORDER BY bin_id LIMIT 1")).one()
        tenant: dict[str, Any] = {"authority_id": scene.town.authority_id, "now": scene.now}
        forfeited = open_authority_account(connection, "forfeited", **tenant)
        record_transfers(connection, [Transfer(issuing, forfeited, 5, reason="forfeiture")], **tenant)


def leave_an_erasure_unfinished(scene: Scene) -> None:
    scene.damage(
        "UPDATE citizens SET state = 'erased', erased_at = :then WHERE authority_id = :authority AND citizen_id = :id",
        then=scene.now - 31 * 24 * HOUR,
        id=scene.citizen.citizen_id,
    )
    scene.damage(
        "INSERT INTO erasure_requests VALUES (:authority, :id, :then, :then)",
        then=scene.now - 31 * 24 * HOUR,
        id=scene.citizen.citizen_id,
    )


DAMAGES = {
    # Points from nowhere are in no transfer either, so two invariants see it.
    "every_authority_balances": (
        unbalance,
        {"every_authority_balances": 1, "account_counters_equal_their_transfers": 1},
    ),
    "account_counters_equal_their_transfers": (
        move_counters_without_a_transfer,
        {"account_counters_equal_their_transfers": 1},
    ),
    "no_wallet_is_below_zero": (give_a_wallet_an_overdrawn_account, {"no_wallet_is_below_zero": 1}),
    "expired_points_have_left_their_lots": (say_that_all_has_expired, {"expired_points_have_left_their_lots": 2}),
    "forfeitures_empty_lots_into_their_account": (
        forfeit_what_was_in_no_lot,
        {"forfeitures_empty_lots_into_their_account": 1},
    ),
    "no_erasure_is_long_overdue": (leave_an_erasure_unfinished, {"no_erasure_is_long_overdue": 2}),
    "merged_wallets_lead_to_open_ones": (merge_in_a_circle, {"merged_wallets_lead_to_open_ones": 3}),
    "wallet_changes_equal_their_transfers": (
        note_more_than_was_moved,
        {"wallet_changes_equal_their_transfers": 1},
    ),
    "endings_repeat_their_pending_transfer": (
        post_less_than_was_pending,
        {"endings_repeat_their_pending_transfer": 1},
    ),
    "one_credit_per_deposit": (credit_a_deposit_nobody_made, {"one_credit_per_deposit": 1}),
    "corrections_take_back_what_they_name": (
        approve_a_correction_that_moves_nothing,
        {"corrections_take_back_what_they_name": 1},
    ),
    "reinstatements_give_back_what_expired": (
        ask_for_a_reinstatement_of_no_expiry,
        {"reinstatements_give_back_what_expired": 1},
    ),
    "credits_give_what_was_granted": (
        say_that_missing_points_were_credited,
        {"credits_give_what_was_granted": 1},
    ),
    "approved_reversals_took_a_redemption_back": (
        say_that_a_redemption_was_taken_back,
        {"approved_reversals_took_a_redemption_back": 1},
    ),
    "accepted_disputes_have_their_correction": (
        accept_a_dispute_by_nothing,
        {"accepted_disputes_have_their_correction": 1},
    ),
    "reviews_are_in_exactly_one_state": (say_that_a_review_lapsed, {"reviews_are_in_exactly_one_state": 1}),
    "no_review_is_long_overdue": (forget_a_review, {"no_review_is_long_overdue": 1}),
    "budgets_equal_what_campaigns_added": (
        spend_a_budget_for_nothing,
        {"budgets_equal_what_campaigns_added": 1},
    ),
    "budgets_equal_what_vouchers_cost": (
        spend_a_funders_budget_for_nothing,
        {"budgets_equal_what_vouchers_cost": 1},
    ),
    "shops_hold_what_is_not_settled": (
        lambda scene: pay_out_of(scene, "shop"),
        {"shops_hold_what_is_not_settled": 1},
    ),
    # The redemption looks as if it were still to be settled.
    "settled_redemptions_have_one_line": (
        settle_without_a_line,
        {"settled_redemptions_have_one_line": 1, "shops_hold_what_is_not_settled": 1},
    ),
    "statements_equal_their_lines": (change_the_sum_of_a_statement, {"statements_equal_their_lines": 1}),
    "the_settled_account_equals_the_lines": (
        lambda scene: pay_out_of(scene, "settled"),
        {"the_settled_account_equals_the_lines": 1},
    ),
    "numbers_of_statements_have_no_gaps": (
        number_a_statement_nobody_locked,
        {"numbers_of_statements_have_no_gaps": 1},
    ),
    "offers_count_what_they_sold": (forget_a_sale, {"offers_count_what_they_sold": 1}),
    "vouchers_are_in_exactly_one_state": (
        cancel_a_voucher_without_giving_back,
        {"vouchers_are_in_exactly_one_state": 1, "offers_count_what_they_sold": 1},
    ),
    # What went back the goal has paid out too; what it promised to a cause the cause has got.
    "donations_move_what_they_say": (
        forget_that_a_donation_went_back,
        {"donations_move_what_they_say": 1, "goals_hold_what_was_given_to_them": 1},
    ),
    "causes_got_what_was_given_to_them": (
        promise_a_closed_goal_to_nobody,
        {"causes_got_what_was_given_to_them": 1, "goals_hold_what_was_given_to_them": 1},
    ),
    "goals_hold_what_was_given_to_them": (
        call_a_goal_reached_that_was_not,
        {"goals_hold_what_was_given_to_them": 1},
    ),
    # The kept row and the recomputed one.
    "rollups_equal_recomputation": (change_a_rollup, {"rollups_equal_recomputation": 2}),
    "complete_rounds_equal_recomputation": (change_a_round, {"complete_rounds_equal_recomputation": 1}),
    "signs_equal_their_days": (invent_a_sign, {"signs_equal_their_days": 1}),
    "months_equal_their_days": (invent_a_month, {"months_equal_their_days": 1}),
    "every_number_of_a_journal_is_accounted_for": (
        settle_a_number_nobody_sent,
        {"every_number_of_a_journal_is_accounted_for": 1},
    ),
    "the_api_is_kept_to_one_authority": (show_sessions_to_all, {"the_api_is_kept_to_one_authority": 1}),
}


MORE_DAMAGE = {
    "a transfer deleted": (
        "DELETE FROM transfers WHERE authority_id = :authority AND journal_no = 1 AND seq = 1",
        {
            "account_counters_equal_their_transfers": 2,
            "rollups_equal_recomputation": 2,
            "corrections_take_back_what_they_name": 2,  # the correction, and the transfers that name it
        },
    ),
    "an event deleted": (
        "DELETE FROM events WHERE authority_id = :authority AND journal_no = 1 AND seq = 1",
        {
            "one_credit_per_deposit": 1,
            "rollups_equal_recomputation": 2,
            "every_number_of_a_journal_is_accounted_for": 1,
        },
    ),
    "a number both settled and lost": (
        "UPDATE bin_journals SET lost = lost + '{[1,2)}' WHERE authority_id = :authority AND journal_no = 1",
        {"every_number_of_a_journal_is_accounted_for": 1},
    ),
    "a settled number forgotten": (
        "UPDATE bin_journals SET received = received - '{[18,19)}' WHERE authority_id = :authority AND journal_no = 1",
        {"every_number_of_a_journal_is_accounted_for": 1},
    ),
    "a rollup of a day without deposits": (
        "INSERT INTO daily_deposits SELECT authority_id, '2020-01-01', bin_id, site_id, material, 1, 0, 1, 0, 0, 0"
        " FROM daily_deposits WHERE authority_id = :authority LIMIT 1",
        {"rollups_equal_recomputation": 1},
    ),
    "a round of an emptying nobody made": (
        "UPDATE collection_rounds SET seq = seq + 1000 WHERE authority_id = :authority",
        {"complete_rounds_equal_recomputation": 1},
    ),
    "a deposit of a round taken for anonymous": (
        "UPDATE collection_rounds SET anonymous_deposits = deposits WHERE authority_id = :authority",
        {"complete_rounds_equal_recomputation": 1},
    ),
    "a correction deleted": (
        "DELETE FROM corrections WHERE authority_id = :authority AND state = 'approved'",
        {"corrections_take_back_what_they_name": 1},
    ),
    "a correction that notes other points than it took": (
        "UPDATE corrections SET taken_points = taken_points + 1 WHERE authority_id = :authority AND state = 'approved'",
        {"corrections_take_back_what_they_name": 1},
    ),
    "a redemption that was never posted": (
        "UPDATE vouchers SET status = 'redeemed', ended_at = issued_at, redemption_key = 'till-9',"
        " redeemed_by_shop_id = shop_id"
        " WHERE authority_id = :authority AND status = 'issued'",
        {"vouchers_are_in_exactly_one_state": 1, "shops_hold_what_is_not_settled": 1},
    ),
    "a price changed afterwards": (
        "UPDATE vouchers SET price_points = 11 WHERE authority_id = :authority AND redemption_key = 'till-1'",
        {"vouchers_are_in_exactly_one_state": 1, "shops_hold_what_is_not_settled": 1},
    ),
    "an ending that names another voucher": (
        "UPDATE transfers SET voucher_id = transfer_id WHERE authority_id = :authority AND phase = 'post'"
        " AND voucher_id = (SELECT voucher_id FROM vouchers"
        " WHERE authority_id = :authority AND redemption_key = 'till-1')",
        {"endings_repeat_their_pending_transfer": 1, "vouchers_are_in_exactly_one_state": 1},
    ),
}
