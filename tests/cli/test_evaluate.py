"""``genrebench evaluate``, ``compare`` and ``doctor`` as they are typed."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.commands import refused, run

pytest.importorskip("torch")


def document(result: Result) -> dict:  # type: ignore[type-arg]
    """Read what a command printed as JSON."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_a_run_s_own_parts_are_measured_again(trained: Path, tmp_path: Path) -> None:
    """The figures are those of its ``model.json``; the report has JSON, a page and pictures."""
    done = run("evaluate", "--model", trained / "results" / "small", "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "validation " in done.stdout
    evaluation = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    kept = json.loads((trained / "results" / "small" / "model.json").read_text())
    for part in ("validation", "test"):
        assert evaluation["parts"][part]["predictions"] == kept["metrics"][part]["predictions"]
    assert evaluation["proof"] == kept["data"]["proof"]
    names = {"evaluation.json", "evaluation.md", "reliability.png", "confusion-validation.png", "confusion-test.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names


def test_a_model_that_was_exchanged_is_noticed(trained: Path, tmp_path: Path) -> None:
    """Its logged figures are no longer those of its weights."""
    folder = shutil.copytree(trained / "results" / "small", tmp_path / "x")
    kept = json.loads((folder / "model.json").read_text())
    kept["metrics"]["validation"]["loss"] += 0.01
    (folder / "model.json").write_text(json.dumps(kept))
    refused(run("evaluate", "--model", folder), "expected a validation loss of .* read back it gives")


def test_trees_and_recordings_can_be_scored(trained: Path) -> None:
    """With the model named by its run; a note says that it was trained on most of them."""
    options = ("--model", "small", "--results", trained / "results", "--dataset")
    tree = document(run("evaluate", *options, trained / "dataset", "--json"))
    originals = trained / "dataset" / "genres_original"
    heard = document(run("evaluate", *options, originals, "--intervene", "gain=-12,noise=30", "--json"))
    assert tree["parts"]["all"]["tracks"] == heard["parts"]["all"]["tracks"] == 12
    assert tree["parts"]["all"]["track_accuracy"] == heard["parts"]["all"]["track_accuracy"]
    assert "6 of 12 tracks are not among those" in tree["notes"][0]
    assert [each["change"] for each in heard["interventions"]] == ["gain=-12", "noise=30"]
    assert heard["interventions"][0]["other_answers"] == 0


def test_a_protocol_is_trained_over_seeds_and_folds(trained: Path, tmp_path: Path) -> None:
    """Each run is kept, and not repeated; mean, deviation and all folds together are in one JSON."""
    options: tuple[object, ...] = (
        "--protocol",
        "track",
        "--seeds",
        2,
        "--folds",
        2,
        "--dataset",
        trained / "dataset",
        "--epochs",
        2,
    )
    options += ("--batch-size", 6, "--results", tmp_path, "--name", "e", "--device", "cpu", "--validation", 0.3)
    done = run("evaluate", *options)
    assert done.exit_code == 0, done.output
    assert "epoch 2/2" in done.output
    runs = {f"e-seed{seed}-fold{fold}" for seed in (0, 1) for fold in (1, 2)}
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")} == runs | {"e"}
    evaluation = json.loads((tmp_path / "e" / "evaluation.json").read_text())
    assert set(evaluation["runs"]["names"]) == runs
    assert len(evaluation["runs"]["figures"]["test by track"]["values"]) == 4
    assert [each["tracks"] for each in evaluation["runs"]["pooled"]] == [12, 12]
    again = run("evaluate", *options)
    assert "epoch" not in again.output
    assert again.output.count("is there and finished") == 4
    assert json.loads((tmp_path / "e" / "evaluation.json").read_text())["runs"] == evaluation["runs"]
    compared = document(run("compare", *(tmp_path / f"e-seed{seed}-fold1" for seed in (0, 1)), "--json"))
    assert ["seed", "0", "1"] in compared["settings"]
    assert "McNemar" in run("compare", tmp_path / "e-seed0-fold1", trained / "results" / "small").output


def test_the_leaky_protocol_is_called_so(trained: Path, tmp_path: Path) -> None:
    """In the lines of the run, and beside the figures."""
    options = ("--protocol", "segment", "--dataset", trained / "dataset", "--epochs", 1, "--results", tmp_path)
    done = run("evaluate", *options, "--name", "e", "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert "(split by segment, leaky)" in done.output
    assert "leaky: segments of one track are on both sides" in done.stdout
    assert any(line.startswith("validation: ") and line.endswith(", leaky") for line in done.stdout.splitlines())


def test_json_of_what_is_trained_stands_alone(trained: Path, tmp_path: Path) -> None:
    """The lines of the runs go to standard error."""
    options = ("--protocol", "track", "--dataset", trained / "dataset", "--epochs", 1, "--results", tmp_path)
    done = run("evaluate", *options, "--name", "e", "--device", "cpu", "--json")
    assert document(done)["runs"]["names"] == ["e-run"]
    assert "epoch 1/1" in done.stderr


def test_options_that_do_not_go_together_are_refused(trained: Path, tmp_path: Path) -> None:
    """In one line that says what to leave out."""
    model = ("--model", trained / "results" / "small")
    refused(run("evaluate"), "expected --model NAME to score, or --protocol or --experiment to train")
    refused(run("evaluate", "--protocol", "track", "--intervene", "gain=1"), "about a saved model: expected --model")
    refused(run("evaluate", *model, "--epochs", 3), "--epochs: is about training; leave it out, or leave out --model")
    refused(run("evaluate", *model, "--seeds", 3), "--seeds: is about training")
    refused(run("evaluate", *model, "--intervene", "gain=1"), "expected --dataset with --tracks or --intervene")
    for empty in ("x=1", "", ",", "gain=1,"):
        wrong = run("evaluate", *model, "--dataset", tmp_path, "--intervene", empty)
        refused(wrong, "--intervene: expected NAME=VALUE")
    refused(run("evaluate", "--model", tmp_path / "none"), "expected a model")
    refused(run("evaluate", *model, "--dataset", tmp_path / "none"), "expected a folder of genre folders")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_ends_the_doctor_in_a_line(small_dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the temporary folder, the reason, and what to do; the status is not that of a finding."""
    full = open("/dev/full", "r+b")  # noqa: PTH123, SIM115 - a device, which the command closes
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
    message = (
        rf"{tempfile.gettempdir()}: fingerprints of .* \(No space left on device\); make room, or name another folder"
    )
    refused(run("doctor", small_dataset, "--jobs", 1), message, status=2)
    assert full.closed


def test_the_doctor_looks_at_a_dataset_and_a_split(trained: Path, tmp_path: Path) -> None:
    """Nothing wrong is status 0; a planted copy is found, and on which sides of which split it stands."""
    dataset = tmp_path / "d"
    shutil.copytree(trained / "dataset" / "genres_original", dataset)
    assert run("doctor", dataset, "--jobs", 1).exit_code == 0
    shutil.copy(dataset / "metal" / "metal.00000.wav", dataset / "disco" / "disco.00009.wav")
    (tmp_path / "train").write_text("metal.00000\n")
    (tmp_path / "test").write_text("disco.00009\n")
    lists = ("--train-list", tmp_path / "train", "--test-list", tmp_path / "test")
    done = run("doctor", dataset, "--jobs", 1, "--json", *lists)
    assert done.exit_code == 1, done.output
    found = {each["kind"]: each for each in json.loads(done.stdout)["findings"]}
    assert {"identical", "genres", "two sides"} <= found.keys()
    assert found["two sides"]["tracks"] == ["disco/disco.00009", "metal/metal.00000"]
    assert found["two sides"]["detail"] == "test and train"
    done = run("doctor", trained / "dataset" / "genres_mel_npz", "--model", trained / "results" / "small")
    assert done.exit_code == 0, done.output
    assert "Nothing wrong was found." in done.stdout
    refused(run("doctor", tmp_path / "none"), "expected a folder of genre folders", status=2)
    refused(run("doctor", dataset, *lists, "--model", tmp_path), "expected --model or lists, received both", status=2)
    (tmp_path / "test").write_text("metal.00000\n")
    refused(run("doctor", dataset, "--jobs", 1, *lists), "metal.00000 is in the train list, too", status=2)
