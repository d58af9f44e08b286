"""Adam as Keras defines it, done by PyTorch's own Adam."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from genrebench.network.adam import Adam


class KerasAdam(torch.optim.Adam):
    """PyTorch's Adam with Keras' place of epsilon.

    PyTorch divides by ``sqrt(v / (1 - beta_2**t)) + eps`` and Keras by ``(sqrt(v) + epsilon) / sqrt(1 - beta_2**t)``;
    the two are equal with ``eps = epsilon / sqrt(1 - beta_2**t)``, which is set before step ``t``.

    Parameters
    ----------
    parameters : iterable of Parameter
        What to train.
    config : Adam
        Hyperparameters.
    step : int
        Number of updates done before.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], config: Adam, *, step: int = 0) -> None:
        """Keep the hyperparameters."""
        parameters, betas = list(parameters), (config.beta_1, config.beta_2)
        # One pass over each weight instead of one for every operation, where all versions of PyTorch can do that.
        fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
        super().__init__(parameters, lr=config.learning_rate, betas=betas, eps=config.epsilon, fused=fused)
        self._config = config
        self._steps = step

    def step(self) -> None:  # type: ignore[override]  # no closure, hence no loss to return
        """Do one update from the gradients at hand."""
        self._steps += 1
        for group in self.param_groups:
            group["eps"] = self._config.epsilon / math.sqrt(1 - self._config.beta_2**self._steps)
        super().step()
