"""A network in Keras: predicts, and shows what it computes, on any engine.

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

from genrebench.backend import Adam, AdamState, check_inputs, check_layer_kinds
from genrebench.errors import BackendError
from genrebench.network import Architecture, Weights
from genrebench.network.node import INPUT
from genrebench_keras.engines import Engine, Tensor, float64_kept
from genrebench_keras.layers import SETTINGS, build_model


def _numpy(tensor: Tensor) -> NDArray[Any]:
    """Copy a tensor; that what Keras gives shares no memory with it is not promised anywhere."""
    return np.array(keras.ops.convert_to_numpy(tensor))


class KerasNetwork:
    """A network in Keras, on the device that Keras calls ``cpu`` or ``gpu``."""

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

        Keras may refuse an architecture, for instance a layer's name that its engine cannot bear.
        """
        check_layer_kinds(architecture, SETTINGS)
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
        self._trainable = list(architecture.trainable)

    def weights(self) -> Weights:
        """Read the weights. See `Network.weights`."""
        return {name: _numpy(variable) for name, variable in self._variables.items()}

    def logits(self, x: NDArray[Any]) -> NDArray[Any]:
        """Run the network in evaluation mode. See `Network.logits`."""
        check_inputs(self.architecture, x)
        with self._scope(), self._engine.without_gradients():
            return _numpy(self._model(self._tensor(x), training=False))

    def trace(
        self, x: NDArray[Any], *, training: bool, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Run the network and keep the output of every layer. See `Network.trace`."""
        check_inputs(self.architecture, x, dropout_masks=dropout_masks)
        with self._scope(), self._engine.without_gradients():
            inputs, masks = self._tensor(x), self._masks(dropout_masks if training else None)
            with keras.StatelessScope() as scope:
                outputs = self._run(inputs, training=training, masks=masks)
            if training:
                statistics = self.architecture.statistics
                outputs |= {name: scope.get_current_value(self._variables[name]) for name in statistics}
            return {name: _numpy(output) for name, output in outputs.items()}

    def loss_and_gradients(
        self, x: NDArray[Any], labels: NDArray[np.int64], *, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> tuple[float, Weights]:
        """Compute the loss in training mode, and its gradients. See `Network.loss_and_gradients`."""
        check_inputs(self.architecture, x, labels=labels, dropout_masks=dropout_masks)
        variables = [self._variables[name] for name in self._trainable]
        with self._scope():
            inputs, masks = self._tensor(x), self._masks(dropout_masks)
            targets = keras.ops.convert_to_tensor(np.array(labels))

            def loss(values: list[Tensor]) -> Tensor:
                """Compute the mean cross-entropy with other values for the trainable weights."""
                with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                    logits = self._run(inputs, training=True, masks=masks)[self.architecture.output]
                # A new tensor: Keras marks what its softmax gives, and would take the loss of what was before it.
                logits = keras.ops.copy(logits)
                return keras.ops.mean(keras.ops.sparse_categorical_crossentropy(targets, logits, from_logits=True))

            values = [self._tensor(_numpy(variable)) for variable in variables]
            value, gradients = self._engine.value_and_gradients(loss, values)
            named = {name: _numpy(gradient) for name, gradient in zip(self._trainable, gradients, strict=True)}
            return float(_numpy(value)), named

    def adam_update(self, gradients: Weights, state: AdamState, optimizer: Adam) -> tuple[Weights, AdamState]:
        """Compute one update of Keras' own Adam from given gradients. See `Network.adam_update`.

        Keras casts hyperparameters to the dtype of the weights, but an engine may read a plain Python float as
        float32 on the way: 0.999 becomes 0.9990000128746033, and the first update is off by 6.5e-6. A float64 scalar
        of NumPy, which is a Python float too, keeps its dtype. The learning rate is handed over as a function, since
        Keras keeps a number in a variable of its global dtype.
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
        """Run layer by layer."""
        outputs = {INPUT: x}
        for node in self.architecture.walk():
            layer = self._model.get_layer(node.name)
            is_dropout = isinstance(layer, keras.layers.Dropout)
            y = layer(*(outputs[name] for name in node.inputs), training=training and not is_dropout)
            outputs[node.name] = y * masks[node.name] / (1 - layer.rate) if node.name in masks else y
        del outputs[INPUT]
        return outputs

    def _tensor(self, values: NDArray[Any]) -> Tensor:
        """Turn an array into a tensor with memory of its own."""
        return keras.ops.convert_to_tensor(np.array(values, dtype=self._dtype), dtype=self._dtype)

    def _masks(self, masks: Mapping[str, NDArray[Any]] | None) -> dict[str, Tensor]:
        """Turn dropout masks into tensors."""
        return {name: self._tensor(mask) for name, mask in (masks or {}).items()}
