"""``genrebench infer``: lines, JSON, and recordings that cannot be read."""

import errno
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from filelock import FileLock

from genrebench.audio.synthesis.render import synthesize
from tests.cli.commands import in_terminal, refused, run
from tests.conftest import Recorder

RECORDED_RUN = Path(__file__).parents[2] / "results" / "gtzan_mini"


def test_from_recordings_to_printed_genres(trained: Path, tmp_path: Path) -> None:
    """A line per recording with its genre and probability; with more epochs those of training are mostly known."""
    shutil.copytree(trained / "results" / "small", tmp_path / "small")
    done = run("train", "--results", tmp_path, "--name", "small", "--resume", "--epochs", 100)
    assert done.exit_code == 0, done.output
    result = run("infer", trained / "dataset" / "genres_original", "--model", tmp_path / "small")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 12
    data = json.loads((tmp_path / "small" / "model.json").read_text())["data"]
    held_out = {*data["validation_tracks"], *data["test_tracks"]}
    known = []
    for line in lines:
        match = re.fullmatch(r"\S+/((\w+)/\w+\.\d+)\.wav +(?:uncertain: )?(\w+) (\d+\.\d) %.*", line)
        assert match, line
        assert 33 <= float(match[4]) <= 100
        if match[1] not in held_out:
            known.append(match[2] == match[3])
    assert len(known) == 6
    assert sum(known) >= 5


def test_json_has_all_genres_unless_fewer_are_asked_for(trained: Path, record: Recorder) -> None:
    """One JSON array; the probabilities are those of the top genres, in order."""
    path, model = record("a.mp3"), trained / "results" / "small"
    (everything,) = json.loads(run("infer", path, "--model", model, "--json").stdout)
    assert everything["path"] == str(path)
    assert everything["segments"] == 60
    keys = ["path", "genre", "probability", "uncertain", "probabilities", "segments", "model", "model_version"]
    assert list(everything) == keys
    assert everything["model"] == "small"
    assert sum(everything["probabilities"].values()) == pytest.approx(1)
    assert len(everything["probabilities"]) == 3
    (two,) = json.loads(run("infer", path, "--model", model, "--json", "--top-k", 2).stdout)
    assert list(two["probabilities"].items()) == list(everything["probabilities"].items())[:2]
    assert two["genre"] == next(iter(two["probabilities"]))
    text = run("infer", path, "--model", model, "--top-k", 2, "--min-confidence", 0).stdout
    assert re.findall(r"(\w+) \d+\.\d %", text) == list(two["probabilities"])
    assert len(re.findall("%", run("infer", path, "--model", model, "--min-confidence", 0).stdout)) == 1


def test_an_improbable_answer_is_uncertain(trained: Path, record: Recorder) -> None:
    """Its best guesses are named, in JSON as ever; the bound is the model's unless another is asked for."""
    path, model = record("a.mp3"), trained / "results" / "small"
    text = run("infer", path, "--model", model, "--min-confidence", 1).stdout
    assert re.fullmatch(r"\S+  uncertain: \w+ \d+\.\d %, \w+ \d+\.\d %, \w+ \d+\.\d %\n", text)
    for bound, uncertain in ((1, True), (0, False)):
        (row,) = json.loads(run("infer", path, "--model", model, "--min-confidence", bound, "--json").stdout)
        assert row["uncertain"] is uncertain
        assert row["genre"] == next(iter(row["probabilities"]))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_json_is_valid_in_any_encoding(encoding: str, trained: Path, record: Recorder) -> None:
    """A letter that the terminal lacks is spelled in ASCII."""
    path = record("Ólafur Žižek.wav")
    words = [
        sys.executable,
        "-m",
        "genrebench",
        "infer",
        str(path),
        "--model",
        str(trained / "results" / "small"),
        *("--backend", "numpy", "--json"),
    ]
    done = subprocess.run(words, capture_output=True, check=True, env=os.environ | {"PYTHONIOENCODING": encoding})
    (document,) = json.loads(done.stdout.decode(encoding))
    assert document["path"] == str(path)


def test_without_a_model_the_newest_is_taken_and_named(
    trained: Path, record: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard error, so that a pipe gets results only."""
    monkeypatch.chdir(trained)
    result = run("infer", record("a.wav"))
    assert result.exit_code == 0, result.output
    assert result.stderr == "model: results/small (the newest in results/)\n"


def test_one_bad_file_does_not_spoil_the_others(trained: Path, record: Recorder) -> None:
    """The good one is printed, the bad one is named, the status is 1."""
    bad = record("good.wav").with_name("bad.wav")
    bad.write_bytes(b"nothing")
    result = run("infer", bad, bad.with_name("good.wav"), "--model", trained / "results" / "small")
    refused(result, r"bad\.wav: cannot be decoded")
    assert result.stdout.count("\n") == 1
    assert "good.wav" in result.stdout


def test_an_error_does_not_tear_the_bar(record: Recorder) -> None:
    """In a terminal its line begins where a line begins, though the bar was there."""
    bad = record("good.wav").with_name("bad.wav")
    bad.write_bytes(b"nothing")
    good = bad.with_name("good.wav")
    options = ("--model", RECORDED_RUN, "--backend", "numpy", "--timeline")
    status, output = in_terminal("infer", good, bad, good, *options)
    assert status == 1, output
    assert "━━━\r\n" in output, "the bars of segments are drawn, not spelled in ASCII"
    assert "classifying" in output
    assert re.search(r"\x1b\[2KError: ", output), output


def test_wrong_options_name_the_right_ones(tmp_path: Path, record: Recorder) -> None:
    """Models, recordings, backends and devices that are not there."""
    song = record("a.wav")
    refused(run("infer", song, "--model", tmp_path / "nothing"), r"nothing/model\.json: expected a model")
    (tmp_path / "empty").mkdir()
    refused(run("infer", tmp_path / "empty"), "expected recordings .* found none")
    refused(run("infer", song, "--model", RECORDED_RUN, "--backend", "caffe"), "installed backends.*torch.*'caffe'")
    gpu = run("infer", song, "--model", RECORDED_RUN, "--backend", "numpy", "--device", "gpu")
    refused(gpu, "cpu.*received 'gpu'")
    assert run("infer", song, "--model", RECORDED_RUN, "--backend", "numpy", "--device", "CPU").exit_code == 0
    assert run("infer").exit_code == 2


def numpy_infer(*arguments: object) -> Result:
    """Run ``infer`` with the recorded model on the NumPy backend."""
    return run("infer", *arguments, "--model", RECORDED_RUN, "--backend", "numpy")


def test_an_empty_folder_among_others_is_named_and_the_rest_is_heard(record: Recorder, tmp_path: Path) -> None:
    """Status 1; in JSON the folder has a row with its reason, too."""
    record("a/1.wav"), record("b/2.wav")
    (tmp_path / "empty").mkdir()
    folders = [tmp_path / name for name in ("a", "empty", "b")]
    result = numpy_infer(*folders)
    refused(result, r"empty: expected recordings .* found none")
    assert [Path(line.split()[0]).name for line in result.stdout.splitlines()] == ["1.wav", "2.wav"]
    rows = json.loads(numpy_infer(*folders, "--json").stdout)
    assert [Path(row["path"]).name for row in rows] == ["empty", "1.wav", "2.wav"]
    assert "found none" in rows[0]["error"]


def test_json_has_a_row_for_every_failure(tmp_path: Path) -> None:
    """Also where nothing but failures is left; the reason names what the file is."""
    (tmp_path / "a.mp3").write_text("These are the words of a song.\n" * 100)
    result = numpy_infer(tmp_path / "a.mp3", tmp_path / "absent.wav", "--json")
    assert result.exit_code == 1
    text, absent = json.loads(result.stdout)
    assert text == {
        "path": str(tmp_path / "a.mp3"),
        "error": f"{tmp_path}/a.mp3: cannot be decoded; it is text, not audio",
        "model": "gtzan_mini",
        "model_version": absent["model_version"],
    }
    assert "No such file" in absent["error"]


def test_what_is_wrong_with_a_recording_is_noted_beside_its_genre(record: Recorder) -> None:
    """On standard error, and in JSON; the status is 0, since it was heard."""
    path = record("a.wav")
    path.write_bytes(path.read_bytes()[:500_000])
    result = numpy_infer(path)
    assert result.exit_code == 0
    assert result.stderr == f"Note: {path}: ends at 11.3 s, though it says 30.0 s\n"
    (row,) = json.loads(numpy_infer(path, "--json").stdout)
    assert row["notes"] == ["ends at 11.3 s, though it says 30.0 s"]


def test_a_batch_goes_on_where_it_was_stopped(record: Recorder, tmp_path: Path) -> None:
    """Cut anywhere, its file ends as that of a run that was not stopped; rows that are there are not made again."""
    music = synthesize("rock", seed=1, duration=3.0)
    paths = [record(f"{number}.wav", music[number * 1000 :]) for number in range(4)]
    paths[2].write_bytes(b"broken")
    whole, output = tmp_path / "whole.jsonl", tmp_path / "rows.jsonl"
    assert numpy_infer(*paths, paths[0], "--output", whole).exit_code == 1
    rows = [json.loads(line) for line in whole.read_text().splitlines()]
    assert [row["path"] for row in rows] == list(map(str, paths))
    assert "error" in rows[2]
    refused(numpy_infer(*paths, "--output", whole), "is there already; go on with it by --resume")
    content = whole.read_bytes()
    for cut in (0, 1, len(content) // 3, content.index(b"\n") + 1, len(content) - 1, len(content)):
        output.write_bytes(content[:cut])
        result = numpy_infer(*paths, "--output", output, "--resume")
        assert output.read_bytes() == content
        there = content[:cut].count(b"\n") - (cut == len(content)) + (cut == len(content) - 1) * 1
        assert f"{min(there, 3)} already there, 1 failed" in result.stdout
    assert not list(tmp_path.glob(".*"))


def test_rows_that_are_not_current_are_made_again(record: Recorder, tmp_path: Path) -> None:
    """Of a recording that changed, of another model, of other options; the order is that of the command."""
    music = synthesize("rock", seed=1, duration=3.0)
    one, two = record("1.wav", music), record("2.wav", music)
    output = tmp_path / "rows.jsonl"
    assert "2 recordings classified" in numpy_infer(two, one, "--output", output).stdout
    assert "0 recordings classified, 2 already" in numpy_infer(one, two, "--output", output, "--resume").stdout
    assert [json.loads(line)["path"] for line in output.read_text().splitlines()] == [str(one), str(two)]
    record("1.wav", music[::-1])
    assert "1 recording classified, 1 already" in numpy_infer(one, two, "--output", output, "--resume").stdout
    assert "2 recordings" in numpy_infer(one, two, "--output", output, "--resume", "--top-k", 1).stdout
    output.write_text(output.read_text().replace('"made_by": "', '"made_by": "0'))
    assert "2 recordings" in numpy_infer(one, two, "--output", output, "--resume", "--top-k", 1).stdout


def test_only_one_run_writes_a_file_of_rows(record: Recorder, tmp_path: Path) -> None:
    """Another one is refused; so are names of other formats, and going on with nothing."""
    song, output = record("a.wav", synthesize("rock", seed=1, duration=3.0)), tmp_path / "rows.jsonl"
    with FileLock(tmp_path / ".rows.jsonl.lock"):
        refused(numpy_infer(song, "--output", output), "another run writes it now")
    assert numpy_infer(song, "--resume").exit_code == 2
    assert numpy_infer(song, "--resume", "--output", tmp_path / "rows.csv").exit_code == 2


def test_rows_of_others_are_not_trusted(record: Recorder, tmp_path: Path) -> None:
    """A pipe does not hang, a folder and a giant are refused, and lines that are no rows of ours are made again."""
    song, output = record("a.wav", synthesize("rock", seed=1, duration=3.0)), tmp_path / "rows.jsonl"
    os.mkfifo(output)
    refused(numpy_infer(song, "--output", output, "--resume"), "expected rows of genrebench infer, received a pipe")
    output.unlink()
    with output.open("wb") as file:
        file.truncate(8 * 2**30)
    refused(numpy_infer(song, "--output", output, "--resume"), "rows of genrebench infer of at most 1,024 MiB")
    output.write_bytes(b"[" * 100_000 + b"\n" + json.dumps({"path": str(song)}).encode() + b'\n{"path": NaN}\n')
    assert "1 recording classified, 0 already there" in numpy_infer(song, "--output", output, "--resume").stdout


def test_a_disk_that_fills_up_leaves_whole_rows(
    record: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of which a part was taken is finished, or the file is named, and the next run goes on from there."""
    music, output = synthesize("rock", seed=1, duration=3.0), tmp_path / "rows.jsonl"
    paths = [record(f"{number}.wav", music) for number in range(3)]
    taken: list[int] = []

    class Filling(io.FileIO):
        """Takes ten bytes at a time, and after two hundred none."""

        def write(self, content: Any, /) -> int:
            """Take a part."""
            if sum(taken) > 200:
                raise OSError(errno.ENOSPC, "No space left on device")
            taken.append(super().write(content[:10]))
            return taken[-1]

    opened = Path.open

    def filling(path: Path, mode: str = "r", **options: Any) -> Any:
        """Open a file on a disk that fills up."""
        return Filling(path, mode) if "a" in mode else opened(path, mode, **options)

    monkeypatch.setattr(Path, "open", filling)
    refused(numpy_infer(*paths, "--output", output), f"{output}: No space left on device")
    taken[:] = [-10_000]
    assert "3 recordings classified, 0 already" in numpy_infer(*paths, "--output", output, "--resume").stdout
    assert [json.loads(line)["path"] for line in output.read_text().splitlines()] == list(map(str, paths))


def test_a_recording_has_one_answer_alone_in_a_folder_and_in_a_batch(record: Recorder, tmp_path: Path) -> None:
    """Within 1e-6, whatever stands beside it."""
    paths = [record(f"{n:02d}.wav", synthesize("rock", seed=n, duration=3.0 + n % 2 * 3)) for n in range(64)]
    (alone,) = json.loads(numpy_infer(paths[5], "--json").stdout)
    for others in ([tmp_path], paths):
        rows = json.loads(numpy_infer(*others, "--json").stdout)
        assert len(rows) == 64
        assert rows[5]["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-6)
