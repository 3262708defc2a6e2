"""Bins as the page, its picture and its CSV list them, so that all three tell of the same bins."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from partners_api.authorities.callers import tenant_of
from partners_api.authorities.named_places import place_of, require_place
from partners_api.pages.questions import today_of
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.mass_balance import BinBalance, list_balances
from rewards.statistics.bin_attendance import BinAttendance, list_bin_attendance
from rewards.statistics.periods import Period

MOST_BINS = 20_000


def list_attended(caller: Principal, asked: Mapping[str, Any]) -> list[BinAttendance]:
    """List the bins of the place asked for that stood somewhere in the period, by id.

    Raises:
        PeriodReversedError, PeriodTooLongError, PeriodToComeError: as they say.
        CommuneUnknownError, SiteMissingError, BinMissingError: it names something unknown.
    """
    require_place(caller, asked)
    period = Period(asked["first_day"], asked["last_day"])
    when: dict[str, Any] = {"timezone": ZoneInfo(caller.timezone), "now": now()}
    return list_bin_attendance(connection(), period, **tenant_of(caller), **when, **place_of(asked), limit=MOST_BINS)


def list_balanced(caller: Principal, asked: Mapping[str, Any]) -> list[BinBalance]:
    """List the balances of the bins of the place and of the material asked for, by bin and material.

    Raises:
        As :func:`list_attended`.
    """
    require_place(caller, asked)
    period = Period(asked["first_day"], asked["last_day"])
    period.require_begun(today_of(caller))
    return list_balances(
        connection(), period, **tenant_of(caller), **place_of(asked), material=asked["material"], limit=MOST_BINS
    )
