"""Archives and tensors that are not to be trusted."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.errors import DatasetError, ModelError
from genrebench.system import arrays
from genrebench.system.arrays import npz_bytes, read_arrays, read_npz, read_tensors, tensors_of, write_arrays


def npy(array: np.ndarray) -> bytes:
    """Spell an array as ``.npy``."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def archive(path: Path, members: dict[str, bytes]) -> Path:
    """Write a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def test_equal_arrays_give_equal_bytes() -> None:
    """No time of writing stands in the archive."""
    array = np.arange(12.0).reshape(3, 4)
    assert npz_bytes("spectrogram", array) == npz_bytes("spectrogram", array.copy())
    with pytest.raises(ValueError, match="allow_pickle"):
        npz_bytes("spectrogram", np.array([{}], dtype=object))


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_numeric_arrays_round_trip(tmp_path: Path, dtype: str) -> None:
    """What was written is read, dtype and all."""
    array = np.arange(12).reshape(3, 4).astype(dtype)
    (tmp_path / "a.npz").write_bytes(npz_bytes("spectrogram", array))
    read = read_npz(tmp_path / "a.npz", "spectrogram")
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, array)


def test_archives_that_are_not_spectrograms_are_refused(tmp_path: Path) -> None:
    """Not a zip, truncated, another key, a pickle, text, or a missing file: one line that names the file."""
    good = npz_bytes("spectrogram", np.ones((4, 4)))
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "short.npz").write_bytes(good[:-30])
    (tmp_path / "empty.npz").touch()
    archive(tmp_path / "key.npz", {"mel.npy": npy(np.ones(3)), "../x.npy": b""})
    archive(tmp_path / "pickle.npz", {"spectrogram.npy": npy(np.array([{}], dtype=object))})
    archive(tmp_path / "words.npz", {"spectrogram.npy": npy(np.array(["a"]))})
    archive(tmp_path / "garbage.npz", {"spectrogram.npy": b"garbage"})
    cases = {
        "text": "expected a NumPy .npz",
        "short": "expected a NumPy .npz",
        "empty": "expected a NumPy .npz",
        "key": "found mel, ../x",
        "pickle": "unpickled",
        "words": "expected numbers",
        "garbage": "expected a NumPy .npz",
        "missing": "No such file",
    }
    for name, message in cases.items():
        with pytest.raises(DatasetError, match=message) as refusal:
            read_npz(tmp_path / f"{name}.npz", "spectrogram")
        assert f"{name}.npz" in str(refusal.value)
        assert str(refusal.value).isprintable()


def test_an_archive_that_claims_too_much_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the archive's nor the array's claimed size is believed: a bomb is never unpacked."""
    monkeypatch.setattr(arrays, "MAX_ARRAY_BYTES", 1000)
    path = archive(tmp_path / "bomb.npz", {"spectrogram.npy": npy(np.zeros((100, 100)))})
    with pytest.raises(DatasetError, match="at most 0 MiB, the file claims 0 MiB"):
        read_npz(path, "spectrogram")
    lying = npy(np.zeros((2, 2))).replace(b"(2, 2)", b"(9, 9)")
    with pytest.raises(DatasetError, match=r"expected a NumPy \.npz"):
        read_npz(archive(tmp_path / "lie.npz", {"spectrogram.npy": lying}), "spectrogram")


@pytest.mark.parametrize("array", [np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.array(3), np.empty((0, 4))])
def test_arrays_of_every_form_round_trip(tmp_path: Path, array: np.ndarray) -> None:
    """Any order, any number of axes, several in one file under any names; what is read can be written to."""
    written = {"file": array, "allow_pickle": np.array(["text"])}
    write_arrays(tmp_path / "a.npz", written)
    with np.load(tmp_path / "a.npz") as loaded:
        assert loaded.files == list(written)
    found = read_arrays(tmp_path / "a.npz", expected="arrays", error=DatasetError, max_bytes=10_000)
    assert list(found) == list(written)
    np.testing.assert_array_equal(found["file"], array)
    assert found["file"].flags.writeable
    assert found["allow_pickle"].tolist() == ["text"]
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(tmp_path / "a.npz", {"objects": np.array([{}])})


def test_what_no_format_has_is_refused(tmp_path: Path) -> None:
    """Damage that zip, zlib and NumPy report in ways of their own; every message names the file."""
    good = npz_bytes("spectrogram", np.random.default_rng(0).normal(size=(40, 40)))
    middle = len(good) // 2
    plain = npy(np.ones((4, 4)))
    (tmp_path / "deflate.npz").write_bytes(good[:middle] + b"\xff" * 40 + good[middle + 40 :])
    archive(tmp_path / "version.npz", {"spectrogram.npy": plain.replace(b"NUMPY\x01", b"NUMPY\x09")})
    archive(tmp_path / "longer.npz", {"spectrogram.npy": plain + b"\0"})
    archive(tmp_path / "shape.npz", {"spectrogram.npy": plain.replace(b"(4, 4)", b"(-4,4)")})
    archive(tmp_path / "negative.npz", {"spectrogram.npy": plain.replace(b"(4, 4), ", b"(-4,-4),")})
    archive(tmp_path / "enormous.npz", {"spectrogram.npy": plain.replace(b"(4, 4), }", b"(1<<60,)}")})
    for path in sorted(tmp_path.glob("*.npz")):
        with pytest.raises(DatasetError, match=f"^{path}: expected a NumPy .npz file with a spectrogram"):
            read_npz(path, "spectrogram")


def test_a_directory_of_a_million_members_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither are many members unpacked that are too large together."""
    archive(tmp_path / "a.npz", {f"{index}.npy": npy(np.zeros(200)) for index in range(5)})
    with pytest.raises(DatasetError, match="expected arrays of at most 0 MiB, the file claims"):
        read_arrays(tmp_path / "a.npz", expected="arrays", error=DatasetError, max_bytes=5000)
    monkeypatch.setattr(arrays, "_MAX_MEMBERS", 5)
    assert len(read_arrays(tmp_path / "a.npz", expected="arrays", error=DatasetError, max_bytes=100_000)) == 5
    monkeypatch.setattr(arrays, "_MAX_MEMBERS", 4)
    with pytest.raises(DatasetError, match="more than 4 members"):
        read_arrays(tmp_path / "a.npz", expected="arrays", error=DatasetError, max_bytes=100_000)


def tensors(header: Any, data: bytes = bytes(16), *, length: int | None = None) -> bytes:
    """Spell a safetensors file."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


TENSOR = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        tensors({"a": TENSOR}, length=2**30),
        tensors({"a": TENSOR}, length=2**64 - 1),
        tensors(b'{"a": %b, "a": %b}' % (2 * (json.dumps(TENSOR).encode(),))),
        tensors({"a": TENSOR, "b": TENSOR}),
        tensors({"a": TENSOR | {"data_offsets": [0, 2**63]}}),
        tensors({"a": TENSOR | {"shape": [2**62, 4]}}),
        tensors({"a": TENSOR | {"dtype": "BF17"}}),
        tensors({"a": TENSOR}, bytes(15)),
        tensors({"a": TENSOR}, bytes(17)),
        tensors(b"[" * 10_000),
        tensors(b'{"a": NaN}'),
    ],
    ids=lambda content: repr(content[:24]),
)
def test_safetensors_that_say_what_is_not_there_are_refused(content: bytes) -> None:
    """Lengths, offsets, shapes, names and types that do not fit; the message names the file."""
    assert tensors_of(tensors({"a": TENSOR}), path=Path("a"), expected="weights", error=ModelError)["a"].shape == (4,)
    with pytest.raises(ModelError, match=r"^a: expected weights, received damaged safetensors"):
        tensors_of(content, path=Path("a"), expected="weights", error=ModelError)


def test_the_length_of_a_header_is_not_believed() -> None:
    """It is compared with the file before anything is parsed."""
    for length in (2**30, 2**64 - 1, 200):
        content = tensors({"a": TENSOR}, length=length)
        with pytest.raises(ModelError, match=f"a header of {length:,} bytes in a file of {len(content)}"):
            tensors_of(content, path=Path("a"), expected="weights", error=ModelError)


def test_headers_of_the_second_version_are_read(tmp_path: Path) -> None:
    """NumPy writes it where a header is long."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.arange(3.0), version=(2, 0))
    path = archive(tmp_path / "a.npz", {"spectrogram.npy": buffer.getvalue()})
    np.testing.assert_array_equal(read_npz(path, "spectrogram"), np.arange(3.0))


def test_a_file_of_tensors_is_read(tmp_path: Path) -> None:
    """By a message that names it where it is none."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(tensors({"a": TENSOR}))
    assert read_tensors(path, expected="weights", error=ModelError, max_bytes=1000)["a"].shape == (4,)
    with pytest.raises(ModelError, match="expected weights of at most 10 bytes"):
        read_tensors(path, expected="weights", error=ModelError, max_bytes=10)
