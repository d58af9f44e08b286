"""What the tests of the PyTorch backend share: a small network, built with weights none of which is trivial."""

from typing import Any

import numpy as np

from genrebench.network import Architecture, genre_cnn
from genrebench.network.sampling import random_weights

SMALL = genre_cnn((32, 17), 3)
RNG = np.random.default_rng(0)


def build(architecture: Architecture, *, dtype: str = "float64", seed: int = 0) -> Any:
    """Build a network on the CPU."""
    from genrebench_torch.backend import TorchBackend

    return TorchBackend.build(architecture, random_weights(architecture, seed), dtype=dtype, device="cpu")
