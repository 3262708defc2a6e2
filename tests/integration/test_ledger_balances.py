"""What an account held at any time, and every entry of it, told from the transfers alone."""

import datetime

import pytest
from sqlalchemy import text

from rewards.ids import new_id
from rewards.ledger import Balance, get_balance, list_accounts, list_entries, sum_balances
from rewards.vouchers import cancel_voucher, issue_voucher, redeem_voucher
from tests.databases import Database
from tests.factories import build_citizen, build_town, deposit

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def town(database: Database, keyring, now):
    """A citizen deposits 15 and 8 items from one bin, takes two vouchers of 10, cancels one, redeems the other."""
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        citizen = build_citizen(connection, town, badge="B")
        own = {"authority_id": town.authority_id, "wallet_id": citizen.wallet_id}
        deposit(connection, town, badge="B", items=15, now=now)
        deposit(connection, town, badge="B", items=8, now=now + HOUR)
        kept, dropped = (
            issue_voucher(connection, keyring, **own, offer_id=town.offer_id, now=now + number * HOUR)
            for number in (2, 3)
        )
        cancel_voucher(connection, **own, voucher_id=dropped, now=now + 4 * HOUR)
        redeem_voucher(
            connection,
            keyring,
            authority_id=town.authority_id,
            shop_id=town.shop.shop_id,
            code=keyring.voucher_code(kept),
            redemption_key="k",
            now=now + 5 * HOUR,
        )
    return town


def test_entries_run_to_the_counters_of_every_account(database, town):
    """The control is the counters themselves: kept another way, by the statements that move them."""
    with database.engine("bontri_reader").connect() as connection:
        counters = connection.execute(
            text("SELECT account_id, credits_posted - debits_posted, credits_pending - debits_pending FROM accounts")
        ).all()
        assert len(counters) > 3
        sums = sum_balances(connection, [row[0] for row in counters], authority_id=town.authority_id)
        for account_id, posted, pending in counters:
            assert sums[account_id] == Balance(posted, pending)
            entries = list_entries(connection, account_id, authority_id=town.authority_id)
            last = entries[-1] if entries else None
            assert (last.posted_points, last.pending_points) if last else (posted, pending) == (0, 0)


def test_a_balance_is_told_as_of_any_instant(database, town, now):
    with database.engine("bontri_reader").connect() as connection:
        [lot] = list_accounts(connection, authority_id=town.authority_id, kind="lot")
        told = [
            get_balance(connection, lot.account_id, authority_id=town.authority_id, at=now + hours * HOUR)
            for hours in (-1, 0, 1, 2, 3, 4, 5, 6)
        ]
        assert told == [
            Balance(0, 0),
            Balance(15, 0),
            Balance(23, 0),
            Balance(23, -10),
            Balance(23, -20),
            Balance(23, -10),
            Balance(13, 0),
            Balance(13, 0),
        ]
        assert get_balance(connection, lot.account_id, authority_id=town.authority_id) == told[-1]
        nobody = new_id()
        assert sum_balances(connection, [nobody], authority_id=town.authority_id) == {nobody: Balance(0, 0)}


def test_a_statement_runs_on_from_before_its_period_and_says_why(database, town, now):
    with database.engine("bontri_reader").connect() as connection:
        [lot] = list_accounts(connection, authority_id=town.authority_id, kind="lot")
        entries = list_entries(
            connection, lot.account_id, authority_id=town.authority_id, since=now + HOUR, until=now + 5 * HOUR
        )
        whole = list_entries(connection, lot.account_id, authority_id=town.authority_id)
    assert [(each.phase, each.points, each.posted_points, each.pending_points) for each in entries] == [
        ("single", 8, 23, 0),
        ("pending", -10, 23, -10),
        ("pending", -10, 23, -20),
        ("void", -10, 23, -10),
    ]
    assert whole[1:5] == entries
    assert [bool(each.voucher_id) for each in whole] == [False, False, True, True, True, True]
    assert all(each.reason is None for each in whole)
    assert [(each.journal_no, each.seq) for each in whole[:2]] == [(1, 1), (1, 2)]


def test_the_account_of_a_bin_shows_every_point_it_gave(database, town):
    with database.engine("bontri_reader").connect() as connection:
        bins = {each.owner: each for each in list_accounts(connection, authority_id=town.authority_id, kind="issuing")}
        giver = next(each for each in bins.values() if each.posted_points)
        entries = list_entries(connection, giver.account_id, authority_id=town.authority_id)
    assert set(bins) == set(town.bin_ids)
    assert [each.points for each in entries] == [-15, -8]
    assert (giver.posted_points, giver.pending_points) == (-23, 0)


def test_another_authority_sees_none_of_it(database, keyring, town):
    with database.engine().begin() as connection:
        build_town(connection, keyring, authority_id=8, slug="elsewhere")
        [shop] = list_accounts(connection, authority_id=town.authority_id, kind="shop")
        assert shop.posted_points == 10
        assert list_entries(connection, shop.account_id, authority_id=8) == []
        assert get_balance(connection, shop.account_id, authority_id=8) == Balance(0, 0)
