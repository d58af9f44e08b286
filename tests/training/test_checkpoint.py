"""The folder of a run: whole at any moment, and one process's at a time."""

import subprocess
import sys
from pathlib import Path

import pytest

from genrebench.errors import ConfigError
from genrebench.training.checkpoint import RUN_FILES, RunDirectory, reserved

HOLD = """
import sys
from pathlib import Path
from genrebench.training.checkpoint import reserved
with reserved(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_an_earlier_run_stays_until_the_new_one_is_published(tmp_path: Path) -> None:
    """Then its files are gone, the new ones are there, and what is nobody's stays."""
    old = tmp_path / "run"
    old.mkdir()
    for name in (*RUN_FILES, "notes.txt"):
        (old / name).write_text("old")
    run = RunDirectory(old)
    run.begin()
    (run.current / "model.json").write_text("new")
    assert (old / "model.json").read_text() == "old"
    run.publish()
    run.publish()
    assert {path.name: path.read_text() for path in old.iterdir()} == {"model.json": "new", "notes.txt": "old"}
    assert run.current == old
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_was_begun_is_discarded(tmp_path: Path) -> None:
    """An earlier attempt's remains, too."""
    run = RunDirectory(tmp_path / "run")
    run.begin()
    (run.current / "log.csv").touch()
    run.begin()
    assert not any(run.current.iterdir())
    run.discard()
    assert not any(tmp_path.iterdir())


def test_a_name_is_one_process_s_until_that_ends(tmp_path: Path) -> None:
    """Two real processes: the second is refused at once; when the first is killed, the name is free."""
    folder = tmp_path / "results" / "run"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match=r"results/run: another genrebench train writes it now; .*--name$"):
            reserved(folder).__enter__()
        with reserved(folder.with_name("other")):
            pass
        process.kill()
    with reserved(folder):
        assert [path.name for path in folder.parent.iterdir()] == [".run.lock"]
    assert not any(folder.parent.iterdir())


def test_a_name_that_was_not_used_leaves_no_folder(tmp_path: Path) -> None:
    """What was made for the lock goes with it; what was there, and what was put there, stays."""
    with reserved(tmp_path / "a" / "b" / "run"):
        pass
    assert not any(tmp_path.iterdir())
    with reserved(tmp_path / "a" / "run"):
        (tmp_path / "a" / "run").mkdir()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["run"]
