"""Answers that no backend may give, as functions of the right one; the kit and parity must name each of them."""

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from genrebench.backend import BackendInfo
from genrebench.backend.checked import CheckedBackend
from genrebench.network.reference import ReferenceNetwork
from genrebench.network.types import Array

INFO = BackendInfo("spoiled", "numpy", "the reference, spoiled", ("cpu",), can_train=False, implementation="")


class Lazy:
    """What becomes an array of 10^12 elements as soon as somebody asks for it."""

    shape, dtype, nbytes = (10**6, 10**6), np.dtype(np.float64), 8 * 10**12

    def __array__(self, *arguments: Any, **options: Any) -> NoReturn:
        """Fill the memory."""
        raise AssertionError("made")

    def __len__(self) -> int:
        """Tell a length that fills the disk."""
        return 10**12


def _raising(error: BaseException) -> Callable[[Array], NoReturn]:
    """Make a function that raises."""

    def give(right: Array) -> NoReturn:
        """Raise."""
        raise error

    return give


def _read_only(right: Array) -> Array:
    """Forbid writing."""
    right.flags.writeable = False
    return right


def _recurse(right: Array) -> Any:
    """Never come to an end."""
    return _recurse(right)


# By what is wrong: the answer, and what is said of it.
SPOILS: dict[str, tuple[Callable[[Array], Any], str]] = {
    "nothing": (lambda right: None, "received NoneType"),
    "text": (lambda right: "0.1 0.2", "received str"),
    "bytes": (lambda right: right.tobytes(), "received bytes"),
    "list": (lambda right: right.tolist(), "received list"),
    "memoryview": (lambda right: memoryview(right), "received memoryview"),  # type: ignore[arg-type]
    "lazy": (lambda right: Lazy(), "received Lazy"),
    "generator": (lambda right: iter(right), "received"),
    "masked": (lambda right: np.ma.masked_array(right), "received MaskedArray"),
    "record": (lambda right: right.view(np.recarray), "received recarray"),
    "scalar": (lambda right: right.dtype.type(0), "received float"),
    "zero dimensions": (lambda right: np.array(0, right.dtype), r"shape"),
    "another shape": (lambda right: right[..., :-1].copy(), r"shape"),
    "one dimension more": (lambda right: right[None], r"shape"),
    "no rows": (lambda right: right[:0], r"shape"),
    "complex": (lambda right: right + 0j, "dtype complex"),
    "objects": (lambda right: right.astype(object), "dtype object"),
    "words": (lambda right: right.astype(str), "dtype <U"),
    "half": (lambda right: right.astype(np.float16), "dtype float16"),
    "long": (lambda right: right.astype(np.longdouble), "dtype"),
    "whole numbers": (lambda right: right.astype(np.int64), "dtype int64"),
    "other byte order": (lambda right: right.astype(right.dtype.newbyteorder()), "dtype >f"),
    "negative steps": (lambda right: right[::-1].copy()[::-1], "steps that are not positive"),
    "one value for all": (
        lambda right: np.lib.stride_tricks.as_strided(right[:1].copy(), right.shape, (0,) * right.ndim), "not positive",
    ),
    "read-only": (_read_only, "read-only"),
    "NaN": (lambda right: right * np.nan, "NaN"),
    "infinity": (lambda right: right + np.inf, "infinity|NaN|inf"),
    "error": (_raising(RuntimeError("out of luck")), "RuntimeError: out of luck"),
    "end": (_raising(SystemExit(0)), "received SystemExit: 0"),
    "end of a generator": (_raising(GeneratorExit()), "received GeneratorExit"),
    "recursion": (_recurse, "RecursionError"),
    "memory": (_raising(MemoryError("10^12 bytes")), "MemoryError"),
}  # fmt: skip
# These are seen where values are compared, not in the form.
VALUES = frozenset({"NaN", "infinity"})


def spoiled(method: str, spoil: Callable[[Array], Any]) -> CheckedBackend:
    """Make a backend with an odd answer: of several arrays, the last one is odd."""

    def last(values: dict[str, Any]) -> dict[str, Any]:
        """Spoil the last one."""
        name = list(values)[-1]
        return values | {name: spoil(values[name])}

    class Network(ReferenceNetwork):
        """The reference, with that."""

        def logits(self, x: Array) -> Any:
            """Answer oddly, if that is asked for."""
            right = super().logits(x)
            return spoil(right) if method == "logits" else right

        def trace(self, x: Array, **options: Any) -> Any:
            """Answer oddly, if that is asked for."""
            right = super().trace(x, **options)
            return last(right) if method == "trace" else right

        def weights(self) -> Any:
            """Answer oddly, if that is asked for."""
            right = super().weights()
            return last(right) if method == "weights" else right

        def loss_and_gradients(self, *arguments: Any, **options: Any) -> Any:
            """Answer oddly, if that is asked for."""
            loss, gradients = super().loss_and_gradients(*arguments, **options)
            if method == "loss":
                return spoil(np.full((1, 2), loss)), gradients
            return loss, last(gradients) if method == "gradients" else gradients

        def adam_update(self, *arguments: Any) -> Any:
            """Answer oddly, if that is asked for."""
            weights, state = super().adam_update(*arguments)
            return last(weights) if method == "adam" else weights, state

    class Backend:
        """Builds such networks."""

        def build(self, architecture: Any, weights: Any, *, dtype: str, device: str) -> Network:
            """Build one."""
            return Network(architecture, weights, dtype=dtype)

    return CheckedBackend(INFO, Backend())
