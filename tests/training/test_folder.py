"""The folder of a run: whole at any moment, and one process's at a time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genrebench.errors import ConfigError
from genrebench.training.folder import RUN_FILES, RunDirectory, reserved

HOLD = """
import sys
from pathlib import Path
from genrebench.training.folder import reserved
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


def test_a_folder_has_one_lock_whatever_path_leads_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a link to it or to the folder of runs, or from another working folder; also where it is not there yet."""
    results = tmp_path / "results"
    (results / "run").mkdir(parents=True)
    (tmp_path / "link").symlink_to(results)
    (results / "other").symlink_to("run")
    monkeypatch.chdir(results)
    with reserved(results / "run"):
        for same in (tmp_path / "link" / "run", results / "other", Path("run"), Path("../results/./run")):
            with pytest.raises(ConfigError, match="another genrebench train writes it now"):
                reserved(same).__enter__()
    with reserved(Path("new")), pytest.raises(ConfigError, match="another genrebench train writes it now"):
        reserved(tmp_path / "link" / "new").__enter__()
    assert {path.name for path in results.iterdir()} == {"run", "other"}


def test_what_a_killed_process_left_blocks_no_name(tmp_path: Path) -> None:
    """A lock file with whatever in it, and files that were being written: the run that goes on removes them."""
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / ".run.lock").write_text("4711")
    for name in (".4711-0badcafe.part", "mine.part", ".mine.part"):
        (folder / name).touch()
    with reserved(folder):
        RunDirectory(folder).go_on()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert {path.name for path in folder.iterdir()} == {"mine.part", ".mine.part"}


def test_a_folder_of_runs_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the system's own line, before anything is computed."""

    def refuse(*arguments: object) -> int:
        """Refuse to make a file, as a read-only file system does."""
        raise OSError(30, "Read-only file system", str(arguments[0]))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match=r"Read-only file system: '.*run'"):
        reserved(tmp_path / "run").__enter__()
