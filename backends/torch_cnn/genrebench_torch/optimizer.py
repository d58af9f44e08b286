"""Adam as Keras defines it, done by PyTorch's own Adam."""

import math
from collections.abc import Mapping

import torch

from genrebench.network.adam import Adam, AdamState
from genrebench_torch.weights import Located, from_canonical, to_canonical


class KerasAdam(torch.optim.Adam):
    """PyTorch's Adam with Keras' place of epsilon.

    PyTorch divides by ``sqrt(v / (1 - beta_2**t)) + eps`` and Keras by ``(sqrt(v) + epsilon) / sqrt(1 - beta_2**t)``;
    the two are equal with ``eps = epsilon / sqrt(1 - beta_2**t)``, which is set before step ``t``.
    """

    def __init__(self, weights: Mapping[str, Located], config: Adam) -> None:
        """Keep the hyperparameters."""
        tensors, betas = [tensor for tensor, _ in weights.values()], (config.beta_1, config.beta_2)
        # One pass over each weight instead of one for every operation, where all versions of PyTorch can do that.
        fused = all(tensor.device.type in ("cpu", "cuda") for tensor in tensors)
        super().__init__(tensors, lr=config.learning_rate, betas=betas, eps=config.epsilon, fused=fused)
        self._weights, self._config = weights, config
        self._steps = 0

    def step(self) -> None:  # type: ignore[override]  # no closure, hence no loss to return
        """Do one update from the gradients at hand."""
        self._steps += 1
        for group in self.param_groups:
            group["eps"] = self._config.epsilon / math.sqrt(1 - self._config.beta_2**self._steps)
        super().step()

    def get_state(self) -> AdamState:
        """Copy step and moments, in canonical layout."""
        state = AdamState(self._steps, {}, {})
        for name, (tensor, axes) in self._weights.items():
            moments = self.state.get(tensor) or dict.fromkeys(("exp_avg", "exp_avg_sq"), torch.zeros_like(tensor))
            state.m[name], state.v[name] = (to_canonical(moments[key], axes) for key in ("exp_avg", "exp_avg_sq"))
        return state

    def set_state(self, state: AdamState) -> None:
        """Go on from a step and its moments."""
        self._steps = state.step
        for name, (tensor, axes) in self._weights.items():
            self.state[tensor] = {
                "step": torch.tensor(float(state.step), device=tensor.device),
                "exp_avg": from_canonical(state.m[name], axes, tensor),
                "exp_avg_sq": from_canonical(state.v[name], axes, tensor),
            }
