"""A run told to people; ``--json`` has all of it."""

from typing import Any

MARK = {True: "holds ", False: "BROKEN"}


def as_text(report: dict[str, Any]) -> str:
    """Write what held, what did not, and what the harness itself was worth."""
    lines = [f"seed {report['seed']}, {report['minutes']:g} minutes of faults, {report['machine']['cpu_count']} cores"]
    if kills := report.get("kills"):
        by_kind = ", ".join(f"{count} {name}" for name, count in kills.items() if name != "total")
        lines.append(f"{kills['total']} kills with SIGKILL: {by_kind}")
        others = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(report["faults"].items()))
        lines.append(f"faults: {others}")
        network = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(report["network"].items()))
        lines.append(f"network: {network}")
    lines.append("")
    lines += [tell_check(check) for check in report["checks"]]
    lines += ["", *(tell_control(control) for control in report["controls"])]
    lines += [f"  not run: {what}: {why}" for what, why in report["not_run"].items()]
    lines += [f"  ended by itself: {words}" for words in report.get("ended_by_themselves", [])]
    lines += ["", "Every promise held." if report["ok"] else "NOT every promise held."]
    return "\n".join(lines)


def tell_check(check: dict[str, Any]) -> str:
    """Write one promise with its counts."""
    words = f"  {MARK[check['holds']]}  {check['promise']}: {check['failures']:,} of {check['trials']:,}"
    if "failure_rate_below" in check:
        words += f" (95 %: below {check['failure_rate_below']:g})"
    if seconds := check.get("seconds"):
        words += f"; median {seconds['p50']} s, 95 of 100 within {seconds['p95']} s, longest {seconds['max']} s"
    return words


def tell_control(control: dict[str, Any]) -> str:
    """Write whether the harness noticed what was taken out."""
    if control["name"] == "honest_worker":
        return f"  control without {control['without']}: {'nothing lost' if control['caught'] else 'FAILED'}"
    caught = ", ".join(f"{name} {count}" for name, count in control["failed_checks"].items())
    return f"  control, {control['without']}: {f'caught ({caught})' if control['caught'] else 'NOT CAUGHT'}"
