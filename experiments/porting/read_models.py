"""Read every Keras file below a folder, and list what is not understood.

    python experiments/porting/read_models.py FOLDER

The folder is what `make_models.py` has written, in a folder for each version. The status is 1 if there is a file of
which something is not understood, or whose outputs have other shapes than Keras gave them.
"""

import argparse
import collections
import sys
from pathlib import Path

import numpy as np

from genrebench.errors import GenrebenchError
from genrebench.reading.keras_file import read_keras


def faults(path: Path) -> list[str]:
    """List what is wrong with what is read of a file."""
    try:
        model = read_keras(path)
    except GenrebenchError as error:
        return [str(error)]
    if model.problems:
        return [str(each) for each in model.problems]
    beside = path.with_suffix(".npz")
    if not beside.exists():
        return []
    with np.load(beside) as arrays:
        given = [arrays[f"output_{number}"].shape[1:] for number in range(sum("output" in name for name in arrays))]
    shapes = [model.graph.shape(each) for each in model.graph.outputs]
    fits = len(given) == len(shapes) and all(
        shape is not None
        and len(shape) == len(other)
        and all(length in (None, each) for length, each in zip(shape, other, strict=True))
        for shape, other in zip(shapes, given, strict=True)
    )
    return [] if fits else [f"expected outputs of shapes {given}, received {shapes}"]


def main() -> int:
    """Read them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".h5", ".hdf5", ".keras"})
    counts: collections.Counter[str] = collections.Counter()
    good = 0
    for path in files:
        found = faults(path)
        for each in found:
            print(f"{path.relative_to(folder)}: {each}")
        counts[str(path.parent.relative_to(folder))] += 1
        good += not found
    print(", ".join(f"{name}: {count}" for name, count in sorted(counts.items())))
    print(f"{good} of {len(files)} files are understood")
    return int(good < len(files))


if __name__ == "__main__":
    sys.exit(main())
