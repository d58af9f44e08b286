"""The NumPy reference: layers against loops, gradients against differences, the genre network against PyTorch."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from genrebench.network.operation import channel_sums
from genrebench.network.operations import OPERATIONS
from numpy.typing import NDArray

from genrebench.backend.numpy_info import INFO
from genrebench.backend.numpy_reference import NumpyBackend
from genrebench.errors import BackendError, ConfigError
from genrebench.network import operation
from genrebench.network.adam import Adam, AdamState
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPooling2D,
    same_padding,
)
from genrebench.network.reference import ReferenceNetwork, cross_entropy_and_gradient
from genrebench.network.types import Weights

Array = NDArray[Any]

# All layer kinds, odd, even and non-square sizes. No linear layer stands directly before a normalization, which would
# cancel its bias and leave nothing but rounding errors to compare.
EVERYTHING = Architecture(
    (7, 6, 2),
    (
        Conv2D(3, (3, 2), strides=(2, 1), padding="same", activation="relu"),
        MaxPooling2D((3, 2), strides=(1, 2), padding="same"),
        BatchNormalization(momentum=0.9, epsilon=1e-2),
        Dropout(0.25),
        Conv2D(4, (2, 3)),
        MaxPooling2D((2, 1), strides=(2, 1)),
        Flatten(),
        Dense(6, activation="relu"),
        BatchNormalization(),
        Dropout(0.4),
        Dense(4),
    ),
)
STRIDED = Architecture(
    (8, 11, 1),
    (
        Conv2D(2, (2, 5), strides=(3, 2), padding="same", activation="relu"),
        BatchNormalization(),
        MaxPooling2D((2, 3), strides=(2, 2), padding="same"),
        Conv2D(3, (1, 2), padding="same"),
        Flatten(),
        Dropout(0.5),
        Dense(3),
    ),
)
ARCHITECTURES = pytest.mark.parametrize("architecture", [EVERYTHING, STRIDED], ids=["everything", "strided"])

WINDOWED = [
    (Conv2D(3, (3, 2)), (5, 6, 2)),
    (Conv2D(2, (2, 3), strides=(2, 3), activation="relu"), (6, 8, 3)),
    (Conv2D(2, (3, 3), padding="same", activation="relu"), (4, 5, 2)),
    (Conv2D(2, (4, 2), strides=(2, 1), padding="same"), (5, 4, 1)),
    (Conv2D(2, (1, 2), strides=(3, 2), padding="same"), (7, 5, 2)),
    (MaxPooling2D((2, 3), (2, 2)), (6, 7, 2)),
    (MaxPooling2D((3, 3), (2, 2), padding="same"), (6, 7, 2)),
    (MaxPooling2D((3, 2), (1, 3), padding="same"), (4, 5, 3)),
]
OTHERS = [
    (BatchNormalization(epsilon=0.3), (3, 2, 4)),
    (BatchNormalization(momentum=0.8), (5,)),
    (Flatten(), (2, 3, 2)),
    (Dense(4), (5,)),
    (Dense(3, activation="relu"), (4,)),
    (Dropout(0.4), (3, 2, 2)),
]


def describe(case: object) -> str | None:
    """Name a case of a parametrised test."""
    return repr(case).replace("name='', ", "") if isinstance(case, Layer) else None


def live_random_weights(architecture: Architecture, seed: int = 0) -> Weights:
    """Draw weights that leave no term of a formula at its neutral value."""
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    for name, initial in architecture.initial_weights(seed).items():
        weights[name] = initial + rng.normal(0, 0.2, initial.shape)
        if name.endswith("moving_variance"):
            weights[name] = rng.uniform(0.5, 2, initial.shape)
    return weights


def draw(architecture: Architecture, n: int, seed: int = 1) -> tuple[Array, NDArray[np.int64], dict[str, Array]]:
    """Draw a batch.

    Returns
    -------
    ndarray of float64 [shape=(n, height, width, channels)]
        Inputs.
    ndarray of int64 [shape=(n,)]
        Labels.
    """
    rng = np.random.default_rng(seed)
    masks = {
        layer.name: (rng.uniform(size=(n, *shape)) >= layer.rate).astype(np.float64)
        for layer, shape in zip(architecture.layers, architecture.shapes()[:-1], strict=True)
        if isinstance(layer, Dropout)
    }
    return rng.normal(size=(n, *architecture.input_shape)), rng.integers(0, architecture.classes, n), masks


def build(architecture: Architecture, weights: Weights | None = None) -> ReferenceNetwork:
    """Build a network in float64."""
    return NumpyBackend.build(
        architecture, live_random_weights(architecture) if weights is None else weights, dtype="float64"
    )


def operate(layer: Layer, shape: tuple[int, ...], *, training: bool = True) -> tuple[Array, operation.Operation]:
    """Draw an input and weights for one layer.

    Returns
    -------
    ndarray of float64 [shape=(3, ...)]
        Input.
    """
    rng = np.random.default_rng(5)
    weights = {
        spec.name: rng.uniform(0.5, 1.5, spec.shape) - 0.9 * (spec.name == "kernel")
        for spec in layer.weight_specs(shape)
    }
    mask = rng.integers(0, 2, (3, *shape)) if isinstance(layer, Dropout) else None
    return rng.normal(size=(3, *shape)), OPERATIONS[layer.kind](layer, weights, training=training, mask=mask)


def relative_error(received: Array, expected: Array) -> float:
    """Measure a difference against the norm of what is expected."""
    assert received.shape == expected.shape
    return float(np.linalg.norm(received - expected) / np.linalg.norm(expected))


def central_differences(function: Callable[[], float], tensor: Array, step: float = 1e-6) -> Array:
    """Estimate a gradient from the function's values alone."""
    gradient = np.zeros_like(tensor)
    for index in np.ndindex(tensor.shape):
        value = tensor[index]
        tensor[index] = value + step
        above = function()
        tensor[index] = value - step
        gradient[index] = (above - function()) / (2 * step)
        tensor[index] = value
    return gradient


def gradient_errors(architecture: Architecture) -> dict[str, float]:
    """Compare a network's gradients with central differences of its loss."""
    weights = live_random_weights(architecture)
    x, labels, masks = draw(architecture, 4)
    gradients = build(architecture, weights).loss_and_gradients(x, labels, dropout_masks=masks)[1]

    def loss() -> float:
        """Compute the loss with the weights as they stand."""
        outputs = build(architecture, weights).trace(x, training=True, dropout_masks=masks)
        return cross_entropy_and_gradient(outputs[architecture.layers[-1].name], labels)[0]

    return {
        name: relative_error(gradient, central_differences(loss, weights[name])) for name, gradient in gradients.items()
    }


def brute_padding(size: int, window: int, stride: int, padding: str) -> tuple[int, int]:
    """Find the smallest padding with which enough windows fit, by trying."""
    if padding == "valid":
        return 0, len(range(0, size - window + 1, stride))
    wanted, total = math.ceil(size / stride), 0
    while len(range(0, size + total - window + 1, stride)) < wanted:
        total += 1
    return total // 2, wanted


def windows(
    layer: Conv2D | MaxPooling2D, image: Array
) -> Iterator[tuple[tuple[int, int], list[tuple[int, int, int, int]]]]:
    """Go through all windows of one image, element by element.

    Parameters
    ----------
    image : ndarray [shape=(h, w, c)]
        The image.

    Yields
    ------
    tuple
        Output position, and ``(i, j, row, column)`` of all of the window's elements that lie in the image.
    """
    height, width = layer.kernel_size if isinstance(layer, Conv2D) else layer.pool_size
    top, rows = brute_padding(image.shape[0], height, layer.strides[0], layer.padding)
    left, columns = brute_padding(image.shape[1], width, layer.strides[1], layer.padding)
    for p in range(rows):
        for q in range(columns):
            corner = p * layer.strides[0] - top, q * layer.strides[1] - left
            elements = [(i, j, corner[0] + i, corner[1] + j) for i in range(height) for j in range(width)]
            yield (p, q), [each for each in elements if 0 <= each[2] < image.shape[0] and 0 <= each[3] < image.shape[1]]


def brute_windowed(layer: Conv2D | MaxPooling2D, x: Array, weights: Weights) -> Array:
    """Convolve or pool with loops.

    Parameters
    ----------
    x : ndarray [shape=(n, h, w, c)]
        Input.

    Returns
    -------
    ndarray [shape=(n, p, q, channels)]
        Output.
    """
    y = np.full((len(x), *layer.output_shape(x.shape[1:])), np.nan)
    for image, output in zip(x, y, strict=True):
        for place, elements in windows(layer, image):
            for channel in range(y.shape[-1]):
                if isinstance(layer, MaxPooling2D):
                    output[*place, channel] = max(image[row, column, channel] for _, _, row, column in elements)
                    continue
                value = weights["bias"][channel]
                for i, j, row, column in elements:
                    for c in range(image.shape[-1]):
                        value += image[row, column, c] * weights["kernel"][i, j, c, channel]
                output[*place, channel] = max(value, 0) if layer.activation == "relu" else value
    return y


@pytest.mark.parametrize(("layer", "shape"), WINDOWED, ids=describe)
def test_convolution_and_pooling_equal_loops_over_their_definition(
    layer: Conv2D | MaxPooling2D, shape: tuple[int, ...]
) -> None:
    """Every output value is the sum or the maximum over its window."""
    x, op = operate(layer, shape)
    np.testing.assert_allclose(op.forward(x), brute_windowed(layer, x, dict(op.weights)), rtol=0, atol=1e-14)


@pytest.mark.parametrize("size", range(2, 41))
def test_same_pooling_has_the_windows_of_the_definition_at_every_size(size: int) -> None:
    """Padding depends on the size; height and width go through all sizes, with windows and strides in all orders."""
    for layer in (
        MaxPooling2D((3, 2), (2, 2), padding="same"),
        MaxPooling2D((2, 3), (2, 3), padding="same"),
        MaxPooling2D((2, 4), (3, 1), padding="same"),
    ):
        x, op = operate(layer, (size, 42 - size, 1))
        np.testing.assert_array_equal(op.forward(x), brute_windowed(layer, x, {}))


def test_dense_equals_loops_over_its_definition() -> None:
    """Each unit sums its inputs, adds its bias, and rectifies."""
    x, op = operate(Dense(3, activation="relu"), (4,))
    kernel, bias = op.weights["kernel"], op.weights["bias"]
    expected = [
        [max(0.0, bias[unit] + sum(row[c] * kernel[c, unit] for c in range(4))) for unit in range(3)] for row in x
    ]
    received = op.forward(x)
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-14)
    assert 0 < (received == 0).sum() < received.size


def test_flatten_lets_the_channel_run_fastest() -> None:
    """The order is height, width, channel."""
    x, op = operate(Flatten(), (2, 3, 4))
    expected = [[image[h, w, c] for h in range(2) for w in range(3) for c in range(4)] for image in x]
    np.testing.assert_array_equal(op.forward(x), expected)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_scales_what_it_keeps_in_training_only(training: bool) -> None:
    """Kept values are divided by 1 - rate; evaluation changes nothing."""
    x, op = operate(Dropout(0.4), (3, 2), training=training)
    assert op.mask is not None
    expected = [value / 0.6 if keep else 0.0 for value, keep in zip(x.flat, op.mask.flat, strict=True)]
    np.testing.assert_allclose(op.forward(x).ravel(), expected if training else x.ravel(), rtol=1e-15)


def test_dropout_without_a_mask_drops_nothing() -> None:
    """Training without masks gives out what came in."""
    x = operate(Dropout(0.4), (3, 2))[0]
    np.testing.assert_array_equal(OPERATIONS["Dropout"](Dropout(0.4), {}, training=True).forward(x), x)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(3, 2, 4), (4,)])
def test_batch_normalization_equals_loops_over_its_definition(shape: tuple[int, ...], training: bool) -> None:
    """Each channel is normalized by its mean and biased variance, or by the running ones; these follow the batch."""
    x, op = operate(BatchNormalization(momentum=0.8, epsilon=0.3), shape, training=training)
    y = op.forward(x)
    for channel in range(4):
        values = [float(value) for value in x[..., channel].flat]
        gamma, beta, old_mean, old_variance = (
            float(op.weights[name][channel]) for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        mean, variance = old_mean, old_variance
        if training:
            mean = sum(values) / len(values)
            variance = sum((value - mean) ** 2 for value in values) / len(values)
            unbiased = variance * len(values) / (len(values) - 1)
            updated = op.statistics["moving_variance"][channel]
            assert op.statistics["moving_mean"][channel] == pytest.approx(0.8 * old_mean + 0.2 * mean, rel=1e-13)
            assert updated == pytest.approx(0.8 * old_variance + 0.2 * variance, rel=1e-13)
            assert updated != pytest.approx(0.8 * old_variance + 0.2 * unbiased, rel=1e-4)
            assert updated != pytest.approx(0.2 * old_variance + 0.8 * variance, rel=1e-4)
        expected = [gamma * (value - mean) / math.sqrt(variance + 0.3) + beta for value in values]
        np.testing.assert_allclose(y[..., channel].ravel(), expected, rtol=0, atol=1e-14)
    assert training == bool(op.statistics)


@pytest.mark.parametrize(("layer", "shape"), [*WINDOWED, *OTHERS], ids=describe)
def test_layer_gradients_equal_central_differences(layer: Layer, shape: tuple[int, ...]) -> None:
    """Gradients of input and weights fit the layer's own values."""
    x, op = operate(layer, shape)
    y = op.forward(x)
    cotangent = np.random.default_rng(6).normal(size=y.shape)
    dx, of_weights = op.backward(cotangent)
    assert list(of_weights) == [spec.name for spec in layer.weight_specs(shape) if spec.trainable]
    for tensor, gradient in [(x, dx), *((op.weights[name], each) for name, each in of_weights.items())]:
        expected = central_differences(lambda: float((op.forward(x) * cotangent).sum()), tensor)
        assert relative_error(gradient, expected) < 1e-6


@ARCHITECTURES
def test_network_gradients_equal_central_differences(architecture: Architecture) -> None:
    """The chain of all layer kinds, dropout masks included, gives the gradient of the loss."""
    errors = gradient_errors(architecture)
    assert errors.keys() == {name for name, spec in architecture.weight_specs().items() if spec.trainable}
    assert max(errors.values()) < 1e-6, errors


def without_statistics(self: Any, dy: Array) -> tuple[Array, Weights]:
    """Take the gradient of batch normalization as if its statistics were constants."""
    gradients = {"gamma": channel_sums(dy * self._normal), "beta": channel_sums(dy)}
    return dy * self.weights["gamma"] / self._deviation, gradients


def to_the_first_position(self: Any, dy: Array) -> tuple[Array, Weights]:
    """Give the first position of each window the gradient, wherever the maximum stands."""
    padded = np.zeros_like(self._windows.padded)
    padded[next(self._windows.positions())[2]] += dy
    return self._windows.crop(padded), {}


@pytest.mark.parametrize(
    ("kind", "mistake"), [("BatchNormalization", without_statistics), ("MaxPooling2D", to_the_first_position)]
)
def test_central_differences_notice_a_wrong_gradient(
    monkeypatch: pytest.MonkeyPatch, kind: str, mistake: Callable[..., tuple[Array, Weights]]
) -> None:
    """A planted mistake in one layer's gradient is far above the tolerance."""
    monkeypatch.setattr(OPERATIONS[kind], "backward", mistake)
    assert max(gradient_errors(EVERYTHING).values()) > 1e-2


def test_pooling_sends_the_gradient_of_a_tie_to_the_first_maximum() -> None:
    """Where all values are equal, the first element of each window row by row, padding aside, gets it."""
    op = OPERATIONS["MaxPooling2D"](MaxPooling2D((2, 2), (2, 2), padding="same"), {}, training=True)
    y = op.forward(np.zeros((1, 3, 4, 1)))
    dx = op.backward(np.arange(1.0, 1 + y.size).reshape(y.shape))[0]
    np.testing.assert_array_equal(dx[0, :, :, 0], [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0]])


def test_padding_never_takes_the_gradient_of_a_tie() -> None:
    """With padding at the low end, the window's first element in the input gets it."""
    op = OPERATIONS["MaxPooling2D"](MaxPooling2D((3, 3), (2, 2), padding="same"), {}, training=True)
    y = op.forward(np.zeros((1, 3, 3, 1)))
    dx = op.backward(np.arange(1.0, 1 + y.size).reshape(y.shape))[0]
    np.testing.assert_array_equal(dx[0, :, :, 0], [[1, 2, 0], [3, 4, 0], [0, 0, 0]])


def test_the_rectifier_has_no_gradient_at_zero() -> None:
    """A unit at exactly 0 passes nothing back."""
    dx = operation.activation_gradient(np.ones(3), operation.activate(np.array([-1.0, 0.0, 1.0]), "relu"), "relu")
    np.testing.assert_array_equal(dx, [0, 0, 1])


def test_the_loss_is_the_mean_negative_log_probability_even_of_huge_logits() -> None:
    """It is that of the definition, and shifting all logits of a sample far up changes nothing."""
    logits = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
    expected = -sum(math.log(math.exp(row[k]) / sum(map(math.exp, row))) for row, k in zip(logits, (2, 0), strict=True))
    labels = np.array([2, 0])
    assert cross_entropy_and_gradient(logits, labels)[0] == pytest.approx(expected / 2, rel=1e-14)
    assert cross_entropy_and_gradient(logits + 4096, labels)[0] == pytest.approx(expected / 2, rel=1e-11)


def swap_padding(monkeypatch: pytest.MonkeyPatch, architecture: Architecture) -> Architecture:
    """Put the odd element of the padding at the low end."""
    monkeypatch.setattr(operation, "same_padding", lambda *sizes: same_padding(*sizes)[::-1])
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
    weights = live_random_weights(EVERYTHING)
    right = build(EVERYTHING, weights).trace(x, training=True, dropout_masks=masks)
    wrong = build(mistake(monkeypatch, EVERYTHING), weights).trace(x, training=True, dropout_masks=masks)
    assert relative_error(wrong[key], right[key]) > 1e-4


def updates(architecture: Architecture, optimizer: Adam, steps: int) -> tuple[list[Weights], list[Weights], AdamState]:
    """Do some updates from drawn gradients."""
    rng = np.random.default_rng(3)
    specs = {name: spec for name, spec in architecture.weight_specs().items() if spec.trainable}
    # Small gradients, beside which epsilon counts.
    gradients: list[Weights] = [
        {name: rng.normal(0, 1e-4, spec.shape) for name, spec in specs.items()} for _ in range(steps)
    ]
    weights = [live_random_weights(architecture)]
    zeros: Weights = {name: np.zeros(spec.shape) for name, spec in specs.items()}
    state = AdamState(0, zeros, zeros)
    for each in gradients:
        after, state = build(architecture, weights[-1]).adam_update(each, state, optimizer)
        assert after.keys() == specs.keys()
        weights.append(weights[-1] | after)
    return gradients, weights, state


OPTIMIZER = Adam(learning_rate=3e-3, beta_1=0.8, beta_2=0.99, epsilon=1e-5)


def scalar_adam(weight: float, gradients: list[float], *, corrected_root: bool = False) -> tuple[float, float, float]:
    """Follow one weight through Adam, in Python floats.

    Parameters
    ----------
    corrected_root : bool
        Whether epsilon is added after the bias correction, as other frameworks have it.
    """
    m = v = 0.0
    for t, gradient in enumerate(gradients, start=1):
        m += 0.2 * (gradient - m)
        v += 0.01 * (gradient * gradient - v)
        correction = math.sqrt(1 - 0.99**t)
        root = math.sqrt(v) / correction + 1e-5 if corrected_root else (math.sqrt(v) + 1e-5) / correction
        weight -= 3e-3 * m / (1 - 0.8**t) / root
    return weight, m, v


def test_adam_equals_a_scalar_loop() -> None:
    """Three steps of every weight agree with the formula; epsilon elsewhere does not."""
    gradients, weights, state = updates(STRIDED, OPTIMIZER, 3)
    assert state.step == 3
    misplaced = 0.0
    for name in gradients[0]:
        for index in np.ndindex(gradients[0][name].shape):
            history = float(weights[0][name][index]), [float(each[name][index]) for each in gradients]
            received = float(weights[-1][name][index]), state.m[name][index], state.v[name][index]
            assert received == pytest.approx(scalar_adam(*history), rel=1e-12, abs=1e-20)
            misplaced = max(misplaced, abs(received[0] - scalar_adam(*history, corrected_root=True)[0]))
    assert misplaced > 1e-5


def test_adam_equals_pytorchs_with_epsilon_mapped() -> None:
    """PyTorch adds epsilon after the bias correction, so it is given as much more of it."""
    torch = pytest.importorskip("torch")
    gradients, weights, _ = updates(EVERYTHING, OPTIMIZER, 3)
    tensors = {name: torch.tensor(weights[0][name], requires_grad=True) for name in gradients[0]}
    adam = torch.optim.Adam(tensors.values(), lr=3e-3, betas=(0.8, 0.99))
    for t, each in enumerate(gradients, start=1):
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(each[name])
        adam.param_groups[0]["eps"] = 1e-5 / math.sqrt(1 - 0.99**t)
        adam.step()
    for name, tensor in tensors.items():
        assert relative_error(weights[-1][name], tensor.detach().numpy()) < 1e-14


def test_adam_refuses_gradients_of_other_weights() -> None:
    """A missing gradient is an error, not a weight that stands still."""
    gradients, weights, state = updates(STRIDED, OPTIMIZER, 1)
    del gradients[0]["dense/bias"]
    with pytest.raises(BackendError, match="expected gradients and moments of"):
        build(STRIDED, weights[0]).adam_update(gradients[0], state, OPTIMIZER)


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
    weights = live_random_weights(architecture)
    x, labels, _ = draw(architecture, 4)
    network = build(architecture, weights)
    tensors = {name: torch.tensor(weight) for name, weight in weights.items()}
    logits = torch_genre_network(torch, tensors, x, training=False)
    assert relative_error(network.logits(x), logits.numpy()) < 1e-11

    for name, spec in architecture.weight_specs().items():
        tensors[name].requires_grad_(spec.trainable)
    expected = torch.nn.functional.cross_entropy(
        torch_genre_network(torch, tensors, x, training=True), torch.tensor(labels)
    )
    expected.backward()
    loss, gradients = network.loss_and_gradients(x, labels)
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    for name, gradient in gradients.items():
        assert relative_error(gradient, tensors[name].grad.numpy()) < 1e-10, name
    statistics = network.trace(x, training=True)
    for suffix, n in (("", 4 * 63 * 64), ("_1", 4 * 31 * 31), ("_2", 4 * 15 * 15)):
        mean, variance = (f"batch_normalization{suffix}/moving_{name}" for name in ("mean", "variance"))
        assert relative_error(statistics[mean], tensors[mean].numpy()) < 1e-11
        # PyTorch's running variance follows the unbiased batch variance.
        biased = 0.99 * weights[variance] + (tensors[variance].numpy() - 0.99 * weights[variance]) * (n - 1) / n
        assert relative_error(statistics[variance], biased) < 1e-11


def test_pooling_ties_go_where_pytorch_sends_them() -> None:
    """On few distinct values, full of ties, both send every gradient to the same place."""
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).integers(0, 3, (2, 9, 8, 3)).astype(np.float64)
    op = OPERATIONS["MaxPooling2D"](MaxPooling2D((3, 3), (2, 2)), {}, training=True)
    cotangent = np.random.default_rng(1).normal(size=op.forward(x).shape)
    tensor = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    torch.nn.functional.max_pool2d(tensor, 3, 2).backward(torch.tensor(cotangent.transpose(0, 3, 1, 2).copy()))
    np.testing.assert_allclose(op.backward(cotangent)[0], tensor.grad.numpy().transpose(0, 2, 3, 1), atol=1e-14)


def test_nothing_changes_the_network() -> None:
    """Traces, gradients and updates leave the weights as they were; so does writing into what they return."""
    before = live_random_weights(EVERYTHING)
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
    shapes = {
        layer.name: (2, *shape) for layer, shape in zip(architecture.layers, architecture.shapes()[1:], strict=True)
    }
    statistics = {name: spec.shape for name, spec in architecture.weight_specs().items() if not spec.trainable}
    evaluation = network.trace(x, training=False)
    assert {name: each.shape for name, each in evaluation.items()} == shapes
    assert {name: each.shape for name, each in network.trace(x, training=True).items()} == shapes | statistics


def test_entries_of_a_trace_share_no_memory() -> None:
    """Even a layer that only reshapes or does nothing gives out an array of its own."""
    outputs = build(EVERYTHING).trace(draw(EVERYTHING, 2)[0], training=False)
    arrays = list(outputs.values())
    assert not any(np.shares_memory(one, other) for k, one in enumerate(arrays) for other in arrays[:k])


@ARCHITECTURES
def test_logits_are_the_last_entry_of_an_evaluation_trace(architecture: Architecture) -> None:
    """Masks change nothing in evaluation."""
    x, _, masks = draw(architecture, 3)
    network = build(architecture)
    last = network.trace(x, training=False, dropout_masks=masks)[architecture.layers[-1].name]
    np.testing.assert_array_equal(network.logits(x), last)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_is_computed_in_the_dtype_asked_for(dtype: str) -> None:
    """No operation leaves the dtype; float32 agrees with float64 to its precision."""
    weights = live_random_weights(EVERYTHING)
    network = NumpyBackend.build(EVERYTHING, weights, dtype=dtype)
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
    weights = {name: weight.astype(dtype) for name, weight in live_random_weights(EVERYTHING).items()}
    network = NumpyBackend.build(EVERYTHING, weights, dtype=dtype)
    expected = {name: weight.tobytes() for name, weight in weights.items()}
    for weight in weights.values():
        weight.fill(7)
    assert {name: weight.tobytes() for name, weight in network.weights().items()} == expected


def test_refused() -> None:
    """Wrong inputs, labels, masks, weights, dtypes and devices are named in the error."""
    network = build(genre_cnn())
    x = np.zeros((2, 128, 130, 1))
    with pytest.raises(BackendError, match=r"expected inputs of shape \(n, 128, 130, 1\), received \(2, 130, 128, 1\)"):
        network.logits(x.transpose(0, 2, 1, 3))
    with pytest.raises(BackendError, match=r"received \(128, 130, 1\)"):
        network.trace(x[0], training=False)
    for labels in (np.array([0]), np.array([0, 10]), np.array([-1, 0])):
        with pytest.raises(BackendError, match="expected 2 labels from 0 to 9"):
            network.loss_and_gradients(x, labels)
    small = build(EVERYTHING)
    x, _, masks = draw(EVERYTHING, 2)
    with pytest.raises(BackendError, match="dense: expected masks for"):
        small.trace(x, training=True, dropout_masks=masks | {"dense": masks["dropout"]})
    with pytest.raises(BackendError, match=r"dropout: expected a mask of shape"):
        small.trace(x, training=True, dropout_masks=masks | {"dropout": masks["dropout"][:1]})
    with pytest.raises(ConfigError, match="missing conv2d/kernel"):
        NumpyBackend.build(
            STRIDED, {name: w for name, w in live_random_weights(STRIDED).items() if name != "conv2d/kernel"}
        )
    with pytest.raises(BackendError, match="dtype: expected one of float32, float64, received 'float16'"):
        NumpyBackend.build(STRIDED, live_random_weights(STRIDED), dtype="float16")
    with pytest.raises(BackendError, match="device: expected auto or cpu, received 'cuda'"):
        NumpyBackend.build(STRIDED, live_random_weights(STRIDED), device="cuda")


def test_a_layer_kind_without_a_definition_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the kind."""
    monkeypatch.delitem(OPERATIONS, "Flatten")
    with pytest.raises(BackendError, match="received Flatten"):
        build(STRIDED)


def test_the_description_leads_to_the_backend() -> None:
    """What `INFO` names builds networks."""
    module, _, attribute = INFO.implementation.partition(":")
    assert getattr(import_module(module), attribute) is NumpyBackend
