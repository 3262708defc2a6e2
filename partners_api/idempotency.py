"""``Idempotency-Key``: a POST that changes points does so once, however often it is sent.

The answer is stored in the transaction that changes the points, as ids only, and rendered again on a repeat, so it
survives restarts and holds nothing personal. Redemptions need none of this: their key is a column of the voucher.
"""

import json
from collections.abc import Callable
from typing import Any

from flask import request
from sqlalchemy import text

from partners_api.refusals import RequestInFlightError
from partners_api.services import keyring, now
from partners_api.transactions import commit, connection
from rewards.access import Operator, Principal
from rewards.errors import IdempotencyKeyReusedError

Answer = dict[str, str]
"""The ids an answer is rendered from."""

TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
FIND = text("""
    SELECT request_digest, answer FROM idempotent_requests
     WHERE authority_id = :authority_id AND principal_id = :principal_id AND idempotency_key = :key
""")
STORE = text("""
    INSERT INTO idempotent_requests
           (authority_id, principal_id, idempotency_key, request_digest, answer, created_at)
    VALUES (:authority_id, :principal_id, :key, :digest, CAST(:answer AS jsonb), :now)
""")


def once(
    caller: Principal | Operator,
    key: str,
    work: Callable[[], Answer],
    *,
    authority_id: int | None = None,
    take_try: Callable[[], None] | None = None,
) -> Answer:
    """Do ``work`` unless this caller's ``key`` was answered before; return the answer, new or stored.

    An operator, who belongs to no authority, says with ``authority_id`` which one the work is about. ``take_try`` is
    what the work costs who may guess: taken for good before it is done, and not for an answer given again.

    A refusal is not stored: it changed nothing, and the same request may succeed later.

    Raises:
        RequestInFlightError: another request is doing this work now.
        IdempotencyKeyReusedError: the key came before with another request.
    """
    # Of the citizen, not of the session: the repeat may come after signing in again.
    who = caller.credential_id if isinstance(caller, Operator) else caller.subject_id
    name = {"authority_id": authority_id or caller.authority_id, "principal_id": who, "key": key}
    digest = request_digest()
    answer = find_answer(name, digest)
    if answer is None and take_try is not None:
        take_try()
        commit()
        # With the transaction its lock ended.
        answer = find_answer(name, digest)
    if answer is None:
        answer = work()
        connection().execute(STORE, {**name, "digest": digest, "answer": json.dumps(answer), "now": now()})
    return answer


def find_answer(name: dict[str, Any], digest: bytes) -> Answer | None:
    """Find the stored answer of a request; whoever sends the same meanwhile is refused until the transaction ends."""
    if not connection().scalar(TRY_LOCK, {"name": f"idempotency|{'|'.join(map(str, name.values()))}"}):
        raise RequestInFlightError
    stored = connection().execute(FIND, name).first()
    if stored is None:
        return None
    if bytes(stored.request_digest) != digest:
        raise IdempotencyKeyReusedError
    return Answer(stored.answer)


def request_digest() -> bytes:
    """Return what tells two requests apart: method, path and body, however its JSON is laid out."""
    body = json.dumps(request.get_json(silent=True), sort_keys=True)
    return keyring().content_digest(f"{request.method} {request.path}\n{body}".encode())
