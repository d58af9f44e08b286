"""Which files are recordings: by their names, and in a dataset."""

from pathlib import Path

import pytest

from genrebench.audio.recordings import dataset_recordings, is_recording
from genrebench.errors import DatasetError


def test_recordings_are_known_by_their_names() -> None:
    """Extensions count whatever their case; hidden files, such as those of macOS, do not."""
    assert is_recording(Path("a/b.WAV"))
    assert is_recording(Path("a.mp3"))
    assert not is_recording(Path("a/._b.wav"))
    assert not is_recording(Path("a.txt"))


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


def touch(root: Path, *names: str) -> None:
    """Make empty files, and the folders that they are in."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("files", "typed"),
    [
        (["d/genres_original/jazz/1.wav"], "d"),
        (["d/Data/genres_original/jazz/1.wav", "d/Data/images_original/jazz/1.png"], "d"),
        (["d/archive/Data/genres_original/jazz/1.wav"], "d"),
        (["d/genres_original/jazz/1.wav"], "d/genres_original"),
        (["d/genres/jazz/1.au"], "d"),
        (["d/genres/jazz/1.au"], "d/genres"),
        (["d/gtzan/genres/jazz/1.au", "d/gtzan/readme.txt"], "d"),
        (["d/Data/genres_original/jazz/1.wav", "d/genres.tar.gz"], "d"),
        (["d/jazz/1.mp3", "d/genres_mel_npz/jazz/1-0.npz"], "d"),
    ],
)
def test_datasets_are_taken_as_people_have_them(files: list[str], typed: str, tmp_path: Path) -> None:
    """GTZAN's own, Kaggle's, the folder itself, plain genre folders."""
    touch(tmp_path, *files)
    assert [each.key for each in dataset_recordings(tmp_path / typed)] == ["jazz/1"]


def test_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    """In the folder, or named itself."""
    touch(tmp_path, "d/genres.tar.gz")
    for typed in ("d", "d/genres.tar.gz"):
        with pytest.raises(
            DatasetError, match=r"found genres\.tar\.gz, an archive; unpack it first, and give the folder"
        ):
            dataset_recordings(tmp_path / typed)


def test_recordings_below_a_genre_have_names_of_their_own(tmp_path: Path) -> None:
    """Artist and album tell tracks of one name apart."""
    touch(tmp_path, *(f"genres_original/rock/{artist}/Album/1.mp3" for artist in "AB"))
    found = dataset_recordings(tmp_path)
    assert [each.key for each in found] == ["rock/A - Album - 1", "rock/B - Album - 1"]
    assert found[0].source == "rock/A/Album/1.mp3"


def test_what_is_left_out_of_a_dataset_is_counted_and_named(tmp_path: Path) -> None:
    """Other files, loose recordings, genres that end up empty, dead links, names that look alike."""
    root = tmp_path / "genres_original"
    touch(root, "rock/a.mp3", "rock/cover.jpg", "Rock/a.m4a", "midi/b.mid", "empty/.keep", "loose.wav")
    touch(root, "me\u0301tal/a.wav", "m\u00e9tal/a.wav")
    (root / "jazz").symlink_to(tmp_path / "nowhere")
    notes: list[str] = []
    assert len(dataset_recordings(tmp_path, notes)) == 4
    assert notes[:4] == [
        "genre empty has no recording; it will be no class",
        "genre midi has no recording, only 1 .mid; it will be no class",
        "2 files in the genre folders are no recordings: 1 .mid and 1 .jpg",
        "1 recordings beside the genre folders were left out, such as loose.wav; move them into one",
    ]
    assert notes[4] == "genre jazz is a link that leads nowhere; it will be no class"
    assert "'Rock' and 'rock' look like one" in notes[5] or "'rock' and 'Rock' look like one" in notes[5]
    assert "look like one" in notes[6]
    assert len(notes) == 7


def test_folders_without_genres_are_refused_with_what_to_do(tmp_path: Path) -> None:
    """FMA's numbered folders are no genres; loose recordings have none."""
    touch(tmp_path, "fma/000/000002.mp3", "fma/001/001001.mp3", "flat/a.wav", "flat/b.wav", "two/a/genres_original/x")
    touch(tmp_path, "two/b/genres_original/x")
    for name, message in {
        "fma": r"tracks\.csv",
        "flat": "2 recordings without genre folders",
        "two": "found .* and .*give one",
    }.items():
        with pytest.raises(DatasetError, match=message):
            dataset_recordings(tmp_path / name)


def test_no_recording_is_of_two_genres_by_a_link(tmp_path: Path) -> None:
    """A link back to what holds it is not followed, and genres that are one folder are named."""
    root = tmp_path / "genres_original"
    for name in ("jazz/1.wav", "rock/live/2.wav"):
        (root / name).parent.mkdir(parents=True)
        (root / name).touch()
    (root / "all").symlink_to(".")
    (root / "rock" / "up").symlink_to("..")
    (root / "rock" / "far").symlink_to(tmp_path)
    notes: list[str] = []
    assert [recording.source for recording in dataset_recordings(tmp_path, notes)] == ["jazz/1.wav", "rock/live/2.wav"]
    assert notes[0] == "genre all has no recording; it will be no class"
    assert [note.split(": ")[0] for note in notes[1:]] == [str(root / name) for name in ("all", "rock/far", "rock/up")]
    assert all("a link back to a folder that holds it" in note for note in notes[1:])
    (root / "pop").symlink_to("rock")
    dataset_recordings(tmp_path, notes := [])
    assert "genres pop and rock are links to one folder" in notes[-1]


def test_folders_that_hold_the_genres_are_no_genres(tmp_path: Path) -> None:
    """Parts of a split are refused, and what is the only genre may be a folder of them."""
    for name in ("train/rock/1.wav", "Test/rock/1.wav"):
        (tmp_path / "split" / name).parent.mkdir(parents=True)
        (tmp_path / "split" / name).touch()
    with pytest.raises(DatasetError, match=r"found Test/, which is a part of a split; give it as --dataset"):
        dataset_recordings(tmp_path / "split")
    for name in ("audio/rock/1.wav", "audio/jazz/1.wav"):
        (tmp_path / "outer" / name).parent.mkdir(parents=True)
        (tmp_path / "outer" / name).touch()
    notes: list[str] = []
    dataset_recordings(tmp_path / "outer", notes)
    assert "if jazz and rock in it are the genres, give the folder audio as --dataset" in notes[-1]
    (tmp_path / "outer" / "audio" / "3.wav").touch()
    dataset_recordings(tmp_path / "outer", notes := [])
    assert notes == []
