"""An outside plugin: the PyTorch backend with mistakes planted, named by the backend (``planted-a+b`` has two).

The tests install this file as a distribution of its own; each backend works in a process of its own, so that a plant
may change whatever it likes.
"""

# mypy: ignore-errors
# Every plant replaces methods of the PyTorch backend, which types are there to forbid.

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from genrebench.backend.protocol import BackendInfo
from genrebench.network.architecture import Architecture
from genrebench.network.types import Weights


def symmetric_padding() -> None:
    """Pad pooling on both sides alike, as PyTorch does by itself, and let the size of the output be."""
    from genrebench_torch import network

    def windows(self: Any, size: Any) -> Any:
        """Say that pooling pads both sides alike."""
        pool = self.layer.pool_size
        return network.PoolWindows(pool, self.layer.strides, tuple(each // 2 for each in pool))

    network.MaxPool.windows = windows


def _batch_norm(**wrong: Any) -> None:
    """Build batch normalization with other parameters."""
    from genrebench_torch import network

    def build(layer: Any, shape: tuple[int, ...]) -> Any:
        """Build the layer."""
        kind = network.BatchNorm2d if len(shape) == 3 else network.BatchNorm1d
        return kind(shape[-1], **({"eps": layer.epsilon, "momentum": 1 - layer.momentum} | wrong))

    network._BUILDERS["BatchNormalization"] = build


def epsilon() -> None:
    """Leave epsilon to PyTorch."""
    _batch_norm(eps=1e-5)


def momentum() -> None:
    """Hand Keras' momentum over as PyTorch's."""
    _batch_norm(momentum=0.99)


def unbiased_variance() -> None:
    """Leave the running variance to PyTorch."""
    import torch
    from genrebench_torch import network

    network._BiasedRunningVariance.forward = torch.nn.BatchNorm2d.forward


def running_statistics_in_training() -> None:
    """Keep batch normalization in evaluation mode for ever."""
    import torch
    from genrebench_torch import network

    def forward(self: Any, x: Any) -> Any:
        """Normalize by the running statistics."""
        return torch.nn.functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
        )

    network._BiasedRunningVariance.forward = forward


def _flatten(*axes: int) -> None:
    """Flatten in another order."""
    from genrebench_torch import network

    network.ChannelsLastFlatten.forward = lambda self, x: x.permute(0, *axes).flatten(1)


def nchw_flatten() -> None:
    """Flatten with the channel running slowest."""
    _flatten(1, 2, 3)


def transposed_flatten() -> None:
    """Flatten with height and width exchanged."""
    _flatten(3, 2, 1)


def _kernels(there: Any, back: Any) -> None:
    """Convert kernels otherwise, and back so that the round trip holds.

    Parameters
    ----------
    there, back : callable
        From the canonical kernel to one that is converted rightly, and the reverse.
    """
    from genrebench_torch import backend, weights

    into, out_of = weights.from_canonical, weights.to_canonical
    for module in (weights, backend):
        if hasattr(module, "from_canonical"):
            module.from_canonical = lambda array, axes, like: into(
                there(array).copy() if array.ndim == 4 else array, axes, like
            )
            module.to_canonical = lambda tensor, axes: (
                back(out_of(tensor, axes)).copy() if len(axes) == 4 else out_of(tensor, axes)
            )


def reshaped_kernels() -> None:
    """Reshape kernels into PyTorch's layout instead of transposing them."""
    _kernels(
        lambda kernel: kernel.reshape(kernel.shape[3], kernel.shape[2], *kernel.shape[:2]).transpose(2, 3, 1, 0),
        lambda kernel: kernel.transpose(3, 2, 0, 1).reshape(kernel.shape),
    )


def flipped_kernels() -> None:
    """Flip kernels, as a true convolution would."""
    _kernels(lambda kernel: kernel[::-1, ::-1], lambda kernel: kernel[::-1, ::-1])


def softmax_in_network() -> None:
    """End the network in probabilities."""
    from genrebench_torch import network

    build = network.build_layers
    from genrebench_torch import backend

    def build_layers(architecture: Architecture, **options: Any) -> Any:
        """Build the layers, the last one with a softmax."""
        modules = build(architecture, **options)
        if architecture.layers[-1].kind == "Dense":
            modules[-1].register_forward_hook(lambda module, inputs, output: output.softmax(1))
        return modules

    backend.build_layers = build_layers


def softmax_before_loss() -> None:
    """Give probabilities to a loss that takes logits."""
    from torch.nn import functional as F

    loss = F.cross_entropy
    F.cross_entropy = lambda logits, targets: loss(logits.softmax(1), targets)


def no_softmax() -> None:
    """Give logits to a loss that takes log-probabilities."""
    from torch.nn import functional as F

    F.cross_entropy = F.nll_loss


def summed_loss() -> None:
    """Sum the loss over the batch."""
    from torch.nn import functional as F

    loss = F.cross_entropy
    F.cross_entropy = lambda logits, targets: loss(logits, targets, reduction="sum")


def relu_after_normalization() -> None:
    """Move rectifiers of convolutions behind batch normalization."""
    import torch
    from genrebench_torch import backend, network

    build = network.build_layers

    def build_layers(architecture: Architecture, **options: Any) -> Any:
        """Build the layers with linear convolutions, and rectify after normalizing."""
        layers = tuple(
            replace(layer, activation="linear") if layer.kind == "Conv2D" else layer for layer in architecture.layers
        )
        modules = build(replace(architecture, layers=layers), **options)
        for module in modules:
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.register_forward_hook(lambda module, inputs, output: output.relu())
        return modules

    backend.build_layers = build_layers


def dropout_in_evaluation() -> None:
    """Drop values whatever the mode."""
    import torch
    from genrebench_torch import network

    network.Dropout.forward = lambda self, x: torch.nn.functional.dropout(x, self.rate, training=True)
    network._BUILDERS["Dropout"] = _remembering_rate


def _remembering_rate(layer: Any, shape: tuple[int, ...]) -> Any:
    """Build dropout that knows its rate even where the backend sets it to 0."""
    from genrebench_torch import network

    module = network.Dropout(layer.rate)
    module.rate = layer.rate
    return module


def mask_ignored() -> None:
    """Draw what is dropped instead of taking the mask."""
    import torch
    from genrebench_torch import network

    network.Dropout.forward = lambda self, x: torch.nn.functional.dropout(x, self.rate, training=self.training)
    network._BUILDERS["Dropout"] = _remembering_rate


def never_dropping() -> None:
    """Drop nothing in training, unless a mask is given."""
    from genrebench_torch import network

    forward = network.Dropout.forward
    network.Dropout.forward = lambda self, x: x if self.mask is None else forward(self, x)


def same_mask_every_step() -> None:
    """Begin the random stream anew in each step."""
    from genrebench_torch import network

    forward = network.Dropout.forward

    def again(self: Any, x: Any) -> Any:
        """Drop what was dropped before."""
        if self.generator is not None:
            self.generator.manual_seed(0)
        return forward(self, x)

    network.Dropout.forward = again


def adam_epsilon() -> None:
    """Leave the value of Adam's epsilon to PyTorch."""
    from genrebench_torch import backend, optimizer

    class Other(optimizer.KerasAdam):
        """Adam with another epsilon."""

        def __init__(self, parameters: Any, config: Any, **options: Any) -> None:
            """Swap the epsilon."""
            super().__init__(parameters, replace(config, epsilon=1e-8) if config.epsilon == 1e-7 else config, **options)

    backend.KerasAdam = Other


def adam_placement() -> None:
    """Leave the place of Adam's epsilon to PyTorch."""
    import torch
    from genrebench_torch import optimizer

    optimizer.KerasAdam.step = torch.optim.Adam.step


def adam_placement_in_training() -> None:
    """Train with another optimizer than the one that is shown."""
    import torch
    from genrebench_torch import backend

    start = backend.TorchNetwork.start_training

    def start_training(self: Any, optimizer: Any, **options: Any) -> None:
        """Start with PyTorch's own Adam."""
        start(self, optimizer, **options)
        self._optimizer = torch.optim.Adam(
            self._modules.parameters(),
            lr=optimizer.learning_rate,
            betas=(optimizer.beta_1, optimizer.beta_2),
            eps=optimizer.epsilon,
        )

    backend.TorchNetwork.start_training = start_training


def adam_float32() -> None:
    """Round the betas to float32, as Keras' Adam does by itself."""
    import numpy as np
    from genrebench_torch import backend, optimizer

    class Other(optimizer.KerasAdam):
        """Adam with rounded betas."""

        def __init__(self, parameters: Any, config: Any, **options: Any) -> None:
            """Round."""
            rounded = {name: float(np.float32(getattr(config, name))) for name in ("beta_1", "beta_2")}
            super().__init__(parameters, replace(config, **rounded), **options)

    backend.KerasAdam = Other


def swapped_layers() -> None:
    """Give the first two normalizations each other's weights, and take them back rightly."""
    from genrebench_torch import backend

    names = ("batch_normalization", "batch_normalization_1")
    set_weights, get_weights = backend.set_weights, backend.get_weights

    def swap(weights: Mapping[str, Any]) -> Weights:
        """Exchange the weights."""
        other = dict(zip(names, reversed(names), strict=True))
        swapped = {}
        for name, value in weights.items():
            layer, _, weight = name.partition("/")
            swapped[f"{other.get(layer, layer)}/{weight}"] = value
        return swapped

    backend.set_weights = lambda architecture, modules, weights: set_weights(architecture, modules, swap(weights))
    backend.get_weights = lambda architecture, modules: swap(get_weights(architecture, modules))


def bias_dropped() -> None:
    """Forget the bias of convolutions."""
    from genrebench_torch import network
    from torch.nn import functional as F

    def forward(self: Any, x: Any) -> Any:
        """Convolve."""
        padded = network._pad(x, self.layer, self.layer.kernel_size, 0.0)
        return network._activate(F.conv2d(padded, self.conv.weight, None, self.conv.stride) + 0 * self.conv.bias.sum(),
                                 self.activation)  # fmt: skip

    network.Conv.forward = forward


def single_precision() -> None:
    """Compute in float32 whatever is asked for."""
    import torch
    from genrebench_torch import backend

    backend._DTYPES["float64"] = torch.float32


def single_precision_dense() -> None:
    """Compute matrix products in float32."""
    from genrebench_torch import network
    from torch.nn import functional as F

    def forward(self: Any, x: Any) -> Any:
        """Multiply."""
        product = F.linear(x.float(), self.linear.weight.float(), self.linear.bias.float()).to(x.dtype)
        return network._activate(product, self.layer.activation)

    network.Dense.forward = forward


def transposed_input() -> None:
    """Read channels-last inputs as channels-first ones."""
    from genrebench_torch import backend

    convert = backend.TorchNetwork._canonical_to_torch
    backend.TorchNetwork._canonical_to_torch = lambda self, array: convert(
        self, array.transpose(0, 2, 1, 3).copy() if array.ndim == 4 else array
    )


def not_a_number() -> None:
    """Overflow in the second convolution."""
    from genrebench_torch import network

    calls = network.Conv.forward

    def forward(self: Any, x: Any) -> Any:
        """Convolve, with NaN where more than one channel comes in."""
        return calls(self, x) * (float("nan") if x.shape[1] > 1 else 1.0)

    network.Conv.forward = forward


def unexplained() -> None:
    """Do something that no ledger can know."""
    from genrebench_torch import network

    network.ChannelsLastFlatten.forward = lambda self, x: x.permute(0, 2, 3, 1).flatten(1) * 1.000001


def nothing() -> None:
    """Plant nothing."""


class Planted:
    """The PyTorch backend with mistakes."""

    def __init__(self, names: str) -> None:
        """Keep the names; the framework is not imported yet."""
        self._names: list[str] = names.split("+")

    def build(self, architecture: Architecture, weights: Mapping[str, Any], **options: Any) -> Any:
        """Plant the mistakes, once, and build a network."""
        from genrebench_torch.backend import TorchBackend

        while self._names:
            globals()[self._names.pop()]()
        return TorchBackend.build(architecture, weights, **options)


def __getattr__(name: str) -> Any:
    """Make the objects that entry points name: ``info:a+b`` what is said of a backend, ``backend:a+b`` itself."""
    kind, _, plants = name.partition("__")
    names = plants.replace("__", "+")
    if kind == "info" and plants:
        implementation = f"genrebench_planted:backend__{plants}"
        return BackendInfo(f"planted-{names}", "torch", "PyTorch with a mistake", ("cpu",), True, implementation)
    if kind == "backend" and plants:
        return Planted(names)
    raise AttributeError(name)
