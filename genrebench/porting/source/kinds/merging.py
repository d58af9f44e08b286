"""Layers with several inputs, and arithmetic between tensors."""

import numpy as np

from genrebench.network.types import Array
from genrebench.porting.source.kinds.activation import elementwise, places
from genrebench.porting.source.scope import Order
from genrebench.porting.source.site import Site
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import merging as kinds
from genrebench.reading.kinds.base import axis_of

# As ruff formats them.
_SIGNS = {"add": " + ", "subtract": " - ", "multiply": " * ", "divide": " / ", "power": "**"}
_OPERATORS = {**{word.capitalize(): sign for word, sign in _SIGNS.items()}, "Average": " + "}


def merged(site: Site) -> tuple[list[str], Order]:
    """Read inputs in one order of axes; of unequal rank, the smaller get axes of 1 behind the batch, as in Keras."""
    rank = max(map(len, site.shapes))
    orders = [site.order(index) for index, shape in enumerate(site.shapes) if len(shape) == rank]
    order: Order = "torch" if rank > 1 and "torch" in orders else "keras"
    found = []
    for index, shape in enumerate(site.shapes):
        text = site.take(order, index) if len(shape) > 1 else site.take("keras", index)
        if missing := rank - len(shape):
            # Channels first, the new axes come behind the channels.
            text += "[:, :" if order == "torch" and shape else "[:"
            text += ", None" * missing + "]"
        found.append(text)
    return found, order


def merge_masks(site: Site) -> None:
    """Write the mask of a merger, as in Keras: a step is there if any input has it, and if all inputs have masks.

    In Keras 2, if all masks have it.
    """
    assert isinstance(site.kind, kinds._MaskMerging)
    masks = [mask for index in range(len(site.shapes)) if (mask := site.mask(index))]
    sign = " & " if site.kind.mask_rule == "all" else " | "
    if masks and (len(masks) == len(site.shapes) or site.kind.mask_rule == "all"):
        distinct = list(dict.fromkeys(masks))
        site.give_mask(distinct[0] if len(distinct) == 1 else site.step(sign.join(distinct), name=f"{site.name}_mask"))


@writes("Add", "Subtract", "Multiply", "Average", "Divide", "Power")
def write_operator(site: Site) -> None:
    """Write inputs joined by an operator, two at a time."""
    inputs, order = merged(site)
    sign = _OPERATORS[site.kind.name]
    first, *others = inputs
    for other in others[:-1]:
        first = site.step(f"{first}{sign}{other}")
    merge_masks(site)
    text = f"{first}{sign}{others[-1]}"
    site.give(f"({text}) / {len(inputs)}" if site.kind.name == "Average" else text, order)


@writes("Maximum", "Minimum")
def write_extreme(site: Site) -> None:
    """Write the largest or the smallest of inputs, two at a time; with masks, among the inputs that have a step."""
    assert isinstance(site.kind, kinds._MaskMerging)
    if site.kind.mask_rule == "any" and any(site.mask(index) for index in range(len(site.shapes))):
        write_masked_extreme(site)
        return
    merge_masks(site)
    inputs, order = merged(site)
    function = f"torch.{site.kind.name.lower()}"
    first, *others = inputs
    for other in others[:-1]:
        first = site.step(f"{function}({first}, {other})")
    site.give(f"{function}({first}, {others[-1]})", order)


def write_masked_extreme(site: Site) -> None:
    """Write what Keras 3 makes of masked inputs: where a mask takes one away, the others stand in for it."""
    function = f"torch.{site.kind.name.lower()}"
    masks = [site.mask(index) for index in range(len(site.shapes))]
    inputs = [site.take("keras", index) for index in range(len(site.shapes))]
    result, there = inputs[0], masks[0]
    for x, mask in zip(inputs[1:], masks[1:], strict=True):
        own = x if mask is None else site.step(f"torch.where({mask}.unsqueeze(-1), {x}, {result})", name="own")
        before = result if there is None else site.step(f"torch.where({there}.unsqueeze(-1), {result}, {own})")
        result = site.step(f"{function}({before}, {own})", name=site.name)
        there = None if mask is None or there is None else site.step(f"{there} | {mask}", name=f"{site.name}_mask")
    if there is not None:
        site.give_mask(there)
    site.enter(result)


@writes("Concatenate")
def write_concatenate(site: Site) -> None:
    """Write inputs one behind the other, and their masks."""
    assert isinstance(site.kind, kinds.Concatenate)
    if len(site.shapes) == 1:
        site.pass_on()
        return
    rank = len(site.shapes[0])
    orders = [site.order(index) for index in range(len(site.shapes))]
    order: Order = "torch" if "torch" in orders else "keras"
    (dim,) = places((site.kind.axis,), rank, order)
    concatenate_masks(site)
    inputs = ", ".join(site.take(order, index) for index in range(len(site.shapes)))
    site.give(f"torch.cat(({inputs}), dim={dim})", order)


def concatenate_masks(site: Site) -> None:
    """Write the mask: a step is there where any of its features is."""
    assert isinstance(site.kind, kinds.Concatenate)
    masks = [site.mask(index) for index in range(len(site.shapes))]
    if not any(masks):
        return
    axis, rank = axis_of(site.kind.axis, len(site.shapes[0])), len(site.shapes[0])
    if axis == rank - 1:
        # Where an input has no mask, all of its features are there.
        if all(masks) or site.kind.mask_rule == "all":
            merge_masks(site)
        else:
            x = site.take("keras")
            ones = ", ".join(["0"] * (rank - 1)) if rank > 1 else "0"
            site.give_mask(
                site.step(f"torch.ones_like({x}[..., {ones[-1]}], dtype=torch.bool)", name=f"{site.name}_mask")
            )
        return
    parts = []
    for index, mask in enumerate(masks):
        x = site.take("keras", index)
        parts.append(mask or site.step(f"torch.ones_like({x}[..., 0], dtype=torch.bool)", name="ones"))
    site.give_mask(site.step(f"torch.cat(({', '.join(parts)}), dim={axis + 1})", name=f"{site.name}_mask"))


@writes("Dot")
def write_dot(site: Site) -> None:
    """Write sums of products along an axis of each input."""
    assert isinstance(site.kind, kinds.Dot)
    kind = site.kind
    ranks = [len(shape) for shape in site.shapes]
    first, second = site.take("keras", 0), site.take("keras", 1)
    axes = [axis_of(axis, rank) for axis, rank in zip(kind.axes, ranks, strict=True)]
    if kind.normalize:
        first = site.step(f"F.normalize({first}, dim={axes[0] + 1}, eps=1e-07)", name=f"{site.name}_first")
        second = site.step(f"F.normalize({second}, dim={axes[1] + 1}, eps=1e-07)", name=f"{site.name}_second")
    if ranks == [1, 1]:
        site.give(f"({first} * {second}).sum(dim=1, keepdim=True)")
        return
    names = ["abcd"[: ranks[0]], "efgh"[: ranks[1]]]
    given = [f"n{name[:axis]}z{name[axis + 1 :]}" for name, axis in zip(names, axes, strict=True)]
    left = "".join(name[:axis] + name[axis + 1 :] for name, axis in zip(names, axes, strict=True))
    site.give(f'torch.einsum("{given[0]},{given[1]}->n{left}", {first}, {second})')


@writes("Arithmetic")
def write_arithmetic(site: Site) -> None:
    """Write a tensor and a number."""
    assert isinstance(site.kind, kinds.Arithmetic)
    operator, number = site.kind.operator, repr(site.kind.number)
    if operator in ("maximum", "minimum"):
        elementwise(site, f"{{}}.clamp({'min' if operator == 'maximum' else 'max'}={number})")
        return
    sign = _SIGNS[operator]
    if site.kind.reverse and operator == "power" and number.startswith("-"):
        number, sign = f"({number})", " ** "
    elementwise(site, f"{number}{sign}{{}}" if site.kind.reverse else f"{{}}{sign}{number}")


@writes("ArrayArithmetic")
def write_array_arithmetic(site: Site) -> None:
    """Write a tensor and an array of constants, which the file of weights holds."""
    assert isinstance(site.kind, kinds.ArrayArithmetic)
    x, values = site.take(), constant(site, np.array(site.kind.values))
    first, second = (values, x) if site.kind.reverse else (x, values)
    if site.kind.operator in ("maximum", "minimum"):
        site.give(f"torch.{site.kind.operator}({first}, {second})")
    else:
        site.give(f"{first}{_SIGNS[site.kind.operator]}{second}")


def constant(site: Site, values: Array) -> str:
    """Write a module that holds constants, and read them."""
    shape = repr(tuple(values.shape))
    module = site.module(f"{site.part('Constants')}({shape})", constants={"values": values})
    return f"{module}.values"
