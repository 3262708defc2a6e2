"""Two towns in full swing, with something of everything ``bontri verify`` looks at."""

import datetime
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from ingest.messages import Message
from ingest.pipeline import Pipeline
from rewards.citizens import Citizen
from rewards.corrections import approve_correction, reject_correction, request_correction
from rewards.donations import donate_to_cause
from rewards.goals import close_goal, donate_to_goal, give_back
from rewards.households import leave_household, merge_wallets
from rewards.keyring import Keyring
from rewards.mass_balance import weigh_rounds
from rewards.reviews import set_review_rules
from rewards.settlement import lock_statement
from rewards.suspicion import ReviewRules
from rewards.verify import Verification, verify
from rewards.vouchers import cancel_voucher, expire_vouchers, issue_voucher, redeem_voucher, voucher_text
from tests.databases import Database
from tests.factories import Town, build_cause, build_citizen, build_goal, build_town
from tests.speaker import Speaker, deposit

BADGE, OTHER_BADGE = "04A2B9C1", "04A2B9C2"
CAP = 40


@dataclass
class Scene:
    database: Database
    keyring: Keyring
    now: datetime.datetime
    town: Town
    citizen: Citizen
    vouchers: dict[str, UUID]

    def verify(self) -> Verification:
        return verify(self.database.engine("bontri_reader"), now=self.now)

    def broken(self) -> dict[str, int]:
        """Return how often each broken invariant of this town is broken; others never are."""
        findings = [finding for finding in self.verify().findings if finding.violations]
        assert {finding.authority for finding in findings} <= {self.town.slug}
        return {finding.invariant: finding.violations for finding in findings}

    def damage(self, statement: str, **parameters: Any) -> None:
        """Change rows by hand, as the owner."""
        with self.database.engine().begin() as connection:
            changed = connection.execute(text(statement), {"authority": self.town.authority_id, **parameters})
        assert changed.rowcount > 0


def build_scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    """Two towns in full swing, the second one to be left alone by all damage."""
    with database.engine().begin() as connection:
        towns = [
            build_town(connection, keyring, authority_id=authority_id, slug=slug, day_cap_points=CAP)
            for authority_id, slug in ((7, "plaine-commune"), (8, "grand-lyon"))
        ]
        citizens = [build_citizen(connection, town, badge=BADGE) for town in towns]
        others = [build_citizen(connection, town, badge=OTHER_BADGE) for town in towns]
        for town in towns:
            set_review_rules(connection, ReviewRules(over_items=8), authority_id=town.authority_id)
    pipeline = Pipeline(database.engine("bontri_ingest"), keyring)
    for town in towns:
        report_all_kinds(pipeline, keyring, town, now)
    with database.engine("bontri_operator").begin() as connection:
        for town in towns:
            assert weigh_rounds(connection, authority_id=town.authority_id, now=now)[0] == 1
    with database.engine().begin() as connection:
        vouchers = [
            handle_all_kinds(connection, keyring, town, citizen, now)
            for town, citizen in zip(towns, citizens, strict=True)
        ]
        for town, citizen, other in zip(towns, citizens, others, strict=True):
            share_wallets(connection, town, [citizen, other], now)
    return Scene(database, keyring, now, towns[0], citizens[0], vouchers[0])


def report_all_kinds(pipeline: Pipeline, keyring: Keyring, town: Town, now: datetime.datetime) -> None:
    """Deposits credited, pending, counted, capped, refused, in conflict, repeated, late; emptyings; gaps, losses."""
    first, second = (Speaker(keyring, town.slug, bin_id) for bin_id in town.bin_ids)
    yesterday = now - datetime.timedelta(days=1)
    batches: list[list[Message]] = [
        [
            first.events(now, *(deposit(seq, now, items=3, badge=BADGE) for seq in range(1, 18))),
            first.events(now, deposit(18, now, material="wood"), deposit(19, now, items=-1), deposit(22, now)),
            second.events(now, deposit(7, yesterday, items=9, badge=BADGE), deposit(8, now, items=9)),
            second.events(
                now, deposit(9, now, items=5, badge="UNKNOWN"), deposit(11, now, material="plastic", mass_g=450)
            ),
            Message(first.topic("events"), b"garbage", now),
        ],
        [
            first.events(now, deposit(1, now, items=4, badge=BADGE)),
            first.events(now, deposit(2, now, items=3, badge=BADGE)),
            second.events(
                now, {"seq": 12, "type": "emptying", "at": now.isoformat(), "material": "glass", "mass_g": 9000}
            ),
            second.events(now, deposit(13, now, items=7, refused=2, badge=OTHER_BADGE)),
            second.say("hello", now, next_seq=14, oldest_held=5),
            second.say("status", now, fill_pct=40),
        ],
    ]
    for batch in batches:
        pipeline.process(batch, now=now)
    weigh_a_round(pipeline, second, now)


def weigh_a_round(pipeline: Pipeline, speaker: Speaker, now: datetime.datetime) -> None:
    """A second emptying, and what was dropped since the first."""
    emptied = {"seq": 14, "type": "emptying", "at": now.isoformat(), "material": "glass", "mass_g": 2000}
    pipeline.process([speaker.events(now, emptied)], now=now)


def handle_all_kinds(
    connection: Connection, keyring: Keyring, town: Town, citizen: Citizen, now: datetime.datetime
) -> dict[str, UUID]:
    """Vouchers issued, redeemed, settled, cancelled and expired."""
    tenant: dict[str, Any] = {"authority_id": town.authority_id}
    wallet: dict[str, Any] = {**tenant, "wallet_id": citizen.wallet_id}
    long_ago = now - datetime.timedelta(days=400)
    issued_at = {"issued": now, "redeemed": now, "cancelled": now, "expired": long_ago}
    vouchers = {
        name: issue_voucher(connection, keyring, **wallet, offer_id=town.offer_id, now=at)
        for name, at in issued_at.items()
    }
    code = voucher_text(keyring, authority=town.slug, voucher_id=vouchers["redeemed"])
    redeem_voucher(
        connection, keyring, **tenant, shop_id=town.shop.shop_id, code=code, redemption_key="till-1", now=now
    )
    cancel_voucher(connection, **wallet, voucher_id=vouchers["cancelled"], now=now)
    assert expire_vouchers(connection, **tenant, now=now) == 1
    vouchers["settled"] = settle_a_voucher(connection, keyring, town, wallet, now)
    correct_a_deposit(connection, tenant, now)
    donate(connection, town, wallet, now)
    return vouchers


def share_wallets(connection: Connection, town: Town, citizens: list[Citizen], now: datetime.datetime) -> None:
    """One wallet merged into another, and a member who left with a share."""
    tenant: dict[str, Any] = {"authority_id": town.authority_id}
    first, second = (citizen.wallet_id for citizen in citizens)
    merge_wallets(connection, **tenant, from_wallet_id=first, to_wallet_id=second, made_by="ada", now=now)
    leave_household(connection, citizens[0].citizen_id, **tenant, wallet_id=second, made_by="ada", now=now)


def donate(connection: Connection, town: Town, wallet: dict[str, Any], now: datetime.datetime) -> None:
    """One point to a cause; one to a goal that is open, one to one that was reached, one to one that was missed."""
    tenant = {"authority_id": town.authority_id}
    cause_id = build_cause(connection, town)
    donate_to_cause(connection, cause_id, **wallet, points=1, now=now)
    for target_points, is_closed in ((2, False), (1, True), (2, True)):
        goal_id = build_goal(
            connection,
            town,
            target_points=target_points,
            ends_at=now + datetime.timedelta(days=1),
            to_cause_id=cause_id,
        )
        donate_to_goal(connection, goal_id, **wallet, points=1, now=now)
        if is_closed:
            close_goal(connection, goal_id, **tenant, now=now)
    assert give_back(connection, **tenant, now=now) == 1


def settle_a_voucher(
    connection: Connection, keyring: Keyring, town: Town, wallet: dict[str, Any], now: datetime.datetime
) -> UUID:
    """One voucher redeemed and settled a month ago."""
    a_month_ago = now - datetime.timedelta(days=31)
    voucher_id = issue_voucher(connection, keyring, **wallet, offer_id=town.offer_id, now=a_month_ago)
    at_shop: dict[str, Any] = {"authority_id": town.authority_id, "shop_id": town.shop.shop_id}
    code = voucher_text(keyring, authority=town.slug, voucher_id=voucher_id)
    redeem_voucher(connection, keyring, **at_shop, code=code, redemption_key="till-0", now=a_month_ago)
    month = a_month_ago.date().replace(day=1)
    assert lock_statement(connection, **at_shop, month=month, locked_by="grace", now=now)
    return voucher_id


def correct_a_deposit(connection: Connection, tenant: dict[str, Any], now: datetime.datetime) -> None:
    """One correction approved, one rejected, one open."""
    credits = connection.scalars(
        text("SELECT transfer_id FROM transfers WHERE authority_id = :authority_id AND journal_no = 1 ORDER BY seq"),
        tenant,
    )
    asked = [
        request_correction(
            connection, transfer_id, **tenant, reason="mistake", note="a test", requested_by="ada", now=now
        )
        for transfer_id in credits.all()[:3]
    ]
    approve_correction(connection, asked[0], **tenant, decided_by="grace", now=now)
    reject_correction(connection, asked[1], **tenant, decided_by="grace", now=now)
