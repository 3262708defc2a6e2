"""What each column says about people, and why it is kept: the data behind the register of processing activities.

``personal`` names somebody, or is what somebody wrote in words. ``pseudonymous`` is about a person whom only a random
id or a keyed digest stands for, as long as the links are there. The rest is about nobody. A test holds this to the
schema: a new column must be classified. Source of the fields: GDPR article 30.
"""

from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True, slots=True)
class Processing:
    """One activity, in the words of the register."""

    title: str
    purpose: str
    basis: str
    people: str
    retention: str
    recipients: str


@dataclass(frozen=True, slots=True)
class Classified:
    """A table's columns by what they say of people, names separated by blanks; ``authority_id`` says nothing.

    Those that are ``encrypted`` are named there once more: they are encrypted anew when the key rotates
    (``rewards/privacy/reencrypting.py``).
    """

    processing: str | None = None
    personal: str = ""
    pseudonymous: str = ""
    none: str = ""
    encrypted: str = ""

    def list_columns(self) -> list[str]:
        """List all columns named, with repetitions."""
        return list(chain(self.personal.split(), self.pseudonymous.split(), self.none.split()))


UNTIL_ERASURE = "until the citizen is erased, on request or after the months without activity the authority has set"

PROCESSINGS = {
    "accounts": Processing(
        "Accounts of citizens",
        "credit deposits to whoever made them, keep and spend points, alone or as a household",
        "art. 6(1)(b): what the citizen takes part in; for a card handed out by the authority art. 6(1)(e)",
        "citizens who take part, with or without a phone",
        f"{UNTIL_ERASURE}; counts of caps 400 days",
        "the authority; the operator on its behalf",
    ),
    "contact": Processing(
        "Addresses and letters",
        "let a citizen sign in, and write to them about their points, cards and account; write to a shop about its"
        " offers and statements",
        "art. 6(1)(b); notices can be switched off",
        "citizens and shops that gave an address",
        f"the address of a citizen {UNTIL_ERASURE}, that of a shop until it takes it back; letters 35 days after they"
        " were sent or given up; an address that a letter alone carries until it has left, a few days at most",
        "the mail server the operator has set",
    ),
    "access": Processing(
        "Sessions and codes",
        "know who asks, stop those who guess, answer a repeated request once",
        "art. 6(1)(b), security of processing (art. 32)",
        "citizens who sign in, shops' tills, agents of the authority, operators",
        "sign-in codes 1 day; sessions 90 days after they ended; stored answers 35 days; counts of tries 1 day;"
        " agents, and keys of tills, of programs and of operators, as long as the authority or the operator keeps them",
        "nobody",
    ),
    "ledger": Processing(
        "Deposits, points and vouchers",
        "account for every point, explain it to the citizen, find mistakes and fraud",
        "art. 6(1)(b); books of public money, art. 6(1)(c)",
        "citizens, behind the link of a wallet to its lots alone",
        "the entries for ever, naming nobody; the link to a wallet until the points of the month were spent or expired"
        " and 24 months more (or as the authority says), or " + UNTIL_ERASURE,
        "a shop sees the voucher it redeems, and no person; causes see sums",
    ),
    "quarantine": Processing(
        "Messages that could not be accepted",
        "find out why, and record the deposits after all",
        "art. 6(1)(f): no deposit is lost by a fault",
        "citizens whose badge is in an encrypted message",
        "35 days after the last copy; that a number was refused, for ever",
        "the operator",
    ),
    "partners": Processing(
        "Shops, causes and funders",
        "offers, statements of what shops are paid, reports to causes",
        "art. 6(1)(b), books art. 6(1)(c)",
        "shopkeepers and associations, where their name is a person's",
        "statements ten years, as books of account are; the rest as long as the authority keeps it",
        "the public accountant; the shop or cause itself",
    ),
    "staff": Processing(
        "Who decided what",
        "two people stand for a correction or for a redemption taken back, and somebody for a change of rules",
        "art. 6(1)(e), accountability (art. 5(2))",
        "agents of the authority and operators",
        "as long as what they decided",
        "the authority",
    ),
}
"""The authority, as controller, checks bases and times against its own rules before it puts its name to them."""

TABLES = {
    "accounts": Classified(
        "ledger",
        pseudonymous="account_id debits_posted credits_posted debits_pending credits_pending expires_on created_at",
        none="kind",
    ),
    "agents": Classified(
        "access",
        personal="name email_encrypted",
        pseudonymous="agent_id email_digest role state created_at",
        encrypted="email_encrypted",
    ),
    "api_keys": Classified(
        "access",
        personal="label",
        pseudonymous="api_key_id secret_digest created_at expires_at revoked_at made_by_agent_id",
        none="audience shop_id role scopes",
    ),
    "assumptions": Classified(
        "staff", personal="set_by", pseudonymous="set_at", none="assumption_id name valid_from value source"
    ),
    "authorities": Classified(
        none="slug name address timezone language epoch fleet_version holders_version config_version display_texts"
        " points_valid_months points_expired_on review_over_items review_over_mass_g reviews_doubtful_clocks"
        " balance_over_percent inactive_after_months history_kept_months sign_up_is_open claiming_is_open"
        " is_simulated oldest_key_no created_at"
    ),
    "authority_accounts": Classified(none="kind account_id"),
    "badges": Classified(
        "accounts",
        personal="label_encrypted",
        pseudonymous="badge_digest card_id citizen_id state paired_at",
        none="pepper_no",
        encrypted="label_encrypted",
    ),
    "bin_alarms": Classified(none="bin_id kind detail raised_at last_seen_at ended_at times"),
    "bin_calibrations": Classified(
        "staff",
        personal="decided_by",
        none="bin_id material valid_from factor rounds counted_g weighed_g decided_at",
    ),
    "bin_cap_usages": Classified(none="bin_id starts_at cap_points used_points last_granted"),
    "bin_commands": Classified(
        none="command_id bin_id kind arguments issued_at expires_at sent_at times_sent outcome ended_at"
    ),
    "bin_directory": Classified(none="bin_id"),
    "bin_journals": Classified(
        none="journal_no bin_id journal received lost next_seq oldest_held last_received_at created_at"
    ),
    "bin_days": Classified(none="day bin_id heard_hours told_hours full_hours fill_pct fill_at"),
    "bin_keys": Classified(none="bin_id key_number state created_at"),
    "bin_months": Classified(none="month bin_id heard_days deposit_days"),
    "bin_problems": Classified(
        "staff",
        personal="closed_by",
        none="problem_id bin_id kind reports reported_at last_reported_at closed_at outcome",
    ),
    "bin_reports": Classified(
        none="bin_id last_heard_at hello_boot hello_n firmware model materials capacity_l config_version status_boot"
        " status_n status_at status presence_boot presence_conn is_online"
    ),
    "bins": Classified(
        none="bin_id state issuing_account_id capacity_l newest_key_number configured_version configured_key_number"
        " created_at"
    ),
    "campaigns": Classified(
        none="campaign_id name valid_from valid_until multiplier_percent bonus_points weekdays from_time until_time"
        " materials site_ids insee_codes is_first_deposit_only budget_points used_points last_granted stopped_at"
    ),
    "cap_usages": Classified(
        "accounts", pseudonymous="citizen_id period starts_on used_points last_granted", none="cap_points"
    ),
    "capped_deposits": Classified(
        "ledger",
        pseudonymous="journal_no seq account_id withheld_points campaign_points recorded_at",
        none="tariff_line_id withheld_by campaign_id",
    ),
    "card_tries": Classified("access", pseudonymous="shop_id tries window_ends_at"),
    "causes": Classified(
        "partners",
        personal="name description siret rna",
        none="cause_id account_id hundred_points_cents funder_id state created_at",
    ),
    "characterisations": Classified(none="stream year share_permille source"),
    "citizens": Classified(
        "accounts",
        pseudonymous="citizen_id wallet_id state first_credited_on language wants_notices created_at erased_at"
        " inactivity_warned_at",
    ),
    "collection_rounds": Classified(
        none="journal_no seq began_journal_no began_seq bin_id site_id material began_at ended_at deposits"
        " anonymous_deposits items unweighed_items mass_g weighed_g is_moved settled quarantined test_events lost"
        " missing computed_at"
    ),
    "communes": Classified(none="insee_code name"),
    "commune_outlines": Classified(none="insee_code outline source"),
    "contacts": Classified(
        "contact",
        personal="email_encrypted display_name_encrypted",
        pseudonymous="citizen_id email_digest",
        encrypted="email_encrypted display_name_encrypted",
    ),
    "corrections": Classified(
        "staff",
        personal="note requested_by decided_by",
        pseudonymous="correction_id transfer_id taken_points expired_points lost_points granted_points requested_at"
        " decided_at requested_by_agent_id decided_by_agent_id",
        none="kind reason state",
    ),
    "daily_deposits": Classified(
        none="day bin_id site_id material deposits credited_deposits items mass_g refused points unweighed_items"
    ),
    "disputes": Classified(
        "accounts",
        personal="words_encrypted answer decided_by",
        pseudonymous="dispute_id citizen_id transfer_id reason opened_at state decided_at refusal correction_id",
        encrypted="words_encrypted",
    ),
    "donations": Classified(
        "ledger",
        pseudonymous="donation_id points donated_at returned_at",
        none="to_cause_id to_goal_id",
    ),
    "drafts": Classified(
        "staff",
        personal="changed_by published_by",
        none="draft_id kind name definition state version changed_at rehearsed_at published_at published_id",
    ),
    "effect_verdicts": Classified(none="material last_day verdict measured_at"),
    "erasure_requests": Classified("accounts", pseudonymous="citizen_id asked_at due_at taken_back_at begun_at"),
    "events": Classified(
        "ledger",
        pseudonymous="journal_no seq bin_id site_id material items mass_g refused occurred_at received_at recorded_at"
        " content_digest",
        personal="emptied_by",
        none="type confidence is_estimated",
    ),
    "expiry_warnings": Classified("contact", pseudonymous="wallet_id expires_on warned_at"),
    "folded_days": Classified(none="folded_before"),
    "funder_budgets": Classified(none="funder_id year budget_cents committed_cents"),
    "funders": Classified("partners", personal="name", none="funder_id kind"),
    "goals": Classified(
        none="goal_id account_id to_cause_id group_kind group_name title reward target_points starts_at ends_at state"
        " created_at reached_at ended_at"
    ),
    # Numbers; of few holders too, which is why they are withheld where they are shown.
    "holder_counts": Classified(
        none="granularity first_day level code material holders new_holders deposits credited_deposits counted_at"
    ),
    "idempotent_requests": Classified(
        "access", pseudonymous="principal_id idempotency_key request_digest answer created_at"
    ),
    "invitation_tries": Classified("access", pseudonymous="citizen_id tries window_ends_at"),
    "jobs": Classified(none="job due_at leased_until started_at ended_at outcome failures"),
    "materials": Classified(none="material"),
    "monthly_deposits": Classified(
        none="month bin_id site_id material deposits credited_deposits items mass_g refused points unweighed_items"
    ),
    "offers": Classified(
        "staff",
        personal="moderated_by note",
        none="paused_by offer_id shop_id title category price_points value_cents funder_id voucher_valid_days stock"
        " sold offered_from offered_until most_per_wallet limit_period minimum_purchase_cents state moderated_at",
    ),
    "limited_tries": Classified("access", pseudonymous="subject_digest tries most window_ends_at"),
    "operator_keys": Classified(
        "access", personal="label", pseudonymous="operator_key_id secret_digest created_at expires_at revoked_at"
    ),
    "outbox": Classified(
        "contact",
        personal="address_encrypted facts_encrypted",
        pseudonymous="message_id citizen_id kind facts language created_at good_until sent_at given_up_at",
        none="shop_id next_try_at tries fault",
        encrypted="address_encrypted facts_encrypted",
    ),
    "placements": Classified(none="placement_id bin_id site_id placed_at removed_at"),
    "publications": Classified(
        "staff", personal="published_by", none="granularity first_day published_at cells withheld"
    ),
    "published_cells": Classified(
        none="granularity first_day level code material insee_code is_withheld deposits items mass_g points holders"
    ),
    "populations": Classified(none="insee_code year population source"),
    "quarantine_overflows": Classified(none="bin_id day code times"),
    "quarantined_events": Classified(
        "quarantine",
        pseudonymous="journal_no seq content_digest message_digest received_at",
        none="code detail",
    ),
    "quarantined_messages": Classified(
        "quarantine",
        personal="payload_encrypted",
        pseudonymous="message_digest received_at last_received_at",
        none="topic bin_id code detail times replay_requested_at replay_taken_at replayed_at",
        encrypted="payload_encrypted",
    ),
    "redemption_attempts": Classified(
        "ledger", pseudonymous="attempt_id voucher_id attempted_at", none="shop_id outcome"
    ),
    "redemption_reversals": Classified(
        "staff",
        personal="note requested_by decided_by",
        pseudonymous="reversal_id voucher_id requested_at decided_at requested_by_agent_id decided_by_agent_id",
        none="reason state",
    ),
    "reference_tonnages": Classified(none="year department stream mass_g population source"),
    "reviews": Classified(
        "staff", personal="decided_by note", pseudonymous="transfer_id due_at decided_at", none="rule state reason"
    ),
    "served_households": Classified(none="insee_code year households source"),
    "sessions": Classified(
        "access",
        personal="label_encrypted",
        pseudonymous="session_id citizen_id agent_id token_digest created_at used_on expires_at idle_until revoked_at",
        encrypted="label_encrypted",
    ),
    "settlement_lines": Classified(
        "partners",
        personal="funder_name",
        pseudonymous="voucher_id occurred_at",
        none="settlement_id line_no kind title points value_cents payable_cents funder_id funder_kind",
    ),
    "settlement_numbers": Classified(none="year last_number"),
    "settlements": Classified(
        "partners",
        personal="shop_name shop_address locked_by sent_by paid_by",
        none="settlement_id shop_id month year number authority_name authority_address points value_cents"
        " payable_cents locked_at state sent_at paid_on",
    ),
    "shop_contacts": Classified(
        "contact", personal="email_encrypted", none="shop_id language", encrypted="email_encrypted"
    ),
    "shop_staff": Classified(
        "partners", personal="name", pseudonymous="staff_id pin_digest state created_at", none="shop_id"
    ),
    "shops": Classified(
        "partners",
        personal="name address phone",
        none="shop_id account_id insee_code opening_hours wants_pins state created_at",
    ),
    "short_code_tries": Classified("access", pseudonymous="shop_id tries window_ends_at"),
    "short_codes": Classified("access", pseudonymous="voucher_id code_digest expires_at", none="shop_id"),
    "sign_in_codes": Classified(
        "access",
        personal="email_encrypted",
        pseudonymous="sign_in_id citizen_id agent_id code_digest expires_at tries_left used_at",
        encrypted="email_encrypted",
    ),
    "sites": Classified(none="site_id reference insee_code address latitude longitude"),
    "staff_tries": Classified("access", pseudonymous="staff_id tries window_ends_at"),
    "tariff_lines": Classified(none="tariff_line_id tariff_id material basis points"),
    "tariffs": Classified(
        none="tariff_id name valid_from day_cap_points week_cap_points bin_hour_cap_points welcome_points"
    ),
    "tonnages": Classified(none="level place stream first_day last_day mass_g source imported_at"),
    "transfers": Classified(
        "ledger",
        pseudonymous="transfer_id debit_account_id credit_account_id points pending_id recorded_at journal_no seq"
        " withheld_points campaign_points voucher_id cause_id",
        none="phase tariff_line_id withheld_by campaign_id reason",
    ),
    "unit_masses": Classified(
        "staff", personal="set_by", pseudonymous="set_at", none="unit_mass_id material valid_from unit_mass_g source"
    ),
    "vouchers": Classified(
        "ledger",
        personal="reversed_by",
        pseudonymous="voucher_id code_digest issued_at expires_at ended_at redemption_key reversed_at"
        " redeemed_by_staff_id reversed_by_staff_id",
        none="offer_id shop_id price_points value_cents funder_id status redeemed_by_shop_id reversal_reason"
        " budget_year settled_at deducted_at",
    ),
    "wallet_accounts": Classified("ledger", pseudonymous="account_id wallet_id lot_month"),
    "wallet_changes": Classified(
        "accounts",
        personal="made_by",
        pseudonymous="change_id from_wallet_id to_wallet_id points made_at",
        none="kind",
    ),
    "wallet_invitations": Classified("access", pseudonymous="wallet_id code_digest expires_at accepted_at"),
    "wallets": Classified("accounts", pseudonymous="wallet_id created_at merged_into"),
    # Few holders stand behind it, and nobody in it is named or linked.
    "withheld_cells": Classified(
        none="granularity first_day level code material reason deposits items mass_g points holders"
    ),
}
