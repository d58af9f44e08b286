"""How alive a network is: of a dead layer, or of an unused piece of an activation, nothing can be proved."""

from typing import Any, NamedTuple

import numpy as np

from genrebench.network.types import Array
from genrebench.reading.kinds import activation as kinds
from genrebench.reading.kinds.base import Kind

# What an activation that is defined piece by piece gives where one piece ends and the next begins.
_EDGES: dict[str, tuple[float, ...]] = {
    **dict.fromkeys(("relu", "leaky_relu", "elu", "celu", "selu"), (0.0,)),
    "relu6": (0.0, 6.0),
    "hard_sigmoid": (0.0, 1.0),
    "hard_sigmoid_keras2": (0.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
}


class Activity(NamedTuple):
    """How alive an output of a call is.

    Attributes
    ----------
    zeros : float
        Share of its values that are 0.
    varies : bool
        Whether its samples differ, or its values if there is one sample: what does not is dead.
    pieces : tuple of float
        For an activation that is defined piece by piece, such as ``min(max(x, 0), 6)``, the share of the values that
        each piece gave, from the lowest; else empty.
    """

    zeros: float
    varies: bool
    pieces: tuple[float, ...] = ()

    @property
    def misses(self) -> bool:
        """Say whether some piece of an activation was never taken."""
        return 0.0 in self.pieces


def measure(kind: Kind | None, value: Array) -> Activity:
    """Measure an output of a layer [shape=(n, ...)].

    Examples
    --------
    >>> measure(kinds.ReLU(max_value=6.0), np.array([[0.0, 3.0], [0.0, 6.0]])).pieces
    (0.5, 0.25, 0.25)
    """
    if not value.size:
        return Activity(0.0, varies=False)
    varies = bool((value != (value[:1] if len(value) > 1 else value.flat[0])).any())
    edges = _edges(kind)
    if not edges:
        return Activity(float((value == 0).mean()), varies)
    # A value at the first edge is below it, one at any other is above.
    piece = (value > edges[0]).astype(int) + sum((value >= edge).astype(int) for edge in edges[1:])
    shares = np.bincount(piece.reshape(-1), minlength=len(edges) + 1) / value.size
    return Activity(float((value == 0).mean()), varies, tuple(float(share) for share in shares))


def _edges(kind: Kind | None) -> tuple[float, ...]:
    """Find the edges of what a layer gives, lowest first."""
    if isinstance(kind, kinds.ReLU):
        return (0.0,) if kind.max_value is None else (0.0, kind.max_value)
    if isinstance(kind, kinds.LeakyReLU | kinds.PReLU | kinds.ELU | kinds.ThresholdedReLU):
        return (0.0,)
    activation: Any = getattr(kind, "activation", None)
    if isinstance(activation, dict):
        most = activation.get("max_value")
        return (0.0,) if most is None else (0.0, float(most))
    return _EDGES.get(activation, ()) if isinstance(activation, str) else ()
