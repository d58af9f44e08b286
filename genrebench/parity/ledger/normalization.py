"""Hypotheses about batch normalization, flattening and dropout."""

from dataclasses import replace

import numpy as np

from genrebench.parity.ledger.base import FITTED_VALUES
from genrebench.parity.ledger.case import LayerCase, Predictions, flatten_orders

# Other frameworks' defaults, and what people write.
_EPSILONS = {1e-5: "PyTorch's default", 1e-3: "Keras' default", 1e-6: "", 1e-8: "", 1e-12: "", 0.0: ""}


def epsilon(case: LayerCase) -> Predictions:
    """Predict another epsilon, a usual one or the one that the numbers give."""
    axes = tuple(range(case.x.ndim - 1))
    mean, variance = case.weight("moving_mean"), case.weight("moving_variance")
    if case.training:
        mean, variance = case.x.mean(axes), case.x.var(axes)
    centered = case.x - mean
    # The output's slope over the input is gamma / sqrt(variance + epsilon).
    slope = ((case.received - case.weight("beta")) * centered).sum(axes) / np.maximum((centered**2).sum(axes), 1e-300)
    with np.errstate(all="ignore"):
        estimates = (case.weight("gamma") / slope) ** 2 - variance
    estimates = estimates[np.isfinite(estimates)]
    # One or two channels are explained by any fitted number.
    estimate = float(np.median(estimates)) if len(estimates) >= FITTED_VALUES else -1.0
    single = float(np.float32(case.layer.epsilon))
    for epsilon in (*_EPSILONS, single, float(f"{estimate:.3g}"), estimate):
        if epsilon >= 0 and epsilon != case.layer.epsilon:
            named = _EPSILONS.get(epsilon) or ("rounded to float32" if epsilon == single else "")
            text = f"epsilon {epsilon:.9g}{f' ({named})' if named else ''}, expected {case.layer.epsilon:g}"
            yield text, case.run(layer=replace(case.layer, epsilon=epsilon))


def statistics(case: LayerCase) -> Predictions:
    """Predict normalization by the other mode's statistics, or by the unbiased variance."""
    if case.training:
        yield "normalizes by running statistics in training, expected the batch's", case.run(training=False)
        axes = tuple(range(case.x.ndim - 1))
        unbiased = case.x.var(axes, ddof=1)
        output = case.run(training=False, weights={"moving_mean": case.x.mean(axes), "moving_variance": unbiased})
        yield "normalizes by the unbiased batch variance, expected the biased one", output
    else:
        yield "normalizes by the batch's statistics in evaluation, expected the running ones", case.run(training=True)


def flatten(case: LayerCase) -> Predictions:
    """Predict another order of the flattened axes."""
    for axes, text in flatten_orders(case.x.shape[1:]):
        yield f"flattens {text}", case.x.transpose(0, *(axis + 1 for axis in axes)).reshape(len(case.x), -1)


def dropout(case: LayerCase) -> Predictions:
    """Predict dropout that is active in evaluation, or does something else with its mask."""
    rate = case.layer.rate
    if case.received.shape != case.x.shape:
        return
    if case.training and case.mask is not None:
        yield "ignores the mask", case.x
        yield "does not scale by 1 / (1 - rate)", case.x * case.mask
        yield "keeps what the mask drops", case.x * (1 - case.mask) / (1 - rate)
    else:
        yield "scales by 1 / (1 - rate) in evaluation, expected nothing", case.x / (1 - rate)
        yield "scales by 1 - rate in evaluation, expected 1 / (1 - rate) in training", case.x * (1 - rate)
    drawn = (case.received != 0) | (case.x == 0)
    share = 1 - float(drawn.sum() - (case.x == 0).sum()) / max(int((case.x != 0).sum()), 1)
    if share == 0:
        return
    where = "in training draws its own mask" if case.training else "is active in evaluation"
    text = f"{where}: {share:.0%} of the values are dropped (rate {rate:g})"
    yield text, case.x * drawn / (1 - rate)
    yield f"{text} and the others not scaled", case.x * drawn
