"""The configuration of a bin's display: only newer ones, only signed ones, kept over restarts."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simulators.display import DisplayLine
from tests.unit.simulators_bench import IDENTITY, KEY, Bench
from tests.unit.test_simulators_reference_backend import sign

TOPIC = IDENTITY.topic("down/config")
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "bin.journal")
    yield bench
    bench.bin.close()


def config(version: int, **fields: Any) -> dict[str, Any]:
    tariffs = [
        {"valid_from": "2026-12-31T23:00:00Z", "lines": {"glass": {"per": "kilogram", "points": 4}}},
        {"valid_from": "2026-01-01T00:00:00+01:00", "lines": {"glass": {"per": "item", "points": version}}},
    ]
    texts = {"fr": {"welcome": "Bienvenue"}}
    head = {"v": 1, "bin": "MRS-00042", "version": version}
    return head | {"tariffs": tariffs, "limits": {"day_points": 40}, "texts": texts} | fields


def hello_config(bench: Bench) -> int:
    bench.bin.on_disconnected()
    bench.connect()
    [version] = [fields["config"] for kind, fields in bench.take() if kind == "hello"]
    assert isinstance(version, int)
    return version


def counted(bench: Bench) -> tuple[int, int]:
    return bench.bin.tally.configs_taken, bench.bin.tally.configs_ignored


def test_a_new_bin_says_that_it_has_no_configuration(bench: Bench) -> None:
    assert hello_config(bench) == 0
    assert bench.bin.display.find_tariff(bench.now) is None
    assert bench.bin.display.find_text("welcome", language="fr") is None


def test_a_configuration_is_shown_and_named_in_the_next_hello(bench: Bench) -> None:
    bench.hand_over("config", config(4))
    display = bench.bin.display
    assert display.find_text("welcome", language="fr") == "Bienvenue"
    assert display.find_text("welcome", language="en") is None
    assert display.config.limits == {"day_points": 40}
    tariff = display.find_tariff(bench.bin.clock.read(bench.now))
    assert tariff is not None
    assert tariff.lines == {"glass": DisplayLine("item", 4)}
    assert (counted(bench), hello_config(bench)) == ((1, 0), 4)


def test_the_tariff_shown_is_the_one_in_force_at_the_time_of_the_clock(bench: Bench) -> None:
    bench.hand_over("config", config(4))
    found = [bench.bin.display.find_tariff(NEW_YEAR.replace(year=year)) for year in (2025, 2026, 2027)]
    assert [tariff and tariff.lines["glass"].per for tariff in found] == [None, "item", "kilogram"]


def test_a_configuration_is_there_again_after_a_restart(bench: Bench) -> None:
    bench.hand_over("config", config(7))
    held = bench.bin.display.config
    bench.restart()
    assert bench.bin.display.config == held
    assert hello_config(bench) == 7


@pytest.mark.parametrize("version", [3, 4])
def test_a_version_that_is_not_above_the_one_held_replaces_nothing(bench: Bench, version: int) -> None:
    bench.hand_over("config", config(4))
    bench.hand_over("config", config(version, texts={"fr": {"welcome": "Au revoir"}}))
    bench.restart()
    assert bench.bin.display.find_text("welcome", language="fr") == "Bienvenue"
    assert bench.bin.display.version == 4


def test_a_higher_version_replaces_the_lower_whole(bench: Bench) -> None:
    bench.hand_over("config", config(4))
    bench.hand_over("config", config(5, tariffs=[], limits={}, texts={}))
    bench.restart()
    assert (bench.bin.display.version, bench.bin.display.config.tariffs) == (5, ())
    assert bench.bin.display.find_text("welcome", language="fr") is None


def test_a_retained_configuration_may_come_before_the_bin_has_said_hello(bench: Bench) -> None:
    bench.bin.prepare_connection(bench.now)
    bench.hand_over("config", config(4))
    bench.bin.on_connected(bench.now)
    [hello] = [fields for kind, fields in bench.take() if kind == "hello"]
    assert hello["config"] == 4


def test_a_configuration_never_carries_the_time(bench: Bench) -> None:
    bench.hand_over("config", config(4, time="2030-01-01T00:00:00Z"))
    assert bench.bin.clock.read(bench.now) == bench.now
    assert bench.bin.display.version == 4


@pytest.mark.parametrize(
    "fields",
    [
        {"v": 2},
        {"bin": "MRS-00043"},
        {"version": 0},
        {"version": -1},
        {"version": "4"},
        {"version": True},
        {"tariffs": None},
        {"tariffs": {}},
        {"tariffs": [{"valid_from": "soon", "lines": {}}]},
        {"tariffs": [{"valid_from": "2026-01-01T00:00:00Z"}]},
        {"tariffs": [{"valid_from": "2026-01-01T00:00:00Z", "lines": {"glass": {"per": "litre", "points": 1}}}]},
        {"tariffs": [{"valid_from": "2026-01-01T00:00:00Z", "lines": {"glass": {"per": "item", "points": -1}}}]},
        {"limits": {"day_points": "40"}},
        {"limits": []},
        {"texts": {"fr": "Bienvenue"}},
        {"texts": {"fr": {"welcome": 1}}},
    ],
)
def test_a_configuration_that_is_not_understood_replaces_nothing(bench: Bench, fields: dict[str, Any]) -> None:
    bench.hand_over("config", config(1))
    held = bench.bin.display.config
    bench.hand_over("config", config(4) | fields)
    assert bench.bin.display.config == held
    assert counted(bench) == (1, 1)


@pytest.mark.parametrize("line", [b"", b"[]", b"null", b"\xff", b"{", b'{"v":1,"bin":"MRS-00042"}', b"[" * 100_000])
def test_what_is_no_configuration_at_all_replaces_nothing(bench: Bench, line: bytes) -> None:
    bench.bin.on_message(TOPIC, sign(TOPIC, line, KEY), bench.now)
    assert counted(bench) == (0, 1)


@pytest.mark.parametrize("attack", ["signature", "key", "channel", "bin", "unsigned"])
def test_a_configuration_that_is_not_signed_for_this_bin_replaces_nothing(bench: Bench, attack: str) -> None:
    line = json.dumps(config(4)).encode()
    signed_topic = {"channel": IDENTITY.topic("down/command"), "bin": TOPIC.replace("00042", "00043")}.get(
        attack, TOPIC
    )
    payload = sign(signed_topic, line, b"x" * 32 if attack == "key" else KEY)
    if attack == "signature":
        payload = payload.replace(b'"version": 4', b'"version": 5')
    elif attack == "unsigned":
        payload = line
    bench.bin.on_message(TOPIC, payload, bench.now)
    assert bench.bin.display.version == 0
    assert counted(bench) == (0, 1)


def test_a_configuration_on_the_topic_of_another_bin_replaces_nothing(bench: Bench) -> None:
    topic = TOPIC.replace("00042", "00043")
    bench.bin.on_message(topic, sign(topic, json.dumps(config(4)).encode(), KEY), bench.now)
    assert counted(bench) == (0, 1)
