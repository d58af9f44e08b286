"""Functions of tensors: what they compute, and their gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from genrebench.errors import ConfigError
from genrebench.network.types import Array
from genrebench.porting import definitions as definitions
from genrebench.porting.definition import Given, compute
from genrebench.porting.tape import Value, gradients
from genrebench.reading.kinds.activation import Activation
from genrebench.reading.kinds.base import Kind
from genrebench.reading.kinds.logic import Compare, Logical, Where
from genrebench.reading.kinds.merging import Arithmetic, ArrayArithmetic, Divide, Power
from genrebench.reading.kinds.operations import Cast, Fill, Pad, Product, Reduce, Slice, StopGradient, Unmask
from genrebench.reading.kinds.selecting import CumulativeSum, Einsum, Extreme, OneHot, Repeat, Take, Tile

ROWS = np.random.default_rng(2).uniform(0.5, 2.0, (5, 1))
MATRIX = np.random.default_rng(3).normal(size=(4, 3))
X = np.abs(np.random.default_rng(0).normal(size=(2, 5, 4))) + 0.5


def arithmetic(operator: Any, number: float = 2.0, *, reverse: bool = False) -> Kind:
    """Make a tensor and a number."""
    return Arithmetic(operator=operator, number=number, reverse=reverse)


def array(operator: Any, *, reverse: bool = False) -> Kind:
    """Make a tensor and constants."""
    return ArrayArithmetic(operator=operator, values=ROWS.tolist(), reverse=reverse)


CASES: list[tuple[Kind, Callable[[Array], Array]]] = [
    (arithmetic("add"), lambda x: x + 2),
    (arithmetic("subtract"), lambda x: x - 2),
    (arithmetic("subtract", reverse=True), lambda x: 2 - x),
    (arithmetic("multiply"), lambda x: x * 2),
    (arithmetic("divide"), lambda x: x / 2),
    (arithmetic("divide", reverse=True), lambda x: 2 / x),
    (arithmetic("power", 1.5), lambda x: x**1.5),
    (arithmetic("power", reverse=True), lambda x: 2**x),
    (arithmetic("maximum", 1.0), lambda x: np.maximum(x, 1.0)),
    (arithmetic("minimum", 1.0), lambda x: np.minimum(x, 1.0)),
    (Divide(), lambda x: x / (x + 1)),
    (Power(), lambda x: x ** (x + 1)),
    (array("add"), lambda x: x + ROWS),
    (array("subtract", reverse=True), lambda x: ROWS - x),
    (array("divide", reverse=True), lambda x: ROWS / x),
    (array("power"), lambda x: x**ROWS),
    (array("power", reverse=True), lambda x: ROWS**x),
    (array("maximum"), lambda x: np.maximum(x, ROWS)),
    (Product(matrix=MATRIX.tolist()), lambda x: x @ MATRIX),
    (
        Product(matrix=MATRIX.repeat(2, 1)[:, :5].tolist(), reverse=True),
        lambda x: MATRIX.repeat(2, 1)[:, :5] @ x,
    ),
    (Reduce(function="var", axis=(1,)), lambda x: x.var(axis=1)),
    (Reduce(function="std", axis=(1, 2), keepdims=True), lambda x: x.std(axis=(1, 2), keepdims=True)),
    (Reduce(function="logsumexp", axis=(-1,)), lambda x: np.log(np.exp(x).sum(axis=-1))),
    (Where(first=None, second=0.5), lambda x: np.where(x > 0, x + 1, 0.5)),
    (Cast(), lambda x: x),
    (Fill(number=2.0), lambda x: np.full_like(x, 2.0)),
    (Activation(activation="gelu_tanh"), lambda x: x / 2 * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)))),
    *(
        (Activation(activation=name), function)
        for name, function in {"sin": np.sin, "cos": np.cos, "log1p": np.log1p, "expm1": np.expm1}.items()
    ),
    (Activation(activation="rsqrt"), lambda x: 1 / np.sqrt(x)),
    (Activation(activation="reciprocal"), lambda x: 1 / x),
    (Unmask(), lambda x: x),
    *(
        (Pad(widths=((2, 1), (0, 3)), mode=mode), lambda x, mode=mode: np.pad(x, ((0, 0), (2, 1), (0, 3)), mode=mode))
        for mode in ("reflect", "symmetric")
    ),
    (
        Pad(widths=((2, 0), (0, 1)), mode="constant", number=0.5),
        lambda x: np.pad(x, ((0, 0), (2, 0), (0, 1)), constant_values=0.5),
    ),
    (Take(indices=(3, 0, 3), axis=2), lambda x: x[:, :, [3, 0, 3]]),
    (Tile(repeats=(2, 3)), lambda x: np.tile(x, (1, 2, 3))),
    (Repeat(repeats=3, axis=-1), lambda x: x.repeat(3, axis=2)),
    (CumulativeSum(axis=1), lambda x: x.cumsum(axis=1)),
    (Reduce(function="prod", axis=(1, -1), keepdims=True), lambda x: x.prod(axis=(1, 2), keepdims=True)),
    (Einsum(subscripts="bij,bkj->bik"), lambda x: x @ x.transpose(0, 2, 1)),
    (Einsum(subscripts="bij,bkm->bj"), lambda x: x.sum(axis=1) * x.sum(axis=(1, 2))[:, None]),
    (Slice(parts=((1, None, 2), -1)), lambda x: x[:, 1::2, -1]),
    (Slice(parts=((None, None, -1), (0, 3, None))), lambda x: x[:, ::-1, :3]),
    (Reduce(function="mean", axis=(1,)), lambda x: x.mean(axis=1)),
    (Reduce(function="sum", axis=(1, 2), keepdims=True), lambda x: x.sum(axis=(1, 2), keepdims=True)),
    (Reduce(function="max", axis=(-1,), keepdims=True), lambda x: x.max(axis=-1, keepdims=True)),
    (Reduce(function="min", axis=(1, 2)), lambda x: x.min(axis=(1, 2))),
]


@pytest.mark.parametrize(("kind", "expected"), CASES, ids=lambda each: str(each) if isinstance(each, Kind) else "")
def test_functions_compute_what_numpy_does(kind: Kind, expected: Callable[[Array], Array]) -> None:
    """And their gradients are central differences."""
    x = Value(X, is_tracked=True)
    inputs = (x, x + 1.0) if isinstance(kind, Divide | Power | Where) else (x,)
    inputs = (x, x) if isinstance(kind, Einsum) else inputs
    (y,) = compute(kind, Given(inputs)).outputs
    np.testing.assert_allclose(y.data, expected(X), rtol=1e-14)
    rng = np.random.default_rng(1)
    cotangent, direction = rng.normal(size=y.shape), rng.normal(size=X.shape)
    by_tape = (gradients([(y, cotangent)], {"x": x})["x"] * direction).sum()
    ahead, behind = (expected(X + step * direction) for step in (1e-6, -1e-6))
    np.testing.assert_allclose(by_tape, (cotangent * (ahead - behind)).sum() / 2e-6, rtol=1e-7)


def test_functions_end_masks() -> None:
    """Unlike the layers of the same names."""
    mask = np.ones((2, 5), bool)
    for kind in (Unmask(), arithmetic("add")):
        assert compute(kind, Given((Value(X),), masks=(mask,))).masks == (None,)


def test_masks_are_computed_as_the_file_says() -> None:
    """Where any feature is not a number, as Keras 3 writes down the mask of Masking."""
    x = np.array([[[0.0, 0.0], [0.0, 1.0]]])
    (differs,) = compute(Compare(operator="not_equal", number=0.0), Given((Value(x),))).outputs
    (there,) = compute(Reduce(function="any", axis=(-1,)), Given((differs,))).outputs
    assert there.data.tolist() == [[False, True]]
    (everywhere,) = compute(Reduce(function="all", axis=(-1,)), Given((differs,))).outputs
    assert not everywhere.data.any()
    (floats,) = compute(Cast(), Given((there,))).outputs
    assert floats.data.dtype == np.float64


def test_whole_numbers_are_reduced_as_floats() -> None:
    """So that what comes behind has gradients; truth values of them stay truth values."""
    numbers = Value(np.array([[3, 0]]))
    (total,) = compute(Reduce(function="sum", axis=(1,)), Given((numbers,))).outputs
    assert (total.data.tolist(), total.data.dtype) == ([3.0], np.dtype(np.float64))
    (any_,) = compute(Reduce(function="any", axis=(1,)), Given((numbers,))).outputs
    assert (any_.data.tolist(), any_.data.dtype) == ([True], np.dtype(bool))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Compare(operator="greater_equal"), [[True, False], [False, True]]),
        (Compare(operator="less"), [[False, True], [True, False]]),
        (Compare(operator="equal", number=2.0), [[True, False], [False, False]]),
        (Logical(operator="and"), [[True, False], [False, True]]),
        (Logical(operator="or"), [[True, True], [True, True]]),
        (Logical(operator="xor"), [[False, True], [True, False]]),
        (Logical(operator="not"), [[False, True], [True, False]]),
    ],
    ids=str,
)
def test_truth_values_are_numpys(kind: Kind, expected: list[list[bool]]) -> None:
    """What is not 0 is true."""
    both = Value(np.array([[2.0, 0.0], [0.0, 1.0]])), Value(np.array([[1.0, 3.0], [4.0, 1.0]]))
    (found,) = compute(kind, Given(both)).outputs
    assert found.data.tolist() == expected


def test_places_are_counted_and_named() -> None:
    """The first of equal values; a number that is no place names none. No gradient goes back."""
    x = Value(np.array([[[1.0, 3.0, 3.0], [2.0, 0.0, 0.0]]]), is_tracked=True)
    (most,) = compute(Extreme(function="argmax", axis=-1), Given((x,))).outputs
    (least,) = compute(Extreme(function="argmin", axis=2, keepdims=True), Given((x,))).outputs
    assert (most.data.tolist(), least.data.tolist()) == ([[1, 0]], [[[0], [1]]])
    (hot,) = compute(OneHot(count=3), Given((Value(np.array([2, 5, -1])),))).outputs
    assert hot.data.tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert not most.is_tracked


@pytest.mark.parametrize("name", ["sign", "floor", "ceil", "round"])
def test_steps_have_no_gradient(name: str) -> None:
    """Halves are rounded to even numbers, as TensorFlow and PyTorch do."""
    x = Value(np.array([-1.5, 0.0, 0.5, 2.5]), is_tracked=True)
    (y,) = compute(Activation(activation=name), Given((x,))).outputs
    assert np.array_equal(y.data, getattr(np, name)(x.data))
    assert not y.is_tracked


def test_a_stopped_gradient_is_none() -> None:
    """The values pass."""
    x = Value(X, is_tracked=True)
    (y,) = compute(StopGradient(), Given((x,))).outputs
    assert np.array_equal(y.data, X)
    assert not gradients([(y, X)], {"x": x})["x"].any()


def test_a_kind_without_a_definition_is_refused() -> None:
    """By name."""

    class _Unheard(Kind):
        """A kind of nobody's."""

    with pytest.raises(ConfigError, match="a kind of layer with a definition, received _Unheard"):
        compute(_Unheard(), Given(()))
