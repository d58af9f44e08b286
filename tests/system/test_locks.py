"""A lock that another process has is told from one that cannot be."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from genrebench.system.locks import is_held, locked


def test_a_lock_that_is_taken_is_not_waited_for(tmp_path: Path) -> None:
    """It raises at once, and is free afterwards."""
    path = tmp_path / "lock"
    with locked(path, of=tmp_path), pytest.raises(Timeout):
        locked(path, of=tmp_path).__enter__()
    with locked(path, of=tmp_path):
        assert path.exists()


def test_a_lock_leaves_nothing(tmp_path: Path) -> None:
    """Also if what was done under it failed; what was put beside it stays."""
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "a" / "b" / "lock", of=tmp_path):
        _ = 1 / 0
    assert not any(tmp_path.iterdir())
    with locked(tmp_path / "a" / "lock", of=tmp_path):
        (tmp_path / "a" / "result").touch()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["result"]


def test_whether_a_lock_is_held_is_seen_without_a_trace(tmp_path: Path) -> None:
    """A file that a process left when it was killed is no lock; what is asked takes and makes nothing."""
    path = tmp_path / "lock"
    assert not is_held(path)
    with locked(path, of=tmp_path):
        assert is_held(path)
    assert not any(tmp_path.iterdir())
    path.touch()
    assert not is_held(path)
    with locked(path, of=tmp_path):
        assert path.exists()


def test_who_waited_has_the_file_that_is_there(tmp_path: Path) -> None:
    """Not the one that the other removed, beside which a third would take a new one."""
    path = tmp_path / "lock"
    other = ExitStack()
    other.enter_context(locked(path, of=tmp_path))
    with locked(path, of=tmp_path, on_wait=other.close), pytest.raises(Timeout):
        locked(path, of=tmp_path).__enter__()
    assert not path.exists()


def test_a_file_that_goes_while_it_is_taken_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last holder removes it between the opening and the locking."""
    path, acquire = tmp_path / "lock", FileLock.acquire
    taken: list[FileLock] = []

    def late(lock: FileLock, **options: object) -> object:
        """Have the file go, the first time."""
        done = acquire(lock, **options)  # type: ignore[arg-type]
        if not taken:
            path.unlink()
        taken.append(lock)
        return done

    monkeypatch.setattr(FileLock, "acquire", late)
    with locked(path, of=tmp_path):
        assert len(taken) == 2
        assert path.exists()


@pytest.mark.parametrize("place", ["file/lock", "folder"])
def test_where_no_lock_can_be_is_said(place: str, tmp_path: Path) -> None:
    """No other process is waited for that is not there."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=place.partition("/")[0] if "/" in place else "dataset"):
        locked(tmp_path / place, of=tmp_path / "dataset").__enter__()
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder"}
