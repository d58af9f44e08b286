"""What every layer of a Keras model gives while the model runs, and what its random layers are told to draw.

A layer's own ``call`` is wrapped, so that nothing is built a second time. Import this module after
`engines.load_engine`.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from genrebench.errors import BackendError
from genrebench_keras.engines import Tensor

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class CallSpec:
    """A call of a layer in the reader's graph: its name, its layer's, and the tensors that it reads."""

    name: str
    layer: str
    inputs: tuple[str, ...]


@dataclass
class Recorder:
    """Keeps what layers are given and give, and the draws of those that are random.

    Attributes
    ----------
    draws : dict of str to ndarray
        By call, what its random part draws; a random layer without any does nothing at random.
    """

    draws: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    seen: dict[str, list[tuple[list[Tensor], list[Tensor]]]] = field(default_factory=dict)
    _current: str = ""
    # Within TimeDistributed: which step it is, and how often each layer inside was called at it.
    _steps: tuple[int, ...] = ()
    _times: Counter[str] = field(default_factory=Counter)

    def watch(self, name: str, layer: Any) -> None:
        """Wrap a layer's call."""
        inner: Callable[..., Any] = layer.call

        def call(*given: Any, **named: Any) -> Any:
            """Call the layer, and keep what went in and out; what changes images at random lets them pass."""
            if any(each.__name__ == "BaseImagePreprocessingLayer" for each in type(layer).__mro__):
                named["training"] = False
            number = len(self.seen.get(name, ())) + 1
            outer, self._current = self._current, name if number == 1 else f"{name}:{number}"
            try:
                result = inner(*given, **named)
            finally:
                self._current = outer
            tensors = [each for each in tf.nest.flatten((given, named)) if tf.is_tensor(each)]
            self.seen.setdefault(name, []).append((tensors, list(tf.nest.flatten(result))))
            return result

        layer.call = call
        self._tell(layer)

    def _tell(self, layer: Any) -> None:
        """Let what draws inside a layer know its own draws: cells, and what is called for each step of time alone."""
        for way, cell in _cells(layer):
            for part in ("dropout", "recurrent_dropout"):
                setattr(cell, f"get_{part}_mask", self._kept(cell, f"{way}{part}", getattr(cell, part, 0.0)))
        if isinstance(layer, keras.layers.TimeDistributed):
            self._number(layer)
            self._tell(layer.layer)
        if isinstance(layer, keras.Model):
            for name, each in layers_of(layer):
                self._name(name, each)

    def _number(self, wrapper: Any) -> None:
        """Count the steps for which a layer is called within TimeDistributed, one after the other."""
        outer: Callable[..., Any] = wrapper.call
        inner: Callable[..., Any] = wrapper.layer.call
        numbers: list[Iterator[int]] = []

        def call(*given: Any, **named: Any) -> Any:
            """Call the wrapper, which begins at the first step."""
            numbers.append(itertools.count())
            try:
                return outer(*given, **named)
            finally:
                numbers.pop()

        def step(*given: Any, **named: Any) -> Any:
            """Call the layer for the next step."""
            before, times = self._steps, self._times
            self._steps, self._times = (*before, next(numbers[-1])), Counter()
            try:
                return inner(*given, **named)
            finally:
                self._steps, self._times = before, times

        wrapper.call, wrapper.layer.call = call, step

    def _name(self, name: str, layer: Any) -> None:
        """Name the calls of a layer of a network within TimeDistributed, as the reader does."""
        inner: Callable[..., Any] = layer.call

        def call(*given: Any, **named: Any) -> Any:
            """Call the layer under its name."""
            self._times[name] += 1
            outer = self._current
            self._current = f"{outer}/{name}" + (f":{self._times[name]}" if self._times[name] > 1 else "")
            try:
                return inner(*given, **named)
            finally:
                self._current = outer

        layer.call = call
        self._tell(layer)

    def _drawn(self, name: str) -> NDArray[Any] | None:
        """Look up what was drawn by a name, of the step that it is."""
        drawn = self.draws.get(name)
        for step in self._steps if drawn is not None else ():
            drawn = drawn[:, step]  # type: ignore[index]
        return drawn

    def _kept(self, cell: Any, part: str, rate: float) -> Callable[[Tensor], Any]:
        """Make the function that a recurrent layer's cell asks at every step what it keeps."""

        def kept(step: Tensor) -> Any:
            """Give what is kept, scaled: at once, or for each gate."""
            drawn = self._drawn(f"{self._current}/{part}")
            mask = tf.ones_like(step) if drawn is None else tf.cast(drawn / (1 - rate), step.dtype)
            count = getattr(cell, "dropout_mask_count", None)
            if count is None:
                return mask
            return [mask] * count if len(mask.shape) == len(step.shape) else tf.unstack(mask, axis=1)

        return kept

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Give Keras' random functions the draws that were decided on."""
        random = keras.src.backend.random

        def dropout(inputs: Tensor, rate: float, noise_shape: Any = None, **_: Any) -> Tensor:
            """Keep what is to be kept, scaled."""
            if self._current not in self.draws:
                return inputs
            keep = tf.cast(self._draw(noise_shape or tuple(inputs.shape)), inputs.dtype)
            return inputs * keep / (1 - rate)

        def normal(shape: Any, mean: float = 0.0, dtype: Any = None, **_: Any) -> Tensor:
            """Give the noise that was drawn."""
            if self._current not in self.draws:
                return tf.fill(tuple(shape), tf.cast(mean, dtype or "float64"))
            return tf.cast(self._draw(tuple(shape)), dtype or "float64")

        def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, **_: Any) -> Tensor:
            """Give what is above every rate where it is to be kept, below where not."""
            keep = self._draw(tuple(shape)) if self._current in self.draws else np.ones(tuple(shape))
            return tf.cast(keep * (maxval - minval) + minval, dtype or "float64")

        own = {name: getattr(random, name) for name in ("dropout", "normal", "uniform")}
        for function in (dropout, normal, uniform):
            setattr(random, function.__name__, function)
        try:
            yield
        finally:
            for name, each in own.items():
                setattr(random, name, each)

    def _draw(self, shape: Sequence[int | None]) -> NDArray[Any]:
        """Look up a layer's draw, which must have the shape that Keras draws in."""
        drawn = self._drawn(self._current)
        assert drawn is not None
        if len(shape) != drawn.ndim or any(
            length not in (None, given) for length, given in zip(shape, drawn.shape, strict=True)
        ):
            raise BackendError(f"{self._current}: expected a draw of shape {shape}, received {drawn.shape}")
        return drawn

    def tensors(self, calls: Sequence[CallSpec], inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Sort what was seen by the calls of the reader's graph.

        Calls of one layer are told apart by what they read; Keras may run them in another order.

        Returns
        -------
        dict of str to tensor
            ``call`` for a call's first output, ``call#1`` for the next.
        """
        found = dict(inputs)
        for call in calls:
            records = self.seen.get(call.layer, [])
            if call.name in found or not records:
                continue
            reads = [found[name] for name in call.inputs if name in found]
            index = next((at for at, (given, _) in enumerate(records) if _same(given, reads)), 0)
            _, outputs = records.pop(index)
            found |= {f"{call.name}#{number}" if number else call.name: each for number, each in enumerate(outputs)}
        return found


def layers_of(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """List the layers of a model and of those in it, by the reader's names."""
    for layer in getattr(model, "operations", None) or model.layers:
        name = f"{prefix}{layer.name}"
        if isinstance(layer, keras.Sequential | keras.Model):
            yield from layers_of(layer, f"{name}/")
        else:
            yield name, layer


def _cells(layer: Any) -> Iterator[tuple[str, Any]]:
    """List the cells of a recurrent layer that may drop values, with the way in front of the names of their draws."""
    if isinstance(layer, keras.layers.Bidirectional):
        halves = [("forward/", layer.forward_layer), ("backward/", layer.backward_layer)]
    else:
        halves = [("", layer)]
    for way, half in halves:
        if hasattr(getattr(half, "cell", None), "get_dropout_mask"):
            yield way, half.cell


def _same(given: Sequence[Tensor], reads: Sequence[Tensor]) -> bool:
    """Return whether a layer was given what a call reads."""
    return all(
        any(each is one or (each.shape == one.shape and np.array_equal(each, one)) for each in given) for one in reads
    )
