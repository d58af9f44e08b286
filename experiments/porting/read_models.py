"""Read every Keras file below a folder, and list what is not understood.

    python experiments/porting/read_models.py FOLDER

The folder is what `make_models.py` has written, in a folder for each version. Every network is computed by the
definitions of its layers, in float64, and held against what the Keras that wrote it computed, in float32. The status
is 1 if there is a file of which something is not understood, or that comes to something else.
"""

import argparse
import collections
import sys
from pathlib import Path

import numpy as np

from genrebench.errors import GenrebenchError
from genrebench.porting.reference import GraphReference
from genrebench.reading.keras_file import read_keras

# Rounding in float32, by the largest value of an output. TensorFlow takes bicubic weights from a table of 1,024 places.
FLOAT32, TABLE = 1e-4, 2e-3


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
        given, expected = (
            [arrays[f"{what}_{number}"] for number in range(sum(what in name for name in arrays))]
            for what in ("input", "output")
        )
    graph = model.graph
    inputs = {name: each.astype(np.float64) for name, each in zip(graph.inputs, given, strict=True)}
    done = GraphReference(graph, model.weights).run(inputs)
    found = [done.outputs[each.call + f"#{each.output}" * bool(each.output)] for each in graph.outputs]
    if [each.shape for each in found] != [each.shape for each in expected]:
        return [f"expected outputs of {[each.shape for each in expected]}, received {[each.shape for each in found]}"]
    errors = [np.abs(one - other).max() / np.abs(other).max() for one, other in zip(found, expected, strict=True)]
    fits = max(errors) < (TABLE if "bicubic" in path.name else FLOAT32)
    return [] if fits else [f"expected what Keras computed, received {max(errors):.1e} beside it"]


def main(arguments: list[str] | None = None) -> int:
    """Read them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
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
