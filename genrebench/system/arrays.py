"""Arrays in files: ``.npz`` archives and safetensors, none of which is trusted."""

import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors

from genrebench.errors import DatasetError, GenrebenchError, escaped
from genrebench.system.files import parse_json, read_file

# Far above any spectrogram segment; an archive that claims more is refused before anything is unpacked.
MAX_ARRAY_BYTES = 256 * 2**20
# Whoever lists an archive's members keeps some hundred bytes for each.
_MAX_MEMBERS = 100_000
_MEMBER = b"PK\x01\x02"
_HEADERS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


def npz_bytes(key: str, array: NDArray[Any]) -> bytes:
    """Pack an array as a compressed ``.npz``; equal arrays give equal bytes."""
    buffer = BytesIO()
    # The digits of measured floats hardly shrink: higher levels take a third longer and save half a percent.
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(f"{key}.npy", "w") as member,
    ):
        npy_format.write_array(member, array, allow_pickle=False)
    return buffer.getvalue()


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays under any names as an ``.npz`` for `read_arrays`; objects raise ValueError, none is pickled."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy_format.write_array(member, np.asanyarray(array), allow_pickle=False)


def read_npz(path: Path, key: str) -> NDArray[Any]:
    """Read one numeric array of an ``.npz`` without trusting the file.

    The archive may come from anywhere: nothing is unpickled, and neither the size that the archive claims nor the
    size that the array's own header claims is believed before it is checked.

    Raises
    ------
    DatasetError
        If the file is not such an archive, lacks the key, or claims more than `MAX_ARRAY_BYTES`.
    """
    with _opened(path, "a spectrogram", DatasetError, MAX_ARRAY_BYTES) as archive:
        if f"{key}.npy" not in archive.namelist():
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            found = escaped(", ".join(names[:8])) or "nothing"
            raise DatasetError(f"expected an array under the key {key!r}, found {found}", path=path)
        array = _array(archive, archive.getinfo(f"{key}.npy"))
    if array.dtype.kind not in "fiu":
        raise DatasetError(f"expected numbers under {key!r}, received dtype {array.dtype}", path=path)
    return array


def read_arrays(path: Path, *, expected: str, error: type[GenrebenchError], max_bytes: int) -> dict[str, NDArray[Any]]:
    """Read all arrays of an ``.npz`` without trusting the file.

    Parameters
    ----------
    expected : str
        What they should be, for the message: ``the results of a job``.
    max_bytes : int
        The most that all of them may take, in the file and unpacked.

    Raises
    ------
    GenrebenchError
        Of the given type, if the file is not such an archive or holds more.
    """
    with _opened(path, expected, error, max_bytes) as archive:
        return {member.filename.removesuffix(".npy"): _array(archive, member) for member in archive.infolist()}


def read_tensors(path: Path, *, expected: str, error: type[GenrebenchError], max_bytes: int) -> dict[str, NDArray[Any]]:
    """Read a safetensors file without trusting it; `tensors_of` says more."""
    return tensors_of(
        read_file(path, expected=expected, error=error, max_bytes=max_bytes), path=path, expected=expected, error=error
    )


def tensors_of(content: bytes, *, path: Path, expected: str, error: type[GenrebenchError]) -> dict[str, NDArray[Any]]:
    """Read the tensors in the content of a safetensors file.

    Parameters
    ----------
    path : Path
        The file, for the message.

    Raises
    ------
    GenrebenchError
        Of the given type, if it is damaged: a header that is no JSON, repeats a name, or says what does not fit.
    """
    try:
        length = int.from_bytes(content[:8], "little")
        if not 8 + length <= len(content):
            raise ValueError(f"a header of {length:,} bytes in a file of {len(content):,}")
        parse_json(content[8 : 8 + length])
        return load_tensors(content)
    except Exception as problem:  # a broken file fails in many ways
        raise error(f"expected {expected}, received damaged safetensors ({problem})", path=path) from problem


@contextmanager
def _opened(path: Path, expected: str, error: type[GenrebenchError], max_bytes: int) -> Iterator[zipfile.ZipFile]:
    """Open an archive whose members claim no more than they may; whatever fails in it names the file."""
    content = read_file(path, expected=expected, error=error, max_bytes=max_bytes)
    try:
        if content.count(_MEMBER) > _MAX_MEMBERS:
            raise ValueError(f"more than {_MAX_MEMBERS:,} members")
        with zipfile.ZipFile(BytesIO(content)) as archive:
            claimed = sum(member.file_size for member in archive.infolist())
            if claimed > max_bytes:
                raise error(
                    f"expected {expected} of at most {max_bytes // 2**20:,} MiB, "
                    f"the file claims {claimed / 2**20:,.0f} MiB; remove it",
                    path=path,
                )
            yield archive
    except GenrebenchError:
        raise
    except Exception as problem:  # a broken archive fails in many ways
        raise error(
            f"expected a NumPy .npz file with {expected} ({problem}); remove it or make it again", path=path
        ) from problem


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """Read a member, whose header must say what is there."""
    content = archive.read(member)
    stream = BytesIO(content)
    version = npy_format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"format {version} of .npy")
    shape, is_fortran, dtype = _HEADERS[version](stream)
    if dtype.hasobject:
        raise ValueError("Python objects, which would have to be unpickled")
    expected, found = math.prod(shape) * dtype.itemsize, len(content) - stream.tell()
    if expected != found:
        name = escaped(member.filename[:80])
        raise ValueError(f"{name}: expected {shape} of {dtype}, received {len(content)} bytes")
    array: NDArray[Any] = np.ndarray(
        shape, dtype, buffer=content, offset=stream.tell(), order="F" if is_fortran else "C"
    )
    return array.copy(order="K")
