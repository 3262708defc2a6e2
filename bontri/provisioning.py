"""What is handed over once, when bins are provisioned: their keys and passwords, for firmware and broker."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from bontri.broker_accounts import BrokerAccount
from ingest.broker_address import Broker
from rewards.fleet.handing import HandedBin, bin_entry
from rewards.keyring import Keyring

WORKER_USERNAME = "bontri-ingest"


DEFAULT = HandedBin(capacity_l=3000)


def list_broker_accounts(bin_ids: Iterable[str], *, keyring: Keyring) -> list[BrokerAccount]:
    """List the broker accounts of the worker and of ``bin_ids``; passwords are derived, so none is stored."""
    worker = BrokerAccount(WORKER_USERNAME, keyring.broker_password(username=WORKER_USERNAME), "worker")
    return [
        worker,
        *(BrokerAccount(bin_id, keyring.broker_password(username=bin_id), "bin") for bin_id in bin_ids),
    ]


def list_bin_ids(connection: Connection, *, authority_id: int) -> list[str]:
    """List the live bins of an authority by id."""
    rows = connection.scalars(
        text("SELECT bin_id FROM bins WHERE authority_id = :authority_id AND state = 'live' ORDER BY bin_id"),
        {"authority_id": authority_id},
    )
    return list(rows)


def fleet_file(
    bin_ids: Sequence[str],
    *,
    authority: str,
    mqtt_url: str,
    keyring: Keyring,
    badges: Sequence[str] = (),
    handed: Mapping[str, HandedBin] | None = None,
    levels: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return what bins are built from: everything secret a bin gets at its provisioning, and nowhere else.

    ``handed`` tells of bins that are not of the usual kind; the others have key 1 and 3,000 litres. ``levels`` are for
    stand-ins of bins that have stood there before, in percent: they begin as full as that.
    """
    handed, levels = handed or {}, levels or {}
    broker = Broker.from_url(mqtt_url)
    return {
        "authority": authority,
        "broker": {"host": broker.host, "port": broker.port, "tls": broker.is_tls},
        "badges": list(badges),
        "bins": [
            bin_entry(bin_id, handed.get(bin_id, DEFAULT), authority=authority, keyring=keyring)
            | ({"fill_pct": levels[bin_id]} if bin_id in levels else {})
            for bin_id in bin_ids
        ],
    }
