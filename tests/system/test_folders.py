"""Folders that are published whole, and what lies in them that is somebody else's."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from genrebench.system import folders
from genrebench.system.files import CANNOT
from genrebench.system.folders import publish_folder, recover_folder
from tests.death import dying


def make(folder: Path, **files: str) -> Path:
    """Make a folder of files."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def texts(folder: Path) -> dict[str, str]:
    """Read all files of a folder."""
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def cannot_exchange(patch: pytest.MonkeyPatch) -> None:
    """Have a system that cannot exchange folders in one step."""
    patch.setattr(folders, "_renameat2", lambda first, second: errno.EINVAL)


def cannot_link(patch: pytest.MonkeyPatch) -> None:
    """Have a file system without hard links."""

    def link(*arguments: Any, **options: Any) -> None:
        """Refuse."""
        raise OSError(errno.EPERM, "Operation not permitted")

    patch.setattr(os, "link", link)


def nothing(patch: pytest.MonkeyPatch) -> None:
    """Have a system that can all."""


@pytest.mark.parametrize("lacking", [nothing, cannot_exchange, cannot_link])
def test_a_folder_takes_the_place_of_another_and_what_is_nobody_s_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: Any
) -> None:
    """Files, links and folders of other people are there; a file of the same name is the new one's."""
    lacking(monkeypatch)
    old = make(tmp_path / "run", model="old", log="old", notes="mine", both="mine")
    make(old / "deep", inside="mine")
    (old / "link").symlink_to("nowhere")
    publish_folder(make(tmp_path / "new", model="new", both="new"), old, replaced={"model", "log"})
    assert texts(old) == {"model": "new", "notes": "mine", "both": "new", "deep/inside": "mine"}
    assert (old / "link").is_symlink()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_takes_an_empty_place(tmp_path: Path) -> None:
    """Where nothing lies, and where an empty folder does."""
    publish_folder(make(tmp_path / "new", model="1"), tmp_path / "run", replaced=())
    assert texts(tmp_path / "run") == {"model": "1"}
    (tmp_path / "empty").mkdir()
    publish_folder(make(tmp_path / "new", model="2"), tmp_path / "empty", replaced=())
    assert texts(tmp_path / "empty") == {"model": "2"}


@pytest.mark.parametrize("lacking", [nothing, cannot_exchange])
def test_wherever_publishing_dies_one_folder_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: Any
) -> None:
    """The old one or the new one; without exchange, once the next process has recovered it."""
    lacking(monkeypatch)
    found = []
    for stop in range(1, 100):
        base = tmp_path / str(stop)
        base.mkdir()
        old = make(base / "run", model="old", log="old", notes="mine")
        new = make(base / "new", model="new", log="new")
        with dying(after=stop) as death:
            publish_folder(new, old, replaced={"model", "log"})
        if lacking is cannot_exchange:
            recover_folder(old)
        found.append(texts(old)["model"])
        assert texts(old) == {"model": found[-1], "log": found[-1], "notes": "mine"}
        if not death.happened:
            break
    assert found == sorted(found, reverse=True)
    assert set(found) == {"old", "new"}


def test_other_failures_of_an_exchange_name_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of other operations do; both folders are as they were."""
    monkeypatch.setattr(folders, "_renameat2", lambda first, second: errno.EACCES)
    old, new = make(tmp_path / "run", model="old"), make(tmp_path / "new", model="new")
    with pytest.raises(PermissionError) as failure:
        publish_folder(new, old, replaced={"model"})
    assert failure.value.filename == str(old)
    assert texts(tmp_path) == {"run/model": "old", "new/model": "new"}


def test_all_is_on_disk_before_it_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file and folder is synced before the exchange, the folder around them after it; a failure names the file."""
    done: list[str] = []
    sync, exchange = os.fsync, folders.exchange

    def note(descriptor: int) -> None:
        """Note what is synced."""
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)

    def note_exchange(first: Path, second: Path) -> None:
        """Note when the folders are exchanged."""
        done.append("exchange")
        exchange(first, second)

    monkeypatch.setattr(folders, "exchange", note_exchange)
    old, new = make(tmp_path / "run", model="old"), make(tmp_path / "new", model="new", log="new")
    publish_folder(new, old, replaced={"model"})
    assert sorted(done[:2]) == ["log", "model"]
    assert done[2:] == ["new", "exchange", tmp_path.name]

    def fail(descriptor: int) -> None:
        """Fail as a disk does."""
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error") as failure:
        publish_folder(make(tmp_path / "other", model="new"), old, replaced={"model"})
    assert Path(failure.value.filename).parent == tmp_path / "other"


def test_folders_may_be_named_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``results/name`` is: the exchange in one step works then, too."""
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "run", model="old"), make(tmp_path / "new", model="new")
    assert folders._renameat2(b"new", b"run") in {0, *CANNOT}
    folders.exchange(Path("new"), Path("run"))
    publish_folder(Path("new"), Path("run"), replaced={"model"})
    assert texts(tmp_path / "run") == {"model": "new"}


def test_an_exchange_that_fails_is_told(tmp_path: Path) -> None:
    """By the system's own number; what was put aside by a process that ended is removed once its place is taken."""
    assert folders._renameat2(b"/absent/a", b"/absent/b") in {errno.ENOENT, *CANNOT}
    place = make(tmp_path / "run", model="new")
    make(tmp_path / ".run.replaced", model="old")
    recover_folder(place)
    assert texts(tmp_path) == {"run/model": "new"}
