"""The layer kinds, one class each."""

import math
from dataclasses import dataclass

from genrebench.network.layers.base import Layer, WeightSpec, window_output
from genrebench.network.types import Shape


@dataclass(frozen=True)
class Conv2D(Layer):
    """Two-dimensional cross-correlation with bias, then an activation.

    Attributes
    ----------
    filters : int
        Number of output channels.
    kernel_size : tuple of int
        Height and width of the kernel.
    strides : tuple of int
        Step along height and width.
    padding : str
        ``valid`` (none) or ``same`` (see `same_padding`, filled with zeros).
    activation : str
        ``linear`` or ``relu``.
    kernel_initializer : str
        How the kernel is drawn.
    bias_initializer : str
        How the bias is drawn.
    """

    filters: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: str = "valid"
    activation: str = "linear"
    kernel_initializer: str = "glorot_uniform"
    bias_initializer: str = "zeros"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Infer the shape of the output.

        Parameters
        ----------
        input_shape : tuple of int
            (height, width, channels).

        Returns
        -------
        tuple of int
            (height, width, filters).
        """
        self._require_rank(input_shape, 3)
        return (*window_output(self, input_shape, self.kernel_size, self.strides, self.padding), self.filters)

    def weight_specs(self, input_shape: Shape) -> tuple[WeightSpec, ...]:
        """List kernel and bias.

        Parameters
        ----------
        input_shape : tuple of int
            (height, width, channels).

        Returns
        -------
        tuple of WeightSpec
            ``kernel`` [height, width, in, out] and ``bias`` [out].
        """
        kernel = (*self.kernel_size, input_shape[-1], self.filters)
        return (
            WeightSpec("kernel", kernel, self.kernel_initializer),
            WeightSpec("bias", (self.filters,), self.bias_initializer),
        )


@dataclass(frozen=True)
class MaxPooling2D(Layer):
    """Maximum over windows.

    Attributes
    ----------
    pool_size : tuple of int
        Height and width of the window.
    strides : tuple of int
        Step along height and width.
    padding : str
        ``valid`` (none) or ``same`` (see `same_padding`; padding never wins the maximum).
    """

    pool_size: tuple[int, int]
    strides: tuple[int, int]
    padding: str = "valid"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Infer the shape of the output.

        Parameters
        ----------
        input_shape : tuple of int
            (height, width, channels).

        Returns
        -------
        tuple of int
            (height, width, channels).
        """
        self._require_rank(input_shape, 3)
        return (*window_output(self, input_shape, self.pool_size, self.strides, self.padding), input_shape[-1])


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """Normalize each channel by the batch in training, by running statistics in evaluation.

    ``y = gamma * (x - mean) / sqrt(variance + epsilon) + beta``; in training the running statistics become
    ``momentum * old + (1 - momentum) * batch``.

    Attributes
    ----------
    momentum : float
        Weight of the OLD running statistics.
    epsilon : float
        Added to the variance.
    running_variance : str
        Which batch variance the running one follows; ``biased`` divides by n, as Keras does.
    """

    momentum: float = 0.99
    epsilon: float = 1e-3
    running_variance: str = "biased"

    def weight_specs(self, input_shape: Shape) -> tuple[WeightSpec, ...]:
        """List scale, offset and running statistics, one value a channel each.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of the input; the last axis holds the channels.

        Returns
        -------
        tuple of WeightSpec
            ``gamma``, ``beta``, ``moving_mean`` and ``moving_variance``, each [channels].
        """
        channels = (input_shape[-1],)
        return (
            WeightSpec("gamma", channels, "ones"),
            WeightSpec("beta", channels, "zeros"),
            WeightSpec("moving_mean", channels, "zeros", trainable=False),
            WeightSpec("moving_variance", channels, "ones", trainable=False),
        )


@dataclass(frozen=True)
class Flatten(Layer):
    """Turn (height, width, channels) into one axis.

    Attributes
    ----------
    order : str
        Which axis runs fastest; ``channels_last`` is the only one that Keras' dense kernels fit.
    """

    order: str = "channels_last"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Infer the shape of the output.

        Parameters
        ----------
        input_shape : tuple of int
            Any shape.

        Returns
        -------
        tuple of int
            One axis with all the values.
        """
        return (math.prod(input_shape),)


@dataclass(frozen=True)
class Dense(Layer):
    """Matrix product with bias, then an activation.

    Attributes
    ----------
    units : int
        Number of outputs.
    activation : str
        ``linear`` or ``relu``.
    kernel_initializer : str
        How the kernel is drawn.
    bias_initializer : str
        How the bias is drawn.
    """

    units: int
    activation: str = "linear"
    kernel_initializer: str = "glorot_uniform"
    bias_initializer: str = "zeros"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Infer the shape of the output.

        Parameters
        ----------
        input_shape : tuple of int
            (features,).

        Returns
        -------
        tuple of int
            (units,).
        """
        self._require_rank(input_shape, 1)
        return (self.units,)

    def weight_specs(self, input_shape: Shape) -> tuple[WeightSpec, ...]:
        """List kernel and bias.

        Parameters
        ----------
        input_shape : tuple of int
            (features,).

        Returns
        -------
        tuple of WeightSpec
            ``kernel`` [in, out] and ``bias`` [out].
        """
        return (
            WeightSpec("kernel", (input_shape[-1], self.units), self.kernel_initializer),
            WeightSpec("bias", (self.units,), self.bias_initializer),
        )


@dataclass(frozen=True)
class Dropout(Layer):
    """In training, set a share of the values to zero and scale the rest up; do nothing in evaluation.

    Attributes
    ----------
    rate : float
        Share of values dropped; the others are divided by ``1 - rate``.
    """

    rate: float


LAYER_KINDS: dict[str, type[Layer]] = {
    kind.__name__: kind for kind in (Conv2D, MaxPooling2D, BatchNormalization, Flatten, Dense, Dropout)
}
