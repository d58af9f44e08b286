"""Losses against the formulas of Keras' documentation."""

from typing import Any

import numpy as np
import pytest

from genrebench.errors import BackendError
from genrebench.network.types import Array

torch = pytest.importorskip("torch")
losses = pytest.importorskip("genrebench_torch.losses")

RNG = np.random.default_rng(0)
Y = RNG.dirichlet(np.ones(5), (4, 6))
T = RNG.dirichlet(np.ones(5), (4, 6))
BITS = (RNG.random((4, 6, 5)) > 0.5).astype(float)
CLASSES = RNG.integers(0, 5, (4, 6))


def softmax(x: Array) -> Array:
    """Compute exponentials that add up to 1."""
    powers: Array = np.exp(x)
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def binary(y: Array, t: Array) -> Array:
    """Compute binary cross-entropy of each value."""
    return np.asarray(-(t * np.log(y) + (1 - t) * np.log(1 - y)))


def units(x: Array) -> Array:
    """Divide by the length."""
    found: Array = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return found


CASES: list[tuple[dict[str, Any], Array, Array]] = [
    ({"name": "mean_squared_error"}, T, (Y - T) ** 2),
    ({"name": "mean_absolute_error"}, T, np.abs(Y - T)),
    ({"name": "mean_squared_logarithmic_error"}, T, (np.log1p(Y) - np.log1p(T)) ** 2),
    ({"name": "mean_absolute_percentage_error"}, T, 100 * np.abs((T - Y) / T)),
    ({"name": "binary_crossentropy"}, BITS, binary(Y, BITS)),
    ({"name": "binary_crossentropy", "from_logits": True}, BITS, binary(1 / (1 + np.exp(-Y)), BITS)),
    ({"name": "binary_crossentropy", "label_smoothing": 0.2}, BITS, binary(Y, 0.8 * BITS + 0.1)),
    ({"name": "categorical_crossentropy"}, T, -(T * np.log(Y)).sum(-1)),
    ({"name": "categorical_crossentropy", "from_logits": True}, T, -(T * np.log(softmax(Y))).sum(-1)),
    ({"name": "categorical_crossentropy", "label_smoothing": 0.2}, T, -((0.8 * T + 0.04) * np.log(Y)).sum(-1)),
    ({"name": "sparse_categorical_crossentropy"}, CLASSES, -(np.eye(5)[CLASSES] * np.log(Y)).sum(-1)),
    ({"name": "sparse_categorical_crossentropy"}, CLASSES[..., None], -(np.eye(5)[CLASSES] * np.log(Y)).sum(-1)),
    ({"name": "poisson"}, T, Y - T * np.log(Y + 1e-7)),
    ({"name": "kl_divergence"}, T, (T * np.log(T / Y)).sum(-1)),
    ({"name": "hinge"}, BITS, np.maximum(1 - (2 * BITS - 1) * Y, 0)),
    ({"name": "squared_hinge"}, 2 * BITS - 1, np.maximum(1 - (2 * BITS - 1) * Y, 0) ** 2),
    ({"name": "cosine_similarity"}, T, -(units(Y) * units(T)).sum(-1)),
    ({"name": "log_cosh"}, T, np.log(np.cosh(Y - T))),
    ({"name": "huber", "delta": 0.1}, T, np.where(np.abs(Y - T) <= 0.1, (Y - T) ** 2 / 2, 0.1 * np.abs(Y - T) - 0.005)),
]


@pytest.mark.parametrize(("loss", "targets", "expected"), CASES, ids=lambda each: str(each)[:60])
def test_losses_are_those_of_keras(loss: dict[str, Any], targets: Array, expected: Array) -> None:
    """The mean of the formula."""
    found = losses.loss_of(loss)(torch.tensor(Y), torch.tensor(targets))
    assert abs(float(found) - expected.mean()) < 1e-9


def test_an_unknown_loss_is_refused() -> None:
    """With those that are known."""
    with pytest.raises(BackendError, match=r"loss: expected one of mean_squared_error, .*, received 'mine'"):
        losses.loss_of({"name": "mine"})
