"""The network of an architecture, made of PyTorch's own layers with Keras' semantics.

Inside, tensors are (n, channels, height, width) in channels-last memory, and weights have PyTorch's layouts;
`genrebench_torch.weights` maps them. Nothing here knows a particular network: `build_layers` walks the layer list.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrebench.network import layers
from genrebench.network.architecture import Architecture
from genrebench.network.layers import same_padding
from genrebench.network.types import Shape
from genrebench_torch.convpool import PoolWindows, convolve_and_pool


def _pad(x: Tensor, layer: layers.Conv2D | layers.MaxPooling2D, window: tuple[int, int], value: float) -> Tensor:
    """Pad height and width as TensorFlow's ``same`` does.

    Parameters
    ----------
    x : Tensor [shape=(n, channels, height, width)]
        Input.
    """
    if layer.padding == "valid":
        return x
    top, bottom = same_padding(x.shape[2], window[0], layer.strides[0])
    left, right = same_padding(x.shape[3], window[1], layer.strides[1])
    return F.pad(x, (left, right, top, bottom), value=value) if top or bottom or left or right else x


class Conv(nn.Module):
    """Convolution, then its activation.

    Parameters
    ----------
    layer : Conv2D
        What to build.
    channels : int
        Number of input channels.
    """

    def __init__(self, layer: layers.Conv2D, channels: int) -> None:
        """Make the convolution; its weights are set later."""
        super().__init__()
        self.layer = layer
        self.activation = layer.activation
        self.conv = nn.Conv2d(channels, layer.filters, layer.kernel_size, layer.strides)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Parameters
        ----------
        x : Tensor [shape=(n, channels, height, width)]
            Input.

        Returns
        -------
        Tensor [shape=(n, filters, height, width)]
            Output.
        """
        return _activate(self.conv(_pad(x, self.layer, self.layer.kernel_size, 0.0)), self.activation)


class MaxPool(nn.Module):
    """Maximum over windows, with Keras' padding for any input size.

    Parameters
    ----------
    layer : MaxPooling2D
        What to build.
    """

    def __init__(self, layer: layers.MaxPooling2D) -> None:
        """Keep the parameters."""
        super().__init__()
        self.layer = layer

    def windows(self, size: Sequence[int]) -> PoolWindows | None:
        """Say how PyTorch has to pool in order to have Keras' windows without copying the input.

        PyTorch pads both sides alike, and in `ceil_mode` lets the last window hang over the high end. With the low
        end's padding alone that gives Keras' windows, unless the stride is 1.

        Parameters
        ----------
        size : sequence of int
            Height and width of the input.

        Returns
        -------
        PoolWindows or None
            The arguments; None if the input has to be padded first.
        """
        pool, strides = self.layer.pool_size, self.layer.strides
        if self.layer.padding == "valid":
            return PoolWindows(pool, strides, (0, 0))
        if min(strides) == 1:
            return None
        top, left = (same_padding(*each)[0] for each in zip(size, pool, strides, strict=True))
        return PoolWindows(pool, strides, (top, left), ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        """Take the maximum of each window.

        Parameters
        ----------
        x : Tensor [shape=(n, channels, height, width)]
            Input.

        Returns
        -------
        Tensor [shape=(n, channels, height, width)]
            Output.
        """
        windows = self.windows(x.shape[2:])
        if windows is None:
            x = _pad(x, self.layer, self.layer.pool_size, -torch.inf)
            windows = PoolWindows(self.layer.pool_size, self.layer.strides, (0, 0))
        return F.max_pool2d(x, *windows)


class ConvPool(nn.Module):
    """Convolution, the pooling behind it, and the convolution's activation after that.

    Maximum and rectifier commute, values and gradients alike, since the rectifier's gradient at 0 is 0; behind the
    pooling there is a quarter of the work. On the CPU they are done together (see `convolve_and_pool`).

    Parameters
    ----------
    before : Conv
        The convolution.
    after : MaxPool
        The pooling.
    """

    def __init__(self, before: Conv, after: MaxPool) -> None:
        """Take over the convolution's weights."""
        super().__init__()
        self.layer, self.activation, self.conv, self.pool = before.layer, before.activation, before.conv, after

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, pool and activate.

        Parameters
        ----------
        x : Tensor [shape=(n, channels, height, width)]
            Input.

        Returns
        -------
        Tensor [shape=(n, filters, height, width)]
            Output.
        """
        x = _pad(x, self.layer, self.layer.kernel_size, 0.0)
        kernel, strides = self.layer.kernel_size, self.layer.strides
        size = [1 + (n - k) // stride for n, k, stride in zip(x.shape[2:], kernel, strides, strict=True)]
        windows = self.pool.windows(size)
        if windows is None or x.device.type != "cpu":
            return _activate(self.pool(self.conv(x)), self.activation)
        assert self.conv.bias is not None
        rectifies = self.activation == "relu"
        return convolve_and_pool(x, self.conv.weight, self.conv.bias, strides, windows, rectifies=rectifies)


class _BiasedRunningVariance(nn.modules.batchnorm._BatchNorm):
    """Batch normalization whose running variance follows the biased batch variance, as in Keras."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalize; in training, update the running statistics.

        PyTorch adds ``momentum * n / (n - 1) * variance`` to the running variance, where Keras adds
        ``momentum * variance``: what was added is shortened by its n-th part.

        Parameters
        ----------
        x : Tensor [shape=(n, channels, ...)]
            Input.
        """
        if not self.training:
            return super().forward(x)
        assert self.running_var is not None
        assert self.momentum is not None
        kept = self.running_var * (1 - self.momentum)
        y = super().forward(x)
        # A new tensor, since autograd keeps the one that the normalization was given.
        self.running_var = torch.lerp(self.running_var, kept, x.shape[1] / x.numel())
        return y


class BatchNorm2d(_BiasedRunningVariance, nn.BatchNorm2d):
    """Batch normalization of feature maps."""


class BatchNorm1d(_BiasedRunningVariance, nn.BatchNorm1d):
    """Batch normalization of vectors."""


class ChannelsLastFlatten(nn.Module):
    """Flatten in Keras' order, the channel running fastest; in channels-last memory nothing is copied."""

    def forward(self, x: Tensor) -> Tensor:
        """Flatten.

        Parameters
        ----------
        x : Tensor [shape=(n, channels, height, width)] or [shape=(n, features)]
            Input.

        Returns
        -------
        Tensor [shape=(n, features)]
            Output.
        """
        return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x


class Dense(nn.Module):
    """Matrix product, then its activation.

    Parameters
    ----------
    layer : Dense
        What to build.
    features : int
        Number of inputs.
    """

    def __init__(self, layer: layers.Dense, features: int) -> None:
        """Make the linear layer; its weights are set later."""
        super().__init__()
        self.layer = layer
        self.linear = nn.Linear(features, layer.units)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply.

        Parameters
        ----------
        x : Tensor [shape=(n, features)]
            Input.

        Returns
        -------
        Tensor [shape=(n, units)]
            Output.
        """
        return _activate(self.linear(x), self.layer.activation)


class Dropout(nn.Dropout):
    """Dropout with a random stream of its own, so that a seed fixes it whatever else draws numbers.

    Attributes
    ----------
    generator : Generator, optional
        The random stream.
    mask : Tensor, optional
        What to keep (1) and drop (0) instead of a draw, in the shape of the input.
    """

    generator: torch.Generator | None = None
    mask: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Drop a share of the values in training.

        Parameters
        ----------
        x : Tensor
            Input.

        Returns
        -------
        Tensor
            `x` itself in evaluation, or where nothing is dropped.
        """
        if not self.training or (self.p == 0 and self.mask is None):
            return x
        keep = torch.empty_like(x).bernoulli_(1 - self.p, generator=self.generator) if self.mask is None else self.mask
        return x * (keep / (1 - self.p))


def _activate(x: Tensor, activation: str) -> Tensor:
    """Apply an activation."""
    return F.relu(x) if activation == "relu" else x


def _batch_norm(layer: layers.BatchNormalization, input_shape: Shape) -> nn.Module:
    """Build batch normalization for feature maps or vectors.

    Returns
    -------
    Module
        The layer; PyTorch's momentum weights the new statistics, Keras' the old ones.
    """
    kind = BatchNorm2d if len(input_shape) == 3 else BatchNorm1d
    return kind(input_shape[-1], eps=layer.epsilon, momentum=1 - layer.momentum)


_BUILDERS: dict[str, Callable[[Any, Shape], nn.Module]] = {
    "Conv2D": lambda layer, input_shape: Conv(layer, input_shape[-1]),
    "MaxPooling2D": lambda layer, input_shape: MaxPool(layer),
    "BatchNormalization": _batch_norm,
    "Flatten": lambda layer, input_shape: ChannelsLastFlatten(),
    "Dense": lambda layer, input_shape: Dense(layer, input_shape[-1]),
    "Dropout": lambda layer, input_shape: Dropout(layer.rate),
}


def build_layers(architecture: Architecture, *, fast: bool) -> nn.Sequential:
    """Build the layers of an architecture.

    Parameters
    ----------
    architecture : Architecture
        What to build.
    fast : bool
        Whether a convolution and the pooling behind it become one module, `ConvPool`. It gives what the two layers
        give; only what stands between them is not there to be looked at.

    Returns
    -------
    Sequential
        One module a layer, which for a layer that is done by the one before does nothing; with PyTorch's own
        initial weights: set the canonical ones before use.
    """
    shapes = architecture.shapes()[:-1]
    modules = [_BUILDERS[layer.kind](layer, shape) for layer, shape in zip(architecture.layers, shapes, strict=True)]
    for index, (before, after) in enumerate(itertools.pairwise(modules) if fast else ()):
        if isinstance(before, Conv) and isinstance(after, MaxPool):
            modules[index : index + 2] = ConvPool(before, after), nn.Identity()
    return nn.Sequential(*modules)
