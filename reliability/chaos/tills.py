"""Redemptions over HTTP while the services are killed: every voucher is raced for by several tills at once.

A till that got no answer asks again with the same key until it has one; so every attempt ends with a definite answer,
and of all that raced for one voucher exactly one must have been paid. Some answers are thrown away on purpose.
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
from typing import Any, Literal

from benchmarks.tills import BenchShop
from bontri.embedded.listeners import LOOPBACK
from reliability.chaos.town import ChaosTown

WAYS = 4
"""Tills that race for one voucher. Races of 64 are made without HTTP (``races.py``)."""
SHOPPING_THREADS = 2
THROWN_AWAY_SHARE = 0.1
ANSWER_WITHIN_S = 10.0
ASK_AGAIN_S = 0.2
INSISTS_S = 60.0
CREATED, CONFLICT, UNPROCESSABLE = 201, 409, 422
IN_FLIGHT = "request_in_flight"
MOST_SAMPLES = 5

Fault = Literal["paid_not_once", "answered_wrong", "key_accepted_twice", "unanswered", "broke_off"]


class GoneByRestoreError(Exception):
    """The database was set back meanwhile: what was asked for belongs to a time that is no more."""


class UnansweredError(Exception):
    """Nobody said what became of a request, however often it was repeated."""


class AbandonedError(Exception):
    """The run is over."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A definite answer of the API."""

    status: int
    content: dict[str, Any]

    @property
    def words(self) -> str:
        """Status and code."""
        return f"{self.status} {self.content.get('code', '')}".strip()


@dataclass(slots=True)
class Redemptions:
    """What the tills saw. ``paid_at_s`` has the moment each code was told to be redeemed, in monotonic seconds."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[Fault] = field(default_factory=Counter)
    samples: list[str] = field(default_factory=list)
    paid_at_s: dict[str, float] = field(default_factory=dict)

    def list_paid_codes(self) -> list[str]:
        """List the codes a till was told are redeemed, and that no restore has taken back."""
        return list(self.paid_at_s)


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
        self._is_ending, self._is_abandoned = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._throwing = random.Random(self.seed)
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
        """End after what is under way, which gets its answers first; a thread that does not end is a fault."""
        self._is_ending.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(INSISTS_S)
                if thread.is_alive():
                    self._blame("unanswered", f"{thread.name} did not come to an end")
        self.abandon()

    def abandon(self) -> None:
        """Leave everything as it is: nobody is interested in the answers any more."""
        self._is_ending.set()
        self._is_abandoned.set()
        self._tills.shutdown(wait=False, cancel_futures=True)

    def forget_since(self, moment_s: float) -> None:
        """The database was set back: what was redeemed since ``moment_s`` may not be any more."""
        with self._lock:
            self.era += 1
            gone = [code for code, paid_s in self.redemptions.paid_at_s.items() if paid_s >= moment_s]
            self.redemptions.counts["forgotten_by_restore"] += len(gone)
            for code in gone:
                del self.redemptions.paid_at_s[code]

    def _shop(self, number: int) -> None:
        rng = random.Random(self.seed + number)
        while not self._is_ending.wait(self.pause_s):
            try:
                self._race(rng, self.era)
            except GoneByRestoreError:
                self._count("races_lost_to_restore")
            except AbandonedError:
                return
            except UnansweredError as error:
                self._blame("unanswered", str(error))
            except Exception as error:  # noqa: BLE001 (a top: a thread that dies must be seen)
                if not self._is_abandoned.is_set():
                    self._blame("broke_off", f"{type(error).__name__}: {error}")

    def _race(self, rng: random.Random, era: int) -> None:
        shop, token = rng.choice(self.town.shops), rng.choice(self.town.tokens)
        codes = [self._buy(shop, token, era), self._buy(shop, token, era)]
        if not all(codes):
            return
        code, other = (str(each) for each in codes)
        keys = [str(uuid.uuid4()) for _ in range(WAYS)]
        asked = [self._tills.submit(self._redeem, shop, code, key, era) for key in keys]
        answers = {key: each.result() for key, each in zip(keys, asked, strict=True)}
        paid = self._judge(answers, code, era)
        if len(paid) == 1:
            self._repeat(shop, (code, other), paid[0], answers[paid[0]], era=era)

    def _buy(self, shop: BenchShop, token: str, era: int) -> str | None:
        order = {"offer_id": str(shop.offer_id)}
        key = str(uuid.uuid4())
        bought = self._insist("/citizen/vouchers", token, order, key, era)
        if bought.status != CREATED:
            self._blame("answered_wrong", f"a purchase was answered {bought.words}")
            return None
        return str(bought.content["code"])

    def _redeem(self, shop: BenchShop, code: str, key: str, era: int) -> Answer:
        return self._insist("/shop/redemptions", shop.till_key, {"code": code}, key, era)

    def _judge(self, answers: dict[str, Answer], code: str, era: int) -> list[str]:
        """Judge a race; return the keys that were told their voucher is paid."""
        paid = [key for key, answer in answers.items() if answer.status == CREATED]
        refused = sum(answer.status == CONFLICT for answer in answers.values())
        with self._lock:
            if era != self.era:
                raise GoneByRestoreError
            self.redemptions.counts["races"] += 1
            self.redemptions.counts["attempts"] += len(answers)
            if paid:
                self.redemptions.paid_at_s[code] = time.monotonic()
        if len(paid) != 1:
            self._blame("paid_not_once", f"one voucher was paid {len(paid)} times")
        elif refused != len(answers) - 1:
            told = ", ".join(sorted(answer.words for answer in answers.values()))
            self._blame("answered_wrong", f"a race for one voucher was answered {told}")
        return paid

    def _repeat(self, shop: BenchShop, codes: tuple[str, str], key: str, first: Answer, *, era: int) -> None:
        """The same key again must answer the same; for another good voucher, the second, it must be refused."""
        code, other = codes
        again = self._redeem(shop, code, key, era)
        self._count("repeats_of_a_key")
        if (again.status, again.content.get("voucher_id")) != (first.status, first.content.get("voucher_id")):
            self._blame("answered_wrong", f"a repeated key was answered {again.words}, not as before")
        reused = self._redeem(shop, other, key, era)
        self._count("keys_reused_for_another_voucher")
        if reused.status != UNPROCESSABLE:
            self._blame("key_accepted_twice", f"a key reused for another voucher was answered {reused.words}")

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
            if self._is_abandoned.wait(ASK_AGAIN_S):
                raise AbandonedError
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
        if self._throwing.random() < THROWN_AWAY_SHARE:
            # It was done, and the till does not know: as if the line had broken just then.
            self._count("answers_thrown_away")
            return None
        return Answer(answer.status, content)

    def _count(self, name: str) -> None:
        with self._lock:
            self.redemptions.counts[name] += 1

    def _blame(self, fault: Fault, words: str) -> None:
        with self._lock:
            self.redemptions.faults[fault] += 1
            if len(self.redemptions.samples) < MOST_SAMPLES:
                self.redemptions.samples.append(words)
