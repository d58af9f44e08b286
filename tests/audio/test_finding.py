"""Which recordings paths name: files, and folders that are searched through."""

import os
from pathlib import Path

import pytest

from genrebench.audio.finding import find_recordings
from genrebench.errors import AudioError
from tests.audio.test_recordings import touch


def test_folders_are_searched_and_files_taken_as_they_are(tmp_path: Path) -> None:
    """Natural order, subfolders, no hidden and no other files; an empty folder is an error."""
    for name in ("b/10.wav", "b/9.MP3", "b/._9.wav", "b/notes.txt", "a.flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = list(find_recordings([str(tmp_path), tmp_path / "b" / "notes.txt"]))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["a.flac", "b/9.MP3", "b/10.wav", "b/notes.txt"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioError, match="found none"):
        list(find_recordings([tmp_path / "empty"]))
    problems: list[AudioError] = []
    assert list(find_recordings([tmp_path / "empty", tmp_path / "b"], problems)) == found[1:3]
    assert "empty: expected recordings" in str(problems[0])


def test_links_are_followed_once_and_what_the_system_left_is_passed_over(tmp_path: Path) -> None:
    """A linked folder is searched, a loop ends, a pipe is no recording; trash and thumbnails are not searched."""
    touch(tmp_path, "music/a.wav", "elsewhere/b.wav", "music/.Trash-0/c.wav", "music/@eaDir/d.wav", "music/x/e.txt")
    (tmp_path / "music" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "music")
    (tmp_path / "music" / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    os.mkfifo(tmp_path / "music" / "pipe.wav")
    found = [path.relative_to(tmp_path / "music").as_posix() for path in find_recordings([tmp_path / "music"])]
    assert found == ["a.wav", "gone.wav", "link/b.wav"]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its neighbors are found."""
    touch(tmp_path, "a/1.wav", "b/2.wav")
    scandir = os.scandir

    def refuse(path: str) -> object:
        """Refuse one folder."""
        if os.fspath(path).endswith("b"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    problems: list[AudioError] = []
    assert [path.name for path in find_recordings([tmp_path], problems)] == ["1.wav"]
    assert [str(each) for each in problems] == [f"{tmp_path}/b: cannot be read (Permission denied)"]
