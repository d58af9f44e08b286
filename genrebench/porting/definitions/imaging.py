"""Borders, sizes and preprocessing of images."""

import numpy as np

from genrebench.porting.definition import Given, back, defines, last
from genrebench.porting.definitions.resizing import resized
from genrebench.porting.primitives import largest, pad, repeat, where
from genrebench.porting.tape import Value
from genrebench.reading.kinds import imaging as kinds
from genrebench.reading.kinds.base import KINDS


@defines(kinds.ZeroPadding1D, kinds.ZeroPadding2D, kinds.ZeroPadding3D)
def _zero_padding(kind: kinds._Padding, given: Given) -> Value:
    """Put zeros around."""
    return back(pad(last(given.x, kind.data_format), [(0, 0), *kind.padding, (0, 0)]), kind.data_format)


@defines(kinds.Cropping1D, kinds.Cropping2D, kinds.Cropping3D)
def _cropping(kind: kinds._Cropping, given: Given) -> Value:
    """Cut a border off."""
    x = last(given.x, kind.data_format)
    inside = [
        slice(before, length - behind) for (before, behind), length in zip(kind.cropping, x.shape[1:-1], strict=True)
    ]
    return back(x[(slice(None), *inside)], kind.data_format)


def _repeated(kind: kinds._UpSampling, given: Given) -> Value:
    """Repeat every value along each axis."""
    x = last(given.x, kind.data_format)
    for axis, size in enumerate(kind.size, start=1):
        x = repeat(x, size, axis=axis)
    return back(x, kind.data_format)


@defines(kinds.UpSampling1D, kinds.UpSampling3D)
def _up_sampling(kind: kinds._UpSampling, given: Given) -> Value:
    """Repeat every value."""
    return _repeated(kind, given)


@defines(kinds.UpSampling2D)
def _up_sampling_images(kind: kinds.UpSampling2D, given: Given) -> Value:
    """Repeat every value, or interpolate; TensorFlow interpolates in float32, so that Keras is right to 1e-7 only."""
    if kind.interpolation == "nearest":
        return _repeated(kind, given)
    x = last(given.x, kind.data_format)
    height, width = (length * size for length, size in zip(x.shape[1:3], kind.size, strict=True))
    return back(resized(x, (height, width), kind.interpolation), kind.data_format)


@defines(kinds.Rescaling)
def _rescaling(kind: kinds.Rescaling, given: Given) -> Value:
    """Compute ``x scale + offset``; a list has one number per channel, and channels are last."""
    return given.x * np.array(kind.scale) + np.array(kind.offset)


def _middle(x: Value, height: int, width: int) -> Value:
    """Cut the middle out, as large as it can be with the proportions of a height and a width."""
    # As TensorFlow and Keras compute them, in float32.
    tall = int(np.float32(x.shape[2] * height) / np.float32(width))
    wide = int(np.float32(x.shape[1] * width) / np.float32(height))
    tall, wide = max(min(x.shape[1], tall), 1), max(min(x.shape[2], wide), 1)
    top, left = (x.shape[1] - tall) // 2, (x.shape[2] - wide) // 2
    return x[:, top : top + tall, left : left + wide]


def _framed(x: Value, height: int, width: int, fill: float) -> Value:
    """Put a border around to get the proportions of a height and a width; one that is odd loses a line."""
    tall = max(x.shape[1], int(np.float32(x.shape[2] * height) / np.float32(width)))
    wide = max(x.shape[2], int(np.float32(x.shape[1] * width) / np.float32(height)))
    top, left = (tall - x.shape[1]) // 2, (wide - x.shape[2]) // 2
    return pad(x, [(0, 0), (top, top), (left, left), (0, 0)], fill=fill)


@defines(kinds.Resizing)
def _resizing(kind: kinds.Resizing, given: Given) -> Value:
    """Interpolate, after cutting or framing to the new proportions (keras/src/backend/tensorflow/image.py)."""
    x = last(given.x, kind.data_format)
    if kind.crop_to_aspect_ratio:
        x = _middle(x, kind.height, kind.width)
    elif kind.pad_to_aspect_ratio:
        x = _framed(x, kind.height, kind.width, kind.fill_value)
    y = resized(x, (kind.height, kind.width), kind.interpolation, antialias=kind.antialias)
    return back(y, kind.data_format)


@defines(kinds.CenterCrop)
def _center_crop(kind: kinds.CenterCrop, given: Given) -> Value:
    """Cut the middle out; of an image that is too small, resize what has the wanted proportions."""
    x = last(given.x, kind.data_format)
    top, left = x.shape[1] - kind.height, x.shape[2] - kind.width
    if top >= 0 and left >= 0:
        y = x[:, top // 2 : top // 2 + kind.height, left // 2 : left // 2 + kind.width]
    else:
        y = resized(_middle(x, kind.height, kind.width), (kind.height, kind.width), "bilinear")
    return back(y, kind.data_format)


@defines(kinds.AutoContrast)
def _auto_contrast(kind: kinds.AutoContrast, given: Given) -> Value:
    """Compute ``(x - least) / (most - least)`` of each channel, and stretch that (Keras' auto_contrast.py)."""
    x, (low, high) = given.x, sorted(kind.value_range)
    least, most = (sign * largest(sign * x, (1, 2)) for sign in (-1.0, 1.0))
    least, most = (each.reshape(each.shape[0], 1, 1, each.shape[1]) for each in (least, most))
    is_flat = most.data == least.data
    y = (x - least) / where(is_flat, 1.0, most - least) * (high - low) + low
    return where(is_flat, x, y)


@defines(kinds.RandomCrop)
def _random_crop(kind: kinds.RandomCrop, given: Given) -> Value:
    """Let images of that size pass, and resize the middle of others; what is drawn in training is not read."""
    x = last(given.x, kind.data_format)
    if x.shape[1:3] != (kind.height, kind.width):
        x = resized(_middle(x, kind.height, kind.width), (kind.height, kind.width), "bilinear")
    return back(x, kind.data_format)


@defines(*(KINDS[name] for name in kinds.AUGMENTATIONS))
def _augmentation(_: kinds._Augmentation, given: Given) -> Value:
    """Compute nothing: what augmentation does in training is random, and its settings are not read."""
    return given.x
