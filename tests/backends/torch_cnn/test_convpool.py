"""Convolution and pooling together on the CPU: what the two give apart."""

from typing import Literal

import numpy as np
import pytest

from genrebench.network import Architecture
from genrebench.network.layers import Conv2D, Dense, Flatten, MaxPooling2D
from tests.backends.torch_cnn.networks import RNG, SMALL, build

torch = pytest.importorskip("torch")
from genrebench_torch import layers  # noqa: E402
from genrebench_torch.weights import set_weights  # noqa: E402

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
    pool: MaxPooling2D,
    activation: Literal["relu", "linear"],
    is_first: bool,
    cached: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Outputs and all gradients, for batches that do not divide evenly, with ties and with all-negative maps."""
    monkeypatch.setattr("genrebench_torch.convpool._CACHED_BYTES", cached)
    convolution = Conv2D(5, (3, 2), padding="same", strides=(1, 2), activation=activation)
    architecture = Architecture((11, 14, 2), (convolution, pool, Flatten(), Dense(3)))
    weights = architecture.initial_weights(0)
    weights["conv2d/bias"] = np.array([0.3, -0.2, 0.0, -9.0, 0.1], np.float32)
    fast, slow = (layers.Layers(architecture, fast=each).double() for each in (True, False))
    first, second, *_ = (module for _, module in fast.places())
    assert isinstance(first, layers.ConvPool)
    assert isinstance(second, torch.nn.Identity)
    x = RNG.normal(size=(7, 2, 11, 14)).round(1)  # rounded, so that maxima stand several times in a window
    results = []
    for modules in (fast, slow):
        set_weights(modules, weights)
        modules.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
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
    modules = layers.Layers(SMALL, fast=True).double()
    loss = modules(torch.zeros((2, 1, 32, 17), dtype=torch.float64)).square().sum()
    (gradient,) = torch.autograd.grad(loss, [next(modules.parameters())], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
