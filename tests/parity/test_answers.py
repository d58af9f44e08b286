"""The job that asks a backend everything, here and in another interpreter."""

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.backend.numpy_reference import INFO
from genrebench.errors import BackendError, WorkerError
from genrebench.network.architecture import Architecture
from genrebench.network.layers import Conv2D, Dense, Flatten
from genrebench.network.reference import ReferenceNetwork
from genrebench.parity.answers import GRADIENT_PROBE_ADAM, answer, gradients_from_step, run_backends, run_here, train
from genrebench.parity.inputs import make_inputs
from genrebench.parity.outputs import Answer, answer_types

ARCHITECTURE = Architecture((6, 7, 1), (Conv2D(3, (3, 3), activation="relu"), Flatten(), Dense(3)))


def test_a_process_answers_what_this_one_does() -> None:
    """To the last bit, with the backend's own account of itself."""
    inputs = make_inputs(ARCHITECTURE, steps=2)
    done: list[str] = []
    there = run_backends(inputs, ["numpy"], on_done=lambda name, seconds: done.append(name))["numpy"]
    here = run_here(inputs, "numpy")
    assert done == ["numpy"]
    assert there.info == here.info == INFO
    for name in answer_types():
        mine, other = getattr(here, name), getattr(there, name)
        for field in fields(mine):
            np.testing.assert_equal(getattr(other, field.name), getattr(mine, field.name), err_msg=name)
    assert there.report["seconds"].keys() == {"build", *answer_types()}
    assert there.report["threads"]["OMP_NUM_THREADS"] == "1"
    assert there.report["versions"].keys() >= {"python", "genrebench", "numpy"}


def test_what_a_backend_cannot_do_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else is answered; of a forward pass, as many of the first layers as can be run."""

    def fail(self: Any, *arguments: Any, **options: Any) -> Any:
        """Raise."""
        raise RuntimeError("out of luck")

    monkeypatch.setattr(ReferenceNetwork, "adam_update", fail)
    trace = ReferenceNetwork.trace

    def trace_unless_dense(self: ReferenceNetwork, x: Any, **options: Any) -> Any:
        """Run what has no dense layer."""
        if any(isinstance(layer, Dense) for layer in self.architecture.layers):
            raise ValueError("no\ndense layers")
        return trace(self, x, **options)

    monkeypatch.setattr(ReferenceNetwork, "trace", trace_unless_dense)
    outputs = run_here(make_inputs(ARCHITECTURE, steps=2), "numpy")
    assert outputs.adam.error == "RuntimeError: out of luck"
    assert outputs.adam.weights == {}
    assert outputs.evaluation.error == "ValueError: no dense layers"
    assert list(outputs.evaluation.outputs) == ["conv2d", "flatten"]
    assert outputs.gradients.error == ""
    assert outputs.logits.values is not None


def test_a_step_gives_its_gradients_back() -> None:
    """With the hyperparameters made for that, by definition."""
    inputs = make_inputs(ARCHITECTURE)
    network = ReferenceNetwork(ARCHITECTURE, inputs.weights, dtype="float64")
    _, gradients = network.loss_and_gradients(inputs.batches[0], inputs.batch_labels[0])
    after = train(
        lambda each, weights: ReferenceNetwork(each, weights, dtype="float64"), inputs, 1, GRADIENT_PROBE_ADAM
    )
    for name, gradient in gradients_from_step(inputs.weights, after.weights).items():
        np.testing.assert_allclose(gradient, gradients[name], rtol=1e-9, atol=1e-14)


def test_a_backend_that_is_not_there_is_named_with_those_that_are() -> None:
    """Here and in the other interpreter, which alone knows what it has."""
    inputs = make_inputs(ARCHITECTURE, steps=1)
    arrays, options = inputs.pack()
    with pytest.raises(BackendError, match=r"installed backends .*numpy.*, received 'caffe'"):
        answer(arrays, options | {"backend": "caffe"})
    with pytest.raises(WorkerError, match=r"installed backends .*numpy.*, received 'caffe'"):
        run_backends(inputs, ["caffe"], pythons={"caffe": Path(sys.executable)})


def test_every_answer_has_a_type() -> None:
    """What can be asked is what `Outputs` has."""
    assert all(issubclass(kind, Answer) for kind in answer_types().values())
    assert len(answer_types()) == 21
