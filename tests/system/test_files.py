"""Files that are whole or absent, and files that are not to be trusted."""

import os
import stat
from pathlib import Path

import pytest

from genrebench.system.files import write_atomically, write_json


def test_a_failed_write_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk is full half-way, the reader still sees the old file."""
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(descriptor: int) -> None:
        """Have no room."""
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space") as failure:
        write_atomically(path, b"new content")
    assert failure.value.filename == str(path)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


def test_written_files_have_the_usual_permissions(tmp_path: Path) -> None:
    """Other users can read what a plain open() would let them read."""
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "file", b"")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_json_with_nan_is_refused(tmp_path: Path) -> None:
    """NaN is not JSON; other programs would choke on it."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "file.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())
