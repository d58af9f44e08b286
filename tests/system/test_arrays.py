"""Archives and tensors that are not to be trusted."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from genrebench.errors import DatasetError
from genrebench.system import arrays
from genrebench.system.arrays import npz_bytes, read_npz


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
    with pytest.raises(DatasetError, match="the file claims"):
        read_npz(path, "spectrogram")
    lying = npy(np.zeros((2, 2))).replace(b"(2, 2)", b"(9, 9)")
    with pytest.raises(DatasetError, match=r"expected a NumPy \.npz"):
        read_npz(archive(tmp_path / "lie.npz", {"spectrogram.npy": lying}), "spectrogram")
