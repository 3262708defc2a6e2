"""``bontri offers`` and ``bontri vouchers``: what an authority decides about what is sold, and what was redeemed."""

import datetime
import json

import pytest

from rewards.keyring import Keyring
from rewards.offers import OfferTerms, draft_offer, submit_offer
from rewards.verify import verify
from rewards.vouchers import issue_voucher, redeem_voucher, voucher_text
from rewards.wallets import get_wallet
from tests.databases import Database
from tests.factories import Town, build_holder, build_town
from tests.operator_commands import code_of, run, succeed


@pytest.fixture
def town(database: Database, keyring: Keyring) -> Town:
    with database.engine().begin() as connection:
        return build_town(connection, keyring)


def list_offers(database: Database, town: Town, *options: str) -> dict[str, dict]:
    told = succeed(database, "offers", "list", "--authority", town.slug, *options, "--json").output
    return {each["title"]: each for each in json.loads(told)}


def test_an_authority_puts_offers_on_sale_pauses_and_ends_them(database: Database, town: Town):
    of_town = ("--authority", town.slug)
    terms = ("--points", "40", "--cents", "400", "--stock", "5", "--most-per-wallet", "2", "--per", "month")
    offer_id = succeed(database, "offers", "add", "Piscine", *of_town, *terms).output.split()[0]
    offer = list_offers(database, town)["Piscine"]
    assert (offer["state"], offer["shop"], offer["price_points"], offer["stock"]) == ("published", None, 40, 5)
    for step, state in (("pause", "paused"), ("resume", "published"), ("end", "ended")):
        succeed(database, "offers", step, offer_id, *of_town)
        assert list_offers(database, town, "--state", state)["Piscine"]["offer_id"] == offer_id
    assert "Piscine" not in list_offers(database, town)
    assert code_of(run(database, "offers", "resume", offer_id, *of_town)) == "offer_state_wrong"
    halved = run(database, "offers", "add", "X", *of_town, "--points", "1", "--cents", "1", "--per", "day")
    assert (halved.exit_code, "go together" in halved.output) == (2, True)
    unknown = run(database, "offers", "add", "X", *of_town, "--points", "1", "--cents", "1", "--shop", "Nobody")
    assert code_of(unknown) == "shop_unknown"


def test_what_a_shop_submits_is_published_or_handed_back(database: Database, town: Town, now: datetime.datetime):
    terms = OfferTerms("Un vin", 20, 300, town.shop.shop_id)
    with database.engine().begin() as connection:
        offer_id = str(draft_offer(connection, terms, authority_id=town.authority_id))
        submit_offer(connection, offer_id, authority_id=town.authority_id, now=now)
    of_town = ("--authority", town.slug)
    succeed(database, "offers", "reject", offer_id, *of_town, "--note", "no alcohol, please", "--by", "ada")
    assert "handed back: no alcohol" in succeed(database, "offers", "list", *of_town, "--state", "draft").output
    assert code_of(run(database, "offers", "publish", offer_id, *of_town)) == "offer_state_wrong"
    with database.engine().begin() as connection:
        submit_offer(connection, offer_id, authority_id=town.authority_id, now=now)
    succeed(database, "offers", "publish", offer_id, *of_town, "--by", "ada")
    assert list_offers(database, town)["Un vin"]["moderated_by"] == "ada"


def test_a_redemption_is_taken_back_by_the_authority(
    database: Database, town: Town, keyring: Keyring, now: datetime.datetime
):
    tenant = {"authority_id": town.authority_id}
    with database.engine().begin() as connection:
        citizen = build_holder(connection, town, points=100, now=now)
        wallet = {**tenant, "wallet_id": citizen.wallet_id}
        voucher_id = issue_voucher(connection, keyring, **wallet, offer_id=town.offer_id, now=now)
        code = voucher_text(keyring, authority=town.slug, voucher_id=voucher_id)
        at_shop = {**tenant, "shop_id": town.shop.shop_id}
        redeem_voucher(connection, keyring, **at_shop, code=code, redemption_key="till-1", now=now)
    reverse = ("vouchers", "reverse", str(voucher_id), "--authority", town.slug, "--reason", "goods_returned")
    assert "citizen's again" in succeed(database, *reverse).output
    assert code_of(run(database, *reverse)) == "voucher_not_redeemed"
    with database.engine().connect() as connection:
        assert get_wallet(connection, **wallet, now=now).points == 100
    assert verify(database.engine("bontri_reader")).is_sound
