"""What all layer kinds share: checked parameters, shapes, weights, and how windows are laid over an input."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.network.types import Shape


@dataclass(frozen=True)
class WeightSpec:
    """One weight tensor of a layer.

    Attributes
    ----------
    name : str
        Name within the layer, such as ``kernel``.
    shape : tuple of int
        Shape in Keras' layout.
    initializer : str
        One of ``glorot_uniform``, ``zeros`` and ``ones``.
    trainable : bool
        False for statistics that the optimizer leaves alone.
    """

    name: str
    shape: Shape
    initializer: str
    trainable: bool = True


def same_padding(size: int, window: int, stride: int) -> tuple[int, int]:
    """Compute TensorFlow's ``same`` padding along one axis.

    As little as is needed for ``ceil(size / stride)`` windows, the odd element at the high end
    (https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2).

    Parameters
    ----------
    size : int
        Input size along the axis.
    window : int
        Kernel or pool size.
    stride : int
        Step between windows.

    Returns
    -------
    tuple of int
        Elements added before and after the input.
    """
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def is_positive(value: object) -> bool:
    """Return whether a value is a positive whole number.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        True for an int above zero; False for everything else, booleans included.
    """
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_pair(value: object) -> bool:
    """Return whether a value is two positive whole numbers.

    Returns
    -------
    bool
        True for a tuple or a list of two positive ints.
    """
    return isinstance(value, tuple | list) and len(value) == 2 and all(map(is_positive, value))


def _in_range(low: float, high: float) -> Callable[[object], bool]:
    """Make a check for a number at least `low` and below `high`."""
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value < high


# What each parameter of any layer kind must be, in words and as a check.
_EXPECTED: dict[str, tuple[str, Callable[[object], bool]]] = {
    "name": ("a word without '/'", lambda value: isinstance(value, str) and "/" not in value),
    "filters": ("a positive whole number", is_positive),
    "units": ("a positive whole number", is_positive),
    "kernel_size": ("two positive whole numbers", _is_pair),
    "pool_size": ("two positive whole numbers", _is_pair),
    "strides": ("two positive whole numbers", _is_pair),
    "padding": ("valid or same", {"valid", "same"}.__contains__),
    "activation": ("linear or relu", {"linear", "relu"}.__contains__),
    "kernel_initializer": ("glorot_uniform", {"glorot_uniform"}.__contains__),
    "bias_initializer": ("zeros", {"zeros"}.__contains__),
    "momentum": ("at least 0 and below 1", _in_range(0, 1)),
    "epsilon": ("at least 0", _in_range(0, float("inf"))),
    "running_variance": ("biased", {"biased"}.__contains__),
    "order": ("channels_last", {"channels_last"}.__contains__),
    "rate": ("at least 0 and below 1", _in_range(0, 1)),
}


@dataclass(frozen=True)
class Layer:
    """Base of all layer kinds.

    Attributes
    ----------
    name : str
        Unique name in the network; left empty, the architecture numbers the layers as Keras does.
    """

    name: str = dataclasses.field(default="", kw_only=True)

    def __post_init__(self) -> None:
        """Check every parameter; turn lists, as JSON gives them, into tuples.

        Raises
        ------
        ConfigError
            If a parameter is not what its kind expects.
        """
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            expected, is_right = _EXPECTED[field.name]
            hashable = tuple(value) if isinstance(value, list) else value
            if isinstance(hashable, dict) or not is_right(hashable):
                raise ConfigError(f"{self.kind}: expected {field.name} to be {expected}, received {value!r}")
            object.__setattr__(self, field.name, hashable)

    @property
    def kind(self) -> str:
        """Name the layer kind.

        Returns
        -------
        str
            Name of the class, which is that of the Keras class.
        """
        return type(self).__name__

    def output_shape(self, input_shape: Shape) -> Shape:
        """Infer the shape of the output; most layers keep their input's.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of the input without the batch axis, channels last.

        Returns
        -------
        tuple of int
            Shape of the output without the batch axis.

        Raises
        ------
        ConfigError
            If the layer cannot follow an input of that shape.
        """
        return input_shape

    def weight_specs(self, input_shape: Shape) -> tuple[WeightSpec, ...]:
        """List the weight tensors in Keras' order; most layers have none.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of the input without the batch axis.

        Returns
        -------
        tuple of WeightSpec
            The layer's weights.
        """
        return ()

    def _require_rank(self, input_shape: Shape, rank: int) -> None:
        """Refuse an input with another number of axes than the layer works on."""
        if len(input_shape) != rank:
            axes = {1: "(features)", 3: "(height, width, channels)"}[rank]
            raise ConfigError(f"{self.name or self.kind}: expected an input of shape {axes}, received {input_shape}")


def window_output(layer: Layer, input_shape: Shape, window: Shape, strides: Shape, padding: str) -> Shape:
    """Compute how many windows fit along height and width.

    Parameters
    ----------
    layer : Layer
        The layer, for the error message.
    input_shape : tuple of int
        (height, width, channels).
    window : tuple of int
        Size of the window along height and width.
    strides : tuple of int
        Step between windows along height and width.
    padding : str
        ``valid`` or ``same``.

    Returns
    -------
    tuple of int
        (height, width) of the output.

    Raises
    ------
    ConfigError
        If the window is larger than the unpadded input.
    """
    sizes = input_shape[:2]
    if padding == "same":
        return tuple(-(-size // stride) for size, stride in zip(sizes, strides, strict=True))
    if any(size < extent for size, extent in zip(sizes, window, strict=True)):
        raise ConfigError(
            f"{layer.name or layer.kind}: expected an input of at least {window[0]} x {window[1]}, received "
            f"{sizes[0]} x {sizes[1]}; use larger spectrograms or fewer layers"
        )
    return tuple((size - extent) // stride + 1 for size, extent, stride in zip(sizes, window, strides, strict=True))
