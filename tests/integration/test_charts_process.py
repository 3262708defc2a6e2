"""The process that draws: answers, is started anew, is bounded in time and memory, and fetches nothing."""

import http.server
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bontri.charts.asking import ChartArtist, KeptPictures
from bontri.charts.keeping import ChartsKeeper, running_charts
from bontri.charts.wire import LENGTH, QUESTION_BYTES_MAX
from bontri.embedded.process_tree import list_descendants
from partners_api.services import ChartsAwayError, draw_nothing

SPEC: dict[str, Any] = {
    "data": {"values": [{"place": "Évreux", "kg": 12345.5}]},
    "mark": "bar",
    "encoding": {
        "x": {"field": "kg", "type": "quantitative", "axis": {"format": ",.1f", "values": [12345.5]}},
        "y": {"field": "place"},
    },
}
ENDLESS = {"data": {"sequence": {"start": 0, "stop": 3e7, "as": "n"}}, "mark": "bar", "encoding": {"x": {"field": "n"}}}


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChartsKeeper]:
    # Of a size at which the endless picture is ended in a moment; time does not end it, which busy machines lack.
    keeper = ChartsKeeper(tmp_path_factory.mktemp("charts"), drawn_within_s=60, memory_mb_max=400)
    keeper.start()
    yield keeper
    keeper.stop()


@pytest.fixture
def artist(keeper: ChartsKeeper) -> ChartArtist:
    return ChartArtist(keeper.path, within_s=90)


def pid_of(keeper: ChartsKeeper) -> int:
    assert keeper.child is not None
    return keeper.child.pid


def hold(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for_another(keeper: ChartsKeeper, pid: int) -> None:
    deadline = time.monotonic() + 20
    while pid_of(keeper) == pid:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_pictures_write_numbers_as_the_language_does(artist: ChartArtist) -> None:
    french, english = (artist(SPEC, "svg", language=each).decode() for each in ("fr", "en"))
    assert "12\N{NARROW NO-BREAK SPACE}345,5" in french
    assert "12,345.5" in english
    assert "Évreux" in french
    assert artist(SPEC, "png", language="fr", scale=2).startswith(b"\x89PNG")


def test_socket_is_of_one_user_alone(keeper: ChartsKeeper) -> None:
    assert stat.S_IMODE(keeper.path.stat().st_mode) == 0o600


def test_process_gets_no_secret(keeper: ChartsKeeper, artist: ChartArtist) -> None:
    artist({**SPEC, "title": "ready"}, "svg", language="en")
    environment = Path(f"/proc/{pid_of(keeper)}/environ").read_bytes()
    assert {each.split(b"=")[0] for each in environment.split(b"\0") if each} <= {
        b"PATH", b"LC_ALL", b"TZ", b"PYTHONPATH",
    }  # fmt: skip


def test_what_is_no_specification_is_told_and_ends_nothing(keeper: ChartsKeeper, artist: ChartArtist) -> None:
    pid = pid_of(keeper)
    with pytest.raises(ValueError, match="conversion failed"):
        artist({"mark": "nonsense"}, "svg", language="en")
    with pytest.raises(ValueError, match="at most"):
        artist({**SPEC, "title": "x" * QUESTION_BYTES_MAX}, "svg", language="en")
    assert pid_of(keeper) == pid


def test_only_the_question_it_died_over_fails(keeper: ChartsKeeper, artist: ChartArtist) -> None:
    artist({**SPEC, "title": "alive"}, "svg", language="en")
    pid = pid_of(keeper)
    hold(pid)
    asked = [{**SPEC, "title": f"asked {number}"} for number in range(3)]
    drawn: list[bool] = []

    def ask(spec: dict[str, Any]) -> None:
        try:
            drawn.append(bool(artist(spec, "svg", language="en")))
        except ChartsAwayError:
            drawn.append(False)

    threads = [threading.Thread(target=ask, args=(spec,)) for spec in asked]
    for thread in threads:
        thread.start()
    os.kill(pid, signal.SIGKILL)
    for thread in threads:
        thread.join(40)
    wait_for_another(keeper, pid)
    # Stopped before it could take one, so those that waited are drawn by the next.
    assert drawn == [True, True, True]


def test_picture_beyond_memory_is_ended_and_the_next_one_drawn(keeper: ChartsKeeper, artist: ChartArtist) -> None:
    artist({**SPEC, "title": "before"}, "svg", language="en")
    pid = pid_of(keeper)
    with pytest.raises(ChartsAwayError):
        artist(ENDLESS, "svg", language="en")
    assert artist({**SPEC, "title": "after"}, "svg", language="en")
    assert pid_of(keeper) != pid


def test_picture_that_takes_too_long_ends_the_process(tmp_path: Path) -> None:
    keeper = ChartsKeeper(tmp_path, drawn_within_s=0.001)
    keeper.start()
    try:
        with pytest.raises(ChartsAwayError):
            ChartArtist(keeper.path, within_s=30)(SPEC, "svg", language="en")
    finally:
        keeper.stop()


def test_who_asks_waits_no_longer_than_it_may(keeper: ChartsKeeper) -> None:
    pid = pid_of(keeper)
    hold(pid)
    try:
        with pytest.raises(ChartsAwayError):
            ChartArtist(keeper.path, within_s=0.1)(SPEC, "svg", language="en")
    finally:
        os.kill(pid, signal.SIGCONT)
    # The control: with patience it is drawn.
    assert ChartArtist(keeper.path, within_s=30)(SPEC, "svg", language="en")


@pytest.mark.parametrize("picture_format", ["svg", "png"])
def test_characters_that_no_picture_can_hold_end_nothing(
    keeper: ChartsKeeper, artist: ChartArtist, picture_format
) -> None:
    artist({**SPEC, "title": "well"}, "svg", language="en")
    pid = pid_of(keeper)
    odd = "Évreux\x01\x0b\ufffe"
    spec = {**SPEC, "title": [odd], "description": odd, "data": {"values": [{"place": odd, "kg": 1}]}}
    assert artist(spec, picture_format, language="en")
    assert pid_of(keeper) == pid


def test_parent_that_once_was_large_does_not_have_each_picture_drawn_by_another(tmp_path: Path) -> None:
    ballast = bytearray(b"\1") * (400 * 1024 * 1024)
    keeper = ChartsKeeper(tmp_path)
    keeper.start()
    try:
        artist = ChartArtist(keeper.path, within_s=30)
        pids = set()
        for number in range(3):
            assert artist({**SPEC, "title": f"picture {number}"}, "svg", language="en")
            pids.add(pid_of(keeper))
        assert len(pids) == 1
        assert len(ballast) > keeper._recycle_above_mb * 1e6
    finally:
        keeper.stop()


def test_process_that_could_not_be_started_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bontri.charts.keeping.PAUSE_S_MAX", 0.1)
    keeper = ChartsKeeper(tmp_path)
    keeper._log_path = tmp_path / "later" / "charts.log"
    with capture_logs() as logged:
        keeper.start()
        deadline = time.monotonic() + 10
        while not any(each["event"] == "charts_not_started" for each in logged):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    try:
        (tmp_path / "later").mkdir()
        assert ChartArtist(keeper.path, within_s=30)(SPEC, "svg", language="en")
    finally:
        keeper.stop()


def test_stranger_who_says_too_much_or_nothing_holds_nobody_up(keeper: ChartsKeeper, artist: ChartArtist) -> None:
    for said in (LENGTH.pack(QUESTION_BYTES_MAX + 1), LENGTH.pack(10) + b"half", b""):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(keeper.path))
            connection.sendall(said)
    assert artist({**SPEC, "title": "all the same"}, "svg", language="en")


def test_nothing_is_fetched(artist: ChartArtist) -> None:
    reached: list[str] = []

    class Lure(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reached.append(self.path)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lure) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/rows.json"
        wanting = (
            {**SPEC, "data": {"url": url}},
            {"data": {"values": [{"url": url}]}, "mark": "image", "encoding": {"url": {"field": "url"}}},
        )
        for spec in wanting:
            for picture_format in ("svg", "png"):
                with pytest.raises(ValueError, match=r"not allowed|from elsewhere"):
                    artist(spec, picture_format, language="en")  # type: ignore[arg-type]
        server.shutdown()
    assert not reached


def test_nothing_is_left_behind_the_block() -> None:
    before = set(list_descendants(os.getpid()))
    with running_charts() as path:
        assert path.exists()
        while not (started := set(list_descendants(os.getpid())) - before):
            time.sleep(0.02)
    assert not path.exists()
    assert not started & set(list_descendants(os.getpid()))
    with pytest.raises(ChartsAwayError):
        ChartArtist(path)(SPEC, "svg", language="en")


def test_where_nothing_draws_charts_are_away() -> None:
    with pytest.raises(ChartsAwayError):
        draw_nothing(SPEC, "svg", language="en")


def test_what_was_drawn_is_kept_and_what_is_old_goes_first(keeper: ChartsKeeper) -> None:
    artist = ChartArtist(keeper.path, within_s=30)
    picture = artist(SPEC, "svg", language="en")
    assert artist.kept.bytes_kept == len(picture)
    keeper_gone = ChartArtist(keeper.path.with_name("nobody"), within_s=1)
    keeper_gone.kept = artist.kept
    assert keeper_gone(SPEC, "svg", language="en") == picture
    with pytest.raises(ChartsAwayError):
        keeper_gone(SPEC, "svg", language="fr")


def test_no_more_is_kept_than_may_be() -> None:
    kept = KeptPictures(10)
    for name in (b"a", b"b"):
        kept.keep(name, b"12345")
    kept.find(b"a")
    kept.keep(b"c", b"123")
    assert (kept.find(b"a"), kept.find(b"b"), kept.find(b"c")) == (b"12345", None, b"123")
    kept.keep(b"too large", b"x" * 11)
    assert kept.bytes_kept == 8
