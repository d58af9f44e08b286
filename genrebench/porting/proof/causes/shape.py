"""Hypotheses about layers that move values: their order in channels first, axes, borders, sizes, mergers."""

import math
from itertools import permutations
from typing import Any

import numpy as np

from genrebench.network.types import Array
from genrebench.parity.ledger.base import Entry, Prediction, Predictions
from genrebench.porting.proof.case import CallCase, with_settings

_FLATTEN = (
    "https://keras.io/api/layers/reshaping_layers/; "
    "https://docs.pytorch.org/docs/stable/generated/torch.flatten.html; discuss.pytorch.org/t/184306"
)
_RESIZE = "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html"
_MERGE = "https://keras.io/api/layers/merging_layers/"
_PAD = "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html"
_EMBEDDING = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html"
_SCALE = "https://keras.io/api/layers/preprocessing_layers/"


def channels_first(x: Array) -> Array:
    """Move the channels in front, as PyTorch has them."""
    return np.moveaxis(x, -1, 1)


def _order(case: CallCase) -> Predictions:
    """Predict what becomes of values that are flattened or reshaped with the channels first."""
    shape = case.expected.shape
    for axes in permutations(range(1, case.x.ndim)):
        if list(axes) == sorted(axes):
            continue
        moved = case.x.transpose(0, *axes)
        said = "channels first" if axes[0] == case.x.ndim - 1 and list(axes[1:]) == sorted(axes[1:]) else str(axes)
        yield Prediction(
            f"takes its values in the order {said}, expected channels last", moved.reshape(shape), order=said
        )
        if len(shape) > 2:
            target = (shape[0], shape[-1], *shape[1:-1])
            value = np.moveaxis(moved.reshape(target), 1, -1)
            text = f"reshapes with the channels first ({said}) to channels first, expected channels last"
            yield Prediction(text, value, order=f"{said}, both")
    if len(shape) > 2:
        value = np.moveaxis(case.x.reshape(shape[0], shape[-1], *shape[1:-1]), 1, -1)
        yield Prediction("reshapes to channels first, expected channels last", value, order="target")


def _permute(case: CallCase) -> Predictions:
    """Predict other axes."""
    for axes in permutations(range(1, case.x.ndim)):
        value = case.x.transpose(0, *axes)
        if list(axes) != list(case.kind.dims):
            text = f"axes in the order {axes}, expected {case.kind.dims}"
            yield Prediction(text, value, order=str(axes))
            yield Prediction(f"{text}, then reshaped", value.reshape(case.expected.shape), order=f"{axes}, reshaped")
    first = channels_first(case.x).transpose(0, *case.kind.dims)
    yield Prediction("counts the axes with the channels first", np.moveaxis(first, 1, -1), order="channels first")


def _resize(case: CallCase) -> Predictions:
    """Predict another way of interpolating."""
    kind, first = case.kind, getattr(case.kind, "data_format", "") == "channels_first"
    if not hasattr(kind, "interpolation"):
        return
    axes = (2, 3) if first else (1, 2)
    pairs = [(case.x.shape[axis], case.expected.shape[axis]) for axis in axes]
    ways = {
        "floor": "nearest by rounding down, expected half-pixel centers (nearest-exact)",
        "corners": "bilinear with align_corners=True, expected half-pixel centers",
        "asymmetric": "bilinear without half-pixel centers",
        "half-pixel": "bilinear",
        "nearest": "nearest with half-pixel centers",
    }
    right = {"nearest": "nearest", "bilinear": "half-pixel"}.get(kind.interpolation)
    for way, text in ways.items():
        if way != right:
            value = case.x
            for axis, (length, target) in zip(axes, pairs, strict=True):
                value = np.moveaxis(np.tensordot(_interpolation(way, length, target), value, (1, axis)), 0, axis)
            yield Prediction(f"{text}, expected {kind.interpolation}", value, interpolation=way)


def _interpolation(way: str, length: int, target: int) -> Array:
    """Make the matrix that resizes an axis."""
    matrix = np.zeros((target, length))
    places = np.arange(target)
    scale = length / target
    at = {
        "floor": np.floor(places * scale),
        "nearest": np.floor((places + 0.5) * scale),
        "corners": places * ((length - 1) / max(target - 1, 1)),
        "asymmetric": places * scale,
        "half-pixel": (places + 0.5) * scale - 0.5,
    }[way].clip(0, length - 1)
    below = np.floor(at).astype(int)
    above = np.minimum(below + 1, length - 1)
    np.add.at(matrix, (places, below), 1 - (at - below))
    np.add.at(matrix, (places, above), at - below)
    return matrix


def _border(case: CallCase) -> Predictions:
    """Predict borders on other sides."""
    field = case.kind.field
    sides = getattr(case.kind, field)
    others = {
        "rows and columns exchanged": tuple(reversed(sides)),
        "before and behind exchanged": tuple((after, before) for before, after in sides),
        "both exchanged": tuple((after, before) for before, after in reversed(sides)),
    }
    for text, other in others.items():
        if other != sides:
            yield Prediction(f"{field}: {text}", case.run(kind=with_settings(case.kind, **{field: other})), sides=text)


def _merge(case: CallCase) -> Predictions:
    """Predict inputs in another order, or another axis."""
    turned = tuple(reversed(case.inputs))
    if case.kind.name in ("Concatenate", "Subtract", "Dot"):
        yield Prediction("inputs in the other order", case.run(inputs=turned), order="reversed")
    if case.kind.name == "Concatenate":
        for axis in range(1, case.x.ndim):
            value = np.concatenate(case.inputs, axis=axis)
            yield Prediction(f"along axis {axis}, expected {case.kind.axis}", value, axis=axis)
        return
    stacked = np.stack(np.broadcast_arrays(*case.inputs))
    ways = {
        "Add": stacked.sum(0),
        "Average": stacked.mean(0),
        "Multiply": stacked.prod(0),
        "Maximum": stacked.max(0),
        "Minimum": stacked.min(0),
        "Subtract": stacked[0] - stacked[1:].sum(0),
    }
    for name, value in ways.items():
        if name != case.kind.name:
            yield Prediction(f"{name}, expected {case.kind.name}", value, merge=name)
    yield Prediction("the first input alone", case.inputs[0], merge="first")
    yield Prediction("the last input alone", case.inputs[-1], merge="last")


def _preprocessing(case: CallCase) -> Predictions:
    """Predict another scaling of the input."""
    kind, x = case.kind, case.x
    if kind.name == "Rescaling":
        scale, offset = np.asarray(kind.scale), np.asarray(kind.offset)
        yield Prediction("scale is not applied", x + offset, setting="scale")
        yield Prediction("offset is not applied", x * scale, setting="offset")
        yield Prediction("offset is added before the scale", (x + offset) * scale, setting="order")
    elif kind.name == "Normalization":
        mean = np.asarray(kind.mean if kind.mean is not None else case.own["mean"], np.float64)
        variance = np.asarray(kind.variance if kind.variance is not None else case.own["variance"], np.float64)
        yield Prediction("divides by the variance, expected its root", (x - mean) / variance, setting="variance")
        yield Prediction("mean is not taken away", x / np.sqrt(variance), setting="mean")
    elif kind.name == "Arithmetic" and kind.operator in ("subtract", "divide"):
        other = with_settings(kind, reverse=not kind.reverse)
        yield Prediction("tensor and number exchanged", case.run(kind=other), setting="reverse")


def _embedding(case: CallCase) -> Predictions:
    """Predict a row that counts as padding, or indices that are moved."""
    table = case.own["embeddings"].copy()
    table[0] = 0
    text = "row 0 is zero, as padding_idx=0 makes it; Keras trains it like the others"
    yield Prediction(text, case.run(own={"embeddings": table}), row=0)
    for step in (1, -1):
        moved = np.roll(case.own["embeddings"], step, axis=0)
        yield Prediction(f"indices moved by {-step}", case.run(own={"embeddings": moved}), moved=-step)


def _rounding(case: CallCase) -> Predictions:
    """Predict a layer that does nothing."""
    value = case.x
    if value.size == math.prod(case.received.shape):
        yield Prediction("does nothing", value.reshape(case.received.shape), layer="skipped")


_BORDERS = tuple(f"{name}{rank}D" for name in ("ZeroPadding", "Cropping") for rank in (1, 2, 3))
_MERGERS = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot")
_SCALERS = ("Rescaling", "Normalization", "Arithmetic")
SHAPE_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("flatten-order", "order in which values are flattened", _FLATTEN, _order, ("Flatten",)),
    Entry("reshape-order", "order in which values are reshaped", _FLATTEN, _order, ("Reshape",)),
    Entry("permute-axes", "order of axes", _FLATTEN, _permute, ("Permute",)),
    Entry("resize-rounding", "places between which is interpolated", _RESIZE, _resize, ("Resizing", "UpSampling2D")),
    Entry("padding-order", "sides of a border", _PAD, _border, _BORDERS),
    Entry("merge", "order or way of merging", _MERGE, _merge, _MERGERS),
    Entry("preprocessing", "scaling of the input", _SCALE, _preprocessing, _SCALERS),
    Entry("embedding-row", "rows of an embedding", _EMBEDDING,
          _embedding, ("Embedding",)),
)  # fmt: skip
SKIPPED: Entry[Any] = Entry("skipped", "a layer that is missing", "https://keras.io/api/layers/", _rounding)
