"""How measurements are told: medians and spread of interleaved rounds, ratios, and the machine they were made on."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from benchmarks.promises import promises_as_text
from benchmarks.scene import Scene

OUR_RATES = ("bontri", "bontri_backlog", "bontri_half_poison", "transaction_alone", "transaction_sql")
"""What is ours among the rates of ``bench ingest``; the others are peers and ceilings."""


class NotRun(TypedDict):
    """Something that was asked for and not measured, with the reason."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Rates of several rounds, per second."""

    rates: Sequence[float]

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.rates)

    def as_dict(self) -> dict[str, Any]:
        """Return median, lowest and highest."""
        return {
            "median_per_s": round(self.median),
            "lowest_per_s": round(min(self.rates)),
            "highest_per_s": round(max(self.rates)),
            "rounds": len(self.rates),
        }


def ingest_as_text(report: dict[str, Any]) -> str:
    """Write a report of ``bench ingest`` for people: rates, ratios, promises, what was lost."""
    lines = [f"{report['what']}; {head_of(report)}", ""]
    for name, rate in report["rates"].items():
        spread = f"{rate['lowest_per_s']:,} to {rate['highest_per_s']:,} in {rate['rounds']} rounds"
        lines.append(f"  {name:20} {rate['median_per_s']:>8,}/s   ({spread})")
    lines += ["", *(f"  {name.replace('_', ' '):32} {ratio:.2f}" for name, ratio in report["ratios"].items())]
    if report["killed"]:
        lines += ["", "Killed (-9) in mid-load and started again:"]
        lines += [
            f"  {name:20} lost {each['lost']:,} of {each['published']:,}, doubled {each['doubled']:,}"
            for name, each in report["killed"].items()
        ]
    return "\n".join([*lines, *tail_of(report)])


def latency_as_text(report: dict[str, Any]) -> str:
    """Write a report of ``bench latency`` for people."""
    lines = [f"{report['what']}; {head_of(report)}", ""]
    lines.append(
        f"  {report['published_per_s']:,} deposits/s published ({report['wanted_per_s']:,} wanted), "
        f"{report['backlog_at_the_end']:,} not committed at the end, {report['deposits_probed']:,} probed"
    )
    for name, words in (("points_ms", "points in the API"), ("receipt_ms", "receipt")):
        quantiles = ", ".join(f"{each} {value:,.0f}" for each, value in report[name].items())
        lines.append(f"  {words:20} {quantiles} ms")
    return "\n".join([*lines, *tail_of(report)])


def growth_as_text(report: dict[str, Any]) -> str:
    """Write a report of ``bench growth`` for people."""
    lines = [f"{report['what']}; {head_of(report)}", ""]
    for name, rate in report["rates"].items():
        spread = f"{rate['lowest_per_s']:,} to {rate['highest_per_s']:,} in {rate['rounds']} rounds"
        cpu, size = report["postgresql_cpu_us_per_event"][name], report["database_mb"][name]
        lines.append(
            f"  {name:6} {report[name]:>11,} events, {size:,} MB: {rate['median_per_s']:>7,}/s ({spread}), "
            f"{cpu:g} µs of PostgreSQL an event"
        )
    lines += ["", *(f"  {name.replace('_', ' '):32} {ratio:.2f}" for name, ratio in report["ratios"].items())]
    return "\n".join([*lines, *tail_of(report)])


def rewards_as_text(report: dict[str, Any]) -> str:
    """Write a report of ``bench rewards`` for people."""
    lines = [f"{report['what']}; {head_of(report)}", ""]
    for name, rate in report["rates"].items():
        spread = f"{rate['lowest_per_s']:,} to {rate['highest_per_s']:,} in {rate['rounds']} rounds"
        lines.append(f"  {name.replace('_', ' '):20} {rate['median_per_s']:>8,}/s   ({spread})")
    lines.append("")
    for name, words in (("quiet", "alone"), ("beside", "while points expire")):
        seen = report["redemptions"][name]
        quantiles = ", ".join(f"{each} {value:,.1f}" for each, value in seen["ms"].items())
        lines.append(f"  {seen['redemptions']:,} redemptions {words}: {quantiles} ms")
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in report["redemptions"]["outcomes"].items())
    return "\n".join([*lines, f"  of all redemptions {outcomes}", *tail_of(report)])


def api_as_text(report: dict[str, Any]) -> str:
    """Write a report of ``bench api`` for people."""
    lines = [f"{report['what']}; {head_of(report)}", ""]
    for name, rate in report["rates"].items():
        spread = f"{rate['lowest_per_s']:,} to {rate['highest_per_s']:,} in {rate['rounds']} rounds"
        lines.append(f"  {name.replace('_', ' '):20} {rate['median_per_s']:>8,}/s   ({spread})")
    lines += ["", "  Processor time of a request, µs, and of the generator in one second:"]
    for name, cpu in report["cpu"].items():
        lines.append(
            f"  {name.replace('_', ' '):20} API {cpu['api_us']:,.0f}, PostgreSQL {cpu['postgresql_us']:,.0f}, "
            f"generator {cpu['generator_us']:,.0f} ({cpu['generator_share']:.0%} of a processor)"
        )
    lines.append("")
    for name, words in (("quiet", "alone"), ("beside", f"beside {report['published_per_s']:,} deposits/s")):
        seen = report["redemptions_paced"][name]
        quantiles = ", ".join(f"{each} {value:,.1f}" for each, value in seen["ms"].items())
        lines.append(f"  {seen['count']:,} redemptions at {report['paced']:g}/s {words}: {quantiles} ms")
    return "\n".join([*lines, *tail_of(report)])


def stats_as_text(report: dict[str, Any]) -> str:
    """Write a report of ``bench stats`` for people."""
    lines = [f"{report['what']}; {head_of(report)}", ""]
    lines.append(f"  {'ms':26} {report['small']:>12,} {report['large']:>12,} deposits")
    for name, figure in report["figures"].items():
        medians = " ".join(f"{figure[size]['median_ms']:>12,.1f}" for size in ("small", "large"))
        spread = f"{figure['large']['lowest_ms']:,.1f} to {figure['large']['highest_ms']:,.1f}"
        lines.append(f"  {name.replace('_', ' '):26} {medians}   ({spread}), {figure['ratio']:.2f} times")
    lines.append("")
    for name, each in report["sums"].items():
        spread = f"{each['lowest_s']:,.2f} to {each['highest_s']:,.2f}"
        lines.append(f"  {name.replace('_', ' '):26} {each['median_s']:>8,.2f} s   ({spread})")
    loaded = ", ".join(f"{name} {each:,.0f} s" for name, each in report["load_s"].items())
    return "\n".join([*lines, "", f"  to load: {loaded}", *tail_of(report)])


def soak_as_text(report: dict[str, Any]) -> str:
    """Write a report of ``bench soak`` for people: growth an hour of each series."""
    lines = [f"{report['what']}; {head_of(report)}", ""]
    lines.append(f"  {report['published']:,} deposits, {report['published_per_s']:,}/s")
    for name, slope in report["slopes"].items():
        lines.append(
            f"  {name.replace('_', ' '):20} {slope['first']:>8g} to {slope['last']:>8g}, "
            f"{slope['per_hour']:+.2f} ± {slope['standard_error']:.2f} an hour "
            f"(bound {slope['bound_per_hour']:g}): {slope['verdict']}"
        )
    return "\n".join([*lines, *tail_of(report)])


def head_of(report: dict[str, Any]) -> str:
    """Return machine and versions in one line."""
    machine = report["machine"]
    return f"{machine['cpu_count']} cores ({machine['cpu']}), {services_in_words(report)}"


def services_in_words(report: dict[str, Any]) -> str:
    """Return what was measured on, without the machine; not every bench needs a broker."""
    return ", ".join([f"PostgreSQL {report['postgresql']}", *([report["broker"]] if "broker" in report else [])])


def tail_of(report: dict[str, Any]) -> list[str]:
    """Return promises, what was not run, and whether all is in order."""
    lines = ["", "Promises:", *promises_as_text(report["promises"])]
    if report["not_run"]:
        lines += ["", "Not run:", *(f"  {each['what']}: {each['why']}" for each in report["not_run"])]
    verdict = "NOT SOUND: an invariant is broken, or something of ours is missing or was refused."
    return [*lines, "", "Every invariant holds." if report["ok"] else verdict]


def services_of(scene: Scene) -> dict[str, Any]:
    """Tell what the services and the machine are."""
    return {"broker": scene.broker.kind, "postgresql": scene.server.version, "machine": machine()}


def machine() -> dict[str, Any]:
    """Tell what may explain absolute figures; ratios are what counts."""
    return {
        "cpu_count": os.cpu_count(),
        "cpu": find_line(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }


def find_line(path: Path, name: str) -> str | None:
    """Find the value behind ``name`` in a file of /proc."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)
