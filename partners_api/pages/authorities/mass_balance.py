"""What bins counted beside what was weighed at their emptyings, and what to do about each."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from partners_api.languages import language_of_request
from partners_api.pages.bin_rows import list_balanced
from partners_api.pages.charts.mass_balance import describe_mass_balance
from partners_api.pages.page import page, render
from partners_api.pages.questions import QuestionSchema, name_of_place
from partners_api.pages.translations import said_later
from rewards.access import Principal
from rewards.mass_balance import BinBalance
from rewards.mass_balance.arithmetic import LEAST_CALIBRATION_G, LEAST_ROUNDS
from rewards.statistics.periods import Period

ToDo = Literal["look", "weigh", "calibrate", "ask", "wait", "nothing"]
TO_DO: dict[ToDo, str] = {
    "look": said_later("Go and look: counts and weights part"),
    "weigh": said_later("Weigh its emptyings"),
    "calibrate": said_later("Calibrate it"),
    "ask": said_later("No emptying was told: ask whether it was emptied"),
    "wait": said_later("Wait: too few rounds yet"),
    "nothing": said_later("Nothing"),
}
"""The most urgent first."""
ROWS_SHOWN = 300
"""A page of more would be too heavy for a telephone; the CSV has all."""


@page("/dashboard/mass-balance", query=QuestionSchema)
def show_mass_balance_page(caller: Principal, asked: dict[str, Any]) -> str:
    """Show bins by what there is to do about them, with what was counted and weighed in rounds of the period."""
    found = list_balanced(caller, asked)
    rows = sort_by_urgency(found)
    return render(
        "mass_balance.html",
        asked=asked,
        place=name_of_place(asked),
        period=Period(asked["first_day"], asked["last_day"]),
        rows=rows[:ROWS_SHOWN],
        rows_in_all=len(rows),
        counted=Counter(to_do for to_do, _ in rows),
        to_do=TO_DO,
        rounds=sum(each.rounds for each in found),
        usable=sum(each.usable_rounds for each in found),
        in_words=describe_mass_balance(found, language_of_request()),
    )


def sort_by_urgency(balances: Sequence[BinBalance]) -> list[tuple[ToDo, BinBalance]]:
    """Return balances with what to do about each, the most urgent first, else as they came. Pure."""
    urgency = list(TO_DO)
    return sorted(((what_to_do(each), each) for each in balances), key=lambda each: urgency.index(each[0]))


def what_to_do(balance: BinBalance) -> ToDo:
    """Return what to do about a bin; while its alarm is up it is not to be calibrated. Pure."""
    if balance.alarm_raised_at is not None or balance.direction is not None:
        return "look"
    if not balance.rounds:
        return "ask"
    if not balance.usable_rounds:
        return "weigh"
    if balance.factor is not None:
        return "nothing"
    is_enough = balance.usable_rounds >= LEAST_ROUNDS and balance.weighed_g >= LEAST_CALIBRATION_G
    return "calibrate" if is_enough else "wait"
