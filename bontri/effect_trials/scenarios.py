"""The three known truths, and a simulated territory as a panel."""

from rewards.statistics.effect.panel import Panel, PanelSite, SiteMonth
from simulators.territory import TerritorySite

SCENARIOS = {"none": 0.0, "plus-5": 0.05, "plus-20": 0.20}
MATERIAL = "glass"


def panel_of(sites: list[TerritorySite]) -> Panel:
    """Return a simulated territory as it is measured."""
    return Panel(
        MATERIAL,
        "weighed",
        tuple(
            PanelSite(
                site.name,
                site.equipped_on,
                {month: SiteMonth(mass_g, days) for month, mass_g, days in site.months},
            )
            for site in sites
        ),
    )
