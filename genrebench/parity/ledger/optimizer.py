"""Known divergences of Adam, each as a formula."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genrebench.network.adam import Adam, adam_step
from genrebench.network.numerics import GRADIENT_TOLERANCE
from genrebench.network.types import Array
from genrebench.parity.ledger.base import FITTED_VALUES, FLOAT32_ENTRY, Case, Entry, Prediction, Predictions, fitted

ROUNDED_ID = "adam-float32"
_KERAS = "https://keras.io/api/optimizers/adam/"
_BOTH = f"{_KERAS}; https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html"


@dataclass(frozen=True)
class AdamCase(Case):
    """An update, or a moment (`quantity` is ``update``, ``m`` or ``v``), and what it started from.

    `step` is the number of updates done before.
    """

    quantity: str
    weight: Array
    gradient: Array
    m: Array
    v: Array
    step: int
    optimizer: Adam = Adam()  # noqa: RUF009 - frozen

    def predict(
        self, optimizer: Adam | None = None, *, placement: str = "uncorrected", corrected: bool = True
    ) -> Array:
        """Compute the quantity with something swapped."""
        chosen, given = optimizer or self.optimizer, (self.gradient, self.m, self.v, self.step + 1)
        return adam_step(*given, chosen, placement=placement, corrected=corrected)[self.quantity]


def rounded(optimizer: Adam) -> Iterator[tuple[str, Adam]]:
    """List hyperparameters some of which passed through float32, with the names of these."""
    names = ("beta_1", "beta_2", "learning_rate", "epsilon")
    for chosen in (names[:2], names[2:3], names[:3], names):
        single = {name: float(np.float32(getattr(optimizer, name))) for name in chosen}
        yield ", ".join(chosen), replace(optimizer, **single)


def _rounded(case: AdamCase) -> Predictions:
    """Predict hyperparameters that passed through float32."""
    for names, optimizer in rounded(case.optimizer):
        yield Prediction(f"{names} rounded to float32", case.predict(optimizer), rounded=names)


def _epsilon(case: AdamCase) -> Predictions:
    """Predict another epsilon, or another place for it."""
    places = {
        "uncorrected": "",
        "corrected": "added after the bias correction, expected before; ",
        "under": "added under the root, expected outside; ",
    }
    right = case.optimizer.epsilon
    for placement, text in places.items():
        for epsilon in dict.fromkeys((right, 1e-8, 1e-7, 1e-6, 1e-3, 1e-10, 0.0)):
            if placement == "uncorrected" and epsilon == right:
                continue
            value = f"epsilon {epsilon:g}" + (" (PyTorch's default)" if epsilon == 1e-8 else "")
            other = f"{value}, expected {right:g}" if epsilon != right else value
            predicted = case.predict(replace(case.optimizer, epsilon=epsilon), placement=placement)
            yield Prediction(text + other, predicted, epsilon=epsilon, placement=placement)


def _other_rules(case: AdamCase) -> Predictions:
    """Predict what else differs between optimizers."""
    yield Prediction("the moments' bias is not corrected", case.predict(corrected=False), rule="not corrected")
    if case.quantity != "update":
        return
    rate = case.optimizer.learning_rate
    yield Prediction("plain gradient descent", -rate * case.gradient, rule="gradient descent")
    if case.received.size < FITTED_VALUES:
        return
    factor = fitted(case.received, case.expected)
    text = f"learning rate {factor * rate:.6g}, expected {rate:g}"
    yield Prediction(text, case.expected * factor, learning_rate=factor * rate)
    decay = fitted(case.received - case.expected, case.weight)
    text = f"weight decay of {-decay / rate:.6g} is applied"
    yield Prediction(text, case.expected + decay * case.weight, weight_decay=-decay / rate)


ADAM_ENTRIES: tuple[Entry[Any], ...] = (
    Entry(
        ROUNDED_ID,
        "Adam's hyperparameters rounded to float32, as Keras' own variables do",
        _KERAS,
        _rounded,
        tolerance=GRADIENT_TOLERANCE,
        accepted=True,
    ),
    Entry("adam-epsilon", "value or place of Adam's epsilon", _BOTH, _epsilon, tolerance=GRADIENT_TOLERANCE),
    Entry("adam-rule", "another update rule", _BOTH, _other_rules, tolerance=GRADIENT_TOLERANCE),
    FLOAT32_ENTRY,
)
