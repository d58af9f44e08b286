"""Hypotheses about normalizations."""

from typing import Any

import numpy as np

from genrebench.parity.ledger.base import Entry, Prediction, Predictions
from genrebench.porting.proof.case import CallCase, changed, with_settings

_BATCH = (
    "https://keras.io/api/layers/normalization_layers/batch_normalization/; "
    "https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html"
)
_LAYER = (
    "https://keras.io/api/layers/normalization_layers/layer_normalization/; "
    "https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html"
)
_EPSILONS = (1e-5, 1e-3, 1e-6, 1e-8, 1e-7, 1e-12, 1e-4, 1e-2, 0.0)


def _epsilon(case: CallCase) -> Predictions:
    """Predict another epsilon."""
    right = case.kind.epsilon
    for epsilon in _EPSILONS:
        if epsilon != right:
            text = f"epsilon {epsilon:g}{' (the default of PyTorch)' if epsilon == 1e-5 else ''}, expected {right:g}"
            yield Prediction(text, case.run(kind=with_settings(case.kind, epsilon=epsilon)), epsilon=epsilon)


def _mode(case: CallCase) -> Predictions:
    """Predict normalization by the other statistics: train() or eval() forgotten."""
    if case.training:
        text = "normalizes by the running statistics, expected those of the batch: eval() instead of train()"
    else:
        text = "normalizes by the statistics of the batch, expected the running ones: eval() forgotten"
    yield Prediction(text, case.run(training=not case.training), mode="evaluation" if case.training else "training")


def _scale(case: CallCase) -> Predictions:
    """Predict normalization without its scale or its offset, or with weights exchanged."""
    own = case.own
    for name, neutral in (("gamma", 1.0), ("beta", 0.0), ("scale", 1.0)):
        if name in own:
            other = {name: np.full_like(own[name], neutral)}
            yield Prediction(f"{name} is not applied", case.run(own=other), weight=name)
    for one, two in (("gamma", "beta"), ("moving_mean", "moving_variance")):
        if one in own and two in own:
            text = f"{one} and {two} exchanged"
            yield Prediction(text, case.run(own={one: own[two], two: own[one]}), weight=text)
    if "moving_variance" in own:
        square = {"moving_variance": own["moving_variance"] ** 2}
        yield Prediction("the variance is taken for a deviation", case.run(own=square), weight="moving_variance")


def _axis(case: CallCase) -> Predictions:
    """Predict normalization along other axes."""
    rank = case.x.ndim
    axes: list[Any] = [(axis,) for axis in range(1, rank)]
    if case.kind.name == "LayerNormalization":
        axes += [tuple(range(1, rank))]
    for axis in axes:

        def change(kind: Any, axis: Any = axis) -> Any:
            """Change the axes."""
            return with_settings(kind, axis=axis if isinstance(kind.axis, tuple) else axis[0])

        text = f"normalizes along axis {list(axis)}, expected {case.kind.axis}"
        yield Prediction(text, case.run(kind=changed(case.kind, change)), axis=str(list(axis)))


def _unbiased(case: CallCase) -> Predictions:
    """Predict the variance divided by n - 1."""
    axes = case.kind.axis if isinstance(case.kind.axis, tuple) else (case.kind.axis,)
    kept = {axis % case.x.ndim for axis in axes}
    over = kept if case.kind.name == "LayerNormalization" else set(range(case.x.ndim)) - kept
    count = int(np.prod([case.x.shape[axis] for axis in over]))
    if count > 1 and (case.training or case.kind.name == "LayerNormalization"):
        gamma, beta = (case.own.get(name, neutral) for name, neutral in (("gamma", 1.0), ("beta", 0.0)))
        mean = case.x.mean(axis=tuple(over), keepdims=True)
        variance = case.x.var(axis=tuple(over), keepdims=True, ddof=1)
        normal = (case.x - mean) / np.sqrt(variance + case.kind.epsilon)
        text = f"divides by the unbiased variance (factor {count}/{count - 1})"
        yield Prediction(text, normal * gamma + beta, variance="unbiased")
        deviation = np.sqrt(variance)
        text = "divides by the unbiased deviation plus epsilon"
        yield Prediction(text, (case.x - mean) / (deviation + case.kind.epsilon) * gamma + beta, variance="deviation")


NORMALIZATIONS = ("BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization")
NORMALIZATION_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("epsilon", "epsilon of a normalization", f"{_BATCH}; {_LAYER}", _epsilon, NORMALIZATIONS),
    Entry("normalization-mode", "statistics of the batch, or running ones", _BATCH, _mode, ("BatchNormalization",)),
    Entry("normalization-scale", "scale and offset of a normalization", f"{_BATCH}; {_LAYER}", _scale, NORMALIZATIONS),
    Entry("normalization-axis", "axes of a normalization", _LAYER, _axis, NORMALIZATIONS[:3]),
    Entry("normalization-variance", "biased or unbiased variance", _BATCH, _unbiased, NORMALIZATIONS[:2]),
)
