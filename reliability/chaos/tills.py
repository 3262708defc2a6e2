"""Redemptions over HTTP while the services are killed: every voucher is raced for by several tills at once.

A till that got no answer asks again with the same key until it has one; so every attempt ends with a definite answer,
and of all that raced for one voucher exactly one must have been paid.
"""

import json
import random
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

from bontri.embedded.listeners import LOOPBACK
from reliability.chaos.town import ChaosTown

WAYS = 4
"""Tills that race for one voucher. Races of 64 are made without HTTP (``races.py``)."""
SHOPPING_THREADS = 2
ANSWER_WITHIN_S = 10.0
ASK_AGAIN_S = 0.2
INSISTS_S = 60.0
CREATED, CONFLICT, UNPROCESSABLE = 201, 409, 422
IN_FLIGHT = "request_in_flight"


class GoneByRestoreError(Exception):
    """The database was set back meanwhile: what was asked for belongs to a time that is no more."""


class UnansweredError(Exception):
    """Nobody said what became of a request, however often it was repeated."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A definite answer of the API."""

    status: int
    content: dict[str, Any]


@dataclass(slots=True)
class Redemptions:
    """What the tills saw. ``wrong`` holds a sentence for each thing that must not be."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    paid_codes: dict[str, int] = field(default_factory=dict)


@dataclass
class Shopping:
    """Shoppers who buy vouchers, and tills that race for them, in threads of their own."""

    port: int
    town: ChaosTown
    seed: int
    pause_s: float
    redemptions: Redemptions = field(default_factory=Redemptions)
    era: int = 0

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._tills = ThreadPoolExecutor(WAYS * SHOPPING_THREADS, thread_name_prefix="till")
        self._threads = [
            threading.Thread(target=self._shop, args=(number,), name=f"shopping-{number}", daemon=True)
            for number in range(SHOPPING_THREADS)
        ]

    def start(self) -> None:
        """Begin to shop."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after what is under way; everything under way gets its answer first."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(INSISTS_S)
        self._tills.shutdown(wait=False, cancel_futures=True)

    def forget(self) -> None:
        """The database was restored from a backup: vouchers in hand may not exist any more."""
        with self._lock:
            self.era += 1
            self.redemptions.counts["forgotten_by_restore"] += len(self.redemptions.paid_codes)
            self.redemptions.paid_codes.clear()

    def _shop(self, number: int) -> None:
        rng = random.Random(self.seed + number)
        while not self._stop.wait(self.pause_s):
            era = self.era
            try:
                self._race(rng, era)
            except GoneByRestoreError:
                self._count("races_lost_to_restore")
            except UnansweredError as error:
                self._blame(str(error))

    def _race(self, rng: random.Random, era: int) -> None:
        shop, token = rng.choice(self.town.shops), rng.choice(self.town.tokens)
        order = {"offer_id": str(shop.offer_id)}
        bought = self._insist("/citizen/vouchers", token, order, key=str(uuid.uuid4()), era=era)
        if bought.status != CREATED:
            self._blame(f"a purchase was answered {bought.status} {bought.content.get('code')}")
            return
        code = bought.content["code"]
        keys = [str(uuid.uuid4()) for _ in range(WAYS)]
        asked = [self._tills.submit(self._redeem, shop.till_key, code, key, era) for key in keys]
        answers = dict(zip(keys, [each.result() for each in asked], strict=True))
        self._judge(answers, code, era)
        paid = [key for key, answer in answers.items() if answer.status == CREATED]
        if len(paid) == 1:
            self._repeat(shop.till_key, code, paid[0], era)

    def _redeem(self, till_key: str, code: str, key: str, era: int) -> Answer:
        return self._insist("/shop/redemptions", till_key, {"code": code}, key=key, era=era)

    def _judge(self, answers: dict[str, Answer], code: str, era: int) -> None:
        statuses = Counter(answer.status for answer in answers.values())
        with self._lock:
            if era != self.era:
                raise GoneByRestoreError
            self.redemptions.counts["races"] += 1
            self.redemptions.counts["attempts"] += len(answers)
            self.redemptions.paid_codes[code] = statuses[CREATED]
        if statuses[CREATED] != 1:
            self._blame(f"one voucher was redeemed {statuses[CREATED]} times")
        elif statuses[CONFLICT] != len(answers) - 1:
            self._blame(f"a race for one voucher was answered {dict(statuses)}")

    def _repeat(self, till_key: str, code: str, key: str, era: int) -> None:
        """The same key again must answer the same; with another voucher it must be refused."""
        again = self._redeem(till_key, code, key, era)
        self._count("repeats_of_a_key")
        if again.status != CREATED:
            self._blame(f"a repeated key was answered {again.status} {again.content.get('code')}")
        other = self._insist("/shop/redemptions", till_key, {"code": other_code(code)}, key, era)
        self._count("keys_reused_for_other_content")
        if other.status != UNPROCESSABLE:
            self._blame(f"a key reused for another voucher was answered {other.status} {other.content.get('code')}")

    def _insist(self, path: str, token: str, body: dict[str, Any], key: str, era: int) -> Answer:
        """Ask until there is a definite answer, always with the same key."""
        deadline_s = time.monotonic() + INSISTS_S
        while time.monotonic() < deadline_s:
            answer = self._ask(path, token, body, key)
            if era != self.era:
                raise GoneByRestoreError
            if answer is not None:
                return answer
            self._count("asked_again")
            time.sleep(ASK_AGAIN_S)
        raise UnansweredError(f"POST {path} had no definite answer within {INSISTS_S:.0f} s")

    def _ask(self, path: str, token: str, body: dict[str, Any], key: str) -> Answer | None:
        """Ask once; None when nobody knows what became of it."""
        connection = HTTPConnection(LOOPBACK, self.port, timeout=ANSWER_WITHIN_S)
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Idempotency-Key": key,
        }
        try:
            connection.request("POST", f"/api/v1{path}", json.dumps(body), headers)
            answer = connection.getresponse()
            content = json.loads(answer.read())
        except (OSError, HTTPException, ValueError):
            return None
        finally:
            connection.close()
        if answer.status >= 500 or content.get("code") == IN_FLIGHT:
            return None
        return Answer(answer.status, content)

    def _count(self, name: str) -> None:
        with self._lock:
            self.redemptions.counts[name] += 1

    def _blame(self, words: str) -> None:
        with self._lock:
            self.redemptions.wrong.append(words)


def other_code(code: str) -> str:
    """Return a code that differs in its last sign."""
    return code[:-1] + ("3" if code.endswith("2") else "2")
