"""The process that opens a file: the HDF5 library parses it where a crash, or a bomb, costs nothing but a child.

The parent writes ``request.json`` (path, datasets to read) into a folder and starts ``python -m
genrebench.reading.worker FOLDER``, which limits its own memory and time before it opens anything and answers with
``answer.json`` and, for datasets, ``arrays.npz``. Nothing is pickled.
"""

import contextlib
import math
import os
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import GenrebenchError, ModelError
from genrebench.reading.limits import MIB, WORKER_BYTES, WORKER_PROCESSOR_SECONDS, WORKER_SECONDS
from genrebench.system.arrays import read_arrays, write_arrays
from genrebench.system.files import read_json, write_json
from genrebench.system.process import run_process
from genrebench.system.relatives import end_with_parent
from genrebench.system.temporary import temporary_folder

_HDF5, _ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
# Reading from a slow disk.
_BYTES_PER_SECOND = 20 * MIB


def survey_file(path: Path) -> dict[str, Any]:
    """List what a file holds, without reading its weights.

    Returns
    -------
    dict
        ``container`` (``h5`` or ``keras``), ``config`` and ``metadata`` (text or None), and what
        `genrebench.reading.hdf5.survey` lists.

    Raises
    ------
    ModelError
        If it is no such file, is damaged, or holds what Keras does not write.
    """
    return _ask(path, None)[0]


def read_weights(path: Path, wanted: Sequence[tuple[str, Sequence[int]]]) -> list[NDArray[Any]]:
    """Read datasets of known shapes.

    Raises
    ------
    ModelError
        If one is absent, has another shape, or cannot be read.
    """
    return _ask(path, wanted)[1] if wanted else []


def _ask(path: Path, wanted: Sequence[tuple[str, Sequence[int]]] | None) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Have a process of its own open the file."""
    if not path.exists():
        raise ModelError("expected a Keras model, found none", path=path)
    if path.is_dir():
        raise ModelError(
            "expected a .keras or .h5 file, received a folder; load a SavedModel with TensorFlow and save it as .keras",
            path=path,
        )
    if not path.is_file():
        raise ModelError("expected a .keras or .h5 file, received something that is no file", path=path)
    size = path.stat().st_size
    # The archive's member, the arrays, and their copy on the way out.
    size = min(max(size, sum(8 * int(np.prod(shape)) for _, shape in wanted or ())), 2**32)
    memory, reading = WORKER_BYTES + 3 * size, size / _BYTES_PER_SECOND
    with temporary_folder("reading") as folder:
        seconds = math.ceil(WORKER_PROCESSOR_SECONDS + reading)
        request = {"path": os.fsdecode(path.absolute()), "wanted": wanted, "memory": memory, "seconds": seconds}
        write_json(folder / "request.json", request, durable=False)
        done = run_process(
            [sys.executable, "-m", "genrebench.reading.worker", folder],
            timeout=WORKER_SECONDS + reading,
            threads=1,
            # Filters are not loaded from anywhere, and files on a read-only disk are read.
            environment={"HDF5_PLUGIN_PATH": "::", "HDF5_USE_FILE_LOCKING": "FALSE"},
        )
        try:
            answer = read_json(folder / "answer.json", expected="an answer", error=ModelError)
        except ModelError as error:
            failure = f"the HDF5 library gave up: {done.failure}"
            raise ModelError(f"expected a Keras model, the file is damaged ({failure})", path=path) from error
        if "error" in answer:
            raise ModelError(answer["error"], path=path)
        found = {}
        if wanted:
            found = read_arrays(folder / "arrays.npz", expected="the weights", error=ModelError, max_bytes=memory)
        return answer, [found[str(index)] for index in range(len(found))]


def _limit(memory: int, seconds: int) -> None:
    """Limit this process's memory and processor time, where the system can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _answer(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Open the file."""
    import h5py

    from genrebench.reading import archive, hdf5

    path, wanted = Path(request["path"]), request["wanted"]
    with path.open("rb") as start:
        magic = start.read(8)
    members: dict[str, bytes] = {}
    source: Any = path
    if magic.startswith(_ZIP):
        members = archive.read_archive(path)
        if archive.WEIGHTS not in members:
            raise ModelError(f"expected {archive.WEIGHTS} in the archive, found none; save the whole model")
        source = BytesIO(members[archive.WEIGHTS])
        magic = members[archive.WEIGHTS][:8]
    if magic != _HDF5:
        raise ModelError("expected a Keras model, .keras or .h5, received neither a .keras archive nor HDF5")
    with h5py.File(source, "r") as file:
        if wanted is not None:
            arrays = hdf5.read_datasets(file, wanted)
            write_arrays(folder / "arrays.npz", {str(n): each for n, each in enumerate(arrays)})
            return {}
        found = hdf5.survey(file)
    if members:
        found["config"], found["metadata"] = (
            members.get(name, b"").decode("utf-8", "surrogateescape") or None
            for name in ("config.json", "metadata.json")
        )
    else:
        found["config"], found["metadata"] = found["attributes"]["model_config"], None
    return {"container": "keras" if members else "h5", **found}


def main(folder: Path) -> int:
    """Do what a folder's request says.

    Returns
    -------
    int
        Exit status: 0, or 1 with the error in the answer.
    """
    end_with_parent()
    request = read_json(folder / "request.json", expected="a request", error=ModelError)
    _limit(request["memory"], request["seconds"])
    try:
        answer = _answer(folder, request)
    except GenrebenchError as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {
            "error": f"expected a Keras model, received a file that unpacks to over {request['memory'] // MIB} MiB"
        }
    except Exception as error:  # HDF5 says of a damaged file what it likes
        message = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        answer = {"error": f"expected a Keras model, the file is damaged ({message})"}
    write_json(folder / "answer.json", answer, durable=False)
    return int("error" in answer)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
