"""HDF5 files that hold what Keras does not write, and weights that are larger than what is stored of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from genrebench.errors import ModelError
from genrebench.reading.hdf5 import read_datasets, survey
from tests.reading.files import dense_h5, values

Change = Callable[[h5py.File], Any]


def external(file: h5py.File) -> None:
    """Put a dataset's values into another file."""
    file.create_dataset("outside", (4,), "f4", external=[("/etc/hostname", 0, 16)])


def virtual(file: h5py.File) -> None:
    """Compose a dataset of another file's."""
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (4,))
    file.create_virtual_dataset("composed", layout)


def deep(file: h5py.File) -> None:
    """Put a group into a group, and so on."""
    group = file
    for _ in range(60):
        group = group.create_group("g")


def filtered(file: h5py.File) -> None:
    """Compress by a filter that comes with a plugin or a library."""
    file.create_dataset("lzf", data=values(64), compression="lzf")


CHANGES: dict[str, tuple[Change, str]] = {
    "external data": (external, "lies elsewhere"),
    "virtual data": (virtual, "lies elsewhere"),
    "a soft link": (lambda file: file.__setitem__("s", h5py.SoftLink("/model_weights")), "SoftLink, a link"),
    "a link to itself": (lambda file: file.__setitem__("s", h5py.SoftLink("/s")), "SoftLink, a link"),
    "a link to a file": (lambda file: file.__setitem__("e", h5py.ExternalLink("/etc/passwd", "/")), "ExternalLink"),
    "a cycle": (lambda file: file["model_weights"].__setitem__("up", file["/"]), "one name for everything"),
    "two names": (lambda file: file.__setitem__("again", file["model_weights/dense"]), "one name for everything"),
    "a committed type": (lambda file: file.__setitem__("type", np.dtype("f4")), "received Datatype"),
    "deep groups": (deep, "far deeper ones"),
    "a foreign filter": (filtered, r"HDF5 filters \[32000\]"),
    "numbers for text": (lambda file: file.attrs.__setitem__("keras_version", 2.4), "expected text"),
    "a reference": (lambda file: file.attrs.__setitem__("backend", file["model_weights"].ref), "expected text"),
    "a compound attribute": (
        lambda file: file.attrs.__setitem__("backend", np.zeros(2, [("a", "f4"), ("b", "i4")])),
        "expected text",
    ),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_what_keras_does_not_write_is_refused(change: Change, message: str, tmp_path: Path) -> None:
    """Links, cycles, data elsewhere, types that carry code: one line, before anything of it is read."""
    path = dense_h5(tmp_path / "model.h5")
    with h5py.File(path, "r") as file:
        assert survey(file)["datasets"]
    with h5py.File(path, "a") as file:
        change(file)
    with h5py.File(path, "r") as file, pytest.raises(ModelError, match=message):
        survey(file)


def test_optimizers_state_is_not_walked(tmp_path: Path) -> None:
    """What is not needed cannot do harm."""
    path = dense_h5(tmp_path / "model.h5")
    with h5py.File(path, "a") as file:
        external(file.create_group("optimizer_weights"))
    with h5py.File(path, "r") as file:
        assert len(survey(file)["datasets"]) == 2


@pytest.mark.parametrize(
    "data", [np.array([b"code"], dtype="O"), np.zeros(3, [("a", "f4")]), np.array(["x"], dtype=h5py.string_dtype())]
)
def test_what_is_no_number_is_never_read(data: Any, tmp_path: Path) -> None:
    """Objects, compounds and strings have no dtype here; asked for as weights, they are refused."""
    path = dense_h5(tmp_path / "model.h5")
    with h5py.File(path, "a") as file:
        if data.dtype == "O":
            file.create_dataset("odd", data=data, dtype=h5py.special_dtype(vlen=bytes))
        else:
            file.create_dataset("odd", data=data)
    with h5py.File(path, "r") as file:
        facts = survey(file)["datasets"]["odd"]
        assert facts["dtype"] == ""
        with pytest.raises(ModelError, match="expected a dataset of shape"):
            list(read_datasets(file, [("odd", facts["shape"])]))


def test_pairs_of_bytes_are_bfloat16(tmp_path: Path) -> None:
    """Which HDF5 does not know: the upper half of a float32. Other bytes that mean nothing to it are no numbers."""
    exact = np.array([[1.0, -2.5, 0.0], [np.inf, 3.0078125, -1e-38]], np.float32)
    exact.view(np.uint32)[:] &= 0xFFFF0000
    with h5py.File(tmp_path / "brain.h5", "w") as file:
        file["kernel"] = (exact.view(np.uint32) >> 16).astype("<u2").view("V2")
        file["odd"] = np.zeros(3, "V4")
    with h5py.File(tmp_path / "brain.h5", "r") as file:
        assert {name: each["dtype"] for name, each in survey(file)["datasets"].items()} == {
            "kernel": "bfloat16",
            "odd": "",
        }
        (kernel,) = read_datasets(file, [("kernel", (2, 3))])
    assert kernel.dtype == np.float32
    assert kernel.tolist() == exact.tolist()


def test_a_shape_bomb_is_not_allocated(tmp_path: Path) -> None:
    """A dataset of a kilobyte that claims 400 GB, chunked and never written, is described and not read."""
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("kernel", (10**5, 10**6), "f4", chunks=(1000, 1000), compression="gzip")
    assert path.stat().st_size < 10_000
    with h5py.File(path, "r") as file:
        assert survey(file)["datasets"]["kernel"]["stored"] == 0
        with pytest.raises(ModelError, match="expected 400000000000 bytes of weights, received 0 in the file"):
            list(read_datasets(file, [("kernel", (10**5, 10**6))]))


def test_zeros_may_be_compressed_well(tmp_path: Path) -> None:
    """What gzip makes of zeros is no bomb."""
    with h5py.File(tmp_path / "zeros.h5", "w") as file:
        file.create_dataset("kernel", data=np.zeros((1000, 1000), "f4"), compression="gzip", compression_opts=9)
    with h5py.File(tmp_path / "zeros.h5", "r") as file:
        (kernel,) = read_datasets(file, [("kernel", (1000, 1000))])
    assert kernel.shape == (1000, 1000)


def test_another_shape_is_refused_before_reading(tmp_path: Path) -> None:
    """The shape is the configuration's, not the file's."""
    with h5py.File(dense_h5(tmp_path / "model.h5"), "r") as file, pytest.raises(ModelError, match=r"shape \(2, 4\)"):
        list(read_datasets(file, [("model_weights/dense/dense/kernel:0", (2, 4))]))


@pytest.mark.parametrize("path", ["nothing/here", "model_weights", "model_weights/dense/dense/kernel:0/more"])
def test_an_absent_dataset_is_refused(path: str, tmp_path: Path) -> None:
    """Nothing else is read in its place."""
    with h5py.File(dense_h5(tmp_path / "model.h5"), "r") as file, pytest.raises((ModelError, KeyError)):
        list(read_datasets(file, [(path, (2,))]))


def test_names_that_outgrew_an_attribute_are_put_together(tmp_path: Path) -> None:
    """HDF5's attributes end at 64 KiB, so that Keras splits long lists of names."""
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["layer_names0"], file.attrs["layer_names1"] = [b"a", b"b"], [b"c"]
    with h5py.File(tmp_path / "model.h5", "r") as file:
        assert survey(file)["groups"][""]["layer_names"] == ["a", "b", "c"]
