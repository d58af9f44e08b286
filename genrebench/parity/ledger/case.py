"""A layer that gives something else than its definition, and how it is run with something swapped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from genrebench.network.architecture import Architecture
from genrebench.network.layers import Layer
from genrebench.network.reference import run_layer
from genrebench.network.types import Array, Weights

Predictions = Iterator[tuple[str, Array]]
LINEAR_KINDS = ("Conv2D", "Dense")


@dataclass(frozen=True)
class LayerCase:
    """A layer that gives something else than its definition for the same input.

    Attributes
    ----------
    architecture : Architecture
        The network.
    index : int
        Which layer it is.
    weights : dict of str to ndarray
        Canonical weights that the backend was given.
    x : ndarray
        The layer's input, as the backend computed it.
    received, expected : ndarray
        The backend's output, and that of the definition.
    outputs : dict of str to ndarray
        All outputs of the backend in this pass.
    training : bool
        Mode of the pass.
    mask : ndarray or None
        What dropout was to keep.
    """

    architecture: Architecture
    index: int
    weights: Weights
    x: Array
    received: Array
    expected: Array
    outputs: dict[str, Array]
    training: bool
    mask: Array | None = None

    @property
    def layer(self) -> Any:
        """Look up the layer.

        Returns
        -------
        Layer
            The layer; its attributes depend on its kind.
        """
        return self.architecture.layers[self.index]

    @property
    def kind(self) -> str:
        """Name the layer's kind."""
        return str(self.layer.kind)

    def run(
        self,
        *,
        x: Array | None = None,
        layer: Layer | None = None,
        training: bool | None = None,
        weights: Mapping[str, Array] | None = None,
    ) -> Array:
        """Run the layer with something swapped.

        Parameters
        ----------
        weights : mapping of str to ndarray, optional
            Other weights, by their names within the layer.
        """
        swapped = self.weights | {f"{self.layer.name}/{name}": value for name, value in (weights or {}).items()}
        return run_layer(
            layer or self.layer,
            swapped,
            self.x if x is None else x,
            training=self.training if training is None else training,
            mask=self.mask,
        )[self.layer.name]

    def weight(self, name: str) -> Array:
        """Look up a weight of the layer.

        Parameters
        ----------
        name : str
            Its name within the layer.
        """
        return self.weights[f"{self.layer.name}/{name}"]


def kernel_layouts(kernel: Array) -> Predictions:
    """List what people make of a kernel's layout.

    Parameters
    ----------
    kernel : ndarray [shape=(height, width, in, out)] or [shape=(in, out)]
        The right kernel.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation, and a kernel of the same shape that is another.
    """
    if kernel.ndim == 4:
        height, width, channels, filters = kernel.shape
        yield "kernel flipped in height and width, expected a cross-correlation", kernel[::-1, ::-1]
        reshaped = kernel.reshape(filters, channels, height, width).transpose(2, 3, 1, 0)
        yield "kernel reshaped to (out, in, height, width), expected a transposition (3, 2, 0, 1)", reshaped
        if height == width:
            yield "kernel's height and width exchanged", kernel.transpose(1, 0, 2, 3)
        if channels == filters:
            yield "kernel's in and out exchanged", kernel.transpose(0, 1, 3, 2)
    elif kernel.ndim == 2:
        yield "kernel reshaped to (out, in), expected a transposition", kernel.reshape(kernel.shape[::-1]).T
        if kernel.shape[0] == kernel.shape[1]:
            yield "kernel transposed, expected (in, out)", kernel.T


def flatten_orders(shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], str]]:
    """List the wrong orders of flattening a feature map.

    Parameters
    ----------
    shape : tuple of int
        Its shape without the batch axis.

    Yields
    ------
    tuple of (tuple of int, str)
        Order of the axes, and how to say it.
    """
    names = ("height", "width", "channels")
    if len(shape) == 3:
        for axes in permutations(range(3)):
            if axes != (0, 1, 2):
                order = ", ".join(names[axis] for axis in axes)
                known = " (NCHW)" if axes == (2, 0, 1) else ""
                yield axes, f"in the order {order}{known}, expected height, width, channels"
