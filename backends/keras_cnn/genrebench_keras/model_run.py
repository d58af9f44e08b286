"""A Keras model with the reader's names: weights by canonical name, outputs by call. Import after `load_engine`."""

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from genrebench.errors import BackendError
from genrebench_keras.engines import Tensor
from genrebench_keras.recording import CallSpec, Recorder, layers_of

Arrays = dict[str, NDArray[Any]]


class ModelRun:
    """A model of Keras, and how its layers, weights and outputs are called in the reader's graph.

    Parameters
    ----------
    model : keras.Model
        A Functional or Sequential model.
    options : dict
        ``layers``, ``calls`` and ``inputs`` of `genrebench_keras.witness.answer`.

    Attributes
    ----------
    absent : list of str
        Layers of the graph that the model does not have.
    """

    def __init__(self, model: Any, options: Mapping[str, Any]) -> None:
        """Find every layer and every weight."""
        self._model, self._inputs = model, options["inputs"]
        self._names: dict[str, list[str]] = options["layers"]
        self._calls = [CallSpec(each["name"], each["layer"], tuple(each["inputs"])) for each in options["calls"]]
        layers = dict(layers_of(model))
        self.absent = [name for name in self._names if name not in layers]
        self._layers = {name: layers[name] for name in self._names if name in layers}
        self._variables = dict(_variables(self._layers, self._names))
        self._recorder = Recorder()
        for name, layer in self._layers.items():
            if isinstance(layer, keras.layers.MelSpectrogram):
                layer.ref_power = np.float64(layer.ref_power)  # else it stays float32 among what is float64
            if not isinstance(layer, keras.layers.InputLayer):
                self._recorder.watch(name, layer)

    def differing(self, stored: Any, weights: Mapping[str, NDArray[Any]]) -> list[str]:
        """Name the weights that Keras reads differently from a file; both in the file's own precision."""
        layers = dict(layers_of(stored))
        known = {name: layers[name] for name in self._layers if name in layers}
        values = {name: each.numpy() for name, each in _variables(known, self._names)}
        return [name for name, value in weights.items() if name in values and not np.array_equal(values[name], value)]

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Give the model weights."""
        for name, variable in self._variables.items():
            if name in weights:
                variable.assign(weights[name])
        for layer in self._layers.values():
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()

    def run(
        self,
        inputs: Mapping[str, NDArray[Any]],
        cotangents: Mapping[str, NDArray[Any]],
        *,
        draws: Mapping[str, NDArray[Any]],
        training: bool,
    ) -> Arrays:
        """Run the model forward and backward.

        Returns
        -------
        dict of str to ndarray
            ``outputs/``, ``gradients/``, ``inputs/`` and ``statistics/``, each with the name behind it.
        """
        self._recorder.seen.clear()
        self._recorder.draws = draws
        given = {name: tf.convert_to_tensor(inputs[name]) for name in self._inputs}
        floats = {name: each for name, each in given.items() if each.dtype.is_floating}
        trained = {name: each.value for name, each in self._variables.items() if each.trainable}
        with tf.GradientTape(watch_accessed_variables=False) as tape, self._recorder.drawing():
            tape.watch(list(floats.values()))
            tape.watch(list(trained.values()))
            self._model(self._arranged(given), training=training)
            tensors = self._recorder.tensors(self._calls, given)
            parts = [tf.reduce_sum(tensors[name] * each) for name, each in cotangents.items() if name in tensors]
            total = tf.add_n(parts) if parts else None
        sources = {**{f"inputs/{name}": each for name, each in floats.items()},
                   **{f"gradients/{name}": each for name, each in trained.items()}}  # fmt: skip
        slopes = tape.gradient(total, list(sources.values())) if parts else []
        found = {f"outputs/{name}": _numpy(each) for name, each in tensors.items()}
        found |= {name: _numpy(each) for name, each in zip(sources, slopes, strict=bool(parts)) if each is not None}
        if training:
            still = {name: each for name, each in self._variables.items() if not each.trainable}
            found |= {f"statistics/{name}": each.numpy() for name, each in still.items()}
        return found

    def _arranged(self, given: Mapping[str, Tensor]) -> Any:
        """Arrange inputs as the model takes them: one, a list, or by name."""
        struct = getattr(self._model, "_inputs_struct", None)
        if isinstance(struct, dict):
            names = {each.name: key for key, each in struct.items()}
            return {names.get(name, name): each for name, each in given.items()}
        return list(given.values()) if len(given) > 1 else next(iter(given.values()))


def _numpy(tensor: Tensor) -> NDArray[Any]:
    """Copy a tensor; of a gradient with rows alone, all of it."""
    return np.array(tf.convert_to_tensor(tensor))


def _variables(layers: Mapping[str, Any], names: Mapping[str, list[str]]) -> Iterator[tuple[str, Any]]:
    """List the variables of layers by canonical name."""
    for layer, variable_names in names.items():
        variables = getattr(layers.get(layer), "weights", [])
        if layer in layers and len(variables) != len(variable_names):
            raise BackendError(
                f"{layer}: expected weights {variable_names}, Keras has {[each.path for each in variables]}"
            )
        yield from ((f"{layer}/{name}", each) for name, each in zip(variable_names, variables, strict=False))
