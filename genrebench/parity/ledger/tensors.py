"""Known divergences of stored weights, running statistics, the loss, gradients and random masks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import numpy as np

from genrebench.network.numerics import GRADIENT_TOLERANCE, cross_entropy, log_softmax
from genrebench.network.types import Array, Weights
from genrebench.parity.ledger.base import FITTED_VALUES, FLOAT32_ENTRY, Case, Entry, Prediction, Predictions, fitted
from genrebench.parity.ledger.case import kernel_layouts

_NORMALIZATION = (
    "https://keras.io/api/layers/normalization_layers/batch_normalization/; "
    "https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html"
)
_LOSS = "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html"
_TRAINING = "https://keras.io/guides/writing_a_custom_training_loop_in_tensorflow/"
_DROPOUT = "https://keras.io/api/layers/regularization_layers/dropout/"
_LAYER = "https://keras.io/api/layers/base_layer/"


@dataclass(frozen=True)
class WeightCase(Case):
    """A weight that was read back, and as it was given; `given` are all weights."""

    name: str
    given: Weights


def _other_weight(case: WeightCase) -> Predictions:
    """Predict another weight of the same shape."""
    for name, value in case.given.items():
        if name != case.name and value.shape == case.expected.shape:
            yield Prediction(f"holds {name}", value, weight=name)


def _layout(case: WeightCase) -> Predictions:
    """Predict mixed-up axes."""
    for layout, text, value in kernel_layouts(case.expected):
        yield Prediction(text, value, layout=layout)
    for axes in permutations(range(case.expected.ndim)):
        if list(axes) != sorted(axes):
            moved = case.expected.transpose(axes)
            yield Prediction(f"axes in the order {axes}", moved, layout=str(axes))
            if moved.shape != case.expected.shape:
                value = moved.reshape(case.expected.shape)
                yield Prediction(f"axes transposed by {axes}, then reshaped", value, layout=f"{axes}, reshaped")


def _zeros(case: WeightCase) -> Predictions:
    """Predict a weight that is not kept."""
    yield Prediction("holds zeros", np.zeros_like(case.expected))


WEIGHT_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("weights-swapped", "weights of another layer", _LAYER, _other_weight, tolerance=0.0),
    Entry("kernel-layout", "axes of a weight mixed up", _LAYER, _layout, tolerance=0.0),
    Entry("weights-zero", "weights are not kept", _LAYER, _zeros, tolerance=0.0),
    FLOAT32_ENTRY,
)


@dataclass(frozen=True)
class StatisticCase(Case):
    """A running statistic (``moving_mean`` or ``moving_variance``) after an update.

    `count` is the number of values that the batch statistic is taken over, `momentum` the weight of the old value.
    """

    name: str
    momentum: float
    count: int
    old: Array

    @property
    def batch(self) -> Array:
        """Recover the batch's mean or biased variance from the right update."""
        return (self.expected - self.momentum * self.old) / (1 - self.momentum)

    @property
    def unbiased(self) -> Array:
        """Compute the unbiased variance of the batch."""
        return self.batch * self.count / (self.count - 1) if self.count > 1 else self.batch

    @property
    def factor(self) -> str:
        """Describe the unbiased variance."""
        quotient = f"{self.count}/{self.count - 1}"
        return f"follows the unbiased batch variance, expected the biased one (factor {quotient})"


def _frozen(case: StatisticCase) -> Predictions:
    """Predict a statistic that is not updated."""
    yield Prediction("stays as it was, expected an update", case.old)


def _unbiased_variance(case: StatisticCase) -> Predictions:
    """Predict the unbiased variance, with the right momentum."""
    if case.name == "moving_variance":
        value = case.momentum * case.old + (1 - case.momentum) * case.unbiased
        yield Prediction(case.factor, value, variance="unbiased", count=case.count)


def _momentum(case: StatisticCase) -> Predictions:
    """Predict another momentum, also with the unbiased variance."""
    variances: list[tuple[str, Array, dict[str, str]]] = [("", case.batch, {})]
    if case.name == "moving_variance":
        variances.append((f"{case.factor}; ", case.unbiased, {"variance": "unbiased"}))
    for text, batch, variance in variances:
        estimate = fitted(case.received - batch, case.old - batch)
        estimates = (float(f"{estimate:.3g}"), estimate) if case.received.size >= FITTED_VALUES else ()
        for momentum in (1 - case.momentum, 0.9, 0.1, 0.99, 0.01, *estimates):
            if momentum == case.momentum:
                continue
            swapped = " (the momentum weights the new value)" if np.isclose(momentum, 1 - case.momentum) else ""
            explanation = f"{text}keeps {momentum:g} of the old value, expected {case.momentum:g}{swapped}"
            value = momentum * case.old + (1 - momentum) * batch
            yield Prediction(explanation, value, momentum=momentum, **variance)


STATISTIC_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("statistics-frozen", "running statistics are not updated", _NORMALIZATION, _frozen),
    Entry("running-variance", "biased or unbiased running variance", _NORMALIZATION, _unbiased_variance),
    Entry("momentum", "momentum of the running statistics", _NORMALIZATION, _momentum),
    FLOAT32_ENTRY,
)


@dataclass(frozen=True)
class LossCase(Case):
    """A loss, and the mean cross-entropy of the backend's own logits [shape=(n, classes)] in training mode.

    `others` are the logits of ``evaluation``, and of training without dropout masks (``undropped``).
    """

    logits: Array
    labels: Array
    others: Mapping[str, Array] = field(default_factory=dict)


def _softmax_place(case: LossCase) -> Predictions:
    """Predict a softmax too many or too few."""
    probabilities = np.exp(log_softmax(case.logits))
    indices = np.arange(len(case.labels))
    text, value = "softmax twice: probabilities where logits are expected", cross_entropy(probabilities, case.labels)
    yield Prediction(text, np.array(value), softmax="twice")
    value = -case.logits[indices, case.labels].mean()
    yield Prediction("no softmax: minus the logit of the label", np.array(value), softmax="none")
    value = -probabilities[indices, case.labels].mean()
    yield Prediction("no logarithm: minus the probability of the label", np.array(value), softmax="no logarithm")


def _loss_reduction(case: LossCase) -> Predictions:
    """Predict another reduction over the batch."""
    yield Prediction("sum over the batch, expected the mean", case.expected * len(case.labels), reduction="sum")
    value = case.expected / case.logits.shape[1]
    yield Prediction("divided by batch and classes, expected by the batch", value, reduction="batch and classes")


def _loss_mode(case: LossCase) -> Predictions:
    """Predict the loss of another mode."""
    words = {"evaluation": "is that of evaluation mode", "undropped": "ignores dropout masks"}
    for mode, logits in case.others.items():
        yield Prediction(words[mode], np.array(cross_entropy(logits, case.labels)), mode=mode)


LOSS_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("softmax", "a softmax too many or too few before the loss", _LOSS, _softmax_place),
    Entry("loss-reduction", "reduction of the loss over the batch", _LOSS, _loss_reduction),
    Entry("loss-mode", "the loss is computed in another mode", _LOSS, _loss_mode),
    FLOAT32_ENTRY,
)


@dataclass(frozen=True)
class GradientCase(Case):
    """A gradient, with the right one.

    `undropped` is the right one without dropout masks, None without dropout; `others` are those of all weights.
    """

    weight: Array
    undropped: Array | None
    others: Mapping[str, Array]


def _gradients(case: GradientCase) -> Predictions:
    """Predict what usually happens to gradients."""
    yield Prediction("is zero: the gradient does not reach it", np.zeros_like(case.expected), factor=0.0)
    if case.undropped is not None:
        yield Prediction("ignores the dropout masks", case.undropped, masks="ignored")
    for layout, text, value in kernel_layouts(case.expected):
        yield Prediction(text, value, layout=layout)
    for name, value in case.others.items():
        if value is not case.expected and value.shape == case.expected.shape:
            yield Prediction(f"is that of {name}", value, weight=name)
    if case.received.size < FITTED_VALUES:
        return
    factor = fitted(case.received, case.expected)
    if abs(factor - 1) > GRADIENT_TOLERANCE:
        yield Prediction(f"is {factor:.6g} times what it should be", case.expected * factor, factor=factor)
    decay = fitted(case.received - case.expected, case.weight)
    text = f"has {decay:.6g} times the weight added (weight decay)"
    yield Prediction(text, case.expected + decay * case.weight, weight_decay=decay)


GRADIENT_ENTRIES: tuple[Entry[Any], ...] = (
    FLOAT32_ENTRY,
    Entry("gradient", "the gradient is another", _TRAINING, _gradients, tolerance=GRADIENT_TOLERANCE),
)


@dataclass(frozen=True)
class MaskCase(Case):
    """What dropout made of ones in two steps of training [shape=(2, values)], and what it may make of them."""

    rate: float


def _masks(case: MaskCase) -> Predictions:
    """Predict dropout that drops nothing, another share, or forgets to scale."""
    kept = case.received != 0
    share = 1 - float(kept.mean())
    if kept.all():
        yield Prediction("drops nothing in training", np.ones_like(case.received), fault="drops nothing")
        return
    if np.array_equal(kept[0], kept[1]):
        yield Prediction("drops the same values in every step", case.expected, fault="same mask")
    text = f"drops {share:.1%} in training (rate {case.rate:g}) and does not scale the others"
    yield Prediction(text, kept.astype(np.float64), fault="not scaled", dropped=round(share, 3))
    text = f"drops {share:.1%} in training, expected {case.rate:.1%}"
    for rate in (share, 1 - case.rate if case.rate else share):
        scaled = np.where(kept, 1 / (1 - rate), 0.0)
        yield Prediction(f"{text}, and scales accordingly", scaled, fault="other rate", dropped=round(share, 3))
    yield Prediction(text, case.expected, fault="other share", dropped=round(share, 3))


MASK_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("dropout", "dropout does something else", _DROPOUT, _masks, tolerance=GRADIENT_TOLERANCE),
)
