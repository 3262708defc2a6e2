"""Our programs with one guard taken out of each: ``python -m reliability.chaos.mutants NAME ARGUMENTS…``.

They exist so that the harness can show that it would notice. Nothing else may use them.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection, text
from werkzeug.serving import run_simple

import bontri.worker as worker_module
import ingest.commit as commit_module
import partners_api.shops.redemptions as redemptions_module
from bontri.api import make_app
from bontri.cli import main
from ingest.commit import Committed, Tenant, commit_tenant
from ingest.messages import Message
from ingest.mqtt import MqttSource
from ingest.pipeline import Pipeline
from ingest.worker import Worker
from reliability.chaos.fleet import run as run_bins
from rewards.acceptance import AcceptedEvent
from rewards.deposits import Compared, compare_events
from rewards.events import FIND_EVENTS, INSERT_EVENTS
from rewards.keyring import Keyring
from rewards.ledger import Transfer, record_transfers
from rewards.lots import lot_month_of
from rewards.vouchers import Redemption, VoucherAlreadyRedeemedError, VoucherUnknownError
from rewards.vouchers.codes import digest_of_entered_code
from simulators.bin import SimulatedBin

BETWEEN_LOOK_AND_WRITE_S = 0.01
TOLD_BEFORE_S = 0.05


class EagerWorker(Worker):
    """Acknowledges what it has only received, and makes sure that the broker is told."""

    def handle(self, batch: Sequence[Message], number: int) -> None:
        """Acknowledge, then commit."""
        self._source.acknowledge(batch)
        while cast(MqttSource, self._source)._client.want_write():
            time.sleep(0.001)
        super().handle(batch, number)


class TellingPipeline(Pipeline):
    """Says that it has committed what it will commit in a moment."""

    def _commit_once(self, tenant: Tenant, *, now: datetime, is_isolated: bool) -> Committed:
        lot_month = lot_month_of(now.astimezone(tenant.rules.timezone).date())
        recollection = self._memory.recall(tenant.rules, lot_month=lot_month)
        connection = self._engine.connect()
        committed = commit_tenant(
            connection, tenant, recollection, keyring=self._keyring, now=now, is_isolated=is_isolated
        )

        def commit() -> None:
            with connection:
                connection.commit()

        threading.Timer(TOLD_BEFORE_S, commit).start()
        return committed


class TrustingBin(SimulatedBin):
    """Takes the broker's PUBACK for a receipt, and forgets."""

    def on_puback(self, n: int, *, reason_code: int) -> None:
        """Settle what the broker says it has."""
        ranges = [(seq, seq) for seq in self._conversation.pop_acknowledged(n)]
        self.journal.note_settled(self._outbox.settle(ranges), datetime.now(UTC))


class InOneStatement:
    """Stands for the connection: what compares the repeats is put into the statement that inserts."""

    BOTH = text(f"""
        WITH inserted AS ({INSERT_EVENTS.text})
        SELECT journal_no, seq, true AS is_new, NULL::bytea AS content_digest, 0 AS points, 0 AS withheld_points
          FROM inserted
         UNION ALL
        SELECT journal_no, seq, false, content_digest, points, withheld_points FROM ({FIND_EVENTS.text}) AS stored
    """)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stored: list[Any] = []

    def execute(self, statement: Any, parameters: dict[str, Any]) -> Any:
        """Insert and look in one; hand out the second half when asked for it."""
        if statement is FIND_EVENTS:
            return self._stored
        rows = self._connection.execute(self.BOTH, parameters).all()
        self._stored = [row for row in rows if not row.is_new]
        return SimpleNamespace(all=lambda: [(row.journal_no, row.seq) for row in rows if row.is_new])


def compare_inside(
    connection: Connection, accepted: Sequence[AcceptedEvent], *, authority_id: int, now: datetime
) -> Compared:
    """Insert events and compare the rest in the same statement: a concurrent repeat is neither new nor visible."""
    both = cast(Connection, InOneStatement(connection))
    return compare_events(both, accepted, authority_id=authority_id, now=now)


def look_then_write(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    shop_id: UUID,
    code: str,
    redemption_key: str,
    now: datetime,
    staff_id: UUID | None = None,
) -> Redemption:
    """Redeem a voucher by looking whether it is good, and then writing that it is redeemed."""
    found = connection.execute(
        text("""SELECT v.voucher_id, v.status, v.price_points, v.value_cents, o.title, s.account_id,
                       (SELECT issuing_account_id FROM bins WHERE authority_id = v.authority_id LIMIT 1) AS source
                  FROM vouchers v JOIN offers o USING (authority_id, offer_id)
                  JOIN shops s ON s.authority_id = v.authority_id AND s.shop_id = v.shop_id
                 WHERE v.authority_id = :authority_id AND v.code_digest = :digest"""),
        {"authority_id": authority_id, "digest": digest_of_entered_code(keyring, code)},
    ).one_or_none()
    if found is None:
        raise VoucherUnknownError
    if found.status != "issued":
        raise VoucherAlreadyRedeemedError(found.voucher_id)
    time.sleep(BETWEEN_LOOK_AND_WRITE_S)
    connection.execute(
        text("""UPDATE vouchers SET status = 'redeemed', ended_at = :now, redemption_key = :key,
                        redeemed_by_shop_id = shop_id
                 WHERE authority_id = :authority_id AND voucher_id = :voucher_id"""),
        {"authority_id": authority_id, "voucher_id": found.voucher_id, "now": now, "key": redemption_key},
    )
    paid = [Transfer(found.source, found.account_id, found.price_points, reason="adjustment")]
    record_transfers(connection, paid, authority_id=authority_id, now=now)
    return Redemption(found.voucher_id, found.title, found.price_points, found.value_cents, now, is_repeat=False)


def run_eager_worker() -> None:
    """Run a worker that acknowledges before it commits."""
    worker_module.Worker = EagerWorker  # type: ignore[attr-defined]
    main()


def run_telling_worker() -> None:
    """Run a worker that tells before it has committed."""
    worker_module.Pipeline = TellingPipeline  # type: ignore[attr-defined]
    main()


def run_comparing_worker() -> None:
    """Run a worker that compares repeats inside the inserting statement."""
    commit_module.compare_events = compare_inside  # type: ignore[attr-defined]
    main()


def run_trusting_bins() -> None:
    """Run bins that trust the broker."""
    run_bins(TrustingBin)


def run_looking_api() -> None:
    """Serve the API with redemption by look-then-write; threads of one process are enough for a race."""
    redemptions_module.redeem_voucher = look_then_write  # type: ignore[attr-defined]
    run_simple(os.environ["BONTRI_API_HOST"], int(os.environ["BONTRI_API_PORT"]), make_app(), threaded=True)


MUTANTS: dict[str, Callable[[], None]] = {
    "eager-worker": run_eager_worker,
    "telling-worker": run_telling_worker,
    "comparing-worker": run_comparing_worker,
    "trusting-bins": run_trusting_bins,
    "looking-api": run_looking_api,
}

if __name__ == "__main__":
    MUTANTS[sys.argv.pop(1)]()
