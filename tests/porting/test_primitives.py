"""Each primitive: its values, its gradient by a finite difference, and its convention at kinks."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from genrebench.network.types import Array
from genrebench.porting import primitives as p
from genrebench.porting.tape import Value, gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 6, 5, 3))
POSITIVE = np.abs(X) + 0.5

# Name, the function of a value, NumPy's own, and where they are compared.
ELEMENTWISE: list[tuple[str, Callable[[Value], Value], Callable[[Array], Array], Array]] = [
    ("exp", p.exp, np.exp, X),
    ("log", p.log, np.log, POSITIVE),
    ("log1p", p.log1p, np.log1p, POSITIVE),
    ("expm1", p.expm1, np.expm1, X),
    ("tanh", p.tanh, np.tanh, X),
    ("sin", p.sin, np.sin, X),
    ("cos", p.cos, np.cos, X),
    ("erf", p.erf, np.vectorize(math.erf), X),
    ("sigmoid", p.sigmoid, lambda x: 1 / (1 + np.exp(-x)), X),
    ("softplus", p.softplus, lambda x: np.log(1 + np.exp(x)), X),
    ("power", lambda x: x**0.5, np.sqrt, POSITIVE),
    ("clip", lambda x: p.clip(x, -0.5, 0.8), lambda x: np.clip(x, -0.5, 0.8), X),
    ("maximum", lambda x: p.maximum(x, 0.3), lambda x: np.maximum(x, 0.3), X),
    ("minimum", lambda x: p.minimum(x, 0.3), lambda x: np.minimum(x, 0.3), X),
    ("where", lambda x: p.where(X > 0, x, -x), np.abs, X),
    ("largest", lambda x: p.largest(x, (1, 3)), lambda x: x.max(axis=(1, 3)), X),
    ("first", p.first_largest, lambda x: x.max(axis=-1), X),
    ("mean", lambda x: x.mean((0, 2), keepdims=True), lambda x: x.mean(axis=(0, 2), keepdims=True), X),
    ("cumsum", lambda x: p.cumsum(x, 1), lambda x: np.cumsum(x, axis=1), X),
    ("sum", lambda x: x.sum(-1), lambda x: x.sum(axis=-1), X),
    ("reshape", lambda x: x.reshape(4, -1), lambda x: x.reshape(4, -1), X),
    ("transpose", lambda x: x.transpose(2, 0, 3, 1), lambda x: x.transpose(2, 0, 3, 1), X),
    ("repeat", lambda x: p.repeat(x, 3, axis=2), lambda x: np.repeat(x, 3, axis=2), X),
    ("pad", lambda x: p.pad(x, [(0, 0), (1, 2), (0, 3), (0, 0)]), lambda x: np.pad(x, [(0, 0), (1, 2), (0, 3), (0, 0)]),
     X),
    ("arctan2", lambda x: p.arctan2(x, 1.5 - x), lambda x: np.arctan2(x, 1.5 - x), X),
    ("fourier", lambda x: p.concatenate(p.fourier(x), 1),
     lambda x: np.concatenate([np.fft.rfft(x).real, np.fft.rfft(x).imag], axis=1), X),
    ("take", lambda x: p.take(x, np.array([[1, 1], [0, 1]]), axis=1), lambda x: x[:, [[1, 1], [0, 1]]], X),
    ("join", lambda x: p.concatenate([x, 2.0 * x], 1), lambda x: np.concatenate([x, 2 * x], axis=1), X),
    ("stack", lambda x: p.stack([x, 2.0 * x], 1), lambda x: np.stack([x, 2 * x], axis=1), X),
    ("matmul", lambda x: x @ Value(np.eye(3)[:, :2]), lambda x: x @ np.eye(3)[:, :2], X),
    ("matmul of stacks", lambda x: x[:, 0] @ x[:, 1].transpose(0, 2, 1),
     lambda x: x[:, 0] @ x[:, 1].transpose(0, 2, 1), X),
    ("einsum", lambda x: p.einsum("nijc,nkjc->nikc", x, x), lambda x: np.einsum("nijc,nkjc->nikc", x, x), X),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function", "expected", "at"), ELEMENTWISE, ids=[each[0] for each in ELEMENTWISE])
def test_values_and_gradients(
    name: str, function: Callable[[Value], Value], expected: Callable[[Array], Array], at: Array
) -> None:
    """The values are NumPy's, the gradient along a random direction is a central difference."""
    x = Value(at, is_tracked=True)
    y = function(x)
    np.testing.assert_allclose(y.data, expected(at), rtol=1e-14, err_msg=name)
    rng = np.random.default_rng(1)
    cotangent, direction = rng.normal(size=y.shape), rng.normal(size=at.shape)
    by_tape = (gradients([(y, cotangent)], {"x": x})["x"] * direction).sum()
    ahead, behind = (function(Value(at + step * direction)).data for step in (1e-6, -1e-6))
    np.testing.assert_allclose(by_tape, (cotangent * (ahead - behind)).sum() / 2e-6, rtol=1e-6)


def slope(function: Callable[[Value], Value], *at: float) -> list[float]:
    """Differentiate the sum of a function at a point."""
    x = Value(np.array(at), is_tracked=True)
    y = function(x)
    return [float(each) for each in gradients([(y, np.ones(y.shape))], {"x": x})["x"]]


def test_conventions_at_kinks() -> None:
    """Those of TensorFlow: 0 at the kink of a rectifier, 1 at bounds, shares for equal maxima, or all for the first."""
    assert slope(lambda x: p.maximum(x, 0.0), 0.0) == [0.0]
    assert slope(lambda x: p.clip(x, 0.0, 1.0), 0.0, 1.0, 1.5) == [1.0, 1.0, 0.0]
    assert slope(lambda x: p.largest(x, 0), 2.0, 1.0, 2.0) == [0.5, 0.0, 0.5]
    assert slope(p.first_largest, 1.0, 2.0, 2.0) == [0.0, 1.0, 0.0]
    a, b = (Value(np.array([1.0]), is_tracked=True) for _ in range(2))
    found = gradients([(p.maximum(a, b), np.ones(1))], {"a": a, "b": b})
    assert (found["a"][0], found["b"][0]) == (1.0, 0.0)


def test_large_numbers_do_not_overflow() -> None:
    """Sigmoid and softplus far from 0 have values and slopes, without a warning."""
    at = Value(np.array([-1000.0, 1000.0]))
    assert p.sigmoid(at).data.tolist() == [0.0, 1.0]
    assert p.softplus(at).data.tolist() == [0.0, 1000.0]
