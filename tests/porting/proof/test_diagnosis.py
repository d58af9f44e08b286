"""What is said of what differs."""

import numpy as np

from genrebench.parity.compare import compare
from genrebench.parity.report import Comparison, Stage
from genrebench.porting.proof.answers import MODES, Run
from genrebench.porting.proof.diagnosis import diagnose
from genrebench.porting.proof.isolated import Isolated
from genrebench.porting.proof.reference import run_of
from genrebench.porting.proof.subject import STORED, Trial
from genrebench.porting.sampling import Sample
from tests.porting.networks import graph_of
from tests.reading.files import layer, sequential


def test_what_adds_up_over_layers_is_no_layers_mistake() -> None:
    """A hypothesis that changes nothing, such as a flipped kernel of one pixel, does not explain it."""
    graph = graph_of(sequential(layer("Conv2D", "first", filters=2, kernel_size=1), shape=(3, 3, 2)))
    rng = np.random.default_rng(0)
    weights = {f"first/{each.name}": rng.normal(size=each.shape) for each in graph.layers["first"].weights}
    sample = Sample({"first_input": rng.normal(size=(2, 3, 3, 2))}, {}, {"first": np.ones((2, 3, 3, 2))})
    trial = Trial(STORED, weights, sample)
    right = run_of(graph, weights, trial, MODES[0])

    def message(received: float, seen: float) -> str:
        """Say what is said of an output that is off in the whole pass, and alone."""
        run = Run({**right.outputs, "first": right.outputs["first"] * seen})
        case = Isolated.of(graph, trial, run, right, training=False).cases["first"]
        output = right.outputs["first"]
        row = compare("first", output * received, output, quantity="output", tolerance=1e-11, case=case)
        comparison = Comparison("keras", "definitions", (row,))
        (finding,) = diagnose([Stage("training", "Training", "", "float64", 1e-11, (comparison,))])
        return finding.message

    assert "adds up" in message(1 + 1e-10, 1.0)
    assert "adds up" not in message(1 + 1e-3, 1 + 1e-3)
