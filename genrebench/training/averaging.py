"""The moving average of weights and running statistics, which is validated and saved in place of the last step's."""

from collections.abc import Callable

import numpy as np

from genrebench.backend.protocol import Network
from genrebench.network.types import Weights


class AveragedWeights:
    """The moving average of a network's canonical weights, running statistics of batch normalization included.

    Parameters
    ----------
    decay : float
        Share that a step keeps; less in the first steps: ``min(decay, (1 + t) / (10 + t))`` after step t.
    weights : dict of str to ndarray
        Where it begins; copied.
    build : callable
        Builds a network with given weights.
    """

    def __init__(self, decay: float, weights: Weights, build: Callable[[Weights], Network]) -> None:
        """Begin with the weights as they are."""
        self._decay, self._build = decay, build
        self.weights = {name: value.copy() for name, value in weights.items()}

    def update(self, weights: Weights, step: int) -> None:
        """Take in the weights after a step, counted from 1."""
        share = np.float32(1 - min(self._decay, (1 + step) / (10 + step)))
        for name, average in self.weights.items():
            average += share * (weights[name] - average)

    def network(self) -> Network:
        """Build a network with the average."""
        return self._build(self.weights)
