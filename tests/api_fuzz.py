"""Bad input for every operation of the OpenAPI document: nasty strings, wrong types of content, huge pages, races.

Read off the document, so that a new operation is tried by itself. ``Send`` is the client under test in process, or a
connection to a running server.
"""

import csv
import io
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

METHODS = {"get", "post", "put", "patch", "delete"}
PROBLEM = "application/problem+json"
SOME_ID = "0190a0b0-0000-7000-8000-000000000000"
NASTY = {
    "nothing": "",
    "blank": " \u00a0\u2003 ",
    "NUL": "a\x00b",
    "control characters": "\x01\x1b[31m\x7f\r\n",
    "half a surrogate pair": "\ud83d",
    "right to left": "\u202egnirts\u202c \u05e9\u05dc\u05d5\u05dd",
    "four bytes": "👩‍👩‍👧‍👦🏳️‍🌈",
    "combining": "Z\u0351\u036b\u0343\u036a\u0302a\u0363l\u034eg\u035co\u0321",
    "not a character": "\ufffe\uffff\U0010ffff",
    "SQL": "'; DROP TABLE transfers; --",
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "spreadsheet formula": '=HYPERLINK("http://x","y")+cmd|\' /C calc\'!A0',
    "format": "%s%n{0}{__class__}${jndi:ldap://x}",
    "path": "../../../../etc/passwd",
    "very long": "x" * 20_000,
    "very long and wide": "😀" * 8_000,
}
WRONG_TYPES = (None, "text/plain", "text/xml", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded")
FORMULA = ("=", "+", "@", "\t", "\r")
LONGEST_ADDRESS = 30_000

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0]


Send = Callable[[str, str, Headers, bytes | None], Answer]
"""(method, path with query, headers, body)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document."""

    method: str
    path: str
    facts: Mapping[str, Any]

    @property
    def audience(self) -> str | None:
        needs: list[dict[str, Any]] = self.facts.get("security", [])
        return next(iter(needs[0])) if needs else None

    @property
    def is_idempotent(self) -> bool:
        return "Idempotency-Key" in self.parameters("header")

    @property
    def example(self) -> dict[str, Any] | None:
        """A good body, None where none is taken."""
        if "requestBody" not in self.facts:
            return None
        return dict(self.facts["requestBody"]["content"]["application/json"]["example"])

    def parameters(self, place: str) -> dict[str, Any]:
        found = [each for each in self.facts["parameters"] if each.get("in") == place]
        return {each["name"]: each.get("schema", {}) for each in found}


def list_operations(document: Mapping[str, Any]) -> list[Operation]:
    """List the operations of a document by path and method."""
    found = []
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            # Parts of the path are said once for all its methods.
            parameters = [*item.get("parameters", []), *item[method].get("parameters", [])]
            found.append(Operation(method, path, {**item[method], "parameters": parameters}))
    return sorted(found, key=lambda each: (each.path, each.method))


@dataclass
class Trial:
    """What is tried on one installation; ``counts`` says of what how often, ``faults`` what must not be."""

    send: Send
    document: Mapping[str, Any]
    tokens: Mapping[str, str]
    slug: str
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _keys: "itertools.count[int]" = field(default_factory=itertools.count)

    def operations(self) -> list[Operation]:
        return list_operations(self.document)

    def address(self, operation: Operation, **given: str) -> str:
        """Return a path of the operation: of the town that is there, and of nothing else that is."""
        path = operation.path
        for name, schema in operation.parameters("path").items():
            usual = {"integer": "1"}.get(schema.get("type", ""), SOME_ID if schema.get("format") == "uuid" else "x")
            value = given.get(name, self.slug if name == "slug" else usual)
            path = path.replace(f"{{{name}}}", quote(value.encode(errors="surrogatepass"), safe=""))
        return path

    def ask(
        self,
        what: str,
        operation: Operation,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str | None = "application/json",
        key: str | None = None,
    ) -> Answer:
        """Send a request and judge the answer: never a bug, never a status the document does not have."""
        headers: Headers = {}
        if operation.audience is not None:
            headers["Authorization"] = f"Bearer {self.tokens[operation.audience]}"
        if operation.is_idempotent:
            headers["Idempotency-Key"] = key or f"fuzz-{next(self._keys)}"
        if "428" in operation.facts["responses"]:
            headers["If-Match"] = '"x"'
        if body is not None and content_type is not None:
            headers["Content-Type"] = content_type
        answer = self.send(operation.method.upper(), path, headers, body)
        self.counts[what] += 1
        self.counts[f"{answer.status // 100}xx"] += 1
        name = f"{what}: {operation.method.upper()} {path[:200]} {(body or b'')[:200]!r}"
        # Werkzeug refuses some addresses before an operation is chosen.
        known = (
            {*operation.facts["responses"], "404", "405", "308"} if "?" not in path else operation.facts["responses"]
        )
        if answer.status == 431 and len(path) > LONGEST_ADDRESS:
            # The server refuses by itself, with no body, what no application has to see.
            return answer
        if answer.status >= 500 or str(answer.status) not in known:
            self.faults.append(f"{name} was answered {answer.status} {answer.body[:200]!r}")
        elif answer.status >= 400 and answer.content_type != PROBLEM:
            self.faults.append(f"{name} was answered {answer.status} as {answer.content_type}")
        return answer

    def try_nasty_strings(self, *, of_each: int | None = None) -> None:
        """Put nasty strings into each text of bodies, queries and paths; ``of_each`` only so many, in turn."""
        turn = itertools.cycle(NASTY.values())
        for operation in self.operations():
            for put in self.places(operation):
                strings = NASTY.values() if of_each is None else list(itertools.islice(turn, of_each))
                for words in strings:
                    path, body = put(words)
                    self.ask("nasty strings", operation, path, body=body)

    def places(self, operation: Operation) -> Iterator[Callable[[str], tuple[str, bytes | None]]]:
        """Yield what puts a string into each place of an operation that takes one."""
        good = operation.example
        for keys in texts_in(good):
            yield lambda words, keys=keys: (self.address(operation), json.dumps(put_into(good, keys, words)).encode())
        body = None if good is None else json.dumps(good).encode()
        for name, schema in operation.parameters("query").items():
            if schema.get("type") == "string" or "string" in (schema.get("type") or ()):
                yield lambda words, name=name: (
                    f"{self.address(operation)}?{urlencode({name: words}, errors='surrogatepass')}",
                    body,
                )
        for name, schema in operation.parameters("path").items():
            if schema.get("type") == "string" and schema.get("format") is None:
                # An empty part, or a dot, makes another address of it.
                yield lambda words, name=name: (self.address(operation, **{name: words[:1000] or "%"}), body)

    def try_wrong_content(self) -> None:
        """Send bodies that are not JSON, or do not say so, or are no object, or are too large."""
        for operation in self.operations():
            if operation.example is None:
                continue
            path, good = self.address(operation), json.dumps(operation.example).encode()
            sent = [(good, each) for each in WRONG_TYPES]
            sent += [(body, "application/json") for body in (b"{", b"[]", b"null", b'"x"', b"\xff\xfe{}", b"[" * 5_000)]
            sent += [(b'{"x": "' + b"y" * 70_000 + b'"}', "application/json"), (b'{"a": NaN}', "application/json")]
            for body, content_type in sent:
                answer = self.ask("wrong content", operation, path, body=body, content_type=content_type)
                if answer.status < 400:
                    self.faults.append(f"{operation.method} {path} took {body[:40]!r} as {content_type}")

    def try_huge_pages(self) -> None:
        """Ask every list for pages that cannot be, and look at its CSV for what a spreadsheet would calculate."""
        for operation in self.operations():
            if "limit" not in operation.parameters("query"):
                continue
            for limit in ("0", "-1", "501", "9" * 30, "1e3", "0x10"):
                answer = self.ask("huge pages", operation, f"{self.address(operation)}?limit={limit}")
                if answer.status != 422:
                    self.faults.append(f"{operation.path} took limit={limit}")
            answer = self.ask("CSV", operation, f"{self.address(operation)}?format=csv&limit=500")
            if answer.status == 200:
                cells = list(itertools.chain.from_iterable(csv.reader(io.StringIO(answer.body.decode()))))
                self.faults += [f"{operation.path} shows {cell!r}" for cell in cells if cell.startswith(FORMULA)]
                self.counts["CSV formulas kept from calculating"] += sum(
                    cell.startswith("'") and cell[1:].startswith(FORMULA) for cell in cells
                )

    def race_one_key(self, *, ways: int = 4, bodies: Mapping[str, dict[str, Any]] | None = None) -> set[str]:
        """Post at once with one Idempotency-Key to every operation that has one; return those that did something.

        All that did it must be told the same; whoever comes while another is at it is told so. ``bodies`` has good ones
        by operation.
        """
        done = set()
        for operation in [each for each in self.operations() if each.is_idempotent]:
            name = operation.facts["operationId"]
            body = {**(operation.example or {}), **(bodies or {}).get(name, {})}
            sent = json.dumps(body).encode() if operation.example is not None else None
            key, path = f"race-{next(self._keys)}", self.address(operation, **(bodies or {}).get(f"path of {name}", {}))

            def post(_: int, operation=operation, path=path, sent=sent, key=key) -> Answer:
                return self.ask("one key at once", operation, path, body=sent, key=key)

            with ThreadPoolExecutor(ways) as pool:
                answers = list(pool.map(post, range(ways)))
            good = {without_repeat(answer.body) for answer in answers if answer.status < 300}
            if good:
                done.add(name)
            if len(good) > 1:
                self.faults.append(f"{operation.path} answered one key differently: {good}")
            codes = {json.loads(answer.body).get("code") for answer in answers if answer.status == 409}
            if good and codes - {"request_in_flight"}:
                self.faults.append(f"{operation.path} refused a repeat: {codes}")
        return done


def texts_in(body: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where a body has texts, however deep, as the keys that lead there."""
    if isinstance(body, str):
        yield at
    elif isinstance(body, dict | list):
        for key, value in body.items() if isinstance(body, dict) else enumerate(body):
            yield from texts_in(value, (*at, key))


def put_into(body: Any, keys: tuple[str | int, ...], words: str) -> Any:
    """Return a body with other words where ``keys`` lead."""
    if not keys:
        return words
    copy = body.copy()
    copy[keys[0]] = put_into(body[keys[0]], keys[1:], words)
    return copy


def without_repeat(body: bytes) -> str:
    """Return an answer but for saying that it is a repeat, and for a secret, which is told once."""
    facts = json.loads(body) if body else {}
    for name in ("is_repeat", "secret"):
        facts.pop(name, None)
    return json.dumps(facts, sort_keys=True)
