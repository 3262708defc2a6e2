"""A town with some of everything, made over the API where it can be, and a good request of every operation.

For tests that go through the whole document: how many statements an operation needs, what it does with made-up bodies.
"""

import datetime
import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import text
from werkzeug.test import TestResponse

from rewards.alarms import Sighting, raise_alarms
from rewards.jobs import add_jobs
from rewards.privacy.requesting import ask_erasure
from rewards.quarantine import RefusedMessage, store_refused
from rewards.reviews import set_review_rules
from rewards.sign_ins import begin_sign_in, open_session
from rewards.statistics.imports import ImportRow
from rewards.statistics.references.sinoe import DepartmentTonnage
from rewards.statistics.references.storing import store_references
from rewards.statistics.tonnages.importing import store_tonnages
from rewards.suspicion import ReviewRules
from rewards.tariffs import add_tariff
from rewards.territory import add_commune, add_materials
from tests.api_client import EMAIL, Api, sign_agent_in
from tests.api_fuzz import Operation, list_operations
from tests.factories import START, build_citizen, build_key, deposit, open_session_for

CREDIT = text("""
    SELECT t.transfer_id FROM transfers t
     WHERE t.authority_id = 1 AND t.journal_no IS NOT NULL AND t.phase = 'single'
       AND NOT EXISTS (SELECT FROM corrections c WHERE c.authority_id = 1 AND c.transfer_id = t.transfer_id)
     ORDER BY t.transfer_id LIMIT 1
""")
PUBLISH = text("""
    INSERT INTO publications (authority_id, granularity, first_day, published_at, published_by, cells, withheld)
    VALUES (1, 'month', :first_day, :now, 'ada', 1, 1) ON CONFLICT DO NOTHING
""")
PUBLISH_CELL = text("""
    INSERT INTO published_cells (authority_id, granularity, first_day, level, code, material, is_withheld)
    VALUES (1, 'month', '2026-09-01', 'authority', '', :material, true)
""")
ROUNDS = text("""
    INSERT INTO collection_rounds
    SELECT 1, 1000 + :rounds, n + 1, 1000 + :rounds, n, :bin_id, s.site_id, 'glass', :now, :now, 2, 1, 99, 99, 0, 29000,
           false, 3, 0, 0, 0, 0, :now
      FROM sites s, generate_series(1, :rounds) AS n WHERE s.authority_id = 1 AND s.reference = 'A'
""")
JOBS = ("expire-points", "lock-statements", "prune-quarantine", "write-letters", "prune-limits", "watch-fleet")
PREFIX = "/api/v1"
DAY = datetime.timedelta(days=1)


@dataclass
class Scene:
    """What was made, by the name it has in paths: the last of each is what nothing has happened to yet."""

    api: Api
    made: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    facts: dict[str, Any] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @cached_property
    def operations(self) -> list[Operation]:
        return list_operations(self.api.call(None, "GET", "/openapi.json").json)

    def begin(self) -> None:
        """Say what holds for the whole town."""
        with self.api.owner.begin() as connection:
            self.api.tokens["agent"] = sign_agent_in(connection, self.api, "ada")
            rules = ReviewRules(over_items=100)
            set_review_rules(connection, rules, authority_id=self.api.town.authority_id)
            ask_erasure(
                connection,
                authority_id=self.api.town.authority_id,
                citizen_id=self.api.citizen.citizen_id,
                now=self.api.now,
            )

    def do(self, who: str, method: str, path: str, body: Any = None) -> Any:
        """Ask for something that must succeed."""
        answer = self.send(who, method, path, body)
        assert answer.status_code < 300, (method, path, answer.text)
        return answer.json if answer.data else None

    def send(
        self, who: str | None, method: str, path: str, body: Any = None, *, etag: str | None = None
    ) -> TestResponse:
        """Send a request with a key of its own, and what was seen."""
        headers = {} if etag is None else {"If-Match": etag}
        key = f"scene-{next(self.numbers)}"
        return self.api.call(who, method, path, key=key, json=body, headers=headers)

    def grow(self, month: datetime.datetime) -> None:
        """Make one more of everything; what shops redeem, they redeem in ``month``."""
        no = next(self.numbers)
        self.settle_for(month)
        self.grow_underneath(no)
        code = self.do("citizen", "POST", "/citizen/household/invitations")["code"]
        self.do("friend", "POST", "/citizen/household/memberships", {"code": code})
        self.grow_for_operators(no)
        self.grow_for_authorities(no, month)
        self.grow_at_shops_and_for_citizens(no)

    def grow_underneath(self, no: int) -> None:
        """Make what nobody makes over the API, and somebody who shares the wallet next."""
        api, today, town = self.api, self.api.now, self.api.town
        with api.owner.begin() as connection:
            deposit(connection, town, badge="ADA-CARD", items=90, now=today)
            deposit(connection, town, badge="ADA-CARD", items=150, now=today)
            open_session_for(connection, town, EMAIL, now=today)
            code = f"{75000 + no}"
            of_town = {"authority_id": town.authority_id}
            add_commune(connection, **of_town, insee_code=code, name=f"C{no}", population=9, population_year=2023)
            add_materials(connection, {f"material-{no}": None}, **of_town)
            store_references(connection, [DepartmentTonnage(no, 2000 + no, "93", "glass", 1, 1)], source="SINOE")
            day = datetime.date(2000 + no, 1, 1)
            tonnage = ImportRow(no, "", ("authority", "", "glass", day, day), {"mass_g": 1})
            store_tonnages(connection, [tonnage], **of_town, source="scales", now=today)
            begun = begin_sign_in(
                connection, town.keyring, **of_town, email="ada@town.example", holder="agent", now=today
            )
            proof = {"sign_in_id": begun.sign_in_id, "code": begun.code}
            open_session(connection, town.keyring, **of_town, **proof, holder="agent", now=today)
            build_citizen(connection, town, badge=f"FRIEND-{no}", email=f"friend{no}@example.org")
            build_citizen(connection, town, badge=f"LOOSE-{no}")
            api.tokens["friend"] = open_session_for(connection, town, f"friend{no}@example.org", now=today)
            api.tokens[f"agent {no}"] = sign_agent_in(connection, api, f"agent{no}")
            lines = {"glass": ("item", 1), "plastic": ("kilogram", 10)}
            add_tariff(connection, authority_id=1, name=f"T{no}", valid_from=START + 5000 * DAY + no * DAY, lines=lines)  # type: ignore[arg-type]
            for published in (datetime.date(2026, 9, 1), datetime.date(2030 + no, 1, 1)):
                connection.execute(PUBLISH, {"first_day": published, "now": today})
            connection.execute(PUBLISH_CELL, {"material": f"material-{no}"})
            refused = RefusedMessage(f"bontri/1/town-1/{no}/up", b"x", today, town.bin_ids[0], "bad_signature", "x")
            store_refused(connection, [refused], authority_id=1, keyring=town.keyring)
            add_jobs(connection, JOBS[: 2 + len(self.made["bin_id"])], authority_id=1, now=today)

    def grow_for_operators(self, no: int) -> None:
        """Make what operators make, and what they look after."""
        api, today, slug = self.api, self.api.now, f"/operator/authorities/{self.api.town.slug}"
        self.make("operator", "bin_id", f"{slug}/bins", {"bin_id": f"SCENE-{no:04}", "site": "A"})
        bin_id = self.made["bin_id"][-1]
        with api.owner.begin() as connection:
            raise_alarms(connection, [Sighting(bin_id, "clone", today, {"n": 1})], authority_id=1, now=today)
            connection.execute(ROUNDS, {"bin_id": bin_id, "rounds": no, "now": today})
        self.make("operator", "key_number", f"{slug}/bins/{bin_id}/keys")
        self.do("operator", "POST", f"{slug}/bins/{bin_id}/reboots")
        self.make("operator", "operator_key_id", "/operator/keys", {"label": f"K{no}"})
        self.make("operator", "slug", "/operator/authorities", {"slug": f"other-{no}", "name": f"Other {no}"})

    def grow_for_authorities(self, no: int, month: datetime.datetime) -> None:
        """Make what agents make."""
        today = self.api.now
        self.make("agent", "site_id", "/authority/sites", PLACE | {"reference": f"S{no}"})
        self.make("agent", "shop_id", "/authority/shops", {"name": f"Shop {no}", "address": "1", "insee_code": "93066"})
        self.make("agent", "funder_id", "/authority/funders", {"kind": "sponsor", "name": f"F{no}"})
        self.make("agent", "cause_id", "/authority/causes", {"name": f"C{no}", "description": "D"})
        goal = GOAL | {"starts_at": (today - DAY).isoformat(), "ends_at": (today + (20 + no) * DAY).isoformat()}
        self.make("agent", "goal_id", "/authority/goals", goal | {"to_cause_id": self.made["cause_id"][-1]})
        self.make(
            "agent", "agent_id", "/authority/agents", {"name": "B", "email": f"b{no}@x.example", "role": "viewer"}
        )
        self.make("agent", "api_key_id", "/authority/api-keys", {"label": f"K{no}", "role": "viewer"})
        self.make("agent", "authority_offer", "/authority/offers", OFFER | {"title": f"O{no}"}, name="offer_id")
        held = {"valid_from": f"2026-{no % 12 + 1:02}", "source": "weighed"}
        self.do("agent", "POST", "/authority/unit-masses", {**held, "material": "glass", "unit_mass_g": 300})
        self.do("agent", "POST", "/authority/assumptions", {**held, "name": "inhabitants_per_bin", "value": 400})
        campaign = CAMPAIGN | {"name": f"C{no}"}
        self.redeem_elsewhere(month)
        self.make("agent", "draft_id", "/authority/drafts", {"campaign": campaign})
        self.do("agent", "POST", f"/authority/drafts/{self.made['draft_id'][-1]}/rehearsal", self.rehearsed)
        path = f"/authority/drafts/{self.made['draft_id'][-1]}/publication"
        self.made["campaign_id"].append(self.do("agent", "POST", path, {})["published_id"])
        self.make("agent", "draft_id", "/authority/drafts", {"campaign": campaign})

    def grow_at_shops_and_for_citizens(self, no: int) -> None:
        """Make what shops and citizens make of it."""
        bin_id = self.made["bin_id"][-1]
        self.make("shop", "shop_offer", "/shop/offers", OFFER | {"title": f"P{no}", "stock": 5}, name="offer_id")
        self.make("shop", "staff_id", "/shop/staff", {"name": f"Z{no}", "pin": f"{no:06}"})
        self.make("shop", "shop_key", "/shop/keys", {"label": f"L{no}", "scopes": ["redeem"]}, name="api_key_id")
        self.send("shop", "POST", "/shop/redemptions", {"code": f"NONSENSE-{no}-000000000000000000"})
        self.facts["voucher"] = self.buy()
        self.do("shop", "POST", "/shop/redemptions", {"code": self.facts["voucher"]["code"]})
        self.made["redeemed"].append(self.facts["voucher"]["voucher_id"])
        back = {"reason": "mistake", "note": "N"}
        self.make("agent", "reversal_id", f"/authority/vouchers/{self.made['redeemed'][-1]}/reversal", back)
        self.made["voucher_id"].append(self.buy()["voucher_id"])
        self.make("citizen", "card_id", "/citizen/cards", {"card": f"MINE-{no}"})
        self.do("citizen", "POST", f"/citizen/causes/{self.made['cause_id'][-1]}/donations", {"points": 1})
        self.do("citizen", "POST", f"/citizen/goals/{self.made['goal_id'][-1]}/donations", {"points": 1})
        movements = self.do("citizen", "GET", "/citizen/statement?limit=100")["items"]
        credits = [each["movement_id"] for each in movements if each["kind"] == "deposit"]
        for movement_id in [each for each in credits if each not in self.made["movement_id"]][:2]:
            self.made["movement_id"].append(movement_id)
            said = {"movement_id": movement_id, "reason": "points_missing", "words": "W"}
            self.make("citizen", "dispute_id", "/citizen/disputes", said)
        wrong = {"transfer_id": str(self.credit()), "kind": "reversal", "reason": "bin_fault", "note": "N"}
        self.make("agent", "correction_id", "/authority/corrections", wrong)
        self.make("citizen", "problem_id", f"/citizen/bins/{bin_id}/problems", {"kind": "full"})
        self.made["transfer_id"] = [
            each["transfer_id"] for each in self.do("agent", "GET", "/authority/reviews")["items"]
        ]

    def note_ids(self, month: datetime.datetime) -> None:
        """Note what things are called that were not made over the API."""
        with self.api.owner.connect() as connection:
            tariff_id = connection.scalar(
                text("SELECT max(CAST(tariff_id AS text)) FROM tariffs WHERE authority_id = 1")
            )
        quarantined = self.do("operator", "GET", f"/operator/authorities/{self.api.town.slug}/quarantine")
        message_id = quarantined["items"][0]["message_id"]
        self.facts.update(tariff_id=tariff_id, message_id=message_id, month=f"{month:%Y-%m}", year=month.year)

    def credit(self) -> Any:
        """Return a deposit's credit that nobody has asked to correct."""
        with self.api.owner.connect() as connection:
            return connection.scalar(CREDIT)

    @property
    def rehearsed(self) -> dict[str, str]:
        return {"since": (self.api.now - DAY).isoformat(), "until": (self.api.now + DAY).isoformat()}

    def make(self, who: str, kind: str, path: str, body: Any = None, *, name: str | None = None) -> None:
        """Make something, and keep what it is called."""
        self.made[kind].append(self.do(who, "POST", path, body)[name or kind])

    def buy(self) -> dict[str, Any]:
        """Buy the town's offer."""
        bought: dict[str, Any] = self.do(
            "citizen", "POST", "/citizen/vouchers", {"offer_id": str(self.api.town.offer_id)}
        )
        return bought

    def redeem_elsewhere(self, month: datetime.datetime) -> None:
        """Redeem what all shops take at the newest shop, in ``month``."""
        today, self.api.now = self.api.now, month
        with self.api.owner.begin() as connection:
            key = build_key(connection, self.api.town, shop_id=UUID(self.made["shop_id"][-1]))
        bought = self.do("citizen", "POST", "/citizen/vouchers", {"offer_id": self.made["authority_offer"][-1]})
        self.do(key, "POST", "/shop/redemptions", {"code": bought["code"]})
        self.api.now = today

    def settle_for(self, month: datetime.datetime) -> None:
        """Redeem something in ``month``, for a statement of it."""
        today, self.api.now = self.api.now, month
        with self.api.owner.begin() as connection:
            deposit(connection, self.api.town, badge="ADA-CARD", items=100, now=month)
        voucher = self.buy()
        self.do("shop", "POST", "/shop/redemptions", {"code": voucher["code"]})
        self.made["settled"].append(voucher["voucher_id"])
        self.api.now = today


PLACE = {"insee_code": "93066", "address": "1 rue", "latitude": 48.9, "longitude": 2.3}
GOAL = {"title": "Trees", "group_kind": "school", "group_name": "Jaurès", "target_points": 1000, "reward": "An orchard"}
OFFER = {"title": "Un pain", "price_points": 20, "value_cents": 150}
CAMPAIGN = {"name": "Glass", "from": "2027-12-01T00:00", "until": "2027-12-08T00:00", "multiplier_percent": 200}


def path_of(scene: Scene, operation: Operation, prefix: str = "") -> str:
    """Return the address of something that is there."""
    path = prefix + operation.path.removeprefix(PREFIX)
    for name in operation.parameters("path"):
        path = path.replace(f"{{{name}}}", str(part_of(scene, operation, name)))
    return path


def part_of(scene: Scene, operation: Operation, name: str) -> Any:
    """Return what stands for a part of an operation's address."""
    audience, made = operation.audience, scene.made
    special = {
        ("shop", "offer_id"): "shop_offer",
        ("authority", "offer_id"): "authority_offer",
        ("shop", "api_key_id"): "shop_key",
        ("shop", "voucher_id"): "redeemed",
        ("authority", "voucher_id"): "settled",
    }
    if (audience, name) == ("citizen", "offer_id"):
        return scene.api.town.offer_id
    if name == "slug":
        return scene.api.town.slug
    if name in scene.facts:
        return scene.facts[name]
    kind = special.get((str(audience), name), name)  # type: ignore[call-overload]
    if kind in made:
        return made[kind][-1]
    return scene.facts.setdefault(name, "x")
