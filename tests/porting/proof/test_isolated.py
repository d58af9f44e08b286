"""Every call alone: what TensorFlow computes in float32 is known, and nothing that is further off."""

from typing import Any

import numpy as np
import pytest

from genrebench.network.numerics import FORWARD_TOLERANCE, perturb_by_ulp
from genrebench.network.types import Array
from genrebench.parity.report import Row
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


@pytest.mark.parametrize(("scale", "grows"), [(0.3, False), (8.0, True)])
def test_a_recurrence_may_be_off_as_far_as_it_makes_rounding_grow(scale: float, grows: bool) -> None:
    """With large weights one ulp becomes a million; a mistake of that size stays one elsewhere."""
    graph = graph_of(
        sequential(layer("GRU", "first", units=20, return_sequences=True, reset_after=False), shape=(50, 5))
    )
    rng = np.random.default_rng(0)
    shapes = {each.name: each.shape for each in graph.layers["first"].weights}
    weights = {f"first/{name}": scale * rng.normal(size=shape) for name, shape in shapes.items()}
    x = rng.normal(size=(3, 50, 5))
    trial = Trial(STORED, weights, Sample({graph.inputs[0]: x}, {}, {"first": np.ones((3, 50, 20))}))
    right = run_of(graph, weights, trial, MODES[0])

    def row(output: Array) -> Row:
        """Compare with a side that gave an output."""
        run = Run({**right.outputs, "first": output})
        found = Isolated.of(graph, trial, run, right, training=False)
        return next(each for each in found.rows("") if each.tensor == "first")

    last = np.array(right.outputs["first"])
    rounded = run_of(graph, perturb_by_ulp(weights), trial, MODES[0]).outputs["first"]
    assert row(rounded).verdict == "rounding"
    assert ((row(rounded).tolerance or 0.0) > FORWARD_TOLERANCE) == grows
    last[:, -1] *= 1 + (1e-5 if grows else 1e-9)
    assert row(last).diverges


def test_what_layers_are_off_each_may_add_up() -> None:
    """A side that rounds more in every layer is allowed more of the whole pass; a mistake does not allow itself."""
    graph = graph_of(sequential(layer("Dense", "first", units=3), layer("Dense", "second", units=2), shape=(4,)))
    rng = np.random.default_rng(0)
    weights = {
        f"{name}/{each.name}": rng.normal(size=each.shape) for name, one in graph.layers.items() for each in one.weights
    }
    trial = Trial(STORED, weights, Sample({"first_input": rng.normal(size=(3, 4))}, {}, {"second": np.ones((3, 2))}))
    right = run_of(graph, weights, trial, MODES[0])

    def tolerance(error: float) -> float:
        """Give what is allowed of a side whose first layer is off."""
        run = Run({**right.outputs, "first": right.outputs["first"] * (1 + error)})
        return Isolated.of(graph, trial, run, right, training=False).tolerance

    assert tolerance(0.0) == FORWARD_TOLERANCE
    assert 5e-11 <= tolerance(5e-12) < 1.1e-10
    assert tolerance(1e-6) < 1.1e-10
