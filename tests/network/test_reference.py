"""The reference: gradients against differences, the genre network against PyTorch's functions, what it leaves alone."""

import dataclasses
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from genrebench.errors import BackendError, ConfigError
from genrebench.network.adam import Adam, AdamState
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Forward,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling2D,
    same_padding,
    windows,
)
from genrebench.network.numerics import cross_entropy
from genrebench.network.reference import ReferenceNetwork, run_layer
from genrebench.network.types import Array, Weights
from tests.network.conftest import (
    ARCHITECTURES,
    EVERYTHING,
    STRIDED,
    build,
    central_differences,
    draw,
    error,
    lively_weights,
)

AVERAGED = Architecture(
    (6, 5, 2),
    (Conv2D(4, (3, 2)), Activation("tanh"), GlobalAveragePooling2D(), Dense(3), Activation("softmax"), Dense(3)),
)


def gradient_errors(architecture: Architecture) -> dict[str, float]:
    """Compare a network's gradients with central differences of its loss."""
    weights = lively_weights(architecture)
    x, labels, masks = draw(architecture, 4)
    gradients = build(architecture, weights).loss_and_gradients(x, labels, dropout_masks=masks)[1]

    def loss() -> float:
        """Compute the loss with the weights as they stand."""
        outputs = build(architecture, weights).trace(x, training=True, dropout_masks=masks)
        return cross_entropy(outputs[architecture.output], labels)

    return {name: error(gradient, central_differences(loss, weights[name])) for name, gradient in gradients.items()}


@pytest.mark.parametrize("architecture", [EVERYTHING, STRIDED, AVERAGED], ids=["everything", "strided", "averaged"])
def test_network_gradients_equal_central_differences(architecture: Architecture) -> None:
    """The chain of all layer kinds, dropout masks included, gives the gradient of the loss."""
    errors = gradient_errors(architecture)
    assert tuple(errors) == architecture.trainable
    assert max(errors.values()) < 1e-6, errors


def without_statistics(layer: Layer, x: Array, forward: Forward, weights: Weights, dy: Array) -> tuple[Array, Weights]:
    """Take the gradient of batch normalization as if its statistics were constants."""
    deviation = np.sqrt(x.var(tuple(range(x.ndim - 1))) + layer.epsilon)  # type: ignore[attr-defined]
    return dy * weights["gamma"] / deviation, forward.vjp(dy)[1]


def to_the_first_position(
    layer: Layer, x: Array, forward: Forward, weights: Weights, dy: Array
) -> tuple[Array, Weights]:
    """Give the first position of each window the gradient, wherever the maximum stands."""
    assert isinstance(layer, MaxPooling2D)
    over = windows.Windows(x, layer.pool_size, layer.strides, layer.padding, fill=-np.inf)
    padded = np.zeros_like(over.padded)
    padded[next(over.positions())[2]] += dy
    return over.crop(padded), {}


@pytest.mark.parametrize(
    ("kind", "mistake"), [(BatchNormalization, without_statistics), (MaxPooling2D, to_the_first_position)]
)
def test_central_differences_notice_a_wrong_gradient(
    monkeypatch: pytest.MonkeyPatch, kind: type[Layer], mistake: Callable[..., tuple[Array, Weights]]
) -> None:
    """A planted mistake in one layer's gradient is far above the tolerance."""
    right = kind.forward

    def wrong(self: Layer, x: Array, weights: Weights, **mode: Any) -> Forward:
        """Compute the right values and the wrong gradient."""
        forward = right(self, x, weights, **mode)
        return forward._replace(vjp=lambda dy: mistake(self, x, forward, weights, dy))

    monkeypatch.setattr(kind, "forward", wrong)
    assert max(gradient_errors(EVERYTHING).values()) > 1e-2


@pytest.mark.parametrize("training", [True, False])
@ARCHITECTURES
def test_vector_jacobian_products_equal_central_differences(architecture: Architecture, training: bool) -> None:
    """For any cotangent, in both modes, with respect to the inputs and to a weight of each layer."""
    weights = lively_weights(architecture)
    x, _, masks = draw(architecture, 3)
    cotangent = np.random.default_rng(4).normal(size=(3, architecture.classes))
    dx, gradients = build(architecture, weights).vjp(x, cotangent, training=training, dropout_masks=masks)

    def product() -> float:
        """Multiply the output by the cotangent."""
        outputs = build(architecture, weights).trace(x, training=training, dropout_masks=masks)
        return float((outputs[architecture.output] * cotangent).sum())

    assert tuple(gradients) == architecture.trainable
    for tensor, gradient in [(x, dx), *((weights[name], gradients[name]) for name in architecture.trainable[::2])]:
        assert error(gradient, central_differences(product, tensor)) < 1e-6


def test_the_gradients_of_the_loss_are_one_vector_jacobian_product() -> None:
    """That of probabilities less one-hot labels, divided by the batch size."""
    x, labels, masks = draw(EVERYTHING, 4)
    network = build(EVERYTHING)
    logits = network.trace(x, training=True, dropout_masks=masks)[EVERYTHING.output]
    powers = np.exp(logits)
    cotangent = (powers / powers.sum(1, keepdims=True) - np.eye(4)[labels]) / 4
    expected = network.loss_and_gradients(x, labels, dropout_masks=masks)[1]
    for name, gradient in network.vjp(x, cotangent, dropout_masks=masks)[1].items():
        assert error(gradient, expected[name]) < 1e-12
    with pytest.raises(BackendError, match=r"expected a cotangent of shape \(4, 4\), received \(4, 3\)"):
        network.vjp(x, cotangent[:, :3])


def swap_padding(monkeypatch: pytest.MonkeyPatch, architecture: Architecture) -> Architecture:
    """Put the odd element of the padding at the low end."""
    monkeypatch.setattr(windows, "same_padding", lambda *sizes: same_padding(*sizes)[::-1])
    return architecture


def alter(kind: type[Layer], **changes: object) -> Callable[[pytest.MonkeyPatch, Architecture], Architecture]:
    """Make a mistake that changes a parameter of all layers of a kind."""

    def mistake(monkeypatch: pytest.MonkeyPatch, architecture: Architecture) -> Architecture:
        """Change the layers."""
        altered: list[Layer] = [
            dataclasses.replace(layer, **changes) if isinstance(layer, kind) else layer  # type: ignore[arg-type]
            for layer in architecture.layers
        ]
        return dataclasses.replace(architecture, layers=tuple(altered))

    return mistake


@pytest.mark.parametrize(
    ("mistake", "key"),
    [
        (swap_padding, "max_pooling2d"),
        (alter(BatchNormalization, epsilon=1e-5), "batch_normalization"),
        (alter(BatchNormalization, momentum=0.01), "batch_normalization/moving_variance"),
        (alter(Dropout, rate=0.3), "dropout"),
        (alter(Conv2D, activation="linear"), "conv2d"),
    ],
    ids=["pooling padding", "epsilon", "momentum", "dropout rate", "activation"],
)
def test_a_wrong_parameter_is_noticed_in_the_trace(
    monkeypatch: pytest.MonkeyPatch,
    mistake: Callable[[pytest.MonkeyPatch, Architecture], Architecture],
    key: str,
) -> None:
    """Each planted mistake moves its layer's output by much more than the tolerance of comparisons in float64."""
    x, _, masks = draw(EVERYTHING, 4)
    weights = lively_weights(EVERYTHING)
    right = build(EVERYTHING, weights).trace(x, training=True, dropout_masks=masks)
    wrong = build(mistake(monkeypatch, EVERYTHING), weights).trace(x, training=True, dropout_masks=masks)
    assert error(wrong[key], right[key]) > 1e-4


def torch_genre_network(torch: ModuleType, tensors: dict[str, Any], x: Array, *, training: bool) -> Any:
    """Compute the genre network's logits with PyTorch's functions, every padding written out.

    Parameters
    ----------
    x : ndarray of float64 [shape=(n, 128, 130, 1)]
        Inputs.
    training : bool
        Whether batch normalization uses the batch's statistics, and updates the running ones in place.

    Returns
    -------
    Tensor [shape=(n, 10)]
        Logits.
    """
    functions = torch.nn.functional
    y = torch.tensor(x).permute(0, 3, 1, 2).contiguous()
    # Left, right, top and bottom of 126 x 128, 61 x 62 and 30 x 30.
    for suffix, pool, padding in (("", 3, (0, 1, 0, 1)), ("_1", 3, (0, 1, 1, 1)), ("_2", 2, (0, 0, 0, 0))):
        kernel, bias = (tensors[f"conv2d{suffix}/{name}"] for name in ("kernel", "bias"))
        gamma, beta, mean, variance = (
            tensors[f"batch_normalization{suffix}/{name}"]
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        y = torch.relu(functions.conv2d(y, kernel.permute(3, 2, 0, 1), bias))
        y = functions.max_pool2d(functions.pad(y, padding, value=-torch.inf), pool, 2)
        y = functions.batch_norm(y, mean, variance, gamma, beta, training, 0.01, 1e-3)
    y = y.permute(0, 2, 3, 1).flatten(1)
    y = torch.relu(functions.linear(y, tensors["dense/kernel"].T, tensors["dense/bias"]))
    return functions.linear(y, tensors["dense_1/kernel"].T, tensors["dense_1/bias"])


def test_the_genre_network_equals_pytorchs_functions_in_float64() -> None:
    """Logits, loss, gradients and running statistics agree to rounding."""
    torch = pytest.importorskip("torch")
    architecture = genre_cnn()
    weights = lively_weights(architecture)
    x, labels, _ = draw(architecture, 4)
    network = build(architecture, weights)
    tensors = {name: torch.tensor(weight) for name, weight in weights.items()}
    logits = torch_genre_network(torch, tensors, x, training=False)
    assert error(network.logits(x), logits.numpy()) < 1e-11

    for name, spec in architecture.weight_specs().items():
        tensors[name].requires_grad_(spec.trainable)
    expected = torch.nn.functional.cross_entropy(
        torch_genre_network(torch, tensors, x, training=True), torch.tensor(labels)
    )
    expected.backward()
    loss, gradients = network.loss_and_gradients(x, labels)
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    for name, gradient in gradients.items():
        assert error(gradient, tensors[name].grad.numpy()) < 1e-10, name
    statistics = network.trace(x, training=True)
    for suffix, n in (("", 4 * 63 * 64), ("_1", 4 * 31 * 31), ("_2", 4 * 15 * 15)):
        mean, variance = (f"batch_normalization{suffix}/moving_{name}" for name in ("mean", "variance"))
        assert error(statistics[mean], tensors[mean].numpy()) < 1e-11
        # PyTorch's running variance follows the unbiased batch variance.
        biased = 0.99 * weights[variance] + (tensors[variance].numpy() - 0.99 * weights[variance]) * (n - 1) / n
        assert error(statistics[variance], biased) < 1e-11


def test_nothing_changes_the_network() -> None:
    """Traces, gradients and updates leave the weights as they were; so does writing into what they return."""
    before = lively_weights(EVERYTHING)
    network = build(EVERYTHING, before)
    x, labels, masks = draw(EVERYTHING, 4)
    original = x.copy()
    outputs = network.trace(x, training=True, dropout_masks=masks)
    gradients = network.loss_and_gradients(x, labels, dropout_masks=masks)[1]
    updated, _ = network.adam_update(gradients, AdamState(0, gradients, gradients), Adam(beta_1=0.0, beta_2=0.0))
    assert not np.array_equal(outputs["batch_normalization/moving_mean"], before["batch_normalization/moving_mean"])
    assert not np.array_equal(updated["dense/kernel"], before["dense/kernel"])
    for array in (*outputs.values(), *gradients.values(), *updated.values(), *network.weights().values()):
        array.fill(7)
    after = network.weights()
    assert all(np.array_equal(after[name], before[name]) for name in before)
    np.testing.assert_array_equal(x, original)


@ARCHITECTURES
def test_a_trace_has_every_layer_in_its_shape(architecture: Architecture) -> None:
    """Evaluation gives the layers' outputs; training adds the running statistics."""
    x = draw(architecture, 2)[0]
    network = build(architecture)
    shapes = {node.name: (2, *node.output_shape) for node in architecture.walk()}
    statistics = {name: architecture.weight_specs()[name].shape for name in architecture.statistics}
    evaluation = network.trace(x, training=False)
    assert {name: each.shape for name, each in evaluation.items()} == shapes
    assert {name: each.shape for name, each in network.trace(x, training=True).items()} == shapes | statistics


def test_entries_of_a_trace_share_no_memory() -> None:
    """Even a layer that only reshapes or does nothing has an output of its own."""
    outputs = build(EVERYTHING).trace(draw(EVERYTHING, 2)[0], training=False)
    arrays = list(outputs.values())
    assert not any(np.shares_memory(one, other) for k, one in enumerate(arrays) for other in arrays[:k])


@ARCHITECTURES
def test_logits_are_the_last_entry_of_an_evaluation_trace(architecture: Architecture) -> None:
    """A mask changes nothing in evaluation."""
    x, _, masks = draw(architecture, 3)
    network = build(architecture)
    last = network.trace(x, training=False, dropout_masks=masks)[architecture.output]
    np.testing.assert_array_equal(network.logits(x), last)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_is_computed_in_the_dtype_asked_for(dtype: str) -> None:
    """No layer leaves the dtype; float32 agrees with float64 to its precision."""
    weights = lively_weights(EVERYTHING)
    network = ReferenceNetwork(EVERYTHING, weights, dtype=dtype)
    x, labels, masks = draw(EVERYTHING, 4)
    outputs = network.trace(x, training=True, dropout_masks=masks)
    loss, gradients = network.loss_and_gradients(x, labels, dropout_masks=masks)
    squares = {name: gradient**2 for name, gradient in gradients.items()}
    updated, state = network.adam_update(gradients, AdamState(1, gradients, squares), Adam())
    for arrays in (outputs, gradients, updated, state.m, state.v, network.weights(), {"": network.logits(x)}):
        assert {array.dtype for array in arrays.values()} == {np.dtype(dtype)}
    exact = build(EVERYTHING, weights).loss_and_gradients(x, labels, dropout_masks=masks)[0]
    assert loss == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_come_back_bit_for_bit_and_copied(dtype: str) -> None:
    """The network keeps its own copy of the weights that it is given."""
    weights = {name: weight.astype(dtype) for name, weight in lively_weights(EVERYTHING).items()}
    network = ReferenceNetwork(EVERYTHING, weights, dtype=dtype)
    expected = {name: weight.tobytes() for name, weight in weights.items()}
    for weight in weights.values():
        weight.fill(7)
    assert {name: weight.tobytes() for name, weight in network.weights().items()} == expected


def test_refused() -> None:
    """Wrong inputs, labels, masks and weights are named in the error."""
    network = build(genre_cnn())
    x = np.zeros((2, 128, 130, 1))
    with pytest.raises(BackendError, match=r"expected inputs of shape \(n, 128, 130, 1\), received \(2, 130, 128, 1\)"):
        network.logits(x.transpose(0, 2, 1, 3))
    with pytest.raises(BackendError, match=r"received \(128, 130, 1\)"):
        network.trace(x[0], training=False)
    with pytest.raises(BackendError, match="expected 2 labels from 0 to 9"):
        network.loss_and_gradients(x, np.array([0, 10]))
    x, _, masks = draw(EVERYTHING, 2)
    for call in (build(EVERYTHING).trace, build(EVERYTHING).vjp):
        argument: Any = {"training": True} if call.__name__ == "trace" else {"cotangent": np.ones((2, 4))}
        with pytest.raises(BackendError, match=r"dropout: expected a mask of shape"):
            call(x, **argument, dropout_masks=masks | {"dropout": masks["dropout"][:1]})
    with pytest.raises(ConfigError, match="missing conv2d/kernel"):
        build(STRIDED, {name: w for name, w in lively_weights(STRIDED).items() if name != "conv2d/kernel"})


def test_one_layer_runs_as_in_its_network() -> None:
    """Each layer alone, on the output of the one before, gives what the trace has, statistics included."""
    x, _, masks = draw(EVERYTHING, 3)
    weights = lively_weights(EVERYTHING)
    trace = build(EVERYTHING, weights).trace(x, training=True, dropout_masks=masks)
    alone: dict[str, Array] = {}
    for node in EVERYTHING.walk():
        alone |= run_layer(node.layer, weights, x, training=True, mask=masks.get(node.name))
        x = alone[node.name]
    assert alone.keys() == trace.keys()
    for name, value in alone.items():
        np.testing.assert_array_equal(value, trace[name])
    with pytest.raises(ConfigError, match=r"dense_1: expected an input of shape \(features\)"):
        run_layer(EVERYTHING.node("dense_1").layer, weights, np.zeros((1, 2, 3, 6)))
