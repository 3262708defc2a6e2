"""What bins show: versions that rise with every change, and who is due to be told."""

import datetime

import pytest
from sqlalchemy import text

from rewards.bins import revoke_bin
from rewards.displays import (
    MOST_TEXTS_BYTES,
    DisplayTextError,
    get_display,
    get_display_version,
    set_display_text,
)
from rewards.due_displays import note_shown, take_due_displays
from rewards.keyring import Keyring
from rewards.tariffs import add_tariff
from tests.databases import Database
from tests.factories import START, Town, build_town

Now = datetime.datetime
DAY = datetime.timedelta(days=1)


@pytest.fixture
def town(database: Database, keyring: Keyring) -> Town:
    with database.engine().begin() as connection:
        return build_town(connection, keyring, day_cap_points=40)


def version_of(database: Database, town: Town, now: Now) -> int:
    with database.engine("bontri_ingest").connect() as connection:
        return get_display_version(connection, authority_id=town.authority_id, now=now)


def set_text(database: Database, town: Town, words: str, *, language: str = "fr", name: str = "welcome") -> None:
    with database.engine("bontri_operator").begin() as connection:
        set_display_text(connection, authority_id=town.authority_id, language=language, name=name, words=words)


def take(database: Database, town: Town, now: Now, *, most: int = 100) -> list[str]:
    with database.engine("bontri_ingest").begin() as connection:
        version = get_display_version(connection, authority_id=town.authority_id, now=now)
        due = take_due_displays(connection, version=version, authority_id=town.authority_id, most=most)
    return [each.bin_id for each in due]


def test_bins_are_shown_the_tariff_in_force_those_to_come_and_its_limits(
    database: Database, town: Town, now: Now
) -> None:
    with database.engine().begin() as connection:
        for name, valid_from, cap in (("past", START + DAY, 30), ("next", now + DAY, 20)):
            lines = {"glass": ("item", 2)}
            tenant = {"authority_id": town.authority_id}
            add_tariff(connection, name=name, valid_from=valid_from, lines=lines, week_cap_points=cap, **tenant)
    set_text(database, town, "Bonjour !")
    with database.engine("bontri_ingest").connect() as connection:
        display = get_display(connection, authority_id=town.authority_id, now=now)
    assert [tariff.valid_from for tariff in display.tariffs] == [START + DAY, now + DAY]
    assert (display.day_cap_points, display.week_cap_points) == (None, 30)
    assert display.texts == {"fr": {"welcome": "Bonjour !"}}


def test_the_version_rises_with_a_tariff_a_text_and_a_tariff_that_comes_into_force(
    database: Database, town: Town, now: Now
) -> None:
    versions = [version_of(database, town, now)]
    set_text(database, town, "Bonjour !")
    versions.append(version_of(database, town, now))
    with database.engine().begin() as connection:
        tenant = {"authority_id": town.authority_id}
        add_tariff(connection, name="next", valid_from=now + DAY, lines={"glass": ("item", 2)}, **tenant)
    versions.append(version_of(database, town, now))
    versions.append(version_of(database, town, now + DAY))
    assert versions == sorted(set(versions))
    assert version_of(database, town, now + 9 * DAY) == versions[-1]


def test_each_bin_is_told_once_a_version_a_bounded_number_at_a_time(database: Database, town: Town, now: Now) -> None:
    assert take(database, town, now, most=1) == town.bin_ids[:1]
    assert take(database, town, now, most=1) == town.bin_ids[1:]
    assert take(database, town, now) == []
    set_text(database, town, "Bonjour !")
    assert take(database, town, now) == town.bin_ids


def test_a_bin_that_uses_a_newer_key_is_told_anew(database: Database, town: Town, now: Now) -> None:
    take(database, town, now)
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE bins SET newest_key_number = 2 WHERE bin_id = :b"), {"b": town.bin_ids[1]})
    assert take(database, town, now) == town.bin_ids[1:]
    assert take(database, town, now) == []


def test_a_bin_that_shows_an_older_version_is_told_again(database: Database, town: Town, now: Now) -> None:
    take(database, town, now)
    version = version_of(database, town, now)
    with database.engine("bontri_ingest").begin() as connection:
        shown = {town.bin_ids[0]: version - 1, town.bin_ids[1]: version}
        note_shown(connection, shown, authority_id=town.authority_id)
    assert take(database, town, now) == town.bin_ids[:1]


def test_a_revoked_bin_is_told_nothing(database: Database, town: Town, now: Now) -> None:
    with database.engine().begin() as connection:
        revoke_bin(connection, town.bin_ids[0], authority_id=town.authority_id)
    assert take(database, town, now) == town.bin_ids[1:]


def test_two_workers_share_the_bins_that_are_due(database: Database, town: Town, now: Now) -> None:
    engine, tenant = database.engine("bontri_ingest"), {"authority_id": town.authority_id}
    with engine.begin() as one, engine.begin() as other:
        first = take_due_displays(one, version=9, most=1, **tenant)
        rest = take_due_displays(other, version=9, most=9, **tenant)
    assert [[each.bin_id for each in part] for part in (first, rest)] == [town.bin_ids[:1], town.bin_ids[1:]]


def test_a_text_without_words_is_taken_away(database: Database, town: Town, now: Now) -> None:
    set_text(database, town, "Bonjour !")
    set_text(database, town, "Merci !", name="thanks")
    set_text(database, town, "")
    with database.engine("bontri_reader").connect() as connection:
        display = get_display(connection, authority_id=town.authority_id, now=now)
    assert display.texts == {"fr": {"thanks": "Merci !"}}
    set_text(database, town, "", name="thanks")
    with database.engine("bontri_reader").connect() as connection:
        assert get_display(connection, authority_id=town.authority_id, now=now).texts == {}


@pytest.mark.parametrize(
    "wrong", [{"language": "FR"}, {"name": "Wel come"}, {"words": "x" * 201}, {"words": "a\nb"}, {"words": "\x7f"}]
)
def test_a_text_bins_cannot_be_given_is_refused_and_nothing_changes(
    database: Database, town: Town, now: Now, wrong: dict[str, str]
) -> None:
    before = version_of(database, town, now)
    with pytest.raises(DisplayTextError):
        set_text(database, town, **{"words": "x", **wrong})
    assert version_of(database, town, now) == before


def test_texts_never_outgrow_what_a_packet_holds(database: Database, town: Town, now: Now) -> None:
    def fill() -> None:
        for number in range(100):
            set_text(database, town, "é" * 200, name=f"text_{number}")

    with pytest.raises(DisplayTextError, match="together"):
        fill()
    with database.engine().connect() as connection:
        size = connection.scalar(text("SELECT octet_length(display_texts::text) FROM authorities"))
    assert MOST_TEXTS_BYTES - 600 < size <= MOST_TEXTS_BYTES
    set_text(database, town, "", name="text_0")
