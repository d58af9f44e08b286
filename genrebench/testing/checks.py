"""The checks of whole networks, one function each.

Each takes the backend and the reference and raises `CheckFailure` with what it found. Whatever a framework does by
default and Keras does not (padding, epsilon, momentum, variance, order, layout, initial weights, place of the softmax,
dropout) makes at least one of all checks fail.
"""

from collections.abc import Callable

import numpy as np

from genrebench.backend.protocol import BackendInfo, Trainable
from genrebench.errors import BackendError, ConfigError
from genrebench.network import genre_cnn
from genrebench.network.adam import Adam, AdamState
from genrebench.network.numerics import DIFFERENCE_TOLERANCE, FLOAT32_TOLERANCE, FORWARD_TOLERANCE, GRADIENT_TOLERANCE
from genrebench.network.sampling import random_inputs, random_masks, random_weights
from genrebench.testing.training import PRECISIONS
from genrebench.testing.under_test import GENRE, MIXED, BackendUnderTest, CheckFailure, compare

SIZES = ((32, 32), (33, 33), (31, 40), (45, 18))


def info(under_test: BackendUnderTest) -> None:
    """Check that the backend describes itself."""
    info = under_test.info
    if not isinstance(info, BackendInfo):
        raise CheckFailure(f"expected a BackendInfo, received {info!r}")
    for field in ("name", "framework", "summary"):
        value = getattr(info, field)
        if not isinstance(value, str) or not value or "\n" in value:
            raise CheckFailure(f"info.{field}: expected one line of text, received {value!r}")
    if not info.devices or not all(isinstance(device, str) for device in info.devices):
        raise CheckFailure(f"info.devices: expected at least one name, received {info.devices!r}")
    if "float32" not in info.precisions or not set(info.precisions) <= PRECISIONS.keys():
        known = ", ".join(PRECISIONS)
        raise CheckFailure(f"info.precisions: expected float32, and others of {known}, received {info.precisions!r}")


def build(under_test: BackendUnderTest) -> None:
    """Check that networks are built, and offer what `info` says."""
    for architecture in (GENRE, MIXED):
        network = under_test.build(architecture)
        for method in ("weights", "logits", "trace", "loss_and_gradients", "adam_update"):
            if not callable(getattr(network, method, None)):
                raise CheckFailure(f"expected a network with a method {method}, received {type(network).__name__}")
        if isinstance(network, Trainable) != under_test.info.can_train:
            raise CheckFailure(
                f"info.can_train is {under_test.info.can_train}, but the network says otherwise: expected all methods "
                "of Trainable, or not all"
            )


def weights_round_trip(under_test: BackendUnderTest) -> None:
    """Check that weights come back bit for bit, from this backend and by way of the reference, and as copies."""
    for architecture in (GENRE, MIXED):
        given = random_weights(architecture, 0)
        network = under_test.build(architecture, given, dtype="float32")
        taken = network.weights()
        compare(taken, given, 0.0)
        through = under_test.reference.build(architecture, taken, dtype="float32", device="cpu").weights()
        again = under_test.build(architecture, through, dtype="float32").weights()
        for name, value in given.items():
            if taken[name].dtype != np.float32 or again[name].tobytes() != value.tobytes():
                raise CheckFailure(f"{name}: expected the bits that were given, received others")
        for value in taken.values():
            value += 1
        compare(network.weights(), given, 0.0)


def names_shapes_dtypes(under_test: BackendUnderTest) -> None:
    """Check that every array is named, shaped and typed as the protocol says."""
    x, labels = random_inputs(GENRE, 3)
    specs = GENRE.weight_specs()
    trainable = {name: specs[name].shape for name in GENRE.trainable}
    for dtype in ("float32", "float64"):
        network = under_test.build(GENRE, dtype=dtype)
        inputs = x.astype(dtype)
        logits = network.logits(inputs)
        arrays = {"logits": logits, **network.weights(), **network.trace(inputs, training=under_test.modes[-1])}
        if True in under_test.modes:
            loss, gradients = network.loss_and_gradients(inputs, labels)
            if not isinstance(loss, float):
                raise CheckFailure(f"loss: expected a float, received {type(loss).__name__}")
            if {name: value.shape for name, value in gradients.items()} != trainable:
                raise CheckFailure(f"gradients: expected those of {list(trainable)}, received {list(gradients)}")
            arrays |= gradients
        for name, value in arrays.items():
            if not isinstance(value, np.ndarray) or value.dtype != dtype:
                raise CheckFailure(f"{name}: expected an array of {dtype}, received {getattr(value, 'dtype', value)}")
        if logits.shape != (3, GENRE.classes):
            raise CheckFailure(f"logits: expected shape {(3, GENRE.classes)}, received {logits.shape}")


def logits(under_test: BackendUnderTest) -> None:
    """Check logits in evaluation mode against the reference."""
    for architecture in (GENRE, MIXED):
        network, reference = under_test.build_both(architecture)
        x, _ = random_inputs(architecture, 4)
        compare({"logits": network.logits(x)}, {"logits": reference.logits(x)}, FORWARD_TOLERANCE)


def sizes(under_test: BackendUnderTest) -> None:
    """Check odd, even and non-square inputs, whose padding differs, against the reference, layer by layer."""
    for size in SIZES:
        architecture = genre_cnn(size, 3)
        network, reference = under_test.build_both(architecture)
        x, _ = random_inputs(architecture, 2)
        compare(network.trace(x, training=False), reference.trace(x, training=False), FORWARD_TOLERANCE)


def trace(under_test: BackendUnderTest) -> None:
    """Check that a trace has every layer, in both modes, with the reference's values and running statistics."""
    for architecture in (GENRE, MIXED):
        network, reference = under_test.build_both(architecture)
        x, _ = random_inputs(architecture, 5)
        for training in under_test.modes:
            trace = network.trace(x, training=training)
            compare(trace, reference.trace(x, training=training), FORWARD_TOLERANCE)
        last = network.trace(x, training=False)[architecture.output]
        compare({"logits": network.logits(x)}, {"logits": last}, FORWARD_TOLERANCE)


def gradients(under_test: BackendUnderTest) -> None:
    """Check loss and gradients against the reference."""
    under_test.require_training()
    for architecture in (GENRE, MIXED):
        network, reference = under_test.build_both(architecture)
        x, labels = random_inputs(architecture, 6)
        loss, gradients = network.loss_and_gradients(x, labels)
        expected_loss, expected = reference.loss_and_gradients(x, labels)
        compare({"loss": np.array(loss)}, {"loss": np.array(expected_loss)}, FORWARD_TOLERANCE)
        compare(gradients, expected, GRADIENT_TOLERANCE)


def finite_differences(under_test: BackendUnderTest) -> None:
    """Check some entries of every gradient against differences of the backend's own loss."""
    under_test.require_training()
    rng = np.random.default_rng(3)
    x, labels = random_inputs(MIXED, 4)
    weights = {name: value.astype(np.float64) for name, value in random_weights(MIXED, 0).items()}
    gradients = under_test.build(MIXED).loss_and_gradients(x, labels)[1]
    for name, gradient in gradients.items():
        index = int(rng.integers(gradient.size))
        losses = []
        for step in (1e-6, -1e-6):
            moved = weights | {name: weights[name].copy()}
            moved[name].flat[index] += step
            losses.append(under_test.build(MIXED, moved).loss_and_gradients(x, labels)[0])
        difference = (losses[0] - losses[1]) / 2e-6
        if abs(difference - gradient.flat[index]) > DIFFERENCE_TOLERANCE * max(1.0, float(np.abs(gradient).max())):
            raise CheckFailure(
                f"{name}: expected the slope {difference:.6g} of the loss, received {gradient.flat[index]:.6g}"
            )


def adam(under_test: BackendUnderTest) -> None:
    """Check three updates of Adam from given gradients against the reference, at a place where epsilon counts."""
    under_test.require_training()
    network, reference = under_test.build_both(GENRE)
    rng = np.random.default_rng(4)
    before = reference.weights()
    state = expected_state = AdamState.zeros({name: before[name] for name in GENRE.trainable})
    optimizer = Adam(learning_rate=3e-3, epsilon=1e-5)
    for step in range(1, 4):
        gradients = {name: rng.normal(scale=1e-4, size=before[name].shape) for name in GENRE.trainable}
        weights, state = network.adam_update(gradients, state, optimizer)
        expected, expected_state = reference.adam_update(gradients, expected_state, optimizer)
        moved = {name: value - before[name] for name, value in weights.items()}
        compare(moved, {name: value - before[name] for name, value in expected.items()}, GRADIENT_TOLERANCE)
        compare(state.m, expected_state.m, GRADIENT_TOLERANCE)
        compare(state.v, expected_state.v, GRADIENT_TOLERANCE)
        if state.step != step:
            raise CheckFailure(f"state.step: expected {step}, received {state.step}")


def dropout_masks(under_test: BackendUnderTest) -> None:
    """Check given masks in trace, evaluation (no effect) and gradients, and that wrong ones are refused."""
    network, reference = under_test.build_both(GENRE)
    x, labels = random_inputs(GENRE, 4)
    masks = random_masks(GENRE, 4)
    evaluated = network.trace(x, training=False, dropout_masks=masks)
    compare(evaluated, reference.trace(x, training=False), FORWARD_TOLERANCE)
    if True in under_test.modes:
        trace = network.trace(x, training=True, dropout_masks=masks)
        compare(trace, reference.trace(x, training=True, dropout_masks=masks), FORWARD_TOLERANCE)
        gradients = network.loss_and_gradients(x, labels, dropout_masks=masks)[1]
        compare(gradients, reference.loss_and_gradients(x, labels, dropout_masks=masks)[1], GRADIENT_TOLERANCE)
    name, mask = next(iter(masks.items()))
    for wrong in ({name: mask[:1]}, {"no_such_layer": mask}):
        try:
            network.trace(x, training=under_test.modes[-1], dropout_masks=wrong)
        except BackendError:
            continue
        raise CheckFailure(f"expected a BackendError for the mask {next(iter(wrong))}, received a result")


def mode_switch(under_test: BackendUnderTest) -> None:
    """Check that looking at a network in training mode leaves it, and its evaluation, as it was."""
    under_test.require_training()
    network = under_test.build(GENRE)
    x, labels = random_inputs(GENRE, 4)
    logits, weights = network.logits(x), network.weights()
    network.trace(x, training=True, dropout_masks=random_masks(GENRE, 4))
    gradients = network.loss_and_gradients(x, labels)[1]
    network.adam_update(gradients, AdamState.zeros(gradients), Adam())
    compare(network.weights(), weights, 0.0)
    compare({"logits": network.logits(x)}, {"logits": logits}, 0.0)


def determinism(under_test: BackendUnderTest) -> None:
    """Check that the same call on a network built alike gives the same bits."""
    x, labels = random_inputs(GENRE, 4)
    results = []
    for _ in range(2):
        network = under_test.build(GENRE)
        gradients = network.loss_and_gradients(x, labels)[1] if True in under_test.modes else {}
        results.append({"logits": network.logits(x), **gradients})
    compare(results[0], results[1], 0.0)


def batch_of_one(under_test: BackendUnderTest) -> None:
    """Check that an input alone gives what it gives among 64."""
    network = under_test.build(GENRE)
    x, _ = random_inputs(GENRE, 64)
    together = network.logits(x)
    for index in (0, 40):
        compare({"logits": network.logits(x[index : index + 1])[0]}, {"logits": together[index]}, FORWARD_TOLERANCE)


def float32(under_test: BackendUnderTest) -> None:
    """Check that float32 is float64 but for rounding."""
    x, _ = random_inputs(GENRE, 8)
    single = under_test.build(GENRE, dtype="float32").logits(x.astype(np.float32))
    compare({"logits": single}, {"logits": under_test.build(GENRE).logits(x)}, FLOAT32_TOLERANCE)


def refusals(under_test: BackendUnderTest) -> None:
    """Check that wrong inputs, weights, dtypes and devices are refused, and that the message says what came."""
    network = under_test.build(GENRE)
    height, width, channels = GENRE.input_shape
    x, labels = np.zeros((2, width, height, channels)), np.zeros(2, np.int64)
    right = np.zeros((2, height, width, channels))
    weights = random_weights(GENRE, 0)
    build = under_test.backend.build
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
