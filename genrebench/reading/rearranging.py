"""Functions that only move values, put tensors together or take them apart, and the product of matrices."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from genrebench.errors import ConfigError, shown
from genrebench.reading.kinds import core, imaging, merging
from genrebench.reading.kinds.base import Shape, axis_of, product
from genrebench.reading.kinds.operations import Pad, Part, Product, Slice
from genrebench.reading.kinds.selecting import Einsum
from genrebench.reading.lengths import Length
from genrebench.reading.program import Program

_MAX_PARTS = 1000


class Given(NamedTuple):
    """What a function is called with.

    Attributes
    ----------
    operands : list of object
        Tensors, numbers and lists of numbers, in order.
    shapes : list of Shape
        Of the tensors among them.
    settings : dict
        The rest by name.
    """

    operands: list[Any]
    shapes: list[Shape]
    settings: dict[str, Any]

    def axes(self, *names: str) -> list[int]:
        """Read axes, which count the batch and do not name it; they become positive."""
        found = next((self.settings[name] for name in names if self.settings.get(name) is not None), None)
        found = [found] if isinstance(found, int) else found
        if not isinstance(found, list) or not all(map(is_whole, found)):
            raise ConfigError(f"expected axes without the batch's, received {shown(found)}")
        return [axis_of(axis, len(self.shapes[0])) + 1 for axis in found]


def is_whole(value: Any) -> TypeGuard[int]:
    """Return whether something is a whole number, and not a flag."""
    return isinstance(value, int) and not isinstance(value, bool)


def _reshaped(lengths: Sequence[int | None], shape: Shape, name: str) -> Program:
    """Give the values of each sample other axes."""
    if not lengths or sum(each is None for each in lengths) > 1:
        raise ConfigError(f"expected at most one axis of unknown length, received {shape}")
    target = tuple(-1 if each is None else each for each in lengths)
    return Program.of(name, core.Reshape(target_shape=target))


def _reshape(given: Given) -> Program:
    """Reshape each sample."""
    target = given.settings.get("newshape", given.settings.get("shape"))
    if isinstance(target, list):
        # A length that the running network knows is left to the others.
        target = [-1 if isinstance(each, Length) and bool(each.axis) == bool(place) else each
                  for place, each in enumerate(target)]  # fmt: skip
    if not isinstance(target, list) or len(target) < 2 or any(not isinstance(each, int | None) for each in target):
        raise ConfigError(f"expected a shape of whole numbers with the batch, received {shown(target)}")
    size, lengths = product(given.shapes[0]), [None if each == -1 else each for each in target[1:]]
    if target[0] not in (-1, None) or (None not in lengths and size != math.prod(each or 1 for each in lengths)):
        raise ConfigError(f"expected a shape that keeps the batch as it is, received {shown(target)}")
    return _reshaped(lengths, given.shapes[0], "reshape")


def _transpose(given: Given) -> Program:
    """Put axes into another order."""
    order = given.settings.get("perm", given.settings.get("axes"))
    rank = len(given.shapes[0])
    if not isinstance(order, list) or not order or order[0] != 0 or sorted(order) != list(range(rank + 1)):
        raise ConfigError(f"expected an order of {rank + 1} axes that begins with the batch, received {shown(order)}")
    return Program.of("transpose", core.Permute(dims=tuple(order[1:])))


def _swapaxes(given: Given) -> Program:
    """Exchange two axes."""
    (first,), (second,) = given.axes("axis1"), given.axes("axis2")
    order = list(range(1, len(given.shapes[0]) + 1))
    order[first - 1], order[second - 1] = second, first
    return Program.of("swapaxes", core.Permute(dims=tuple(order)))


def _expand(given: Given) -> Program:
    """Put in an axis of 1."""
    axis, shape = given.settings.get("axis"), list(given.shapes[0])
    if isinstance(axis, list) and len(axis) == 1:
        axis = axis[0]
    if not is_whole(axis):
        raise ConfigError(f"expected an axis, received {shown(axis)}")
    shape.insert(axis_of(axis, len(shape) + 1), 1)
    return _reshaped(shape, given.shapes[0], "expand")


def _squeeze(given: Given) -> Program:
    """Take axes of 1 away."""
    axes = {axis - 1 for axis in given.axes("axis")}
    if any(given.shapes[0][axis] != 1 for axis in axes):
        raise ConfigError(f"expected axes of length 1 to squeeze, received shape {given.shapes[0]}")
    left = [length for axis, length in enumerate(given.shapes[0]) if axis not in axes]
    if not left:
        return Program.of("squeeze", Slice(parts=(0,) * len(axes)))
    return _reshaped(left, given.shapes[0], "squeeze")


def _moveaxis(given: Given) -> Program:
    """Move one axis to another place."""
    (source,), (target,) = given.axes("source"), given.axes("destination")
    order = list(range(1, len(given.shapes[0]) + 1))
    order.insert(target - 1, order.pop(source - 1))
    return Program.of("moveaxis", core.Permute(dims=tuple(order)))


def _pad(given: Given) -> Program:
    """Put zeros around the axes between the batch and the channels, or anything around any axis but the batch."""
    widths: Any = given.settings.get("pad_width", given.settings.get("paddings"))
    rank = len(given.shapes[0])
    mode, fill = given.settings.get("mode", "constant"), given.settings.get("constant_values", 0)
    is_plain = isinstance(mode, str) and mode.lower() == "constant" and type(fill) in (int, float) and fill == 0
    is_inside = isinstance(widths, list) and len(widths) == rank + 1 and [widths[0], widths[-1]] == [[0, 0]] * 2
    if is_plain and is_inside and rank - 1 in _PADDINGS:
        return Program.of("pad", _PADDINGS[rank - 1](padding=tuple(tuple(each) for each in widths[1:-1])))
    fits = isinstance(widths, list) and len(widths) == rank + 1 and widths[0] == [0, 0]
    if not fits or not isinstance(mode, str) or type(fill) not in (int, float):
        raise ConfigError(f"expected padding of all axes but the batch's, received {shown(given.settings)}")
    kind = Pad(widths=widths[1:], mode=mode.lower(), number=float(fill))  # type: ignore[arg-type]
    kind.output_shape(given.shapes[0])
    return Program.of("pad", kind)


_PADDINGS: dict[int, Any] = {1: imaging.ZeroPadding1D, 2: imaging.ZeroPadding2D, 3: imaging.ZeroPadding3D}


def _depth_to_space(given: Given) -> Program:
    """Make squares of pixels of channels."""
    block, shape = given.settings.get("block_size"), given.shapes[0]
    last = given.settings.get("data_format", "NHWC") in ("NHWC", "channels_last")
    if not isinstance(block, int) or len(shape) != 3 or None in shape or not last or (shape[2] or 0) % block**2:
        raise ConfigError(f"expected images of known size and channels last, received {shape}, {shown(given.settings)}")
    height, width, depth = (each or 0 for each in shape)
    program = Program(1)
    apart = core.Reshape(target_shape=(height, width, block, block, depth // block**2))
    value = program.add("apart", apart, 0)
    value = program.add("moved", core.Permute(dims=(1, 3, 2, 4, 5)), value)
    together = core.Reshape(target_shape=(height * block, width * block, depth // block**2))
    program.outputs = [program.add("together", together, value)]
    return program


def _tensors_alone(given: Given, name: str) -> int:
    """Count the operands, which must be tensors."""
    if len(given.shapes) != len(given.operands):
        raise ConfigError(f"expected {name} of tensors alone, received {shown(given.operands)}")
    return len(given.operands)


def _concatenate(given: Given) -> Program:
    """Put tensors one behind the other."""
    count = _tensors_alone(given, "concatenate")
    (axis,) = given.axes("axis")
    return Program.of("concatenate", merging.Concatenate(axis=axis), count)


def _stack(given: Given) -> Program:
    """Put tensors one behind the other along an axis of their own."""
    count = _tensors_alone(given, "stack")
    axis, shape = given.settings.get("axis"), list(given.shapes[0])
    if not is_whole(axis) or None in shape:
        raise ConfigError(f"expected an axis and known shapes to stack, received {shown(axis)} and {shape}")
    place = axis_of(axis, len(shape) + 1)
    target = tuple(each or 1 for each in (*shape[:place], 1, *shape[place:]))
    program = Program(count)
    expanded = [program.add("expand", core.Reshape(target_shape=target), each) for each in range(count)]
    program.outputs = [program.add("stack", merging.Concatenate(axis=place + 1), *expanded)]
    return program


def _split(given: Given) -> Program:
    """Take a tensor apart along an axis, into equal parts or parts of given sizes."""
    (axis,) = given.axes("axis")
    length = given.shapes[0][axis - 1]
    count: Any = given.settings.get("indices_or_sections", given.settings.get("num_or_size_splits"))
    sizes: list[Any] = count if isinstance(count, list) and "num_or_size_splits" in given.settings else []
    if type(count) is int and length and 0 < count <= _MAX_PARTS and length % count == 0:
        sizes = [length // count] * count
    if isinstance(count, list) and "indices_or_sections" in given.settings and length:
        ends = [0, *count, length]
        sizes = [after - before for before, after in itertools.pairwise(ends) if type(after) is type(before) is int]
    is_whole = all(type(each) is int and each > 0 for each in sizes) and sum(sizes) == length
    if not is_whole or len(sizes) > _MAX_PARTS:
        raise ConfigError(f"expected parts of an axis of {length}, received {shown(count)}")
    program, start = Program(1), 0
    for size in sizes:
        parts: list[Part] = [(None, None, None)] * len(given.shapes[0])
        parts[axis - 1] = (start, start + size, None)
        program.outputs.append(program.add("slice", Slice(parts=tuple(parts)), 0))
        start += size
    return program


def _unstack(given: Given) -> Program:
    """Take an axis apart, place by place."""
    (axis,) = given.axes("axis")
    length = given.shapes[0][axis - 1]
    if not length or length > _MAX_PARTS or given.settings.get("num", length) != length:
        raise ConfigError(f"expected an axis of at most {_MAX_PARTS} to unstack, received {length}")
    program = Program(1)
    for place in range(length):
        parts: list[Part] = [(None, None, None)] * len(given.shapes[0])
        parts[axis - 1] = place
        program.outputs.append(program.add("slice", Slice(parts=tuple(parts)), 0))
    return program


def _flip(given: Given) -> Program:
    """Turn axes around."""
    axes = given.axes("axis")
    parts = [(None, None, -1 if axis in axes else None) for axis in range(1, len(given.shapes[0]) + 1)]
    return Program.of("flip", Slice(parts=tuple(parts)))


def _getitem(given: Given) -> Program:
    """Take what stands in brackets: slices, indices, new axes, and the rest of the axes."""
    _, *keys = given.operands
    said = given.settings.get("slice_spec", [])
    keys = [_key(each) for each in (*keys, *(said if isinstance(said, list) else [said]))]
    shape = given.shapes[0]
    rest = len(shape) + 1 - sum(each is not None and each is not Ellipsis for each in keys)
    if rest < 0 or keys.count(Ellipsis) > 1:
        raise ConfigError(f"expected at most {len(shape) + 1} axes in brackets, received {shown(keys)}")
    at = keys.index(Ellipsis) if Ellipsis in keys else len(keys)
    keys[at : at + 1] = [slice(None)] * rest
    if keys[0] != slice(None):
        raise ConfigError(f"expected the whole batch in brackets, [:, ...], received {shown(keys)}")
    parts = tuple(
        each if isinstance(each, int) else (each.start, each.stop, each.step) for each in keys[1:] if each is not None
    )
    program = Program(1)
    taken = Slice(parts=parts)
    value = program.add("slice", taken, 0)
    if None in keys:
        left = iter(taken.output_shape(shape))
        lengths = [1 if key is None else next(left) for key in keys[1:] if not isinstance(key, int)]
        inner = _reshaped(lengths, shape, "expand").steps[0].kind
        value = program.add("expand", inner, value)
    program.outputs = [value]
    return program


def _key(value: Any) -> Any:
    """Read one of the things in brackets."""
    if isinstance(value, Mapping) and value.get("class_name") == "__ellipsis__":
        return Ellipsis
    if isinstance(value, Mapping):
        parts = [value.get(name) for name in ("start", "stop", "step")]
        if value.keys() <= {"start", "stop", "step"} and all(each is None or type(each) is int for each in parts):
            return slice(*parts)
    elif value is None or value is Ellipsis or type(value) is int:
        return value
    raise ConfigError(f"expected whole numbers in brackets, received {shown(value)}")


def _matmul(given: Given) -> Program:
    """Multiply matrices: two for each sample, or one with a matrix of constants."""
    if len(given.shapes) == 1 and len(given.operands) == 2:
        return _with_matrix(given)
    if _tensors_alone(given, "matmul") != 2:
        raise ConfigError(f"expected matmul of two tensors, received {shown(given.operands)}")
    turned = [given.settings.get(name, False) is True for name in ("transpose_a", "transpose_b")]
    first, second = given.shapes
    if len(first) == len(second) == 2:
        return Program.of("matmul", merging.Dot(axes=(1 if turned[0] else 2, 2 if turned[1] else 1)), 2)
    if not 2 < len(first) == len(second) < 10 or first[:-2] != second[:-2]:
        raise ConfigError(f"expected matmul of tensors that differ in the last two axes alone, received {given.shapes}")
    before = "nabcdefgh"[: len(first) - 1]
    names = ("zy" if turned[0] else "yz", "xz" if turned[1] else "zx")
    kind = Einsum(subscripts=f"{before}{names[0]},{before}{names[1]}->{before}yx")
    kind.output_shapes(given.shapes, {})
    return Program.of("matmul", kind, 2)


def _with_matrix(given: Given) -> Program:
    """Multiply by a matrix of constants, from the right or from the left."""
    place = next(number for number, each in enumerate(given.operands) if isinstance(each, list))
    turned = [given.settings.get(name, False) is True for name in ("transpose_a", "transpose_b")]
    matrix = given.operands[place]
    is_matrix = isinstance(matrix, list) and matrix and all(isinstance(row, list) and row for row in matrix)
    if not is_matrix or turned[1 - place] or len({len(row) for row in matrix}) > 1:
        raise ConfigError(f"expected matmul with a matrix of constants, received {shown(given.operands)}")
    if turned[place]:
        matrix = [list(row) for row in zip(*matrix, strict=True)]
    kind = Product(matrix=matrix, reverse=place == 0)
    kind.output_shape(given.shapes[0])
    return Program.of("matmul", kind)


HANDLERS: dict[str, Callable[[Given], Program]] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "swapaxes": _swapaxes,
    "moveaxis": _moveaxis,
    "pad": _pad,
    "depth_to_space": _depth_to_space,
    "unstack": _unstack,
    "expand_dims": _expand,
    "squeeze": _squeeze,
    "concatenate": _concatenate,
    "stack": _stack,
    "split": _split,
    "flip": _flip,
    "getitem": _getitem,
    "matmul": _matmul,
}
