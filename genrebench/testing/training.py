"""The checks of training; a backend that does not train skips them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.backend.protocol import BatchMetrics, DeviceResident, Trainable
from genrebench.errors import BackendError
from genrebench.network import Architecture
from genrebench.network.adam import Adam, AdamState
from genrebench.network.layers import Dropout
from genrebench.network.numerics import FORWARD_TOLERANCE, soft_cross_entropy
from genrebench.network.sampling import random_inputs
from genrebench.testing.under_test import GENRE, BackendUnderTest, CheckFailure, compare

# In what networks can be trained, and how far the first loss may then be from that in float64.
PRECISIONS = {"float32": 1e-5, "bfloat16": 0.05}
# After a step the weights differ by rounding that Adam's root has magnified.
UPDATE_TOLERANCE = 1e-8


def training(under_test: BackendUnderTest) -> None:
    """Check that one step of training is the traced network's gradient and Adam's update, in every precision."""
    architecture = Architecture(
        GENRE.input_shape, tuple(each for each in GENRE.layers if not isinstance(each, Dropout))
    )
    network = under_test.build_trainable(architecture, dtype="float64")
    reference = under_test.build_both(architecture)[1]
    x, labels = random_inputs(architecture, 6)
    loss, gradients = reference.loss_and_gradients(x, labels)
    expected, _ = reference.adam_update(gradients, AdamState.zeros(gradients), Adam())
    trace = reference.trace(x, training=True)
    correct = int((trace[architecture.output].argmax(1) == labels).sum())
    if (found := _first_step(network, x, labels, loss).correct) != correct:
        raise CheckFailure(f"train_step: expected {correct} of {len(x)} classified rightly, received {found}")
    compare(network.weights(), expected | {name: trace[name] for name in architecture.statistics}, UPDATE_TOLERANCE)
    _loaded_data(under_test, architecture, x.astype(np.float32), labels)
    _probabilities(under_test, architecture, x, labels, trace[architecture.output])
    for precision in under_test.info.precisions:
        single = under_test.build_trainable(architecture, dtype="float32")
        _first_step(single, x.astype(np.float32), labels, loss, precision, PRECISIONS[precision])


def _first_step(
    network: Trainable,
    x: NDArray[Any],
    labels: NDArray[np.int64],
    expected: float,
    precision: str = "float32",
    tolerance: float = FORWARD_TOLERANCE,
) -> BatchMetrics:
    """Do one step of training and check its loss."""
    network.start_training(Adam(), seed=0, precision=precision)
    metrics = network.train_step(x, labels)
    if metrics.size != len(x) or not abs(metrics.loss - expected) <= tolerance * expected:
        raise CheckFailure(
            f"train_step in {precision}: expected the loss {expected} of {len(x)} inputs, received {metrics}"
        )
    return metrics


def _loaded_data(
    under_test: BackendUnderTest, architecture: Architecture, x: NDArray[np.float32], labels: NDArray[np.int64]
) -> None:
    """Check that a step on loaded data is a step on the same data in a batch."""
    indices = np.array([4, 0, 2])
    resident, gathered = (under_test.build_trainable(architecture, dtype="float64") for _ in range(2))
    if isinstance(resident, DeviceResident) and resident.load_data(x, labels):
        for each in (resident, gathered):
            each.start_training(Adam(), seed=0)
        resident.train_on(indices)
        gathered.train_step(x[indices], labels[indices])
        compare(resident.weights(), gathered.weights(), UPDATE_TOLERANCE)


def _probabilities(
    under_test: BackendUnderTest,
    architecture: Architecture,
    x: NDArray[Any],
    labels: NDArray[np.int64],
    logits: NDArray[Any],
) -> None:
    """Check a step on probabilities: certain ones are labels, others weight the classes, and no others are taken."""
    certain = np.eye(architecture.classes, dtype=np.float32)[labels]
    # Each mixed with the next row; exact in float32, and no row has two largest.
    mixture = 0.75 * certain + 0.25 * np.roll(certain, 1, axis=0)
    by_label, by_probability, mixed = (under_test.build_trainable(architecture, dtype="float64") for _ in range(3))
    for network in (by_label, by_probability, mixed):
        network.start_training(Adam(), seed=0)
    by_label.train_step(x, labels)
    by_probability.train_step(x, certain)
    compare(by_probability.weights(), by_label.weights(), UPDATE_TOLERANCE)
    metrics, expected = mixed.train_step(x, mixture), soft_cross_entropy(logits, mixture.astype(np.float64))
    correct = int((logits.argmax(1) == mixture.argmax(1)).sum())
    if metrics.correct != correct or not abs(metrics.loss - expected) <= FORWARD_TOLERANCE * expected:
        raise CheckFailure(
            f"train_step on probabilities: expected the loss {expected} and {correct} classified rightly, received "
            f"{metrics}"
        )
    try:
        mixed.train_step(x, 2 * mixture)
    except BackendError:
        return
    raise CheckFailure("expected a BackendError for probabilities whose sum is 2, received a result")


def training_state(under_test: BackendUnderTest) -> None:
    """Check that training goes on from weights and training state, bit for bit, with dropout, in every precision."""
    x, labels = random_inputs(GENRE, 8)
    single = x.astype(np.float32)
    for precision in under_test.info.precisions:
        straight = under_test.build_trainable(GENRE, dtype="float32")
        straight.start_training(Adam(), seed=1, precision=precision)
        for _ in range(3):
            straight.train_step(single, labels)
        weights, state = straight.weights(), straight.training_state()
        _has_adam(state)
        before = {name: value.copy() for name, value in state.items()}
        for _ in range(3):
            straight.train_step(single, labels)
        compare(state, before, 0.0)
        resumed = under_test.build_trainable(GENRE, weights, dtype="float32")
        resumed.start_training(Adam(), seed=2, precision=precision)
        resumed.load_training_state(state)
        for _ in range(3):
            resumed.train_step(single, labels)
        received = resumed.weights()
        for name, value in straight.weights().items():
            if received[name].tobytes() != value.tobytes():
                raise CheckFailure(f"{name} in {precision}: expected the bits of training that was not interrupted")
        for name in state:
            try:
                resumed.load_training_state({key: value for key, value in state.items() if key != name})
            except BackendError:
                continue
            raise CheckFailure(f"expected a BackendError for a training state without {name}, received a result")


def _has_adam(state: dict[str, NDArray[Any]]) -> None:
    """Check that Adam's part of a training state after three steps has the form that every backend reads."""
    specs = GENRE.weight_specs()
    shapes = {f"adam/{kind}/{name}": specs[name].shape for kind in "mv" for name in GENRE.trainable} | {"adam/step": ()}
    received = {name: value.shape for name, value in state.items() if name.startswith("adam/")}
    if received != shapes:
        wrong = sorted(name for name in shapes.keys() | received.keys() if shapes.get(name) != received.get(name))
        raise CheckFailure(f"training_state: expected the moments of all trained weights and adam/step, wrong {wrong}")
    if int(state["adam/step"]) != 3:
        raise CheckFailure(f"adam/step: expected 3, received {state['adam/step']}")
