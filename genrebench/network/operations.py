"""The definition of every layer kind: what it computes, and the gradient of that.

`backward` follows from `forward` by the chain rule: given the gradient of the loss with respect to the output, it gives
those with respect to the input and the weights. Arrays are channels-last, weights have the canonical layouts, and
everything is computed in the dtype of the input. The letters are the same throughout: ``n`` sample, ``h w`` input
position, ``p q`` output position, ``i j`` position in the window, ``c`` input channel, ``f`` filter or unit.
"""

from functools import reduce

import numpy as np

from genrebench.network import layers
from genrebench.network.operation import Operation, Windows, activate, activation_gradient, channel_sums
from genrebench.network.types import Array, Weights


class Conv2D(Operation):
    """Convolution, which is a cross-correlation, padded with zeros.

    ``z[n,p,q,f] = sum over i,j,c of padded[n, p*stride+i, q*stride+j, c] * kernel[i,j,c,f] + bias[f]``
    (https://www.tensorflow.org/api_docs/python/tf/nn/conv2d). Every product of an input value and a kernel value stands
    in the gradient of either with the other as its factor; for the input this is the transposed convolution (Dumoulin
    and Visin, "A guide to convolution arithmetic for deep learning", 2016, section 4).
    """

    layer: layers.Conv2D

    def forward(self, x: Array) -> Array:
        """Convolve, then activate.

        Parameters
        ----------
        x : ndarray [shape=(n, h, w, c)]
            Input.

        Returns
        -------
        ndarray [shape=(n, p, q, f)]
            Output.
        """
        self._windows = Windows(self.layer, self.layer.kernel_size, x, 0.0)
        z = np.einsum("npqijc,ijcf->npqf", self._windows.view(), self.weights["kernel"], optimize=True)
        self._y = activate(z + self.weights["bias"], self.layer.activation)
        return self._y

    def backward(self, dy: Array) -> tuple[Array, Weights]:
        """Compute the gradients.

        Parameters
        ----------
        dy : ndarray [shape=(n, p, q, f)]
            Gradient with respect to the output.

        Returns
        -------
        ndarray [shape=(n, h, w, c)]
            Gradient with respect to the input.
        dict of str to ndarray
            Gradients of ``kernel`` [i, j, c, f] and ``bias`` [f].
        """
        dz = activation_gradient(dy, self._y, self.layer.activation)
        kernel = np.einsum("npqijc,npqf->ijcf", self._windows.view(), dz, optimize=True)
        padded = np.zeros_like(self._windows.padded)
        for i, j, index in self._windows.positions():
            padded[index] += np.einsum("npqf,cf->npqc", dz, self.weights["kernel"][i, j], optimize=True)
        return self._windows.crop(padded), {"kernel": kernel, "bias": channel_sums(dz)}


class MaxPooling2D(Operation):
    """Maximum of each window, padded with minus infinity.

    The gradient goes to where the maximum stands; where it stands several times, to the first of them row by row, as
    TensorFlow and PyTorch do on the CPU.
    """

    layer: layers.MaxPooling2D

    def forward(self, x: Array) -> Array:
        """Take the maximum of each window.

        Parameters
        ----------
        x : ndarray [shape=(n, h, w, c)]
            Input.

        Returns
        -------
        ndarray [shape=(n, p, q, c)]
            Output.
        """
        self._windows = Windows(self.layer, self.layer.pool_size, x, -np.inf)
        self._y: Array = reduce(np.maximum, (self._windows.padded[index] for *_, index in self._windows.positions()))
        return self._y

    def backward(self, dy: Array) -> tuple[Array, Weights]:
        """Compute the gradient.

        Parameters
        ----------
        dy : ndarray [shape=(n, p, q, c)]
            Gradient with respect to the output.

        Returns
        -------
        ndarray [shape=(n, h, w, c)]
            Gradient with respect to the input.
        dict of str to ndarray
            Empty: there are no weights.
        """
        padded = np.zeros_like(self._windows.padded)
        unclaimed = np.ones(dy.shape, bool)
        for *_, index in self._windows.positions():
            first = unclaimed & (self._windows.padded[index] == self._y)
            padded[index] += first * dy
            unclaimed &= ~first
        return self._windows.crop(padded), {}


class BatchNormalization(Operation):
    """Normalization of each channel over all other axes.

    Ioffe and Szegedy, "Batch normalization" (2015), algorithm 1: ``normal = (x - mean) / sqrt(variance + epsilon)`` and
    ``y = gamma * normal + beta``. In training the mean and the biased variance are those of the batch, and the running
    ones become ``momentum * old + (1 - momentum) * batch`` (https://keras.io/api/layers/normalization_layers/batch_normalization/);
    in evaluation they are the running ones. The gradient is that of the paper's section 3, with ``dvariance`` and
    ``dmean`` put in.
    """

    layer: layers.BatchNormalization

    def forward(self, x: Array) -> Array:
        """Normalize; in training, set the updated running statistics.

        Parameters
        ----------
        x : ndarray [shape=(n, ..., c)]
            Input.

        Returns
        -------
        ndarray [shape=(n, ..., c)]
            Output.
        """
        self._count = x.size // x.shape[-1]
        mean, variance = self.weights["moving_mean"], self.weights["moving_variance"]
        if self.training:
            momentum, old_mean, old_variance = self.layer.momentum, mean, variance
            mean = channel_sums(x) / self._count
            variance = channel_sums((x - mean) ** 2) / self._count  # the biased one
            self.statistics = {
                "moving_mean": momentum * old_mean + (1 - momentum) * mean,
                "moving_variance": momentum * old_variance + (1 - momentum) * variance,
            }
        self._deviation = np.sqrt(variance + self.layer.epsilon)
        self._normal = (x - mean) / self._deviation
        y: Array = self.weights["gamma"] * self._normal + self.weights["beta"]
        return y

    def backward(self, dy: Array) -> tuple[Array, Weights]:
        """Compute the gradients, given that the statistics were the batch's.

        Parameters
        ----------
        dy : ndarray [shape=(n, ..., c)]
            Gradient with respect to the output.

        Returns
        -------
        ndarray [shape=(n, ..., c)]
            Gradient with respect to the input.
        dict of str to ndarray
            Gradients of ``gamma`` [c] and ``beta`` [c].
        """
        normal = self._normal
        dgamma, dbeta = channel_sums(dy * normal), channel_sums(dy)
        # The means of the gradient with respect to `normal`, and of its product with it, are gamma times these sums.
        dx = self.weights["gamma"] * (dy - dbeta / self._count - normal * dgamma / self._count) / self._deviation
        return dx, {"gamma": dgamma, "beta": dbeta}


class Flatten(Operation):
    """One axis instead of (h, w, c), the channel running fastest."""

    layer: layers.Flatten

    def forward(self, x: Array) -> Array:
        """Make one axis of all but the first.

        Parameters
        ----------
        x : ndarray [shape=(n, h, w, c)]
            Input.

        Returns
        -------
        ndarray [shape=(n, h * w * c)]
            Output.
        """
        self._shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy: Array) -> tuple[Array, Weights]:
        """Restore the axes.

        Parameters
        ----------
        dy : ndarray [shape=(n, h * w * c)]
            Gradient with respect to the output.

        Returns
        -------
        ndarray [shape=(n, h, w, c)]
            Gradient with respect to the input.
        dict of str to ndarray
            Empty: there are no weights.
        """
        return dy.reshape(self._shape), {}


class Dense(Operation):
    """Matrix product: ``z[n,f] = sum over c of x[n,c] * kernel[c,f] + bias[f]``."""

    layer: layers.Dense

    def forward(self, x: Array) -> Array:
        """Multiply, then activate.

        Parameters
        ----------
        x : ndarray [shape=(n, c)]
            Input.

        Returns
        -------
        ndarray [shape=(n, f)]
            Output.
        """
        self._x = x
        self._y = activate(x @ self.weights["kernel"] + self.weights["bias"], self.layer.activation)
        return self._y

    def backward(self, dy: Array) -> tuple[Array, Weights]:
        """Compute the gradients.

        Parameters
        ----------
        dy : ndarray [shape=(n, f)]
            Gradient with respect to the output.

        Returns
        -------
        ndarray [shape=(n, c)]
            Gradient with respect to the input.
        dict of str to ndarray
            Gradients of ``kernel`` [c, f] and ``bias`` [f].
        """
        dz = activation_gradient(dy, self._y, self.layer.activation)
        return dz @ self.weights["kernel"].T, {"kernel": self._x.T @ dz, "bias": channel_sums(dz)}


class Dropout(Operation):
    """In training ``x * mask / (1 - rate)``, which keeps the expected value; without a mask, ``x``.

    Srivastava and others, "Dropout" (2014), section 10, scale in training rather than in evaluation.
    """

    layer: layers.Dropout

    def forward(self, x: Array) -> Array:
        """Drop what the mask says.

        Parameters
        ----------
        x : ndarray [shape=(n, ...)]
            Input.

        Returns
        -------
        ndarray [shape=(n, ...)]
            Output.
        """
        self._factor = np.ones((), x.dtype)
        if self.training and self.mask is not None:
            self._factor = self.mask.astype(x.dtype) / (1 - self.layer.rate)
        return x * self._factor

    def backward(self, dy: Array) -> tuple[Array, Weights]:
        """Drop and scale the gradient as the input was.

        Parameters
        ----------
        dy : ndarray [shape=(n, ...)]
            Gradient with respect to the output.

        Returns
        -------
        ndarray [shape=(n, ...)]
            Gradient with respect to the input.
        dict of str to ndarray
            Empty: there are no weights.
        """
        return dy * self._factor, {}


OPERATIONS: dict[str, type[Operation]] = {
    kind.__name__: kind for kind in (Conv2D, MaxPooling2D, BatchNormalization, Flatten, Dense, Dropout)
}
