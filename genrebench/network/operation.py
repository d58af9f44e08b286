"""What the definitions of several layer kinds share: their form, the activations, and sliding windows."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from genrebench.network import layers
from genrebench.network.layers import same_padding
from genrebench.network.types import Array, Weights


class Operation:
    """One layer in one pass of one batch; made anew for every pass, so that nothing is left behind.

    Parameters
    ----------
    layer : Layer
        What the layer is.
    weights : mapping of str to ndarray
        Its weights by their names within the layer.
    training : bool
        Whether the pass is one of training.
    mask : ndarray, optional
        What dropout keeps (1) and drops (0), in the shape of its input.

    Attributes
    ----------
    statistics : dict of str to ndarray
        Running statistics after a forward pass in training, by their names within the layer.
    """

    def __init__(
        self, layer: layers.Layer, weights: Mapping[str, Array], *, training: bool, mask: Array | None = None
    ) -> None:
        """Keep what the formulas need."""
        self.layer = layer
        self.weights = weights
        self.training = training
        self.mask = mask
        self.statistics: Weights = {}

    def forward(self, x: Array) -> Array:
        """Compute the output, and keep what the gradient needs of it.

        Parameters
        ----------
        x : ndarray [shape=(n, ...)]
            Input.

        Returns
        -------
        ndarray [shape=(n, ...)]
            Output, after the activation.
        """
        raise NotImplementedError

    def backward(self, dy: Array) -> tuple[Array, Weights]:
        """Compute the gradients, once, after a forward pass in training.

        Parameters
        ----------
        dy : ndarray [shape=(n, ...)]
            Gradient with respect to the output.

        Returns
        -------
        ndarray [shape=(n, ...)]
            Gradient with respect to the input.
        dict of str to ndarray
            Gradients with respect to the trainable weights, by their names within the layer.
        """
        raise NotImplementedError


def activate(z: Array, activation: str) -> Array:
    """Apply an activation; ``relu`` is ``max(z, 0)``.

    Parameters
    ----------
    z : ndarray
        Values before the activation.
    activation : str
        ``linear`` or ``relu``.

    Returns
    -------
    ndarray
        Values after it.
    """
    return np.maximum(z, 0) if activation == "relu" else z


def activation_gradient(dy: Array, y: Array, activation: str) -> Array:
    """Take a gradient back through an activation; that of ``relu`` at 0 is 0, as in TensorFlow and PyTorch.

    Parameters
    ----------
    dy : ndarray
        Gradient with respect to the activated values.
    y : ndarray
        The activated values.
    activation : str
        ``linear`` or ``relu``.

    Returns
    -------
    ndarray
        Gradient with respect to the values before the activation.
    """
    return dy * (y > 0) if activation == "relu" else dy


def channel_sums(x: Array) -> Array:
    """Sum over all axes but the last.

    NumPy adds pairwise along the axis that is contiguous in memory, and one by one along others, which loses three
    digits on the feature maps of a spectrogram (https://numpy.org/doc/stable/reference/generated/numpy.sum.html). So
    the channels are put first.

    Parameters
    ----------
    x : ndarray [shape=(n, ..., c)]
        Values.

    Returns
    -------
    ndarray [shape=(c,)]
        Their sum in each channel.
    """
    return np.asarray(np.ascontiguousarray(x.reshape(-1, x.shape[-1]).T).sum(1))


class Windows:
    """The windows of a convolution or a pooling over a padded input.

    Window ``(p, q)`` begins at ``(p * stride, q * stride)`` of the padded input (TensorFlow,
    https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2).

    Parameters
    ----------
    layer : Conv2D or MaxPooling2D
        What says padding and strides.
    size : tuple of int
        Height and width of a window.
    x : ndarray [shape=(n, h, w, c)]
        Input.
    fill : float
        What to pad it with.

    Attributes
    ----------
    padded : ndarray [shape=(n, padded h, padded w, c)]
        The padded input.
    """

    def __init__(
        self, layer: layers.Conv2D | layers.MaxPooling2D, size: tuple[int, int], x: Array, fill: float
    ) -> None:
        """Pad the input."""
        self._size, self._strides = size, layer.strides
        rows, columns = (0, 0), (0, 0)
        if layer.padding == "same":
            rows, columns = (same_padding(x.shape[axis], size[axis - 1], layer.strides[axis - 1]) for axis in (1, 2))
        self.padded = np.pad(x, ((0, 0), rows, columns, (0, 0)), constant_values=fill)
        self._inside = np.s_[:, rows[0] : rows[0] + x.shape[1], columns[0] : columns[0] + x.shape[2]]

    def view(self) -> Array:
        """Look at the padded input window by window.

        Returns
        -------
        ndarray [shape=(n, p, q, i, j, c)]
            A view: ``[n, p, q, i, j, c]`` is ``padded[n, p * stride + i, q * stride + j, c]``.
        """
        windows = sliding_window_view(self.padded, self._size, axis=(1, 2))
        strided: Array = windows[:, :: self._strides[0], :: self._strides[1]].transpose(0, 1, 2, 4, 5, 3)
        return strided

    def positions(self) -> Iterator[tuple[int, int, tuple[slice, ...]]]:
        """Go through the positions in a window, row by row.

        Yields
        ------
        tuple
            ``i``, ``j``, and the index that takes this position of all windows [shape=(n, p, q, c)] from the padded
            input, or from an array of its shape.
        """
        (height, width), (down, right) = self._size, self._strides
        for i in range(height):
            for j in range(width):
                last_row = self.padded.shape[1] - height + i + 1
                last_column = self.padded.shape[2] - width + j + 1
                yield i, j, np.s_[:, i:last_row:down, j:last_column:right]

    def crop(self, padded: Array) -> Array:
        """Cut the padding off.

        Parameters
        ----------
        padded : ndarray [shape=(n, padded h, padded w, c)]
            Something in the shape of the padded input.

        Returns
        -------
        ndarray [shape=(n, h, w, c)]
            The part over the input.
        """
        return padded[self._inside]
