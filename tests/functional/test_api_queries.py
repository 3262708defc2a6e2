"""No operation of the API needs more statements when there is more to tell or to do; none can be forgotten here."""

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from partners_api.authorities import territory
from rewards.sites import get_site, list_sites
from tests.api_client import Api, start_api
from tests.api_fuzz import Operation
from tests.api_scene import Scene, path_of
from tests.databases import DatabasePool
from tests.ingest_scene import KEYRING

NOW = datetime.datetime(2026, 11, 21, 9, tzinfo=datetime.UTC)
MONTHS = [datetime.datetime(2026, month, 10, 9, tzinfo=datetime.UTC) for month in (9, 10)]
GROWTH = 4
SOME_TIME = "from=2026-09-01&to=2026-11-30"
QUERIES = {
    "citizen_show_bins_near": "latitude=48.93&longitude=2.35&radius_m=50000",
    "authority_show_bin_attendance": SOME_TIME,
    "authority_show_capture": "year=2026",
    "authority_show_comparison": "year=2026",
    "authority_show_deposit_figures": SOME_TIME,
    "authority_show_participation": SOME_TIME,
    "authority_show_published_cells": SOME_TIME,
    "authority_export_deposits": SOME_TIME,
    "authority_show_mass_balance": SOME_TIME,
    "authority_show_figures": f"{SOME_TIME}&level=bin&by_material=true&with_year_before=true",
    "authority_show_figures_of_sites": SOME_TIME,
    "authority_show_ranking": SOME_TIME,
    "authority_show_statements_of_month": "month={month}",
    "authority_show_statement_of_shop": "month={month}",
}
LOCK = "authority_lock_statement_of_shop"
OF_YEARS_THAT_ARE_OVER = {"authority_show_annual_report", "authority_show_annual_report_document"}
"""Counted where there is such a year: tests/integration/test_annual_report.py."""
WORK: dict[str, Callable[[Scene], Any]] = {
    LOCK: lambda scene: {"shop_id": str(scene.api.town.shop.shop_id), "month": scene.facts["month"]},
    "authority_rehearse": lambda _: {"since": "2026-09-01T00:00:00Z", "until": "2026-12-01T00:00:00Z"},
    "authority_close_goal_of_authority": lambda _: None,
    "authority_end_partnership": lambda _: None,
    "citizen_buy_voucher": lambda scene: {"offer_id": str(scene.api.town.offer_id)},
    "citizen_cancel_own_voucher": lambda _: None,
    "citizen_give_to_cause": lambda _: {"points": 20},
    "citizen_give_to_goal": lambda _: {"points": 20},
    "citizen_leave_own_household": lambda _: None,
    "citizen_revoke_other_citizen_sessions": lambda _: None,
    "operator_replay_quarantined": lambda _: {"code": "bad_signature"},
    "shop_redeem": lambda scene: {"code": scene.buy()["code"]},
    "shop_show_vouchers_of_card": lambda _: {"badge": "ADA-CARD"},
}
"""What is no GET and works on, or tells of, as many as there are: its body."""
OF_ONE_THING = {
    "authority_accept_dispute_with_credit",
    "authority_accept_dispute_with_reinstatement",
    "authority_accept_dispute_with_reversal",
    "authority_add_agent",
    "authority_add_cause_of_authority",
    "authority_add_draft",
    "authority_add_drop_off_point",
    "authority_add_funder_of_vouchers",
    "authority_add_goal_of_authority",
    "authority_add_offer",
    "authority_add_partner_shop",
    "authority_add_program_key",
    "authority_add_till_key",
    "authority_ask_for_correction",
    "authority_ask_to_take_redemption_back",
    "authority_begin_agent_sign_in",
    "authority_close_agent_session",
    "authority_close_bin_problem",
    "authority_decide_correction",
    "authority_decide_redemption_reversal",
    "authority_decide_review",
    "authority_drop_draft",
    "authority_edit_agent",
    "authority_edit_cause",
    "authority_edit_draft",
    "authority_edit_goal",
    "authority_edit_offer",
    "authority_edit_settings",
    "authority_edit_shop",
    "authority_edit_site",
    "authority_open_agent_session",
    "authority_place_bin",
    "authority_publish",
    "authority_reject_citizen_dispute",
    "authority_replace_key",
    "authority_retire_bin",
    "authority_revoke_agent_session",
    "authority_revoke_key",
    "authority_set_assumption_of_authority",
    "authority_set_budget",
    "authority_set_mass_of_items",
    "authority_set_rules_of_citizens",
    "authority_stop_published_campaign",
    "authority_take_cause_step",
    "authority_take_offer_step",
    "authority_take_statement_step",
    "citizen_ask_citizen_erasure",
    "citizen_begin_citizen_erasure",
    "citizen_begin_citizen_sign_in",
    "citizen_begin_citizen_sign_up",
    "citizen_block_citizen_card",
    "citizen_change_letter_wishes_of_citizen",
    "citizen_change_profile",
    "citizen_claim_citizen_card",
    "citizen_close_citizen_session",
    "citizen_dispute_movement",
    "citizen_invite_to_household",
    "citizen_join_household",
    "citizen_make_voucher_short_code",
    "citizen_open_citizen_session",
    "citizen_replace_citizen_card",
    "citizen_report_bin_problem",
    "citizen_revoke_citizen_session",
    "citizen_take_back_citizen_erasure",
    "operator_change_operator_key",
    "operator_edit_authority",
    "operator_end_alarm_of_bin",
    "operator_end_operator_key",
    "operator_make_authority",
    "operator_make_operator_key",
    "operator_order_emptying_mode",
    "operator_order_reboot",
    "operator_order_resend",
    "operator_provision_bin",
    "operator_put_bin_into_state",
    "operator_replay_one_quarantined",
    "operator_retire_bin_key",
    "operator_revoke_bin",
    "operator_rotate_bin_key",
    "operator_run_job_now",
    "shop_add_key",
    "shop_change_one_of_staff",
    "shop_change_own_draft",
    "shop_change_own_stock",
    "shop_change_shop",
    "shop_draft_own_offer",
    "shop_end_own_offer",
    "shop_look_up",
    "shop_name_staff",
    "shop_pause_own_offer",
    "shop_redeem_voucher_of_card",
    "shop_replace_own_key",
    "shop_resume_own_offer",
    "shop_reverse",
    "shop_revoke_own_key",
    "shop_submit_own_offer",
    "shop_withdraw_own_offer",
}
"""What changes the one thing it names, however many of them there are, and answers with it."""
CALLERS = {"authority": "agent", "citizen_leave_own_household": "friend"}


@contextmanager
def statements_of(api: Api) -> Iterator[list[str]]:
    """Collect what the API sends to the database."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    services = api.app.extensions["bontri"]
    engines = (services.engine, services.agents_engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


def count(scene: Scene, operation: Operation) -> tuple[int | None, int]:
    """Return how much a list tells (None: it is none) and by how many statements; it must succeed."""
    name, audience = operation.facts["operationId"], str(operation.audience)
    who = CALLERS.get(name) or CALLERS.get(audience, audience)
    body = WORK[name](scene) if name in WORK else None
    is_list = "limit" in operation.parameters("query")
    asked = [QUERIES.get(name, "").format(**scene.facts), *(["limit=500"] if is_list else [])]
    path = f"{path_of(scene, operation)}?{'&'.join(filter(None, asked))}"
    with statements_of(scene.api) as seen:
        answer = scene.send(who, operation.method.upper(), path, body)
    assert answer.status_code < 300, (name, answer.text)
    if name == LOCK:
        scene.facts.update(year=answer.json["year"], number=answer.json["number"])
    return (len(answer.json["items"]) if is_list else None), len(seen)


@pytest.fixture(scope="module")
def scene(databases: DatabasePool) -> Iterator[Scene]:
    with databases.lend() as database:
        scene = Scene(start_api(database, KEYRING, NOW))
        scene.begin()
        yield scene


def row_by_row(connection: Any, **asked: Any) -> list[Any]:
    """List sites as nobody should."""
    of_tenant = {"authority_id": asked["authority_id"], "now": asked["now"]}
    return [get_site(connection, site.site_id, **of_tenant) for site in list_sites(connection, **asked)]


def test_no_operation_needs_more_statements_for_more(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    operations = scene.operations
    assert {each.facts["operationId"] for each in operations if each.method != "get"} == WORK.keys() | OF_ONE_THING
    tried = [
        each
        for each in operations
        if (each.method == "get" and each.facts["operationId"] not in OF_YEARS_THAT_ARE_OVER)
        or each.facts["operationId"] in WORK
    ]
    # A statement must be locked to be shown; what changes something else comes when all has been looked at.
    tried.sort(key=lambda each: (each.facts["operationId"] != LOCK, each.method != "get", each.audience == "authority"))
    [sites] = [each for each in tried if each.facts["operationId"] == "authority_show_sites"]
    told, controls = [], []
    for month, more in zip(MONTHS, (1, GROWTH), strict=True):
        for _ in range(more):
            scene.grow(month)
        scene.note_ids(month)
        told.append({each.facts["operationId"]: count(scene, each) for each in tried})
        with monkeypatch.context() as patched:
            patched.setattr(territory, "list_sites", row_by_row)
            controls.append(count(scene, sites)[1])
    few, many = told
    grown = {name: (few[name][1], many[name][1]) for name in few if few[name][1] != many[name][1]}
    assert grown == {}
    as_short = {name: size for name, (size, _) in few.items() if size is not None and not 0 < size < many[name][0]}
    assert as_short == {}, "says nothing of lists that did not grow"
    assert controls[1] >= controls[0] + GROWTH, "a query for each row is not noticed"
