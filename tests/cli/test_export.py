"""``genrebench export``: what it prints, where a run is found, and how it fails."""

import shutil
from pathlib import Path

import pytest

from tests.cli.commands import refused, run
from tests.porting.export.models import make_model


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Save a small model as a run."""
    make_model().save(tmp_path / "results" / "small")
    return tmp_path / "results"


def test_a_run_becomes_a_file_that_was_checked(results: Path) -> None:
    """By its name or its folder; each check, both ends and the file stand in lines of their own."""
    pytest.importorskip("onnxruntime")
    output = results / "small.onnx"
    done = run("export", "small", "--results", results, "--format", "onnx", "--with-frontend", "--output", output)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("spectrograms of 6 segments of synthetic music against librosa: ")
    assert lines[0].endswith(" dB, at most 1e-04 dB")
    assert lines[1].startswith("logits of 6 segments of synthetic music against the reference: ")
    assert lines[2:] == [
        "inputs: audio (segments, 4000)",
        "outputs: logits (segments, 3), spectrogram (segments, 32, 16)",
        str(output),
    ]
    again = ("export", results / "small", "--format", "onnx", "--output", output)
    refused(run(*again), "small.onnx: expected no such file yet; choose another, or add --overwrite")


def test_what_cannot_be_is_refused_in_a_line(results: Path) -> None:
    """A run that is not there, options that do not fit, a recording that is none."""
    output = results / "small.onnx"
    options = ("--format", "onnx", "--output", output)
    refused(run("export", results / "absent", *options), "absent/model.json")
    refused(run("export", results / "small", "--one-recording", *options), "--one-recording: expected a model that")
    refused(run("export", results / "small", "--check", results / "no.wav", *options), "no.wav: cannot be read")
    itself = run("export", results / "small", "--format", "torch", "--output", results / "small", "--overwrite")
    refused(itself, "small: holds a run, whose weights and card have the same names; choose another")
    for form, place in (("onnx", "/proc/a.onnx"), ("keras", "/proc/a.keras"), ("torch", "/proc/a")):
        nowhere = run("export", results / "small", "--format", form, "--output", place)
        refused(nowhere, f"--output {place}: expected a folder to write to, received one that cannot be written to")
    assert run("export", results / "small", "--format", "tflite", "--output", output).exit_code == 2
    shutil.rmtree(results / "small")
    assert not output.exists()
