"""Parquet in parts: no recording twice and none lost, whatever ends the program, and wherever."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from genrebench.cli.rows import parts
from genrebench.cli.rows.formats import Layout
from genrebench.cli.rows.parts import Parts
from genrebench.errors import ConfigError
from genrebench.model.rows import Row
from tests.death import dying

reader = pytest.importorskip("pyarrow.parquet")

GENRES = ("jazz", "rock")
LAYOUT = Layout(genres=GENRES)


@pytest.fixture(autouse=True)
def three_in_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have parts of three recordings."""
    monkeypatch.setattr(parts, "_RECORDINGS", 3)


@pytest.fixture
def songs(tmp_path: Path) -> list[Path]:
    """Write eight files that stand for recordings; one has a name that is no UTF-8."""
    folder = tmp_path / "songs"
    folder.mkdir()
    found = [folder / f"{number}.wav" for number in range(7)] + [folder / os.fsdecode(b"\xff.wav")]
    for path in found:
        path.write_text(path.name, errors="surrogateescape")
    return found


def row_of(path: Path) -> Row:
    """Make the row of a recording, with as many segments as its name says; the sixth fails."""
    stem = path.stem
    if stem == "5":
        return {"path": str(path), "error": f"{path}: no recording", "model": "m"}
    count = int(stem) if stem.isdecimal() else 2
    segments = [
        {
            "start": 3.0 * each,
            "end": 3.0 * each + 3,
            "genre": "rock",
            "probability": 0.75,
            "probabilities": {"rock": 0.75},
        }
        for each in range(count)
    ]
    return {
        "path": str(path),
        "genre": "rock",
        "probability": 1 / 3,
        "uncertain": False,
        "probabilities": {"rock": 1 / 3, "jazz": 0.25},
        "segments": count,
        "timeline": segments,
        "model": "m",
    }


def classify(folder: Path, songs: list[Path], *, resume: bool = True, made_by: str = "a", **options: Any) -> list[str]:
    """Give each recording that has no row one, and name those."""
    table = Parts(folder, made_by, LAYOUT, resume=resume, **options)
    seen = []
    with table.writing(songs) as todo:
        for path in todo:
            table.add(row_of(path))
            seen.append(path.name)
    return seen


def rows_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Read all parts of a kind, in order."""
    found = sorted((folder / kind).iterdir())
    return [row for path in found for row in reader.read_table(path).to_pylist()]


def complete(folder: Path, songs: list[Path]) -> None:
    """Check that each recording has its row and its segments, once, and that nothing else is left."""
    rows, segments = (sorted(rows_of(folder, kind), key=str) for kind in ("recordings", "segments"))
    assert [row["path"] for row in rows] == sorted(
        str(path).encode(errors="backslashreplace").decode() for path in songs
    )
    expected = [
        (row["path"], each["start"], each["genre"], each["probability"])
        for row in (row_of(path) for path in songs)
        for each in row.get("timeline", ())
    ]
    found = [(row["path"], row["start"], row["genre"], row["probability"]) for row in segments]
    spelled = [(path.encode(errors="backslashreplace").decode(), *rest) for path, *rest in expected]
    assert sorted(found) == sorted(spelled)
    assert {path.name for path in folder.iterdir()} == {"recordings", "segments"}


def test_a_library_has_a_row_for_each_recording_and_for_each_segment(songs: list[Path], tmp_path: Path) -> None:
    """In parts, with types, with what a row is known by; readers take the folder as one table."""
    folder = tmp_path / "genres"
    assert len(classify(folder, songs, resume=False)) == 8
    complete(folder, songs)
    names = [f"part-{number:06d}.parquet" for number in range(3)]
    for kind in ("recordings", "segments"):
        assert sorted(path.name for path in (folder / kind).iterdir()) == names
    table = reader.read_table(folder / "recordings")
    assert table.num_rows == 8
    first = table.to_pylist()[1]
    assert (first["probability"], first["probability.jazz"], first["segments"]) == (1 / 3, 0.25, 1)
    assert (first["size"], first["modified_ns"]) == (5, songs[1].stat().st_mtime_ns)
    assert (first["made_by"], first["error"]) == ("a", None)
    assert reader.read_table(folder / "segments").num_rows == 0 + 1 + 2 + 3 + 4 + 6 + 2


def moments() -> Iterator[int]:
    """Count the moments of death."""
    yield from range(1, 500)
    raise AssertionError("it never ended")


def dies_anywhere(run: Callable[[], list[str]], check: Callable[[list[str]], None], prepare: Callable[[], None]) -> int:
    """Have a run die at each moment, go on, and check; return at how many."""
    for after in moments():
        prepare()
        seen: list[str] = []
        with dying(after=after) as death:
            seen += run()
        if not death.happened:
            check(seen)
            return after
        with dying(after=after) as again:  # and once more while it goes on
            run()
        if again.happened:
            run()
        check(seen)
    raise AssertionError


def test_a_kill_at_any_moment_loses_no_row_and_leaves_none_twice(songs: list[Path], tmp_path: Path) -> None:
    """At any operation on files, and then again while it goes on."""
    number = iter(range(1000))
    folder = tmp_path / "none"

    def prepare() -> None:
        """Take a new folder."""
        nonlocal folder
        folder = tmp_path / f"genres{next(number)}"

    count = dies_anywhere(lambda: classify(folder, songs), lambda _: complete(folder, songs), prepare)
    assert count > 20


@pytest.mark.slow
def test_a_kill_at_any_moment_of_an_update_is_mended(songs: list[Path], tmp_path: Path) -> None:
    """Two recordings have changed, one is gone, one failed, and one is new: parts are written anew."""
    new = songs[0].with_name("6 new.wav")
    number = iter(range(1000))
    folder = tmp_path / "none"

    def prepare() -> None:
        """Classify into a new folder, then change what was classified."""
        nonlocal folder
        folder = tmp_path / f"genres{next(number)}"
        classify(folder, songs)
        for path in (songs[0], songs[4]):
            os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
        new.write_text("new")

    now = [*songs[:2], *songs[3:], new]
    dies_anywhere(lambda: classify(folder, now), lambda _: complete(folder, now), prepare)
    prepare()
    assert classify(folder, now) == ["0.wav", "4.wav", "5.wav", "6 new.wav"]


@pytest.mark.parametrize("kept", range(0, 100, 7))
def test_a_journal_that_was_cut_gives_back_its_whole_rows(songs: list[Path], tmp_path: Path, kept: int) -> None:
    """As a kill or a full disk may leave it: in the middle of a row."""
    folder = tmp_path / "genres"
    table = Parts(folder, "a", LAYOUT)
    with suppress(KeyboardInterrupt), table.writing(songs) as todo:
        for path in todo[:5]:
            table.add(row_of(path))
        raise KeyboardInterrupt
    journal = folder / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert len(lines) == 3
    cut = len(lines[2]) * kept // 100
    journal.write_bytes(b"".join(lines[:2]) + lines[2][:cut])
    assert classify(folder, songs) == ["4.wav", "5.wav", "6.wav", os.fsdecode(b"\xff.wav")]
    complete(folder, songs)


SCRIPT = """
import os, signal, sys
from pathlib import Path
from genrebench.cli.rows import parts
from tests.cli.rows.test_parts import classify
parts._RECORDINGS = 3
count, write = 0, parts.write_atomically
def counted(path, content):
    global count
    count += 1
    if count == int(sys.argv[3]) and sys.argv[4] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, content)
    if count == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
parts.write_atomically = counted
classify(Path(sys.argv[1]), sorted(Path(sys.argv[2]).iterdir()))
"""


@pytest.mark.parametrize("moment", [(2, "before"), (2, "after"), (3, "after"), (4, "after"), (6, "after")])
def test_sigkill_between_the_files_of_a_part(songs: list[Path], tmp_path: Path, moment: tuple[int, str]) -> None:
    """Before its segments are there, between them and its recordings, before the journal knows, in the next part."""
    folder = tmp_path / "genres"
    command = [sys.executable, "-c", SCRIPT, str(folder), str(songs[0].parent), *map(str, moment)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert done.returncode == -signal.SIGKILL, done.stderr
    again = classify(folder, sorted(songs))
    assert len(again) < 8
    complete(folder, songs)


def test_what_is_done_is_not_done_again(songs: list[Path], tmp_path: Path) -> None:
    """But what failed is, and all of it if another model is asked."""
    folder = tmp_path / "genres"
    classify(folder, songs)
    assert classify(folder, songs) == ["5.wav"]
    assert classify(folder, [*songs, *songs]) == ["5.wav"]
    assert len(classify(folder, songs, made_by="b")) == 8
    complete(folder, songs)
    assert {row["made_by"] for row in rows_of(folder, "recordings")} == {"b"}


def test_rows_that_are_there_are_neither_mixed_nor_replaced_unasked(songs: list[Path], tmp_path: Path) -> None:
    """And two runs do not write one folder."""
    folder = tmp_path / "genres"
    classify(folder, songs, resume=False)
    with pytest.raises(ConfigError, match="holds rows already; go on with them by --resume, replace them by"):
        classify(folder, songs, resume=False)
    assert len(classify(folder, songs[:4], resume=False, overwrite=True)) == 4
    complete(folder, songs[:4])
    with FileLock(folder / ".lock"), pytest.raises(ConfigError, match="another run writes it now"):
        classify(folder, songs)


def test_a_damaged_part_and_a_strange_journal_are_named(songs: list[Path], tmp_path: Path) -> None:
    """Nothing is guessed; without the part its rows are made again."""
    folder = tmp_path / "genres"
    classify(folder, songs)
    part = folder / "recordings" / "part-000001.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(ConfigError, match=r"part-000001\.parquet: expected rows of genrebench infer, cannot be read"):
        classify(folder, songs)
    part.unlink()
    assert classify(folder, songs) == ["3.wav", "4.wav", "5.wav"]
    complete(folder, songs)
    (folder / "journal.jsonl").write_text('{"path": "x"}\n')
    with pytest.raises(ConfigError, match=r"journal\.jsonl: expected the journal of genrebench infer"):
        classify(folder, songs)


def test_long_recordings_end_a_part_sooner(songs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows wait in memory for their part."""
    monkeypatch.setattr(parts, "_SEGMENTS", 5)
    monkeypatch.setattr(parts, "_RECORDINGS", 100)
    folder = tmp_path / "genres"
    classify(folder, songs)
    sizes = [reader.read_table(path).num_rows for path in sorted((folder / "segments").iterdir())]
    assert sizes == [6, 10, 2]
    complete(folder, songs)


def test_without_pyarrow_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is written."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'genrebench\[parquet\]'"):
        Parts(tmp_path / "genres", "a", LAYOUT)
    assert not (tmp_path / "genres").exists()
