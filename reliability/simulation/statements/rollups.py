"""Statements about sums of deposits. Nobody folds days in a simulation, so that late deposits add to no month."""

import rewards.rollups.adding
import rewards.rollups.signs
from reliability.simulation.statements.registry import Done, Parameters, changed, does
from reliability.simulation.tables import Key, Transaction, read_rows


@does(rewards.rollups.adding.ADD_TO_ROLLUPS, "add_to_rollups")
def add_to_rollups(tables: Transaction, parameters: Parameters) -> Done:
    rows = read_rows(rewards.rollups.adding.COLUMNS, parameters)
    for row in sorted(rows, key=lambda row: (row["day"], row["bin_id"], row["site_id"], row["material"])):
        key = (parameters["authority_id"], row["day"], row["bin_id"], row["site_id"], row["material"])
        tables.lock("daily_deposits", key)
        known = tables.find("daily_deposits", key) or dict.fromkeys(rewards.rollups.COUNTERS, 0)
        tables.put("daily_deposits", key, {name: known[name] + row[name] for name in rewards.rollups.COUNTERS})
    return changed(len(rows))


@does(rewards.rollups.adding.OPEN_FOLDS, "open_folds")
def open_folds(tables: Transaction, parameters: Parameters) -> Done:
    key = (parameters["authority_id"],)
    return changed(int(tables.insert("folded_days", key, {"folded_before": parameters["never"]})))


@does(rewards.rollups.adding.HOLD_FOLDS, "hold_folds")
def hold_folds(tables: Transaction, parameters: Parameters) -> Done:
    """Shared locks are of no interest here: nobody takes the row for itself."""
    folds = tables.find("folded_days", (parameters["authority_id"],))
    rows = [(folds["folded_before"],)] if folds else []
    return Done(rows, len(rows))


@does(rewards.rollups.adding.ADD_TO_MONTHS, "add_to_months")
def add_to_months(tables: Transaction, parameters: Parameters) -> Done:
    folds = tables.find("folded_days", (parameters["authority_id"],))
    if folds is None:
        return changed(0)
    sums: dict[Key, dict[str, int]] = {}
    for row in read_rows(rewards.rollups.adding.COLUMNS, parameters):
        if row["day"] < folds["folded_before"]:
            key: Key = (
                parameters["authority_id"],
                row["day"].replace(day=1),
                row["bin_id"],
                row["site_id"],
                row["material"],
            )
            total = sums.setdefault(key, dict.fromkeys(rewards.rollups.COUNTERS, 0))
            total.update({name: total[name] + row[name] for name in rewards.rollups.COUNTERS})
    for key in sorted(sums):
        tables.lock("monthly_deposits", key)
        known = tables.find("monthly_deposits", key) or dict.fromkeys(rewards.rollups.COUNTERS, 0)
        tables.put("monthly_deposits", key, {name: known[name] + sums[key][name] for name in rewards.rollups.COUNTERS})
    return changed(len(sums))


@does(rewards.rollups.signs.ADD_SIGNS, "add_signs")
def add_signs(tables: Transaction, parameters: Parameters) -> Done:
    folds = tables.find("folded_days", (parameters["authority_id"],))
    if folds is None:
        return changed(0)
    signs: dict[Key, dict[str, int]] = {}
    for row in read_rows(rewards.rollups.signs.COLUMNS, parameters):
        if row["day"] < folds["folded_before"]:
            key: Key = (parameters["authority_id"], row["day"].replace(day=1), row["bin_id"])
            bit, days = row["day"].day - 1, signs.setdefault(key, {"heard_days": 0, "deposit_days": 0})
            days["heard_days"] |= row["heard"] << bit
            days["deposit_days"] |= row["dropped"] << bit
    for key in sorted(signs):
        tables.lock("bin_months", key)
        known = tables.find("bin_months", key) or {"heard_days": 0, "deposit_days": 0}
        tables.put("bin_months", key, {name: known[name] | signs[key][name] for name in known})
    return changed(len(signs))
