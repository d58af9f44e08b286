"""The engines that Keras computes with, and the little that differs between them.

Keras settles on its engine once, while it is imported. So this module imports neither Keras nor an engine before
`load_engine` is called, and `layers` and `network`, which import Keras at their top, are imported after it.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from genrebench.errors import BackendError

# A tensor of whichever engine is in use.
Tensor = Any
# A function of tensors whose value is one number.
Scalar = Callable[[list[Tensor]], Tensor]


@dataclass(frozen=True)
class Engine:
    """What is done by the engine itself, since Keras has no word for it.

    `value_and_gradients` gives a function's value, and its gradients with respect to each tensor; `without_gradients`
    makes a context in which no record for these is kept.
    """

    value_and_gradients: Callable[[Scalar, list[Tensor]], tuple[Tensor, list[Tensor]]]
    without_gradients: Callable[[], AbstractContextManager[Any]]
    has_cuda: bool


def _load_tensorflow() -> Engine:
    """Describe TensorFlow."""
    import tensorflow as tf

    def value_and_gradients(function: Scalar, values: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Compute the function's value and its gradients."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            value = function(values)
        return value, tape.gradient(value, values)

    return Engine(value_and_gradients, nullcontext, has_cuda=bool(tf.config.list_physical_devices("GPU")))


def _load_jax() -> Engine:
    """Describe JAX, and let it compute in float64, which it does not by itself."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return Engine(lambda function, values: jax.value_and_grad(function)(values), nullcontext, has_cuda=False)


def _load_torch() -> Engine:
    """Describe PyTorch."""
    import torch

    def value_and_gradients(function: Scalar, values: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Compute the function's value and its gradients."""
        leaves = [value.detach().requires_grad_() for value in values]
        value = function(leaves)
        return value, list(torch.autograd.grad(value, leaves))

    return Engine(value_and_gradients, torch.no_grad, has_cuda=torch.cuda.is_available())


_LOADERS: dict[str, Callable[[], Engine]] = {
    "tensorflow": _load_tensorflow,
    "jax": _load_jax,
    "torch": _load_torch,
}


def load_engine(name: str) -> Engine:
    """Import Keras with an engine, whatever the user's environment or Keras' own settings ask for."""
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = name
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras

        received = keras.config.backend()
        engine = _LOADERS[name]() if received == name else None
    except Exception as error:  # a broken installation raises whatever it likes
        raise BackendError(f"Keras cannot be imported with {name} ({type(error).__name__}: {error})") from error
    if engine is None:
        raise BackendError(
            f"expected Keras to run on {name}, received a process in which it already runs on {received}; frameworks "
            "do not share a process, so use a process of its own"
        )
    return engine


@contextmanager
def float64_kept() -> Iterator[None]:
    """Let Keras compute in float64 on every engine for as long as the context lasts.

    On JAX and PyTorch, Keras' rules for mixed dtypes turn float64 into float32 even where nothing else is mixed in, so
    that a float64 batch normalization computes in float32 and only looks like float64 from outside. For TensorFlow the
    same table of Keras' keeps float64, and this lends the other engines that entry.
    """
    import keras
    from keras.src.backend.common import dtypes

    table = getattr(dtypes, "BIT64_TO_BIT32_DTYPE", {})
    before = dict(table)
    table["float64"] = "float64"
    try:
        received = keras.backend.result_type("float64", "float32")
        if received != "float64":
            raise BackendError(
                f"expected Keras to compute in float64, received {received} from Keras {keras.__version__} on "
                f"{keras.config.backend()}; use float32"
            )
        yield
    finally:
        table.clear()
        table.update(before)
