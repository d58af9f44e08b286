"""What a network built in Keras computes, on any engine.

Keras' `StatelessScope` lends a computation other values for the model's variables and catches what it assigns to them.
With it one code path serves all engines, and the network stays as it was. Import this module after
`engines.load_engine`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from genrebench.errors import BackendError
from genrebench.network.adam import Adam, AdamState
from genrebench.network.architecture import Architecture
from genrebench.network.inputs import check_inputs
from genrebench.network.types import Weights
from genrebench_keras.engines import Engine, Tensor, float64_kept
from genrebench_keras.network import build_model


def _numpy(tensor: Tensor) -> NDArray[Any]:
    """Copy a tensor; that what Keras gives shares no memory with it is not promised anywhere."""
    return np.array(keras.ops.convert_to_numpy(tensor))


class KerasNetwork:
    """A network in Keras.

    Parameters
    ----------
    architecture : Architecture
        What to build.
    weights : mapping of str to ndarray
        Canonical weights.
    engine : Engine
        What Keras runs on.
    dtype : str
        ``float32`` or ``float64``.
    device : str
        Keras' name of the device, ``cpu`` or ``gpu``.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: Mapping[str, NDArray[Any]],
        *,
        engine: Engine,
        dtype: str,
        device: str,
    ) -> None:
        """Build the model and copy the weights.

        Raises
        ------
        BackendError
            If Keras refuses the architecture, for instance a layer's name that its engine cannot bear.
        """
        architecture.check_weights(weights)
        self.architecture = architecture
        self._engine, self._dtype, self._device = engine, dtype, device
        with self._scope():
            try:
                self._model = build_model(architecture, dtype)
            except (KeyError, ValueError) as error:
                raise BackendError(f"expected an architecture that Keras can build, received: {error}") from error
            self._variables = {
                f"{layer.name}/{variable.name}": variable for layer in self._model.layers for variable in layer.weights
            }
            for name, variable in self._variables.items():
                variable.assign(self._tensor(weights[name]))
        specs = architecture.weight_specs()
        self._trainable = [name for name in self._variables if specs[name].trainable]

    def weights(self) -> Weights:
        """Read the weights.

        Returns
        -------
        dict of str to ndarray
            Canonical weights, copied.
        """
        return {name: _numpy(variable) for name, variable in self._variables.items()}

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
        with self._scope(), self._engine.without_gradients():
            return _numpy(self._model(self._tensor(x), training=False))

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
            For a dropout layer's name, what it keeps (1) and drops (0), in the shape of its input; a layer without a
            mask drops nothing.

        Returns
        -------
        dict of str to ndarray
            Output of every layer by name, after its activation, channels-last; in training also the updated running
            statistics by canonical name.
        """
        check_inputs(self.architecture, x, dropout_masks=dropout_masks)
        with self._scope(), self._engine.without_gradients():
            inputs, masks = self._tensor(x), self._masks(dropout_masks if training else None)
            with keras.StatelessScope() as scope:
                outputs = self._run(inputs, training=training, masks=masks)
            if training:
                statistics = [name for name in self._variables if name not in self._trainable]
                outputs |= {name: scope.get_current_value(self._variables[name]) for name in statistics}
            return {name: _numpy(output) for name, output in outputs.items()}

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
        variables = [self._variables[name] for name in self._trainable]
        with self._scope():
            inputs, masks = self._tensor(x), self._masks(dropout_masks)
            targets = keras.ops.convert_to_tensor(np.array(labels))

            def loss(values: list[Tensor]) -> Tensor:
                """Compute the loss with other values for the trainable weights.

                Returns
                -------
                Tensor [shape=()]
                    The mean cross-entropy.
                """
                with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                    *_, logits = self._run(inputs, training=True, masks=masks).values()
                return keras.ops.mean(keras.ops.sparse_categorical_crossentropy(targets, logits, from_logits=True))

            values = [self._tensor(_numpy(variable)) for variable in variables]
            value, gradients = self._engine.value_and_gradients(loss, values)
            named = {name: _numpy(gradient) for name, gradient in zip(self._trainable, gradients, strict=True)}
            return float(_numpy(value)), named

    def adam_update(self, gradients: Weights, state: AdamState, optimizer: Adam) -> tuple[Weights, AdamState]:
        """Compute one update of Keras' own Adam from given gradients; the network is left as it was.

        Keras casts hyperparameters to the dtype of the weights, but an engine may read a plain Python float as
        float32 on the way: 0.999 becomes 0.9990000128746033, and the first update is off by 6.5e-6. A float64 scalar
        of NumPy, which is a Python float too, keeps its dtype. The learning rate is handed over as a function, since
        Keras keeps a number in a variable of its global dtype.

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
        """
        # In float32 plain floats, so that what is measured is Keras as everybody runs it.
        number = np.float64 if self._dtype == "float64" else float
        adam = keras.optimizers.Adam(
            learning_rate=lambda: number(optimizer.learning_rate),
            beta_1=number(optimizer.beta_1),
            beta_2=number(optimizer.beta_2),
            epsilon=number(optimizer.epsilon),
            name="adam",
        )
        with self._scope(), self._engine.without_gradients():
            weights = [
                keras.Variable(_numpy(self._variables[name]), dtype=self._dtype, name=f"weight_{index}")
                for index, name in enumerate(self._trainable)
            ]
            adam.build(weights)
            step, *moments = adam.variables  # of each weight in turn the first moment, then the second
            step.assign(state.step)
            for name, m, v in zip(self._trainable, moments[::2], moments[1::2], strict=True):
                m.assign(self._tensor(state.m[name]))
                v.assign(self._tensor(state.v[name]))
            adam.apply([self._tensor(gradients[name]) for name in self._trainable])
            updated, m, v = (
                {name: _numpy(variable) for name, variable in zip(self._trainable, variables, strict=True)}
                for variables in (weights, moments[::2], moments[1::2])
            )
            return updated, AdamState(step=int(_numpy(step)), m=m, v=v)

    @contextmanager
    def _scope(self) -> Iterator[None]:
        """Set device and precision, which Keras takes from outside, for as long as the context lasts."""
        with keras.device(self._device), float64_kept() if self._dtype == "float64" else nullcontext():
            yield

    def _run(self, x: Tensor, *, training: bool, masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run layer by layer.

        Parameters
        ----------
        x : Tensor [shape=(n, height, width, channels)]
            Inputs.
        """
        outputs = {}
        for layer in self._model.layers:
            is_dropout = isinstance(layer, keras.layers.Dropout)
            x = layer(x, training=training and not is_dropout)
            if layer.name in masks:
                x = x * masks[layer.name] / (1 - layer.rate)
            outputs[layer.name] = x
        return outputs

    def _tensor(self, values: NDArray[Any]) -> Tensor:
        """Turn an array into a tensor with memory of its own."""
        return keras.ops.convert_to_tensor(np.array(values, dtype=self._dtype), dtype=self._dtype)

    def _masks(self, masks: Mapping[str, NDArray[Any]] | None) -> dict[str, Tensor]:
        """Turn dropout masks into tensors."""
        return {name: self._tensor(mask) for name, mask in (masks or {}).items()}
