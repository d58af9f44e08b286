"""Files that users bring: lists of tracks and tables of artists, in the forms that they come in."""

from pathlib import Path

import pytest

from genrebench.data.lists import read_artists, read_track_list
from genrebench.errors import DatasetError

TRACKS = ("blues/blues.00000", "blues/blues.00001", "jazz/jazz.00000", "jazz/take five.live")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "line",
    [
        "blues/blues.00001.wav",
        "blues/blues.00001",
        "blues.00001.wav",
        "blues.00001",
        "blues\\blues.00001.AU",
        "./genres_original/blues/blues.00001.mp3",
        "  blues/blues.00001.wav\t",
    ],
)
def test_a_track_is_found_with_or_without_folder_and_suffix(tmp_path: Path, line: str, end: str) -> None:
    """With any line ends, a mark of UTF-8, comments and empty lines."""
    path = tmp_path / "list.txt"
    path.write_bytes(f"\ufeff# tracks{end}{end}{line}{end}{line}{end}jazz/take five.live.ogg{end}".encode())
    found = read_track_list(path, TRACKS)
    assert (found.tracks, found.unknown) == (("blues/blues.00001", "jazz/take five.live"), ())


def test_unknown_tracks_are_named_as_the_file_has_them(tmp_path: Path) -> None:
    """Another folder is another track."""
    path = tmp_path / "list.txt"
    path.write_text("blues.00000\nrock/blues.00001\nblues.0000\njazz.00000.doc\n")
    found = read_track_list(path, TRACKS)
    assert found.tracks == ("blues/blues.00000",)
    assert found.unknown == ("rock/blues.00001", "blues.0000", "jazz.00000.doc")


def test_a_list_that_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    """None of the tracks, two of one name, no text, no file; the file is named."""
    path = tmp_path / "list.txt"
    for content, message in (
        (b"", "expected tracks of the dataset, one per line, received none"),
        (b"rock/a.wav\nrock/b.wav", "received 2 others, such as rock/a.wav"),
        (b"\xff\xfe\x00", "expected text in UTF-8"),
    ):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=f"list.txt: .*{message}"):
            read_track_list(path, TRACKS)
    path.write_text("intro\n")
    with pytest.raises(DatasetError, match="expected the genre before intro, which may be jazz/intro or pop/intro"):
        read_track_list(path, ("jazz/intro", "pop/intro"))
    with pytest.raises(DatasetError, match="expected a list of tracks"):
        read_track_list(tmp_path, TRACKS)
    with pytest.raises(DatasetError, match="absent: expected a list of tracks, cannot be read"):
        read_track_list(tmp_path / "absent", TRACKS)


@pytest.mark.parametrize(
    "content",
    [
        "track,artist\nblues/blues.00000.wav,B.B. King\nblues.00001,b.b.  king\njazz.00000,\ntake five.live,Dave",
        "blues.00000,B.B. King\nblues.00001,B.B. King\njazz.00000,\ntake five.live,Dave\nrock.1,Queen\n",
        "Artist;;Track\r\nB.B. King;1;blues.00000\r\nB.B. King;;blues.00001\r\n;;jazz.00000\r\nDave;;take five.live",
    ],
)
def test_artists_are_read_with_and_without_header(tmp_path: Path, content: str) -> None:
    """Capitals and spaces make no other artist; an empty one is unknown."""
    path = tmp_path / "artists.csv"
    path.write_bytes(content.encode())
    king = "b.b. king"
    expected = {"blues/blues.00000": king, "blues/blues.00001": king, "jazz/take five.live": "dave"}
    assert read_artists(path, TRACKS) == expected


def test_a_track_without_a_row_or_with_two_artists_is_named(tmp_path: Path) -> None:
    """So is a row without an artist's column."""
    path = tmp_path / "artists.csv"
    for content, message in (
        ("blues.00000,a\nblues.00001,a\njazz.00000,b\n", "found none for jazz/take five.live; leave the artist empty"),
        ("blues.00000,a\nblues.00000,b\n", "expected one artist for blues/blues.00000, received 'a' and 'b'"),
        ("blues.00000\n", "expected a track and its artist in each row, received"),
    ):
        path.write_text(content)
        with pytest.raises(DatasetError, match=f"artists.csv: .*{message}"):
            read_artists(path, TRACKS)
