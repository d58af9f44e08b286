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
        same = f"{site.part('pad_same')}({{}}, {tuple(kind.pool_size)}, {tuple(kind.strides)}{{}})"
        if not is_average:
            x = site.step(same.format(x, ", value=-torch.inf"))
            site.give(f"{module}({x})", order)
            return
        ones = site.step(same.format(f"torch.ones_like({x})", ""), name="ones")
        counts = site.step(f"{module}({ones})", "what is padded does not count", name="counts")
        x = site.step(same.format(x, ""))
        site.give(f"{module}({x}) / {counts}", order)
    elif is_average:
        numbers = ", ".join(str(each) for both in reversed(sides) for each in both)
        site.give(f"{site.part('average_same')}({module}, {x}, ({numbers}))", order)
    else:
        x = site.step(pad(x, sides, "-torch.inf"), "as Keras' same pads: more at the end")
        site.give(f"{module}({x})", order)


@writes("GlobalAveragePooling1D")
def write_average_over_time(site: Site) -> None:
    """Write the mean over time, or over the steps that a mask keeps."""
    assert isinstance(site.kind, kinds.GlobalAveragePooling1D)
    mask = site.mask()
    if mask is None:
        write_global(site)
        return
    kind = site.kind
    x = site.take()
    axis, spread = (1, -1) if kind.data_format == "channels_last" else (2, 1)
    there = site.step(f"{mask}.unsqueeze({spread})", name=f"{site.name}_mask")
    kept = ", keepdim=True" if kind.keepdims else ""
    site.note("Keras' mean over the steps that are there")
    site.give(f"({x} * {there}).sum(dim={axis}{kept}) / {there}.sum(dim={axis}{kept})")


@writes(
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"
)  # fmt: skip
def write_global(site: Site) -> None:
    """Write the mean, or the largest value, of each channel."""
    kind: Any = site.kind
    is_first = kind.data_format == "channels_first"
    order = "keras" if is_first else site.order()
    axes = tuple(range(2, kind.rank + 2) if is_first or order == "torch" else range(1, kind.rank + 1))
    function = "mean" if "Average" in kind.name else "amax"
    dim = repr(axes) if len(axes) > 1 else str(axes[0])
    kept = ", keepdim=True" if kind.keepdims else ""
    site.give(f"{site.take(order)}.{function}(dim={dim}{kept})", order if kind.keepdims else "keras")
