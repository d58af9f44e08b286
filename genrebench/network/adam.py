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

    See Also
    --------
    adam_step : One step, computed.
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

        Returns
        -------
        AdamState
            Step 0, with moments of the weights' shapes and types.
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
    """Compute one step of Adam, from the moments before it; by default as Keras does.

    Kingma and Ba, "Adam" (2015), algorithm 1 in the order of computation given at the end of section 2, which is Keras'
    (https://keras.io/api/optimizers/adam/). The hyperparameters stay Python floats, of double precision.

    Parameters
    ----------
    placement : str
        Where epsilon is added: to the ``uncorrected`` root of the second moment, to the ``corrected`` one, or ``under``
        the root of the corrected one.

    Returns
    -------
    dict of str to ndarray
        ``update``, which is added to the weight, and the moments ``m`` and ``v`` after the step.

    Examples
    --------
    The first step moves a weight by the learning rate against the sign of its gradient, whatever its size:

    >>> gradient = np.array([0.5, -20.0])
    >>> adam_step(gradient, np.zeros(2), np.zeros(2), 1, Adam(learning_rate=0.1))["update"].round(4)
    array([-0.1,  0.1])
    """
    m = optimizer.beta_1 * m + (1 - optimizer.beta_1) * gradient
    v = optimizer.beta_2 * v + (1 - optimizer.beta_2) * gradient**2
    first = 1 - optimizer.beta_1**step if corrected else 1.0
    second = math.sqrt(1 - optimizer.beta_2**step) if corrected else 1.0
    # Fraction and epsilon are multiplied by the correction of the root.
    root = {
        "uncorrected": np.sqrt(v) + optimizer.epsilon,
        "corrected": np.sqrt(v) + optimizer.epsilon * second,
        "under": np.sqrt(v + optimizer.epsilon * second**2),
    }[placement]
    rate = optimizer.learning_rate * second / first
    return {"update": -(rate * m / root), "m": m, "v": v}
