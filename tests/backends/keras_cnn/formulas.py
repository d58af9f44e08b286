"""What Keras should compute: a network in PyTorch's functions and plain formulas, and Adam."""

from typing import Any

import numpy as np
import pytest

from genrebench.backend import AdamState
from genrebench.network import Architecture, Weights, layers
from genrebench.network.layers import same_padding
from tests.backends.keras_cnn.measuring import ADAM, ARCHITECTURES, make_case


def run_windows(layer: layers.Conv2D | layers.MaxPooling2D, weights: dict[str, Any], x: Any) -> Any:
    """Convolve or pool in PyTorch's functions, without the activation.

    Parameters
    ----------
    x : Tensor [shape=(n, height, width, channels)]
        Input.

    Returns
    -------
    Tensor [shape=(n, height, width, channels)]
        Output.
    """
    torch = pytest.importorskip("torch")
    window = layer.kernel_size if isinstance(layer, layers.Conv2D) else layer.pool_size
    padding = 0.0 if isinstance(layer, layers.Conv2D) else -torch.inf
    y = x.permute(0, 3, 1, 2)
    if layer.padding == "same":
        rows, columns = (same_padding(*each) for each in zip(y.shape[2:], window, layer.strides, strict=True))
        y = torch.nn.functional.pad(y, (*columns, *rows), value=padding)
    if isinstance(layer, layers.Conv2D):
        y = torch.conv2d(y, weights["kernel"].permute(3, 2, 0, 1), weights["bias"], layer.strides)
    else:
        y = torch.max_pool2d(y, window, layer.strides)
    return y.permute(0, 2, 3, 1)


def run_reference(
    architecture: Architecture, weights: dict[str, Any], x: Any, *, training: bool, masks: Weights
) -> dict[str, Any]:
    """Run a network in PyTorch's functions and plain formulas.

    Parameters
    ----------
    x : Tensor [shape=(n, height, width, channels)]
        Inputs.

    Returns
    -------
    dict of str to Tensor
        Outputs by layer; in training also the updated running statistics by canonical name.
    """
    torch = pytest.importorskip("torch")
    outputs = {}
    for layer in architecture.layers:
        mine = {key.split("/")[1]: value for key, value in weights.items() if key.startswith(f"{layer.name}/")}
        if isinstance(layer, layers.Conv2D | layers.MaxPooling2D):
            x = run_windows(layer, mine, x)
        elif isinstance(layer, layers.BatchNormalization):
            mean, variance = mine["moving_mean"], mine["moving_variance"]
            if training:
                axes = tuple(range(x.ndim - 1))
                batch = {"moving_mean": x.mean(axes), "moving_variance": x.var(axes, correction=0)}
                for key, value in batch.items():
                    outputs[f"{layer.name}/{key}"] = layer.momentum * mine[key] + (1 - layer.momentum) * value
                mean, variance = batch.values()
            x = mine["gamma"] * (x - mean) / torch.sqrt(variance + layer.epsilon) + mine["beta"]
        elif isinstance(layer, layers.Flatten):
            x = x.reshape(len(x), -1)
        elif isinstance(layer, layers.Dense):
            x = x @ mine["kernel"] + mine["bias"]
        elif isinstance(layer, layers.Dropout) and layer.name in masks:
            x = x * torch.from_numpy(masks[layer.name]) / (1 - layer.rate)
        if getattr(layer, "activation", "linear") == "relu":
            x = torch.relu(x)
        outputs[layer.name] = x
    return outputs


def reference(name: str, *, training: bool, masks: Weights | None = None) -> tuple[Weights, float, Weights]:
    """Run a case in PyTorch's functions."""
    torch = pytest.importorskip("torch")
    case, specs = make_case(name), ARCHITECTURES[name].weight_specs()
    weights = {key: torch.from_numpy(value).requires_grad_(specs[key].trainable) for key, value in case.weights.items()}
    outputs = run_reference(
        ARCHITECTURES[name], weights, torch.from_numpy(case.x), training=training, masks=masks or {}
    )
    logits = outputs[ARCHITECTURES[name].layers[-1].name]
    loss = (torch.logsumexp(logits, 1) - logits[range(len(logits)), case.labels]).mean()
    loss.backward()
    gradients = {key: value.grad.numpy() for key, value in weights.items() if specs[key].trainable}
    return {key: value.detach().numpy() for key, value in outputs.items()}, loss.item(), gradients


def adam_formula(weights: Weights, gradients: Weights, state: AdamState) -> tuple[Weights, AdamState]:
    """Do one update by the formula of `Adam`."""
    step = state.step + 1
    m = {key: ADAM.beta_1 * state.m[key] + (1 - ADAM.beta_1) * g for key, g in gradients.items()}
    v = {key: ADAM.beta_2 * state.v[key] + (1 - ADAM.beta_2) * g**2 for key, g in gradients.items()}
    rate = ADAM.learning_rate * np.sqrt(1 - ADAM.beta_2**step) / (1 - ADAM.beta_1**step)
    return (
        {key: weights[key] - rate * m[key] / (np.sqrt(v[key]) + ADAM.epsilon) for key in gradients},
        AdamState(step, m, v),
    )


def worst(received: Weights, expected: Weights) -> float:
    """Measure how far tensors are apart."""
    assert received.keys() == expected.keys()
    for key, value in expected.items():
        assert (received[key].shape, received[key].dtype) == (value.shape, value.dtype), key
        assert np.isfinite(received[key]).all(), key
    return max(
        float(np.linalg.norm(received[key] - value) / (np.linalg.norm(value) or 1)) for key, value in expected.items()
    )
