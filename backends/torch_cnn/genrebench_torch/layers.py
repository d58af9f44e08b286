"""The layers of an architecture, made of PyTorch's own with Keras' semantics.

Inside, tensors are (n, channels, height, width) in channels-last memory. A layer kind is a module here. It is built
from its layer and the shape of its input, and if it has weights says in `WEIGHTS` where the canonical ones lie:
PyTorch's name of each, and the axes that turn the canonical layout into PyTorch's. Nothing here knows a particular
network.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrebench.network import Architecture, Shape, layers
from genrebench.network.layers import same_padding
from genrebench.network.node import INPUT, Node
from genrebench_torch.convpool import PoolWindows, convolve_and_pool
from genrebench_torch.shared import SharedBatch, normalize

WeightTable = dict[str, tuple[str, tuple[int, ...]]]


def pad(x: Tensor, layer: layers.Conv2D | layers.MaxPooling2D, window: tuple[int, int], value: float) -> Tensor:
    """Pad height and width of (n, channels, height, width) as TensorFlow's ``same`` does."""
    if layer.padding == "valid":
        return x
    top, bottom = same_padding(x.shape[2], window[0], layer.strides[0])
    left, right = same_padding(x.shape[3], window[1], layer.strides[1])
    return F.pad(x, (left, right, top, bottom), value=value) if top or bottom or left or right else x


# Channels and features are the second axis here.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: x.softmax(1),
}


class Conv(nn.Module):
    """Convolution, then its activation."""

    WEIGHTS: ClassVar[WeightTable] = {"kernel": ("conv.weight", (3, 2, 0, 1)), "bias": ("conv.bias", (0,))}

    def __init__(self, layer: layers.Conv2D, shape: Shape) -> None:
        """Make the convolution; its weights are set later."""
        super().__init__()
        self.layer = layer
        self.conv = nn.Conv2d(shape[-1], layer.filters, layer.kernel_size, layer.strides)

    def forward(self, x: Tensor) -> Tensor:
        """Pad, convolve and activate: (n, channels, height, width) to (n, filters, height, width)."""
        return ACTIVATIONS[self.layer.activation](self.conv(pad(x, self.layer, self.layer.kernel_size, 0.0)))


class MaxPool(nn.Module):
    """Maximum over windows, with Keras' padding for any input size."""

    def __init__(self, layer: layers.MaxPooling2D, shape: Shape) -> None:
        """Keep the parameters."""
        super().__init__()
        self.layer = layer

    def windows(self, size: Sequence[int]) -> PoolWindows | None:
        """Return how PyTorch has to pool in order to have Keras' windows without copying the input.

        PyTorch pads both sides alike, and in `ceil_mode` lets the last window hang over the high end. With the low
        end's padding alone that gives Keras' windows, unless the stride is 1: then it is None, and the input has to be
        padded first.
        """
        pool, strides = self.layer.pool_size, self.layer.strides
        if self.layer.padding == "valid":
            return PoolWindows(pool, strides, (0, 0))
        if min(strides) == 1:
            return None
        top, left = (same_padding(*each)[0] for each in zip(size, pool, strides, strict=True))
        return PoolWindows(pool, strides, (top, left), ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        """Take the maximum of each window of (n, channels, height, width)."""
        windows = self.windows(x.shape[2:])
        if windows is None:
            x = pad(x, self.layer, self.layer.pool_size, -torch.inf)
            windows = PoolWindows(self.layer.pool_size, self.layer.strides, (0, 0))
        return F.max_pool2d(x, *windows)


class ConvPool(nn.Module):
    """Convolution, the pooling behind it, and the convolution's activation after that.

    Maximum and rectifier commute, values and gradients alike, since the rectifier's gradient at 0 is 0; behind the
    pooling there is a quarter of the work. On the CPU they are done together (see `convolve_and_pool`).
    """

    WEIGHTS: ClassVar[WeightTable] = Conv.WEIGHTS

    def __init__(self, before: Conv, after: MaxPool) -> None:
        """Take over the convolution's weights."""
        super().__init__()
        self.layer, self.conv, self.pool = before.layer, before.conv, after

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, pool and activate: (n, channels, height, width) to (n, filters, height, width)."""
        x = pad(x, self.layer, self.layer.kernel_size, 0.0)
        kernel, strides, activation = self.layer.kernel_size, self.layer.strides, self.layer.activation
        size = [1 + (n - k) // stride for n, k, stride in zip(x.shape[2:], kernel, strides, strict=True)]
        windows = self.pool.windows(size)
        if windows is None or x.device.type != "cpu" or self.conv.bias is None:
            return ACTIVATIONS[activation](self.pool(self.conv(x)))
        rectifies = activation == "relu"
        return convolve_and_pool(x, self.conv.weight, self.conv.bias, strides, windows, rectifies=rectifies)


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalization of feature maps or vectors, whose running variance follows the biased one, as in Keras.

    PyTorch's momentum weights the new statistics, Keras' the old ones. Where several processes train together, the
    statistics are those of the whole batch.
    """

    group: SharedBatch | None = None
    WEIGHTS: ClassVar[WeightTable] = {
        "gamma": ("weight", (0,)),
        "beta": ("bias", (0,)),
        "moving_mean": ("running_mean", (0,)),
        "moving_variance": ("running_var", (0,)),
    }

    def __init__(self, layer: layers.BatchNormalization, shape: Shape) -> None:
        """Make the normalization; its weights are set later."""
        super().__init__(shape[-1], eps=layer.epsilon, momentum=1 - layer.momentum)

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - PyTorch's name
        """Accept any shape; the architecture has checked it."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (n, channels, ...); in training, update the running statistics.

        PyTorch adds ``momentum * n / (n - 1) * variance`` to the running variance, where Keras adds
        ``momentum * variance``: what was added is shortened by its n-th part.
        """
        if not self.training or self.running_mean is None or self.running_var is None or self.momentum is None:
            return super().forward(x)
        if self.group is not None:
            y, mean, variance = normalize(x, self.weight, self.bias, self.group, self.eps)
            self.running_mean = torch.lerp(self.running_mean, mean, self.momentum)
            self.running_var = torch.lerp(self.running_var, variance, self.momentum)
            return y
        kept = self.running_var * (1 - self.momentum)
        y = super().forward(x)
        # A new tensor, since autograd keeps the one that the normalization was given.
        self.running_var = torch.lerp(self.running_var, kept, x.shape[1] / x.numel())
        return y


def flatten(x: Tensor) -> Tensor:
    """Flatten (n, channels, height, width) in Keras' order, the channel running fastest; leave (n, features) alone.

    In channels-last memory nothing is copied.
    """
    return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x


class Function(nn.Module):
    """A layer without weights."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        """Keep the function."""
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function."""
        return self.function(x)


class Dense(nn.Module):
    """Matrix product, then its activation."""

    WEIGHTS: ClassVar[WeightTable] = {"kernel": ("linear.weight", (1, 0)), "bias": ("linear.bias", (0,))}

    def __init__(self, layer: layers.Dense, shape: Shape) -> None:
        """Make the linear layer; its weights are set later."""
        super().__init__()
        self.layer = layer
        self.linear = nn.Linear(shape[-1], layer.units)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (n, features) and activate."""
        return ACTIVATIONS[self.layer.activation](self.linear(x))


class Dropout(nn.Dropout):
    """Dropout with a random stream of its own, so that a seed fixes it whatever else takes random numbers.

    A mask, in the shape of the input, says what to keep (1) and drop (0) instead. Where several processes train
    together, each draws for the whole batch what one would draw, and takes its rows.
    """

    group: SharedBatch | None = None
    generator: torch.Generator | None = None
    mask: Tensor | None = None

    def __init__(self, layer: layers.Dropout, shape: Shape) -> None:
        """Keep the rate."""
        super().__init__(layer.rate)

    def forward(self, x: Tensor) -> Tensor:
        """Drop a share of the values in training; hand `x` itself on where nothing is dropped."""
        if not self.training or (self.p == 0 and self.mask is None):
            return x
        keep = self.mask
        if keep is None:
            whole = torch.empty_like(x) if self.group is None else self.group.empty(x)
            keep = whole.bernoulli_(1 - self.p, generator=self.generator)
            keep = keep if self.group is None else keep[self.group.rows]
        return x * (keep / (1 - self.p))


# Each is given the layer and the shapes of its inputs.
BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "Conv2D": Conv,
    "MaxPooling2D": MaxPool,
    "GlobalAveragePooling2D": lambda layer, shape: Function(lambda x: x.mean((2, 3))),
    "BatchNormalization": BatchNorm,
    "Flatten": lambda layer, shape: Function(flatten),
    "Dense": Dense,
    "Dropout": Dropout,
    "Activation": lambda layer, shape: Function(ACTIVATIONS[layer.activation]),
}


class Layers(nn.Module):
    """All layers in their places, with PyTorch's own initial weights: set the canonical ones before use.

    If it is to be fast, a convolution and the pooling behind it become one module, `ConvPool`, and nothing. They give
    what the two layers give; only what stands between them is not there to be looked at.
    """

    def __init__(self, architecture: Architecture, *, fast: bool) -> None:
        """Build the layers."""
        super().__init__()
        self._nodes = architecture.walk()
        modules = {node.name: BUILDERS[node.layer.kind](node.layer, *node.input_shapes) for node in self._nodes}
        readers = Counter(name for node in self._nodes for name in node.inputs)
        for node in self._nodes if fast else ():
            before, after = modules.get(node.inputs[0]), modules[node.name]
            if isinstance(before, Conv) and isinstance(after, MaxPool) and readers[node.inputs[0]] == 1:
                modules[node.inputs[0]], modules[node.name] = ConvPool(before, after), nn.Identity()
        self._modules_in_order = nn.ModuleList(modules.values())
        # By node, whose outputs nobody reads after it.
        last = {name: node.name for node in self._nodes for name in node.inputs}
        self._read = {node.name: [name for name, by in last.items() if by == node.name] for node in self._nodes}

    def places(self) -> Iterator[tuple[Node, nn.Module]]:
        """List every node with its module."""
        return zip(self._nodes, self._modules_in_order, strict=True)

    def run(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Run layer by layer, and give each output by the layer's name; what nobody reads any more is let go."""
        values = {INPUT: x}
        for node, module in self.places():
            value = module(*(values[name] for name in node.inputs))
            for name in self._read[node.name]:
                del values[name]
            values[node.name] = value
            yield node.name, value

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        logits = x
        for _, logits in self.run(x):  # noqa: B007 - the last one counts
            pass
        return logits
