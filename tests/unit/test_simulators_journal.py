"""The bin's storage: what survives, what is never reused, what is kept how long."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulators.journal import KEEP_SETTLED, Journal, JournalFullError, StoredEvent

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def copy_as_after_kill(path: Path, name: str) -> Path:
    """Copy what a killed process would leave on disk, while the journal is still open and uncommitted."""
    copy = path.with_name(name)
    shutil.copy(path, copy)
    log = path.with_name(path.name + "-wal")
    if log.exists():
        shutil.copy(log, copy.with_name(copy.name + "-wal"))
    return copy


def append(journal: Journal, count: int = 1) -> list[int]:
    return [journal.append(b'{"seq":%d}' % journal.next_seq, clock="free") for _ in range(count)]


def test_sequence_starts_at_one_and_goes_up_by_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "bin")
    assert append(journal, 3) == [1, 2, 3]
    journal.close()
    journal.close()


def test_committed_events_survive_a_kill_and_numbers_are_not_reused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "bin")
    append(journal, 2)
    journal.commit()
    append(journal)
    killed = Journal(copy_as_after_kill(tmp_path / "bin", "killed"))
    assert killed.id == journal.id
    assert [event.body for event in killed.list_events([1, 2, 3])] == [b'{"seq":1}', b'{"seq":2}']
    assert killed.next_seq == 3
    journal.close()
    killed.close()


def test_numbers_are_not_reused_after_everything_was_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "bin")
    append(journal, 2)
    journal.note_settled([(1, 2)], NOW)
    assert journal.forget_settled_before(NOW + timedelta(seconds=1)) == 2
    assert (journal.held_events, journal.oldest_held) == (0, 3)
    journal.close()
    again = Journal(tmp_path / "bin")
    assert append(again) == [3]
    again.close()


def test_a_file_of_the_version_before_keeps_its_events_and_learns_what_is_new(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "bin")) as old:
        old.executescript("""
            CREATE TABLE journal (
                only INTEGER PRIMARY KEY CHECK (only = 1),
                id TEXT NOT NULL, next_seq INTEGER NOT NULL, boot INTEGER NOT NULL, epoch INTEGER NOT NULL,
                contents TEXT NOT NULL
            );
            CREATE TABLE events (
                seq INTEGER PRIMARY KEY, clock TEXT NOT NULL, body BLOB NOT NULL,
                first_sent_at REAL, settled_at REAL, is_given_up INTEGER NOT NULL DEFAULT 0
            );
            INSERT INTO journal VALUES (1, '9f0c', 3, 7, 2, '{}');
            INSERT INTO events (seq, clock, body) VALUES (2, 'free', x'7b7d');
        """)
    for boot in (8, 9):
        journal = Journal(tmp_path / "bin")
        assert (journal.id, journal.next_seq, journal.epoch, journal.start_boot()) == ("9f0c", 3, 2, boot)
        assert journal.list_events([2]) == [StoredEvent(2, "free", b"{}", None)]
        assert journal.file.read("SELECT config, closed_until FROM journal") == [(None, None)]
        assert journal.file.read("SELECT * FROM commands") == []
        journal.close()


def test_every_start_counts_one_boot(tmp_path: Path) -> None:
    boots = []
    for _ in range(3):
        journal = Journal(tmp_path / "bin")
        boots.append(journal.start_boot())
        journal.close()
    assert boots == [1, 2, 3]


def test_a_replaced_storage_is_a_new_journal(tmp_path: Path) -> None:
    first = Journal(tmp_path / "bin")
    append(first)
    first.close()
    (tmp_path / "bin").unlink()
    second = Journal(tmp_path / "bin")
    assert len(second.id) == 32
    assert int(second.id, 16) >= 0
    assert second.id != first.id
    assert second.next_seq == 1
    second.close()


def test_two_processes_cannot_be_the_same_bin(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "bin")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Journal(tmp_path / "bin")
    journal.close()


def test_a_full_journal_refuses_and_stays_as_it_was(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "bin", capacity_events=2)
    append(journal, 2)
    with pytest.raises(JournalFullError):
        append(journal)
    assert (journal.next_seq, journal.held_events) == (3, 2)
    journal.close()


def test_settled_events_are_kept_for_seven_days_and_cancelled_by_an_epoch(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "bin")
    append(journal, 3)
    journal.note_settled([(1, 2)], NOW)
    assert journal.forget_settled_before(NOW + timedelta(days=6, hours=23) - KEEP_SETTLED) == 0
    assert list(journal.list_outstanding()) == [(3, 3)]
    journal.start_epoch(2)
    assert list(journal.list_outstanding()) == [(1, 3)]
    assert journal.forget_settled_before(NOW + timedelta(days=30)) == 0
    journal.close()


def test_the_days_of_keeping_count_from_the_first_receipt(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "bin")
    append(journal)
    journal.note_settled([(1, 1)], NOW)
    journal.note_settled([(1, 1)], NOW + timedelta(days=5))
    assert journal.forget_settled_before(NOW + timedelta(days=7, seconds=1) - KEEP_SETTLED) == 1
    journal.close()


def test_given_up_events_are_not_outstanding_even_in_a_new_epoch(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "bin")
    append(journal, 3)
    journal.note_sent([1, 2], NOW)
    journal.note_sent([1, 2], NOW + timedelta(days=20))
    assert journal.give_up_sent_before(NOW, NOW + timedelta(days=30)) == [1, 2]
    journal.start_epoch(5)
    assert list(journal.list_outstanding()) == [(3, 3)]
    assert journal.given_up_events == 2
    journal.close()


def test_settled_and_epoch_survive_a_clean_stop(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "bin")
    append(journal, 5)
    journal.start_epoch(4)
    journal.note_settled([(1, 2), (4, 4)], NOW)
    journal.close()
    again = Journal(tmp_path / "bin")
    assert again.epoch == 4
    assert list(again.list_outstanding()) == [(3, 3), (5, 5)]
    again.close()
