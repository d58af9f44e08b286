"""Files that are whole or absent: atomic writes, careful reading of ``.npz``, hashes."""

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

from numpy.lib import format as npy_format
from numpy.typing import NDArray

from genrebench.errors import DatasetError, GenrebenchError
from genrebench.errors import escaped as escaped  # of use wherever files are

StrPath = str | os.PathLike[str]

# Far above any spectrogram segment; an archive that claims more is refused before anything is unpacked.
MAX_ARRAY_BYTES = 256 * 2**20
# The largest document of ours, a parity report of a deep network, is some 10 MB.
MAX_JSON_BYTES = 64 * 2**20


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file, whose folder exists, so that a reader sees the old content or the new, never a part."""
    # The process number keeps writers apart; a name of its own, unlike tempfile's, gets the usual permissions.
    unfinished = path.parent / f".{os.getpid()}.{path.name[:100]}.part"
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_json(path: Path, document: Any) -> None:
    """Write plain JSON types atomically, indented, with a final newline; NaN is refused, since it is not JSON."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # File names may hold bytes that are no UTF-8; JSON writes them as \udc.. and reads them back.
    write_atomically(path, text.encode(errors="backslashreplace"))


def read_json(path: Path, *, expected: str, error: type[GenrebenchError], max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Read a JSON document without trusting the file.

    Parameters
    ----------
    expected : str
        What it should be, for the message: ``a parity report``.

    Returns
    -------
    object
        Plain JSON types; NaN, infinities and repeated keys are refused.

    Raises
    ------
    GenrebenchError
        Of the given type, if the file cannot be read or is no such JSON; the message names it.
    """
    try:
        if path.exists() and not path.is_file():
            raise error(f"expected {expected}, received something that is no file", path=path)
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as problem:
        raise error(f"expected {expected}, cannot be read ({problem.strerror})", path=path) from problem
    if len(content) > max_bytes:
        raise error(f"expected {expected} of at most {max_bytes // 2**20} MiB, received a larger file", path=path)
    try:
        return json.loads(content, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise error(f"expected the JSON of {expected} ({problem})", path=path) from problem


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object, in which no key may stand twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        repeated = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise ValueError(f"the key {repeated!r} stands twice")
    return found


def _refuse_constant(name: str) -> Any:
    """Refuse what JSON does not have."""
    raise ValueError(f"{name} is no JSON")


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


def read_npz(path: Path, key: str) -> NDArray[Any]:
    """Read one numeric array of an ``.npz`` without trusting the file.

    The archive may come from anywhere: nothing is unpickled, and neither the size that the archive claims nor the
    size that the array's own header claims is believed before it is checked.

    Raises
    ------
    DatasetError
        If the file is not such an archive, lacks the key, or claims more than `MAX_ARRAY_BYTES`.
    """
    if path.exists() and not path.is_file():
        raise DatasetError("expected a file, received something else; remove it", path=path)
    try:
        with zipfile.ZipFile(path) as archive:
            if f"{key}.npy" not in archive.namelist():
                found = ", ".join(name.removesuffix(".npy") for name in archive.namelist()) or "nothing"
                raise DatasetError(f"expected an array under the key {key!r}, found {escaped(found)}", path=path)
            member = archive.getinfo(f"{key}.npy")
            if member.file_size > MAX_ARRAY_BYTES:
                raise DatasetError(
                    f"expected a spectrogram of at most {MAX_ARRAY_BYTES // 2**20} MiB, "
                    f"the file claims {member.file_size // 2**20} MiB; remove it",
                    path=path,
                )
            content = archive.read(member)
        array: NDArray[Any] = npy_format.read_array(BytesIO(content), allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DatasetError(f"cannot be read ({error.strerror})", path=path) from error
        raise DatasetError(f"expected a NumPy .npz file ({error}); remove it or preprocess again", path=path) from error
    if array.dtype.kind not in "fiu":
        raise DatasetError(f"expected numbers under {key!r}, received dtype {array.dtype}", path=path)
    return array


def sha256(chunks: Iterable[bytes]) -> str:
    """Hash bytes, given in pieces, to hexadecimal SHA-256."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
