"""Numbers that core, backends, parity and the conformance kit share: losses, errors, tolerances."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.network.types import Weights


def log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Compute log-probabilities over the last axis.

    Parameters
    ----------
    logits : ndarray [shape=(..., classes)]
        What the network returns.

    Returns
    -------
    ndarray of float64 [shape=(..., classes)]
        Natural logarithms; finite for finite logits.
    """
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def cross_entropy(logits: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Compute the mean cross-entropy.

    Parameters
    ----------
    logits : ndarray [shape=(n, classes)]
        What the network returns, not probabilities.
    labels : ndarray of int64 [shape=(n,)]
        True classes.

    Returns
    -------
    float
        Mean of ``-log p(label)`` in nats.
    """
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())


def cross_entropy_gradient(logits: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[Any]:
    """Compute the gradient of `cross_entropy` with respect to the logits.

    That of a sample's loss is its probabilities less the one-hot label (Bishop, "Pattern recognition and machine
    learning", 2006, equation 4.109).

    Parameters
    ----------
    logits : ndarray [shape=(n, classes)]
        What the network returns, not probabilities.
    labels : ndarray of int64 [shape=(n,)]
        True classes.

    Returns
    -------
    ndarray [shape=(n, classes)]
        The gradient, in the logits' dtype.
    """
    one_hot = np.eye(logits.shape[-1])[labels]
    gradient = (np.exp(log_softmax(logits)) - one_hot) / len(logits)
    return gradient.astype(logits.dtype)


def accuracy(logits: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Compute the share of rows whose largest logit is the true class.

    Parameters
    ----------
    logits : ndarray [shape=(n, classes)]
        Logits or log-probabilities.
    labels : ndarray of int64 [shape=(n,)]
        True classes.

    Returns
    -------
    float
        Between 0 and 1.
    """
    return float((logits.argmax(axis=-1) == labels).mean())


def aggregate_segments(log_probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Join the segments of one recording by their mean log-probability.

    Parameters
    ----------
    log_probabilities : ndarray of float64 [shape=(segments, classes)]
        One row a segment.

    Returns
    -------
    ndarray of float64 [shape=(classes,)]
        Log-probabilities of the recording: the normalized geometric mean of the segments' probabilities.
    """
    return log_softmax(log_probabilities.mean(axis=0))


# Relative L2 error in float64 up to which two backends compute the same; rounding is some 1e-14.
FORWARD_TOLERANCE = 1e-11


GRADIENT_TOLERANCE = 1e-10


FLOAT32_TOLERANCE = 1e-4


DIFFERENCE_TOLERANCE = 1e-5


def relative_error(value: NDArray[Any], expected: NDArray[Any]) -> float:
    """Measure a difference by the norm of the whole tensor.

    Parameters
    ----------
    value, expected : ndarray
        Two tensors.

    Returns
    -------
    float
        ``|value - expected| / |expected|`` (L2), infinite for other shapes and for NaN.
    """
    if value.shape != expected.shape or not np.isfinite(value).all():
        return float("inf")
    # In units of the largest value, since squares of large numbers overflow.
    unit = float(np.abs(expected).max(initial=0.0)) or 1.0
    with np.errstate(over="ignore"):
        difference, norm = np.linalg.norm(value / unit - expected / unit), np.linalg.norm(expected / unit)
    return float(difference / norm) if norm else float(difference)


def ulps_between(value: float, expected: float, dtype: np.dtype[Any]) -> int:
    """Count the floats between two numbers.

    The bits of floats of one sign, read as integers, are in the order of the floats (IEEE 754), so that neighbors
    differ by one.

    Parameters
    ----------
    value, expected : float
        Two finite numbers.
    dtype : dtype
        ``float32`` or ``float64``: which floats are counted.

    Returns
    -------
    int
        0 for equal numbers, 1 for neighbors.
    """
    integers = np.array([value, expected], dtype).view(f"i{dtype.itemsize}")
    above, below = (int(each) if each >= 0 else np.iinfo(integers.dtype).min - int(each) for each in integers)
    return abs(above - below)


def perturb_by_ulp(weights: Weights, seed: int = 0) -> Weights:
    """Move every weight to the float above or below it.

    What such a step changes in a result, no computation can be expected to agree about.

    Parameters
    ----------
    weights : dict of str to ndarray
        Canonical weights.
    seed : int
        Seed of the directions.

    Returns
    -------
    dict of str to ndarray
        The moved ones.
    """
    rng = np.random.default_rng(seed)
    return {
        name: np.nextafter(value, rng.choice([-np.inf, np.inf], value.shape).astype(value.dtype))
        for name, value in weights.items()
    }
