"""Known divergences of stored weights, running statistics, the loss and gradients."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import numpy as np

from genrebench.network.numerics import cross_entropy, log_softmax
from genrebench.network.types import Array, Weights
from genrebench.parity.ledger.base import FITTED_VALUES, Entry, float32_entry
from genrebench.parity.ledger.case import kernel_layouts

Predictions = Iterator[tuple[str, Array]]
_NORMALISATION = (
    "https://keras.io/api/layers/normalization_layers/batch_normalization/; "
    "https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html"
)
_LOSS = "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html"


@dataclass(frozen=True)
class WeightCase:
    """A weight that does not come back as it was given.

    Attributes
    ----------
    name : str
        Its canonical name.
    received, expected : ndarray
        What came back, and what was given.
    given : dict of str to ndarray
        All weights that were given.
    """

    name: str
    received: Array
    expected: Array
    given: Weights
    kind: str = "weight"


def _other_weight(case: WeightCase) -> Predictions:
    """Predict another weight of the same shape."""
    for name, value in case.given.items():
        if name != case.name and value.shape == case.expected.shape:
            yield f"holds {name}", value


def _layout(case: WeightCase) -> Predictions:
    """Predict mixed-up axes."""
    yield from kernel_layouts(case.expected)
    for axes in permutations(range(case.expected.ndim)):
        if list(axes) != sorted(axes):
            yield f"axes in the order {axes}", case.expected.transpose(axes)
            if case.expected.transpose(axes).shape != case.expected.shape:
                yield (
                    f"axes transposed by {axes}, then reshaped",
                    case.expected.transpose(axes).reshape(case.expected.shape),
                )


WEIGHT_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("weights-swapped", "weights of another layer", (), "https://keras.io/api/layers/base_layer/",
          _other_weight, tolerance=0.0),
    Entry("kernel-layout", "axes of a weight mixed up", (), "https://keras.io/api/layers/base_layer/", _layout,
          tolerance=0.0),
    Entry("weights-zero", "weights are not kept", (), "https://keras.io/api/layers/base_layer/",
          lambda case: iter([("holds zeros", np.zeros_like(case.expected))]), tolerance=0.0),
    float32_entry(),
)  # fmt: skip


@dataclass(frozen=True)
class StatisticCase:
    """A running statistic that is updated otherwise.

    Attributes
    ----------
    name : str
        ``moving_mean`` or ``moving_variance``.
    momentum : float
        Weight of the old value.
    count : int
        Number of values that the batch statistic is taken over.
    old : ndarray [shape=(channels,)]
        Before the update.
    received, expected : ndarray [shape=(channels,)]
        After it, by the backend and by definition.
    """

    name: str
    momentum: float
    count: int
    old: Array
    received: Array
    expected: Array
    kind: str = "statistic"

    @property
    def batch(self) -> Array:
        """Recover the batch statistic from the right update.

        Returns
        -------
        ndarray
            The batch's mean or biased variance.
        """
        return (self.expected - self.momentum * self.old) / (1 - self.momentum)


def _momentum(case: StatisticCase) -> Predictions:
    """Predict another momentum, the unbiased variance, or both."""
    biased = case.batch
    unbiased = biased * case.count / (case.count - 1) if case.count > 1 else biased
    variances = [("", biased)]
    if case.name == "moving_variance":
        factor = f"follows the unbiased batch variance, expected the biased one (factor {case.count}/{case.count - 1})"
        yield factor, case.momentum * case.old + (1 - case.momentum) * unbiased
        variances.append((f"{factor}; ", unbiased))
    for text, batch in variances:
        way = case.old - batch
        estimate = float(((case.received - batch) * way).sum() / max(float((way * way).sum()), 1e-300))
        fitted = (float(f"{estimate:.3g}"), estimate) if case.received.size >= FITTED_VALUES else ()
        for momentum in (1 - case.momentum, 0.9, 0.1, 0.99, 0.01, *fitted):
            if momentum == case.momentum:
                continue
            swapped = " (the momentum weights the new value)" if np.isclose(momentum, 1 - case.momentum) else ""
            explanation = f"{text}keeps {momentum:g} of the old value, expected {case.momentum:g}{swapped}"
            yield explanation, momentum * case.old + (1 - momentum) * batch


def _titled(identifier: str, title: str, *, unbiased: bool) -> Entry[Any]:
    """Make one of the entries on running statistics.

    Parameters
    ----------
    unbiased : bool
        Whether it is the one on the unbiased variance alone.
    """

    def predict(case: StatisticCase) -> Predictions:
        """Choose the predictions that the entry is about."""
        for explanation, prediction in _momentum(case):
            if ("keeps" not in explanation) == unbiased:
                yield explanation, prediction

    return Entry(identifier, title, (), _NORMALISATION, predict)


STATISTIC_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("statistics-frozen", "running statistics are not updated", (), _NORMALISATION,
          lambda case: iter([("stays as it was, expected an update", case.old)])),
    _titled("running-variance", "biased or unbiased running variance", unbiased=True),
    _titled("momentum", "momentum of the running statistics", unbiased=False),
    float32_entry(),
)  # fmt: skip


@dataclass(frozen=True)
class LossCase:
    """A loss that is not the mean cross-entropy of the backend's own logits.

    Attributes
    ----------
    received, expected : ndarray [shape=()]
        The loss, and the right one.
    logits : ndarray [shape=(n, classes)]
        The backend's logits in training mode.
    labels : ndarray of int [shape=(n,)]
        Labels.
    others : dict of str to ndarray
        Logits of the other modes, each with an explanation.
    """

    received: Array
    expected: Array
    logits: Array
    labels: Array
    others: dict[str, Array] = field(default_factory=dict)
    kind: str = "loss"


def _softmax_place(case: LossCase) -> Predictions:
    """Predict a softmax too many or too few."""
    probabilities = np.exp(log_softmax(case.logits))
    rows = np.arange(len(case.labels))
    yield "softmax twice: probabilities where logits are expected", np.array(cross_entropy(probabilities, case.labels))
    yield "no softmax: minus the logit of the label", np.array(-case.logits[rows, case.labels].mean())
    yield "no logarithm: minus the probability of the label", np.array(-probabilities[rows, case.labels].mean())


def _loss_reduction(case: LossCase) -> Predictions:
    """Predict another reduction over the batch."""
    yield "sum over the batch, expected the mean", case.expected * len(case.labels)
    yield "divided by batch and classes, expected by the batch", case.expected / case.logits.shape[1]


LOSS_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("softmax", "a softmax too many or too few before the loss", (), _LOSS, _softmax_place),
    Entry("loss-reduction", "reduction of the loss over the batch", (), _LOSS, _loss_reduction),
    Entry("loss-mode", "the loss is computed in another mode", (), _LOSS,
          lambda case: ((text, np.array(cross_entropy(logits, case.labels))) for text, logits in case.others.items())),
    float32_entry(),
)  # fmt: skip


@dataclass(frozen=True)
class GradientCase:
    """A gradient that is off although forward pass and loss are right.

    Attributes
    ----------
    received, expected : ndarray
        The gradient, and the right one.
    weight : ndarray
        The weight.
    undropped : ndarray or None
        The right gradient without dropout masks.
    others : dict of str to ndarray
        The right gradients of other weights of the same shape.
    """

    received: Array
    expected: Array
    weight: Array
    undropped: Array | None
    others: dict[str, Array]
    kind: str = "gradient"


def _gradients(case: GradientCase) -> Predictions:
    """Predict what usually happens to gradients."""
    yield "is zero: the gradient does not reach it", np.zeros_like(case.expected)
    if case.undropped is not None:
        yield "ignores the dropout masks", case.undropped
    yield from kernel_layouts(case.expected)
    for name, value in case.others.items():
        yield f"is that of {name}", value
    if case.received.size < FITTED_VALUES:
        return
    norm = max(float((case.expected**2).sum()), 1e-300)
    factor = float((case.received * case.expected).sum()) / norm
    yield f"is {factor:.6g} times what it should be", case.expected * factor
    difference = case.received - case.expected
    decay = float((difference * case.weight).sum()) / max(float((case.weight**2).sum()), 1e-300)
    yield f"has {decay:.6g} times the weight added (weight decay)", case.expected + decay * case.weight


GRADIENT_ENTRIES: tuple[Entry[Any], ...] = (
    float32_entry(),
    Entry("gradient", "the gradient is another", (), "https://keras.io/guides/writing_a_custom_training_loop_in_tensorflow/",
          _gradients, tolerance=1e-10),
)  # fmt: skip


@dataclass(frozen=True)
class DrawnCase:
    """Dropout that draws its masks otherwise in training.

    Attributes
    ----------
    rate : float
        Share that is dropped.
    received, expected : ndarray [shape=(2, values)]
        What it made of ones in two steps, and what it may make of them.
    """

    rate: float
    received: Array
    expected: Array
    kind: str = "drawn"


def _drawn(case: DrawnCase) -> Predictions:
    """Predict dropout that drops nothing, another share, or forgets to scale."""
    kept = case.received != 0
    share = 1 - float(kept.mean())
    if kept.all():
        yield "drops nothing in training", np.ones_like(case.received)
        return
    if np.array_equal(kept[0], kept[1]):
        yield "drops the same values in every step", case.expected
    yield f"drops {share:.1%} in training (rate {case.rate:g}) and does not scale the others", kept.astype(np.float64)
    for rate in (share, 1 - case.rate if case.rate else share):
        scaled = np.where(kept, 1 / (1 - rate), 0.0)
        yield f"drops {share:.1%} in training, expected {case.rate:.1%}, and scales accordingly", scaled
    yield f"drops {share:.1%} in training, expected {case.rate:.1%}", case.expected


DRAWN_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("dropout", "dropout does something else", (), "https://keras.io/api/layers/regularization_layers/dropout/",
          _drawn, tolerance=1e-10),
)  # fmt: skip
