"""How measurements are told: medians and spread of interleaved rounds, ratios, and the machine they were made on."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


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


def as_text(report: dict[str, Any]) -> str:
    """Write a report for people: rates, then ratios."""
    lines = [f"{report['what']}; {report['machine']['cpu_count']} cores, PostgreSQL {report['postgresql']}", ""]
    for name, rate in report["rates"].items():
        spread = f"{rate['lowest_per_s']:,} to {rate['highest_per_s']:,} in {rate['rounds']} rounds"
        lines.append(f"  {name:20} {rate['median_per_s']:>8,}/s   ({spread})")
    if "worker_peak_mb" in report:
        lines.append(f"  worker, most memory  {report['worker_peak_mb']:>8,} MB")
    lines += ["", *(f"  {name.replace('_', ' '):32} {ratio:.2f}" for name, ratio in report["ratios"].items())]
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """Tell what may explain absolute figures; ratios are what counts."""
    return {"cpu_count": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
