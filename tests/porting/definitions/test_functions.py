"""Functions of tensors: what they compute, and their gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from genrebench.errors import ConfigError
from genrebench.network.types import Array
from genrebench.porting.definition import Given, compute
from genrebench.porting.tape import Value, gradients
from genrebench.reading.kinds.base import Kind
from genrebench.reading.kinds.merging import Any as AnyTrue
from genrebench.reading.kinds.merging import Arithmetic, Divide, NotEqual
from genrebench.reading.kinds.operations import Reduce, Slice, Unmask

X = np.abs(np.random.default_rng(0).normal(size=(2, 5, 4))) + 0.5


def arithmetic(operator: Any, number: float = 2.0, *, reverse: bool = False) -> Kind:
    """Make a tensor and a number."""
    return Arithmetic(operator=operator, number=number, reverse=reverse)


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
    (Unmask(), lambda x: x),
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
    inputs = (x, x + 1.0) if isinstance(kind, Divide) else (x,)
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
    (differs,) = compute(NotEqual(number=0.0), Given((Value(x),))).outputs
    (there,) = compute(AnyTrue(axis=(-1,)), Given((differs,))).outputs
    assert there.data.tolist() == [[False, True]]


def test_a_kind_without_a_definition_is_refused() -> None:
    """By name."""

    class _Unheard(Kind):
        """A kind of nobody's."""

    with pytest.raises(ConfigError, match="a kind of layer with a definition, received _Unheard"):
        compute(_Unheard(), Given(()))
