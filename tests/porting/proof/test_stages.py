"""What a stage asks of whom."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from genrebench.porting.proof.answers import KERAS, MODES, TWIN, Answer, Run
from genrebench.porting.proof.stages import structure
from genrebench.porting.proof.subject import STORED
from genrebench.reading.builder import Builder
from genrebench.reading.version import KerasVersion
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


def answer(outputs: dict[str, np.ndarray]) -> Answer:
    """Answer with the outputs of the first pass."""
    return Answer({(STORED, MODES[0]): Run(outputs)})
