"""Recordings are sorted and tagged without losing one, and without harming what is there."""

import errno
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.cli import sorting
from genrebench.cli.sorting import Sorter, folder_name, require_mutagen, write_genre
from genrebench.errors import AudioError, ConfigError
from genrebench.model.prediction import Prediction
from genrebench.model.rows import Row
from tests.conftest import Recorder

NOISE = np.random.default_rng(0).normal(0, 0.1, 22050).astype(np.float32)


def predicted(path: Path, genre: str = "rock", *, uncertain: bool = False) -> Prediction:
    """Make a prediction."""
    return Prediction(path, 1, {genre: 0.9, "jazz": 0.1}, uncertain=uncertain)


def sorter(folder: Path | None, **changes: Any) -> Sorter:
    """Make a sorter that keeps names."""
    options: dict[str, Any] = {"move": False, "tag": False, "dry_run": False, "places": {}} | changes
    return Sorter(folder=folder, **options)


def acted(mine: Sorter, path: Path, **options: Any) -> Row:
    """Have a recording sorted, and return what is told of it."""
    row: Row = {}
    mine.act(predicted(path, **options), row)
    return row


@pytest.mark.parametrize("move", [False, True])
def test_a_recording_goes_into_the_folder_of_its_genre(move: bool, tmp_path: Path) -> None:
    """Moved or copied, with its content and time; uncertain ones have a folder of their own."""
    for name, uncertain, folder in (("a.wav", False, "rock"), ("b.wav", True, "uncertain")):
        path = tmp_path / name
        path.write_bytes(b"content")
        os.utime(path, (1e9, 1e9))
        mine = sorter(tmp_path / "sorted", move=move, places={str(path): Path("album") / name})
        target = tmp_path / "sorted" / folder / "album" / name
        assert acted(mine, path, uncertain=uncertain) == {"moved_to" if move else "copied_to": str(target)}
        assert target.read_bytes() == b"content"
        assert target.stat().st_mtime == 1e9
        assert path.exists() is not move
        assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("move", [False, True])
def test_what_is_there_already_stays(move: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another recording of that name is not replaced; one that is in its genre's folder is left where it is."""
    path, there = tmp_path / "a.wav", tmp_path / "sorted" / "rock" / "a.wav"
    path.write_bytes(b"new")
    there.parent.mkdir(parents=True)
    there.write_bytes(b"old")
    mine = sorter(tmp_path / "sorted", move=move, places={str(path): Path("a.wav"), str(there): Path("rock/a.wav")})
    with pytest.raises(AudioError, match=r"a\.wav: not sorted, since .*rock/a\.wav is there already"):
        acted(mine, path)
    assert (path.read_bytes(), there.read_bytes()) == (b"new", b"old")
    assert acted(mine, there) == {}
    monkeypatch.chdir(tmp_path)
    relative = sorter(Path("sorted"), move=move, places={str(there): Path("rock/a.wav")})
    assert acted(relative, there) == {}
    assert there.read_bytes() == b"old"


def test_a_copy_that_was_made_before_is_enough(tmp_path: Path) -> None:
    """The same command again has nothing to do, and nothing to complain of."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"content")
    mine = sorter(tmp_path / "sorted", places={str(path): Path("a.wav")})
    first = acted(mine, path)
    assert acted(mine, path) == first
    path.write_bytes(b"another")
    with pytest.raises(AudioError, match="is there already"):
        acted(mine, path)


def test_what_was_done_before_something_failed_is_told(tmp_path: Path) -> None:
    """A recording that was moved, and could not be tagged then, is found by its row."""
    pytest.importorskip("mutagen")
    path = tmp_path / "a.au"
    path.write_bytes(b"content")
    row: Row = {}
    with pytest.raises(AudioError, match="not tagged"):
        sorter(tmp_path / "sorted", move=True, tag=True, places={str(path): Path("a.au")}).act(predicted(path), row)
    assert Path(row["moved_to"]).read_bytes() == b"content"
    assert "tagged" not in row


def test_a_dry_run_tells_and_does_nothing(tmp_path: Path) -> None:
    """The same keys, and one more; not even a folder is made. What could not be done is told, too."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"content")
    mine = sorter(tmp_path / "sorted", move=True, tag=True, dry_run=True, places={str(path): Path("a.wav")})
    row = {"moved_to": f"{tmp_path}/sorted/rock/a.wav", "tagged": "rock", "dry_run": True}
    assert acted(mine, path) == row
    assert mine.keys == tuple(row)
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / "sorted" / "rock" / "a.wav").mkdir(parents=True)
    with pytest.raises(AudioError, match="is there already"):
        acted(mine, path)


def test_a_move_to_another_disk_is_a_copy_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recording goes only when its copy is whole; where that fails it stays, and nothing half is left."""
    path, target = tmp_path / "a.wav", tmp_path / "sorted" / "rock" / "a.wav"
    path.write_bytes(b"content")

    def refuse(_path: Path, _target: Path) -> None:
        """Be on another disk."""
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    def fill(source: Path, copy: Path) -> None:
        """Write a part, then be full."""
        copy.write_bytes(b"con")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", refuse)
    mine = sorter(tmp_path / "sorted", move=True, places={str(path): Path("a.wav")})
    with monkeypatch.context() as full:
        full.setattr(shutil, "copy2", fill)
        with pytest.raises(AudioError, match=r"a\.wav: cannot be sorted or tagged \(No space left on device\)"):
            acted(mine, path)
    assert path.read_bytes() == b"content"
    assert list(target.parent.iterdir()) == []
    acted(mine, path)
    assert target.read_bytes() == b"content"
    assert not path.exists()


def test_a_link_is_not_moved(tmp_path: Path) -> None:
    """It would lead nowhere from its new place; its content can be copied."""
    (tmp_path / "real.wav").write_bytes(b"content")
    path = tmp_path / "a.wav"
    path.symlink_to("real.wav")
    places = {str(path): Path("a.wav")}
    with pytest.raises(AudioError, match="it is a link; give the file that it leads to, or use --copy-to"):
        acted(sorter(tmp_path / "sorted", move=True, places=places), path)
    acted(sorter(tmp_path / "sorted", places=places), path)
    copy = tmp_path / "sorted" / "rock" / "a.wav"
    assert copy.read_bytes() == b"content"
    assert not copy.is_symlink()


@pytest.mark.parametrize(
    ("genre", "name"),
    [
        ("hip hop", "hip hop"),
        ("R&B/Soul", "R&B_Soul"),
        ("..", "_"),
        ("../../etc", "_.._etc"),
        ("a\0b\n", "a_b_"),
        ("C:\\x", "C__x"),
        (" . ", "_"),
    ],
)
def test_a_genre_s_folder_lies_where_it_should(genre: str, name: str) -> None:
    """Whatever a model calls its genres, none leads elsewhere."""
    assert folder_name(genre) == name


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3", "aiff", "m4a", "wma", "wv"])
def test_a_tag_is_written_that_players_read(suffix: str, record: Recorder) -> None:
    """In place of the one that is there; other tags and every sample stay."""
    mutagen = pytest.importorskip("mutagen")
    path = tagged_file(record, suffix)
    before = samples_of(path)
    for genre in ("rock", "R&B / Söul"):
        write_genre(path, genre)
        assert genre_of(mutagen.File(path, easy=True)) == [genre]
    np.testing.assert_array_equal(samples_of(path), before)
    assert list(path.parent.iterdir()) == [path]


def tagged_file(record: Recorder, suffix: str) -> Path:
    """Write a recording of a format; FFmpeg writes those that libsndfile does not."""
    import av

    wav = record("a.wav", NOISE)
    path = wav.with_suffix(f".{suffix}")
    if suffix in {"flac", "ogg", "mp3", "aiff"}:
        record(path.name, NOISE)
    elif suffix != "wav":
        with av.open(wav) as source, av.open(path, "w") as target:
            codec = {"opus": "libopus", "m4a": "aac", "wma": "wmav2", "wv": "wavpack"}[suffix]
            stream: Any = target.add_stream(codec, rate=48000 if suffix == "opus" else 22050)
            stream.layout, stream.bit_rate = "mono", 64_000
            for frame in source.decode(audio=0):
                target.mux(stream.encode(frame))
            target.mux(stream.encode(None))
    if suffix != "wav":
        wav.unlink()
    return path


def samples_of(path: Path) -> np.ndarray:
    """Decode a recording."""
    from genrebench.audio.decode import decode

    return np.concatenate(list(decode(path, 22050)))


def genre_of(audio: Any) -> list[str]:
    """Read the genre of a file that mutagen opened."""
    for key in ("genre", "TCON", "WM/Genre"):
        if key in audio.tags:
            return [str(each) for each in (audio.tags[key].text if key == "TCON" else audio.tags[key])]
    return []


def test_what_has_no_tags_is_named_and_left_alone(record: Recorder) -> None:
    """A file that is none, and one that its tagger cannot make sense of."""
    pytest.importorskip("mutagen")
    path = record("a.au", NOISE)
    content = path.read_bytes()
    with pytest.raises(AudioError, match=r"a\.au: expected a format with tags, such as mp3, .*; not tagged"):
        write_genre(path, "rock")
    assert path.read_bytes() == content
    broken = path.with_name("b.flac")
    broken.write_bytes(b"fLaC" + b"\xff" * 100)
    with pytest.raises(AudioError, match=r"b\.flac: cannot be tagged \("):
        write_genre(broken, "rock")
    assert sorted(path.parent.iterdir()) == [path, broken]


def test_a_recording_is_whole_while_it_is_tagged(record: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tag is written into a copy, which then takes its place; a link stays one."""
    mutagen = pytest.importorskip("mutagen")
    path = record("a.flac", NOISE)
    link = path.with_name("link.flac")
    link.symlink_to("a.flac")
    content = path.read_bytes()

    def fail(*_arguments: object, **_options: object) -> None:
        """Be killed while the tag is written."""
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(mutagen.flac.FLAC, "save", fail)
        with pytest.raises(KeyboardInterrupt):
            write_genre(path, "rock")
    assert path.read_bytes() == content
    assert sorted(path.parent.iterdir()) == [path, link]
    write_genre(link, "rock")
    assert link.is_symlink()
    assert genre_of(mutagen.File(path)) == ["rock"]


def test_copies_are_tagged_and_not_the_recordings(record: Recorder, tmp_path: Path) -> None:
    """Uncertain ones are not tagged at all."""
    mutagen = pytest.importorskip("mutagen")
    path = record("a.flac", NOISE)
    content = path.read_bytes()
    mine = sorter(tmp_path / "sorted", tag=True, places={str(path): Path("a.flac")})
    assert acted(mine, path)["tagged"] == "rock"
    assert path.read_bytes() == content
    assert genre_of(mutagen.File(tmp_path / "sorted" / "rock" / "a.flac")) == ["rock"]
    assert "tagged" not in acted(mine, path, uncertain=True)
    assert acted(sorter(None, tag=True), path, uncertain=True) == {}
    assert acted(sorter(None, tag=True), path) == {"tagged": "rock"}
    assert path.read_bytes() != content


def test_without_mutagen_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is classified."""
    monkeypatch.setitem(sys.modules, "mutagen", None)
    with pytest.raises(ConfigError, match=r"mutagen, which is not installed; pip install 'genrebench\[tag\]'"):
        require_mutagen()
    assert sorting.UNCERTAIN == "uncertain"
