"""What operators do over the API, one authority a call: authorities, bins and keys, orders, alarms, jobs, own keys."""

import csv
import datetime
import io
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from rewards.alarms import Sighting, raise_alarms
from rewards.commands import CommandAnswer, end_answered
from rewards.instants import write_instant
from rewards.jobs import add_jobs, end_job, fail_job, take_job
from rewards.keyring import Keyring
from rewards.quarantine import RefusedMessage, store_refused
from tests.api_client import Api, assert_problem, start_api
from tests.databases import DatabasePool
from tests.factories import JOURNAL

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
KEYRING = Keyring(b"m" * 32, b"p" * 32, b"s" * 32)
TOWN = "/operator/authorities/town-1"
TABLES = ("authorities", "bins", "bin_keys", "bin_commands", "bin_alarms", "jobs", "operator_keys")


@pytest.fixture(scope="module")
def api(databases: DatabasePool) -> Iterator[Api]:
    """One town for the whole file; each test uses bins of its own."""
    with databases.lend() as database:
        here = start_api(database, KEYRING, NOW)
        start_api(database, KEYRING, NOW, town_no=2)
        here.earn(3)
        yield here


def state_of(api: Api) -> list[Any]:
    """Everything a refusal must leave as it was."""
    with api.owner.connect() as connection:
        return [connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).all() for table in TABLES]


def provision(api: Api, bin_id: str, **more: Any) -> dict[str, Any]:
    answer = api.call(
        "operator", "POST", f"{TOWN}/bins", key=f"new-{bin_id}", json={"bin_id": bin_id, "site": "A", **more}
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def refuse(api: Api, status: int, code: str, method: str, path: str, **options: Any) -> None:
    """Assert that something is refused and has changed nothing."""
    before = state_of(api)
    assert_problem(api.call("operator", method, path, **options), status, code)
    assert state_of(api) == before


def test_authority_is_added_listed_and_changed_by_who_has_seen_it(api: Api) -> None:
    new = {"slug": "val", "name": "Val de Test", "address": "1 place A\n93000 Val"}
    made = api.call("operator", "POST", "/operator/authorities", json=new)
    assert made.status_code == 201, made.text
    assert (made.json["slug"], made.json["timezone"], made.json["authority_id"]) == ("val", "Europe/Paris", 3)
    refuse(api, 409, "authority_taken", "POST", "/operator/authorities", json=new)
    refuse(api, 409, "authority_taken", "POST", "/operator/authorities", json=new | {"slug": "operator"})
    for wrong in ({"timezone": "Europe/Pari"}, {"name": "half \ud800"}, {"name": ""}, {"name": "a\nb"}):
        refuse(api, 422, "request_invalid", "POST", "/operator/authorities", json=new | wrong)
    listed = api.call("operator", "GET", "/operator/authorities").json["items"]
    assert [each["slug"] for each in listed] == ["town-1", "town-2", "val"]
    path = "/operator/authorities/val"
    seen = api.call("operator", "GET", path)
    change = {"name": "Val", "review_over_items": 40}
    changed = api.call("operator", "PATCH", path, json=change, headers={"If-Match": seen.headers["ETag"]})
    assert (changed.status_code, changed.json) == (200, seen.json | change)
    refuse(
        api, 412, "precondition_failed", "PATCH", path, json={"name": "X"}, headers={"If-Match": seen.headers["ETag"]}
    )
    refuse(api, 428, "precondition_required", "PATCH", path, json={"name": "X"})
    for body in ({"slug": "x-y"}, {"name": "a\0b"}, {"review_over_items": 201}, {"timezone": "Europe/Rome"}):
        refuse(api, 422, "request_invalid", "PATCH", path, json=body, headers={"If-Match": changed.headers["ETag"]})
    for slug in ("nowhere", "x", "%00", "A", "é"):
        refuse(api, 404, "authority_unknown", "GET", f"/operator/authorities/{slug}/health")


def test_new_authority_has_accounts_of_its_own(api: Api) -> None:
    made = api.call("operator", "POST", "/operator/authorities", json={"slug": "mont", "name": "Mont"}).json
    with api.owner.connect() as connection:
        of_it = {"authority_id": made["authority_id"]}
        count = text("SELECT count(*) FROM authority_accounts WHERE authority_id = :authority_id")
        assert connection.scalar(count, of_it) == 6
        count = text("SELECT count(*) FROM funders WHERE authority_id = :authority_id")
        assert connection.scalar(count, of_it) == 1


def test_provisioned_bin_is_handed_its_key_and_a_lost_answer_is_given_again(api: Api) -> None:
    handed = provision(api, "NEW-00001", capacity_l=2500, state="test")
    assert handed["key"] == KEYRING.bin_key(authority="town-1", bin_id="NEW-00001", key_number=1).hex()
    assert handed["password"] == KEYRING.broker_password(username="NEW-00001")
    assert provision(api, "NEW-00001", capacity_l=2500, state="test") == handed
    again = {"bin_id": "NEW-00001", "site": "A"}
    refuse(api, 409, "bin_taken", "POST", f"{TOWN}/bins", key="other", json=again)
    refuse(api, 422, "idempotency_key_reused", "POST", f"{TOWN}/bins", key="new-NEW-00001", json=again)
    refuse(api, 404, "site_missing", "POST", f"{TOWN}/bins", key="k2", json={"bin_id": "NEW-00002", "site": "nowhere"})
    refuse(api, 422, "request_invalid", "POST", f"{TOWN}/bins", key="k3", json={"bin_id": "new", "site": "A"})
    there = "/operator/authorities/town-2/bins"
    refuse(api, 409, "bin_taken", "POST", there, key="k4", json=again)
    refuse(api, 404, "bin_missing", "GET", f"{there}/NEW-00001")
    shown = api.call("operator", "GET", f"{TOWN}/bins/NEW-00001").json
    assert (shown["state"], shown["capacity_l"]) == ("test", 2500)
    assert [(key["key_number"], key["state"]) for key in shown["keys"]] == [(1, "valid")]
    assert "key" not in str([key for key in shown if key != "keys"]).replace("used_key_number", "")


def test_key_is_rotated_and_the_old_one_retired(api: Api) -> None:
    provision(api, "KEY-00001")
    keys = f"{TOWN}/bins/KEY-00001/keys"
    refuse(api, 409, "key_is_last", "DELETE", f"{keys}/1")
    second = api.call("operator", "POST", keys, key="rotate-1")
    assert (second.status_code, second.json["key_number"]) == (201, 2)
    assert second.json["key"] == KEYRING.bin_key(authority="town-1", bin_id="KEY-00001", key_number=2).hex()
    assert api.call("operator", "POST", keys, key="rotate-1").json == second.json
    refuse(api, 409, "keys_too_many", "POST", keys, key="rotate-2")
    assert api.call("operator", "DELETE", f"{keys}/1").status_code == 204
    refuse(api, 404, "key_missing", "DELETE", f"{keys}/1")
    refuse(api, 404, "key_missing", "DELETE", f"{keys}/9999999999")


def test_bin_changes_state_and_is_revoked_for_good(api: Api) -> None:
    provision(api, "STATE-001", state="test")
    path = f"{TOWN}/bins/STATE-001"
    assert api.call("operator", "PUT", f"{path}/state", json={"state": "live"}).status_code == 204
    refuse(api, 409, "bin_state_unchanged", "PUT", f"{path}/state", json={"state": "live"})
    assert api.call("operator", "POST", f"{path}/revocation").status_code == 204
    refuse(api, 409, "bin_revoked", "POST", f"{path}/revocation")
    refuse(api, 409, "bin_revoked", "PUT", f"{path}/state", json={"state": "test"})
    refuse(api, 409, "bin_revoked", "POST", f"{path}/keys", key="rotate-revoked")
    refuse(api, 409, "bin_revoked", "POST", f"{path}/reboots", key="k", json={})
    for bin_id in ("NOWHERE-1", "x", "%00"):
        refuse(api, 404, "bin_missing", "POST", f"{TOWN}/bins/{bin_id}/revocation")


def test_bins_are_listed_with_their_live_state_as_json_csv_and_on_a_map(api: Api) -> None:
    with api.owner.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO bin_reports (authority_id, bin_id, last_heard_at, is_online, firmware, status, status_at)
                VALUES (1, :bin_id, :now, true, '1.2.3', '{"fill_pct": 71}', :now)
            """),
            {"bin_id": api.town.bin_ids[0], "now": api.now - datetime.timedelta(hours=1)},
        )
        connection.execute(
            text("UPDATE placements SET removed_at = :now WHERE bin_id = :bin_id"),
            {"bin_id": api.town.bin_ids[1], "now": api.now - datetime.timedelta(hours=1)},
        )
    items, path = [], f"{TOWN}/bins?limit=1&state=live"
    while path:
        page = api.call("operator", "GET", path).json
        items += page["items"]
        path = page["next"] and f"{TOWN}/bins?limit=1&state=live&after={page['next']}"
    bins = {each["bin_id"]: each for each in items}
    assert list(bins) == sorted(bins)
    heard, nowhere = (bins[bin_id] for bin_id in api.town.bin_ids)
    assert (heard["site"], heard["status"], heard["is_online"]) == ("A", {"fill_pct": 71}, True)
    assert (nowhere["site"], nowhere["longitude"], nowhere["last_heard_at"]) == (None, None, None)
    silent = api.call("operator", "GET", f"{TOWN}/bins?silent_for_s=1800").json["items"]
    assert heard["bin_id"] in [each["bin_id"] for each in silent]
    silent = api.call("operator", "GET", f"{TOWN}/bins?silent_for_s=7200").json["items"]
    assert heard["bin_id"] not in [each["bin_id"] for each in silent]
    features = api.call("operator", "GET", f"{TOWN}/bins?format=geojson").json["features"]
    places = {each["properties"]["bin_id"]: each["geometry"] for each in features}
    assert places[heard["bin_id"]] == {"type": "Point", "coordinates": [2.35, 48.93]}
    assert places[nowhere["bin_id"]] is None
    rows = list(csv.DictReader(io.StringIO(api.call("operator", "GET", f"{TOWN}/bins?format=csv").text)))
    assert {row["bin_id"]: row["firmware"] for row in rows}[heard["bin_id"]] == "1.2.3"


def test_order_is_given_once_and_its_end_is_seen(api: Api) -> None:
    [bin_id, silent] = api.town.bin_ids
    path = f"{TOWN}/bins/{bin_id}"
    given = api.call("operator", "POST", f"{path}/resends", key="order-1", json={"first": 3, "events": 7})
    assert given.status_code == 202, given.text
    again = api.call("operator", "POST", f"{path}/resends", key="order-1", json={"first": 3, "events": 7})
    assert again.json == given.json
    api.call("operator", "POST", f"{path}/emptying-mode", key="order-2", json={"on": True})
    with api.owner.begin() as connection:
        answer = CommandAnswer(bin_id, given.json["command_id"], "done")
        assert end_answered(connection, [answer], authority_id=1, now=api.now) == 1
    listed = {each["kind"]: each for each in api.call("operator", "GET", f"{TOWN}/commands").json["items"]}
    assert listed["resend"]["arguments"] == {"journal": JOURNAL, "first": 3, "last": 9}
    assert listed["resend"]["outcome"] == "done"
    assert listed["emptying_mode"]["arguments"] == {"on": True, "minutes": 60}
    first = api.call("operator", "GET", f"{TOWN}/commands?limit=1").json
    second = api.call("operator", "GET", f"{TOWN}/commands?limit=1&after={first['next']}").json
    assert {first["items"][0]["kind"], second["items"][0]["kind"]} == {"resend", "emptying_mode"}
    assert api.call("operator", "GET", f"{TOWN}/commands?bin_id={silent}").json["items"] == []
    assert api.call("operator", "POST", f"{path}/reboots", key="order-3", json={"valid_s": 60}).status_code == 202
    never = f"{TOWN}/bins/{silent}/resends"
    refuse(api, 409, "bin_never_heard", "POST", never, key="k", json={"first": 1, "events": 2})
    refuse(api, 404, "bin_missing", "POST", f"{TOWN}/bins/NONE-0001/reboots", key="k", json={})
    for orders, order in (
        ("reboots", {"first": 1}),
        ("reboots", {"valid_s": 9}),
        ("resends", {"first": 1}),
        ("resends", {"first": 2**63 - 2, "events": 1}),
        ("emptying-mode", {"on": True, "minutes": 241}),
        ("emptying-mode", {"on": "yes"}),
    ):
        refuse(api, 422, "request_invalid", "POST", f"{path}/{orders}", key="k", json=order)


def test_alarm_is_listed_until_somebody_has_looked(api: Api) -> None:
    bins = api.town.bin_ids
    with api.owner.begin() as connection:
        sightings = [Sighting(bin_id, kind, api.now, {"n": 1}) for bin_id in bins for kind in ("gap", "clone")]
        raise_alarms(connection, sightings, authority_id=1, now=api.now)
    seen, path = [], f"{TOWN}/alarms?limit=3"
    while path:
        page = api.call("operator", "GET", path).json
        seen += [(each["bin_id"], each["kind"]) for each in page["items"]]
        path = page["next"] and f"{TOWN}/alarms?limit=3&after={page['next']}"
    assert seen == [(bin_id, kind) for bin_id in sorted(bins) for kind in ("clone", "gap")]
    path = f"{TOWN}/bins/{bins[0]}/alarms/clone"
    assert api.call("operator", "DELETE", path).status_code == 204
    refuse(api, 404, "alarm_missing", "DELETE", path)
    refuse(api, 404, "route_unknown", "DELETE", f"{TOWN}/bins/{bins[0]}/alarms/noise")
    assert len(api.call("operator", "GET", f"{TOWN}/alarms").json["items"]) == 3
    assert len(api.call("operator", "GET", f"{TOWN}/alarms?with_ended=true").json["items"]) == 4
    health = api.call("operator", "GET", f"{TOWN}/health").json
    assert health["alarms"] == {"clone": 1, "gap": 2}


def test_jobs_tell_of_their_last_run_and_are_put_first(api: Api) -> None:
    jobs = ("expire-points", "lock-statements", "prune-quarantine")
    with api.owner.begin() as connection:
        add_jobs(connection, jobs, authority_id=1, now=api.now)
        for _ in jobs[1:]:
            lease = take_job(connection, jobs, authority_id=1, now=api.now)
            assert lease is not None
            if lease.job == "expire-points":
                end_job(connection, lease, {"lots": 2}, due_at=api.now + datetime.timedelta(hours=1), now=api.now)
            else:
                fail_job(connection, lease, "OSError", now=api.now)
    listed = {each["job"]: each for each in api.call("operator", "GET", f"{TOWN}/jobs").json["items"]}
    assert sorted(listed) == sorted(jobs)
    assert listed["expire-points"]["outcome"] == {"lots": 2}
    assert [each["failures"] for each in listed.values() if each["outcome"] == {"fault": "OSError"}] == [1]
    assert api.call("operator", "GET", f"{TOWN}/health").json["failing_jobs"] == 1
    path = f"{TOWN}/jobs/expire-points/run"
    assert api.call("operator", "POST", path).json == {"is_changed": True}
    assert api.call("operator", "POST", path).json == {"is_changed": False}
    with api.owner.begin() as connection:
        due = text("SELECT job FROM jobs WHERE due_at <= :now AND leased_until IS NULL ORDER BY job")
        assert "expire-points" in connection.scalars(due, {"now": api.now}).all()
    for job in ("nothing", "%00", "é"):
        refuse(api, 404, "job_unknown", "POST", f"{TOWN}/jobs/{job}/run")


def test_operators_key_is_made_replaced_and_revoked(api: Api) -> None:
    made = api.call("operator", "POST", "/operator/keys", json={"label": "grace"}).json
    assert api.call(made["secret"], "GET", "/operator/authorities").status_code == 200
    replacement = f"/operator/keys/{made['operator_key_id']}/replacement"
    new = api.call("operator", "POST", replacement, json={"overlap_s": 60}).json
    refuse(api, 404, "api_key_unknown", "POST", replacement, json={})
    for secret in (made["secret"], new["secret"]):
        assert api.call(secret, "GET", "/operator/authorities").status_code == 200
    api.now += datetime.timedelta(seconds=61)
    assert_problem(api.call(made["secret"], "GET", "/operator/authorities"), 401, "credentials_refused")
    path = f"/operator/keys/{new['operator_key_id']}"
    assert api.call("operator", "DELETE", path).status_code == 204
    refuse(api, 404, "api_key_unknown", "DELETE", path)
    assert_problem(api.call(new["secret"], "GET", "/operator/authorities"), 401, "credentials_refused")
    listed = api.call("operator", "GET", "/operator/keys").json["items"]
    assert [(each["label"], each["revoked_at"] is None) for each in listed[:2]] == [("grace", False), ("grace", True)]
    assert made["secret"].partition(".")[2] not in str(listed)


def test_quarantine_is_looked_at_without_its_bytes_and_replayed(api: Api) -> None:
    badge = "04A2B9C1-SECRET"
    received = [api.now - datetime.timedelta(days=days) for days in (40, 2, 1)]
    refused = [
        RefusedMessage(
            f"bontri/1/town-1/{no}/up", f"{badge} {no}".encode(), at, api.town.bin_ids[0], "bad_signature", "x"
        )
        for no, at in enumerate(received)
    ]
    with api.owner.begin() as connection:
        store_refused(connection, refused, authority_id=1, keyring=KEYRING)
        store_refused(connection, refused[:1], authority_id=0, keyring=KEYRING)
    seen, path = [], f"{TOWN}/quarantine?limit=2"
    while path:
        page = api.call("operator", "GET", path).json
        seen += page["items"]
        path = page["next"] and f"{TOWN}/quarantine?limit=2&after={page['next']}"
    assert [each["received_at"] for each in seen] == [write_instant(at) for at in reversed(received)]
    assert {each["code"] for each in seen} == {"bad_signature"}
    summary = api.call("operator", "GET", f"{TOWN}/quarantine/summary").json
    assert summary == {
        "waiting_messages": 3,
        "waiting_by_code": {"bad_signature": 3},
        "overflows_by_code": {},
        "due_for_pruning": 1,
    }
    one = f"{TOWN}/quarantine/{seen[0]['message_id']}"
    shown = api.call("operator", "GET", one)
    assert shown.json == seen[0] | {"events": []}
    assert badge not in shown.text
    asked = api.call("operator", "POST", f"{one}/replay")
    assert (asked.status_code, asked.json["requested_messages"]) == (202, 1)
    assert api.call("operator", "GET", one).json["replay"] == "requested"
    selected = {"code": "bad_signature", "since": received[1].isoformat()}
    asked = api.call("operator", "POST", f"{TOWN}/quarantine/replays", json=selected)
    # One of the two is requested already.
    assert asked.json == {"requested_messages": 1, "may_be_more": False}
    nobodys = api.call("operator", "GET", "/operator/authorities/0/quarantine").json["items"]
    assert len(nobodys) == 1
    for message_id in ("0" * 32, "0", "%00", "x" * 32, nobodys[0]["message_id"][:-1] + "g"):
        refuse(api, 404, "message_missing", "POST", f"{TOWN}/quarantine/{message_id}/replay")
        refuse(api, 404, "message_missing", "GET", f"{TOWN}/quarantine/{message_id}")
    refuse(api, 404, "authority_unknown", "GET", "/operator/authorities/0/health")


def test_number_of_queries_grows_with_no_list(api: Api) -> None:
    from sqlalchemy import event

    counted: list[str] = []
    engine = api.app.extensions["bontri"].agents_engine

    def count(*arguments: Any) -> None:
        counted.append(arguments[2])

    event.listen(engine, "before_cursor_execute", count)
    for path in ("bins", "commands", "alarms", "jobs", "quarantine", "health", "quarantine/summary"):
        counts = []
        for limit in ("?limit=1", "?limit=500") if path not in ("health", "quarantine/summary") else ("", ""):
            counted.clear()
            assert api.call("operator", "GET", f"{TOWN}/{path}{limit}").status_code == 200
            counts.append(len(counted))
        assert counts[0] == counts[1] <= 6, path
    event.remove(engine, "before_cursor_execute", count)
