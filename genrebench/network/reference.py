"""The definitions, run: a whole network forward and backward, or one layer, in plain NumPy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from genrebench.errors import BackendError
from genrebench.network.adam import Adam, AdamState, adam_step
from genrebench.network.architecture import Architecture
from genrebench.network.inputs import check_inputs
from genrebench.network.layers import Forward, Layer
from genrebench.network.node import INPUT
from genrebench.network.numerics import cross_entropy, cross_entropy_gradient
from genrebench.network.types import Array, Weights

# Networks run in one thread: their sums then do not depend on the number of cores, and OpenBLAS splits the long and
# narrow matrix products of convolutions so badly that two threads can be ten times slower than one.
_THREADS = ThreadpoolController()


class ReferenceNetwork:
    """A network in plain NumPy, every layer by its definition; see `genrebench.backend.protocol.Network`.

    Weights and computation are of the type `dtype`, ``float32`` or ``float64``.

    Examples
    --------
    >>> from genrebench.network.genre_cnn import genre_cnn
    >>> architecture = genre_cnn((32, 20), classes=4)
    >>> network = ReferenceNetwork(architecture, architecture.initial_weights(seed=0), dtype="float64")
    >>> network.logits(np.zeros((2, 32, 20, 1))).shape
    (2, 4)
    """

    def __init__(self, architecture: Architecture, weights: Mapping[str, NDArray[Any]], *, dtype: str) -> None:
        """Copy the weights."""
        architecture.check_weights(weights)
        self.architecture = architecture
        self._dtype = np.dtype(dtype)
        self._weights: Weights = {name: np.array(weights[name], self._dtype) for name in architecture.weight_specs()}

    def weights(self) -> Weights:
        """Copy the weights; see `Network.weights`."""
        return {name: weight.copy() for name, weight in self._weights.items()}

    def logits(self, x: NDArray[Any]) -> NDArray[Any]:
        """Run the network in evaluation mode; see `Network.logits`."""
        check_inputs(self.architecture, x)
        return self._forward(x, training=False)[self.architecture.output].y

    def trace(
        self, x: NDArray[Any], *, training: bool, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Run the network and keep every layer's output; see `Network.trace`."""
        check_inputs(self.architecture, x, dropout_masks=dropout_masks)
        passes = self._forward(x, training=training, dropout_masks=dropout_masks)
        # A reshaped output shares its input's memory; what the caller gets is independent of all else.
        outputs = {name: forward.y.copy() for name, forward in passes.items()}
        return outputs | {
            f"{name}/{statistic}": value
            for name, forward in passes.items()
            for statistic, value in forward.statistics.items()
        }

    def loss_and_gradients(
        self, x: NDArray[Any], labels: NDArray[np.int64], *, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> tuple[float, Weights]:
        """Compute the mean cross-entropy and its gradients; see `Network.loss_and_gradients`."""
        check_inputs(self.architecture, x, labels=labels, dropout_masks=dropout_masks)
        passes = self._forward(x, training=True, dropout_masks=dropout_masks)
        logits = passes[self.architecture.output].y
        return cross_entropy(logits, labels), self._backward(passes, cross_entropy_gradient(logits, labels))[1]

    def vjp(
        self,
        x: NDArray[Any],
        cotangent: NDArray[Any],
        *,
        training: bool = True,
        dropout_masks: Mapping[str, NDArray[Any]] | None = None,
    ) -> tuple[Array, Weights]:
        """Compute the vector-Jacobian product: the gradients of ``(cotangent * logits).sum()``.

        They are taken with respect to the inputs, and to every trainable weight, by canonical name.
        """
        check_inputs(self.architecture, x, dropout_masks=dropout_masks)
        passes = self._forward(x, training=training, dropout_masks=dropout_masks)
        expected = passes[self.architecture.output].y.shape
        if cotangent.shape != expected:
            raise BackendError(f"expected a cotangent of shape {expected}, received {cotangent.shape}")
        return self._backward(passes, cotangent.astype(self._dtype))

    def adam_update(self, gradients: Weights, state: AdamState, optimizer: Adam) -> tuple[Weights, AdamState]:
        """Compute one update of Adam from given gradients; see `Network.adam_update`."""
        names = self.architecture.trainable
        if not (set(names) == gradients.keys() == state.m.keys() == state.v.keys()):
            raise BackendError(f"expected gradients and moments of {', '.join(names)}, received {', '.join(gradients)}")
        weights: Weights = {}
        after = AdamState(state.step + 1, {}, {})
        for name in names:
            gradient, m, v = (each[name].astype(self._dtype) for each in (gradients, state.m, state.v))
            done = adam_step(gradient, m, v, after.step, optimizer)
            weights[name] = self._weights[name] + done["update"]
            after.m[name], after.v[name] = done["m"], done["v"]
        return weights, after

    def _forward(
        self, x: Array, *, training: bool, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> dict[str, Forward]:
        """Run every layer; by its name, what it makes of the batch."""
        values, passes = {INPUT: x.astype(self._dtype)}, {}
        masks = dropout_masks or {}
        with _THREADS.limit(limits=1, user_api="blas"):
            for node in self.architecture.walk():
                weights = node.own(self._weights)
                (source,) = node.inputs
                forward = node.layer.forward(values[source], weights, training=training, mask=masks.get(node.name))
                passes[node.name], values[node.name] = forward, forward.y
        return passes

    def _backward(self, passes: Mapping[str, Forward], cotangent: Array) -> tuple[Array, Weights]:
        """Take a gradient with respect to the output back to the input and to all trainable weights."""
        cotangents = {self.architecture.output: cotangent}
        gradients: Weights = {}
        with _THREADS.limit(limits=1, user_api="blas"):
            for node in reversed(self.architecture.walk()):
                (source,) = node.inputs
                cotangents[source], of_weights = passes[node.name].vjp(cotangents.pop(node.name))
                gradients |= {f"{node.name}/{name}": value for name, value in of_weights.items()}
        return cotangents[INPUT], {name: gradients[name] for name in self.architecture.trainable}


def run_layer(
    layer: Layer,
    weights: Mapping[str, Array],
    x: Array,
    *,
    training: bool = False,
    mask: Array | None = None,
) -> dict[str, Array]:
    """Run one layer by its definition, in float64; see `Layer.forward`.

    The weights are canonical ones, of which those of other layers are ignored.

    Returns
    -------
    dict of str to ndarray
        The output by the layer's name; in training also updated running statistics by canonical name.

    Examples
    --------
    >>> from genrebench.network.layers import Dense
    >>> layer = Dense(1, activation="relu", name="sum")
    >>> weights = {"sum/kernel": np.ones((2, 1)), "sum/bias": np.array([-1.0])}
    >>> run_layer(layer, weights, np.array([[2.0, 3.0], [0.0, 0.5]]))
    {'sum': array([[4.],
           [0.]])}
    """
    own = {
        name.removeprefix(f"{layer.name}/"): np.asarray(value, np.float64)
        for name, value in weights.items()
        if name.startswith(f"{layer.name}/")
    }
    layer.output_shape(x.shape[1:])  # refuses an input that the layer cannot follow
    with _THREADS.limit(limits=1, user_api="blas"):
        forward = layer.forward(x.astype(np.float64), own, training=training, mask=mask)
    return {layer.name: forward.y} | {f"{layer.name}/{name}": value for name, value in forward.statistics.items()}
