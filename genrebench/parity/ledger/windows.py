"""Hypotheses about where windows begin, and what lies around the input."""

from dataclasses import replace
from itertools import product

import numpy as np

from genrebench.network.layers import same_padding
from genrebench.network.numerics import FORWARD_TOLERANCE, relative_error
from genrebench.network.types import Array
from genrebench.parity.ledger.base import Prediction, Predictions
from genrebench.parity.ledger.case import LayerCase


def padding(case: LayerCase) -> Predictions:
    """Predict windows that begin elsewhere.

    Where the first window begins and how many there are says how the input was padded: for given output sizes only the
    low side is free. One sample is enough to find it.
    """
    if case.received.ndim != 4 or case.x.ndim != 4:
        return
    layer = case.layer
    is_pool = case.layer.kind == "MaxPooling2D"
    window: tuple[int, int] = layer.pool_size if is_pool else layer.kernel_size
    axes = list(zip(case.x.shape[1:3], window, layer.strides, case.received.shape[1:3], strict=True))
    right = _format([same_padding(*axis[:3]) if layer.padding == "same" else (0, 0) for axis in axes])
    for fill in (-np.inf, 0.0) if is_pool else (0.0,):
        for low in product(*map(range, window)):
            used = [
                (before, max((count - 1) * stride + extent - size - before, 0))
                for before, (size, extent, stride, count) in zip(low, axes, strict=True)
            ]
            if relative_error(_run_padded(case, case.x[:1], used, fill), case.received[:1]) < FORWARD_TOLERANCE:
                found = _format([_as_framework(*each) for each in zip(used, axes, strict=True)])
                filled = " with zeros" if is_pool and fill == 0 else ""
                yield Prediction(
                    f"pads {found}{filled}, expected {right}",
                    _run_padded(case, case.x, used, fill),
                    padding=found,
                    expected=right,
                    fill="zero" if fill == 0 else "lowest",
                )


def _format(padding: list[tuple[int, int]]) -> str:
    """Format a padding of height and width, such as ``(0,1)(1,1)``."""
    return "".join(f"({before},{after})" for before, after in padding)


def _run_padded(case: LayerCase, x: Array, padding: list[tuple[int, int]], fill: float) -> Array:
    """Pad explicitly, then run the layer without padding of its own."""
    padded = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=fill)
    rows, columns = case.received.shape[1:3]
    return case.run(x=padded, layer=replace(case.layer, padding="valid"))[:, :rows, :columns]


def _as_framework(used: tuple[int, int], axis: tuple[int, int, int, int]) -> tuple[int, int]:
    """Name a padding as a framework that pads both sides alike would.

    That is (p, p) where it gives as many windows, of which the last need not reach the end; else the one used.
    """
    (before, _), (size, window, stride, count) = used, axis
    return (before, before) if before and (size + 2 * before - window) // stride + 1 == count else used
