"""A run told to people; ``--json`` has all of it."""

import json
from typing import Any

MARK = {True: "holds ", False: "BROKEN"}
SHOWN = (
    "samples",
    "missed",
    "ended",
    "faults",
    "longest_s_by_kind",
    "longest_s",
    "cancelled_by_restore",
    "quarantined",
)
"""Facts of a check that people want to see beside it, when there is something in them."""


def as_text(report: dict[str, Any]) -> str:
    """Write what held, what did not, and what the harness itself was worth."""
    lines = [f"seed {report['seed']}, {report['minutes']:g} minutes of faults, {report['seconds']:,} s in all"]
    if kills := report.get("kills"):
        lines.append(f"{kills['total']} kills with SIGKILL: {list_counts(kills, but='total')}")
        lines.append(f"faults: {list_counts(report['faults'])}")
        lines.append(f"network: {list_counts(report['network'] | report['injected'])}")
        accounts = report["accounts"]
        lines.append(
            f"events: {accounts['events_produced']:,} produced, {accounts['events_committed']:,} committed, "
            f"{accounts['events_quarantined']:,} quarantined, {accounts['events_still_in_journals']:,} not handed over"
        )
    lines.append("")
    for check in report["checks"]:
        lines += tell_check(check)
    lines += ["", *(tell_control(control) for control in report["controls"])]
    lines += [f"  not run: {what}: {why}" for what, why in report["not_run"].items()]
    lines += [f"  BROKE OFF: {what}: {why}" for what, why in report["broken_off"].items()]
    if findings := report.get("accounts", {}).get("findings"):
        lines += ["", f"findings: {json.dumps(findings)}"]
    if "kept" in report:
        lines += ["", f"Logs, database and journals are kept in {report['kept']}"]
    return "\n".join([*lines, "", conclude(report)])


def conclude(report: dict[str, Any]) -> str:
    """Write the verdict."""
    tried, held = len(report["checks"]), sum(check["holds"] for check in report["checks"])
    words = f"{held} of {tried} promises that were tried held"
    if report["controls"]:
        caught = sum(control["caught"] for control in report["controls"])
        words += f", {caught} of {len(report['controls'])} controls went as they must"
    return f"{words}." if report["is_complete"] else f"{words}; NOT EVERYTHING was run."


def tell_check(check: dict[str, Any]) -> list[str]:
    """Write one promise with its counts; what there is to say beside it follows on lines of their own."""
    words = f"  {MARK[check['holds']]}  {check['promise']}: {check['failures']:,} failures in {check['trials']:,}"
    if "failure_rate_below" in check:
        words += f" (95 %: below {check['failure_rate_below']:g})"
    if seconds := check.get("seconds"):
        words += f"; median {seconds['p50']} s, 95 of 100 within {seconds['p95']} s, longest {seconds['max']} s"
    return [words, *(f"            {name}: {json.dumps(check[name])}" for name in SHOWN if check.get(name))]


def tell_control(control: dict[str, Any]) -> str:
    """Write whether the harness noticed what was taken out."""
    failed = ", ".join(f"{name} {count}" for name, count in control["failed_checks"].items()) or "nothing"
    expected = control["must_fail"] or "nothing"
    verdict = "as it must" if control["caught"] else "NOT AS IT MUST"
    healed = "" if control["has_healed"] else ", and the bins did not get all their receipts"
    return f"  control {control['name']}: {expected} has to fail, {failed} failed{healed}: {verdict}"


def list_counts(counts: dict[str, int], *, but: str = "") -> str:
    """Write counts with their names."""
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(counts.items()) if name != but)
