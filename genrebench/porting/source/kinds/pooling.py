"""Poolings."""

from typing import Any

from genrebench.porting.source.kinds.convolution import channels_first, pad, sides_of, size
from genrebench.porting.source.site import Site
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import pooling as kinds


@writes(
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D"
)  # fmt: skip
def write_pooling(site: Site) -> None:
    """Write a pooling whose padding counts as nothing."""
    assert isinstance(site.kind, kinds._Pooling)
    kind = site.kind
    order, rank = channels_first(kind), kind.rank
    is_average = kind.name.startswith("Average")
    text = f"nn.{'Avg' if is_average else 'Max'}Pool{rank}d({size(kind.pool_size)}"
    text += f", stride={size(kind.strides)}" if kind.strides != kind.pool_size else ""
    sides = sides_of(site, kind.pool_size, kind.strides, (1,) * rank)
    x = site.take(order)
    amounts = [before for before, _ in sides or ()]
    is_even = sides is not None and all(before == behind for before, behind in sides)
    if is_even and all(2 * each <= length for each, length in zip(amounts, kind.pool_size, strict=True)):
        text += f", padding={size(amounts)}" if any(amounts) else ""
        text += ", count_include_pad=False" if is_average and any(amounts) else ""
        site.give(f"{site.module(f'{text})')}({x})", order)
        return
    module = site.module(f"{text})")
    if sides is None:
        sizes = f"{tuple(kind.pool_size)}, {tuple(kind.strides)}"
        if is_average:
            ones = site.step(f"{site.part('pad_same')}(torch.ones_like({x}), {sizes})", hint="ones")
            site.give(f"{module}({site.part('pad_same')}({x}, {sizes})) / {module}({ones})", order)
            return
        x = site.step(f"{site.part('pad_same')}({x}, {sizes}, value=-torch.inf)")
        site.give(f"{module}({x})", order)
    elif is_average:
        numbers = ", ".join(str(each) for both in reversed(sides) for each in both)
        site.give(f"{site.part('average_same')}({module}, {x}, ({numbers}))", order)
    else:
        x = site.step(pad(x, sides, "-torch.inf"), "as Keras' same pads: more at the end")
        site.give(f"{module}({x})", order)


@writes("GlobalAveragePooling2D", "GlobalAveragePooling3D")
def write_global_average(site: Site) -> None:
    """Write the mean of each channel."""
    write_global(site, "mean")


def write_global(site: Site, function: str) -> None:
    """Write a function over everything but batch and channels."""
    kind: Any = site.kind
    is_first = kind.data_format == "channels_first" or site.order() == "torch"
    x = site.take("torch" if kind.data_format != "channels_first" and is_first else "keras")
    axes = range(2, kind.rank + 2) if is_first else range(1, kind.rank + 1)
    dim = repr(tuple(axes)) if kind.rank > 1 else str(axes[0])
    kept = ", keepdim=True" if kind.keepdims else ""
    order = "torch" if kind.data_format != "channels_first" and is_first and kind.keepdims else "keras"
    site.give(f"{x}.{function}(dim={dim}{kept})", "torch" if order == "torch" else "keras")
