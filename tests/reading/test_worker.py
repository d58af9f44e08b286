"""The process that opens a file: whatever happens to it, the parent says one line."""

import os
import random
from pathlib import Path

import h5py
import numpy as np
import pytest

from genrebench.errors import ModelError
from genrebench.reading import worker
from genrebench.reading.worker import read_weights, survey_file
from tests.reading.files import dense_h5, layer, sequential, values, write_keras


def test_a_file_is_surveyed_and_read_in_another_process(tmp_path: Path) -> None:
    """Shapes without values first, then the values that are asked for."""
    path = dense_h5(tmp_path / "model.h5")
    found = survey_file(path)
    assert found["container"] == "h5"
    assert found["attributes"]["keras_version"] == "2.4.0"
    facts = found["datasets"]["model_weights/dense/dense/kernel:0"]
    assert (facts["shape"], facts["dtype"]) == ([4, 2], "float32")
    (kernel,) = read_weights(path, [("model_weights/dense/dense/kernel:0", (4, 2))])
    np.testing.assert_array_equal(kernel, values(4, 2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "neither a .keras archive nor HDF5"),
        (b"\x80\x04\x95pickle", "neither a .keras archive nor HDF5"),
        (b"\x00" * 512 + b"\x89HDF\r\n\x1a\n", "neither a .keras archive nor HDF5"),  # a user block
        (b"\x89HDF\r\n\x1a\n" + b"\xff" * 100, "the file is damaged"),
        (b"PK\x03\x04" + b"\xff" * 100, "expected a .keras archive, cannot be read"),
    ],
)
def test_what_is_no_model_is_refused_in_a_line(content: bytes, message: str, tmp_path: Path) -> None:
    """The message begins with the file's name."""
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        survey_file(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused_without_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, a pipe that would never end, nothing."""
    monkeypatch.setattr(worker, "run_process", None)
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("", "received a folder"), ("pipe", "is no file"), ("absent", "found none")):
        with pytest.raises(ModelError, match=message):
            survey_file(tmp_path / name)


def test_memory_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that needs more than it may have ends with a line."""
    path = dense_h5(tmp_path / "model.h5")
    monkeypatch.setattr(worker, "WORKER_BYTES", 2**26)
    with pytest.raises(ModelError, match=r"unpacks to over|the file is damaged"):
        survey_file(path)


def test_time_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does not end is killed."""
    path = dense_h5(tmp_path / "model.h5")
    monkeypatch.setattr(worker, "WORKER_SECONDS", 0.001)
    monkeypatch.setattr(worker, "_BYTES_PER_SECOND", 2**60)
    with pytest.raises(ModelError, match=r"gave up: expected an end within 0.001"):
        survey_file(path)


def test_what_sends_the_library_round_in_circles_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object of no length in the heap of an attribute's text is looked at for ever; processor time is limited."""
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "text of any length, which is kept in a heap"
    content = bytearray(path.read_bytes())
    first = content.index(b"GCOL") + 16
    content[first : first + 16] = bytes(16)
    path.write_bytes(content)
    monkeypatch.setattr(worker, "WORKER_PROCESSOR_SECONDS", 1.0)
    with pytest.raises(ModelError, match="gave up: ended by signal") as caught:
        survey_file(path)
    assert "\n" not in str(caught.value)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Turn some bits around, or cut the end off."""
    changed = bytearray(content)
    if chance.random() < 0.3:
        del changed[chance.randrange(len(changed)) :]
    for _ in range(chance.choice((1, 1, 4, 32)) if changed else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("seed", range(6))
def test_damage_gives_a_result_or_a_line(seed: int, tmp_path: Path) -> None:
    """Whatever bits turn around; ``experiments/fuzz_reading.py`` does ten thousand."""
    from genrebench.reading.keras_file import read_keras

    original = dense_h5(tmp_path / "original.h5") if seed % 2 else tmp_path / "original.keras"
    if not seed % 2:
        config = sequential(layer("Dense", "dense", units=2), shape=(4,))
        write_keras(original, config, {"layers/dense/vars/0": values(4, 2), "layers/dense/vars/1": values(2)})
    path = tmp_path / f"damaged{original.suffix}"
    path.write_bytes(damaged(original.read_bytes(), random.Random(seed)))
    message = ""
    try:
        read_keras(path)
    except ModelError as error:
        message = str(error)
    assert "\n" not in message
