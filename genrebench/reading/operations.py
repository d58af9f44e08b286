"""Functions of tensors, which Keras 2 and 3 write down like layers: the kinds that each comes to."""

from collections.abc import Callable, Mapping
from typing import Any

from genrebench.errors import ConfigError, shown
from genrebench.reading import rearranging, reducing, selecting
from genrebench.reading.graph import Tensor
from genrebench.reading.kinds import core, imaging, logic, merging, operations
from genrebench.reading.kinds.activation import Activation, Softmax
from genrebench.reading.kinds.base import Kind, Shape
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
    if not tensors and operator == "einsum":
        raise ConfigError("expected einsum with its tensors, which Keras 2 does not write down, received none")
    if not tensors or operator == "shape" or any(isinstance(each, Tensor) for each in _flat(kept)):
        raise ConfigError(f"expected {operator} of tensors, received {shown(operands)}")
    try:
        return _program(operator, Given(operands, shapes, kept)), tensors
    except ConfigError:
        raise
    except (LookupError, OverflowError, StopIteration, TypeError, ValueError) as error:
        # Anything may stand anywhere in a stranger's file.
        raise ConfigError(f"expected {operator} as Keras writes it, received {shown(kept or operands)}") from error


def _program(operator: str, given: Given) -> Program:
    """Find out what a function comes to, given its operands and settings."""
    if operator in merging.BINARY:
        return _binary(operator, given)
    if operator in _COMPARISONS:
        return _compare(operator, given)
    if operator not in _SEVERAL and len(given.operands) != 1:
        raise ConfigError(f"expected {operator} of one tensor, received {shown(given.operands)}")
    if operator in _ALONE:
        return Program.of(operator, _ALONE[operator])
    return _HANDLERS[operator](given) if operator in _HANDLERS else _activation(operator, given)


_ALONE: dict[str, Kind] = {
    "negative": merging.Arithmetic(operator="multiply", number=-1.0),
    "identity": core.Identity(),
    "stop_gradient": operations.StopGradient(),
    "zeros_like": operations.Fill(number=0.0),
    "ones_like": operations.Fill(number=1.0),
    "logical_not": logic.Logical(operator="not"),
}
_COMPARISONS = frozenset({"equal", "not_equal", "greater", "greater_equal", "less", "less_equal"})
# Functions of several operands, which look at them themselves.
_SEVERAL = frozenset(
    """concatenate stack matmul getitem bias_add full_like logical_and logical_or logical_xor where
    take einsum squared_difference""".split()
)


_NOT_SETTINGS = frozenset({"name", "trainable", "function", "conjugate"})
_AXIS = frozenset({"axis"})
# What each may be called with beside its operands, under any of its names.
_SETTINGS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("softmax", "log_softmax", "concatenate", "stack", "expand_dims", "squeeze", "flip"), _AXIS),
    "leaky_relu": frozenset({"alpha", "negative_slope"}),
    **dict.fromkeys(("elu", "celu"), frozenset({"alpha"})),
    "gelu": frozenset({"approximate"}),
    "clip": frozenset({"x_min", "x_max", "clip_value_min", "clip_value_max"}),
    "cast": frozenset({"dtype"}),
    "convert_to_tensor": frozenset({"sparse"}),
    "full_like": frozenset({"fill_value"}),
    "pad": frozenset({"pad_width", "paddings", "mode", "constant_values"}),
    "moveaxis": frozenset({"source", "destination"}),
    "unstack": frozenset({"num", "axis"}),
    "depth_to_space": frozenset({"block_size", "data_format"}),
    "reshape": frozenset({"newshape", "shape"}),
    "transpose": frozenset({"perm", "axes"}),
    "swapaxes": frozenset({"axis1", "axis2"}),
    "split": frozenset({"axis", "num_or_size_splits", "indices_or_sections"}),
    "getitem": frozenset({"slice_spec"}),
    "matmul": frozenset({"transpose_a", "transpose_b"}),
    "bias_add": frozenset({"data_format"}),
    "round": frozenset({"decimals"}),
    **reducing.SETTINGS,
    **selecting.SETTINGS,
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
    """Join two tensors of as many axes, or a tensor and numbers."""
    if len(given.operands) != 2:
        raise ConfigError(f"expected {operator} of two tensors or numbers, received {shown(given.operands)}")
    if len(given.shapes) == 2:
        if len(given.shapes[0]) != len(given.shapes[1]):
            raise ConfigError(
                f"expected {operator} of tensors of as many axes, received {given.shapes}: the batch of the one would "
                "stand beside another axis of the other"
            )
        return Program.of(operator, merging.BINARY[operator](), 2)
    number = next(each for each in given.operands if not isinstance(each, Tensor))
    is_reversed = not isinstance(given.operands[0], Tensor)
    while isinstance(number, list) and len(number) == 1:
        number = number[0]
    if isinstance(number, list):
        return Program.of(operator, _with_array(operator, number, is_reversed, given.shapes[0]))
    if not _is_number(number):
        raise ConfigError(f"expected {operator} of tensors and numbers, received {shown(given.operands)}")
    is_reversed = is_reversed and operator in merging.ORDERED
    return Program.of(
        operator,
        merging.Arithmetic(operator=operator, number=float(number), reverse=is_reversed),  # type: ignore[arg-type]
    )


def _with_array(operator: str, numbers: list[Any], is_reversed: bool, shape: Shape) -> Kind:
    """Compute with an array of constants, in plainer words if it is one number for each place of the last axis."""
    if not all(map(_is_number, numbers)) or len(numbers) != shape[-1]:
        is_turned = is_reversed and operator in merging.ORDERED
        kind = merging.ArrayArithmetic(operator=operator, values=numbers, reverse=is_turned)  # type: ignore[arg-type]
        kind.output_shape(shape)
        return kind
    values = [float(each) for each in numbers]
    if operator == "multiply":
        return imaging.Rescaling(scale=values)
    if operator == "divide" and not is_reversed:
        return imaging.Rescaling(scale=[1 / each for each in values])
    if operator == "add" or (operator == "subtract" and is_reversed):
        return imaging.Rescaling(scale=1.0 if operator == "add" else -1.0, offset=values)
    if operator == "subtract":
        return imaging.Rescaling(scale=1.0, offset=[-each for each in values])
    return merging.ArrayArithmetic(
        operator=operator,  # type: ignore[arg-type]
        values=values,  # type: ignore[arg-type]
        reverse=is_reversed and operator in merging.ORDERED,
    )


def _activation(word: str, given: Given) -> Program:
    """Apply a function to every value, or softmax to an axis."""
    settings = dict(given.settings)
    axis = settings.pop("axis", -1)
    activation: str | dict[str, Any] = word
    if word in ("softmax", "log_softmax"):
        if axis not in (-1, len(given.shapes[0])):
            program = Program.of("softmax", Softmax(axis=tuple(given.axes("axis"))))
            if word == "log_softmax":
                program.outputs = [program.add("log", Activation(activation="log"), *program.outputs)]
            return program
    elif word == "leaky_relu":
        slope = settings.pop("alpha", settings.pop("negative_slope", 0.2))
        activation = {"name": "leaky_relu", "negative_slope": slope}
    elif word == "elu":
        activation = {"name": "elu", "alpha": settings.pop("alpha", 1.0)}
    elif word == "celu" and settings.pop("alpha", 1.0) != 1.0:
        raise ConfigError("expected celu with an alpha of 1, received another")
    elif word == "round" and settings.pop("decimals", 0):
        raise ConfigError("expected round to whole numbers, received decimals")
    elif word == "gelu" and settings.pop("approximate", False):
        activation = "gelu_tanh"
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
    return Program.of("cast", operations.Cast())


def _convert(_: Given) -> Program:
    """Take what is a tensor already as it is."""
    return Program.of("identity", core.Identity())


# What a comparison of the reverse order is.
_TURNED = {"greater": "less", "less": "greater", "greater_equal": "less_equal", "less_equal": "greater_equal"}


def _compare(operator: str, given: Given) -> Program:
    """Compare two tensors, or one with a number."""
    operands = given.operands
    numbers = [float(each) for each in operands if _is_number(each)]
    if len(operands) != 2 or len(numbers) + len(given.shapes) != 2:
        raise ConfigError(f"expected {operator} of tensors and a number, received {shown(operands)}")
    if numbers and not isinstance(operands[0], Tensor):
        operator = _TURNED.get(operator, operator)
    kind = logic.Compare(operator=operator, number=numbers[0] if numbers else None)  # type: ignore[arg-type]
    return Program.of(operator, kind, len(given.shapes))


def _logical(word: str) -> Callable[[Given], Program]:
    """Make the handler of what is computed of two truth values."""

    def handle(given: Given) -> Program:
        """Join two tensors."""
        if len(given.operands) != 2 or len(given.shapes) != 2:
            raise ConfigError(f"expected logical_{word} of two tensors, received {shown(given.operands)}")
        return Program.of(f"logical_{word}", logic.Logical(operator=word), 2)  # type: ignore[arg-type]

    return handle


def _where(given: Given) -> Program:
    """Choose between two tensors or numbers."""
    condition, *both = given.operands
    if not isinstance(condition, Tensor) or len(both) != 2 or not all(_is_operand(each) for each in both):
        raise ConfigError(f"expected where of a condition and two tensors or numbers, received {shown(given.operands)}")
    first, second = (None if isinstance(each, Tensor) else float(each) for each in both)
    return Program.of("where", logic.Where(first=first, second=second), len(given.shapes))


def _is_operand(value: Any) -> bool:
    """Return whether something is a tensor or a number."""
    return isinstance(value, Tensor) or _is_number(value)


def _full_like(given: Given) -> Program:
    """Fill with a number."""
    numbers = [*given.operands[1:], *([given.settings["fill_value"]] if "fill_value" in given.settings else [])]
    if len(given.shapes) != 1 or len(numbers) != 1 or not _is_number(numbers[0]):
        raise ConfigError(f"expected full_like of a tensor and a number, received {shown(given.operands)}")
    return Program.of("full_like", operations.Fill(number=float(numbers[0])))


def _bias_add(given: Given) -> Program:
    """Add a number to each channel."""
    if given.settings.get("data_format", "NHWC") not in ("NHWC", "N...C"):
        raise ConfigError(f"expected bias_add with channels last, received {shown(given.settings['data_format'])}")
    return _binary("add", given)


_HANDLERS: dict[str, Callable[[Given], Program]] = {
    **rearranging.HANDLERS,
    **reducing.HANDLERS,
    **selecting.HANDLERS,
    "clip": _clip,
    "cast": _cast,
    "convert_to_tensor": _convert,
    "full_like": _full_like,
    "where": _where,
    **{f"logical_{word}": _logical(word) for word in ("and", "or", "xor")},
    "bias_add": _bias_add,
}
