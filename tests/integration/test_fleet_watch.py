"""The fleet watch: what raises each alarm, what ends it, and what a bin with a gap is asked for."""

import datetime
import json
from typing import Any

import pytest
from sqlalchemy import text

from ingest.downlink import Downlink
from ingest.fleet_errands import WATCH_EVERY_S
from ingest.pipeline import Pipeline
from rewards.alarms import Alarm, AlarmKind, end_alarms, list_alarms
from rewards.bins import revoke_bin
from rewards.commands import ListedCommand, end_expired, list_commands
from rewards.fleet_watch import (
    GAP_PATIENCE,
    LOCK_LOOK,
    MOST_RESENT,
    REFUSED_AGAIN_AFTER,
    RESEND_AGAIN_AFTER,
    RESEND_VALID,
    Look,
    choose_resent,
    watch_fleet,
)
from rewards.journals import WIDE_RANGES
from rewards.keyring import Keyring
from tests.databases import Database
from tests.factories import Town, build_town
from tests.post import Post
from tests.speaker import JOURNAL, Speaker, deposit

Now = datetime.datetime
SECOND = datetime.timedelta(seconds=1)
DAY = datetime.timedelta(days=1)
OTHER_JOURNAL = "0a1b" * 8


class Scene:
    """One town, its first bin speaking, and the watch as a worker keeps it."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        with database.engine().begin() as connection:
            self.town: Town = build_town(connection, keyring)
        self.tenant = {"authority_id": self.town.authority_id}
        self.engine = database.engine("bontri_ingest")
        self.owner = database.engine()
        self.pipeline = Pipeline(self.engine, keyring)
        self.bin_id = self.town.bin_ids[0]
        self.speaker = Speaker(keyring, self.town.slug, self.bin_id)
        self.newer = Speaker(keyring, self.town.slug, self.bin_id, journal=OTHER_JOURNAL)

    def report(self, now: Now, *seqs: int, speaker: Speaker | None = None, **fields: Any) -> None:
        speaker = speaker or self.speaker
        events = [deposit(seq, now, **fields) for seq in seqs]
        messages = [speaker.events(now, *events[start : start + 100]) for start in range(0, len(events), 100)]
        self.pipeline.process(messages, now=now)

    def hello(self, now: Now, *, next_seq: int, oldest_held: int, speaker: Speaker | None = None) -> None:
        hello = (speaker or self.speaker).say("hello", now, next_seq=next_seq, oldest_held=oldest_held)
        self.pipeline.process([hello], now=now)

    def look(self, now: Now) -> Look:
        with self.engine.begin() as connection:
            look = watch_fleet(connection, now=now, **self.tenant)
        assert look is not None
        return look

    def raised(self, now: Now) -> list[AlarmKind]:
        """Look once; return the kinds of what is newly raised."""
        return [sighting.kind for sighting in self.look(now).raised]

    def alarm(self, kind: AlarmKind) -> Alarm:
        with self.engine.connect() as connection:
            alarms = list_alarms(connection, with_ended=True, **self.tenant)
        [alarm] = [alarm for alarm in alarms if alarm.kind == kind]
        return alarm

    def end(self, kind: AlarmKind, now: Now) -> int:
        with self.owner.begin() as connection:
            return end_alarms(connection, [(self.bin_id, kind)], now=now, **self.tenant)

    def resends(self) -> list[ListedCommand]:
        """List the resends asked for, oldest first."""
        with self.engine.connect() as connection:
            return list_commands(connection, **self.tenant)[::-1]

    def answer(self, now: Now, state: str = "done") -> None:
        """Let the bin answer, with a status, every resend that is open."""
        results = [{"id": str(each.command_id), "state": state} for each in self.resends() if each.outcome is None]
        self.pipeline.process([self.speaker.say("status", now, commands=results)], now=now)


@pytest.fixture
def scene(database: Database, keyring: Keyring) -> Scene:
    return Scene(database, keyring)


def test_a_gap_is_raised_after_half_a_minute_and_what_is_missing_is_asked_for(scene: Scene, now: Now) -> None:
    scene.report(now, 1, 2, 5, 7)
    assert scene.raised(now + GAP_PATIENCE - SECOND) == []
    assert scene.resends() == []

    look = scene.look(now + GAP_PATIENCE)
    assert [(each.bin_id, each.kind) for each in look.raised] == [(scene.bin_id, "gap")]
    assert look.resends == 1
    [resend] = scene.resends()
    assert (resend.kind, resend.arguments) == ("resend", {"journal": JOURNAL, "first": 3, "last": 6})
    detail = {"journal": JOURNAL, "numbers": 3, "ranges": 2, "lowest": [[3, 4], [6, 6]], "since": now.isoformat()}
    assert scene.alarm("gap").detail == detail


@pytest.mark.parametrize("phase_s", [0, 3, 9])
def test_a_gap_is_noticed_and_asked_for_within_a_minute(scene: Scene, keyring: Keyring, now: Now, phase_s: int) -> None:
    """At the worker's own pace: a look every 10 s, a turn of the downlink every second, whenever they began."""
    post = Post()
    downlink = Downlink(scene.engine, post, keyring)
    scene.report(now, 1, 3)
    for second in range(61):
        at = now + second * SECOND
        if (second + phase_s) % WATCH_EVERY_S == 0:
            scene.look(at)
        downlink.tell(slug=scene.town.slug, now=at, **scene.tenant)
        if any(message.topic.endswith("command") for message in post.published):
            break
    assert 30 <= second <= 42


def test_an_alarm_is_raised_once_and_kept_up_while_the_gap_lasts(scene: Scene, now: Now) -> None:
    scene.report(now, 1, 3)
    assert scene.raised(now + GAP_PATIENCE) == ["gap"]
    later = now + GAP_PATIENCE + 10 * SECOND
    assert scene.raised(later) == []
    alarm = scene.alarm("gap")
    assert (alarm.raised_at, alarm.last_seen_at, alarm.times) == (now + GAP_PATIENCE, later, 1)


def test_a_gap_that_is_closed_ends_its_alarm_and_a_new_one_raises_it_again(scene: Scene, now: Now) -> None:
    scene.report(now, 1, 3)
    scene.look(now + GAP_PATIENCE)
    closed_at = now + GAP_PATIENCE + SECOND
    scene.report(closed_at, 2)
    assert scene.look(closed_at).ended == [(scene.bin_id, "gap")]
    assert scene.alarm("gap").ended_at == closed_at
    scene.report(closed_at, 5)
    assert scene.raised(closed_at + GAP_PATIENCE) == ["gap"]
    assert (scene.alarm("gap").ended_at, scene.alarm("gap").times) == (None, 2)


def test_numbers_on_their_way_are_no_gap(scene: Scene, now: Now) -> None:
    scene.report(now, 1, 3)
    scene.report(now + GAP_PATIENCE - SECOND, 2)
    assert scene.raised(now + GAP_PATIENCE) == []


def test_while_a_gap_lasts_it_is_asked_for_again_every_minute(scene: Scene, now: Now) -> None:
    scene.report(now, 1, 3)
    first = now + GAP_PATIENCE
    assert scene.look(first).resends == 1
    # Open, it is repeated as any command is; a second one would only repeat it.
    assert scene.look(first + RESEND_AGAIN_AFTER).resends == 0
    scene.answer(first + RESEND_AGAIN_AFTER)
    assert scene.look(first + RESEND_AGAIN_AFTER - SECOND).resends == 0
    assert scene.look(first + RESEND_AGAIN_AFTER).resends == 1
    assert [each.outcome for each in scene.resends()] == ["done", None]


def test_a_bin_that_refuses_is_asked_again_after_an_hour(scene: Scene, now: Now) -> None:
    scene.report(now, 1, 3)
    first = now + GAP_PATIENCE
    scene.look(first)
    scene.answer(first + SECOND, "refused")
    assert scene.look(first + REFUSED_AGAIN_AFTER - SECOND).resends == 0
    assert scene.look(first + REFUSED_AGAIN_AFTER).resends == 1


def test_a_bin_that_is_not_heard_is_not_asked_for_ever(scene: Scene, now: Now) -> None:
    scene.report(now, 1, 3)
    assert scene.look(now + GAP_PATIENCE).resends == 1
    tomorrow = now + DAY
    with scene.engine.begin() as connection:
        assert end_expired(connection, now=tomorrow, **scene.tenant) == 1
    assert scene.look(tomorrow).resends == 0
    # The control: heard again, it is asked again.
    scene.hello(tomorrow, next_seq=4, oldest_held=1)
    assert scene.look(tomorrow).resends == 1


def test_a_long_gap_is_asked_for_a_part_at_a_time(scene: Scene, now: Now) -> None:
    scene.report(now, 1, 100_000)
    scene.look(now + GAP_PATIENCE)
    [resend] = scene.resends()
    assert resend.arguments == {"journal": JOURNAL, "first": 2, "last": MOST_RESENT + 1}
    assert resend.expires_at - resend.issued_at == RESEND_VALID


@pytest.mark.parametrize(
    ("gaps", "asked"),
    [
        ([(5, 9)], (5, 9)),
        ([(1, 5000)], (1, 1000)),
        ([(2, 2), (4, 4), (6, 6)], (2, 6)),
        ([(2, 2), (900, 900)], (2, 2)),
        ([(2, 600), (602, 900), (902, 1100)], (2, 900)),
        ([(2, 2), (10, 19)], (2, 19)),
    ],
)
def test_what_is_asked_for_is_bounded_and_mostly_missing(gaps: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    assert choose_resent(gaps) == asked


def test_a_number_above_the_gap_that_was_quarantined_tells_how_long_it_lasts(scene: Scene, now: Now) -> None:
    scene.report(now, 1)
    scene.report(now, 3, material="wood")
    scene.report(now + DAY, 4)
    assert scene.raised(now + GAP_PATIENCE) == ["gap"]


def test_a_gap_of_a_journal_that_was_replaced_is_no_alarm(scene: Scene, now: Now) -> None:
    scene.report(now, 1, 3)
    scene.report(now + SECOND, 1, speaker=scene.newer)
    assert scene.raised(now + DAY) == []


def test_a_revoked_bin_raises_no_gap_and_its_alarm_ends(scene: Scene, now: Now) -> None:
    scene.report(now, 1, 3)
    scene.look(now + GAP_PATIENCE)
    with scene.owner.begin() as connection:
        revoke_bin(connection, scene.bin_id, **scene.tenant)
    assert scene.look(now + DAY).ended == [(scene.bin_id, "gap")]
    assert scene.raised(now + DAY) == []


def test_numbers_that_can_never_come_raise_an_alarm_when_they_grow(scene: Scene, now: Now) -> None:
    scene.report(now, 1)
    scene.hello(now, next_seq=20, oldest_held=11)
    assert scene.raised(now) == ["lost"]
    assert scene.alarm("lost").detail == {"numbers": 9, "journal": JOURNAL}
    assert scene.raised(now + DAY) == []
    assert scene.end("lost", now + DAY) == 1
    assert scene.raised(now + DAY) == []
    scene.hello(now + DAY, next_seq=30, oldest_held=21)
    assert scene.raised(now + DAY) == ["lost"]


def test_an_older_journal_that_speaks_again_is_a_clone(scene: Scene, now: Now) -> None:
    scene.report(now, 1)
    scene.report(now + SECOND, 1, speaker=scene.newer)
    scene.report(now + 61 * SECOND, 2)
    assert scene.raised(now + 62 * SECOND) == []
    scene.report(now + 62 * SECOND, 3)
    assert scene.raised(now + 62 * SECOND) == ["clone"]
    assert scene.alarm("clone").detail == {"journal": JOURNAL, "newer_journal": OTHER_JOURNAL}
    scene.end("clone", now + DAY)
    assert scene.raised(now + DAY) == []
    scene.hello(now + 2 * DAY, next_seq=4, oldest_held=1)
    assert scene.raised(now + 2 * DAY) == ["clone"]
    assert scene.alarm("clone").times == 2


def test_a_new_journal_alone_is_no_clone(scene: Scene, now: Now) -> None:
    scene.report(now, 1)
    scene.report(now + DAY, 1, speaker=scene.newer)
    scene.report(now + 2 * DAY, 2, speaker=scene.newer)
    assert scene.raised(now + 2 * DAY) == []


def widen(scene: Scene, ranges: int, now: Now) -> None:
    """Let every second number be settled."""
    scene.report(now, 1)
    with scene.owner.begin() as connection:
        connection.execute(
            text(
                "UPDATE bin_journals SET received = (SELECT range_agg(int8range(g * 2 + 1, g * 2 + 2))"
                " FROM generate_series(0, :ranges) g)"
            ),
            {"ranges": ranges},
        )


def test_a_journal_with_more_than_a_thousand_open_ranges_is_wide_until_it_is_not(scene: Scene, now: Now) -> None:
    widen(scene, WIDE_RANGES, now)
    assert "wide_journal" not in scene.raised(now)
    widen(scene, WIDE_RANGES + 1, now)
    assert "wide_journal" in scene.raised(now)
    assert scene.alarm("wide_journal").detail == {"journal": JOURNAL, "ranges": WIDE_RANGES + 1}
    widen(scene, WIDE_RANGES, now)
    assert scene.look(now + SECOND).ended == [(scene.bin_id, "wide_journal")]


def test_other_content_under_a_known_number_is_an_alarm_each_time(scene: Scene, now: Now) -> None:
    scene.report(now, 1, items=1)
    scene.report(now, 1, items=2)
    assert scene.raised(now) == ["event_conflict"]
    assert scene.alarm("event_conflict").detail == {"events": 1}
    scene.end("event_conflict", now + SECOND)
    assert scene.raised(now + SECOND) == []
    scene.report(now + 2 * SECOND, 1, items=3)
    assert scene.raised(now + 2 * SECOND) == ["event_conflict"]
    # Other reasons to refuse an event are none.
    scene.report(now + 3 * SECOND, 2, material="wood")
    assert scene.raised(now + 3 * SECOND) == []


def overflow(scene: Scene, day: datetime.date, times: int) -> None:
    with scene.owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO quarantine_overflows VALUES (:authority_id, :bin_id, :day, 'bad_signature', :times)"
                " ON CONFLICT (authority_id, bin_id, day, code) DO UPDATE SET times = excluded.times"
            ),
            {**scene.tenant, "bin_id": scene.bin_id, "day": day, "times": times},
        )


def test_a_flood_of_refused_messages_is_an_alarm_while_it_grows_and_on_another_day(scene: Scene, now: Now) -> None:
    overflow(scene, now.date(), 5)
    assert scene.raised(now) == ["quarantine_flood"]
    assert scene.alarm("quarantine_flood").detail == {"day": now.date().isoformat(), "messages": 5}
    scene.end("quarantine_flood", now)
    assert scene.raised(now) == []
    overflow(scene, now.date(), 6)
    assert scene.raised(now) == ["quarantine_flood"]
    scene.end("quarantine_flood", now)
    overflow(scene, (now + DAY).date(), 1)
    assert scene.raised(now + DAY) == ["quarantine_flood"]
    scene.end("quarantine_flood", now + DAY)
    assert scene.raised(now + 9 * DAY) == []


def test_only_one_worker_looks_at_a_fleet_at_a_time(scene: Scene, now: Now) -> None:
    scene.report(now, 1, 3)
    with scene.engine.begin() as one, scene.engine.begin() as other:
        assert watch_fleet(one, now=now + GAP_PATIENCE, **scene.tenant) is not None
        assert watch_fleet(other, now=now + GAP_PATIENCE, **scene.tenant) is None
        # The fleet of another authority is nobody's yet.
        assert other.scalar(LOCK_LOOK, {"authority_id": 8})
    assert len(scene.resends()) == 1


def test_the_fleet_of_another_authority_is_not_looked_at(scene: Scene, now: Now) -> None:
    scene.report(now, 1, 3)
    with scene.engine.begin() as connection:
        look = watch_fleet(connection, authority_id=8, now=now + DAY)
    assert look == Look()
    # The control: looked at, it has a gap.
    assert scene.raised(now + DAY) == ["gap"]


def test_neither_an_alarm_nor_a_resend_says_whose_badge_it_was(scene: Scene, now: Now) -> None:
    scene.report(now, 1, 3, badge="04A2B9C1")
    scene.look(now + GAP_PATIENCE)
    said = json.dumps([dict(scene.alarm("gap").detail), *(dict(each.arguments) for each in scene.resends())])
    assert "04A2B9C1" not in said
