"""Keras' own answers to the cases, in float64: a program that writes a file for each into a folder, or all totals."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.network.types import Array
from genrebench.porting.sampling import Sample
from genrebench.system.arrays import write_arrays
from tests.porting.definitions.cases import CASES, TOTALS, Case


def main(folder: Path | None) -> None:
    """Answer all cases that Keras has, into a folder or as totals."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    keras.config.set_floatx("float64")
    totals = {}
    for number, case in enumerate(CASES):
        if not case.keras:
            continue
        found = answer(case)
        if folder is not None:
            write_arrays(folder / f"{number}.npz", found)
        totals[case.key] = [
            *(total_of(case, found, mode) for mode in ("evaluation", "training")),
            masks_of(case, found),
        ]
    if folder is None:
        TOTALS.write_text(json.dumps(totals, indent=1) + "\n", encoding="utf-8")


def total_of(case: Case, found: Mapping[str, Array], mode: str) -> float:
    """Multiply the outputs by the cotangents, and sum."""
    cotangents = case.sample(case.graph()).cotangents.values()
    return sum(float((found[f"{mode}/outputs/{number}"] * each).sum()) for number, each in enumerate(cotangents))


def answer(case: Case) -> dict[str, Array]:
    """Run a case in both modes: outputs, masks, statistics, gradients."""
    import keras

    graph = case.graph()
    weights = case.weights(graph)
    sample = case.sample(graph)
    names = {name: sample.inputs[name] for name in graph.inputs}
    inputs = {name: keras.Input(value.shape[1:], name=name, dtype=value.dtype.name) for name, value in names.items()}
    settings = {key: {"module": "keras.layers", **value} if isinstance(value, dict) else value
                for key, value in case.settings.items()}  # fmt: skip
    layer = getattr(keras.layers, case.kind).from_config({**settings, "name": "layer"})
    sources = [inputs[f"x{number}"] for number in range(len(case.shapes))]
    sources = [keras.layers.Masking()(source) if number in case.masked else source
               for number, source in enumerate(sources)]  # fmt: skip
    named: dict[str, Any] = dict(case.arguments)
    if case.states:
        named["initial_state"] = [inputs[f"state{number}"] for number in range(len(case.states))]
    is_list = len(sources) > 1 and case.kind != "MultiHeadAttention"
    made = layer(sources, **named) if is_list else layer(*sources, **named)
    model = keras.Model(inputs, made)
    found: dict[str, Array] = {}
    for mode in ("evaluation", "training"):
        own = graph.layers["layer"].weights
        variables = [each for each in layer.weights if "seed" not in each.path]
        assert [each.shape for each in variables] == [each.shape for each in own], [each.path for each in variables]
        for variable, each in zip(variables, own, strict=True):
            variable.assign(weights[f"layer/{each.name}"])
        if case.kind == "Normalization":
            layer.finalize_state()
        ran = run(model, layer, case, sample, training=mode == "training")
        found |= {f"{mode}/{name}": value for name, value in ran.items()}
        for variable, each in zip(variables, own, strict=True):
            found[f"{mode}/weights/{each.name}"] = np.asarray(variable)
    return found


def run(model: Any, layer: Any, case: Case, sample: Sample, *, training: bool) -> dict[str, Array]:
    """Run the model and differentiate it."""
    import tensorflow as tf

    inputs = {name: tf.constant(value) for name, value in sample.inputs.items()}
    with drawn(case, sample, training=training), tf.GradientTape() as tape:
        floats = {name: value for name, value in inputs.items() if value.dtype.is_floating}
        tape.watch(list(floats.values()))
        made = model(inputs, training=training)
        outputs = list(made) if isinstance(made, list | tuple) else [made]
        cotangents = [sample.cotangents["layer" if not number else f"layer#{number}"] for number in range(len(outputs))]
        total = tf.add_n(
            [tf.reduce_sum(tf.cast(output, "float64") * cotangent)
             for output, cotangent in zip(outputs, cotangents, strict=True)]
        )  # fmt: skip
    trained = [each.value for each in layer.trainable_weights]
    wanted = [*floats.values(), *trained]
    # TensorFlow cannot differentiate this one.
    if case.settings.get("interpolation") == "area":
        return {f"outputs/{number}": np.asarray(output) for number, output in enumerate(outputs)}
    gradients = tape.gradient(total, wanted, unconnected_gradients="zero")
    found = {f"outputs/{number}": np.asarray(output) for number, output in enumerate(outputs)}
    for number, output in enumerate(outputs):
        mask = getattr(output, "_keras_mask", None)
        if mask is not None:
            found[f"masks/{number}"] = np.asarray(mask)
    names = [*(f"inputs/{name}" for name in floats), *(f"weights/{number}" for number in range(len(trained)))]
    for name, gradient in zip(names, gradients, strict=True):
        found[f"gradients/{name}"] = np.asarray(tf.convert_to_tensor(gradient))
    return found


def masks_of(case: Case, found: Mapping[str, Array]) -> list[list[str]]:
    """Write the masks that go out of a layer in evaluation, if any."""
    names = [f"evaluation/masks/{number}" for number in range(case.outputs)]
    return [written(found[name]) for name in names if name in found]


def written(mask: Array) -> list[str]:
    """Write a mask as digits, a row for each sample."""
    return ["".join(str(int(each)) for each in row.ravel()) for row in mask]


class drawn:  # noqa: N801
    """Puts given draws in the place of Keras' random numbers."""

    def __init__(self, case: Case, sample: Sample, *, training: bool) -> None:
        """Queue them in the order in which Keras asks."""
        self._queue = self._in_order(case, sample) if training else iter(())
        self._is_on = training

    @staticmethod
    def _in_order(case: Case, sample: Sample) -> Iterator[Array]:
        """Give one draw after the other; those of gates and steps come apart."""
        apart = case.kind in ("LSTM", "GRU", "Bidirectional", "TimeDistributed")
        for value in sample.draws.values():
            if (apart and value.ndim == 3) or case.kind.startswith("ConvLSTM"):
                yield from np.moveaxis(value, 1, 0)
            else:
                yield value

    def __enter__(self) -> None:
        """Replace the functions."""
        from keras.src import backend, ops

        self._places = [(backend.random, "dropout"), (backend.random, "normal"), (ops.random, "uniform")]
        self._kept = [getattr(*place) for place in self._places]
        for place, function in zip(self._places, (self._dropout, self._given, self._given), strict=True):
            setattr(*place, function)

    def __exit__(self, *_: object) -> None:
        """Put them back; everything must have been asked for."""
        for place, function in zip(self._places, self._kept, strict=True):
            setattr(*place, function)
        left = next(self._queue, None)
        assert left is None, "expected every draw to be used"

    def _dropout(self, inputs: Any, rate: float, **_: Any) -> Any:
        """Drop."""
        return inputs * (next(self._queue) / (1 - rate)) if self._is_on else inputs

    def _given(self, *_: Any, **__: Any) -> Any:
        """Give what was drawn."""
        import tensorflow as tf

        return tf.constant(next(self._queue))


if __name__ == "__main__":
    main(None if sys.argv[1] == "--totals" else Path(sys.argv[1]))
