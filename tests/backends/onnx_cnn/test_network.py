"""The ONNX backend: what it predicts is the definition's, and what it cannot do it says."""

from collections.abc import Callable

import numpy as np
import pytest

from genrebench.backend import Adam, AdamState, Trainable
from genrebench.backend.checked import CheckedBackend
from genrebench.backend.registry import load_backend
from genrebench.errors import BackendError, ConfigError
from genrebench.network import Architecture, genre_cnn
from genrebench.network.layers import LAYER_KINDS, Flatten, Layer
from genrebench.network.node import Node
from genrebench.network.numerics import FLOAT32_TOLERANCE, FORWARD_TOLERANCE, relative_error
from genrebench.network.reference import ReferenceNetwork
from genrebench.network.sampling import random_inputs, random_weights
from genrebench.network.types import Shape
from genrebench.testing.layers import describe, network_around
from genrebench.testing.under_test import MIXED

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
backend = pytest.importorskip("genrebench_onnx.backend")
layers = pytest.importorskip("genrebench_onnx.layers")

SMALL = genre_cnn((33, 20), 4)
EXAMPLES = [pytest.param(*each, id=describe(*each)) for kind in LAYER_KINDS.values() for each in kind.examples()]


def largest_error(architecture: Architecture, dtype: str) -> float:
    """Compare every layer's output and the logits with the definition's."""
    weights, (x, _) = random_weights(architecture, 0), random_inputs(architecture, 3)
    network = backend.OnnxBackend.build(architecture, weights, dtype=dtype)
    reference = ReferenceNetwork(architecture, weights, dtype="float64")
    found, right = network.trace(x, training=False), reference.trace(x, training=False)
    assert list(found) == list(right)
    errors = [relative_error(found[name], right[name]) for name in right]
    return max(*errors, relative_error(network.logits(x), reference.logits(x)))


def test_the_plugin_is_found_and_does_not_train() -> None:
    """The entry point leads to this backend, whose networks only predict."""
    info, found = load_backend("onnx")
    assert isinstance(found, CheckedBackend)
    assert found.backend is backend.OnnxBackend
    assert info.predicts_only
    assert not info.can_train
    assert not isinstance(found.build(SMALL, random_weights(SMALL, 0), dtype="float32", device="auto"), Trainable)


@pytest.mark.parametrize(("layer", "shape"), EXAMPLES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", FORWARD_TOLERANCE), ("float32", FLOAT32_TOLERANCE)])
def test_every_layer_is_the_definition(layer: Layer, shape: Shape, dtype: str, tolerance: float) -> None:
    """In both types: convolutions in float64 go another way, since ONNX Runtime has none."""
    assert largest_error(network_around(layer, shape), dtype) <= tolerance


@pytest.mark.parametrize("architecture", [SMALL, MIXED], ids=["genre", "mixed"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", FORWARD_TOLERANCE), ("float32", FLOAT32_TOLERANCE)])
def test_whole_networks_are_the_definition(architecture: Architecture, dtype: str, tolerance: float) -> None:
    """Layer by layer, and in the network as it is used."""
    assert largest_error(architecture, dtype) <= tolerance


def swapped_pads(node: Node, window: tuple[int, int]) -> list[int]:
    """Pad at the wrong ends."""
    top, left, bottom, right = PADS(node, window)
    return [bottom, right, top, left]


PADS = layers._pads


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_padding_at_the_wrong_end_shows(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above would find the mistake that frameworks make most often."""
    monkeypatch.setattr(layers, "_pads", swapped_pads)
    assert largest_error(SMALL, dtype) > 1e-2


def test_nothing_is_shared_with_the_caller() -> None:
    """Weights that are given or taken are copies."""
    weights = random_weights(SMALL, 0)
    network = backend.OnnxBackend.build(SMALL, weights)
    before = {name: value.copy() for name, value in weights.items()}
    for value in (*weights.values(), *network.weights().values()):
        value += 1
    after = network.weights()
    assert all(np.array_equal(after[name], value) for name, value in before.items())


def test_what_is_not_prediction_is_refused() -> None:
    """A pass in training, gradients and updates, each by name; wrong inputs before that."""
    network = backend.OnnxBackend.build(SMALL, random_weights(SMALL, 0))
    x, labels = random_inputs(SMALL, 2)
    calls: dict[str, Callable[[], object]] = {
        "a pass in training": lambda: network.trace(x, training=True),
        "gradients": lambda: network.loss_and_gradients(x, labels),
        "an update of Adam": lambda: network.adam_update({}, AdamState.zeros({}), Adam()),
    }
    for what, call in calls.items():
        with pytest.raises(BackendError, match=f"expected to predict.*was asked for {what}"):
            call()
    with pytest.raises(BackendError, match=r"expected inputs of shape \(n, 33, 20, 1\)"):
        network.logits(x[:, 1:])


def test_what_cannot_be_built_is_refused() -> None:
    """Another dtype, another device, weights of another network, an unknown kind, more than a file can hold."""
    weights = SMALL.initial_weights(0)
    with pytest.raises(BackendError, match="dtype: expected one of float32, float64, received 'float16'"):
        backend.OnnxBackend.build(SMALL, weights, dtype="float16")
    with pytest.raises(BackendError, match=r"device: expected auto or one usable here \(cpu\), received 'cuda'"):
        backend.OnnxBackend.build(SMALL, weights, device="cuda")
    with pytest.raises(ConfigError, match="missing"):
        backend.OnnxBackend.build(SMALL, {})


def test_a_kind_without_a_builder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name."""
    monkeypatch.delitem(layers.BUILDERS, Flatten.__name__)
    with pytest.raises(BackendError, match="received Flatten"):
        backend.OnnxBackend.build(SMALL, random_weights(SMALL, 0))


def test_a_network_beyond_two_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which a file of ONNX cannot hold."""
    monkeypatch.setattr("genrebench_onnx.network.MAX_BYTES", 1000)
    with pytest.raises(BackendError, match="expected weights of less than 2 GiB"):
        backend.OnnxBackend.build(SMALL, random_weights(SMALL, 0))
