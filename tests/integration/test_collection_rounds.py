"""Rounds between emptyings, as bins report them through the ingest, and what the job makes of them."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bontri.jobs.weighing import weigh_rounds_of
from rewards.fleet.placing import move_bin
from rewards.keyring import Keyring
from rewards.mass_balance import DOUBTS, CollectionRound, weigh_rounds
from rewards.statistics.unit_masses import NewUnitMass, set_unit_mass
from rewards.tariffs import Basis, add_tariff
from rewards.territory import add_materials
from tests.balance_scene import BADGE, DAY, Scene, build_balance_scene
from tests.databases import Database

OTHER_JOURNAL = "ab" * 16


@pytest.fixture
def scene(database: Database, keyring: Keyring) -> Scene:
    return build_balance_scene(database, keyring)


def only(rounds: list[CollectionRound]) -> CollectionRound:
    [found] = rounds
    return found


def test_a_round_is_what_was_dropped_between_two_emptyings(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    began_at = scene.now
    scene.now += 7 * DAY
    scene.tell(
        first,
        *scene.drop(first, 5, 3, badge=BADGE),
        *scene.drop(first, 90),
        *scene.drop(first, 2, material="plastic", mass_g=400),
        scene.emptying(first, 31_000),
        *scene.drop(first, 7),
    )
    assert scene.weigh() == 1
    found = only(scene.rounds(first))
    assert (found.began_at, found.ended_at, found.site, found.material) == (began_at, scene.now, "A", "glass")
    assert (found.deposits, found.anonymous_deposits, found.items) == (3, 1, 98)
    assert (found.counted_g, found.weighed_g, found.ratio) == (98 * 300, 31_000, 31_000 / 29_400)
    assert found.is_complete
    assert found.doubts == []


def test_the_first_emptying_of_a_bin_ends_no_round_and_each_material_has_its_own(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    scene.tell(first, *scene.drop(first, 60), scene.emptying(first, 20_000, material="plastic"))
    scene.tell(first, *scene.drop(first, 0, material="plastic", mass_g=12_000))
    scene.tell(first, scene.emptying(first, 18_000), scene.emptying(first, 13_000, material="plastic"))
    scene.weigh()
    rounds = {each.material: (each.deposits, each.counted_g, each.weighed_g) for each in scene.rounds(first)}
    assert rounds == {"glass": (1, 18_000, 18_000), "plastic": (1, 12_000, 13_000)}


def test_a_round_is_incomplete_until_its_last_number_has_come(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    late, *told = [*scene.drop(first, 50, 40), scene.emptying(first, 27_000)]
    scene.tell(first, *told)
    scene.weigh()
    waiting = only(scene.rounds(first))
    assert (waiting.is_complete, waiting.missing, waiting.items) == (False, 1, 40)
    assert waiting.doubts == ["incomplete"]
    assert scene.weigh() == 0
    scene.tell(first, late)
    assert scene.weigh() == 1
    found = only(scene.rounds(first))
    assert (found.is_complete, found.missing, found.items, found.doubts) == (True, 0, 90, [])


def test_a_late_emptying_divides_the_round_it_falls_into(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    told = [*scene.drop(first, 50), scene.emptying(first, 15_000), *scene.drop(first, 40), scene.emptying(first, None)]
    scene.tell(first, told[0], *told[2:])
    scene.weigh()
    assert [(each.items, each.missing) for each in scene.rounds(first)] == [(90, 1)]
    scene.tell(first, told[1])
    assert scene.weigh() == 2
    assert [(each.items, each.weighed_g) for each in scene.rounds(first)] == [(50, 15_000), (40, None)]


def test_lost_numbers_make_no_round_wait_but_are_told(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    scene.drop(first, 50)
    scene.tell(first, *scene.drop(first, 40), scene.emptying(first, 27_000))
    hello = scene.speaker(first).say("hello", scene.now, next_seq=5, oldest_held=3)
    scene.pipeline.process([hello], now=scene.now)
    scene.weigh()
    found = only(scene.rounds(first))
    assert (found.is_complete, found.lost, found.doubts) == (True, 1, ["lost"])


def test_what_is_in_quarantine_is_told_and_counted_once_it_was_recorded(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    told = [*scene.drop(first, 50, material="wood"), *scene.drop(first, 40), scene.emptying(first, 27_000)]
    scene.tell(first, *told)
    scene.weigh()
    found = only(scene.rounds(first))
    assert (found.quarantined, found.items, found.doubts) == (1, 40, ["lost"])
    with scene.database.engine().begin() as connection:
        add_materials(connection, {"wood": 100}, **scene.tenant)
        lines: dict[str, tuple[Basis, int]] = dict.fromkeys(("glass", "plastic", "wood"), ("item", 1))
        add_tariff(connection, **scene.tenant, name="wood too", valid_from=scene.now - DAY, lines=lines)
    scene.restart_worker()
    scene.tell(first, told[0])
    scene.weigh()
    assert only(scene.rounds(first)).quarantined == 0


def test_a_replaced_storage_goes_on_with_the_round(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    scene.tell(first, *scene.drop(first, 50))
    scene.replace_storage(first, OTHER_JOURNAL)
    scene.now += DAY
    scene.tell(first, *scene.drop(first, 40), scene.emptying(first, 27_000), *scene.drop(first, 9))
    scene.weigh()
    found = only(scene.rounds(first))
    assert (found.items, found.missing, found.doubts) == (90, 0, [])


def test_what_a_replaced_storage_said_it_held_is_missing(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    hello = scene.speaker(first).say("hello", scene.now, next_seq=8, oldest_held=1)
    scene.pipeline.process([hello], now=scene.now)
    scene.replace_storage(first, OTHER_JOURNAL)
    scene.now += DAY
    scene.tell(first, *scene.drop(first, 40), scene.emptying(first, 12_000))
    scene.weigh()
    assert only(scene.rounds(first)).missing == 6


def test_a_bin_moved_meanwhile_is_told(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    scene.tell(first, *scene.drop(first, 50))
    scene.now += DAY
    with scene.database.engine("bontri_operator").begin() as connection:
        move_bin(connection, first, to="B", at=scene.now, **scene.tenant)
    scene.restart_worker()
    scene.now += DAY
    scene.tell(first, *scene.drop(first, 40), scene.emptying(first, 27_000))
    scene.weigh()
    found = only(scene.rounds(first))
    assert (found.site, found.doubts) == ("B", ["moved"])


def test_emptyings_without_weight_twice_and_by_a_clock_that_went_back(scene: Scene) -> None:
    [first, second] = scene.town.bin_ids
    earlier = scene.now - 3 * DAY
    scene.tell(first, *scene.drop(first, 50), scene.emptying(first, None))
    scene.tell(first, scene.emptying(first, 15_000))
    scene.tell(second, *scene.drop(second, 50), scene.emptying(second, 15_000, at=earlier.isoformat()))
    scene.weigh()
    assert [each.doubts for each in scene.rounds(first)] == [["unweighed"], ["repeated"]]
    back = only(scene.rounds(second))
    assert (back.is_clock_back, back.items, back.ended_at, back.doubts) == (True, 50, earlier, [])


def test_an_emptying_that_weighs_nothing_is_quarantined_and_makes_no_round(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    scene.tell(first, *scene.drop(first, 50), scene.emptying(first, 0))
    assert scene.weigh() == 0


def test_what_a_bin_in_test_was_given_speaks_against_its_round(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    for state, events in (
        ("test", scene.drop(first, 30)),
        ("live", [*scene.drop(first, 50), scene.emptying(first, 24_000)]),
    ):
        with scene.database.engine().begin() as connection:
            connection.execute(
                text("UPDATE bins SET state = :state WHERE bin_id = :bin"), {"state": state, "bin": first}
            )
        scene.restart_worker()
        scene.tell(first, *events)
    scene.weigh()
    found = only(scene.rounds(first))
    assert (found.items, found.test_events, found.doubts) == (50, 1, ["tested"])


def test_a_light_round_and_one_of_unknown_mass_tell_nothing(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    scene.fill(first, items=20, weighed_g=9_000)
    scene.weigh()
    assert only(scene.rounds(first)).doubts == ["light"]
    with scene.database.engine().begin() as connection:
        unknown = NewUnitMass("glass", scene.now.date().replace(day=1), None, "nobody knows")
        set_unit_mass(connection, unknown, **scene.tenant, set_by="ada", now=scene.now)
    found = only(scene.rounds(first))
    assert (found.counted_g, found.ratio, found.doubts) == (None, None, ["unit_mass_unknown", "light"])


def test_every_doubt_is_met_above() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in DOUBTS if f'"{name}"' not in source] == []


def test_weighing_again_changes_nothing(scene: Scene) -> None:
    [first, second] = scene.town.bin_ids
    for bin_id in (first, second):
        scene.fill(bin_id, items=100, weighed_g=30_000)
    assert scene.weigh() == 2
    before = scene.rounds(first)
    scene.now += DAY
    assert scene.weigh() == 0
    assert scene.rounds(first) == before


def test_two_at_once_weigh_one_after_the_other(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    scene.fill(first, items=100, weighed_g=30_000)
    engine = scene.database.engine("bontri_operator")
    with ThreadPoolExecutor(1) as threads:
        with engine.begin() as connection:
            assert weigh_rounds(connection, **scene.tenant, now=scene.now)[0] == 1
            second = threads.submit(scene.weigh)
            with pytest.raises(TimeoutError):
                second.result(timeout=0.2)
        assert second.result(timeout=10) == 0


def test_the_job_weighs_watches_and_says_what_it_came_to(scene: Scene) -> None:
    [first, _] = scene.town.bin_ids
    for _ in range(3):
        scene.fill(first, items=400, weighed_g=30_000)
    engine, authority_id = scene.database.engine("bontri_operator"), scene.town.authority_id
    assert weigh_rounds_of(engine, authority_id) == {"rounds": 3, "alarms_raised": 1, "alarms_ended": 0}
    assert weigh_rounds_of(engine, authority_id) == {"rounds": 0, "alarms_raised": 0, "alarms_ended": 0}


@pytest.mark.parametrize("seed", range(3))
def test_rounds_are_those_of_the_numbers_whatever_comes_when(scene: Scene, seed: int) -> None:
    """Two journals, in messages shuffled, repeated and cut short, weighed again and again on the way."""
    chance = random.Random(f"{seed} rounds")
    [first, _] = scene.town.bin_ids
    messages, rounds, items = [], [], 0
    for journal in (None, OTHER_JOURNAL):
        if journal:
            scene.replace_storage(first, journal)
        events: list[dict[str, Any]] = []
        while len(events) < 40:
            count = chance.randrange(1, 9)
            scene.now += DAY / 24
            if chance.random() < 0.15:
                events.append(scene.emptying(first, 1_000 + scene.seqs[first]))
                rounds.append((items, events[-1]["mass_g"]))
                items = 0
            else:
                events += scene.drop(first, count)
                items += count
        speaker = scene.speaker(first)
        messages += [(speaker, chance.sample(events, len(events))) for _ in range(2)]
    opened, *others = messages
    told = [opened, *chance.sample(others, len(others))]
    for speaker, events in told:
        for part in (events[:25], events[15:]):
            scene.pipeline.process([speaker.events(scene.now, *part)], now=scene.now)
            scene.weigh()
    found = [(each.items, each.weighed_g) for each in scene.rounds(first)]
    assert found == rounds
    assert all(each.is_complete for each in scene.rounds(first))
