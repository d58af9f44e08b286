"""Which files are recordings: by their names, in a dataset, and in folders that a command names."""

from pathlib import Path

import pytest
import soundfile

from genrebench.audio.recordings import EXTENSIONS, dataset_recordings, find_recordings, is_recording
from genrebench.errors import AudioError


def test_recordings_are_known_by_their_names() -> None:
    """Extensions count whatever their case; hidden files, such as those of macOS, do not."""
    assert is_recording(Path("a/b.WAV"))
    assert is_recording(Path("a.mp3"))
    assert not is_recording(Path("a/._b.wav"))
    assert not is_recording(Path("a.txt"))


def test_soundfile_reads_every_extension_that_is_offered() -> None:
    """No extension is promised that libsndfile does not know."""
    known = {f".{name.lower()}" for name in soundfile.available_formats()} | {".aif", ".oga", ".opus"}
    assert known >= EXTENSIONS


def test_a_dataset_is_listed_in_natural_order(tmp_path: Path) -> None:
    """Genre by genre, track 9 before track 10; hidden folders and other files do not count."""
    for name in ("jazz/10.wav", "jazz/9.wav", "blues/a.b.mp3", "blues/notes.txt", ".hidden/1.wav"):
        path = tmp_path / "genres_original" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = dataset_recordings(tmp_path)
    assert [(each.key, each.source) for each in found] == [
        ("blues/a.b", "blues/a.b.mp3"),
        ("jazz/9", "jazz/9.wav"),
        ("jazz/10", "jazz/10.wav"),
    ]


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
