"""Statements about who may speak and what is decided: authorities, tariffs, bins."""

from typing import Any

from sqlalchemy import Select

import rewards.bins
import rewards.campaigns
import rewards.ledger.authority_accounts
from reliability.simulation.statements.registry import Done, Parameters, as_row, does
from reliability.simulation.tables import Transaction, read_rows


def select(tables: Transaction, statement: Select[Any]) -> Done:
    """Do one of the reads written with SQLAlchemy's ``select``; each compares one column with one value."""
    compared: Any = statement.whereclause
    name, value = compared.left.table.name, compared.right.value
    if name == "authorities":
        found = tables.find(name, (value,))
        return Done([as_row(found)] if found else [], int(found is not None))
    rows = [row for key, row in tables.scan(name) if key[0] == value]
    return Done([row["material"] for row in rows] if name == "materials" else [as_row(row) for row in rows], len(rows))


@does(rewards.bins.FIND_BINS, "find_bins")
def find_bins(tables: Transaction, parameters: Parameters) -> Done:
    rows = []
    for wanted in read_rows(rewards.bins.WANTED, parameters):
        found = tables.find("bins", (parameters["authority_id"], wanted["bin_id"]))
        if found:
            rows.append(as_row({name: value for name, value in found.items() if name not in {"placed_at", "site_id"}}))
    return Done(rows, len(rows))


@does(rewards.bins.FIND_STAYS, "find_stays")
def find_stays(tables: Transaction, parameters: Parameters) -> Done:
    rows = []
    for wanted in read_rows(rewards.bins.WANTED, parameters):
        found = tables.find("bins", (parameters["authority_id"], wanted["bin_id"]))
        if found:
            stay = {"placed_at": found["placed_at"], "removed_at": None, "site_id": found["site_id"]}
            rows.append(as_row({"bin_id": wanted["bin_id"], **stay}))
    return Done(rows, len(rows))


@does(rewards.campaigns.LIST_CAMPAIGNS, "list_campaigns")
def list_campaigns(tables: Transaction, parameters: Parameters) -> Done:
    # No town of the simulation has a campaign.
    return Done([], 0)


@does(rewards.ledger.authority_accounts.FIND, "find_authority_account")
def find_authority_account(tables: Transaction, parameters: Parameters) -> Done:
    # Nor gives a welcome, which this account would pay.
    return Done([], 0)
