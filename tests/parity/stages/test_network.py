"""Gates of the network: structure, weights, layers, loss, gradients."""

import numpy as np

from genrebench.parity.outputs import Outputs
from genrebench.parity.report import Comparison
from tests.parity.conftest import CompareCopies


def extra_layer(outputs: Outputs) -> None:
    """Compute a layer that is nobody's, and lose another's weight."""
    outputs.evaluation.outputs["extra"] = np.ones((4, 3))
    del outputs.weights.values["dense/bias"]


def test_structure_says_what_is_there_and_what_is_not(compare_copies: CompareCopies) -> None:
    """A layer too many, and a weight too few, by name."""
    stage = compare_copies({"mine": extra_layer}).stage("structure")
    assert stage.passed is False
    notes = {row.tensor: row.note for row in stage.comparisons[0].rows if row.diverges}
    assert notes["extra"] == "no such layer"
    assert notes["dense"] == "4,096 parameters, expected 4,160"
    assert set(notes) == {"extra", "dense"}


def doubled(outputs: Outputs) -> None:
    """Take a gradient twice."""
    outputs.gradients.gradients["dense/kernel"] *= 2


def test_a_gradient_is_held_to_the_reference_and_to_the_others(compare_copies: CompareCopies) -> None:
    """The tensor that is off diverges in both comparisons, and no other does."""
    stage = compare_copies({"mine": doubled, "yours": lambda outputs: None}).stage("gradients")
    off = {(each.backend, each.against): rows_off(each) for each in stage.comparisons}
    assert off == {
        ("mine", "numpy"): ["dense/kernel"],
        ("yours", "numpy"): [],
        ("mine", "yours"): ["dense/kernel"],
    }


def rows_off(comparison: Comparison) -> list[str]:
    """Name the tensors that diverge."""
    return [row.tensor for row in comparison.rows if row.diverges]


def test_a_layer_is_isolated_by_its_own_input(compare_copies: CompareCopies) -> None:
    """What comes after a layer that is off inherits; the layer alone is off by itself."""

    def scaled(outputs: Outputs) -> None:
        """Scale the output of the first layer."""
        outputs.evaluation.outputs["conv2d"] *= 1.01

    rows = compare_copies({"mine": scaled}).stage("evaluation").comparisons[0].rows
    isolated = {row.tensor for row in rows if row.view == "isolated" and row.diverges}
    assert isolated == {"conv2d", "max_pooling2d"}
