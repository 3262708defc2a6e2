"""What each statement of the ingest does to the stand-in tables, one function a statement, found by the text itself.

A statement that is new is missed loudly: the stand-in knows only what is written here. That each does what PostgreSQL
does with the same parameters is tested side by side (``tests/integration/test_simulation_database.py``).
"""

from reliability.simulation.statements import credits, events, journals, quarantine, reports, rollups
from reliability.simulation.statements.directory import select
from reliability.simulation.statements.registry import POISON_BATTERY_PCT, POISON_ITEMS, STATEMENTS, Done

__all__ = [
    "POISON_BATTERY_PCT",
    "POISON_ITEMS",
    "STATEMENTS",
    "Done",
    "credits",
    "events",
    "journals",
    "quarantine",
    "reports",
    "rollups",
    "select",
]
