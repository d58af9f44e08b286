"""One library of deliberate mistakes, planted in the PyTorch backend: the kit and parity must see each of them.

A mistake is a function that is given something to patch with, such as `pytest.MonkeyPatch`. Most are what a framework
does by itself and Keras does not.
"""

# mypy: disable-error-code="call-arg"

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from genrebench_torch import backend, convpool, layers, network, optimizer, weights
from torch.nn import functional as F

from genrebench.network import Architecture, Weights

MISTAKES: dict[str, Callable[[Any], None]] = {}


def mistake(plant: Callable[[Any], None]) -> Callable[[Any], None]:
    """Enter a mistake into the library."""
    MISTAKES[plant.__name__] = plant
    return plant


def everywhere(patch: Any, function: Any, replacement: Any) -> None:
    """Replace a function or a class in every module of the backend that has imported it."""
    for module in (backend, layers, network, optimizer, weights):
        for name, value in list(vars(module).items()):
            if value is function:
                patch.setattr(module, name, replacement)


@mistake
def nothing(patch: Any) -> None:
    """Plant nothing."""


# Pooling and padding


@mistake
def symmetric_padding(patch: Any) -> None:
    """Pad pooling on both sides alike, as PyTorch does by itself, and let the size of the output be."""

    def windows(self: Any, size: Any) -> Any:
        """Say that pooling pads both sides alike."""
        pool = self.layer.pool_size
        return convpool.PoolWindows(pool, self.layer.strides, tuple(each // 2 for each in pool))

    patch.setattr(layers.MaxPool, "windows", windows)


@mistake
def padding_with_zeros(patch: Any) -> None:
    """Pad pooling with zeros, which win over negative values."""

    def forward(self: Any, x: Any) -> Any:
        """Pad, then pool."""
        return F.max_pool2d(pad(x, self.layer, self.layer.pool_size, 0.0), self.layer.pool_size, self.layer.strides)

    pad = layers.pad
    patch.setattr(layers.MaxPool, "forward", forward)


@mistake
def no_average(patch: Any) -> None:
    """Sum where global pooling averages."""
    average = layers.Function(lambda x: x.sum((2, 3)))
    patch.setitem(layers.BUILDERS, "GlobalAveragePooling2D", lambda layer, shape: average)


# Normalization


def _batch_norm(patch: Any, **wrong: Any) -> None:
    """Build batch normalization with other parameters."""

    def build(layer: Any, shape: tuple[int, ...]) -> Any:
        """Build the layer."""
        module = layers.BatchNorm(layer, shape)
        for name, value in wrong.items():
            setattr(module, name, value)
        return module

    patch.setitem(layers.BUILDERS, "BatchNormalization", build)


@mistake
def epsilon(patch: Any) -> None:
    """Leave epsilon to PyTorch."""
    _batch_norm(patch, eps=1e-5)


@mistake
def momentum(patch: Any) -> None:
    """Hand Keras' momentum over as PyTorch's."""
    _batch_norm(patch, momentum=0.99)


@mistake
def unbiased_variance(patch: Any) -> None:
    """Leave the running variance to PyTorch."""
    patch.setattr(layers.BatchNorm, "forward", torch.nn.BatchNorm2d.forward)


@mistake
def unbiased_variance_of_vectors(patch: Any) -> None:
    """Leave the running variance to PyTorch where vectors are normalized."""
    forward, plain = layers.BatchNorm.forward, torch.nn.BatchNorm2d.forward
    patch.setattr(layers.BatchNorm, "forward", lambda self, x: (forward if x.ndim == 4 else plain)(self, x))


@mistake
def running_statistics_in_training(patch: Any) -> None:
    """Keep batch normalization in evaluation mode for ever."""

    def forward(self: Any, x: Any) -> Any:
        """Normalize by the running statistics."""
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)

    patch.setattr(layers.BatchNorm, "forward", forward)


@mistake
def swapped_layers(patch: Any) -> None:
    """Give the first two normalizations each other's weights, and take them back rightly."""
    names = ("batch_normalization", "batch_normalization_1")
    other = dict(zip(names, reversed(names), strict=True))

    def swap(given: Mapping[str, Any]) -> Weights:
        """Exchange the weights, if there are two normalizations."""
        parted = {name: name.partition("/") for name in given}
        if not set(names) <= {layer for layer, _, _ in parted.values()}:
            return dict(given)
        return {f"{other.get(layer, layer)}/{weight}": given[name] for name, (layer, _, weight) in parted.items()}

    set_weights, get_weights = weights.set_weights, weights.get_weights
    everywhere(patch, set_weights, lambda layers, given: set_weights(layers, swap(given)))
    everywhere(patch, get_weights, lambda layers: swap(get_weights(layers)))


# Layouts and weights


def _flatten(patch: Any, *axes: int) -> None:
    """Flatten in another order."""
    patch.setattr(layers, "flatten", lambda x: x.permute(0, *axes).flatten(1) if x.ndim == 4 else x)


@mistake
def nchw_flatten(patch: Any) -> None:
    """Flatten with the channel running slowest."""
    _flatten(patch, 1, 2, 3)


@mistake
def transposed_flatten(patch: Any) -> None:
    """Flatten with height and width exchanged."""
    _flatten(patch, 3, 2, 1)


def _kernels(patch: Any, there: Callable[[Any], Any], back: Callable[[Any], Any]) -> None:
    """Convert kernels otherwise, and back so that the round trip holds.

    Parameters
    ----------
    there, back : callable
        From the canonical kernel to one that is converted rightly, and the reverse.
    """
    into, out_of = weights.from_canonical, weights.to_canonical

    def from_canonical(array: Any, axes: tuple[int, ...], like: Any) -> Any:
        """Convert a kernel wrongly."""
        return into(there(array).copy() if array.ndim == 4 else array, axes, like)

    def to_canonical(tensor: Any, axes: tuple[int, ...]) -> Any:
        """Convert it back."""
        return back(out_of(tensor, axes)).copy() if len(axes) == 4 else out_of(tensor, axes)

    everywhere(patch, into, from_canonical)
    everywhere(patch, out_of, to_canonical)


@mistake
def reshaped_kernels(patch: Any) -> None:
    """Reshape kernels into PyTorch's layout instead of transposing them."""
    _kernels(
        patch,
        lambda kernel: kernel.reshape(kernel.shape[3], kernel.shape[2], *kernel.shape[:2]).transpose(2, 3, 1, 0),
        lambda kernel: kernel.transpose(3, 2, 0, 1).reshape(kernel.shape),
    )


@mistake
def flipped_kernels(patch: Any) -> None:
    """Flip kernels, as a true convolution would."""
    _kernels(patch, lambda kernel: kernel[::-1, ::-1], lambda kernel: kernel[::-1, ::-1])


@mistake
def own_initial_weights(patch: Any) -> None:
    """Keep the weights that PyTorch begins with."""
    everywhere(patch, weights.set_weights, lambda layers, given: None)


@mistake
def bias_dropped(patch: Any) -> None:
    """Forget the bias of convolutions."""

    def forward(self: Any, x: Any) -> Any:
        """Convolve."""
        padded = layers.pad(x, self.layer, self.layer.kernel_size, 0.0)
        y = F.conv2d(padded, self.conv.weight, None, self.conv.stride) + 0 * self.conv.bias.sum()
        return layers.ACTIVATIONS[self.layer.activation](y)

    patch.setattr(layers.Conv, "forward", forward)


@mistake
def transposed_input(patch: Any) -> None:
    """Read channels-last inputs as channels-first ones."""
    convert = network.TorchNetwork._to_torch
    patch.setattr(
        network.TorchNetwork,
        "_to_torch",
        lambda self, array: convert(self, array.transpose(0, 2, 1, 3).copy() if array.ndim == 4 else array),
    )


# Activations and the loss


class _WithHook(layers.Layers):
    """Layers of an architecture that is changed before it is built, and that are hooked afterwards."""

    def __init__(self, architecture: Architecture, *, fast: bool) -> None:
        """Build the layers of the changed architecture."""
        super().__init__(self.changed(architecture), fast=fast)
        for node, module in self.places():
            self.hook(architecture, node.name, module)

    def changed(self, architecture: Architecture) -> Architecture:
        """Change the architecture."""
        return architecture

    def hook(self, architecture: Architecture, name: str, module: Any) -> None:
        """Hook a module."""


@mistake
def softmax_in_network(patch: Any) -> None:
    """End the network in probabilities."""

    class Other(_WithHook):
        """Layers whose last one is followed by a softmax."""

        def hook(self, architecture: Architecture, name: str, module: Any) -> None:
            """Append a softmax to a dense layer that gives the output."""
            if name == architecture.output and architecture.node(name).layer.kind == "Dense":
                module.register_forward_hook(lambda module, inputs, output: output.softmax(1))

    everywhere(patch, layers.Layers, Other)


@mistake
def relu_after_normalization(patch: Any) -> None:
    """Move rectifiers of convolutions behind batch normalization."""

    class Other(_WithHook):
        """Layers with linear convolutions, and rectifiers behind normalizations."""

        def changed(self, architecture: Architecture) -> Architecture:
            """Make convolutions linear."""
            linear = (
                replace(each, activation="linear") if each.kind == "Conv2D" else each for each in architecture.layers
            )
            return replace(architecture, layers=tuple(linear))

        def hook(self, architecture: Architecture, name: str, module: Any) -> None:
            """Rectify what is normalized."""
            if isinstance(module, layers.BatchNorm):
                module.register_forward_hook(lambda module, inputs, output: output.relu())

    everywhere(patch, layers.Layers, Other)


@mistake
def probabilities_for_logits(patch: Any) -> None:
    """Predict probabilities, and show logits."""
    logits = network.TorchNetwork.logits
    patch.setattr(network.TorchNetwork, "logits", lambda self, x: torch.from_numpy(logits(self, x)).softmax(1).numpy())


@mistake
def softmax_before_loss(patch: Any) -> None:
    """Give probabilities to a loss that takes logits."""
    loss = F.cross_entropy
    patch.setattr(F, "cross_entropy", lambda logits, targets: loss(logits.softmax(1), targets))


@mistake
def no_softmax(patch: Any) -> None:
    """Give logits to a loss that takes log-probabilities."""
    patch.setattr(F, "cross_entropy", F.nll_loss)


@mistake
def summed_loss(patch: Any) -> None:
    """Sum the loss over the batch."""
    loss = F.cross_entropy
    patch.setattr(F, "cross_entropy", lambda logits, targets: loss(logits, targets, reduction="sum"))


# Dropout


def _remembering_rate(patch: Any, forward: Callable[[Any, Any], Any]) -> None:
    """Build dropout that knows its rate even where the backend sets it to 0."""

    def build(layer: Any, shape: tuple[int, ...]) -> Any:
        """Build the layer."""
        module = layers.Dropout(layer, shape)
        module.rate = layer.rate
        return module

    patch.setattr(layers.Dropout, "forward", forward)
    patch.setitem(layers.BUILDERS, "Dropout", build)


def _random_dropout() -> Any:
    """Make dropout with a random stream of its own, so that what a test sees of it is the same in each run."""
    generator = torch.Generator().manual_seed(0)

    def drop(x: Any, rate: float) -> Any:
        """Drop a share of the values and scale the others."""
        return x * torch.empty_like(x).bernoulli_(1 - rate, generator=generator) / (1 - rate)

    return drop


@mistake
def dropout_in_evaluation(patch: Any) -> None:
    """Drop values whatever the mode."""
    drop = _random_dropout()
    _remembering_rate(patch, lambda self, x: drop(x, self.rate))


@mistake
def mask_ignored(patch: Any) -> None:
    """Choose at random what is dropped instead of taking the mask."""
    drop = _random_dropout()
    _remembering_rate(patch, lambda self, x: drop(x, self.rate) if self.training else x)


@mistake
def masks_in_evaluation(patch: Any) -> None:
    """Apply masks whatever the mode."""
    patch.setattr(layers.Dropout, "forward", lambda self, x: x if self.mask is None else x * (self.mask / (1 - self.p)))


@mistake
def never_dropping(patch: Any) -> None:
    """Drop nothing in training, unless a mask is given."""
    forward = layers.Dropout.forward
    patch.setattr(layers.Dropout, "forward", lambda self, x: x if self.mask is None else forward(self, x))


@mistake
def same_mask_every_step(patch: Any) -> None:
    """Begin the random stream anew in each step."""
    forward = layers.Dropout.forward

    def again(self: Any, x: Any) -> Any:
        """Drop what was dropped before."""
        if self.generator is not None:
            self.generator.manual_seed(0)
        return forward(self, x)

    patch.setattr(layers.Dropout, "forward", again)


# Adam


def _adam(patch: Any, change: Callable[[Any], Any]) -> None:
    """Compute Adam with other hyperparameters."""

    class Other(optimizer.KerasAdam):
        """Adam with other hyperparameters."""

        def __init__(self, given: Any, config: Any) -> None:
            """Change the hyperparameters."""
            super().__init__(given, change(config))

    everywhere(patch, optimizer.KerasAdam, Other)


@mistake
def adam_epsilon(patch: Any) -> None:
    """Leave the value of Adam's epsilon to PyTorch."""
    _adam(patch, lambda config: replace(config, epsilon=1e-8) if config.epsilon == 1e-7 else config)


@mistake
def adam_float32(patch: Any) -> None:
    """Round the betas to float32, as Keras' Adam does by itself."""
    names = ("beta_1", "beta_2")
    _adam(patch, lambda config: replace(config, **{name: float(np.float32(getattr(config, name))) for name in names}))


@mistake
def adam_placement(patch: Any) -> None:
    """Leave the place of Adam's epsilon to PyTorch."""

    def step(self: Any) -> None:
        """Do PyTorch's own step."""
        self._steps += 1
        torch.optim.Adam.step(self)

    patch.setattr(optimizer.KerasAdam, "step", step)


@mistake
def adam_placement_in_training(patch: Any) -> None:
    """Train with another optimizer than the one that is shown."""
    start = network.TorchNetwork.start_training

    class Other(optimizer.KerasAdam):
        """PyTorch's own Adam."""

        step = torch.optim.Adam.step

    def start_training(self: Any, adam: Any, **options: Any) -> None:
        """Start with PyTorch's own Adam."""
        start(self, adam, **options)
        self._optimizer = Other(self._trainable(self._layers), adam)

    patch.setattr(network.TorchNetwork, "start_training", start_training)


# Training, its data and its state


@mistake
def half_the_input_in_bfloat16(patch: Any) -> None:
    """Train on something else where the precision is bfloat16."""
    step = network.TorchNetwork.train_step
    patch.setattr(
        network.TorchNetwork,
        "train_step",
        lambda self, x, labels: step(self, x * (0.5 if self._autocasts else 1), labels),
    )


@mistake
def certain_labels(patch: Any) -> None:
    """Take the most probable class for the true one where probabilities are given."""
    step = network.TorchNetwork.train_step
    patch.setattr(
        network.TorchNetwork,
        "train_step",
        lambda self, x, labels: step(self, x, labels.argmax(1) if labels.ndim == 2 else labels),
    )


@mistake
def one_precision(patch: Any) -> None:
    """Do not take the word ``precision``."""
    start = network.TorchNetwork.start_training
    patch.setattr(network.TorchNetwork, "start_training", lambda self, adam, *, seed: start(self, adam, seed=seed))


@mistake
def neighbors_of_indices(patch: Any) -> None:
    """Train on the segments behind those that were asked for."""
    train_on = network.TorchNetwork.train_on
    patch.setattr(network, "available_bytes", lambda device: 2**30)
    patch.setattr(network.TorchNetwork, "train_on", lambda self, indices: train_on(self, indices + 1))


def _resumed_without(patch: Any, *forgotten: str) -> None:
    """Forget some entries of a training state, by the beginning of their names."""
    load = network.TorchNetwork.load_training_state

    def load_training_state(self: Any, state: Any) -> None:
        """Take the entries of a new training instead."""
        own = self.training_state()
        load(self, {name: own[name] if name.startswith(forgotten) else value for name, value in state.items()})

    patch.setattr(network.TorchNetwork, "load_training_state", load_training_state)


@mistake
def step_not_resumed(patch: Any) -> None:
    """Count Adam's steps from 0 again."""
    _resumed_without(patch, "adam/step")


@mistake
def moments_not_resumed(patch: Any) -> None:
    """Begin with moments of zero again."""
    _resumed_without(patch, "adam/m/", "adam/v/")


@mistake
def random_stream_not_resumed(patch: Any) -> None:
    """Leave dropout's random stream where it is."""
    _resumed_without(patch, "dropout/generator")


# Numbers


@mistake
def single_precision(patch: Any) -> None:
    """Compute in float32 whatever is asked for."""
    patch.setitem(backend.DTYPES, "float64", torch.float32)


@mistake
def single_precision_dense(patch: Any) -> None:
    """Compute matrix products in float32."""

    def forward(self: Any, x: Any) -> Any:
        """Multiply."""
        product = F.linear(x.float(), self.linear.weight.float(), self.linear.bias.float()).to(x.dtype)
        return layers.ACTIVATIONS[self.layer.activation](product)

    patch.setattr(layers.Dense, "forward", forward)


@mistake
def not_a_number(patch: Any) -> None:
    """Overflow in convolutions of more than one channel."""
    forward = layers.Conv.forward
    patch.setattr(layers.Conv, "forward", lambda self, x: forward(self, x) * (float("nan") if x.shape[1] > 1 else 1.0))


@mistake
def unexplained(patch: Any) -> None:
    """Do something that no ledger can know."""
    flatten = layers.flatten
    patch.setattr(layers, "flatten", lambda x: flatten(x) * 1.000001)
