"""The PyTorch backend against definitions in NumPy: each semantic of Keras, and the mistakes that are near."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genrebench.backend.protocol import Trainable
from genrebench.backend.registry import load_backend
from genrebench.errors import BackendError, ConfigError
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
from genrebench.training.batches import train_steps

torch = pytest.importorskip("torch")
backend = pytest.importorskip("genrebench_torch.backend")
network_module = pytest.importorskip("genrebench_torch.network")

SMALL = genre_cnn((32, 17), 3)
RNG = np.random.default_rng(0)


def build(architecture: Architecture, *, dtype: str = "float64", seed: int = 0) -> Any:
    """Build a network on the CPU, its running statistics and offsets no longer trivial."""
    rng = np.random.default_rng(seed)
    weights = architecture.initial_weights(seed)
    for name, value in weights.items():
        if not name.endswith("kernel"):
            weights[name] = value + rng.uniform(0.1, 0.5, value.shape).astype(np.float32)
    return backend.TorchBackend.build(architecture, weights, dtype=dtype, device="cpu")


def pool_by_definition(x: NDArray[Any], pool: tuple[int, int], strides: tuple[int, int]) -> NDArray[Any]:
    """Pool with ``same`` padding by looking at every window.

    Parameters
    ----------
    x : ndarray [shape=(height, width)]
        Input.

    Returns
    -------
    ndarray [shape=(ceil(height / stride), ceil(width / stride))]
        Maximum of each window.
    """
    tops, lefts = (same_padding(size, *each)[0] for size, *each in zip(x.shape, pool, strides, strict=True))
    output = np.empty([-(-size // stride) for size, stride in zip(x.shape, strides, strict=True)])
    for i in range(output.shape[0]):
        for j in range(output.shape[1]):
            top, left = i * strides[0] - tops, j * strides[1] - lefts
            output[i, j] = x[max(top, 0) : top + pool[0], max(left, 0) : left + pool[1]].max()
    return output


@pytest.mark.parametrize("size", range(2, 41))
def test_same_pooling_is_keras_own_for_every_size(size: int) -> None:
    """Windows of 1 to 4 and strides of 1 to 3, for height and width apart, against brute force."""
    for window, stride in ((2, 1), (3, 1), (2, 2), (3, 2), (4, 2), (1, 3), (2, 3), (4, 3)):
        pool = MaxPooling2D((window, 3), (stride, 2), padding="same")
        network = build(Architecture((size, 7, 1), (pool, Flatten())))
        x = RNG.normal(size=(size, 7)) - 5  # negative, so that padding with zeros would win
        expected = pool_by_definition(x, pool.pool_size, pool.strides)
        np.testing.assert_array_equal(network.logits(x[None, ..., None])[0], expected.ravel())


def test_symmetric_pooling_would_be_noticed() -> None:
    """PyTorch's own padding=1 gives other windows where TensorFlow pads one side only."""
    x = RNG.normal(size=(126, 128))
    expected = pool_by_definition(x, (3, 3), (2, 2))
    symmetric = torch.nn.functional.max_pool2d(torch.tensor(x)[None], 3, 2, padding=1)[0].numpy()
    assert symmetric.shape == expected.shape
    assert (symmetric != expected).mean() > 0.5


def test_weights_round_trip_bit_for_bit() -> None:
    """Every canonical tensor comes back as it went in, name, shape and bits."""
    weights = SMALL.initial_weights(1)
    network = backend.TorchBackend.build(SMALL, weights, device="cpu")
    again = network.weights()
    assert list(again) == list(weights)
    assert all(np.array_equal(again[name], weights[name]) for name in weights)
    again["dense/bias"] += 1
    assert not np.array_equal(network.weights()["dense/bias"], again["dense/bias"])


def test_convolution_and_dense_use_keras_layouts() -> None:
    """A kernel [height, width, in, out] is slid without flipping; a dense kernel is [in, out]; relu cuts at 0."""
    layer = Conv2D(4, (2, 3), strides=(2, 1), activation="relu")
    network = build(Architecture((7, 6, 3), (layer, Flatten(), Dense(2))))
    weights, x = network.weights(), RNG.normal(size=(2, 7, 6, 3))
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 3), axis=(1, 2))[:, ::2]
    conv = np.maximum(np.einsum("nijchw,hwco->nijo", windows, weights["conv2d/kernel"]) + weights["conv2d/bias"], 0)
    dense = conv.reshape(2, -1) @ weights["dense/kernel"] + weights["dense/bias"]
    np.testing.assert_allclose(network.trace(x, training=False)["conv2d"], conv, rtol=1e-12)
    np.testing.assert_allclose(network.logits(x), dense, rtol=1e-12)
    swapped = conv.transpose(0, 3, 1, 2).reshape(2, -1) @ weights["dense/kernel"] + weights["dense/bias"]
    assert np.abs(swapped - dense).max() > 0.1


def test_padded_convolution_and_vectors_of_batch_normalization() -> None:
    """Layers beyond the genre network: a padded convolution and normalized vectors."""
    layers: tuple[Layer, ...] = (Conv2D(2, (3, 2), padding="same"), Flatten(), BatchNormalization(), Dense(2))
    network = build(Architecture((5, 4, 1), layers))
    weights, x = network.weights(), RNG.normal(size=(3, 5, 4, 1))
    padded = np.pad(x, ((0, 0), (1, 1), (0, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 2), axis=(1, 2))
    conv = np.einsum("nijchw,hwco->nijo", windows, weights["conv2d/kernel"]) + weights["conv2d/bias"]
    trace = network.trace(x, training=True)
    np.testing.assert_allclose(trace["conv2d"], conv, rtol=1e-12)
    flat = conv.reshape(3, -1)
    scale = weights["batch_normalization/gamma"] / np.sqrt(flat.var(axis=0) + 1e-3)
    expected = (flat - flat.mean(axis=0)) * scale + weights["batch_normalization/beta"]
    np.testing.assert_allclose(trace["batch_normalization"], expected, rtol=1e-10)


def test_batch_normalization_has_keras_momentum_epsilon_and_biased_variance() -> None:
    """In training the batch's statistics normalize and the running ones follow slowly; in evaluation those count."""
    network = build(Architecture((4, 3, 2), (BatchNormalization(momentum=0.9, epsilon=0.01), Flatten(), Dense(2))))
    old, x = network.weights(), RNG.normal(2, 3, size=(5, 4, 3, 2))
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    gamma, beta = old["batch_normalization/gamma"], old["batch_normalization/beta"]
    trace = network.trace(x, training=True)
    expected = gamma * (x - mean) / np.sqrt(variance + 0.01) + beta
    np.testing.assert_allclose(trace["batch_normalization"], expected, rtol=1e-10, atol=1e-12)
    running = 0.9 * old["batch_normalization/moving_variance"] + 0.1 * variance
    np.testing.assert_allclose(trace["batch_normalization/moving_variance"], running, rtol=1e-12)
    assert np.abs(running - (0.9 * old["batch_normalization/moving_variance"] + 0.1 * variance * 60 / 59)).max() > 1e-3
    np.testing.assert_allclose(
        trace["batch_normalization/moving_mean"], 0.9 * old["batch_normalization/moving_mean"] + 0.1 * mean, rtol=1e-12
    )
    evaluated = network.trace(x, training=False)["batch_normalization"]
    scale = gamma / np.sqrt(old["batch_normalization/moving_variance"] + 0.01)
    np.testing.assert_allclose(evaluated, scale * (x - old["batch_normalization/moving_mean"]) + beta, rtol=1e-10)


def test_training_updates_the_running_statistics_as_the_trace_predicts() -> None:
    """The fast path's statistics after one step are the traced ones."""
    network = build(SMALL)
    x, labels = RNG.normal(size=(6, 32, 17, 1)), np.array([0, 1, 2, 0, 1, 2])
    expected = network.trace(x, training=True)
    network.start_training(Adam(), seed=0)
    network.train_step(x, labels)
    after = network.weights()
    for name in ("moving_mean", "moving_variance"):
        for layer in ("batch_normalization", "batch_normalization_1", "batch_normalization_2"):
            np.testing.assert_allclose(after[f"{layer}/{name}"], expected[f"{layer}/{name}"], rtol=1e-10, atol=1e-13)


def test_what_training_runs_is_what_the_trace_shows() -> None:
    """Rectifier behind pooling and channels-last memory change neither loss nor update, in float64."""
    layers = tuple(layer for layer in SMALL.layers if not isinstance(layer, Dropout))
    network = build(Architecture(SMALL.input_shape, layers))
    x, labels = RNG.normal(size=(6, 32, 17, 1)), np.array([0, 1, 2, 0, 1, 2])
    loss, gradients = network.loss_and_gradients(x, labels)
    zeros = {name: np.zeros_like(value) for name, value in gradients.items()}
    expected, _ = network.adam_update(gradients, AdamState(0, zeros, zeros), Adam())
    network.start_training(Adam(), seed=0)
    metrics = network.train_step(x, labels)
    assert metrics.loss == pytest.approx(loss, rel=1e-12)
    after = network.weights()
    for name, value in expected.items():
        np.testing.assert_allclose(after[name], value, rtol=0, atol=1e-9 * max(np.abs(value).max(), 1))


def test_gradients_are_those_of_finite_differences() -> None:
    """A few entries of every tensor, by central differences in float64."""
    network = build(SMALL)
    x, labels = RNG.normal(size=(4, 32, 17, 1)), np.array([0, 1, 2, 0])
    masks = {"dropout": (RNG.random((4, 64)) > 0.3).astype(float)}
    weights = network.weights()
    _, gradients = network.loss_and_gradients(x, labels, dropout_masks=masks)
    assert gradients.keys() == {name for name, spec in SMALL.weight_specs().items() if spec.trainable}
    for name, gradient in gradients.items():
        for flat in RNG.choice(gradient.size, 2, replace=False):
            losses = []
            for step in (1e-6, -1e-6):
                moved = {key: value.copy() for key, value in weights.items()}
                moved[name].flat[flat] += step
                other = backend.TorchBackend.build(SMALL, moved, dtype="float64", device="cpu")
                losses.append(other.loss_and_gradients(x, labels, dropout_masks=masks)[0])
            difference = (losses[0] - losses[1]) / 2e-6
            assert difference == pytest.approx(gradient.flat[flat], abs=1e-5 * max(np.abs(gradient).max(), 1))


def test_adam_is_keras_adam() -> None:
    """Three updates follow the formula with epsilon beside the uncorrected root; PyTorch's own place differs."""
    network = build(Architecture((2, 2, 1), (Flatten(), Dense(3))))
    config = Adam(learning_rate=0.01, epsilon=1e-3)
    weight = network.weights()["dense/kernel"]
    zeros = {name: np.zeros_like(value) for name, value in network.weights().items()}
    state = AdamState(0, zeros, zeros)
    m = v = np.zeros_like(weight)
    for step in range(1, 4):
        gradient = RNG.normal(size=weight.shape) * 1e-3
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        corrected = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        expected = weight - corrected * m / (np.sqrt(v) + 1e-3)
        own_place = weight - 0.01 * m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-3)
        updated, state = network.adam_update(zeros | {"dense/kernel": gradient}, state, config)
        np.testing.assert_allclose(updated["dense/kernel"], expected, rtol=1e-12)
        assert np.abs(own_place - expected).max() > 1e-4
        np.testing.assert_allclose(state.m["dense/kernel"], m, rtol=1e-12)
        assert state.step == step
    np.testing.assert_array_equal(network.weights()["dense/kernel"], weight)


def test_training_steps_follow_the_same_adam() -> None:
    """Three steps of training equal three updates from the gradients at each state."""
    architecture = Architecture((3, 3, 1), (Flatten(), Dense(4, activation="relu"), Dense(2)))
    network = build(architecture)
    x, labels = RNG.normal(size=(5, 3, 3, 1)), np.array([0, 1, 0, 1, 1])
    zeros = {name: np.zeros_like(value) for name, value in network.weights().items()}
    weights, state = network.weights(), AdamState(0, zeros, zeros)
    network.start_training(Adam(), seed=0)
    for _ in range(3):
        other = backend.TorchBackend.build(architecture, weights, dtype="float64", device="cpu")
        _, gradients = other.loss_and_gradients(x, labels)
        weights, state = other.adam_update(gradients, state, Adam())
        network.train_step(x, labels)
    for name, value in network.weights().items():
        np.testing.assert_allclose(value, weights[name], rtol=1e-9)


def test_dropout_drops_in_training_only_and_by_its_seed() -> None:
    """About 30 % are dropped, the rest is scaled up, evaluation is untouched, and the seed fixes the draw."""
    architecture = Architecture((1, 1, 4000), (Flatten(), Dropout(0.3), Dense(2)))
    x, mask = np.ones((1, 1, 1, 4000)), np.zeros((1, 4000))
    network = build(architecture)
    np.testing.assert_array_equal(network.trace(x, training=False)["dropout"], 1)
    np.testing.assert_array_equal(network.trace(x, training=True)["dropout"], 1)
    mask[:, ::2] = 1
    given = network.trace(x, training=True, dropout_masks={"dropout": mask})["dropout"]
    np.testing.assert_allclose(given, mask / 0.7)
    draws = []
    for seed in (0, 0, 1):
        network.start_training(Adam(), seed=seed)
        network._modules.train()
        draws.append(network._modules[:2](network._canonical_to_torch(x)).numpy())
    assert set(np.unique(draws[0].round(6))) == {0, round(1 / 0.7, 6)}
    assert (draws[0] == 0).mean() == pytest.approx(0.3, abs=0.03)
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_masks_of_feature_maps_are_channels_last() -> None:
    """A mask in the shape of a layer's canonical output drops just those values."""
    network = build(Architecture((2, 2, 2), (Dropout(0.5), Flatten(), Dense(2))))
    mask = np.zeros((1, 2, 2, 2))
    mask[0, 0, 1, 0] = 1
    trace = network.trace(np.ones((1, 2, 2, 2)), training=True, dropout_masks={"dropout": mask})
    np.testing.assert_array_equal(trace["dropout"], 2 * mask)


def test_prediction_does_not_disturb_training() -> None:
    """Logits in evaluation mode between two steps change nothing, and training mode is set again."""
    x, labels = RNG.normal(size=(6, 32, 17, 1)), np.array([0, 1, 2, 0, 1, 2])
    weights = []
    for predicts in (False, True):
        network = build(SMALL)
        network.start_training(Adam(), seed=0)
        for _ in range(2):
            network.train_step(x, labels)
            if predicts:
                np.testing.assert_array_equal(network.logits(x), network.logits(x))
        weights.append(network.weights())
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_one_input_gives_what_it_gives_among_others() -> None:
    """A batch of 1 equals its row in a batch of 64 in evaluation mode."""
    network = build(SMALL)
    x = RNG.normal(size=(64, 32, 17, 1))
    np.testing.assert_allclose(network.logits(x[5:6])[0], network.logits(x)[5], rtol=1e-10)


def test_the_genre_network_in_float32_is_that_in_float64() -> None:
    """On the full input the two agree to rounding, and the last trace entry is the logits."""
    architecture = genre_cnn()
    x = RNG.normal(size=(2, 128, 130, 1))
    double, single = build(architecture), build(architecture, dtype="float32")
    trace = double.trace(x, training=False)
    assert {name: value.shape[1:] for name, value in trace.items()} == {
        layer.name: shape for layer, shape in zip(architecture.layers, architecture.shapes()[1:], strict=True)
    }
    np.testing.assert_allclose(trace["dense_1"], double.logits(x), rtol=1e-11, atol=1e-11)
    assert single.logits(x.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(single.logits(x.astype(np.float32)), double.logits(x), atol=1e-4)


def test_the_plugin_is_found_and_trains() -> None:
    """The entry point leads to this backend, whose networks are trainable."""
    info, found = load_backend("torch")
    assert found is backend.TorchBackend
    assert info.can_train
    assert isinstance(build(SMALL), Trainable)


def test_what_cannot_be_done_is_refused() -> None:
    """Wrong input shape, dtype, device, weights, and a step before the start."""
    network = build(SMALL)
    with pytest.raises(BackendError, match=r"expected inputs of shape \(n, 32, 17, 1\), received \(2, 17, 32, 1\)"):
        network.logits(np.zeros((2, 17, 32, 1)))
    with pytest.raises(BackendError, match="start_training"):
        network.train_step(np.zeros((2, 32, 17, 1)), np.zeros(2, np.int64))
    x, labels = np.zeros((2, 32, 17, 1)), np.zeros(2, np.int64)
    for wrong in (labels - 100, labels + 3, labels[:1], labels.astype(float)):
        with pytest.raises(BackendError, match="expected 2 labels from 0 to 2, received"):
            network.loss_and_gradients(x, wrong)
    with pytest.raises(
        BackendError, match=r"dropout: expected a mask of shape \(2, 64\), received one of shape \(2, 1\)"
    ):
        network.trace(x, training=True, dropout_masks={"dropout": np.ones((2, 1))})
    with pytest.raises(BackendError, match=r"dense: expected masks for \['dropout'\] only"):
        network.trace(x, training=True, dropout_masks={"dense": np.ones((2, 64))})
    weights = SMALL.initial_weights(0)
    with pytest.raises(BackendError, match="dtype: expected one of float32, float64, received 'float16'"):
        backend.TorchBackend.build(SMALL, weights, dtype="float16")
    with pytest.raises(BackendError, match=r"device: .*\(cpu.*received 'tpu'"):
        backend.TorchBackend.build(SMALL, weights, device="tpu")
    with pytest.raises(ConfigError, match="missing"):
        backend.TorchBackend.build(SMALL, {})


POOLED = {
    "same, one side": MaxPooling2D((3, 3), (2, 2), padding="same"),
    "same, unequal": MaxPooling2D((2, 3), (3, 2), padding="same"),
    "same, stride 1": MaxPooling2D((2, 2), (1, 1), padding="same"),
    "valid": MaxPooling2D((2, 2), (2, 2)),
}


@pytest.mark.parametrize("cached", [1, 10_000, 2**30], ids=["one by one", "some", "all at once"])
@pytest.mark.parametrize("pool", POOLED.values(), ids=POOLED)
@pytest.mark.parametrize("activation", ["relu", "linear"])
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "behind others"])
def test_convolution_and_pooling_together_are_the_two_apart(
    pool: MaxPooling2D, activation: str, is_first: bool, cached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outputs and all gradients, for batches that do not divide evenly, with ties and with all-negative maps."""
    monkeypatch.setattr("genrebench_torch.convpool._CACHED_BYTES", cached)
    convolution = Conv2D(5, (3, 2), padding="same", strides=(1, 2), activation=activation)
    architecture = Architecture((11, 14, 2), (convolution, pool, Flatten(), Dense(3)))
    weights = architecture.initial_weights(0)
    weights["conv2d/bias"] = np.array([0.3, -0.2, 0.0, -9.0, 0.1], np.float32)
    fast, slow = (network_module.build_layers(architecture, fast=each).double() for each in (True, False))
    assert isinstance(fast[0], network_module.ConvPool)
    assert isinstance(fast[1], torch.nn.Identity)
    x = RNG.normal(size=(7, 2, 11, 14)).round(1)  # rounded, so that maxima stand several times in a window
    results = []
    for modules in (fast, slow):
        backend.set_weights(architecture, modules, weights)
        modules.to(memory_format=torch.channels_last)
        inputs = torch.tensor(x, requires_grad=not is_first)
        outputs = modules(inputs)
        outputs.square().sum().backward()
        gradients = [tensor.grad for tensor in (inputs, *modules.parameters()) if tensor.requires_grad]
        results.append([outputs, *gradients])
    for received, expected in zip(*results, strict=True):
        torch.testing.assert_close(received, expected, rtol=1e-12, atol=1e-12)
    with torch.inference_mode():
        torch.testing.assert_close(fast(torch.tensor(x)), results[1][0].detach(), rtol=1e-12, atol=1e-12)


def test_an_empty_batch_gives_nothing_as_with_the_two_apart() -> None:
    """As PyTorch's own layers do."""
    assert build(SMALL).logits(np.zeros((0, *SMALL.input_shape))).shape == (0, SMALL.classes)


def test_gradients_of_gradients_are_refused() -> None:
    """There are none of the two together, and silence would be taken for zero."""
    modules = network_module.build_layers(SMALL, fast=True).double()
    loss = modules(torch.zeros((2, 1, 32, 17), dtype=torch.float64)).square().sum()
    (gradient,) = torch.autograd.grad(loss, [modules[0].conv.weight], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_data_that_are_kept_train_as_batches_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same losses and weights, bit for bit; where there is no room, nothing is kept, and never half of it."""
    x, labels = RNG.normal(size=(20, 32, 17, 1)).astype(np.float32), np.arange(20) % 3
    order = RNG.permutation(20)
    networks = [build(SMALL, dtype="float32") for _ in range(2)]
    losses: list[list[float]] = []
    for network, room in zip(networks, (-1, x.nbytes), strict=True):
        monkeypatch.setattr(backend, "_room", lambda device, room=room: room)
        network.start_training(Adam(), seed=0)
        assert network.keep_data(x, labels) is (room > 0)
        losses.append([metrics.loss for metrics in train_steps(network, x, labels, order, 8)])
        losses[-1] += [metrics.loss for metrics in train_steps(network, x, labels, order[::-1].copy(), 8)]
    assert len(losses[0]) == 6
    assert losses[0] == losses[1]
    for received, expected in zip(*(network.weights().values() for network in networks), strict=True):
        np.testing.assert_array_equal(received, expected)
    assert networks[1].keep_data(x, labels)  # which are there
    assert networks[1].keep_data(x * 2, labels) is True
    first = networks[1].train_rows(order[:4]).loss
    networks[1].keep_data(x, labels)
    assert networks[1].train_rows(order[:4]).loss != pytest.approx(first, rel=0.05)
    monkeypatch.setattr(backend, "_room", lambda device: x.nbytes - 1)
    other = build(SMALL, dtype="float32")
    assert other.keep_data(x, labels) is False
    with pytest.raises(BackendError, match="train_rows: expected keep_data"):
        other.train_rows(order)


def test_on_the_cpu_nothing_is_kept_twice() -> None:
    """The data are where they are needed."""
    assert backend._room(torch.device("cpu")) == -1


def test_bfloat16_trains_close_to_float32() -> None:
    """The first loss differs by bfloat16's rounding but not more, and weights stay float32."""
    x, labels = RNG.normal(size=(12, 32, 17, 1)).astype(np.float32), np.arange(12) % 3
    losses = {}
    for precision in ("float32", "bfloat16"):
        network = build(SMALL, dtype="float32")
        network.start_training(Adam(), seed=0, precision=precision)
        losses[precision] = [network.train_step(x, labels).loss for _ in range(8)]
        assert {value.dtype for value in network.weights().values()} == {np.dtype(np.float32)}
    difference = abs(losses["bfloat16"][0] / losses["float32"][0] - 1)
    assert 1e-7 < difference < 0.05
    assert losses["bfloat16"][-1] < losses["bfloat16"][0]
    with pytest.raises(BackendError, match="expected one of float32, bfloat16, received 'float16'"):
        network.start_training(Adam(), seed=0, precision="float16")
