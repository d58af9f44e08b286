"""Adam as Keras defines it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from genrebench.network.types import Array, Weights


@dataclass(frozen=True)
class Adam:
    """Hyperparameters of Adam as Keras defines it.

    With ``m`` and ``v`` the moments after step ``t``, the update is
    ``learning_rate * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (sqrt(v) + epsilon)``: epsilon is added to the
    uncorrected root, the "epsilon hat" of Kingma and Ba, "Adam: a method for stochastic optimization" (ICLR 2015).

    Attributes
    ----------
    learning_rate : float
        Step size.
    beta_1, beta_2 : float
        Decay of the first and the second moment.
    epsilon : float
        Added to the uncorrected root of the second moment.
    """

    learning_rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


@dataclass(frozen=True)
class AdamState:
    """Where Adam stands.

    Attributes
    ----------
    step : int
        Number of updates done.
    m, v : dict of str to ndarray
        First and second moment of every trainable weight, by canonical name.
    """

    step: int
    m: Weights
    v: Weights

    @classmethod
    def zeros(cls, weights: Mapping[str, Array]) -> "AdamState":
        """Begin: no update done, moments of zero.

        Parameters
        ----------
        weights : mapping of str to ndarray
            Trainable weights or their gradients, by canonical name.
        """
        return cls(0, *({name: np.zeros_like(value) for name, value in weights.items()} for _ in range(2)))


def adam_step(
    gradient: Array,
    m: Array,
    v: Array,
    step: int,
    optimizer: Adam,
    *,
    placement: str = "uncorrected",
    corrected: bool = True,
) -> dict[str, Array]:
    """Compute one step of Adam (Kingma and Ba, 2015, algorithm 1), with epsilon in one of three places.

    Parameters
    ----------
    gradient, m, v : ndarray
        Gradient, and the moments before the step.
    step : int
        Number of the step, from 1.
    optimizer : Adam
        Hyperparameters.
    placement : str
        ``uncorrected``, ``corrected`` or ``under``, as in `AdamCase.predict`.
    corrected : bool
        Whether the moments' bias is corrected.

    Returns
    -------
    dict of str to ndarray
        ``update``, which is added to the weight, and the moments ``m`` and ``v`` after the step.
    """
    m = optimizer.beta_1 * m + (1 - optimizer.beta_1) * gradient
    v = optimizer.beta_2 * v + (1 - optimizer.beta_2) * gradient**2
    first = 1 - optimizer.beta_1**step if corrected else 1.0
    second = math.sqrt(1 - optimizer.beta_2**step) if corrected else 1.0
    root = {
        "uncorrected": (np.sqrt(v) + optimizer.epsilon) / second,
        "corrected": np.sqrt(v) / second + optimizer.epsilon,
        "under": np.sqrt(v / second**2 + optimizer.epsilon),
    }[placement]
    return {"update": -optimizer.learning_rate * (m / first) / root, "m": m, "v": v}
