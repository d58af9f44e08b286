"""The places of rows: files that are whole or absent, and names under which recordings can lie together."""

import json
from pathlib import Path

import pytest

from genrebench.cli.progress import display
from genrebench.cli.rows.formats import Csv, Json, Layout, Text
from genrebench.cli.rows.places import in_file, in_folder, on_terminal, unique_places
from genrebench.errors import ConfigError
from tests.cli.rows.test_formats import BAD, GOOD

LAYOUT = Layout(genres=("blues", "jazz", "rock"), failures=True)


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    """It takes its place when all rows are there; what ends too soon leaves nothing, or what was there."""
    path = tmp_path / "rows.csv"
    with pytest.raises(KeyError), in_file(Text(LAYOUT), [], path, overwrite=False) as rows:
        rows.add({})
    assert list(tmp_path.iterdir()) == []
    with in_file(Csv(LAYOUT), [], path, overwrite=False) as rows:
        rows.add(GOOD)
        assert not path.exists()
    content = path.read_bytes()
    assert content.count(b"\n") == 2
    with pytest.raises(KeyError), in_file(Text(LAYOUT), [], path, overwrite=True) as rows:
        rows.add({})
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_row_is_printed_as_soon_as_it_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """And whatever happens then, the array is closed."""

    def stop() -> None:
        """Be interrupted after the first row."""
        with display("working", "rows") as bar, on_terminal(Json(LAYOUT), [], bar) as rows:
            rows.add(GOOD)
            printed.append(capsys.readouterr().out)
            raise KeyboardInterrupt

    printed: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        stop()
    assert '"path": "a.wav"' in printed[0]
    assert len(json.loads(printed[0] + capsys.readouterr().out)) == 1


def test_what_is_there_is_not_replaced_unless_it_may_be(tmp_path: Path) -> None:
    """A file or one of many; a folder never is."""
    path = tmp_path / "a.wav.txt"
    path.write_text("mine")
    targets = {"a.wav": path}
    with (
        pytest.raises(ConfigError, match=r"a\.wav\.txt: is there already; replace it by --overwrite"),
        in_file(Text(LAYOUT), [], path, overwrite=False),
    ):
        pass
    with (
        pytest.raises(ConfigError, match=r"a\.wav\.txt: is there already"),
        in_folder(lambda: Text(LAYOUT), targets, [], overwrite=False),
    ):
        pass
    assert path.read_text() == "mine"
    with in_folder(lambda: Text(LAYOUT), targets, [], overwrite=True) as rows:
        rows.add(GOOD | {"timeline": []})
    assert path.read_text() == "a.wav  rock 75.0 %\n"
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match="choose another"), in_file(Text(LAYOUT), [], path, overwrite=True):
        pass


def test_a_folder_has_a_file_for_each_recording(tmp_path: Path) -> None:
    """Below folders as the recordings are; a failure has one, too, what is no recording none."""
    targets = {"a.wav": tmp_path / "x" / "a.wav.json", "bad.wav": tmp_path / "bad.wav.json"}
    with in_folder(lambda: Json(LAYOUT), targets, [], overwrite=False) as rows:
        for row in (GOOD, BAD, BAD | {"path": "empty"}):
            rows.add(row)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(targets.values())
    assert b"cannot be decoded" in targets["bad.wav"].read_bytes()


def test_recordings_keep_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those within the folder that was named; a file that was named has none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "albums" / "one").mkdir(parents=True)
    found = unique_places(
        [Path("albums"), Path("x/b.wav")], [Path("albums/one/a.wav"), Path("albums/a.wav"), Path("x/b.wav")]
    )
    assert found == {"albums/one/a.wav": Path("one/a.wav"), "albums/a.wav": Path("a.wav"), "x/b.wav": Path("b.wav")}


def test_no_two_recordings_share_a_name() -> None:
    """Not even in capitals, nor with one that is numbered already."""
    names = ["x/a.wav", "y/A.wav", "z/a.wav", "x/a (2).wav", "y/a.flac"]
    found = unique_places([], map(Path, names))
    assert list(map(str, found.values())) == ["a.wav", "A (2).wav", "a (3).wav", "a (2) (2).wav", "a.flac"]
    many = unique_places([], [Path(str(number)) / "01.mp3" for number in range(3000)])
    assert len(set(many.values())) == 3000


def test_a_name_leads_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was typed, it lies in the folder that it is put into."""
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    for typed in ("..", "sub/..", "/"):
        for place in unique_places([Path(typed)], [Path(typed) / ".." / "a.wav", Path(typed) / "b.wav"]).values():
            assert not place.is_absolute()
            assert ".." not in place.parts
