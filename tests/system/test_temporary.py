"""Temporary folders: gone at the end, also those of runs that were killed, and nobody else's."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from genrebench.system.temporary import temporary_folder

HOLD = """
import sys, time
from genrebench.system.temporary import temporary_folder
with temporary_folder("job") as folder:
    (folder / "large").write_text("x")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have temporary folders made in the test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_a_folder_is_there_and_gone(place: Path) -> None:
    """Also after an error."""
    with pytest.raises(ValueError, match="x"), temporary_folder("job") as folder:  # noqa: PT012 - the error ends it
        (folder / "file").touch()
        raise ValueError("x")
    assert list(place.iterdir()) == []


def test_what_a_killed_run_left_goes_and_what_a_living_one_has_stays(place: Path) -> None:
    """Told apart by a lock that ends with its process; what is new, another's or a link is left alone."""
    runs = [subprocess.Popen([sys.executable, "-c", HOLD], stdin=-1, stdout=-1, text=True) for _ in range(3)]
    folders = [Path((run.stdout.readline() if run.stdout else "").strip()) for run in runs]
    for run in runs[:2]:
        run.kill()
        run.communicate()
    killed, new, living = folders
    (place / "elsewhere").mkdir()
    (place / "genrebench-link").symlink_to(place / "elsewhere")
    (place / "genrebench-of-somebody").mkdir()
    old = time.time() - 3600
    for folder in (killed, living, place / "genrebench-of-somebody"):
        os.utime(folder, (old, old))
    with temporary_folder("job"):
        assert not killed.exists()
        assert (living / "large").exists()
        assert new.exists()
        assert (place / "genrebench-of-somebody").exists()
        assert (place / "elsewhere").exists()
    runs[2].communicate("end")
    assert not living.exists()
