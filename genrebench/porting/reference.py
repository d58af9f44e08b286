"""The definitions, run: somebody's network forward and backward, or one call of it, in plain NumPy and float64."""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from genrebench.errors import BackendError
from genrebench.network.numerics import perturb_by_ulp
from genrebench.network.types import Array
from genrebench.porting import definitions as definitions
from genrebench.porting.activity import Activity, measure
from genrebench.porting.definition import Given
from genrebench.porting.passes import Pass, draws_of, made_by, name_of, run_graph, tensors_of
from genrebench.porting.tape import Value, gradients
from genrebench.reading.graph import Call, Graph, Tensor
from genrebench.reading.kinds.core import InputLayer

# As in `genrebench.network.reference`: sums that do not depend on the number of cores, and no threads that wait.
_THREADS = ThreadpoolController()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Make values without the garbage collector, which would go through all of them again and again.

    Nothing on the tape refers to itself, so that all of it is freed without it; over a thousand steps of a recurrent
    layer six sevenths of the time were the collector's.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(frozen=True)
class GraphPass:
    """What a network made of its inputs.

    Attributes
    ----------
    outputs : dict of str to ndarray
        Every output of every call: ``conv2d_1``; further outputs as ``lstm#1``.
    masks : dict of str to ndarray
        The masks that go out with them, booleans.
    statistics : dict of str to ndarray
        Running statistics that training has moved, by canonical name.
    """

    outputs: dict[str, Array]
    masks: dict[str, Array]
    statistics: dict[str, Array]
    _graph: Graph = field(repr=False)
    _values: dict[str, Value] = field(repr=False)
    _inputs: dict[str, Value] = field(repr=False)
    _weights: dict[str, Value] = field(repr=False)

    def vjp(self, cotangents: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
        """Compute vector-Jacobian products.

        Parameters
        ----------
        cotangents : mapping of str to ndarray
            By the names of any outputs, in their shapes.

        Returns
        -------
        dict of str to ndarray
            Gradients of ``sum((cotangent * output).sum())`` with respect to the inputs that are floats.
        dict of str to ndarray
            With respect to all trainable weights, by canonical name.
        """
        given = [(self._values[name], cotangent) for name, cotangent in cotangents.items()]
        with _THREADS.limit(limits=1, user_api="blas"):
            found = gradients(given, {**self._inputs, **{f"/{name}": value for name, value in self._weights.items()}})
        return {name: found[name] for name in self._inputs}, {name: found[f"/{name}"] for name in self._weights}

    def slopes(self, cotangents: Mapping[str, Array], outputs: Iterable[str]) -> dict[str, Array]:
        """Compute vector-Jacobian products with respect to outputs of calls, by name; see `vjp`."""
        given = [(self._values[name], cotangent) for name, cotangent in cotangents.items()]
        return gradients(given, {name: self._values[name] for name in outputs})

    def move_by_ulp(self) -> None:
        """Move every output to the float above or below it, in place: `vjp` then shows what rounding does to it.

        A gradient such as that of a softmax is a difference of outputs, so that it may have far fewer digits than they.
        """
        rng = np.random.default_rng(0)
        for value in self._values.values():
            if value.data.dtype.kind == "f" and value.data.flags.writeable:
                toward = rng.choice([-np.inf, np.inf], value.data.shape)
                np.nextafter(value.data, toward, out=value.data)

    def activity(self) -> dict[str, Activity]:
        """Measure, for each output, how alive it is: of a dead one nothing can be proved."""
        return {
            name_of(tensor): measure(call.layer.kind, self.outputs[name_of(tensor)])
            for call in self._graph.calls.values()
            for tensor in tensors_of(call)
        }


class GraphReference:
    """A network in plain NumPy, every layer by its definition.

    Parameters
    ----------
    graph : Graph
        As `genrebench.reading.keras_file.read_keras` reads it.
    weights : mapping of str to ndarray
        By canonical name; they become float64.
    """

    def __init__(self, graph: Graph, weights: Mapping[str, Array]) -> None:
        """Copy the weights."""
        self.graph = graph
        self._weights = {
            f"{layer.name}/{weight.name}": np.array(weights[f"{layer.name}/{weight.name}"], np.float64)
            for layer in graph.layers.values()
            for weight in layer.weights
        }
        self._trainable = {
            f"{layer.name}/{weight.name}"
            for layer in graph.layers.values()
            for weight in layer.weights
            if weight.trainable and layer.trainable
        }

    def moved(self) -> "GraphReference":
        """Make the same network with every weight an ulp away."""
        return GraphReference(self.graph, perturb_by_ulp(self._weights))

    def run(
        self, inputs: Mapping[str, Array], *, training: bool = False, draws: Mapping[str, Array] | None = None
    ) -> GraphPass:
        """Run the network.

        Parameters
        ----------
        inputs : mapping of str to ndarray
            By the names of the calls of InputLayer, batch first, in the layout of the file.
        training : bool, optional
            Whether to compute as in training.
        draws : mapping of str to ndarray, optional
            What random layers have drawn; see `genrebench.porting.passes.run_graph`. Absent, nothing is done at random.

        Raises
        ------
        BackendError
            If an input is missing, or has another shape.
        """
        values = {name: Value(_as_input(self.graph.calls[name], inputs), is_tracked=True) for name in self.graph.inputs}
        weights = {name: Value(value, is_tracked=name in self._trainable) for name, value in self._weights.items()}
        with _THREADS.limit(limits=1, user_api="blas"), _uncollected():
            done = run_graph(self.graph, weights, values, training=training, draws=draws)
        return GraphPass(
            **_by_name(done),
            _graph=self.graph,
            _values={name_of(tensor): value for tensor, value in done.values.items()},
            _inputs={name: value for name, value in values.items() if value.is_tracked},
            _weights={name: value for name, value in weights.items() if value.is_tracked},
        )


def _by_name(done: Pass) -> dict[str, dict[str, Array]]:
    """Take the arrays out of a pass."""
    return {
        "outputs": {name_of(tensor): value.data for tensor, value in done.values.items()},
        "masks": {name_of(tensor): mask for tensor, mask in done.masks.items()},
        "statistics": done.statistics,
    }


def _as_input(call: Call, inputs: Mapping[str, Array]) -> Array:
    """Check an input, and make it a float64 unless it holds whole numbers."""
    shape = call.layer.kind.shape if isinstance(call.layer.kind, InputLayer) else ()
    value = np.asarray(inputs.get(call.name))
    fits = value.ndim == len(shape) + 1 and all(
        length in (None, given) for length, given in zip(shape, value.shape[1:], strict=True)
    )
    if not fits:
        expected = ", ".join(["n", *("any" if length is None else str(length) for length in shape)])
        received = value.shape if call.name in inputs else "none"
        raise BackendError(f"expected an input `{call.name}` of shape ({expected}), received {received}")
    return value if value.dtype.kind in "iub" else value.astype(np.float64)


def run_call(
    call: Call,
    weights: Mapping[str, Array],
    inputs: Sequence[Array],
    *,
    masks: Sequence[Array | None] = (),
    arguments: Mapping[str, Any] | None = None,
    training: bool = False,
    draws: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Run one call alone.

    Parameters
    ----------
    weights : mapping of str to ndarray
        By canonical name; those of other layers are ignored.
    inputs : sequence of ndarray
        What the call reads.
    masks : sequence of ndarray or None, optional
        The mask that comes with each input.
    arguments : mapping of str, optional
        Arrays in the place of those arguments of the call that are tensors, such as ``initial_state``.
    training : bool, optional
        Whether to compute as in training.
    draws : mapping of str to ndarray, optional
        What random layers have drawn, by the names of calls.

    Returns
    -------
    dict of str to ndarray
        Its outputs by name; in training also running statistics by canonical name.
    """

    def as_float(array: Array) -> Value:
        """Make a value of an array."""
        array = np.asarray(array)
        return Value(array if array.dtype.kind in "iub" else array.astype(np.float64))

    def as_argument(value: Any) -> Any:
        """Make values of arrays; a flag stays one."""
        if isinstance(value, tuple | list):
            return tuple(as_float(each) for each in value)
        return as_float(value) if isinstance(value, np.ndarray) else value

    replaced = {name: as_argument(value) for name, value in (arguments or {}).items()}
    given = Given(
        tuple(as_float(each) for each in inputs),
        weights={weight.name: as_float(weights[f"{call.layer.name}/{weight.name}"]) for weight in call.layer.weights},
        masks=tuple(masks),
        arguments={**call.arguments, **replaced},
        training=training,
        draws=draws_of(call, draws or {}),
    )
    done = Pass()
    with _THREADS.limit(limits=1, user_api="blas"), _uncollected():
        done.add(call, made_by(call, given))
    found = _by_name(done)
    return found["outputs"] | found["statistics"]


__all__ = ["Activity", "GraphPass", "GraphReference", "Tensor", "run_call"]
