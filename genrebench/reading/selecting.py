"""Functions that pick, repeat or count values, sums over named indices, and resizing that is no layer."""

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from genrebench.errors import ConfigError, shown
from genrebench.reading.graph import Tensor
from genrebench.reading.kinds import activation, imaging, merging, selecting
from genrebench.reading.kinds.operations import Slice
from genrebench.reading.program import Program
from genrebench.reading.rearranging import Given, is_whole


def _take(given: Given) -> Program:
    """Take places along an axis: one, which takes the axis away, or a list of them."""
    _, *others = given.operands
    indices = others[0] if others else given.settings.get("indices")
    (axis,) = given.axes("axis")
    length = given.shapes[0][axis - 1]
    places: list[Any] = indices if isinstance(indices, list) else [indices]
    if (
        len(given.shapes) > 1
        or given.settings.get("batch_dims", 0) != 0
        or not places
        or not all(map(is_whole, places))
    ):
        raise ConfigError(f"expected constant places to take, in one row, received {shown(indices)}")
    if length is None or any(not -length <= each < length for each in places):
        raise ConfigError(f"expected places within an axis of {length}, received {shown(indices)}")
    if indices is places:
        return Program.of("take", selecting.Take(indices=tuple(each % length for each in places), axis=axis))
    parts: list[Any] = [(None, None, None)] * len(given.shapes[0])
    parts[axis - 1] = indices
    return Program.of("take", Slice(parts=tuple(parts)))


def _tile(given: Given) -> Program:
    """Put a tensor behind itself."""
    counts, rank = given.settings.get("repeats", given.settings.get("multiples")), len(given.shapes[0])
    counts = [counts] if is_whole(counts) else counts
    if (
        not isinstance(counts, list)
        or len(counts) > rank + 1
        or not all(is_whole(each) and each > 0 for each in counts)
    ):
        raise ConfigError(f"expected how often along each of {rank + 1} axes, received {shown(counts)}")
    counts = [1] * (rank + 1 - len(counts)) + counts
    if counts[0] != 1:
        raise ConfigError(f"expected to keep the batch as it is, received {shown(counts)}")
    return Program.of("tile", selecting.Tile(repeats=tuple(counts[1:])))


def _repeat(given: Given) -> Program:
    """Put equal values side by side."""
    (axis,), count = given.axes("axis"), given.settings.get("repeats")
    if isinstance(count, list) and len(count) == 1:
        count = count[0]
    if not is_whole(count):
        raise ConfigError(f"expected a number of times to repeat, received {shown(count)}")
    return Program.of("repeat", selecting.Repeat(repeats=count, axis=axis))


def _cumsum(given: Given) -> Program:
    """Add up along an axis."""
    if given.settings.get("exclusive", False) or given.settings.get("reverse", False):
        raise ConfigError("expected a cumulative sum from the front, each place with itself, received another")
    return Program.of("cumsum", selecting.CumulativeSum(axis=given.axes("axis")[0]))


def _extreme(function: str) -> Callable[[Given], Program]:
    """Make the handler of one way to find a place."""

    def handle(given: Given) -> Program:
        """Find the place along an axis."""
        (axis,), keepdims = given.axes("axis", "dimension"), given.settings.get("keepdims", False)
        return Program.of(function, selecting.Extreme(function=function, axis=axis, keepdims=keepdims))  # type: ignore[arg-type]

    return handle


def _one_hot(given: Given) -> Program:
    """Put 1 at a place."""
    settings = given.settings
    count, rank = settings.get("num_classes", settings.get("depth")), len(given.shapes[0])
    is_plain = settings.get("on_value", 1) == 1 and settings.get("off_value", 0) == 0
    if not is_whole(count) or not is_plain or settings.get("axis", -1) not in (-1, rank + 1):
        raise ConfigError(f"expected one_hot along a new last axis, received {shown(settings)}")
    return Program.of("onehot", selecting.OneHot(count=count))


def _einsum(given: Given) -> Program:
    """Read a sum over named indices; dots among them stand for any axes."""
    texts = [each for each in (*given.operands, given.settings.get("subscripts"), given.settings.get("equation"))
             if isinstance(each, str)]  # fmt: skip
    tensors = [each for each in given.operands if isinstance(each, Tensor)]
    if len(texts) != 1 or len(tensors) + len(texts) < len(given.operands) + (texts[0] not in given.operands):
        raise ConfigError(f"expected einsum of tensors, received {shown(given.operands)}")
    text = texts[0].replace(" ", "")
    if len(text) > 200 or text.count("->") != 1 or text.partition("->")[0].count(",") != len(tensors) - 1:
        raise ConfigError(f"expected the indices of each tensor and of the result, received {shown(texts[0])}")
    if "..." in text:
        names = text.partition("->")[0].split(",")
        spread = {len(shape) + 1 - len(name.replace("...", ""))
                  for name, shape in zip(names, given.shapes, strict=True) if "..." in name}  # fmt: skip
        free = [letter for letter in string.ascii_letters if letter not in text]
        if len(spread) != 1 or not 0 <= min(spread) <= len(free):
            raise ConfigError(f"expected dots that stand for as many axes everywhere, received {shown(texts[0])}")
        text = text.replace("...", "".join(free[: min(spread)]))
    return _summed(text, given)


def _summed(text: str, given: Given) -> Program:
    """Make a program of a sum, whose indices fit the tensors."""
    kind = selecting.Einsum(subscripts=text)
    kind.output_shapes(given.shapes, {})
    return Program.of("einsum", kind, len(given.shapes))


def _roll(given: Given) -> Program:
    """Move values along an axis, those that go out at the end come in at the beginning."""
    (axis,), shift = given.axes("axis"), given.settings.get("shift")
    shift = shift[0] if isinstance(shift, list) and len(shift) == 1 else shift
    length = given.shapes[0][axis - 1]
    if not is_whole(shift) or not length:
        raise ConfigError(f"expected a number of places to roll by, along a known axis, received {shown(shift)}")
    if not shift % length:
        return Program.of("roll", selecting.Tile(repeats=(1,) * len(given.shapes[0])))
    program = Program(1)
    ends: list[int] = []
    for start, stop in ((length - shift % length, None), (None, length - shift % length)):
        parts: list[Any] = [(None, None, None)] * len(given.shapes[0])
        parts[axis - 1] = (start, stop, None)
        ends.append(program.add("slice", Slice(parts=tuple(parts)), 0))
    program.outputs = [program.add("roll", merging.Concatenate(axis=axis), *ends)]
    return program


def _squared_difference(given: Given) -> Program:
    """Subtract, and multiply the difference by itself."""
    if len(given.shapes) != 2 or len(given.shapes[0]) != len(given.shapes[1]):
        raise ConfigError(f"expected the squared difference of two tensors of as many axes, received {given.shapes}")
    program = Program(2)
    difference = program.add("subtract", merging.Subtract(), 0, 1)
    program.outputs = [program.add("square", activation.Activation(activation="square"), difference)]
    return program


def _logarithm(base: float) -> Callable[[Given], Program]:
    """Make the handler of the logarithm to a base."""

    def handle(_: Given) -> Program:
        """Divide the natural logarithm by that of the base."""
        program = Program(1)
        natural = program.add("log", activation.Activation(activation="log"), 0)
        divided = merging.Arithmetic(operator="divide", number=float(np.log(base)))
        program.outputs = [program.add("divide", divided, natural)]
        return program

    return handle


def _resize(given: Given) -> Program:
    """Give images another size."""
    settings = given.settings
    size = settings.get("size")
    method = settings.get("method", settings.get("interpolation", "bilinear"))
    if not isinstance(size, list) or len(size) != 2 or any(settings.get(each, False) for each in _RATIOS[:3]):
        raise ConfigError(f"expected resize to a height and a width, received {shown(settings)}")
    if settings.get("data_format", "channels_last") != "channels_last":
        raise ConfigError(f"expected resize with channels last, received {shown(settings['data_format'])}")
    antialias = settings.get("antialias", False)
    return Program.of(
        "resize", imaging.Resizing(height=size[0], width=size[1], interpolation=method, antialias=antialias)
    )


HANDLERS: dict[str, Callable[[Given], Program]] = {
    "take": _take,
    "tile": _tile,
    "repeat": _repeat,
    "cumsum": _cumsum,
    "argmax": _extreme("argmax"),
    "argmin": _extreme("argmin"),
    "one_hot": _one_hot,
    "einsum": _einsum,
    "roll": _roll,
    "squared_difference": _squared_difference,
    "log10": _logarithm(10.0),
    "log2": _logarithm(2.0),
    "resize": _resize,
}
_RATIOS = ("preserve_aspect_ratio", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "fill_mode", "fill_value")
# What each may be called with beside its operands.
SETTINGS: dict[str, frozenset[str]] = {
    "take": frozenset({"axis", "indices", "batch_dims", "mode"}),
    "tile": frozenset({"repeats", "multiples"}),
    "repeat": frozenset({"repeats", "axis"}),
    "cumsum": frozenset({"axis", "exclusive", "reverse"}),
    **dict.fromkeys(("argmax", "argmin"), frozenset({"axis", "dimension", "keepdims", "output_type"})),
    "one_hot": frozenset({"num_classes", "depth", "on_value", "off_value", "axis", "sparse"}),
    "einsum": frozenset({"subscripts", "equation"}),
    "roll": frozenset({"shift", "axis"}),
    "resize": frozenset({"size", "method", "interpolation", "antialias", "data_format", *_RATIOS}),
}
