"""The definitions, run: a whole network forward and backward, or one layer, in plain NumPy."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from genrebench.errors import BackendError
from genrebench.network.adam import Adam, AdamState
from genrebench.network.architecture import Architecture
from genrebench.network.inputs import check_inputs
from genrebench.network.layers import Layer
from genrebench.network.operation import Operation
from genrebench.network.operations import OPERATIONS
from genrebench.network.types import Array, Weights

# Networks run in one thread: their sums then do not depend on the number of cores, and OpenBLAS splits the long and
# narrow matrix products of convolutions so badly that two threads can be ten times slower than one.
_THREADS = ThreadpoolController()


class ReferenceNetwork:
    """A network in plain NumPy.

    Parameters
    ----------
    architecture : Architecture
        What to build.
    weights : mapping of str to ndarray
        Canonical weights.
    dtype : str
        Type of weights and computation.

    Raises
    ------
    BackendError
        If the architecture has a layer kind without a definition here.
    """

    def __init__(self, architecture: Architecture, weights: Mapping[str, NDArray[Any]], *, dtype: str) -> None:
        """Copy the weights."""
        undefined = sorted({layer.kind for layer in architecture.layers} - OPERATIONS.keys())
        if undefined:
            raise BackendError(f"expected layers of kind {', '.join(OPERATIONS)}, received {', '.join(undefined)}")
        architecture.check_weights(weights)
        self.architecture = architecture
        self._dtype = np.dtype(dtype)
        self._specs = architecture.weight_specs()
        self._weights: Weights = {name: np.array(weights[name], self._dtype) for name in self._specs}

    def weights(self) -> Weights:
        """Read the weights.

        Returns
        -------
        dict of str to ndarray
            Canonical weights, copied.
        """
        return {name: weight.copy() for name, weight in self._weights.items()}

    def logits(self, x: NDArray[Any]) -> NDArray[Any]:
        """Run the network in evaluation mode.

        Parameters
        ----------
        x : ndarray [shape=(n, height, width, channels)]
            Inputs, standardized.

        Returns
        -------
        ndarray [shape=(n, classes)]
            Logits in the network's dtype.
        """
        check_inputs(self.architecture, x)
        values = x.astype(self._dtype)
        with _THREADS.limit(limits=1, user_api="blas"):
            for operation in self._operations(training=False):
                values = operation.forward(values)
        return values

    def trace(
        self, x: NDArray[Any], *, training: bool, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Run the network and keep what every layer gives out; the network itself is left as it was.

        Parameters
        ----------
        x : ndarray [shape=(n, height, width, channels)]
            Inputs, standardized.
        training : bool
            Whether batch normalization uses the batch's statistics.
        dropout_masks : mapping of str to ndarray, optional
            What dropout keeps (1) and drops (0), by layer; a layer without a mask drops nothing.

        Returns
        -------
        dict of str to ndarray
            Output of every layer, channels-last; in training also the updated running statistics.
        """
        check_inputs(self.architecture, x, dropout_masks=dropout_masks)
        values = x.astype(self._dtype)
        outputs: dict[str, NDArray[Any]] = {}
        statistics: dict[str, NDArray[Any]] = {}
        with _THREADS.limit(limits=1, user_api="blas"):
            for operation in self._operations(training=training, dropout_masks=dropout_masks):
                values = operation.forward(values)
                # A reshaped output shares its input's memory; what the caller gets is independent of all else.
                outputs[operation.layer.name] = values.copy()
                statistics |= {f"{operation.layer.name}/{name}": each for name, each in operation.statistics.items()}
        return outputs | statistics

    def loss_and_gradients(
        self, x: NDArray[Any], labels: NDArray[np.int64], *, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> tuple[float, Weights]:
        """Compute the mean cross-entropy in training mode, and its gradients; the network is left as it was.

        Parameters
        ----------
        x : ndarray [shape=(n, height, width, channels)]
            Inputs, standardized.
        labels : ndarray of int64 [shape=(n,)]
            True classes.
        dropout_masks : mapping of str to ndarray, optional
            As in `trace`.

        Returns
        -------
        float
            The loss in nats.
        dict of str to ndarray
            Gradient of every trainable weight, by canonical name and in its layout.
        """
        check_inputs(self.architecture, x, labels=labels, dropout_masks=dropout_masks)
        values = x.astype(self._dtype)
        gradients: Weights = {}
        with _THREADS.limit(limits=1, user_api="blas"):
            operations = list(self._operations(training=True, dropout_masks=dropout_masks))
            for operation in operations:
                values = operation.forward(values)
            loss, gradient = cross_entropy_and_gradient(values, labels)
            for operation in reversed(operations):
                gradient, of_weights = operation.backward(gradient)
                gradients |= {f"{operation.layer.name}/{name}": each for name, each in of_weights.items()}
        return loss, {name: gradients[name] for name in self._trainable()}

    def adam_update(self, gradients: Weights, state: AdamState, optimizer: Adam) -> tuple[Weights, AdamState]:
        """Compute one update of Adam from given gradients; the network is left as it was.

        Kingma and Ba, "Adam" (2015), algorithm 1 in the order of computation given at the end of section 2, which is
        Keras' (https://keras.io/api/optimizers/adam/). The hyperparameters stay Python floats, of double precision.

        Parameters
        ----------
        gradients : dict of str to ndarray
            Gradient of every trainable weight, by canonical name.
        state : AdamState
            Moments before the update.
        optimizer : Adam
            Hyperparameters.

        Returns
        -------
        dict of str to ndarray
            The trainable weights after the update, by canonical name.
        AdamState
            Moments after the update.

        Raises
        ------
        BackendError
            If gradients or moments are not those of the trainable weights.
        """
        names = self._trainable()
        if not (set(names) == gradients.keys() == state.m.keys() == state.v.keys()):
            raise BackendError(f"expected gradients and moments of {', '.join(names)}, received {', '.join(gradients)}")
        beta_1, beta_2 = optimizer.beta_1, optimizer.beta_2
        step = state.step + 1
        rate = optimizer.learning_rate * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        weights: Weights = {}
        after = AdamState(step, {}, {})
        for name in names:
            gradient, m, v = (each[name].astype(self._dtype) for each in (gradients, state.m, state.v))
            m = beta_1 * m + (1 - beta_1) * gradient
            v = beta_2 * v + (1 - beta_2) * gradient**2
            weights[name] = self._weights[name] - rate * m / (np.sqrt(v) + optimizer.epsilon)
            after.m[name], after.v[name] = m, v
        return weights, after

    def _trainable(self) -> list[str]:
        """List the weights that have gradients."""
        return [name for name, spec in self._specs.items() if spec.trainable]

    def _operations(
        self, *, training: bool, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> Iterator[Operation]:
        """Make the operations of one pass."""
        masks = dropout_masks or {}
        for layer, shape in zip(self.architecture.layers, self.architecture.shapes()[:-1], strict=True):
            weights = {spec.name: self._weights[f"{layer.name}/{spec.name}"] for spec in layer.weight_specs(shape)}
            yield OPERATIONS[layer.kind](layer, weights, training=training, mask=masks.get(layer.name))


def cross_entropy_and_gradient(logits: Array, labels: NDArray[np.int64]) -> tuple[float, Array]:
    """Compute the mean cross-entropy ``-log softmax(logits)[label]``, and its gradient.

    The gradient of a sample's loss is its probabilities less the one-hot label (Bishop, "Pattern recognition and
    machine learning", 2006, equation 4.109).

    Parameters
    ----------
    logits : ndarray [shape=(n, classes)]
        Logits.
    labels : ndarray of int64 [shape=(n,)]
        True classes.

    Returns
    -------
    float
        The loss in nats.
    ndarray [shape=(n, classes)]
        Its gradient with respect to the logits.
    """
    # The softmax stays the same when all logits of a sample move alike; with the largest at 0 no exponential overflows.
    shifted = logits - logits.max(1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    one_hot = np.eye(logits.shape[1], dtype=logits.dtype)[labels]
    loss = -(one_hot * log_probabilities).sum(1).mean()
    return float(loss), (np.exp(log_probabilities) - one_hot) / len(logits)


def weights_of(layer: Layer, weights: Mapping[str, Array]) -> Weights:
    """Pick the weights of one layer.

    Parameters
    ----------
    weights : mapping of str to ndarray
        Canonical weights of the network.

    Returns
    -------
    dict of str to ndarray
        Those of the layer, by canonical name.
    """
    return {name: value for name, value in weights.items() if name.startswith(f"{layer.name}/")}


def run_layer(
    layer: Layer,
    weights: Mapping[str, Array],
    x: Array,
    *,
    training: bool = False,
    mask: Array | None = None,
    dtype: str = "float64",
) -> dict[str, Array]:
    """Run one layer by definition.

    Parameters
    ----------
    weights : mapping of str to ndarray
        Canonical weights; those of other layers are ignored.
    x : ndarray [shape=(n, height, width, channels)] or [shape=(n, features)]
        Its input.

    Returns
    -------
    dict of str to ndarray
        The output by the layer's name; in training also updated running statistics by canonical name.

    Raises
    ------
    ConfigError
        If the layer cannot follow such an input.
    """
    own = {name.rpartition("/")[2]: np.asarray(value, dtype) for name, value in weights_of(layer, weights).items()}
    operation = OPERATIONS[layer.kind](layer, own, training=training, mask=mask)
    layer.output_shape(x.shape[1:])  # refuses an input that the layer cannot follow
    with _THREADS.limit(limits=1, user_api="blas"):
        output = operation.forward(x.astype(dtype))
    return {layer.name: output} | {f"{layer.name}/{name}": value for name, value in operation.statistics.items()}
