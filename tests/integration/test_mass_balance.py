"""The balance of bins by rounds reported through the ingest: drift, the alarm with its controls, calibrations."""

import datetime
import decimal
from typing import Any

import pytest
from sqlalchemy import text

from bontri.demo.history.calibrating import calibrate_bins
from bontri.demo.history.rollout import Span
from rewards.alarms import Alarm, end_alarm, list_alarms
from rewards.keyring import Keyring
from rewards.mass_balance import (
    CalibrationRefusedError,
    CalibrationRetroactiveError,
    CalibrationTakenError,
    Proposal,
    decide_calibrations,
    list_balances,
    propose_calibrations,
)
from rewards.statistics.periods import Period
from tests.balance_scene import DAY, Scene, build_balance_scene
from tests.databases import Database

ROUNDS = 6


@pytest.fixture
def scene(database: Database, keyring: Keyring) -> Scene:
    return build_balance_scene(database, keyring)


def alarms(scene: Scene, *, with_ended: bool = False) -> list[Alarm]:
    with scene.read() as connection:
        return list_alarms(connection, **scene.tenant, with_ended=with_ended)


def propose(scene: Scene, valid_from: datetime.date, **more: Any) -> list[Proposal]:
    with scene.read() as connection:
        return propose_calibrations(connection, scene.year(), **scene.tenant, valid_from=valid_from, **more)


def decide(scene: Scene, proposals: list[Proposal], **more: Any) -> int:
    said = {"decided_by": "ada", "today": scene.now.date(), "now": scene.now, **more}
    with scene.database.engine("bontri_operator").begin() as connection:
        return decide_calibrations(connection, proposals, **scene.tenant, **said)


def first_of_next_month(scene: Scene) -> datetime.date:
    return (scene.now.date().replace(day=1) + 32 * DAY).replace(day=1)


def test_honest_noise_raises_no_alarm_and_a_bin_that_counts_ten_times_does(scene: Scene) -> None:
    honest, counts_ten_times = scene.town.bin_ids
    scene.fill_honestly(honest, rounds=ROUNDS)
    scene.now -= ROUNDS * 7 * DAY
    scene.fill_honestly(counts_ten_times, rounds=ROUNDS, times=10)
    assert scene.watch() == (1, 0)
    [alarm] = alarms(scene)
    assert (alarm.bin_id, alarm.kind) == (counts_ten_times, "mass_balance")
    assert (alarm.detail["direction"], alarm.detail["expected_by"]) == ("counted_more", "unit_mass")
    assert alarm.detail["drift"] == pytest.approx(0.1, rel=0.25)
    assert (alarm.detail["anonymous_pct"], len(alarm.detail["rounds"])) == (100, 5)
    assert all(each["drift"] < 0.2 for each in alarm.detail["rounds"])
    assert scene.balance(honest).drift == pytest.approx(1, rel=0.2)


def test_a_bin_that_counts_nothing_of_what_is_weighed_raises_it_too(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    for _ in range(3):
        scene.fill(first, items=0, weighed_g=120_000)
    assert scene.watch() == (1, 0)
    [alarm] = alarms(scene)
    assert (alarm.detail["direction"], alarm.detail["drift"]) == ("weighed_more", None)
    assert scene.balance(first).ratio is None


def test_one_odd_round_and_two_rounds_alone_raise_nothing(scene: Scene) -> None:
    first, second = scene.town.bin_ids
    scene.fill_honestly(first, rounds=4)
    scene.fill(first, items=100, weighed_g=500_000)
    scene.fill_honestly(second, rounds=2, times=10)
    assert scene.watch() == (0, 0)
    assert scene.balance(second).drift is None


def test_the_threshold_is_the_authoritys(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    for _ in range(3):
        scene.fill(first, items=200, weighed_g=75_000)
    assert scene.watch() == (0, 0)
    with scene.database.engine("bontri_operator").begin() as connection:
        connection.execute(text("UPDATE authorities SET balance_over_percent = 20 WHERE authority_id = 7"))
    assert scene.watch() == (1, 0)


def test_the_alarm_stays_up_until_most_rounds_are_right_again_and_then_ends(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    scene.fill_honestly(first, rounds=5, times=10)
    assert scene.watch() == (1, 0)
    scene.fill_honestly(first, rounds=2)
    assert scene.watch() == (0, 0)
    assert alarms(scene)[0].ended_at is None
    scene.fill_honestly(first, rounds=1)
    assert scene.watch() == (0, 1)
    assert scene.watch() == (0, 0)


def test_ended_by_hand_it_comes_back_only_with_another_round_that_is_off(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    scene.fill_honestly(first, rounds=5, times=10)
    scene.watch()
    with scene.database.engine("bontri_operator").begin() as connection:
        end_alarm(connection, first, "mass_balance", **scene.tenant, now=scene.now)
    assert scene.watch() == (0, 0)
    scene.fill_honestly(first, rounds=1)
    assert scene.watch() == (0, 0)
    scene.fill_honestly(first, rounds=1, times=10)
    assert scene.watch() == (1, 0)
    assert [alarm.times for alarm in alarms(scene)] == [2]


def test_rounds_somebody_doubts_raise_nothing(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    for _ in range(3):
        told = [*scene.drop(first, *[200] * 20), scene.emptying(first, 120_000)]
        scene.tell(first, *told[1:])
    assert scene.watch() == (0, 0)
    assert (scene.balance(first).rounds, scene.balance(first).usable_rounds) == (3, 0)


def test_a_unit_mass_wrong_for_all_is_no_bins_fault(database: Database, keyring: Keyring) -> None:
    scene = build_balance_scene(database, keyring, bins=4)
    begun_at = scene.now
    for bin_id in scene.town.bin_ids:
        scene.now = begun_at
        for _ in range(3):
            times = 10 if bin_id == "MORE-0003" else 1
            scene.fill(bin_id, items=200, weighed_g=30_000, times=times)
    assert scene.watch() == (1, 0)
    [alarm] = alarms(scene)
    assert (alarm.bin_id, alarm.detail["expected_by"], alarm.detail["drift"]) == ("MORE-0003", "fleet", 0.1)
    assert scene.balance("MORE-0001").ratio == 0.5


def test_a_calibration_is_what_was_weighed_over_what_was_counted_from_its_month_on(scene: Scene) -> None:
    first, second = scene.town.bin_ids
    for weighed_g in (54_000, 60_000, 66_000):
        scene.fill(first, items=250, weighed_g=weighed_g)
    scene.fill(second, items=250, weighed_g=60_000)
    scene.weigh()
    valid_from = first_of_next_month(scene)
    proposed, refused = propose(scene, valid_from)
    assert (proposed.factor, proposed.rounds) == (decimal.Decimal("0.8000"), 3)
    assert (proposed.lowest, proposed.highest) == (54 / 75, 66 / 75)
    assert (refused.factor, refused.rounds_ended) == (None, 1)
    assert refused.refusal == "fewer than 3 rounds were weighed whole in this time"
    assert decide(scene, [proposed]) == 1
    assert scene.balance(first).factor is None
    scene.now = datetime.datetime.combine(valid_from, datetime.time(9), datetime.UTC)
    scene.fill(first, items=250, weighed_g=60_000)
    scene.weigh()
    assert [each.factor for each in scene.rounds(first)] == [None, None, None, decimal.Decimal("0.8000")]
    balance = scene.balance(first)
    assert (balance.factor, balance.expected_by) == (decimal.Decimal("0.8000"), "calibration")
    assert next(each.drift for each in balance.newest) == pytest.approx(1)
    assert propose(scene, valid_from)[0].current_factor == decimal.Decimal("0.8000")


@pytest.fixture
def calibrated(scene: Scene) -> Scene:
    for _ in range(3):
        scene.fill(scene.town.bin_ids[0], items=250, weighed_g=60_000)
    scene.weigh()
    return scene


def count_calibrations(scene: Scene) -> int:
    with scene.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM bin_calibrations")).scalar_one())


def test_nothing_is_calibrated_for_days_that_are_over_unless_said_so(calibrated: Scene) -> None:
    this_month = calibrated.now.date().replace(day=1)
    proposals = propose(calibrated, this_month)
    with pytest.raises(CalibrationRetroactiveError):
        decide(calibrated, proposals)
    assert count_calibrations(calibrated) == 0
    assert decide(calibrated, proposals, is_retroactive=True) == 1


def test_what_is_decided_for_a_month_stays(calibrated: Scene) -> None:
    proposals = propose(calibrated, first_of_next_month(calibrated))
    decide(calibrated, proposals)
    with pytest.raises(CalibrationTakenError):
        decide(calibrated, proposals, decided_by="eve")
    assert count_calibrations(calibrated) == 1


def test_a_proposal_without_a_factor_is_refused_and_nothing_else_decided(calibrated: Scene) -> None:
    second = calibrated.town.bin_ids[1]
    calibrated.fill(second, items=250, weighed_g=60_000)
    calibrated.weigh()
    with pytest.raises(CalibrationRefusedError, match="fewer than 3 rounds"):
        decide(calibrated, propose(calibrated, first_of_next_month(calibrated)))
    assert count_calibrations(calibrated) == 0


def test_no_fraud_is_calibrated_away(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    for _ in range(3):
        scene.fill(first, items=400, weighed_g=60_000)
    scene.watch()
    [proposal] = propose(scene, first_of_next_month(scene))
    assert proposal.factor is None
    assert "alarm" in str(proposal.refusal)
    with scene.database.engine("bontri_operator").begin() as connection:
        end_alarm(connection, first, "mass_balance", **scene.tenant, now=scene.now)
    [proposal] = propose(scene, first_of_next_month(scene))
    assert proposal.factor == decimal.Decimal("0.5000")


def test_a_simulated_history_calibrates_bins_that_were_weighed_enough_by_then(
    calibrated: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bontri.demo.history.calibrating.AUTHORITY_ID", calibrated.town.authority_id)
    engine, last_day = calibrated.database.engine("bontri_operator"), calibrated.now.date()
    too_short, long_enough = (Span(last_day - 60 * DAY, last_day + days * DAY) for days in (0, 130))
    assert calibrate_bins(engine, too_short, now=calibrated.now) == 0
    assert count_calibrations(calibrated) == 0
    assert calibrate_bins(engine, long_enough, now=calibrated.now) == 1
    assert count_calibrations(calibrated) == 1


def test_a_bin_that_stood_nowhere_yet_is_not_in_the_balance(scene: Scene) -> None:
    placed_on = scene.now.date()
    with scene.database.engine("owner").begin() as connection:
        moved = "UPDATE placements SET placed_at = :now WHERE authority_id = :authority_id AND bin_id = :bin_id"
        bin_id = scene.town.bin_ids[1]
        connection.execute(text(moved), {**scene.tenant, "bin_id": bin_id, "now": scene.now})
    with scene.read() as connection:
        before, since = [
            {each.bin_id for each in list_balances(connection, Period(placed_on - DAY, last), **scene.tenant)}
            for last in (placed_on - DAY, placed_on)
        ]
    assert since - before == {bin_id}


def test_bins_without_a_round_are_listed_as_such(scene: Scene) -> None:
    balance = scene.balance(scene.town.bin_ids[1])
    assert (balance.material, balance.rounds, balance.ratio, balance.drift, balance.anonymous_share) == (
        None,
        0,
        None,
        None,
        None,
    )
