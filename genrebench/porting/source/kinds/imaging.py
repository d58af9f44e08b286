"""Borders, sizes and preprocessing of images."""

from typing import Any

from genrebench.porting.source.kinds.activation import elementwise
from genrebench.porting.source.kinds.convolution import channels_first, size
from genrebench.porting.source.site import Site
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import imaging as kinds
from genrebench.reading.kinds.windows import split


@writes("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def write_zero_padding(site: Site) -> None:
    """Write zeros around, in whatever order the input lies."""
    assert isinstance(site.kind, kinds._Padding)
    if not any(map(any, site.kind.padding)):
        site.pass_on()
        return
    order = "keras" if site.kind.data_format == "channels_first" else site.order()
    is_last = site.kind.data_format == "channels_last" and order == "keras"
    numbers = [0, 0] * is_last + [each for sides in reversed(site.kind.padding) for each in sides]
    site.give(f"F.pad({site.take(order)}, ({', '.join(map(str, numbers))}))", order)


@writes("Cropping1D", "Cropping2D", "Cropping3D")
def write_cropping(site: Site) -> None:
    """Write a slice."""
    assert isinstance(site.kind, kinds._Cropping)
    if not any(map(any, site.kind.cropping)):
        site.pass_on()
        return
    order = "keras" if site.kind.data_format == "channels_first" else site.order()
    is_first = site.kind.data_format == "channels_first" or order == "torch"
    inside = [f"{before or ''}:{-behind if behind else ''}" for before, behind in site.kind.cropping]
    site.give(f"{site.take(order)}[{', '.join([':', ':'][: 1 + is_first] + inside)}]", order)


@writes("UpSampling1D", "UpSampling2D", "UpSampling3D")
def write_up_sampling(site: Site) -> None:
    """Write a repetition of every value, or an interpolation."""
    assert isinstance(site.kind, kinds._UpSampling)
    kind = site.kind
    order = channels_first(kind)
    method = kind.interpolation if isinstance(kind, kinds.UpSampling2D) else "nearest"
    x = site.take(order)
    if set(kind.size) == {1}:
        site.pass_on()
    elif method == "nearest":
        site.give(f"{site.module(f'nn.Upsample(scale_factor={size(kind.size)})')}({x})", order)
    elif method == "bilinear":
        text = f'nn.Upsample(scale_factor={size(kind.size)}, mode="bilinear")'
        site.give(f"{site.module(text)}({x})", order)
    else:
        lengths = [f"{x}.shape[{axis + 2}] * {each}" for axis, each in enumerate(kind.size)]
        site.give(f'{site.part("resize")}({x}, {", ".join(lengths)}, "{method}")', order)


@writes("Resizing")
def write_resizing(site: Site) -> None:
    """Write an interpolation to a size, after cutting or framing."""
    assert isinstance(site.kind, kinds.Resizing)
    kind = site.kind
    order = channels_first(kind)
    x = site.take(order)
    if kind.crop_to_aspect_ratio:
        x = site.step(f"{site.part('crop_to_ratio')}({x}, {kind.height}, {kind.width})")
    elif kind.pad_to_aspect_ratio:
        x = site.step(f"{site.part('frame_to_ratio')}({x}, {kind.height}, {kind.width}, {kind.fill_value!r})")
    write_resized(site, x, kind.interpolation, kind.antialias)


def write_resized(site: Site, x: str, method: str, antialias: bool) -> None:
    """Write an interpolation: PyTorch's where it is Keras', else by matrices."""
    kind: Any = site.kind
    order = channels_first(kind)
    lengths = f"{kind.height}, {kind.width}"
    if method == "nearest":
        text = f'F.interpolate({x}, size=({lengths}), mode="nearest-exact")'
    elif method == "bilinear" and not antialias:
        text = f'F.interpolate({x}, size=({lengths}), mode="bilinear")'
    else:
        smooth = ", antialias=True" if antialias and method != "area" else ""
        text = f'{site.part("resize")}({x}, {lengths}, "{method}"{smooth})'
    site.give(text, order)


@writes("CenterCrop")
def write_center_crop(site: Site) -> None:
    """Write the middle of an image; of a smaller one, what is resized."""
    assert isinstance(site.kind, kinds.CenterCrop)
    kind = site.kind
    order = channels_first(kind)
    (height, width), _ = split(site.shapes[0], 2, kind.data_format)
    x = site.take(order)
    if height is None or width is None:
        site.give(f"{site.part('center_crop')}({x}, {kind.height}, {kind.width})", order)
    elif height >= kind.height and width >= kind.width:
        top, left = (height - kind.height) // 2, (width - kind.width) // 2
        site.give(f"{x}[:, :, {top}:{top + kind.height}, {left}:{left + kind.width}]", order)
    else:
        x = site.step(f"{site.part('crop_to_ratio')}({x}, {kind.height}, {kind.width})")
        write_resized(site, x, "bilinear", False)


@writes("AutoContrast")
def write_auto_contrast(site: Site) -> None:
    """Write that each channel is stretched."""
    assert isinstance(site.kind, kinds.AutoContrast)
    low, high = sorted(site.kind.value_range)
    site.give(f"{site.part('stretch')}({site.take()}, {low!r}, {high!r})")


@writes("RandomCrop")
def write_random_crop(site: Site) -> None:
    """Write what is done outside training: nothing, or the middle of an image resized."""
    assert isinstance(site.kind, kinds.RandomCrop)
    kind = site.kind
    site.note(f"{site.name} crops at random in training: left out")
    lengths, _ = split(site.shapes[0], 2, kind.data_format)
    if lengths == (kind.height, kind.width):
        site.pass_on()
        return
    x = site.step(f"{site.part('crop_to_ratio')}({site.take(channels_first(kind))}, {kind.height}, {kind.width})")
    write_resized(site, x, "bilinear", False)


@writes("Rescaling")
def write_rescaling(site: Site) -> None:
    """Write a factor and an offset, each a number or one per channel."""
    assert isinstance(site.kind, kinds.Rescaling)
    scale, offset = site.kind.scale, site.kind.offset
    if isinstance(scale, list) or isinstance(offset, list):
        x = site.take()
        parts = [repr(each) if not isinstance(each, list) else f"{x}.new_tensor({each!r})" for each in (scale, offset)]
        scaled = site.step(f"{x} * {parts[0]}", name=site.name) if parts[0] != "1.0" else x
        site.give(f"{scaled} + {parts[1]}" if parts[1] != "0.0" else scaled)
        return
    if scale == 1 and not offset:
        site.pass_on()
        return
    factor = "{}" if scale == 1 else f"{{}} * {scale!r}"
    if 0 < scale < 1 and 1 / round(1 / scale) == scale:
        factor = f"{{}} / {round(1 / scale)}"
    elementwise(site, f"{factor} {'-' if offset < 0 else '+'} {abs(offset)!r}" if offset else factor)


@writes(*kinds.AUGMENTATIONS)
def write_augmentation(site: Site) -> None:
    """Write that there is nothing outside training."""
    site.note(f"{site.name} changes images at random in training: left out")
    site.pass_on()
