"""Whether probabilities are what they say: 80 % sure, 80 % right."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.network.numerics import cross_entropy, log_softmax

_BINS = 10
# Temperatures beyond these come from parts that are all right or all wrong, and mean nothing.
_COLDEST, _HOTTEST = 0.05, 20.0


def fit_temperature(log_probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Find the temperature with which the probabilities fit the truth best.

    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017. Dividing by it changes no
    order, and so no answer.

    Parameters
    ----------
    log_probabilities : ndarray of float64 [shape=(n, classes)]
        Logits do as well.
    labels : ndarray of int64 [shape=(n,)]
        The truth.

    Returns
    -------
    float
        Above 1 for a network that is too sure; from 0.05 to 20.

    Examples
    --------
    >>> sure = np.log([[0.99, 0.01]] * 4)
    >>> round(fit_temperature(sure, np.array([0, 0, 0, 1])), 2)
    4.18
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda logarithm: cross_entropy(log_probabilities / np.exp(logarithm), labels),
        bounds=(np.log(_COLDEST), np.log(_HOTTEST)),
        method="bounded",
    )
    return float(np.exp(found.x))


def fit_threshold(log_probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Find the confidence from which on an answer is rather right than wrong.

    It is the one with the fewest mistakes of believing what is wrong and of doubting what is right.

    Parameters
    ----------
    log_probabilities : ndarray of float64 [shape=(n, classes)]
        Calibrated ones.
    labels : ndarray of int64 [shape=(n,)]
        The truth.

    Returns
    -------
    float
        From 0, if nothing need be doubted, to 1.

    Examples
    --------
    >>> answers = np.log([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])
    >>> round(fit_threshold(answers, np.array([0, 0, 1, 1])), 2)
    0.7
    """
    probabilities = np.exp(log_softmax(log_probabilities))
    order = np.argsort(probabilities.max(axis=1), kind="stable")
    confidence = probabilities.max(axis=1)[order]
    right = (probabilities.argmax(axis=1) == labels)[order]
    # Of doubting the first k answers, for each k: right ones among them, and wrong ones among the others.
    doubted = np.concatenate([[0], np.cumsum(right)])
    believed = (~right).sum() - np.concatenate([[0], np.cumsum(~right)])
    borders = np.concatenate([[0.0], (confidence[1:] + confidence[:-1]) / 2, [1.0]])
    return float(borders[np.argmin(doubted + believed)])


def calibration(
    log_probabilities: NDArray[np.float64], labels: NDArray[np.int64], temperature: float = 1.0
) -> dict[str, Any]:
    """Compare how sure a model is with how often it is right, in ten bins of equal width.

    Parameters
    ----------
    log_probabilities : ndarray of float64 [shape=(n, classes)]
        Logits do as well.
    labels : ndarray of int64 [shape=(n,)]
        The truth.
    temperature : float
        What they are divided by.

    Returns
    -------
    dict
        ``ece``, the expected calibration error: the mean distance of confidence and accuracy; ``ece_by_chance``, as
        `error_by_chance` says; ``bins`` with ``count``, ``confidence`` and ``accuracy`` of each that is not empty.

    Examples
    --------
    >>> calibration(np.log([[0.8, 0.2]] * 5), np.array([0, 0, 0, 0, 1]))["ece"] < 1e-9
    True
    """
    probabilities = np.exp(log_softmax(log_probabilities / temperature))
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    # The border of two bins belongs to the lower one, and 1 to the last.
    places = np.clip(np.ceil(confidence * _BINS).astype(int) - 1, 0, _BINS - 1)
    bins = [
        {
            "count": int((places == place).sum()),
            "confidence": float(confidence[places == place].mean()),
            "accuracy": float(correct[places == place].mean()),
        }
        for place in np.unique(places)
    ]
    ece = sum(each["count"] * abs(each["confidence"] - each["accuracy"]) for each in bins) / len(labels)
    return {"ece": float(ece), "ece_by_chance": error_by_chance(bins), "bins": bins}


def error_by_chance(bins: Sequence[dict[str, Any]]) -> float:
    """Say what calibration error so few answers give a model whose probabilities are exact.

    Of ``n`` answers in a bin, with a confidence of ``c``, the number of right ones varies by chance. Its mean distance
    from ``n c`` is ``sqrt(2 n c (1 - c) / pi)``, as of a normal distribution. An error that is no greater says nothing
    against a model: Vaicenavicius et al., "Evaluating model calibration in classification", AISTATS 2019.

    Parameters
    ----------
    bins : sequence of dict
        As `calibration` returns them.

    Returns
    -------
    float
        From 0 to 0.4; it falls with the root of the number of answers.

    Examples
    --------
    >>> few = [{"count": 25, "confidence": 0.8}, {"count": 25, "confidence": 0.6}]
    >>> round(error_by_chance(few), 3)
    0.071
    """
    variances = (each["count"] * each["confidence"] * max(0.0, 1 - each["confidence"]) for each in bins)
    distances = sum(math.sqrt(2 / math.pi * variance) for variance in variances)
    return float(distances / sum(each["count"] for each in bins))
