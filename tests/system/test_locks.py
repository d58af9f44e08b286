"""A lock that another process has is told from one that cannot be."""

from pathlib import Path

import pytest
from filelock import Timeout

from genrebench.system.locks import new_lock


def test_a_lock_that_is_taken_is_not_waited_for(tmp_path: Path) -> None:
    """It raises at once, and is free afterwards."""
    with new_lock(tmp_path / "lock", of=tmp_path), pytest.raises(Timeout):
        new_lock(tmp_path / "lock", of=tmp_path).acquire()
    with new_lock(tmp_path / "lock", of=tmp_path):
        pass


@pytest.mark.parametrize("place", ["missing/lock", "file/lock", "folder"])
def test_where_no_lock_can_be_is_said(place: str, tmp_path: Path) -> None:
    """No other process is waited for that is not there; the thing is named, and not its lock."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="dataset"):
        new_lock(tmp_path / place, of=tmp_path / "dataset")
