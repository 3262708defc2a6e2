"""Where the embedded services keep data, and who may pass."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bontri.embedded.errors import DataFolderBusyError, DataFolderError, EmbeddedServiceError
from bontri.embedded.folders import (
    default_data_dir,
    locked_folder,
    make_service_folder,
    prepare_data_dir,
    write_private_file,
)
from bontri.embedded.unprivileged import UnprivilegedUser, find_closed_folder, find_unprivileged_user

STRANGER = UnprivilegedUser("stranger", uid=61_234, gid=61_234)


def test_root_keeps_data_in_a_system_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/bontri")


@pytest.mark.parametrize(
    ("xdg_data_home", "expected"),
    [("/data", "/data/bontri"), ("relative", "/home/a/.local/share/bontri"), ("", "/home/a/.local/share/bontri")],
)
def test_others_keep_data_in_their_xdg_folder(
    monkeypatch: pytest.MonkeyPatch, xdg_data_home: str, expected: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/a")
    monkeypatch.setenv("XDG_DATA_HOME", xdg_data_home)
    assert default_data_dir() == Path(expected)


def test_ordinary_user_runs_services_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert find_unprivileged_user() is None


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder everybody may enter; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="bontri-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_closed_folder_on_the_way_is_named(open_folder: Path) -> None:
    inner = open_folder / "closed" / "inner"
    inner.mkdir(parents=True)
    inner.parent.chmod(0o755)
    inner.chmod(0o755)
    assert find_closed_folder(inner, STRANGER) is None
    inner.parent.chmod(0o750)
    assert find_closed_folder(inner, STRANGER) == inner.parent
    with pytest.raises(DataFolderError, match=f"stranger, who may not enter {inner.parent}"):
        prepare_data_dir(inner, STRANGER)


def test_data_folder_that_cannot_be_made_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match="cannot be created or written"):
        prepare_data_dir(tmp_path / "file" / "below", None)


def test_private_file_is_private_and_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("old")
    path.chmod(0o644)
    write_private_file(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_service_folder_is_not_listable_by_others(tmp_path: Path) -> None:
    assert make_service_folder(tmp_path, "mine", None).stat().st_mode & 0o777 == 0o700
    assert make_service_folder(tmp_path, "passable", STRANGER).stat().st_mode & 0o777 == 0o711


def test_folder_is_held_once_and_free_again_afterwards(tmp_path: Path) -> None:
    with (
        locked_folder(tmp_path),
        pytest.raises(DataFolderBusyError, match=f"process {os.getpid()}"),
        locked_folder(tmp_path),
    ):
        pass
    with locked_folder(tmp_path):
        pass


def test_errors_are_one_family() -> None:
    assert issubclass(DataFolderBusyError, DataFolderError)
    assert issubclass(DataFolderError, EmbeddedServiceError)
