"""Numbers that core, backends, parity and the conformance kit share: losses, scores, errors, tolerances.

Logits are what a network returns [shape=(n, classes)], not probabilities; labels are the true classes [shape=(n,)];
logarithms are natural.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.network.types import Array, Weights

# Relative L2 errors up to which two computations are the same; what is larger is a difference in semantics. Rounding
# moves the layers of the genre network by 1e-6 and its gradients by 2e-6 in float32, measured against float64, so by
# some 5e-15 in float64; deeper networks and other orders of summation may take it to 1e-12. A mistake in semantics
# moves a tensor by far more: an epsilon of 1e-5 instead of 1e-3 by 5e-4, and even one of 1.001e-3 by 5e-7.
FORWARD_TOLERANCE = 1e-11
# Gradients go through the network twice, and that of normalization is a difference of nearly equal terms.
GRADIENT_TOLERANCE = 1e-10
# Where rounding grows further than to this, nothing is proved by what follows.
MOST_ROUNDING = 1e-7
# A hundred times the rounding in float32.
FLOAT32_TOLERANCE = 1e-4
# Of central differences with a step of 1e-6 in float64: rounding of a loss, 1e-16, divided by the step gives 1e-10; a
# rectifier or a maximum that changes within the step gives more.
DIFFERENCE_TOLERANCE = 1e-5


def log_softmax(logits: Array) -> NDArray[np.float64]:
    """Compute log-probabilities over the last axis; finite for finite logits.

    Examples
    --------
    >>> np.exp(log_softmax(np.array([2.0, 2.0, -1000.0])))
    array([0.5, 0.5, 0. ])
    """
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def cross_entropy(logits: Array, labels: NDArray[np.int64]) -> float:
    """Compute the mean cross-entropy.

    See Also
    --------
    uniform_loss : The loss of a network that knows nothing.

    Examples
    --------
    >>> round(cross_entropy(np.zeros((5, 10)), np.arange(5)), 4)
    2.3026
    """
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())


def soft_cross_entropy(logits: Array, probabilities: Array) -> float:
    """Compute the mean cross-entropy of predictions against probabilities [shape=(n, classes)].

    Examples
    --------
    >>> logits = np.array([[2.0, 0.0]])
    >>> round(soft_cross_entropy(logits, np.array([[1.0, 0.0]])), 4) == round(cross_entropy(logits, np.array([0])), 4)
    True
    >>> round(soft_cross_entropy(logits, np.array([[0.5, 0.5]])), 4)
    1.1269
    """
    return float(-(log_softmax(logits) * probabilities).sum(axis=-1).mean())


def cross_entropy_gradient(logits: Array, labels: NDArray[np.int64]) -> Array:
    """Compute the gradient of `cross_entropy` with respect to the logits, in their dtype.

    That of a sample's loss is its probabilities less the one-hot label (Bishop, "Pattern recognition and machine
    learning", 2006, equation 4.109).

    Examples
    --------
    >>> cross_entropy_gradient(np.zeros((1, 4)), np.array([1]))
    array([[ 0.25, -0.75,  0.25,  0.25]])
    """
    one_hot = np.eye(logits.shape[-1])[labels]
    gradient = (np.exp(log_softmax(logits)) - one_hot) / len(logits)
    return gradient.astype(logits.dtype)


def uniform_loss(classes: int) -> float:
    """Compute the loss of equal logits.

    A loss is the difference of a logit and the logarithm of a sum; one that training has made small keeps the rounding
    of these. So errors of losses are relative to at least this one. It is the logarithm of the number of classes; of 2
    where there is one class, whose loss is always 0.

    Examples
    --------
    >>> round(uniform_loss(10), 4)
    2.3026
    """
    return math.log(max(classes, 2))


def accuracy(logits: Array, labels: NDArray[np.int64]) -> float:
    """Compute the share of rows whose largest logit, or log-probability, is the true class.

    Examples
    --------
    >>> accuracy(np.array([[0.1, 0.9], [0.6, 0.4]]), np.array([1, 1]))
    0.5
    """
    return float((logits.argmax(axis=-1) == labels).mean())


def aggregate_segments(log_probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Aggregate the segments of one recording, one per row, by their mean log-probability.

    The result are the recording's log-probabilities: the normalized geometric mean of the segments' probabilities.

    Examples
    --------
    >>> np.exp(aggregate_segments(np.log([[0.9, 0.1], [0.5, 0.5]])))
    array([0.75, 0.25])
    """
    return log_softmax(log_probabilities.mean(axis=0))


def relative_error(value: Array, expected: Array) -> float:
    """Measure a difference by the norm of the whole tensor.

    That is ``|value - expected| / |expected|`` (L2), infinite for other shapes and for NaN.

    Examples
    --------
    >>> relative_error(np.array([3.0, 4.5]), np.array([3.0, 4.0]))
    0.1
    >>> relative_error(np.array([np.nan]), np.array([1.0]))
    inf
    """
    if value.shape != expected.shape or not np.isfinite(value).all():
        return float("inf")
    # In units of the largest value, since squares of large numbers overflow.
    unit = float(np.abs(expected).max(initial=0.0)) or 1.0
    with np.errstate(over="ignore"):
        difference, norm = np.linalg.norm(value / unit - expected / unit), np.linalg.norm(expected / unit)
    return float(difference / norm) if norm else float(difference)


def ulps_between(value: float, expected: float, dtype: np.dtype[Any]) -> int:
    """Count the steps from one float32 or float64 to another: 0 for equal numbers, 1 for neighbors.

    The bits of floats of one sign, read as integers, are in the order of the floats (IEEE 754), so that neighbors
    differ by one.

    Examples
    --------
    >>> ulps_between(1.0 + 2**-52, 1.0, np.dtype("float64"))
    1
    """
    integers = np.array([value, expected], dtype).view(f"i{dtype.itemsize}")
    above, below = (int(each) if each >= 0 else np.iinfo(integers.dtype).min - int(each) for each in integers)
    return abs(above - below)


def perturb_by_ulp(weights: Weights) -> Weights:
    """Move every weight to the float above or below it.

    What such a step changes in a result, no computation can be expected to agree about.

    Examples
    --------
    >>> moved = perturb_by_ulp({"dense/bias": np.ones(3)})["dense/bias"]
    >>> [ulps_between(value, 1.0, moved.dtype) for value in moved]
    [1, 1, 1]
    """
    rng = np.random.default_rng(0)
    return {
        name: np.nextafter(value, rng.choice([-np.inf, np.inf], value.shape).astype(value.dtype))
        for name, value in weights.items()
    }
