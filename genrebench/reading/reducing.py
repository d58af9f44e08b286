"""Functions that make fewer values of many: along axes, with norms and moments, and in the windows of poolings."""

from collections.abc import Callable
from typing import Any

from genrebench.errors import ConfigError, shown
from genrebench.reading.kinds import activation, normalization, pooling
from genrebench.reading.kinds.base import Kind
from genrebench.reading.kinds.operations import Reduce
from genrebench.reading.program import Program
from genrebench.reading.rearranging import Given, is_whole

_REDUCTIONS = ("mean", "var", "std", "sum", "max", "min", "logsumexp", "prod", "any", "all")


_GLOBAL_POOLINGS: dict[tuple[str, int], type[Kind]] = {
    ("mean", 1): pooling.GlobalAveragePooling1D,
    ("mean", 2): pooling.GlobalAveragePooling2D,
    ("mean", 3): pooling.GlobalAveragePooling3D,
    ("max", 1): pooling.GlobalMaxPooling1D,
    ("max", 2): pooling.GlobalMaxPooling2D,
    ("max", 3): pooling.GlobalMaxPooling3D,
}


def _reduce(function: str) -> Callable[[Given], Program]:
    """Make the handler of one way to reduce; over everything but the channels it is a global pooling."""

    def handle(given: Given) -> Program:
        """Reduce along axes."""
        axes, rank = sorted(given.axes("axis", "axes")), len(given.shapes[0])
        keepdims = given.settings.get("keepdims", False)
        kind = _GLOBAL_POOLINGS.get((function, rank - 1)) if axes == list(range(1, rank)) else None
        if kind:
            return Program.of(function, kind(keepdims=keepdims))  # type: ignore[call-arg]
        reduce = Reduce(function=function, axis=tuple(axes), keepdims=keepdims)  # type: ignore[arg-type]
        return Program.of(function, reduce)

    return handle


def _norm(given: Given) -> Program:
    """Compute the root of a sum of squares."""
    if given.settings.get("ord") not in (None, 2, "euclidean", "fro"):
        raise ConfigError(f"expected the Euclidean norm, received {shown(given.settings['ord'])}")
    axes, keepdims = given.axes("axis"), given.settings.get("keepdims", False)
    program = Program(1)
    square = program.add("square", activation.Activation(activation="square"), 0)
    total = program.add("sum", Reduce(function="sum", axis=tuple(axes), keepdims=keepdims), square)
    program.outputs = [program.add("norm", activation.Activation(activation="sqrt"), total)]
    return program


def _normalize(given: Given) -> Program:
    """Divide by the root of the sum of squares."""
    if given.settings.get("order", 2) != 2 or given.settings.get("epsilon", 1e-12) != 1e-12:
        raise ConfigError(f"expected the Euclidean norm, with epsilon 1e-12, received {shown(given.settings)}")
    return Program.of("normalize", normalization.UnitNormalization(axis=tuple(given.axes("axis"))))


def _moments(given: Given) -> Program:
    """Compute mean and variance."""
    axes, keepdims = tuple(given.axes("axes")), given.settings.get("keepdims", False)
    program = Program(1)
    program.outputs = [
        program.add(function, Reduce(function=function, axis=axes, keepdims=keepdims), 0)
        for function in ("mean", "var")
    ]
    return program


_POOLINGS: dict[tuple[str, int], Any] = {
    ("max", 1): pooling.MaxPooling1D,
    ("max", 2): pooling.MaxPooling2D,
    ("max", 3): pooling.MaxPooling3D,
    ("average", 1): pooling.AveragePooling1D,
    ("average", 2): pooling.AveragePooling2D,
    ("average", 3): pooling.AveragePooling3D,
}


def _pool(function: str) -> Callable[[Given], Program]:
    """Make the handler of a pooling."""

    def handle(given: Given) -> Program:
        """Pool with the channels last."""
        settings, rank = given.settings, len(given.shapes[0]) - 1
        kind = _POOLINGS.get((function, rank))
        order = str(settings.get("data_format", "channels_last"))
        if kind is None or (order != "channels_last" and (not order.startswith("N") or not order.endswith("C"))):
            raise ConfigError(f"expected a pooling of 1 to 3 axes, channels last, received {shown(settings)}")
        size = _sizes(settings.get("pool_size", settings.get("ksize")), rank)
        strides = _sizes(settings.get("strides") or list(size), rank)
        padding = str(settings.get("padding", "valid")).lower()
        return Program.of("pool", kind(pool_size=size, strides=strides, padding=padding))

    return handle


def _sizes(value: Any, rank: int) -> tuple[int, ...]:
    """Read sizes: one for all axes, one each, or with 1 for batch and channels."""
    found = value if isinstance(value, list) else [value] * rank
    if len(found) == 1:
        found = found * rank
    if len(found) == rank + 2 and found[0] == found[-1] == 1:
        found = found[1:-1]
    if len(found) != rank or not all(map(is_whole, found)):
        raise ConfigError(f"expected a size for each of {rank} axes, received {shown(value)}")
    return tuple(found)


HANDLERS: dict[str, Callable[[Given], Program]] = {
    **{word: _reduce(word) for word in _REDUCTIONS},
    "norm": _norm,
    "normalize": _normalize,
    "moments": _moments,
    "max_pool": _pool("max"),
    "average_pool": _pool("average"),
}
# What each may be called with beside its operands.
SETTINGS: dict[str, frozenset[str]] = {
    **dict.fromkeys(_REDUCTIONS, frozenset({"axis", "axes", "keepdims"})),
    "norm": frozenset({"ord", "axis", "keepdims"}),
    "normalize": frozenset({"axis", "order", "epsilon"}),
    "moments": frozenset({"axes", "keepdims", "synchronized"}),
    **dict.fromkeys(
        ("max_pool", "average_pool"), frozenset({"pool_size", "ksize", "strides", "padding", "data_format"})
    ),
}
