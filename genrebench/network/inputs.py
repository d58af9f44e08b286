"""Inputs of networks, checked before anything is computed."""

from collections.abc import Mapping

import numpy as np

from genrebench.errors import BackendError
from genrebench.network.architecture import Architecture
from genrebench.network.layers import Dropout
from genrebench.network.types import Array

# Of the sum of probabilities in float32.
_SUM_TOLERANCE = 1e-3


def check_inputs(
    architecture: Architecture,
    x: Array,
    *,
    labels: Array | None = None,
    soft: bool = False,
    dropout_masks: Mapping[str, Array] | None = None,
) -> None:
    """Refuse inputs that a network cannot work on; for backends to call before they compute.

    Parameters
    ----------
    architecture : Architecture
        The network.
    x : ndarray
        Inputs; right is [shape=(n, height, width, channels)].
    labels : ndarray, optional
        True classes; right are n integers from 0 to classes - 1.
    soft : bool
        Whether labels may be probabilities [shape=(n, classes)], too.
    dropout_masks : mapping of str to ndarray, optional
        Masks; right are those of dropout layers, in the shape of their input.

    Raises
    ------
    BackendError
        If something has another shape, labels are out of range, or a mask is no dropout layer's: a mask that is
        silently ignored would make a comparison prove nothing.
    """
    shape = architecture.input_shape
    if x.shape[1:] != shape:
        raise BackendError(f"expected inputs of shape (n, {', '.join(map(str, shape))}), received {x.shape}")
    if labels is not None and soft and labels.dtype.kind == "f":
        if labels.shape != (len(x), architecture.classes) or not (
            (labels >= 0).all() and (np.abs(labels.sum(axis=1) - 1) <= _SUM_TOLERANCE).all()
        ):
            raise BackendError(
                f"expected probabilities of {architecture.classes} classes for {len(x)} inputs, each row with the sum "
                f"1, received shape {labels.shape}"
            )
    elif labels is not None:
        right = labels.shape == (len(x),) and np.issubdtype(labels.dtype, np.integer)
        if not right or (len(x) and not 0 <= labels.min() <= labels.max() < architecture.classes):
            raise BackendError(
                f"expected {len(x)} labels from 0 to {architecture.classes - 1}, received shape {labels.shape}, "
                f"dtype {labels.dtype}" + (f", from {labels.min()} to {labels.max()}" if labels.size else "")
            )
    maskable = {
        node.name: (len(x), *node.input_shape) for node in architecture.walk() if isinstance(node.layer, Dropout)
    }
    for name, mask in (dropout_masks or {}).items():
        if mask.shape != maskable.get(name):
            expected = f"a mask of shape {maskable[name]}" if name in maskable else f"masks for {list(maskable)} only"
            raise BackendError(f"{name}: expected {expected}, received one of shape {mask.shape}")
