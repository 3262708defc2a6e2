"""Statements about points: holders and lots, caps, the ledger."""

import rewards.badges
import rewards.caps
import rewards.credits
import rewards.ledger.transfers
import rewards.lots
import rewards.reviews.holding
from reliability.simulation.statements.registry import Done, Parameters, changed, does
from reliability.simulation.tables import COUNTERS, Transaction, read_rows


@does(rewards.badges.FIND_HOLDERS, "find_holders")
def find_holders(tables: Transaction, parameters: Parameters) -> Done:
    rows = []
    for wanted in read_rows(rewards.badges.DIGESTS, parameters):
        holder = tables.find("holders", (parameters["authority_id"], wanted["badge_digest"]))
        if holder:
            lot = tables.find("lots", (parameters["authority_id"], holder["wallet_id"], parameters["lot_month"]))
            lot_account_id = lot["account_id"] if lot else None
            citizen = tables.find("citizens", (parameters["authority_id"], holder["citizen_id"]))
            is_new = citizen is not None and citizen["first_credited_on"] is None
            rows.append((wanted["badge_digest"], holder["citizen_id"], holder["wallet_id"], lot_account_id, is_new))
    return Done(rows, len(rows))


@does(rewards.badges.LOCK_NEWCOMERS, "lock_newcomers")
def lock_newcomers(tables: Transaction, parameters: Parameters) -> Done:
    rows = sorted(row["citizen_id"] for row in read_rows(rewards.badges.CITIZENS, parameters))
    for citizen_id in rows:
        tables.lock("citizens", (parameters["authority_id"], citizen_id))
    return Done(rows, len(rows))


@does(rewards.badges.NOTE_FIRST_CREDITS, "note_first_credits")
def note_first_credits(tables: Transaction, parameters: Parameters) -> Done:
    noted = []
    for row in read_rows(rewards.badges.CITIZENS, parameters):
        key = (parameters["authority_id"], row["citizen_id"])
        known = tables.find("citizens", key)
        if known is not None and known["first_credited_on"] is None:
            tables.put("citizens", key, {"first_credited_on": parameters["day"]})
            noted.append(row["citizen_id"])
    return Done(noted, len(noted))


@does(rewards.lots.LINK_LOTS, "link_lots")
def link_lots(tables: Transaction, parameters: Parameters) -> Done:
    linked = []
    for row in sorted(read_rows(rewards.lots.LINKS, parameters), key=lambda row: str(row["wallet_id"])):
        # Not the identifier drawn by the caller: accounts are locked in the order of theirs, which must be repeatable.
        account_id = f"lot-{row['wallet_id']}-{parameters['lot_month']}"
        key = (parameters["authority_id"], row["wallet_id"], parameters["lot_month"])
        if tables.insert("lots", key, {"account_id": account_id}):
            linked.append(account_id)
    return Done(linked, len(linked))


@does(rewards.lots.CREATE_LOTS, "create_lots")
def create_lots(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.lots.ACCOUNTS, parameters)
    for row in rows:
        tables.insert_unique("accounts", (parameters["authority_id"], row["account_id"]), dict.fromkeys(COUNTERS, 0))
    return changed(len(rows))


@does(rewards.lots.FIND_LOTS, "find_lots")
def find_lots(tables: Transaction, parameters: Parameters) -> Done:
    rows = []
    for row in read_rows(rewards.lots.WALLETS, parameters):
        lot = tables.find("lots", (parameters["authority_id"], row["wallet_id"], parameters["lot_month"]))
        rows.append((row["wallet_id"], lot["account_id"] if lot else None))
    return Done(rows, len(rows))


@does(rewards.caps.CITIZENS.grant, "grant")
def grant(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.caps.CITIZENS.demands, parameters)
    granted = []
    for row in sorted(rows, key=lambda row: (row["citizen_id"], row["period"], row["starts_on"])):
        period = (row["citizen_id"], row["period"], row["starts_on"])
        key = (parameters["authority_id"], *period)
        tables.lock("cap_usages", key)
        used = (tables.find("cap_usages", key) or {"used_points": 0})["used_points"]
        points = max(0, min(row["cap"] - used, row["points"]))
        tables.put("cap_usages", key, {"used_points": used + points})
        granted.append((*period, points))
    return Done(granted, len(granted))


@does(rewards.ledger.transfers.INSERT_TRANSFERS, "insert_transfers")
def insert_transfers(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.ledger.transfers.TRANSFER_COLUMNS, parameters)
    for row in rows:
        tables.insert_unique("transfers", (parameters["authority_id"], row["journal_no"], row["seq"]), row)
    return changed(len(rows))


@does(rewards.reviews.holding.OPEN_REVIEWS, "open_reviews")
def open_reviews(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.reviews.holding.OPENED, parameters)
    for row in rows:
        tables.insert_unique("reviews", (parameters["authority_id"], row["transfer_id"]), row)
    return changed(len(rows))


@does(rewards.credits.INSERT_CAPPED, "insert_capped")
def insert_capped(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.credits.CAPPED, parameters)
    for row in rows:
        tables.insert_unique("capped_deposits", (parameters["authority_id"], row["journal_no"], row["seq"]), row)
    return changed(len(rows))


@does(rewards.ledger.transfers.MOVE_COUNTERS, "move_counters")
def move_counters(tables: Transaction, parameters: Parameters) -> Done:
    count = 0
    for row in sorted(read_rows(rewards.ledger.transfers.MOVED, parameters), key=lambda row: str(row["account_id"])):
        key = (parameters["authority_id"], row["account_id"])
        tables.lock("accounts", key)
        known = tables.find("accounts", key)
        if known is not None:
            tables.put("accounts", key, {name: known[name] + row[name] for name in COUNTERS})
            count += 1
    return changed(count)
