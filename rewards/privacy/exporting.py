"""All that is held about a citizen, as one structure of plain values: what GDPR articles 15 and 20 ask for.

A fixed number of queries, and one more for each thousand movements or vouchers; none per row. What proves who somebody
is (digests, codes, tokens) is left out: it says nothing, and a copy of it would be one more to lose. A household's
movements are in it, as every member may read them; who else is in the household is not. Nothing here changes anything.
"""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, text

from rewards.cards import CitizenUnknownError
from rewards.citizens import EMAIL_PURPOSE
from rewards.disputes.opening import WORDS_PURPOSE
from rewards.instants import write_instant
from rewards.keyring import Keyring
from rewards.languages import Language
from rewards.limits import DAY, Limit, Trier, take_tries
from rewards.profiles import NAME_PURPOSE
from rewards.sessions import LABEL_PURPOSE
from rewards.statements import Movement, explain, list_movements
from rewards.vouchers import list_vouchers
from rewards.wallets import WALLETS_OF, get_wallet

PAGE = 1000
EXPORTED_BY_CITIZEN = Limit("export", 10, DAY)
PURPOSES = {
    "email_encrypted": EMAIL_PURPOSE,
    "display_name_encrypted": NAME_PURPOSE,
    "label_encrypted": LABEL_PURPOSE,
    "words_encrypted": WORDS_PURPOSE,
}

FIND_CITIZEN = text("""
    SELECT c.citizen_id, c.wallet_id, c.state, c.created_at, c.first_credited_on, c.inactivity_warned_at,
           coalesce(c.language, a.language) AS language, c.wants_notices,
           k.email_encrypted, k.display_name_encrypted, a.slug, a.name, a.timezone
      FROM citizens c
      JOIN authorities a ON a.authority_id = c.authority_id
      LEFT JOIN contacts k ON k.authority_id = c.authority_id AND k.citizen_id = c.citizen_id
     WHERE c.authority_id = :authority_id AND c.citizen_id = :citizen_id AND c.state <> 'erased'
""")
SECTIONS = {
    "cards": text("""
        SELECT card_id, label_encrypted, state, paired_at FROM badges
         WHERE authority_id = :authority_id AND citizen_id = :citizen_id ORDER BY paired_at
    """),
    "caps": text("""
        SELECT period, starts_on, used_points, cap_points FROM cap_usages
         WHERE authority_id = :authority_id AND citizen_id = :citizen_id ORDER BY starts_on, period
    """),
    "sessions": text("""
        SELECT session_id, label_encrypted, created_at, used_on, expires_at, revoked_at FROM sessions
         WHERE authority_id = :authority_id AND citizen_id = :citizen_id ORDER BY session_id
    """),
    "sign_ins": text("""
        SELECT sign_in_id, expires_at, tries_left, used_at FROM sign_in_codes
         WHERE authority_id = :authority_id AND citizen_id = :citizen_id ORDER BY sign_in_id
    """),
    "disputes": text("""
        SELECT dispute_id, transfer_id, reason, words_encrypted, opened_at, state, decided_at, refusal, answer
          FROM disputes
         WHERE authority_id = :authority_id AND citizen_id = :citizen_id ORDER BY dispute_id
    """),
    "erasure_requests": text("""
        SELECT asked_at, due_at, taken_back_at, begun_at FROM erasure_requests
         WHERE authority_id = :authority_id AND citizen_id = :citizen_id
    """),
    "letters": text("""
        SELECT message_id, kind, facts, created_at, sent_at, given_up_at FROM outbox
         WHERE authority_id = :authority_id AND citizen_id = :citizen_id ORDER BY message_id
    """),
    "stored_answers": text("""
        SELECT idempotency_key, answer, created_at FROM idempotent_requests
         WHERE authority_id = :authority_id AND principal_id = :citizen_id ORDER BY created_at, idempotency_key
    """),
    "invitation_tries": text("""
        SELECT tries, window_ends_at FROM invitation_tries
         WHERE authority_id = :authority_id AND citizen_id = :citizen_id
    """),
    "lots": text(f"""
        SELECT w.lot_month, a.expires_on, a.credits_posted AS credited_points, a.debits_posted AS spent_points,
               a.debits_pending AS held_points, a.credits_pending AS in_review_points
          FROM wallet_accounts w
          JOIN accounts a ON a.authority_id = w.authority_id AND a.account_id = w.account_id
         WHERE w.authority_id = :authority_id AND w.wallet_id = ANY({WALLETS_OF}) ORDER BY w.lot_month, a.account_id
    """),
    "donations": text(f"""
        SELECT d.donation_id, coalesce(c.name, g.title) AS given_to, d.to_goal_id IS NOT NULL AS is_to_goal, d.points,
               d.donated_at, d.returned_at
          FROM donations d
          LEFT JOIN causes c ON c.authority_id = d.authority_id AND c.cause_id = d.to_cause_id
          LEFT JOIN goals g ON g.authority_id = d.authority_id AND g.goal_id = d.to_goal_id
         WHERE d.authority_id = :authority_id
           AND d.donation_id IN (SELECT t.cause_id FROM wallet_accounts w
                                   JOIN transfers t ON t.authority_id = w.authority_id
                                                   AND t.debit_account_id = w.account_id
                                  WHERE w.authority_id = :authority_id AND w.wallet_id = ANY({WALLETS_OF})
                                    AND t.reason = 'donation')
         ORDER BY d.donation_id
    """),
    "wallet_changes": text(f"""
        SELECT kind, points, made_at, to_wallet_id = ANY({WALLETS_OF}) AS is_received FROM wallet_changes
         WHERE authority_id = :authority_id
           AND (from_wallet_id = ANY({WALLETS_OF}) OR to_wallet_id = ANY({WALLETS_OF}))
         ORDER BY change_id
    """),
    "invitations": text("""
        SELECT expires_at, accepted_at FROM wallet_invitations
         WHERE authority_id = :authority_id AND wallet_id = :wallet_id
    """),
    "expiry_warnings": text("""
        SELECT expires_on, warned_at FROM expiry_warnings
         WHERE authority_id = :authority_id AND wallet_id = :wallet_id ORDER BY expires_on
    """),
}
COUNT_MEMBERS = text("""
    SELECT count(*) FROM citizens WHERE authority_id = :authority_id AND wallet_id = :wallet_id AND state = 'active'
""")


def take_export_try(
    connection: Connection, keyring: Keyring, *, authority_id: int, citizen_id: UUID, now: datetime.datetime
) -> None:
    """Take one of a citizen's exports of the day: each reads all there is.

    Raises:
        TooManyTriesError: none is left.
    """
    take_tries(connection, keyring, [Trier(EXPORTED_BY_CITIZEN, str(citizen_id))], authority_id=authority_id, now=now)


def export_citizen(
    connection: Connection,
    keyring: Keyring,
    citizen_id: UUID,
    *,
    authority_id: int,
    language: Language,
    now: datetime.datetime,
) -> dict[str, Any]:
    """Return all that is held about a citizen, in values that JSON knows; instants are UTC.

    Read under one snapshot when the transaction is REPEATABLE READ.

    Raises:
        CitizenUnknownError: there is none, or they are erased.
    """
    found = connection.execute(FIND_CITIZEN, {"authority_id": authority_id, "citizen_id": citizen_id}).one_or_none()
    if found is None:
        raise CitizenUnknownError("id")
    own = {"authority_id": authority_id, "citizen_id": citizen_id, "wallet_id": found.wallet_id}
    wallet = get_wallet(connection, authority_id=authority_id, wallet_id=found.wallet_id, now=now)
    timezone = ZoneInfo(found.timezone)
    sections = {
        name: [open_sealed(row, keyring) for row in connection.execute(query, own).mappings()]
        for name, query in SECTIONS.items()
    }
    exported: dict[str, Any] = {
        "exported_at": now,
        "authority": {"slug": found.slug, "name": found.name, "timezone": found.timezone},
        "citizen": describe_citizen(found, keyring),
        "wallet": {
            "wallet_id": found.wallet_id,
            "points": wallet.points,
            "held_points": wallet.pending_points,
            "in_review_points": wallet.in_review_points,
            "members": connection.scalar(COUNT_MEMBERS, own),
        },
        **sections,
        "movements": [
            tell(movement, timezone=timezone, language=language)
            for movement in iterate_movements(
                connection, authority_id=authority_id, wallet_id=found.wallet_id, timezone=timezone
            )
        ],
        "vouchers": list(iterate_vouchers(connection, authority_id=authority_id, wallet_id=found.wallet_id, now=now)),
    }
    plain: dict[str, Any] = as_plain(exported)
    return plain


def open_sealed(row: Mapping[Any, Any], keyring: Keyring) -> dict[str, Any]:
    """Return a row with what the citizen wrote in clear words, under the name of its column without ``_encrypted``."""
    return {
        name.removesuffix("_encrypted"): unseal(value, keyring, name) if name in PURPOSES else value
        for name, value in row.items()
    }


def unseal(sealed: bytes | None, keyring: Keyring, column: str) -> str | None:
    """Return what a column holds encrypted."""
    return None if sealed is None else keyring.decrypt(bytes(sealed), purpose=PURPOSES[column]).decode()


def describe_citizen(found: Row[Any], keyring: Keyring) -> dict[str, Any]:
    """Return what is known of the person."""
    return {
        "citizen_id": found.citizen_id,
        "state": found.state,
        "registered_at": found.created_at,
        "first_credited_on": found.first_credited_on,
        "inactivity_warned_at": found.inactivity_warned_at,
        "language": found.language,
        "wants_notices": found.wants_notices,
        "email": unseal(found.email_encrypted, keyring, "email_encrypted"),
        "display_name": unseal(found.display_name_encrypted, keyring, "display_name_encrypted"),
    }


def iterate_movements(
    connection: Connection, *, authority_id: int, wallet_id: UUID, timezone: ZoneInfo
) -> Iterator[Movement]:
    """Yield every movement of a wallet, newest first."""
    after = None
    while True:
        page = list_movements(
            connection, authority_id=authority_id, wallet_id=wallet_id, timezone=timezone, after=after, limit=PAGE
        )
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].position


def tell(movement: Movement, *, timezone: ZoneInfo, language: Language) -> dict[str, Any]:
    """Return a movement with its sentence and the facts behind it."""
    return {
        "movement_id": movement.movement_id,
        "kind": movement.kind,
        "recorded_at": movement.recorded_at,
        "points": movement.points,
        "explanation": explain(movement, timezone=timezone, language=language),
        "facts": asdict(movement.explanation),
    }


def iterate_vouchers(
    connection: Connection, *, authority_id: int, wallet_id: UUID, now: datetime.datetime
) -> Iterator[dict[str, Any]]:
    """Yield every voucher of a wallet, newest first, without its code."""
    after = None
    while True:
        page = list_vouchers(
            connection, authority_id=authority_id, wallet_id=wallet_id, now=now, after=after, limit=PAGE
        )
        yield from (asdict(voucher) for voucher in page)
        if len(page) < PAGE:
            return
        after = (page[-1].voucher_id,)


def as_plain(value: Any) -> Any:
    """Return a value as JSON knows it: instants and days in ISO 8601, ids as text."""
    if isinstance(value, Mapping):
        return {name: as_plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(each) for each in value]
    if isinstance(value, datetime.datetime):
        return write_instant(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
