"""Functions of tensors, which Keras 2 and 3 write down like layers: the kinds that each comes to."""

from collections.abc import Callable, Mapping
from typing import Any

from genrebench.errors import ConfigError, shown
from genrebench.reading import rearranging
from genrebench.reading.graph import Tensor
from genrebench.reading.kinds import core, imaging, merging, normalization, pooling
from genrebench.reading.kinds.activation import Activation, Softmax
from genrebench.reading.kinds.base import Kind, Shape
from genrebench.reading.kinds.operations import Reduce
from genrebench.reading.nodes import Arguments
from genrebench.reading.program import Program
from genrebench.reading.rearranging import Given

# Names of operands, in order: Keras 3 writes most of them without one.
_FIRST = ("x", "x1", "a", "input", "inputs", "input_tensor", "tensor", "features", "logits", "value", "values")
_SECOND = ("y", "x2", "b", "bias")


def read_operation(
    operator: str, config: Mapping[str, Any], arguments: Arguments, shape_of: Callable[[Tensor], Shape | None]
) -> tuple[Program | None, list[Tensor]]:
    """Find out what a function of tensors comes to.

    Parameters
    ----------
    operator : str
        As `operator_of` names it.
    config : mapping
        Its settings.
    arguments : Arguments
        What it is called with.
    shape_of : callable
        Finds the shape of a tensor.

    Returns
    -------
    Program or None
        What is computed; None if the shape of a tensor is not known, since a layer before it is not.
    list of Tensor
        The inputs.

    Raises
    ------
    ConfigError
        If it is called with anything that is not understood.
    """
    named = dict(arguments.named)
    operands = [list(each) if type(each) is tuple else each for each in arguments.values]
    for names in (_FIRST, _SECOND):
        for name in names:
            if name in named and (name not in config or isinstance(named[name], Tensor)):
                value = named.pop(name)
                is_list = isinstance(value, list) and all(isinstance(each, Tensor) for each in value)
                operands += value if is_list else [value]
    tensors = [each for each in operands if isinstance(each, Tensor)]
    found = [shape_of(each) for each in tensors]
    shapes = [shape for shape in found if shape is not None]
    if len(shapes) < len(found):
        return None, tensors
    kept = {key: value for key, value in {**config, **named}.items() if value is not None and key not in _NOT_SETTINGS}
    if operator != "cast":
        kept.pop("dtype", None)
    if strange := [key for key in kept if key not in _SETTINGS.get(operator, ())]:
        raise ConfigError(f"expected {operator} without {strange[0]!r:.60}, received {shown(kept[strange[0]])}")
    if not tensors or any(isinstance(each, Tensor) for each in _flat(kept)):
        raise ConfigError(f"expected {operator} of tensors, received {shown(operands)}")
    given = Given(operands, shapes, kept)
    if operator in merging.BINARY or operator == "power":  # which no layer computes of two tensors
        return _binary(operator, given), tensors
    if operator not in ("concatenate", "stack", "matmul", "getitem", "bias_add", "not_equal") and len(operands) != 1:
        raise ConfigError(f"expected {operator} of one tensor, received {shown(operands)}")
    if operator in _ALONE:
        return Program.of(operator, _ALONE[operator]), tensors
    return (_HANDLERS[operator](given) if operator in _HANDLERS else _activation(operator, given)), tensors


_ALONE: dict[str, Kind] = {
    "negative": merging.Arithmetic(operator="multiply", number=-1.0),
    "identity": core.Identity(),
}


_NOT_SETTINGS = frozenset({"name", "trainable", "function", "conjugate"})
_AXIS, _REDUCTION = frozenset({"axis"}), frozenset({"axis", "axes", "keepdims"})
# What each may be called with beside its operands, under any of its names.
_SETTINGS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("softmax", "log_softmax", "concatenate", "stack", "expand_dims", "squeeze", "flip"), _AXIS),
    **dict.fromkeys(("mean", "sum", "max", "min", "any"), _REDUCTION),
    "leaky_relu": frozenset({"alpha", "negative_slope"}),
    "elu": frozenset({"alpha"}),
    "gelu": frozenset({"approximate"}),
    "clip": frozenset({"x_min", "x_max", "clip_value_min", "clip_value_max"}),
    "cast": frozenset({"dtype"}),
    "reshape": frozenset({"newshape", "shape"}),
    "transpose": frozenset({"perm", "axes"}),
    "swapaxes": frozenset({"axis1", "axis2"}),
    "split": frozenset({"axis", "num_or_size_splits", "indices_or_sections"}),
    "getitem": frozenset({"slice_spec"}),
    "matmul": frozenset({"transpose_a", "transpose_b"}),
    "normalize": frozenset({"axis", "order", "epsilon"}),
    "bias_add": frozenset({"data_format"}),
}


def _flat(value: Any) -> list[Any]:
    """List what lies in lists and dictionaries."""
    if isinstance(value, Mapping):
        value = list(value.values())
    return [inner for each in value for inner in _flat(each)] if isinstance(value, list) else [value]


def _is_number(value: Any) -> bool:
    """Return whether something is a number, and not a flag."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _binary(operator: str, given: Given) -> Program:
    """Join two tensors of as many axes, or a tensor and a number, or one per channel."""
    if len(given.operands) != 2:
        raise ConfigError(f"expected {operator} of two tensors or numbers, received {shown(given.operands)}")
    kind = merging.BINARY.get(operator)
    if len(given.shapes) == 2:
        if kind is None or len(given.shapes[0]) != len(given.shapes[1]):
            raise ConfigError(f"expected {operator} of tensors of as many axes, received {given.shapes}")
        return Program.of(operator, kind(), 2)
    number = next(each for each in given.operands if not isinstance(each, Tensor))
    is_reversed = not isinstance(given.operands[0], Tensor)
    while isinstance(number, list) and len(number) == 1:
        number = number[0]
    if isinstance(number, list):
        return Program.of(operator, _per_channel(operator, number, is_reversed, given.shapes[0]))
    if not _is_number(number) or (is_reversed and operator == "power"):
        raise ConfigError(f"expected {operator} of tensors and numbers, received {shown(given.operands)}")
    is_reversed = is_reversed and operator in merging.ORDERED
    return Program.of(
        operator,
        merging.Arithmetic(operator=operator, number=float(number), reverse=is_reversed),  # type: ignore[arg-type]
    )


def _per_channel(operator: str, numbers: list[Any], is_reversed: bool, shape: Shape) -> Kind:
    """Compute with one number for each place of the last axis."""
    if not all(map(_is_number, numbers)) or len(numbers) != shape[-1]:
        raise ConfigError(f"expected a number, or one for each of {shape[-1]} channels, received {shown(numbers)}")
    values = [float(each) for each in numbers]
    if operator == "multiply":
        return imaging.Rescaling(scale=values)
    if operator == "divide" and not is_reversed:
        return imaging.Rescaling(scale=[1 / each for each in values])
    if operator == "add" or (operator == "subtract" and is_reversed):
        return imaging.Rescaling(scale=1.0 if operator == "add" else -1.0, offset=values)
    if operator == "subtract":
        return imaging.Rescaling(scale=1.0, offset=[-each for each in values])
    raise ConfigError(f"expected a number, received {operator} with one for each channel")


def _activation(word: str, given: Given) -> Program:
    """Apply a function to every value, or softmax to an axis."""
    settings = dict(given.settings)
    axis = settings.pop("axis", -1)
    activation: str | dict[str, Any] = word
    if word in ("softmax", "log_softmax"):
        if axis not in (-1, len(given.shapes[0])) and word == "softmax":
            return Program.of("softmax", Softmax(axis=tuple(given.axes("axis"))))
        if axis not in (-1, len(given.shapes[0])):
            raise ConfigError(f"expected log_softmax over the last axis, received axis {shown(axis)}")
    elif word == "leaky_relu":
        slope = settings.pop("alpha", settings.pop("negative_slope", 0.2))
        activation = {"name": "leaky_relu", "negative_slope": slope}
    elif word == "elu":
        activation = {"name": "elu", "alpha": settings.pop("alpha", 1.0)}
    elif word == "gelu" and settings.pop("approximate", False):
        raise ConfigError("expected the exact gelu, received the approximate one, by tanh")
    if settings:
        raise ConfigError(f"expected {word} of a tensor alone, received {shown(settings)}")
    return Program.of(word, Activation(activation=activation))


def _clip(given: Given) -> Program:
    """Limit values on both sides."""
    least, most = (
        next((given.settings[name] for name in names if name in given.settings), None)
        for names in (("x_min", "clip_value_min"), ("x_max", "clip_value_max"))
    )
    if not _is_number(least) or not _is_number(most):
        raise ConfigError(f"expected numbers to clip to, received {shown(given.settings)}")
    program = Program(1)
    low = program.add("maximum", merging.Arithmetic(operator="maximum", number=float(least)), 0)  # type: ignore[arg-type]
    high = merging.Arithmetic(operator="minimum", number=float(most))  # type: ignore[arg-type]
    program.outputs = [program.add("minimum", high, low)]
    return program


def _cast(given: Given) -> Program:
    """Take numbers as they are: all are computed with in one dtype."""
    if "float" not in str(given.settings.get("dtype")):
        raise ConfigError(f"expected a cast to floating point, received {shown(given.settings.get('dtype'))}")
    return Program.of("cast", core.Identity())


def _not_equal(given: Given) -> Program:
    """Compare with a number."""
    numbers = [each for each in given.operands if _is_number(each)]
    if len(given.operands) != 2 or len(numbers) != 1:
        raise ConfigError(f"expected not_equal of a tensor and a number, received {shown(given.operands)}")
    return Program.of("not_equal", merging.NotEqual(number=float(numbers[0])))


def _any(given: Given) -> Program:
    """Find out where anything is true."""
    axes = tuple(given.axes("axis"))
    return Program.of("any", merging.Any(axis=axes, keepdims=given.settings.get("keepdims", False)))


_POOLINGS: dict[tuple[str, int], type[Kind]] = {
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
        kind = _POOLINGS.get((function, rank - 1)) if axes == list(range(1, rank)) else None
        if kind:
            return Program.of(function, kind(keepdims=keepdims))  # type: ignore[call-arg]
        return Program.of(function, Reduce(function=function, axis=tuple(axes), keepdims=keepdims))  # type: ignore[arg-type]

    return handle


def _normalize(given: Given) -> Program:
    """Divide by the root of the sum of squares."""
    if given.settings.get("order", 2) != 2 or given.settings.get("epsilon", 1e-12) != 1e-12:
        raise ConfigError(f"expected the Euclidean norm, with epsilon 1e-12, received {shown(given.settings)}")
    return Program.of("normalize", normalization.UnitNormalization(axis=tuple(given.axes("axis"))))


def _bias_add(given: Given) -> Program:
    """Add a number to each channel."""
    if given.settings.get("data_format", "NHWC") not in ("NHWC", "N...C"):
        raise ConfigError(f"expected bias_add with channels last, received {shown(given.settings['data_format'])}")
    return _binary("add", given)


_HANDLERS: dict[str, Callable[[Given], Program]] = {
    **rearranging.HANDLERS,
    "clip": _clip,
    "cast": _cast,
    "not_equal": _not_equal,
    "any": _any,
    **{word: _reduce(word) for word in ("mean", "sum", "max", "min")},
    "normalize": _normalize,
    "bias_add": _bias_add,
}
