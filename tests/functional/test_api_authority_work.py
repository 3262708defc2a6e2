"""Agents at work over HTTP: tariffs, offers, shops, settlement, sites, reviews and corrections."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from rewards.errors import violates
from rewards.offers import OfferTerms, draft_offer, submit_offer
from rewards.reviews import set_review_rules
from rewards.suspicion import ReviewRules
from rewards.vouchers import redeem_voucher
from tests.api_client import Api, assert_problem, sign_agent_in, start_api
from tests.databases import DatabasePool
from tests.factories import build_key, deposit

DAY = datetime.timedelta(days=1)
APPROVE_ALONE = text("""
    UPDATE redemption_reversals SET state = 'approved', decided_by = 'x', decided_at = now(),
           decided_by_agent_id = requested_by_agent_id
     WHERE authority_id = 1
""")
TARIFF = {
    "name": "2027",
    "lines": {"glass": {"points": 2}, "plastic": {"points": 10, "per": "kilogram"}},
    "day_cap_points": 50,
    "welcome_points": 5,
}


@pytest.fixture(scope="module")
def api(databases: DatabasePool) -> Iterator[Api]:
    from rewards.keyring import Keyring

    keyring = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)
    with databases.lend() as database:
        api = start_api(database, keyring, datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC))
        api.earn(60)
        with api.owner.begin() as connection:
            api.tokens["viewer"] = build_key(connection, api.town, "authority", role="viewer")
            for name in ("ada", "bob"):
                api.tokens[name] = sign_agent_in(connection, api, name)
        yield api


def ask(api: Api, method: str, path: str, status: int = 200, *, who: str = "ada", **options: Any) -> Any:
    """Ask for something that must succeed; return what the answer holds."""
    answer = api.call(who, method, f"/authority{path}", **options)
    assert answer.status_code == status, answer.text
    return answer.json if answer.data else None


def edit(api: Api, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Change what one has looked at before; somebody who has looked at nothing, or too early, is refused."""
    etag = api.call("ada", "GET", f"/authority{path}").headers["ETag"]
    assert_problem(api.call("ada", method, f"/authority{path}", json=body), 428, "precondition_required")
    old = api.call("ada", method, f"/authority{path}", json=body, headers={"If-Match": '"old"'})
    assert_problem(old, 412, "precondition_failed")
    done = api.call("ada", method, f"/authority{path}", json=body, headers={"If-Match": etag})
    assert done.status_code in (200, 204), done.text
    return done.json if done.data else None


def test_tariff_is_drafted_rehearsed_and_published(api: Api):
    draft = ask(api, "POST", "/drafts", 201, key="t", json={"tariff": TARIFF})
    assert (draft["state"], draft["definition"]["lines"]["glass"]) == ("draft", {"points": 2, "per": "item"})
    assert draft["changed_by"] == "Ada"
    path = f"/drafts/{draft['draft_id']}"
    when = {"valid_from": (api.now + DAY).isoformat()}
    assert_problem(api.call("ada", "POST", f"/authority{path}/publication", json=when), 409, "draft_not_rehearsed")
    assert edit(api, "PUT", path, {"tariff": TARIFF | {"name": "2027 bis"}})["version"] == 2
    period = {"since": (api.now - DAY).isoformat(), "until": (api.now + DAY).isoformat()}
    rehearsed = ask(api, "POST", f"{path}/rehearsal", json=period)
    assert (rehearsed["actual_points"], rehearsed["points"], rehearsed["withheld_by_day"]) == (60, 50, 70)
    missing = api.call("ada", "POST", f"/authority{path}/publication", json={})
    assert "valid_from" in assert_problem(missing, 422, "definition_invalid")["detail"]
    published = ask(api, "POST", f"{path}/publication", json=when)
    assert published["published_by"] == "Ada"
    tariff = ask(api, "GET", f"/tariffs/{published['published_id']}")
    assert (tariff["state"], tariff["lines"]["plastic"]) == ("to come", {"per": "kilogram", "points": 10})
    assert [each["state"] for each in ask(api, "GET", "/tariffs")["items"]] == ["to come", "in force"]


def test_rehearsal_beyond_its_size_is_refused_and_changes_nothing(api: Api, monkeypatch: pytest.MonkeyPatch):
    draft = ask(api, "POST", "/drafts", 201, key="r", json={"tariff": TARIFF})
    monkeypatch.setattr("partners_api.authorities.tariffs.REHEARSED_MAX", 0)
    period = {"since": (api.now - DAY).isoformat(), "until": (api.now + DAY).isoformat()}
    path = f"/drafts/{draft['draft_id']}"
    refused = api.call("ada", "POST", f"/authority{path}/rehearsal", json=period)
    assert_problem(refused, 422, "rehearsal_too_large")
    assert ask(api, "GET", path)["state"] == "draft"
    edit(api, "DELETE", path)
    assert ask(api, "GET", path)["state"] == "discarded"


def test_tariff_with_a_gap_is_refused_with_what_is_missing(api: Api):
    lacking = TARIFF | {"lines": {"glass": {"points": 1}}}
    refused = api.call("ada", "POST", "/authority/drafts", key="gap", json={"tariff": lacking})
    assert "plastic" in assert_problem(refused, 422, "tariff_gap")["detail"]


def test_campaign_is_published_and_stopped(api: Api):
    campaign = {"name": "Glass", "from": "2026-12-01T00:00", "until": "2026-12-08T00:00", "multiplier_percent": 200}
    draft = ask(api, "POST", "/drafts", 201, key="c", json={"campaign": campaign | {"sites": ["A"], "weekdays": [6]}})
    path = f"/drafts/{draft['draft_id']}"
    ask(api, "POST", f"{path}/rehearsal", json={"since": "2026-11-01T00:00:00Z", "until": "2026-11-30T00:00:00Z"})
    campaign_id = ask(api, "POST", f"{path}/publication", json={})["published_id"]
    assert ask(api, "GET", "/campaigns")["items"][0]["weekdays"] == [6]
    assert ask(api, "POST", f"/campaigns/{campaign_id}/stop")["state"] == "over"
    assert_problem(api.call("ada", "POST", f"/authority/campaigns/{campaign_id}/stop"), 404, "campaign_unknown")


def test_offer_of_a_shop_waits_for_the_authority(api: Api):
    tenant = {"authority_id": api.town.authority_id}
    with api.owner.begin() as connection:
        offer_id = draft_offer(connection, OfferTerms("Un pain", 20, 150, api.town.shop.shop_id), **tenant)
        submit_offer(connection, offer_id, **tenant, now=api.now)
    [waiting] = ask(api, "GET", "/offers?state=submitted")["items"]
    assert (waiting["title"], waiting["shop"]) == ("Un pain", "Librairie")
    steps = f"/offers/{offer_id}/steps"
    assert_problem(api.call("ada", "POST", f"/authority{steps}", json={"step": "reject"}), 422, "request_invalid")
    rejected = ask(api, "POST", steps, json={"step": "reject", "note": "No bread"})
    assert (rejected["state"], rejected["note"], rejected["moderated_by"]) == ("draft", "No bread", "Ada")
    assert_problem(api.call("ada", "POST", f"/authority{steps}", json={"step": "publish"}), 409, "offer_state_wrong")
    with api.owner.begin() as connection:
        submit_offer(connection, offer_id, **tenant, now=api.now)
    for step, state in (("publish", "published"), ("pause", "paused"), ("resume", "published"), ("end", "ended")):
        assert ask(api, "POST", steps, json={"step": step})["state"] == state


def test_authority_adds_an_offer_of_its_own_and_changes_its_stock(api: Api):
    terms = {"title": "Piscine", "price_points": 40, "value_cents": 400, "stock": 3}
    offer = ask(api, "POST", "/offers", 201, key="o", json=terms)
    again = ask(api, "POST", "/offers", 201, key="o", json=terms)
    assert again["offer_id"] == offer["offer_id"]
    assert edit(api, "PATCH", f"/offers/{offer['offer_id']}", {"stock": None})["stock"] is None
    assert api.call("viewer", "POST", "/authority/offers", json=terms).status_code == 403
    half = api.call("ada", "POST", "/authority/offers", key="h", json=terms | {"most_per_wallet": 1})
    assert_problem(half, 422, "request_invalid")


def test_causes_and_goals_are_kept(api: Api):
    cause = ask(api, "POST", "/causes", 201, key="k", json={"name": "Potagers", "description": "Gardens"})
    goal = {
        "title": "Trees",
        "group_kind": "school",
        "group_name": "Jaurès",
        "target_points": 1000,
        "reward": "An orchard",
        "starts_at": api.now.isoformat(),
        "ends_at": (api.now + 30 * DAY).isoformat(),
        "to_cause_id": cause["cause_id"],
    }
    goal_id = ask(api, "POST", "/goals", 201, key="g", json=goal)["goal_id"]
    assert edit(api, "PATCH", f"/goals/{goal_id}", {"title": "Apple trees"})["title"] == "Apple trees"
    known = api.call("citizen", "GET", f"/citizen/goals/{goal_id}").json
    assert (known["title"], known["reward"]) == ("Apple trees", "An orchard")
    renamed = edit(api, "PATCH", f"/causes/{cause['cause_id']}", {"description": "Gardens in town"})
    assert renamed == cause | {"description": "Gardens in town"}
    assert api.call("citizen", "GET", f"/citizen/causes/{cause['cause_id']}").json["name"] == "Potagers"
    for kind in ("cause", "goal"):
        nobody = api.call("citizen", "GET", f"/citizen/{kind}s/{api.town.offer_id}")
        assert_problem(nobody, 404, f"{kind}_unknown")
    assert ask(api, "POST", f"/goals/{goal_id}/closing")["state"] == "missed"
    assert_problem(api.call("ada", "POST", f"/authority/goals/{goal_id}/closing"), 409, "goal_state_wrong")
    assert ask(api, "POST", f"/causes/{cause['cause_id']}/steps", json={"step": "end"})["state"] == "ended"
    assert ask(api, "GET", "/causes")["items"] == []
    assert len(ask(api, "GET", "/causes?with_all=true")["items"]) == 1
    assert ask(api, "GET", "/causes/months")["items"] == []
    wrong = {"name": "X", "description": "Y", "siret": "12345678901234"}
    assert_problem(api.call("ada", "POST", "/authority/causes", key="w", json=wrong), 422, "cause_number_wrong")


def test_funders_have_budgets_and_what_is_owed_is_shown(api: Api):
    funder_id = ask(api, "POST", "/funders", 201, key="f", json={"kind": "sponsor", "name": "Verreries"})["funder_id"]
    assert ask(api, "GET", f"/funders/{funder_id}/budgets/2026")["budget_cents"] is None
    for year, cents in ((2026, 10_000), (2026, 20_000), (2027, 1)):
        assert (
            edit(api, "PUT", f"/funders/{funder_id}/budgets/{year}", {"budget_cents": cents})["budget_cents"] == cents
        )
    nobody = api.call("ada", "GET", f"/authority/funders/{api.town.offer_id}/budgets/2026")
    assert_problem(nobody, 404, "funder_unknown")
    pages = []
    path = "/funders?limit=1"
    while path:
        page = ask(api, "GET", path)
        pages += [(each["name"], each["year"], each["budget_cents"]) for each in page["items"]]
        path = page["next"] and f"/funders?limit=1&after={page['next']}"
    assert pages == [("Town-1", None, None), ("Verreries", 2027, 1), ("Verreries", 2026, 20_000)]
    owed = ask(api, "GET", "/liability")
    assert owed["points"] == 60
    assert ask(api, "GET", "/liability?at=2026-01-01T00:00:00Z")["points"] == 0


def test_redemption_is_taken_back_by_two_agents_also_after_its_day(api: Api):
    voucher = api.buy("to-reverse")
    path, reversals = f"/vouchers/{voucher['voucher_id']}", "/redemption-reversals"
    points = api.call("citizen", "GET", "/citizen/wallet").json["points"]
    order = {"reason": "goods_returned", "note": "brought back on Sunday"}
    early = api.call("ada", "POST", f"/authority{path}/reversal", key="r0", json=order)
    assert_problem(early, 409, "voucher_not_redeemed")
    redeemed = api.call("shop", "POST", "/shop/redemptions", key="to-reverse", json={"code": voucher["code"]})
    assert redeemed.status_code == 201
    api.now += DAY
    with api.owner.begin() as connection:
        api.tokens.update({name: sign_agent_in(connection, api, name) for name in ("eva", "ida")})
    assert ask(api, "GET", path, who="viewer")["status"] == "redeemed"
    program = api.call("authority", "POST", f"/authority{path}/reversal", key="p", json=order)
    assert_problem(program, 403, "agent_required")
    asked = [ask(api, "POST", f"{path}/reversal", 201, who="eva", key="r1", json=order) for _ in range(2)]
    assert asked[0] == asked[1]
    ledger = api.ledger()
    again = api.call("ida", "POST", f"/authority{path}/reversal", key="r2", json=order)
    assert_problem(again, 409, "reversal_already_asked")
    decision, yes = f"{reversals}/{asked[0]['reversal_id']}/decision", {"decision": "approve"}
    assert_problem(api.call("authority", "POST", f"/authority{decision}", json=yes), 403, "agent_required")
    rename(api, "Eva", "Eve")
    assert_problem(api.call("eva", "POST", f"/authority{decision}", json=yes), 403, "second_person_required")
    assert api.ledger() == ledger
    with api.owner.connect() as connection, pytest.raises(IntegrityError) as refusal:
        connection.execute(APPROVE_ALONE)
    assert violates(refusal.value, "ck_redemption_reversals_approved_by_a_second_agent")
    assert ask(api, "POST", decision, who="eva", json={"decision": "reject"})["state"] == "rejected"
    asked_anew = ask(api, "POST", f"{path}/reversal", 201, who="eva", key="r3", json=order)
    assert ask(api, "GET", reversals, who="viewer")["items"] == [asked_anew]
    decision = f"{reversals}/{asked_anew['reversal_id']}/decision"
    done = ask(api, "POST", decision, who="ida", json=yes)
    assert (done["state"], done["requested_by"], done["decided_by"]) == ("approved", "Eve", "Ida")
    assert_problem(api.call("ida", "POST", f"/authority{decision}", json=yes), 409, "reversal_decided")
    assert ask(api, "GET", path, who="ida")["status"] == "reversed"
    assert api.call("citizen", "GET", "/citizen/wallet").json["points"] == points + voucher["price_points"]
    nobody = api.call("ida", "POST", f"/authority{reversals}/{api.town.offer_id}/decision", json=yes)
    assert_problem(nobody, 404, "reversal_unknown")
    api.now -= DAY


def test_what_is_collected_where_is_listed_for_apps_and_agents(api: Api):
    assert [each["name"] for each in ask(api, "GET", "/communes")["items"]] == ["Aubervilliers", "Saint-Denis"]
    glass, plastic = ask(api, "GET", "/materials")["items"]
    assert (glass["material"], glass["unit_mass_g"], glass["unit_mass_from"]) == ("glass", 300, "2000-01-01")
    assert plastic == dict.fromkeys(plastic) | {"material": "plastic"}
    shown = api.call("citizen", "GET", "/citizen/materials?limit=1").json
    assert shown["items"] == [{"material": "glass"}]
    assert api.call("citizen", "GET", f"/citizen/materials?after={shown['next']}").json["items"] == [
        {"material": "plastic"}
    ]
    assert len(api.call("citizen", "GET", "/citizen/communes").json["items"]) == 2


def test_shop_is_added_keyed_changed_and_revoked(api: Api):
    shop = ask(
        api, "POST", "/shops", 201, key="s", json={"name": "Épicerie", "address": "3 rue B", "insee_code": "93001"}
    )
    path = f"/shops/{shop['shop_id']}"
    assert shop["commune"] == "Aubervilliers"
    assert edit(api, "PATCH", path, {"name": "Épicerie du Canal"})["name"] == "Épicerie du Canal"
    nowhere = {"name": "X", "address": "Y", "insee_code": "00000"}
    assert_problem(api.call("ada", "POST", "/authority/shops", key="n", json=nowhere), 404, "commune_unknown")
    key = ask(api, "POST", f"{path}/api-keys", 201, json={"label": "till 1", "scopes": ["redeem"]})
    entered = {"code": "nothing"}
    assert api.call(key["secret"], "POST", "/shop/vouchers/lookup", json=entered).json["code"] == "voucher_unknown"
    plain = ask(api, "POST", f"{path}/api-keys", 201, json={"label": "till 0"})
    assert api.call(plain["secret"], "GET", "/shop/me").json["key"]["scopes"] == ["redeem"]
    ask(api, "DELETE", f"/api-keys/{plain['api_key_id']}", 204)
    new = ask(api, "POST", f"/api-keys/{key['api_key_id']}/replacement", 201)
    assert_problem(
        api.call("ada", "POST", f"/authority/api-keys/{key['api_key_id']}/replacement"), 404, "api_key_unknown"
    )
    listed = ask(api, "GET", f"/api-keys?shop_id={shop['shop_id']}")["items"]
    assert [each["api_key_id"] for each in listed] == [
        new["api_key_id"],
        plain["api_key_id"],
        key["api_key_id"],
    ]
    assert not {"secret", "secret_digest"} & listed[0].keys()
    ask(api, "DELETE", f"/api-keys/{new['api_key_id']}", 204)
    assert_problem(api.call(new["secret"], "POST", "/shop/vouchers/lookup", json=entered), 401, "credentials_refused")
    assert ask(api, "POST", f"{path}/revocation")["state"] == "revoked"
    assert_problem(api.call(key["secret"], "POST", "/shop/vouchers/lookup", json=entered), 401, "credentials_refused")


def test_statement_is_locked_once_sent_and_paid(api: Api):
    voucher = api.buy("to-settle")
    tenant = {"authority_id": api.town.authority_id, "shop_id": api.town.shop.shop_id}
    with api.owner.begin() as connection:
        till = {"redemption_key": "k", "now": datetime.datetime(2026, 10, 31, 12, tzinfo=datetime.UTC)}
        redeem_voucher(connection, api.town.keyring, **tenant, code=voucher["code"], **till)
    [draft] = ask(api, "GET", "/statements?month=2026-10")["items"]
    shown = ask(api, "GET", f"/shops/{draft['shop_id']}/statement?month=2026-10")
    assert (draft["state"], draft["points"], draft["payable_cents"], draft["lines"]) == ("draft", 10, 300, 1)
    assert (shown["points"], shown["funders"][0]["payable_cents"]) == (10, 300)
    order = {"shop_id": draft["shop_id"], "month": "2026-10"}
    early = api.call("ada", "POST", "/authority/statements", key="e", json=order | {"month": "2026-11"})
    assert_problem(early, 409, "month_not_over")
    locked = ask(api, "POST", "/statements", 201, key="l", json=order)
    assert locked == ask(api, "POST", "/statements", 201, key="l", json=order)
    assert_problem(api.call("ada", "POST", "/authority/statements", key="2", json=order), 409, "statement_locked")
    path = f"/statements/{locked['year']}/{locked['number']}"
    assert_problem(
        api.call("ada", "POST", f"/authority{path}/steps", json={"step": "pay", "paid_on": "2026-11-21"}),
        409,
        "statement_state_wrong",
    )
    ask(api, "POST", f"{path}/steps", json={"step": "send"})
    paid = ask(api, "POST", f"{path}/steps", json={"step": "pay", "paid_on": "2026-11-21"})
    assert (paid["state"], paid["paid_on"], paid["lines"][0]["points"]) == ("paid", "2026-11-21", 10)
    [now_listed] = ask(api, "GET", "/statements?month=2026-10")["items"]
    assert (now_listed["state"], now_listed["number"], now_listed["lines"]) == ("paid", locked["number"], 1)
    [total] = ask(api, "GET", "/statements/funders")["items"]
    assert (total["month"], total["funder_name"], total["payable_cents"]) == ("2026-10", "Town-1", 300)
    nothing = api.call("ada", "GET", f"/authority/shops/{draft['shop_id']}/statement?month=2026-09")
    assert_problem(nothing, 409, "nothing_due")


def test_sites_bins_and_placements_are_kept_and_mapped(api: Api):
    new = {"reference": "C", "insee_code": "93001", "address": "5 rue C", "latitude": 48.9, "longitude": 2.4}
    site = ask(api, "POST", "/sites", 201, key="site", json=new)
    assert_problem(api.call("ada", "POST", "/authority/sites", key="x", json=new), 409, "site_reference_taken")
    assert edit(api, "PATCH", f"/sites/{site['site_id']}", {"address": "7 rue C"})["address"] == "7 rue C"
    [bin_id, other] = api.town.bin_ids
    moved = ask(api, "POST", f"/bins/{bin_id}/placements", 201, json={"site": "C"})
    assert (moved["site"], moved["commune"], moved["fill_pct"]) == ("C", "Aubervilliers", None)
    assert_problem(
        api.call("ada", "POST", f"/authority/bins/{bin_id}/placements", json={"site": "C"}), 409, "bin_already_there"
    )
    with api.owner.begin() as connection:
        report = "INSERT INTO bin_reports (authority_id, bin_id, last_heard_at, status) VALUES (:a, :b, :now, :said)"
        said = '{"fill_pct": {"glass": 80, "plastic": 20}}'
        connection.execute(text(report), {"a": api.town.authority_id, "b": bin_id, "now": api.now, "said": said})
    bins = api.call("viewer", "GET", "/authority/bins?format=geojson").json["features"]
    assert [each["properties"]["fill_pct"] for each in bins] == [80, None]
    assert bins[0]["geometry"]["coordinates"] == [2.4, 48.9]
    stays = ask(api, "GET", f"/placements?bin_id={bin_id}")["items"]
    assert [each["site"] for each in stays] == ["A", "C"]
    assert stays[1]["removed_at"] is None
    assert ask(api, "POST", f"/bins/{other}/retirement")["state"] == "revoked"
    assert_problem(api.call("ada", "POST", f"/authority/bins/{other}/retirement"), 409, "bin_revoked")
    assert_problem(api.call("ada", "GET", "/authority/bins/no%00bin"), 404, "bin_missing")
    assert [each["reference"] for each in ask(api, "GET", "/sites?insee_code=93001")["items"]] == ["B", "C"]


def test_deposits_are_exported_without_persons(api: Api):
    exported = api.call("viewer", "GET", "/authority/exports/deposits?from=2026-11-01&to=2026-11-30&format=csv")
    header, *rows = exported.text.splitlines()
    assert "bin_id" in header
    assert not {"badge", "citizen", "wallet"} & set(header.split(","))
    assert sum(int(row.split(",")[7]) for row in rows) >= 1
    reversed_ = api.call("viewer", "GET", "/authority/exports/deposits?from=2026-11-30&to=2026-11-01")
    assert_problem(reversed_, 422, "period_reversed")


def test_settings_say_which_deposits_are_held_and_a_review_is_decided_once(api: Api):
    before = ask(api, "GET", "/settings")
    assert before["review_over_items"] is None
    assert (
        edit(api, "PATCH", "/settings", {"review_over_items": 100, "address": "1 place\nSaint-Denis"})[
            "review_over_items"
        ]
        == 100
    )
    with api.owner.begin() as connection:
        for items in (150, 160):
            deposit(connection, api.town, badge="ADA-CARD", items=items, now=api.now, bin_no=0)
        set_review_rules(connection, ReviewRules(), authority_id=api.town.authority_id)
    first, second = ask(api, "GET", "/reviews")["items"]
    path = f"/reviews/{first['transfer_id']}/decision"
    assert ask(api, "POST", path, json={"decision": "approve"})["state"] == "approved"
    assert_problem(api.call("ada", "POST", f"/authority{path}", json={"decision": "approve"}), 409, "review_decided")
    no = {"decision": "reject", "reason": "bin_fault", "note": "rain"}
    rejected = ask(api, "POST", f"/reviews/{second['transfer_id']}/decision", json=no)
    assert (rejected["reason"], rejected["decided_by"]) == ("bin_fault", "Ada")
    assert ask(api, "GET", "/reviews")["items"] == []


def test_correction_takes_two_agents_whatever_they_are_called(api: Api):
    with api.owner.connect() as connection:
        transfer_id = connection.execute(
            text("SELECT transfer_id FROM transfers WHERE journal_no IS NOT NULL AND phase = 'single' LIMIT 1")
        ).scalar_one()
    order = {"transfer_id": str(transfer_id), "kind": "reversal", "reason": "bin_fault", "note": "counted twice"}
    assert_problem(api.call("authority", "POST", "/authority/corrections", key="p", json=order), 403, "agent_required")
    asked = ask(api, "POST", "/corrections", 201, key="1", json=order)
    path = f"/corrections/{asked['correction_id']}/decision"
    yes = {"decision": "approve"}
    ledger = api.ledger()
    assert_problem(api.call("authority", "POST", f"/authority{path}", json=yes), 403, "agent_required")
    assert_problem(api.call("ada", "POST", f"/authority{path}", json=yes), 403, "second_person_required")
    rename(api, "Ada", "Adèle")
    assert_problem(api.call("ada", "POST", f"/authority{path}", json=yes), 403, "second_person_required")
    assert api.ledger() == ledger
    approved = ask(api, "POST", path, json=yes, who="bob")
    assert (approved["state"], approved["requested_by"], approved["decided_by"]) == ("approved", "Ada", "Bob")
    assert_problem(api.call("bob", "POST", f"/authority{path}", json=yes), 409, "correction_decided")
    rename(api, "Adèle", "Ada")


def rename(api: Api, old: str, new: str) -> None:
    """Give an agent another name."""
    with api.owner.begin() as connection:
        connection.execute(text("UPDATE agents SET name = :new WHERE name = :old"), {"old": old, "new": new})


LISTS = [
    "agents",
    "api-keys",
    "bins",
    "campaigns?",
    "causes/months",
    "causes?with_all=true",
    "corrections?with_decided=true",
    "drafts?with_ended=true",
    "exports/deposits?from=2026-11-01&to=2026-11-30",
    "funders",
    "goals?with_all=true",
    "offers",
    "placements",
    "redemption-reversals?with_decided=true",
    "reviews?with_decided=true",
    "sessions",
    "shops",
    "sites",
    "statements/funders",
    "statements?month=2026-10",
    "tariffs",
]


@pytest.mark.parametrize("path", LISTS)
def test_pages_show_everything_once_by_as_many_queries_whatever_their_size(api: Api, path: str):
    sign = "&" if "?" in path else "?"
    counted: list[int] = []

    def show(limit: int, after: str | None) -> Any:
        statements: list[str] = []

        def note(_connection, _cursor, statement, *_rest) -> None:
            statements.append(statement)

        engine = api.app.extensions["bontri"].agents_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            page = ask(api, "GET", f"/{path}{sign}limit={limit}" + (f"&after={after}" if after else ""))
        finally:
            event.remove(engine, "before_cursor_execute", note)
        counted.append(len(statements))
        return page

    whole = show(500, None)["items"]
    seen, page = [], show(1, None)
    while page["items"]:
        seen += page["items"]
        if page["next"] is None:
            break
        page = show(1, page["next"])
    assert seen == whole
    assert len(set(counted)) == 1
    assert max(counted) <= 4
