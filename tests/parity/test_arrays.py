"""Dataclasses of arrays, as flat arrays and back."""

from dataclasses import dataclass, field

import numpy as np

from genrebench.network.types import Array
from genrebench.parity.arrays import pack, unpack


@dataclass(frozen=True)
class Inner:
    """Tensors by name, and a number."""

    count: int
    tensors: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Outer:
    """What may be missing, beside what may not."""

    inner: Inner
    note: str = ""
    values: Array | None = None


def test_what_is_packed_has_the_names_of_its_places() -> None:
    """None and empty texts take no place."""
    packed = pack({"a": Outer(Inner(3, {"dense/bias": np.ones(2)}))})
    assert packed.keys() == {"a/inner/count", "a/inner/tensors/dense/bias"}
    assert pack({"a": Outer(Inner(3), "why", np.zeros(1))}).keys() == {"a/inner/count", "a/note", "a/values"}


def test_what_is_unpacked_is_what_was_packed() -> None:
    """Of every type; an empty dictionary and what is missing come back as they were."""
    for values in (None, np.zeros((2, 0))):
        given = Outer(Inner(3, {"x/y": np.arange(3.0)}), "why", values)
        found = unpack(Outer, pack({"a": given}), "a")
        assert (found.inner.count, found.note) == (3, "why")
        np.testing.assert_equal(found.inner.tensors, given.inner.tensors)
        np.testing.assert_equal(found.values, values)
    assert unpack(Outer, pack({"a": Outer(Inner(0))}), "a") == Outer(Inner(0))
