"""Every definition: its values against those that Keras gave, its gradients, and nothing dead among the cases."""

import json

import numpy as np
import pytest

from genrebench.network.numerics import DIFFERENCE_TOLERANCE
from genrebench.network.types import Array
from genrebench.porting.definitions import DEFINITIONS
from genrebench.porting.reference import GraphReference
from genrebench.reading.kinds import KINDS
from genrebench.reading.kinds.core import InputLayer
from tests.porting.definitions.cases import CASES, TOTALS, Case
from tests.porting.definitions.keras_side import written

STEP = 1e-6
# What stands between layers; `test_functions` has cases of it.
FUNCTIONS = set(
    """Arithmetic ArrayArithmetic Cast Compare CumulativeSum Divide Einsum Extreme Fill Logical OneHot Pad Power Product
    Reduce Repeat Slice StopGradient Submodel Take Tile
    Unmask Where""".split()
)


def moved(values: dict[str, Array], directions: dict[str, Array], step: float) -> dict[str, Array]:
    """Move values along directions."""
    return {name: value + step * directions[name] if name in directions else value for name, value in values.items()}


def difference(case: Case, *, training: bool) -> tuple[float, float]:
    """Differentiate along a random direction: by the tape, and by a central difference."""
    graph = case.graph()
    weights = case.weights(graph)
    sample = case.sample(graph)
    of_inputs, of_weights = (
        GraphReference(graph, weights).run(sample.inputs, training=training, draws=sample.draws).vjp(sample.cotangents)
    )
    rng = np.random.default_rng(1)
    # What stands for a step that is not there must not move: it would be there.
    inputs = {
        name: rng.standard_normal(value.shape) * ~np.isin(sample.inputs[name], (0.0, -1.5))
        for name, value in of_inputs.items()
    }
    directions = {name: rng.standard_normal(value.shape) for name, value in of_weights.items()}
    by_tape = sum((of_inputs[name] * each).sum() for name, each in inputs.items())
    by_tape += sum((of_weights[name] * each).sum() for name, each in directions.items())

    def total(step: float) -> float:
        """Run it a step away."""
        done = GraphReference(graph, moved(weights, directions, step)).run(
            moved(sample.inputs, inputs, step), training=training, draws=sample.draws
        )
        return float(sum((done.outputs[name] * each).sum() for name, each in sample.cotangents.items()))

    return float(by_tape), (total(STEP) - total(-STEP)) / (2 * STEP)


@pytest.mark.parametrize("mode", ["evaluation", "training"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradients_are_those_of_what_is_computed(case: Case, mode: str) -> None:
    """With respect to inputs, initial states and weights together."""
    by_tape, by_difference = difference(case, training=mode == "training")
    assert abs(by_tape - by_difference) <= DIFFERENCE_TOLERANCE * max(abs(by_tape), 1.0)


TOTALS_OF_KERAS = json.loads(TOTALS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("mode", ["evaluation", "training"])
@pytest.mark.parametrize("case", [each for each in CASES if each.keras], ids=str)
def test_outputs_sum_up_to_what_they_do_in_keras(case: Case, mode: str) -> None:
    """Multiplied by random numbers, with the same masks; `test_keras` compares all of them."""
    graph = case.graph()
    sample = case.sample(graph)
    done = GraphReference(graph, case.weights(graph)).run(
        sample.inputs, training=mode == "training", draws=sample.draws
    )
    products = np.concatenate([(done.outputs[name] * each).ravel() for name, each in sample.cotangents.items()])
    expected = TOTALS_OF_KERAS[case.key][mode == "training"]
    assert abs(products.sum() - expected) <= case.tolerance * np.abs(products).sum()
    masks = [written(done.masks[name]) for name in sample.cotangents if name in done.masks]
    assert masks == TOTALS_OF_KERAS[case.key][2]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_case_is_dead(case: Case) -> None:
    """Every output differs between samples, and every piece of an activation is taken."""
    graph = case.graph()
    weights = case.weights(graph)
    activity = GraphReference(graph, weights).run(case.sample(graph).inputs).activity()
    assert not [name for name, each in activity.items() if not each.varies or each.misses]


@pytest.mark.parametrize(
    "case", [each for each in CASES if "rate" in each.settings or "dropout" in each.settings], ids=str
)
def test_what_is_drawn_matters_in_training_alone(case: Case) -> None:
    """Draws change the training pass and not the evaluation pass; without them training does nothing at random."""
    graph = case.graph()
    weights = case.weights(graph)
    sample = case.sample(graph)
    reference = GraphReference(graph, weights)
    plain = reference.run(sample.inputs).outputs["layer"]
    assert sample.draws
    assert np.array_equal(reference.run(sample.inputs, draws=sample.draws).outputs["layer"], plain)
    assert np.array_equal(reference.run(sample.inputs, training=True).outputs["layer"], plain)
    assert not np.array_equal(reference.run(sample.inputs, training=True, draws=sample.draws).outputs["layer"], plain)


def test_every_kind_has_a_definition_and_a_case() -> None:
    """And no definition is of something else."""
    defined = {kind.__name__ for kind in DEFINITIONS}
    assert KINDS.keys() - {InputLayer.__name__} <= defined
    assert defined - KINDS.keys() == FUNCTIONS
    assert KINDS.keys() - {InputLayer.__name__} == {case.kind for case in CASES}
