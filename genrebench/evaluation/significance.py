"""How far a figure could be off, and whether two models differ."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def wilson_interval(correct: int, count: int) -> tuple[float, float]:
    """Bound the accuracy that some tracks stand for, with a confidence of 95 %.

    Wilson, "Probable inference, the law of succession, and statistical inference", 1927. Tracks, not segments: those of
    one track are not independent.

    Parameters
    ----------
    correct, count : int
        Tracks that were classified correctly, and all of them, at least one.

    Examples
    --------
    >>> [round(bound, 3) for bound in wilson_interval(7, 10)]
    [0.397, 0.892]
    """
    from scipy.stats import binomtest

    interval = binomtest(correct, count).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> dict[str, Any]:
    """Test whether two models are right equally often, by the tracks about which they disagree.

    The exact form of McNemar, "Note on the sampling error of the difference between correlated proportions", 1947.

    Parameters
    ----------
    first, second : ndarray of bool [shape=(tracks,)]
        Whether each of the models was right, about the same tracks.

    Returns
    -------
    dict
        ``only_first`` and ``only_second``, tracks that one of them got right; ``p``, the probability of a difference as
        large if they were equally good.

    Examples
    --------
    >>> result = mcnemar(np.array([True] * 9 + [False]), np.array([False] * 8 + [True, True]))
    >>> result["only_first"], result["only_second"], round(result["p"], 3)
    (8, 1, 0.039)
    """
    from scipy.stats import binomtest

    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    disagreements = only_first + only_second
    p = float(binomtest(only_first, disagreements).pvalue) if disagreements else 1.0
    return {"only_first": only_first, "only_second": only_second, "p": p}


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Summarize a figure over runs.

    Returns
    -------
    dict
        ``mean``; ``deviation``, the sample's, None for a single run; and the ``values``.

    Examples
    --------
    >>> spread([0.5, 0.7])["mean"]
    0.6
    """
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "deviation": deviation, "values": [float(value) for value in values]}
