"""Statements about what was refused."""

import rewards.quarantine.bounding
import rewards.quarantine.storing
from reliability.simulation.statements.registry import Done, Parameters, as_row, changed, does
from reliability.simulation.tables import Transaction, read_rows


@does(rewards.quarantine.bounding.FIND_KEPT, "find_kept")
def find_kept(tables: Transaction, parameters: Parameters) -> Done:
    bounding = rewards.quarantine.bounding
    names = ("message_digest", "bin_id", "day", "kept")
    rows = [
        as_row(dict(zip(names, (None, row["bin_id"], row["day"], 0), strict=True)))
        for row in read_rows(bounding.DAYS, parameters)
    ]
    for row in read_rows(bounding.DIGESTS, parameters):
        if tables.find("quarantined_messages", (parameters["authority_id"], row["message_digest"])):
            rows.append(as_row(dict(zip(names, (row["message_digest"], None, None, None), strict=True))))
    return Done(rows, len(rows))


@does(rewards.quarantine.storing.STORE_COPIES, "store_refused")
def store_refused(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.quarantine.storing.MESSAGES, parameters)
    for row in sorted(rows, key=lambda row: bytes(row["message_digest"])):
        key = (parameters["authority_id"], row["message_digest"])
        tables.lock("quarantined_messages", key)
        known = tables.find("quarantined_messages", key) or {"times": 0}
        tables.put("quarantined_messages", key, {"code": row["code"], "times": known["times"] + row["times"]})
    return changed(len(rows))


@does(rewards.quarantine.storing.INSERT_EVENTS, "store_refused_events")
def store_refused_events(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.quarantine.storing.EVENTS, parameters)
    for row in sorted(rows, key=lambda row: (row["journal_no"], row["seq"], row["content_digest"])):
        number = (parameters["authority_id"], row["journal_no"], row["seq"])
        key = (*number, row["content_digest"])
        tables.lock("quarantined_events", key)
        known = tables.find("quarantined_events", key)
        keeps = known is not None and "event_conflict" in {known["code"], row["code"]}
        code = known["code"] if known is not None and keeps else row["code"]
        tables.put("quarantined_events", key, {"code": code})
    return changed(len(rows))
