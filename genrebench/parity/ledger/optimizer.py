"""Known divergences of Adam, each as a formula."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genrebench.network.adam import Adam, adam_step
from genrebench.network.numerics import GRADIENT_TOLERANCE
from genrebench.network.types import Array
from genrebench.parity.ledger.base import FITTED_VALUES, Entry, float32_entry

Predictions = Iterator[tuple[str, Array]]
ROUNDED_ID = "adam-float32"
_KERAS = "https://keras.io/api/optimizers/adam/"
_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html"


@dataclass(frozen=True)
class AdamCase:
    """An update, or a moment, that differs though gradients and state were equal.

    Attributes
    ----------
    quantity : str
        ``update``, ``m`` or ``v``.
    received, expected : ndarray
        The backend's, and the right one.
    weight, gradient, m, v : ndarray
        What the update started from.
    step : int
        Updates done before.
    optimizer : Adam
        Hyperparameters.
    """

    quantity: str
    received: Array
    expected: Array
    weight: Array
    gradient: Array
    m: Array
    v: Array
    step: int
    optimizer: Adam
    kind: str = "adam"

    def predict(
        self, optimizer: Adam | None = None, *, placement: str = "uncorrected", corrected: bool = True
    ) -> Array:
        """Compute the quantity with something swapped.

        Parameters
        ----------
        placement : str
            Where epsilon is added: to the ``uncorrected`` root (Keras), to the ``corrected`` one (PyTorch), or
            ``under`` the root.
        corrected : bool
            Whether the moments' bias is corrected.
        """
        after = adam_step(
            self.gradient,
            self.m,
            self.v,
            self.step + 1,
            optimizer or self.optimizer,
            placement=placement,
            corrected=corrected,
        )
        return after[self.quantity]


def _rounded(case: AdamCase) -> Predictions:
    """Predict hyperparameters that passed through float32."""
    for names, optimizer in rounded(case.optimizer):
        yield f"{names} rounded to float32", case.predict(optimizer)


def rounded(optimizer: Adam) -> Iterator[tuple[str, Adam]]:
    """List hyperparameters some of which passed through float32.

    Yields
    ------
    tuple of (str, Adam)
        Names of the rounded ones, and all hyperparameters.
    """
    names = ("beta_1", "beta_2", "learning_rate", "epsilon")
    for chosen in (names[:2], names[2:3], names[:3], names):
        single = {name: float(np.float32(getattr(optimizer, name))) for name in chosen}
        yield ", ".join(chosen), replace(optimizer, **single)


def _epsilon(case: AdamCase) -> Predictions:
    """Predict another epsilon, or another place for it."""
    places = {
        "uncorrected": "",
        "corrected": "added after the bias correction, expected before; ",
        "under": "added under the root, expected outside; ",
    }
    for placement, text in places.items():
        for epsilon in dict.fromkeys((case.optimizer.epsilon, 1e-8, 1e-7, 1e-6, 1e-3, 1e-10, 0.0)):
            if placement != "uncorrected" or epsilon != case.optimizer.epsilon:
                value = f"{epsilon:g}" + (" (PyTorch's default)" if epsilon == 1e-8 else "")
                other = f"epsilon {value}, expected {case.optimizer.epsilon:g}"
                explanation = text + (other if epsilon != case.optimizer.epsilon else f"epsilon {value}")
                yield explanation, case.predict(replace(case.optimizer, epsilon=epsilon), placement=placement)


def _other_rules(case: AdamCase) -> Predictions:
    """Predict what else differs between optimizers."""
    yield "the moments' bias is not corrected", case.predict(corrected=False)
    if case.quantity == "update":
        yield "plain gradient descent", -case.optimizer.learning_rate * case.gradient
        if case.received.size < FITTED_VALUES:
            return
        factor = float((case.received * case.expected).sum()) / max(float((case.expected**2).sum()), 1e-300)
        rate = factor * case.optimizer.learning_rate
        yield f"learning rate {rate:.6g}, expected {case.optimizer.learning_rate:g}", case.expected * factor
        difference = case.received - case.expected
        decay = float((difference * case.weight).sum()) / max(float((case.weight**2).sum()), 1e-300)
        text = f"weight decay of {-decay / case.optimizer.learning_rate:.6g} is applied"
        yield text, case.expected + decay * case.weight


ADAM_ENTRIES: tuple[Entry[Any], ...] = (
    Entry(ROUNDED_ID, "Adam's hyperparameters rounded to float32, as Keras' own variables do", (), _KERAS, _rounded,
          tolerance=GRADIENT_TOLERANCE, accepted=True),
    Entry("adam-epsilon", "value or place of Adam's epsilon", (), f"{_KERAS}; {_TORCH}", _epsilon,
          tolerance=GRADIENT_TOLERANCE),
    Entry("adam-rule", "another update rule", (), f"{_KERAS}; {_TORCH}", _other_rules, tolerance=GRADIENT_TOLERANCE),
    float32_entry(),
)  # fmt: skip
