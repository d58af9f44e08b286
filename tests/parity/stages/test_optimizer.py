"""Gates of the optimizer: losses of all steps, and what float32 makes of its hyperparameters."""

from dataclasses import replace

import numpy as np
import pytest

from genrebench.network.adam import Adam, adam_step
from genrebench.parity.inputs import make_inputs
from genrebench.parity.outputs import Outputs
from tests.parity.conftest import SMALL, CompareCopies


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_too_few_and_too_many_losses_do_not_pass(count: int, compare_copies: CompareCopies) -> None:
    """Each step has one; three were asked for."""

    def cut(outputs: Outputs) -> Outputs:
        """Give another number of losses."""
        assert outputs.steps.losses is not None
        losses = np.tile(outputs.steps.losses, 2)[:count]
        return replace(outputs, steps=replace(outputs.steps, losses=losses))

    assert compare_copies({"mine": cut}).passed is (count == 3)


SINGLE = Adam(beta_1=float(np.float32(0.9)), beta_2=float(np.float32(0.999)))


def update_with(outputs: Outputs, optimizer: Adam) -> None:
    """Update by definition with other hyperparameters."""
    inputs = make_inputs(SMALL, steps=3)
    for name, gradient in inputs.gradients.items():
        after = adam_step(gradient, inputs.adam.m[name], inputs.adam.v[name], inputs.adam.step + 1, optimizer)
        outputs.adam.m[name], outputs.adam.v[name] = after["m"], after["v"]
        outputs.adam.weights[name] = inputs.weights[name] + after["update"]


def test_a_rounded_optimizer_is_known(compare_copies: CompareCopies) -> None:
    """What float32 makes of Adam's hyperparameters is predicted, not tolerated; the short run is held to that, too."""
    report = compare_copies({"mine": lambda outputs: update_with(outputs, SINGLE)})
    rows = report.stage("adam").comparisons[0].rows
    assert {(row.quantity, row.known) for row in rows if row.verdict == "known"} >= {("m", "adam-float32")}
    assert report.stage("adam").passed
    assert report.stage("steps").passed is False  # it ran with the hyperparameters as they are


def test_another_epsilon_is_not(compare_copies: CompareCopies) -> None:
    """It diverges, and is named."""
    report = compare_copies({"mine": lambda outputs: update_with(outputs, Adam(epsilon=1e-8))})
    cause = report.findings[0].cause
    assert cause is not None
    assert (cause.id, cause.parameters) == ("adam-epsilon", {"epsilon": 1e-8, "placement": "uncorrected"})
