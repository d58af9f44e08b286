"""What a stage asks of whom."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from genrebench.network.numerics import FORWARD_TOLERANCE
from genrebench.parity.report import Comparison
from genrebench.porting.proof.answers import KERAS, MODES, TWIN, Answer, Run
from genrebench.porting.proof.reference import compute_reference, run_of
from genrebench.porting.proof.stages import Proof, forward, structure
from genrebench.porting.proof.subject import STORED, Trial
from genrebench.porting.sampling import draw_sample
from genrebench.reading.builder import Builder
from genrebench.reading.version import KerasVersion
from tests.porting.networks import graph_of, weights_of
from tests.reading.files import layer, sequential
from tests.reading.test_operations import document_3


@pytest.mark.parametrize(
    ("who", "missing", "holds"),
    [(KERAS, "a step", True), (TWIN, "a step", False), (KERAS, "the layer", False)],
)
def test_steps_of_one_layer_are_not_asked_of_keras(who: str, missing: str, holds: bool) -> None:
    """It has none of them, but the layer; PyTorch's twin has all."""
    config = {"block_size": 2}
    graph = Builder(KerasVersion.read("3.12.0")).build(document_3("DepthToSpace", config, ["x0"], (4, 5, 8)))
    outputs = {name: np.zeros(2) for name in graph.calls}
    step = next(name for name, call in graph.calls.items() if call.layer.is_step)
    answered = {name: each for name, each in outputs.items() if name != (step if missing == "a step" else "op")}
    proof: Any = SimpleNamespace(
        compared={who: answer(answered)},
        reference=SimpleNamespace(answer=answer(outputs)),
        model=SimpleNamespace(graph=graph),
    )
    (comparison,) = structure(proof).comparisons
    assert comparison.passed is holds


def test_rounding_grows_on_its_way_and_a_mistake_of_a_layer_is_seen_all_the_same() -> None:
    """Forty layers that pull apart what is near: other rounding passes, a factor of 1e-9 in one of them does not."""
    layers = [layer("Dense", f"dense_{number}", units=16, activation="tanh") for number in range(40)]
    graph = graph_of(sequential(*layers, shape=(16,)))
    rng = np.random.default_rng(0)
    weights = {name: 4 * rng.normal(size=each.shape) for name, each in weights_of(graph).items()}
    trial = Trial(STORED, weights, draw_sample(graph, weights, batch=4, seed=0))
    reference = compute_reference(graph, [trial], None, {}, 0)
    limits = reference.limits(STORED, MODES[0], FORWARD_TOLERANCE)
    assert limits["dense_0"] == FORWARD_TOLERANCE < max(limits.values()) < 1e-7

    def stage(changed: dict[str, np.ndarray]) -> Comparison:
        """Compare with a network that has other weights."""
        run = run_of(graph, changed, trial, MODES[0])
        model: Any = SimpleNamespace(graph=graph)
        proof = Proof(model, (trial,), reference, {TWIN: Answer({(STORED, MODES[0]): run})}, {})
        (comparison,) = forward(proof, MODES[0]).comparisons
        return comparison

    near = stage(
        {name: np.nextafter(value, rng.choice([-np.inf, np.inf], value.shape)) for name, value in weights.items()}
    )
    assert near.passed
    assert max(row.relative_l2 or 0.0 for row in near.rows) > FORWARD_TOLERANCE
    wrong = stage(weights | {"dense_39/kernel": weights["dense_39/kernel"] * (1 + 1e-9)})
    assert {row.tensor for row in wrong.rows if row.diverges} == {"dense_39"}


def answer(outputs: dict[str, np.ndarray]) -> Answer:
    """Answer with the outputs of the first pass."""
    return Answer({(STORED, MODES[0]): Run(outputs)})
