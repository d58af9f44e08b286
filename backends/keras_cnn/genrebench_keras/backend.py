"""The Keras backends: one object for each engine; Keras itself is imported when a network is built."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from genrebench.backend import check_dtype, choose_device
from genrebench.backend.protocol import BackendInfo
from genrebench.network.architecture import Architecture
from genrebench_keras import info as infos
from genrebench_keras.engines import load_engine

if TYPE_CHECKING:
    from genrebench_keras.network import KerasNetwork

# Keras' names of the devices. Without a number: for PyTorch "cpu:0" is another device than the "cpu" its tensors start
# on, and Keras' parameters do not survive the move.
_DEVICES = {"cpu": "cpu", "cuda": "gpu"}


@dataclass(frozen=True)
class KerasBackend:
    """Builds networks in Keras on one engine, which goes by Keras' name."""

    info: BackendInfo
    engine: str

    def build(
        self,
        architecture: Architecture,
        weights: Mapping[str, NDArray[Any]],
        *,
        dtype: str = "float32",
        device: str = "auto",
    ) -> "KerasNetwork":
        """Build a network; ``auto`` takes CUDA where the engine can use it, else the CPU. See `Backend.build`."""
        check_dtype(dtype, ("float32", "float64"))
        engine = load_engine(self.engine)
        # Keras reads its engine while it is imported, so its importers come after the engine is settled.
        from genrebench_keras.network import KerasNetwork

        usable = [name for name in self.info.devices if name != "cuda" or engine.has_cuda]
        name = _DEVICES[choose_device(device, usable)]
        return KerasNetwork(architecture, weights, engine=engine, dtype=dtype, device=name)


KERAS = KerasBackend(infos.KERAS, "tensorflow")
KERAS_JAX = KerasBackend(infos.KERAS_JAX, "jax")
KERAS_TORCH = KerasBackend(infos.KERAS_TORCH, "torch")
