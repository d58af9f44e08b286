"""Hypotheses about batch normalization, flattening and dropout."""

from dataclasses import replace

import numpy as np

from genrebench.parity.ledger.base import FITTED_VALUES, Prediction, Predictions
from genrebench.parity.ledger.case import LayerCase, flatten_orders

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
    for value in (*_EPSILONS, single, float(f"{estimate:.3g}"), estimate):
        if value >= 0 and value != case.layer.epsilon:
            named = _EPSILONS.get(value) or ("rounded to float32" if value == single else "")
            text = f"epsilon {value:.9g}{f' ({named})' if named else ''}, expected {case.layer.epsilon:g}"
            yield Prediction(text, case.run(layer=replace(case.layer, epsilon=value)), epsilon=value)


def statistics(case: LayerCase) -> Predictions:
    """Predict normalization by the other mode's statistics, or by the unbiased variance."""
    if not case.training:
        text = "normalizes by the batch's statistics in evaluation, expected the running ones"
        yield Prediction(text, case.run(training=True), statistics="batch")
        return
    text = "normalizes by running statistics in training, expected the batch's"
    yield Prediction(text, case.run(training=False), statistics="running")
    axes = tuple(range(case.x.ndim - 1))
    unbiased = case.x.var(axes, ddof=1)
    output = case.run(training=False, weights={"moving_mean": case.x.mean(axes), "moving_variance": unbiased})
    text = "normalizes by the unbiased batch variance, expected the biased one"
    yield Prediction(text, output, statistics="unbiased")


def flatten(case: LayerCase) -> Predictions:
    """Predict another order of the flattened axes."""
    for axes, order, text in flatten_orders(case.x.shape[1:]):
        value = case.x.transpose(0, *(axis + 1 for axis in axes)).reshape(len(case.x), -1)
        yield Prediction(f"flattens {text}", value, order=order)


def dropout(case: LayerCase) -> Predictions:
    """Predict dropout that is active in evaluation, or does something else with its mask."""
    rate = case.layer.rate
    if case.received.shape != case.x.shape:
        return
    if case.training and case.mask is not None:
        yield Prediction("ignores the mask", case.x, fault="mask ignored")
        yield Prediction("does not scale by 1 / (1 - rate)", case.x * case.mask, fault="not scaled")
        yield Prediction("keeps what the mask drops", case.x * (1 - case.mask) / (1 - rate), fault="mask inverted")
    else:
        text = "scales by 1 / (1 - rate) in evaluation, expected nothing"
        yield Prediction(text, case.x / (1 - rate), fault="scaled in evaluation")
        text = "scales by 1 - rate in evaluation, expected 1 / (1 - rate) in training"
        yield Prediction(text, case.x * (1 - rate), fault="scaled down in evaluation")
    kept = (case.received != 0) | (case.x == 0)
    share = 1 - float(kept.sum() - (case.x == 0).sum()) / max(int((case.x != 0).sum()), 1)
    if share == 0:
        return
    fault, where = "active in evaluation", "is active in evaluation"
    if case.training:
        fault, where = "mask of its own", "in training samples its own mask"
    text = f"{where}: {share:.0%} of the values are dropped (rate {rate:g})"
    yield Prediction(text, case.x * kept / (1 - rate), fault=fault, dropped=round(share, 2))
    text, fault = f"{text} and the others not scaled", f"{fault}, not scaled"
    yield Prediction(text, case.x * kept, fault=fault, dropped=round(share, 2))
