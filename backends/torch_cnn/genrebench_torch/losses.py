"""Losses of Keras, on probabilities as they leave its last layer."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from genrebench.errors import BackendError

# What Keras keeps probabilities away from 0 and 1 by.
_EPSILON = 1e-7
Loss = Callable[[Tensor, Tensor], Tensor]


def loss_of(loss: dict[str, Any]) -> Loss:
    """Make a loss of its name and settings, the mean over everything but the last axis.

    Raises
    ------
    BackendError
        If it is unknown.
    """
    settings = {key: value for key, value in loss.items() if key != "name"}
    name = loss["name"]
    if name not in _LOSSES:
        raise BackendError(f"loss: expected one of {', '.join(_LOSSES)}, received {name!r}")
    compute = _LOSSES[name]
    return lambda outputs, targets: compute(outputs, targets, settings).mean()


def _binary(y: Tensor, t: Tensor, settings: dict[str, Any]) -> Tensor:
    """Compute binary cross-entropy."""
    t = t.to(y.dtype)
    if smoothing := settings.get("label_smoothing"):
        t = t * (1 - smoothing) + 0.5 * smoothing
    if settings.get("from_logits"):
        return F.binary_cross_entropy_with_logits(y, t, reduction="none").mean(-1)
    y = y.clamp(_EPSILON, 1 - _EPSILON)
    return -(t * y.log() + (1 - t) * (1 - y).log()).mean(-1)


def _categorical(y: Tensor, t: Tensor, settings: dict[str, Any]) -> Tensor:
    """Compute cross-entropy against probabilities."""
    t = t.to(y.dtype)
    if smoothing := settings.get("label_smoothing"):
        t = t * (1 - smoothing) + smoothing / t.shape[-1]
    if settings.get("from_logits"):
        return -(t * y.log_softmax(-1)).sum(-1)
    y = (y / y.sum(-1, keepdim=True)).clamp(_EPSILON, 1 - _EPSILON)
    return -(t * y.log()).sum(-1)


def _sparse(y: Tensor, t: Tensor, settings: dict[str, Any]) -> Tensor:
    """Compute cross-entropy against classes."""
    t = t.squeeze(-1) if t.ndim == y.ndim else t
    logits = y if settings.get("from_logits") else y.clamp(_EPSILON, 1 - _EPSILON).log()
    return -logits.log_softmax(-1).gather(-1, t.long().unsqueeze(-1)).squeeze(-1)


_LOSSES: dict[str, Callable[[Tensor, Tensor, dict[str, Any]], Tensor]] = {
    "mean_squared_error": lambda y, t, _: (y - t).square().mean(-1),
    "mean_absolute_error": lambda y, t, _: (y - t).abs().mean(-1),
    "mean_squared_logarithmic_error": lambda y, t, _: (
        ((y.clamp(min=_EPSILON) + 1).log() - (t.clamp(min=_EPSILON) + 1).log()).square().mean(-1)
    ),
    "mean_absolute_percentage_error": lambda y, t, _: 100 * ((t - y) / t.abs().clamp(min=_EPSILON)).abs().mean(-1),
    "binary_crossentropy": _binary,
    "categorical_crossentropy": _categorical,
    "sparse_categorical_crossentropy": _sparse,
    "poisson": lambda y, t, _: (y - t * (y + _EPSILON).log()).mean(-1),
    "kl_divergence": lambda y, t, _: (t.clamp(_EPSILON, 1) * (t.clamp(_EPSILON, 1) / y.clamp(_EPSILON, 1)).log()).sum(
        -1
    ),
    "hinge": lambda y, t, _: (1 - _signs(t) * y).clamp(min=0).mean(-1),
    "squared_hinge": lambda y, t, _: (1 - _signs(t) * y).clamp(min=0).square().mean(-1),
    "cosine_similarity": lambda y, t, _: (
        -(F.normalize(y, dim=-1, eps=_EPSILON) * F.normalize(t, dim=-1, eps=_EPSILON)).sum(-1)
    ),
    "log_cosh": lambda y, t, _: ((y - t) + F.softplus(-2 * (y - t)) - torch.tensor(2.0, dtype=y.dtype).log()).mean(-1),
    "huber": lambda y, t, settings: F.huber_loss(y, t, reduction="none", delta=settings.get("delta", 1.0)).mean(-1),
}


def _signs(t: Tensor) -> Tensor:
    """Turn labels of 0 and 1 into -1 and 1, as Keras does."""
    return 2 * t - 1 if bool(((t == 0) | (t == 1)).all()) else t
