"""Topics are remembered, but not those a stranger makes up to fill the memory."""

import pytest

from ingest.topics import LONGEST_UP_TOPIC, parse_up_topic, remember_up_topic

LONGEST = f"bontri/v1/{'a' * 32}/{'B' * 32}/up/presence"


def test_the_longest_topic_of_the_protocol_is_parsed_and_remembered() -> None:
    remember_up_topic.cache_clear()
    assert len(LONGEST) == LONGEST_UP_TOPIC
    assert parse_up_topic(LONGEST) is parse_up_topic(LONGEST) is not None
    assert remember_up_topic.cache_info().currsize == 1


@pytest.mark.parametrize("longer", [LONGEST + "x", LONGEST + "x" * 65_000])
def test_a_longer_one_is_none_of_the_protocol_and_not_remembered(longer: str) -> None:
    remember_up_topic.cache_clear()
    assert parse_up_topic(longer) is None
    assert remember_up_topic.cache_info().currsize == 0
