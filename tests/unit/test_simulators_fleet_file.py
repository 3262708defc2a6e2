"""The file by which a backend hands over its bins."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulators.fleet_file import FleetFileError, read_fleet, read_fleet_file


def provisioned_bin(**changes: Any) -> dict[str, Any]:
    return {
        "bin": "PLC-00001",
        "key_number": 1,
        "key": "0a" * 32,
        "password": "secret words",
        "materials": ["glass"],
        "capacity_l": 3000,
        "mass": False,
    } | changes


def content(**changes: Any) -> dict[str, Any]:
    return {
        "broker": {"host": "127.0.0.1", "port": 1883},
        "authority": "plaine-commune",
        "bins": [provisioned_bin()],
        "badges": ["04A2B9C1"],
    } | changes


def faults_of(value: object) -> list[str]:
    with pytest.raises(FleetFileError) as caught:
        read_fleet(value)
    return caught.value.faults


def test_a_fleet_file_becomes_bins_with_keys(tmp_path: Path) -> None:
    (tmp_path / "fleet.json").write_text(json.dumps(content()))
    fleet = read_fleet_file(tmp_path / "fleet.json")
    [handed_over] = fleet.bins
    assert handed_over.identity.keys == {1: b"\x0a" * 32}
    assert handed_over.identity.topic("up/hello") == "bontri/v1/plaine-commune/PLC-00001/up/hello"
    assert handed_over.password == "secret words"
    assert (fleet.broker.port, fleet.badges) == (1883, ("04A2B9C1",))


def test_several_keys_of_a_rotation_are_handed_over_beside_or_instead_of_one() -> None:
    keys = {"1": "0a" * 32, "2": "0B" * 32}
    beside = provisioned_bin(keys=keys)
    instead = {name: value for name, value in beside.items() if name not in ("key_number", "key")}
    newest_beside = provisioned_bin(keys={"2": "0b" * 32})
    for entry in (beside, instead, newest_beside):
        [handed_over] = read_fleet(content(bins=[entry])).bins
        assert handed_over.identity.keys == {1: b"\x0a" * 32, 2: b"\x0b" * 32}


def test_a_bin_may_be_handed_over_with_something_in_it() -> None:
    bins = [provisioned_bin(fill_pct=62), provisioned_bin(bin="PLC-00002")]
    assert [each.fill_pct for each in read_fleet(content(bins=bins)).bins] == [62, 0]
    too_much = content(bins=[provisioned_bin(fill_pct=101)])
    assert faults_of(too_much) == ["bins[0].fill_pct: must be a whole number from 0 to 100"]


@pytest.mark.parametrize("number", [1, 32_767])
def test_key_numbers_go_from_1_to_32767(number: int) -> None:
    [one] = read_fleet(content(bins=[provisioned_bin(key_number=number)])).bins
    [another] = read_fleet(content(bins=[provisioned_bin(keys={str(number): "0a" * 32})])).bins
    assert list(one.identity.keys) == [number]
    assert list(another.identity.keys) == sorted({1, number})


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"key_number": 0}, "bins[0].key_number"),
        ({"key_number": 32_768}, "bins[0].key_number"),
        ({"keys": {"0": "0a" * 32}}, "bins[0].keys"),
        ({"keys": {"32768": "0a" * 32}}, "bins[0].keys"),
        ({"keys": {"02": "0a" * 32}}, "bins[0].keys"),
        ({"keys": {"two": "0a" * 32}}, "bins[0].keys"),
        ({"keys": {"2": "0a"}}, "bins[0].keys.2"),
        ({"keys": {"1": "0b" * 32}}, "bins[0].keys.1"),
        ({"keys": {}}, "bins[0].keys"),
        ({"keys": ["0a" * 32]}, "bins[0].keys"),
        ({"keys": {"2": "0b" * 32}, "key_number": None}, "bins[0].key_number"),
        ({"key": None}, "bins[0].key"),
    ],
)
def test_keys_that_cannot_be_used_are_named_by_their_place_and_not_shown(changes: dict[str, Any], fault: str) -> None:
    faults = faults_of(content(bins=[provisioned_bin(**changes)]))
    assert [text.split(":")[0] for text in faults] == [fault]
    assert "0a0a" not in str(faults)
    assert "0b0b" not in str(faults)


def test_what_may_be_left_out_has_a_default() -> None:
    entry = {name: provisioned_bin()[name] for name in ("bin", "key_number", "key", "password")}
    [handed_over] = read_fleet(content(bins=[entry], badges=[])).bins
    identity = handed_over.identity
    assert (identity.materials, identity.capacity_l, identity.weighs) == (("glass",), 3000, False)


def test_every_fault_is_named_and_not_only_the_first() -> None:
    faults = faults_of(
        {
            "broker": {"host": "broker.example.org", "port": 99999, "ca_file": "/nowhere"},
            "authority": "Plaine Commune",
            "bins": [
                provisioned_bin(bin="plc/+", key="0a", capacity_l=0),
                provisioned_bin(password="", materials=[], mass="yes", key_number=True),
                7,
                provisioned_bin(bin="PLC-00002"),
                provisioned_bin(bin="PLC-00002"),
            ],
            "badges": ["abc"],
        }
    )
    starts = [fault.split(":")[0] for fault in faults]
    assert starts == [
        "broker.port",
        "broker.tls",
        "broker.ca_file",
        "authority",
        "bins[0].bin",
        "bins[0].key",
        "bins[0].capacity_l",
        "bins[1].key_number",
        "bins[1].materials",
        "bins[1].mass",
        "bins[1].password",
        "bins[2]",
        "bins",
        "badges",
    ]


@pytest.mark.parametrize("value", [None, [], "fleet", {}, {"bins": []}, {"broker": 5}])
def test_something_else_than_a_fleet_is_refused_with_reasons(value: object) -> None:
    assert faults_of(value)


def test_plain_tcp_is_for_loopback_only() -> None:
    [fault] = faults_of(content(broker={"host": "192.0.2.7", "port": 1883}))
    assert "TLS" in fault or "tls" in fault
    assert read_fleet(content(broker={"host": "192.0.2.7", "port": 8883, "tls": True})).broker.tls
    assert not read_fleet(content(broker={"host": "::1", "port": 1883})).broker.tls


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetFileError, match=r"nowhere\.json"):
        read_fleet_file(tmp_path / "nowhere.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(FleetFileError, match="not JSON"):
        read_fleet_file(tmp_path / "broken.json")


def test_neither_keys_nor_passwords_nor_badges_show_in_errors_or_printouts() -> None:
    fleet = read_fleet(content())
    for secret in ("0a0a", "x0a", "\\n\\n", "secret words", "04A2B9C1"):
        assert secret not in repr(fleet)
    faults = faults_of(content(bins=[provisioned_bin(key="top secret key", bin="?")], badges=["no"]))
    assert "top secret key" not in str(faults)
