"""What a backend returned, as types."""

from dataclasses import asdict

import numpy as np

from genrebench.backend.numpy_reference import INFO
from genrebench.parity.arrays import pack
from genrebench.parity.outputs import Answer, LossAndGradients, Outputs, answer_types


def test_what_was_not_answered_has_no_tensors() -> None:
    """Errors and tensors are those of the job; the rest is empty, and nothing is missing."""
    arrays = pack(
        {"gradients": LossAndGradients(np.array(1.5), {"dense/bias": np.ones(2)}), "adam": Answer(error="no")}
    )
    value = {"info": {**asdict(INFO), "later": "a newer version's"}, "device": "cpu"}
    outputs = Outputs.from_job(arrays, value, {"seconds": 1.0})
    assert outputs.info == INFO
    assert outputs.report == {"backend": "numpy", "seconds": 1.0, "device": "cpu"}
    assert outputs.gradients.loss == 1.5
    assert outputs.gradients.gradients.keys() == {"dense/bias"}
    assert (outputs.adam.error, outputs.adam.m) == ("no", {})
    assert outputs.trained.values is None


def test_every_answer_has_a_type_of_its_own() -> None:
    """Which can be made of nothing, and of an error."""
    types = answer_types()
    assert "info" not in types
    assert all(kind(error="why").error == "why" for kind in types.values())
