"""Networks in PyTorch: what is traced, trained, loaded onto a device, and resumed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.backend import Adam, AdamState
from genrebench.errors import BackendError
from genrebench.network import Architecture, genre_cnn
from genrebench.network.layers import Dropout
from genrebench.network.sampling import random_weights
from genrebench.network.types import Weights
from genrebench.system.arrays import write_arrays
from genrebench.training.batches import train_steps
from tests.backends.torch_cnn.networks import RNG, SMALL, build

torch = pytest.importorskip("torch")
from genrebench_torch import network as network_module  # noqa: E402
from genrebench_torch.backend import TorchBackend  # noqa: E402
from genrebench_torch.layers import ConvPool  # noqa: E402

INPUTS = RNG.normal(size=(24, 32, 17, 1)).astype(np.float32)
LABELS = np.arange(24) % 3


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
    expected, _ = network.adam_update(gradients, AdamState.zeros(gradients), Adam())
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
    assert gradients.keys() == set(SMALL.trainable)
    for name, gradient in gradients.items():
        for flat in RNG.choice(gradient.size, 2, replace=False):
            losses = []
            for step in (1e-6, -1e-6):
                moved = {key: value.copy() for key, value in weights.items()}
                moved[name].flat[flat] += step
                other = TorchBackend.build(SMALL, moved, dtype="float64", device="cpu")
                losses.append(other.loss_and_gradients(x, labels, dropout_masks=masks)[0])
            difference = (losses[0] - losses[1]) / 2e-6
            assert difference == pytest.approx(gradient.flat[flat], abs=1e-5 * max(np.abs(gradient).max(), 1))


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
        node.name: node.output_shape for node in architecture.walk()
    }
    np.testing.assert_allclose(trace["dense_1"], double.logits(x), rtol=1e-11, atol=1e-11)
    assert single.logits(x.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(single.logits(x.astype(np.float32)), double.logits(x), atol=1e-4)


def test_loaded_data_train_as_batches_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same losses and weights, bit for bit; where there is no room, nothing is kept, and never half of it."""
    x, labels = RNG.normal(size=(20, 32, 17, 1)).astype(np.float32), np.arange(20) % 3
    order = RNG.permutation(20)
    networks = [build(SMALL, dtype="float32") for _ in range(2)]
    losses: list[list[float]] = []
    for network, room in zip(networks, (-1, x.nbytes), strict=True):
        monkeypatch.setattr(network_module, "available_bytes", lambda device, room=room: room)
        network.start_training(Adam(), seed=0)
        assert network.load_data(x, labels) is (room > 0)
        losses.append([metrics.loss for metrics in train_steps(network, x, labels, order, 8)])
        losses[-1] += [metrics.loss for metrics in train_steps(network, x, labels, order[::-1].copy(), 8)]
    assert len(losses[0]) == 6
    assert losses[0] == losses[1]
    for received, expected in zip(*(network.weights().values() for network in networks), strict=True):
        np.testing.assert_array_equal(received, expected)
    assert networks[1].load_data(x, labels)  # which are there
    assert networks[1].load_data(x * 2, labels) is True
    first = networks[1].train_on(order[:4]).loss
    networks[1].load_data(x, labels)
    assert networks[1].train_on(order[:4]).loss != pytest.approx(first, rel=0.05)
    monkeypatch.setattr(network_module, "available_bytes", lambda device: x.nbytes - 1)
    other = build(SMALL, dtype="float32")
    assert other.load_data(x, labels) is False
    with pytest.raises(BackendError, match="train_on: expected load_data"):
        other.train_on(order)


def test_on_the_cpu_nothing_is_copied() -> None:
    """The data are where they are needed."""
    assert network_module.available_bytes(torch.device("cpu")) == -1


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


def step(network: Any, batch: int, *, loaded: bool) -> None:
    """Do one step on a batch that its number fixes."""
    rng = np.random.default_rng(batch)
    indices = rng.permutation(len(LABELS))[:8]
    if loaded:
        network.train_on(indices)
    else:
        network.train_step(INPUTS[indices], LABELS[indices])


def interrupted(folder: Path, precision: str, *, loaded: bool) -> tuple[Any, Weights, Weights]:
    """Train for six steps, and save after three; return the trained network, and weights and state that were saved."""
    network = TorchBackend.build(SMALL, random_weights(SMALL, 0), device="cpu")
    network.start_training(Adam(), seed=5, precision=precision)
    assert network.load_data(INPUTS, LABELS) is loaded
    for batch in range(3):
        step(network, batch, loaded=loaded)
    saved = {f"weights/{name}": value for name, value in network.weights().items()}
    write_arrays(folder / "saved.npz", saved | network.training_state())
    for batch in range(3, 6):
        step(network, batch, loaded=loaded)
    with np.load(folder / "saved.npz", allow_pickle=False) as file:
        state = dict(file)
    return network, {name.removeprefix("weights/"): state.pop(name) for name in saved}, state


def resume(weights: Weights, state: Weights, precision: str = "float32", *, loaded: bool = False) -> Any:
    """Build a network that goes on with a state, and do the three steps that are left."""
    network = TorchBackend.build(SMALL, weights, device="cpu")
    network.start_training(Adam(), seed=99, precision=precision)
    network.load_training_state(state)
    assert network.load_data(INPUTS, LABELS) is loaded
    for batch in range(3, 6):
        step(network, batch, loaded=loaded)
    return network


def bits(network: Any) -> list[bytes]:
    """List the bits of all weights."""
    return [value.tobytes() for value in network.weights().values()]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("loaded", [False, True], ids=["batches", "loaded data"])
def test_resumed_training_has_the_bits_of_training_that_was_not_interrupted(
    precision: str, loaded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six steps at once are three, a file, and three in another network; dropout is on, and so is the fast path."""
    monkeypatch.setattr(network_module, "available_bytes", lambda device: INPUTS.nbytes if loaded else -1)
    straight, weights, state = interrupted(tmp_path, precision, loaded=loaded)
    assert isinstance(next(module for _, module in straight._layers.places()), ConvPool)
    assert bits(resume(weights, state, precision, loaded=loaded)) == bits(straight)


def test_nothing_in_the_training_state_can_be_left_out(tmp_path: Path) -> None:
    """With any one entry as it is at the beginning of training, other weights come out."""
    straight, weights, state = interrupted(tmp_path, "float32", loaded=False)
    beginning = TorchBackend.build(SMALL, weights, device="cpu")
    beginning.start_training(Adam(), seed=99)
    entries = beginning.training_state()
    moments = {f"adam/{kind}/{name}" for kind in "mv" for name in SMALL.trainable}
    assert entries.keys() == state.keys() == {"adam/step", "dropout/generator", "threads", *moments}
    assert int(entries.pop("threads")) == 1
    for name, value in entries.items():
        assert bits(resume(weights, {**state, name: value})) != bits(straight), name


def test_a_training_state_is_the_caller_s_own() -> None:
    """Further steps do not reach what was given out, and what was taken in may change."""
    networks = [build(SMALL, dtype="float32") for _ in range(2)]
    for network in networks:
        network.start_training(Adam(), seed=5)
    step(networks[0], 0, loaded=False)
    given = networks[0].training_state()
    before = {name: value.copy() for name, value in given.items()}
    networks[1].load_training_state(given)
    step(networks[0], 1, loaded=False)
    np.testing.assert_equal(given, before)
    for value in given.values():
        value.fill(1)
    np.testing.assert_equal(networks[1].training_state(), before)


def test_training_states_that_are_not_whole_are_refused() -> None:
    """Missing, unknown and misshapen entries, another device's random stream, and training that has not begun."""
    network = build(SMALL)
    with pytest.raises(BackendError, match="expected start_training to be called"):
        network.training_state()
    network.start_training(Adam(), seed=0)
    state = network.training_state()
    with pytest.raises(BackendError, match="expected start_training to be called"):
        build(SMALL).load_training_state(state)
    for name in state:
        with pytest.raises(BackendError, match=f"missing {name}$"):
            network.load_training_state({key: value for key, value in state.items() if key != name})
    with pytest.raises(BackendError, match=r"unknown adam/m/other$"):
        network.load_training_state({**state, "adam/m/other": np.zeros(3)})
    with pytest.raises(BackendError, match=r"adam/v/dense/bias: expected shape \(64,\), received \(3,\)"):
        network.load_training_state({**state, "adam/v/dense/bias": np.zeros(3)})
    for stream in (np.zeros(16, np.uint8), np.zeros(5, np.float32)):
        with pytest.raises(BackendError, match=r"^dropout/generator: expected the random stream of a network on cpu"):
            network.load_training_state({**state, "dropout/generator": stream})
    for threads in (np.array(0), np.array(2**40), np.array([1]), np.array(1.0)):
        with pytest.raises(BackendError, match=r"^threads: expected a number of threads, received"):
            network.load_training_state({**state, "threads": threads})


def test_training_goes_on_with_as_many_threads_as_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number is in the state, and is set; where it is the same, nothing is touched."""
    numbers: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", numbers.append)
    network = build(SMALL, dtype="float32")
    network.start_training(Adam(), seed=0)
    state = network.training_state()
    network.load_training_state(state)
    assert numbers == []
    network.load_training_state({**state, "threads": np.array(3)})
    assert numbers == [3]
