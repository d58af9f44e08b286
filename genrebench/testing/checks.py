"""The checks of the conformance kit, one function each.

Each takes the backend and the referee and raises `CheckFailure` with what it found. Whatever a framework does by
default and Keras does not (padding, epsilon, momentum, variance, order, layout, initial weights, place of the softmax,
dropout) makes at least one of them fail.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.backend.protocol import BackendInfo, DeviceResident, Network, Trainable
from genrebench.errors import BackendError, ConfigError
from genrebench.network.adam import Adam, AdamState
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import Dropout
from genrebench.network.numerics import DIFFERENCE_TOLERANCE, FLOAT32_TOLERANCE, FORWARD_TOLERANCE, GRADIENT_TOLERANCE
from genrebench.network.sampling import random_inputs, random_masks, random_weights
from genrebench.testing.examples import GENRE, MIXED, SIZES, CheckFailure, CheckSkipped, Subject, compare

Check = Callable[[Subject], None]


# In what networks can be trained, and how far the first loss may then be from that in float64.
_PRECISIONS = {"float32": 1e-5, "bfloat16": 0.05}


def info(subject: Subject) -> None:
    """Check that the backend describes itself.

    Parameters
    ----------
    subject : Subject
        The backend.

    Raises
    ------
    CheckFailure
        If something is missing.
    """
    info = subject.info
    if not isinstance(info, BackendInfo):
        raise CheckFailure(f"expected a BackendInfo, received {info!r}")
    for field in ("name", "framework", "summary"):
        value = getattr(info, field)
        if not isinstance(value, str) or not value or "\n" in value:
            raise CheckFailure(f"info.{field}: expected one line of text, received {value!r}")
    if not info.devices or not all(isinstance(device, str) for device in info.devices):
        raise CheckFailure(f"info.devices: expected at least one name, received {info.devices!r}")
    if "float32" not in info.precisions or not set(info.precisions) <= _PRECISIONS.keys():
        known = ", ".join(_PRECISIONS)
        raise CheckFailure(f"info.precisions: expected float32, and others of {known}, received {info.precisions!r}")


def build(subject: Subject) -> None:
    """Check that networks are built, and offer what `info` says.

    Parameters
    ----------
    subject : Subject
        The backend.

    Raises
    ------
    CheckFailure
        If a method is missing.
    """
    for architecture in (GENRE, MIXED):
        network = subject.build(architecture)
        for method in ("weights", "logits", "trace", "loss_and_gradients", "adam_update"):
            if not callable(getattr(network, method, None)):
                raise CheckFailure(f"expected a network with a method {method}, received {type(network).__name__}")
        if isinstance(network, Trainable) != subject.info.can_train:
            raise CheckFailure(f"info.can_train is {subject.info.can_train}, but the network says otherwise")


def weights_round_trip(subject: Subject) -> None:
    """Check that weights come back bit for bit, from this backend and by way of the referee.

    Parameters
    ----------
    subject : Subject
        The backend.

    Raises
    ------
    CheckFailure
        If a tensor is missing or changed, or is not a copy.
    """
    for architecture in (GENRE, MIXED):
        given = random_weights(architecture, 0)
        network = subject.backend.build(architecture, given, dtype="float32", device="auto")
        taken = network.weights()
        compare(taken, given, 0.0)
        through = subject.referee.build(architecture, taken, dtype="float32", device="cpu").weights()
        again = subject.backend.build(architecture, through, dtype="float32", device="auto").weights()
        for name, value in given.items():
            if taken[name].dtype != np.float32 or again[name].tobytes() != value.tobytes():
                raise CheckFailure(f"{name}: expected the bits that were given, received others")
        for value in taken.values():
            value += 1
        compare(network.weights(), given, 0.0)


def names_shapes_dtypes(subject: Subject) -> None:
    """Check that every array is named, shaped and typed as the protocol says.

    Parameters
    ----------
    subject : Subject
        The backend.

    Raises
    ------
    CheckFailure
        If one is not.
    """
    x, labels = random_inputs(GENRE, 3)
    trainable = {name: spec.shape for name, spec in GENRE.weight_specs().items() if spec.trainable}
    for dtype in ("float32", "float64"):
        network = subject.build(GENRE, dtype=dtype)
        inputs = x.astype(dtype)
        logits = network.logits(inputs)
        loss, gradients = network.loss_and_gradients(inputs, labels)
        if not isinstance(loss, float):
            raise CheckFailure(f"loss: expected a float, received {type(loss).__name__}")
        if {name: value.shape for name, value in gradients.items()} != trainable:
            raise CheckFailure(f"gradients: expected those of {list(trainable)}, received {list(gradients)}")
        arrays = {"logits": logits, **network.weights(), **gradients, **network.trace(inputs, training=True)}
        for name, value in arrays.items():
            if not isinstance(value, np.ndarray) or value.dtype != dtype:
                raise CheckFailure(f"{name}: expected an array of {dtype}, received {getattr(value, 'dtype', value)}")
        if logits.shape != (3, GENRE.classes):
            raise CheckFailure(f"logits: expected shape {(3, GENRE.classes)}, received {logits.shape}")


def logits(subject: Subject) -> None:
    """Check logits in evaluation mode against the referee.

    Parameters
    ----------
    subject : Subject
        The backend.
    """
    for architecture in (GENRE, MIXED):
        network, referee = subject.build_both(architecture)
        x, _ = random_inputs(architecture, 4)
        compare({"logits": network.logits(x)}, {"logits": referee.logits(x)}, FORWARD_TOLERANCE)


def sizes(subject: Subject) -> None:
    """Check odd, even and non-square inputs, whose padding differs, against the referee, layer by layer.

    Parameters
    ----------
    subject : Subject
        The backend.
    """
    for size in SIZES:
        architecture = genre_cnn(size, 3)
        network, referee = subject.build_both(architecture)
        x, _ = random_inputs(architecture, 2)
        compare(network.trace(x, training=False), referee.trace(x, training=False), FORWARD_TOLERANCE)


def trace(subject: Subject) -> None:
    """Check that a trace has every layer, in both modes, with the referee's values and running statistics.

    Parameters
    ----------
    subject : Subject
        The backend.

    Raises
    ------
    CheckFailure
        If a value differs, or the last layer's is not the logits.
    """
    for architecture in (GENRE, MIXED):
        network, referee = subject.build_both(architecture)
        x, _ = random_inputs(architecture, 5)
        for training in (False, True):
            trace = network.trace(x, training=training)
            compare(trace, referee.trace(x, training=training), FORWARD_TOLERANCE)
        last = network.trace(x, training=False)[architecture.layers[-1].name]
        compare({"logits": network.logits(x)}, {"logits": last}, FORWARD_TOLERANCE)


def gradients(subject: Subject) -> None:
    """Check loss and gradients against the referee.

    Parameters
    ----------
    subject : Subject
        The backend.
    """
    for architecture in (GENRE, MIXED):
        network, referee = subject.build_both(architecture)
        x, labels = random_inputs(architecture, 6)
        loss, gradients = network.loss_and_gradients(x, labels)
        expected_loss, expected = referee.loss_and_gradients(x, labels)
        compare({"loss": np.array(loss)}, {"loss": np.array(expected_loss)}, FORWARD_TOLERANCE)
        compare(gradients, expected, GRADIENT_TOLERANCE)


def finite_differences(subject: Subject) -> None:
    """Check some entries of every gradient against differences of the backend's own loss.

    Parameters
    ----------
    subject : Subject
        The backend.

    Raises
    ------
    CheckFailure
        If they differ.
    """
    rng = np.random.default_rng(3)
    x, labels = random_inputs(MIXED, 4)
    weights = {name: value.astype(np.float64) for name, value in random_weights(MIXED, 0).items()}
    gradients = subject.build(MIXED).loss_and_gradients(x, labels)[1]
    for name, gradient in gradients.items():
        index = int(rng.integers(gradient.size))
        losses = []
        for step in (1e-6, -1e-6):
            moved = weights | {name: weights[name].copy()}
            moved[name].flat[index] += step
            network = subject.backend.build(MIXED, moved, dtype="float64", device="auto")
            losses.append(network.loss_and_gradients(x, labels)[0])
        difference = (losses[0] - losses[1]) / 2e-6
        if abs(difference - gradient.flat[index]) > DIFFERENCE_TOLERANCE * max(1.0, float(np.abs(gradient).max())):
            raise CheckFailure(
                f"{name}: expected the slope {difference:.6g} of the loss, received {gradient.flat[index]:.6g}"
            )


def adam(subject: Subject) -> None:
    """Check three updates of Adam from given gradients against the referee, at a place where epsilon counts.

    Parameters
    ----------
    subject : Subject
        The backend.

    Raises
    ------
    CheckFailure
        If weights or moments differ, or the step is not counted.
    """
    network, referee = subject.build_both(GENRE)
    rng = np.random.default_rng(4)
    specs = {name: spec.shape for name, spec in GENRE.weight_specs().items() if spec.trainable}
    zeros = {name: np.zeros(shape) for name, shape in specs.items()}
    state = expected_state = AdamState(0, zeros, zeros)
    optimizer = Adam(learning_rate=3e-3, epsilon=1e-5)
    for step in range(1, 4):
        gradients = {name: rng.normal(scale=1e-4, size=shape) for name, shape in specs.items()}
        weights, state = network.adam_update(gradients, state, optimizer)
        expected, expected_state = referee.adam_update(gradients, expected_state, optimizer)
        before = referee.weights()
        moved = {name: value - before[name] for name, value in weights.items()}
        compare(moved, {name: value - before[name] for name, value in expected.items()}, GRADIENT_TOLERANCE)
        compare(state.m, expected_state.m, GRADIENT_TOLERANCE)
        compare(state.v, expected_state.v, GRADIENT_TOLERANCE)
        if state.step != step:
            raise CheckFailure(f"state.step: expected {step}, received {state.step}")


def dropout_masks(subject: Subject) -> None:
    """Check given masks, on feature maps and vectors, in trace, evaluation (no effect) and gradients.

    Parameters
    ----------
    subject : Subject
        The backend.

    Raises
    ------
    CheckFailure
        If values differ, or an unknown or misshapen mask is not refused.
    """
    for architecture in (GENRE, MIXED):
        network, referee = subject.build_both(architecture)
        x, labels = random_inputs(architecture, 4)
        masks = random_masks(architecture, 4)
        trace = network.trace(x, training=True, dropout_masks=masks)
        compare(trace, referee.trace(x, training=True, dropout_masks=masks), FORWARD_TOLERANCE)
        evaluated = network.trace(x, training=False, dropout_masks=masks)
        compare(evaluated, referee.trace(x, training=False), FORWARD_TOLERANCE)
        gradients = network.loss_and_gradients(x, labels, dropout_masks=masks)[1]
        expected = referee.loss_and_gradients(x, labels, dropout_masks=masks)[1]
        compare(gradients, expected, GRADIENT_TOLERANCE)
    name = next(iter(masks))
    for wrong in ({name: masks[name][:1]}, {"no_such_layer": masks[name]}):
        try:
            network.trace(x, training=True, dropout_masks=wrong)
        except BackendError:
            continue
        raise CheckFailure(f"expected a BackendError for the mask {next(iter(wrong))}, received a result")


def mode_switch(subject: Subject) -> None:
    """Check that looking at a network in training mode leaves it, and its evaluation, as it was.

    Parameters
    ----------
    subject : Subject
        The backend.

    Raises
    ------
    CheckFailure
        If weights or logits change.
    """
    network = subject.build(GENRE)
    x, labels = random_inputs(GENRE, 4)
    logits, weights = network.logits(x), network.weights()
    network.trace(x, training=True, dropout_masks=random_masks(GENRE, 4))
    gradients = network.loss_and_gradients(x, labels)[1]
    zeros = {name: np.zeros_like(value) for name, value in gradients.items()}
    network.adam_update(gradients, AdamState(0, zeros, zeros), Adam())
    compare(network.weights(), weights, 0.0)
    compare({"logits": network.logits(x)}, {"logits": logits}, 0.0)


def determinism(subject: Subject) -> None:
    """Check that the same call on a network built alike gives the same bits.

    Parameters
    ----------
    subject : Subject
        The backend.
    """
    x, labels = random_inputs(GENRE, 4)
    results = []
    for _ in range(2):
        network = subject.build(GENRE)
        results.append({"logits": network.logits(x), **network.loss_and_gradients(x, labels)[1]})
    compare(results[0], results[1], 0.0)


def batch_of_one(subject: Subject) -> None:
    """Check that an input alone gives what it gives among 64.

    Parameters
    ----------
    subject : Subject
        The backend.
    """
    network = subject.build(GENRE)
    x, _ = random_inputs(GENRE, 64)
    together = network.logits(x)
    for row in (0, 40):
        compare({"logits": network.logits(x[row : row + 1])[0]}, {"logits": together[row]}, FORWARD_TOLERANCE)


def float32(subject: Subject) -> None:
    """Check that float32 is float64 but for rounding.

    Parameters
    ----------
    subject : Subject
        The backend.
    """
    x, _ = random_inputs(GENRE, 8)
    single = subject.build(GENRE, dtype="float32").logits(x.astype(np.float32))
    compare({"logits": single}, {"logits": subject.build(GENRE).logits(x)}, FLOAT32_TOLERANCE)


def refusals(subject: Subject) -> None:
    """Check that wrong inputs, weights, types and devices are refused with a message that says what came.

    Parameters
    ----------
    subject : Subject
        The backend.

    Raises
    ------
    CheckFailure
        If something is not refused, or the message does not help.
    """
    network = subject.build(GENRE)
    height, width, channels = GENRE.input_shape
    x, labels = np.zeros((2, width, height, channels)), np.zeros(2, np.int64)
    right = np.zeros((2, height, width, channels))
    weights = random_weights(GENRE, 0)
    build = subject.backend.build
    cases: dict[str, Callable[[], object]] = {
        str(x.shape): lambda: network.logits(x),
        str(width): lambda: network.loss_and_gradients(x, labels),
        str(GENRE.classes): lambda: network.loss_and_gradients(right, labels + GENRE.classes),
        "missing": lambda: build(GENRE, {}, dtype="float32", device="auto"),
        "float99": lambda: build(GENRE, weights, dtype="float99", device="auto"),
        "no-such-device": lambda: build(GENRE, weights, dtype="float32", device="no-such-device"),
    }
    for received, call in cases.items():
        try:
            call()
        except (BackendError, ConfigError) as error:
            if received not in str(error) or "expected" not in str(error):
                raise CheckFailure(f"expected a message with 'expected' and {received!r}, received {error}") from error
            continue
        raise CheckFailure(f"expected an error that names {received}, received a result")


def training(subject: Subject) -> None:
    """Check that one step of training is the traced network's gradient and Adam's update.

    Parameters
    ----------
    subject : Subject
        The backend.

    Raises
    ------
    CheckSkipped
        If the backend does not train.
    CheckFailure
        If loss, weights or running statistics differ.
    """
    if not subject.info.can_train:
        raise CheckSkipped("the backend does not train")
    layers = tuple(layer for layer in GENRE.layers if not isinstance(layer, Dropout))
    architecture = Architecture(GENRE.input_shape, layers)
    network, referee = subject.build_both(architecture)
    x, labels = random_inputs(architecture, 6)
    loss, gradients = referee.loss_and_gradients(x, labels)
    zeros = {name: np.zeros_like(value) for name, value in gradients.items()}
    expected, _ = referee.adam_update(gradients, AdamState(0, zeros, zeros), Adam())
    statistics = referee.trace(x, training=True)
    moving = {name: statistics[name] for name in referee.weights().keys() - expected.keys()}
    _step(network, x, labels, loss)
    compare(network.weights(), expected | moving, 1e-8)
    rows = np.array([4, 0, 2])
    kept, gathered = subject.build(architecture), subject.build(architecture)
    if isinstance(kept, DeviceResident) and kept.load_data(x.astype(np.float32), labels):
        assert isinstance(gathered, Trainable)
        for each in (kept, gathered):
            each.start_training(Adam(), seed=0)
        kept.train_on(rows)
        gathered.train_step(x.astype(np.float32)[rows], labels[rows])
        compare(kept.weights(), gathered.weights(), 1e-8)
    for precision in subject.info.precisions:
        single = subject.build(architecture, dtype="float32")
        _step(single, x.astype(np.float32), labels, loss, precision=precision, tolerance=_PRECISIONS[precision])


def _step(
    network: Network,
    x: NDArray[Any],
    labels: NDArray[np.int64],
    expected: float,
    *,
    precision: str = "float32",
    tolerance: float = FORWARD_TOLERANCE,
) -> None:
    """Do one step of training and check its loss."""
    assert isinstance(network, Trainable)
    # Backends that know one precision need not know the word.
    options = {} if precision == "float32" else {"precision": precision}
    network.start_training(Adam(), seed=0, **options)
    metrics = network.train_step(x, labels)
    if metrics.size != len(x) or not abs(metrics.loss - expected) <= tolerance * expected:
        raise CheckFailure(
            f"train_step in {precision}: expected the loss {expected} of {len(x)} inputs, received {metrics}"
        )


CHECKS: dict[str, Check] = {
    function.__name__.replace("_", "-"): function
    for function in (
        info,
        build,
        weights_round_trip,
        names_shapes_dtypes,
        logits,
        sizes,
        trace,
        gradients,
        finite_differences,
        adam,
        dropout_masks,
        mode_switch,
        determinism,
        batch_of_one,
        float32,
        refusals,
        training,
    )
}
