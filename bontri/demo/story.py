"""One bottle's story over the real wires: a bin publishes, a citizen buys a voucher, a shop redeems it once.

Every step is what a bin, an app or a till does, over MQTT and HTTP; nothing looks into the database.
"""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from bontri.demo.letterbox import read_letter
from bontri.demo.seed import SLUG, Till, Visitor
from simulators.fleet import Fleet
from simulators.fleet_file import ProvisionedFleet

ITEMS = 12
RECEIPT_WITHIN = timedelta(seconds=20)
MAIL_WITHIN_S = 10.0


class StoryError(Exception):
    """A step of the story did not go as it must."""


@dataclass(slots=True)
class Story:
    """What happened, step by step; ``facts`` go into the JSON summary."""

    tell: Callable[[str], None]
    facts: dict[str, Any] = field(default_factory=dict)

    def say(self, words: str, **facts: Any) -> None:
        """Tell a step, and keep its facts."""
        self.facts |= facts
        self.tell(words)


def play_story(
    story: Story, api_url: str, fleet: ProvisionedFleet, visitor: Visitor, *, till: Till, mail: Path, folder: Path
) -> str:
    """Play the whole story; ``fleet`` has the one bin it uses. Return the token of the citizen's session.

    Raises:
        StoryError: a step went otherwise than it must.
    """
    drop_bottles(story, fleet, visitor, folder)
    token = sign_in(Caller(api_url), visitor, mail)
    citizen = Caller(api_url, token)
    points = citizen.call("GET", "/citizen/wallet", expect=200)["points"]
    credit = citizen.call("GET", "/citizen/statement?lang=en", expect=200)["items"][0]
    story.say(f"The citizen sees {points} points: “{credit['sentence']}”", wallet_points=points)
    expect(points == ITEMS, f"the wallet holds {points} points instead of {ITEMS}")

    voucher = citizen.post("/citizen/vouchers", {"offer_id": till.offer_id}, expect=201)
    story.say(f"They buy “{voucher['title']}” for {till.price_points} points; the points are held", voucher="issued")
    shop = Caller(api_url, till.api_key)
    shop.call("POST", "/shop/vouchers/lookup", {"code": voucher["code"]}, expect=200)
    shop.post("/shop/redemptions", {"code": voucher["code"]}, expect=201)
    story.say(f"{till.name} reads the code and redeems it", voucher="redeemed")
    refusal = shop.post("/shop/redemptions", {"code": voucher["code"]}, expect=409)
    story.say(f"A second redemption is refused: {refusal['code']}", second_redemption=refusal["code"])

    left = citizen.call("GET", "/citizen/wallet", expect=200)
    expect((left["points"], left["pending_points"]) == (points - till.price_points, 0), f"the wallet holds {left}")
    story.say(f"{left['points']} points are left in the wallet", wallet_points_left=left["points"])
    return token


def drop_bottles(story: Story, provisioned: ProvisionedFleet, visitor: Visitor, folder: Path) -> None:
    """Have one bin report a deposit of the visitor's card and wait for its receipt."""
    fleet = Fleet(provisioned, folder=folder, seed=0)
    try:
        link = fleet.links[0]
        started_at = fleet.clock.now()
        link.bin.deposit(started_at, material="glass", items=ITEMS, badge=visitor.badge)
        while not fleet.is_drained() and fleet.clock.now() < started_at + RECEIPT_WITHIN:
            fleet.step(timeout_s=0.02)
        counts = fleet.counts()
    finally:
        fleet.close()
    expect(counts.is_drained, f"no receipt within {RECEIPT_WITHIN}: {counts.last_connection_failure or 'silence'}")
    name = provisioned.bins[0].identity.bin
    story.say(
        f"Bin {name}: {ITEMS} bottles, receipt says {counts.points} points",
        story_bin=name,
        deposit_to_receipt_ms=counts.latency_p50_ms,
        receipt_points=counts.points,
    )


def sign_in(anyone: "Caller", visitor: Visitor, mail: Path) -> str:
    """Sign the visitor in with the code that arrives by e-mail; return the session's token."""
    before = set(mail.glob("*.eml"))
    asked = anyone.call("POST", "/citizen/sign-ins", {"authority": SLUG, "email": visitor.email}, expect=202)
    code = wait_for_code(mail, before)
    answer = {"authority": SLUG, "sign_in_id": asked["sign_in_id"], "code": code}
    return str(anyone.call("POST", "/citizen/sessions", answer, expect=201)["token"])


def wait_for_code(mail: Path, before: set[Path]) -> str:
    """Return the code in the first e-mail that is not in ``before``."""
    deadline = time.monotonic() + MAIL_WITHIN_S
    while time.monotonic() < deadline:
        new = sorted(set(mail.glob("*.eml")) - before)
        if new:
            return find_code(new[0])
        time.sleep(0.02)
    raise StoryError(f"no e-mail with a sign-in code within {MAIL_WITHIN_S:.0f} s")


def find_code(path: Path) -> str:
    """Find the eight digits in a sign-in e-mail."""
    words = read_letter(path).text.split()
    return next(word.strip(".") for word in words if word.strip(".").isdecimal() and len(word) >= 8)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who calls the API, with their token."""

    api_url: str
    token: str | None = field(default=None, repr=False)

    def post(self, path: str, body: dict[str, Any], *, expect: int) -> dict[str, Any]:
        """Call an operation that changes points, under a fresh key."""
        return self.call("POST", path, body, expect=expect, idempotency_key=str(uuid.uuid4()))

    def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        expect: int,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Call an operation and return its JSON; raise StoryError when the status is not ``expect``."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        request = urllib.request.Request(  # noqa: S310 (our own address)
            f"{self.api_url}/api/v1{path}",
            data=json.dumps(body).encode() if body is not None else None,
            headers=headers,
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                status, content = answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                status, content = error.code, json.load(error)
        if status != expect:
            raise StoryError(f"{method} {path} answered {status} instead of {expect}: {content.get('code')}")
        result: dict[str, Any] = content
        return result


def expect(is_so: bool, words: str) -> None:
    """Raise StoryError with ``words`` unless it is so."""
    if not is_so:
        raise StoryError(words)
