"""What ``genrebench infer`` writes and does by its options, from the command to the file."""

import csv
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from genrebench.audio.synthesis.render import synthesize
from genrebench.cli.main import main
from genrebench.errors import DatasetError
from genrebench.model.model import Model
from genrebench.model.prediction import Prediction
from tests.cli.commands import in_terminal, refused
from tests.conftest import Recorder

RECORDED_RUN = Path(__file__).parents[2] / "results" / "gtzan_mini"
MUSIC = synthesize("rock", seed=1, duration=7.0)
# What is enough for a test that is not about the network.
BLUES = {"blues": 0.6, "rock": 0.3, "jazz": 0.1}


@pytest.fixture
def songs(record: Recorder, tmp_path: Path) -> Path:
    """Write a folder with recordings of seven seconds, and one that is none."""
    record("songs/a.wav", MUSIC), record("songs/album one/B.WAV", MUSIC[::-1])
    (tmp_path / "songs" / "bad.mp3").write_text("These are the words of a song.\n" * 100)
    (tmp_path / "songs" / "notes.txt").write_text("no recording")
    return tmp_path / "songs"


def infer(*arguments: object, stdin: bytes | None = None) -> Result:
    """Run ``infer`` with the recorded model on the NumPy backend; windows do not overlap unless it is asked for."""
    words = ["infer", "--overlap", "0", *map(str, arguments), "--model", str(RECORDED_RUN), "--backend", "numpy"]
    return CliRunner().invoke(main, words, input=stdin)


def names(rows: list[dict[str, Any]]) -> list[str]:
    """List the file names of rows."""
    return [Path(row["path"]).name for row in rows]


def test_a_table_is_the_same_printed_and_written(songs: Path, tmp_path: Path) -> None:
    """A line for each recording in any folder and any case, and for the failure; the status is 1."""
    result = infer(songs, "--format", "csv")
    assert result.exit_code == 1
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert names(rows) == ["a.wav", "B.WAV", "bad.mp3"]
    assert [bool(row["error"]) for row in rows] == [False, False, True]
    assert all(row["model"] == "gtzan_mini" and len(row["model_version"]) == 16 for row in rows)
    written = infer(songs, "--output", tmp_path / "rows.csv")
    assert written.stdout == f"{tmp_path}/rows.csv: 2 recordings classified, 1 failed\n"
    assert (tmp_path / "rows.csv").read_text() == result.stdout
    refused(infer(songs, "--output", tmp_path / "rows.csv"), r"rows\.csv: is there already; replace it by --overwrite")
    assert infer(songs / "a.wav", "--output", tmp_path / "rows.csv", "--overwrite").exit_code == 0
    assert (tmp_path / "rows.csv").read_text().count("\n") == 2


def test_a_table_with_types_needs_a_file(songs: Path, tmp_path: Path) -> None:
    """A terminal cannot show it."""
    parquet = pytest.importorskip("pyarrow.parquet")
    refused(infer(songs / "a.wav", "--format", "parquet"), r"expected --output FILE\.parquet")
    assert infer(songs, "--output", tmp_path / "rows.parquet", "--timeline").exit_code == 1
    rows = parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [row["start"] for row in rows] == [0.0, 3.0, 0.0, 3.0, None]


def test_label_tracks_lie_in_a_folder_as_the_recordings_do(songs: Path, tmp_path: Path) -> None:
    """One recording's is printed; several need the folder, in which a failure has none."""
    track = infer(songs / "a.wav", "--format", "audacity")
    assert [line.split("\t")[:2] for line in track.stdout.splitlines()] == [
        ["0.000000", "3.000000"],
        ["3.000000", "6.000000"],
    ]
    refused(infer(songs, "--format", "audacity"), "expected --output FOLDER, since each of the 3 recordings")
    assert infer(songs, "--format", "audacity", "--output", tmp_path / "labels").exit_code == 1
    found = {str(path.relative_to(tmp_path / "labels")) for path in (tmp_path / "labels").rglob("*.*")}
    assert found == {"a.wav.txt", "album one/B.WAV.txt"}
    assert (tmp_path / "labels" / "a.wav.txt").read_text() == track.stdout


def test_a_folder_takes_any_format(songs: Path, tmp_path: Path) -> None:
    """A file for each recording; which format must be said."""
    refused(infer(songs, "--output", tmp_path / "rows"), "for a folder with a file for each recording a --format")
    assert infer(songs, "--output", tmp_path / "rows", "--format", "json").exit_code == 1
    (row,) = json.loads((tmp_path / "rows" / "bad.mp3.json").read_text())
    assert "text, not audio" in row["error"]


def test_text_in_a_file_tells_of_failures(songs: Path, tmp_path: Path) -> None:
    """A terminal shows them beside the lines."""
    infer(songs, "--output", tmp_path / "rows.txt", "--quiet")
    assert re.search(r"bad\.mp3 +failed: .*text, not audio", (tmp_path / "rows.txt").read_text())


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\0"])
def test_a_list_of_files_comes_from_standard_input(end: bytes, songs: Path) -> None:
    """As find prints it, with or without -print0; what is named beside it is classified, too."""
    listed = end.join(os.fsencode(path) for path in (songs / "a.wav", songs / "album one")) + end
    result = infer("-", songs / "a.wav", "--json", stdin=listed)
    assert result.exit_code == 0, result.output
    assert names(json.loads(result.stdout)) == ["a.wav", "B.WAV"]


def test_an_empty_list_is_refused() -> None:
    """A command before the pipe may have found nothing."""
    refused(infer("-", stdin=b"\n"), "-: expected files and folders on standard input, one in a line, received none")


@pytest.mark.parametrize("overlap", [0, 0.5])
def test_a_timeline_says_what_is_where(overlap: float, songs: Path) -> None:
    """In JSON, and in lines; windows that overlap are another version of the model."""
    options = ("--timeline", "--overlap", overlap)
    (row,) = json.loads(infer(songs / "a.wav", "--json", "--top-k", 2, *options).stdout)
    spans = [(0, 3), (3, 6)] if not overlap else [(0, 3), (1.5, 4.5), (3, 6)]
    assert [(each["start"], each["end"]) for each in row["timeline"]] == spans
    assert row["segments"] == len(spans)
    assert all(next(iter(each["probabilities"])) == each["genre"] for each in row["timeline"])
    assert all(len(each["probabilities"]) == 2 for each in row["timeline"])
    (plain,) = json.loads(infer(songs / "a.wav", "--json").stdout)
    assert "timeline" not in plain
    assert (plain["model_version"] == row["model_version"]) is not bool(overlap)
    lines = infer(songs / "a.wav", *options).stdout.splitlines()
    assert len(lines) == 1 + len(spans)
    assert re.fullmatch(r" +0:00\.0 +0:03\.0  \w+ +[\d.]+ %  ━+", lines[1])


def test_pictures_are_drawn(songs: Path, tmp_path: Path) -> None:
    """Of one recording into a file, of several into a folder; what is there is not replaced."""
    one = tmp_path / "a.png"
    assert infer(songs / "a.wav", "--picture", one).exit_code == 0
    assert one.read_bytes().startswith(b"\x89PNG")
    refused(infer(songs / "a.wav", "--picture", one), r"--picture .*a\.png: is there already")
    refused(infer(songs, "--picture", tmp_path / "b.png"), "expected a folder for the pictures of 3 recordings")
    rows = json.loads(infer(songs, "--picture", tmp_path / "pictures", "--json").stdout)
    assert all("timeline" not in row for row in rows)
    found = {str(path.relative_to(tmp_path / "pictures")) for path in (tmp_path / "pictures").rglob("*.png")}
    assert found == {"a.wav.png", "album one/B.WAV.png"}


@pytest.fixture
def guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every recording for blues without a look."""

    def predict_many(_model: Model, paths: list[Path], **_options: object) -> Iterator[Prediction]:
        """Answer."""
        for path in paths:
            yield Prediction(path, 1, BLUES)

    monkeypatch.setattr(Model, "predict_many", predict_many)


@pytest.mark.usefixtures("guessed")
def test_recordings_are_sorted_by_genre(songs: Path, tmp_path: Path) -> None:
    """Their folders are kept below the genre's; a second run finds nothing left to do."""
    (songs / "bad.mp3").unlink()
    dry = infer(songs, "--move-to", tmp_path / "sorted", "--dry-run")
    assert dry.stdout.count("would be moved to") == 2
    assert "(--dry-run)" in dry.stderr
    assert not (tmp_path / "sorted").exists()
    rows = json.loads(infer(songs, "--move-to", tmp_path / "sorted", "--json").stdout)
    targets = [tmp_path / "sorted" / "blues" / name for name in ("a.wav", "album one/B.WAV")]
    assert [row["moved_to"] for row in rows] == list(map(str, targets))
    assert all(target.exists() for target in targets)
    refused(infer(songs, "--move-to", tmp_path / "sorted"), "expected recordings .* found none")
    assert infer(tmp_path / "sorted", "--move-to", tmp_path / "sorted").exit_code == 0
    assert all(target.exists() for target in targets)


@pytest.mark.usefixtures("guessed")
def test_what_cannot_be_done_is_told_beside_the_genre(songs: Path, tmp_path: Path) -> None:
    """The row has both, the status is 1, and with --resume it is tried again."""
    pytest.importorskip("mutagen")
    output = tmp_path / "rows.jsonl"
    options = (songs, "--copy-to", tmp_path / "sorted", "--tag", "--output", output)
    result = infer(*options)
    assert "2 recordings classified, 0 already there, 1 failed" in result.stdout
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row.get("tagged") for row in rows] == ["blues", "blues", None]
    assert rows[2]["genre"] == "blues"
    assert "cannot be tagged" in rows[2]["error"]
    assert "Error: " in result.stderr
    again = infer(*options, "--resume")
    assert "0 recordings classified, 2 already there, 1 failed" in again.stdout


def test_a_recording_replaced_by_one_of_its_size_and_time_is_classified_anew(songs: Path, tmp_path: Path) -> None:
    """Rows of an earlier version, which do not say when the system noted a change, still count."""
    output = tmp_path / "rows.jsonl"
    assert "2 recordings classified, 0 already there" in infer(songs, "--output", output).stdout
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    times = (songs / "a.wav").stat()
    (songs / "a.wav").write_bytes((songs / "a.wav").read_bytes())
    os.utime(songs / "a.wav", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert "1 recording classified, 1 already there" in infer(songs, "--output", output, "--resume").stdout
    earlier = [{key: value for key, value in row.items() if key != "changed_ns"} for row in rows]
    output.write_text("".join(f"{json.dumps(row)}\n" for row in earlier))
    assert "0 recordings classified, 2 already there" in infer(songs, "--output", output, "--resume").stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--resume", "--resume goes on with an --output FILE.jsonl"),
        ("--resume --output rows.csv", "--resume goes on with an --output FILE.jsonl"),
        ("--resume --overwrite --output rows.jsonl", "give one of them"),
        ("--dry-run", "give one of them"),
        ("--overwrite", "give one of them"),
        ("--move-to a --copy-to b", "--move-to goes without --copy-to"),
        ("--move-to a --output rows.jsonl --resume", "and without --resume"),
        ("--overlap 0.95", "0.95 is not in the range"),
        ("--format xml", "'xml' is not one of"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(options: str, message: str, songs: Path) -> None:
    """Before anything is done."""
    result = infer(songs, *options.split())
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--output", "absent/rows.csv"), "absent/rows.csv: expected a folder to write to, absent is none; make it"),
        (("--output", "absent/rows.jsonl"), "absent is none; make it"),
        (("--copy-to", "file"), "--copy-to file: expected a folder to write to, received file, a file"),
        (("--move-to", "file"), "--move-to file: expected a folder to write to, received file, a file"),
        (("--picture", "file"), "--picture file: expected a folder to write to, received file, a file"),
        (("--picture", "file/a.png"), "--picture file/a.png: expected a folder to write to"),
        (("--output", "file/rows", "--format", "csv"), "--output file/rows: expected a folder to write to"),
        *(
            (
                (option, f"/proc/{name}", *more),
                f"{option} /proc/{name}: expected a folder to write to, received one that",
            )
            for option, name, *more in (
                ("--output", "rows.csv"),
                ("--output", "rows.jsonl"),
                ("--output", "rows", "--format", "json"),
                ("--picture", "a.png"),
                ("--picture", "pictures"),
                ("--copy-to", "sorted"),
                ("--move-to", "sorted"),
            )
        ),
    ],
)
def test_a_place_that_takes_nothing_is_refused_before_anything_is_done(
    options: tuple[str, ...], message: str, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, and not for each recording; nothing is made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    monkeypatch.setattr(Model, "load", lambda *_, **__: pytest.fail("a model was loaded"))
    refused(infer(songs, *options), message)
    assert [path.name for path in tmp_path.iterdir() if path != songs] == ["file"]


def test_quiet_leaves_results_and_errors(songs: Path) -> None:
    """No notes."""
    path = songs / "a.wav"
    path.write_bytes(path.read_bytes()[:200_000])
    loud, quiet = infer(songs), infer(songs, "-q")
    assert loud.stdout == quiet.stdout
    words = ["--quiet", "infer", str(songs), "--model", str(RECORDED_RUN), "--backend", "numpy"]
    assert CliRunner().invoke(main, words).stderr == quiet.stderr
    assert "Note: " in loud.stderr
    assert quiet.stderr == f"Error: {songs}/bad.mp3: cannot be decoded; it is text, not audio\n"


def test_an_array_that_is_interrupted_is_closed(songs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before is valid JSON."""

    def predict_many(_model: Model, paths: list[Path], **_options: object) -> Iterator[Prediction]:
        """Answer once, then be interrupted."""
        yield Prediction(paths[0], 1, BLUES)
        raise KeyboardInterrupt

    monkeypatch.setattr(Model, "predict_many", predict_many)
    result = infer(songs, "--json")
    assert result.exit_code == 130
    assert names(json.loads(result.stdout)) == ["a.wav"]


def test_a_pipe_gets_rows_alone_while_the_terminal_shows_progress(songs: Path, tmp_path: Path) -> None:
    """The bar, and an error above it, stand in the terminal that standard error is."""
    with (tmp_path / "rows.json").open("wb") as file:
        status, shown = in_terminal(
            "infer", songs, "--json", "--model", RECORDED_RUN, "--backend", "numpy", stdout=file
        )
    assert status == 1
    assert names(json.loads((tmp_path / "rows.json").read_bytes())) == ["a.wav", "B.WAV", "bad.mp3"]
    assert re.search(r"classifying .*recordings,", shown)
    assert re.search(r"\x1b\[2KError: ", shown), shown


def test_a_library_goes_to_parquet_in_parts_and_goes_on(songs: Path, tmp_path: Path) -> None:
    """A table of recordings and one of segments; what is done is not done again."""
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = tmp_path / "genres"
    (songs / "bad.mp3").unlink()
    written = infer(songs / "a.wav", "--format", "parquet", "--output", folder)
    assert written.exit_code == 0, written.output
    refused(infer(songs, "--format", "parquet", "--output", folder), "holds rows already; go on with them by --resume")
    written = infer(songs, "--format", "parquet", "--output", folder, "--resume")
    assert written.stdout == f"{folder}: 1 recording classified, 1 already there, 0 failed\n"
    rows = parquet.read_table(folder / "recordings").to_pylist()
    assert names(rows) == ["a.wav", "B.WAV"]
    segments = parquet.read_table(folder / "segments").to_pylist()
    assert [(Path(row["path"]).name, row["start"]) for row in segments] == [
        ("a.wav", 0.0),
        ("a.wav", 3.0),
        ("B.WAV", 0.0),
        ("B.WAV", 3.0),
    ]
    assert all(row["model"] == "gtzan_mini" for row in rows + segments)


def test_a_slow_recording_holds_up_no_other_of_a_library(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a cluster rows are kept as they are done, so that another run goes on from all that was done."""
    reader = pytest.importorskip("pyarrow.parquet")
    folder = tmp_path / "genres"
    kept: list[int] = []

    class Backwards:
        """An executor that begins with the last item, and of which the first one ends the run, the first time."""

        def run(self, function: Callable[[Any], Any], items: Sequence[Any], **_others: Any) -> Iterator[Any]:
            """Count the rows that are kept before each answer."""
            for number, item in enumerate(reversed(items)):
                kept.append((folder / "journal.jsonl").read_text().count("\n") - 1)
                if number == 2:
                    raise DatasetError("the scheduler went away")
                yield function(item)

    monkeypatch.setattr("genrebench.system.cluster.choice.executor_for", lambda *_: Backwards())
    command = (songs, "--format", "parquet", "--output", folder, "--cluster", "any")
    done = infer(*command)
    assert (done.exit_code, done.stderr.count("the scheduler went away")) == (1, 1)
    assert kept == [0, 1, 2]
    assert infer(*command, "--resume").exit_code == 1
    rows = reader.read_table(folder / "recordings").to_pylist()
    assert sorted(names(rows)) == ["B.WAV", "a.wav", "bad.mp3"]
    assert kept[3:] == [1, 2], "the failure is tried again"
    assert not (folder / "journal.jsonl").exists()
