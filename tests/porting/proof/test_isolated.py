"""Every call alone: what TensorFlow computes in float32 is known, and nothing that is further off."""

from typing import Any

import numpy as np
import pytest

from genrebench.network.types import Array
from genrebench.porting.proof.answers import MODES, Run
from genrebench.porting.proof.isolated import SINGLE_ID, Isolated
from genrebench.porting.proof.reference import run_of
from genrebench.porting.proof.subject import STORED, Trial
from genrebench.porting.sampling import Sample
from tests.porting.networks import graph_of
from tests.reading.files import layer, sequential


def rescaled(x: Array, error: float) -> Array:
    """Compute what is near 0 where pixels are near 127.5, with a factor that is off."""
    return np.asarray(x * (1 + error) / 127.5 - 1)


def normalized(x: Array, error: float) -> Array:
    """Compute the same by a mean and a deviation."""
    return np.asarray((x - 127.5 * (1 + error)) / 127.5)


@pytest.mark.parametrize(
    ("class_name", "config", "compute"),
    [
        ("Rescaling", {"scale": 1 / 127.5, "offset": -1.0}, rescaled),
        ("Normalization", {"axis": None, "mean": 127.5, "variance": 127.5**2}, normalized),
    ],
)
def test_constants_in_float32_are_known_where_terms_cancel(
    class_name: str, config: dict[str, Any], compute: Any
) -> None:
    """What is left of them is as much less exact as it is less; a hundred times the error of float32 is none of it."""
    graph = graph_of(sequential(layer(class_name, "first", **config), shape=(50,)))
    x = 127.5 + np.random.default_rng(0).normal(size=(4, 50))
    trial = Trial(STORED, {}, Sample({graph.inputs[0]: x}, {}, {"first": np.ones_like(x)}))
    right = run_of(graph, {}, trial, MODES[0])

    def verdict(error: float) -> str:
        """Compare with a side whose constant is off."""
        run = Run({**right.outputs, "first": compute(x, error)})
        found = Isolated.of(graph, trial, run, right, training=False, accepts_single=True)
        (row,) = (each for each in found.rows("") if each.tensor == "first")
        return row.known or str(row.verdict)

    assert verdict(3e-8) == SINGLE_ID
    assert verdict(3e-6) == "DIVERGES"
