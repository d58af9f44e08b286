"""What all layer kinds share: a name, shapes, weights, and the form of their definition."""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError, shown
from genrebench.network.fields import Word
from genrebench.network.types import Array, Shape, Weights
from genrebench.system.validation import Checked

__all__ = ["LAYER_KINDS", "Forward", "Layer", "WeightSpec"]


# Far above what training leaves; a few such factors, one layer after the other, are beyond float32.
LARGEST_WEIGHT = 1e12


@dataclasses.dataclass(frozen=True)
class WeightSpec:
    """One weight tensor of a layer, by its name within it, such as ``kernel``, in Keras' layout.

    It begins as ``glorot_uniform``, ``zeros`` or ``ones``; statistics, which the optimizer leaves alone, are not
    trainable; no value of a trained network is below `least`.
    """

    name: str
    shape: Shape
    initializer: str
    trainable: bool = True
    least: float = -LARGEST_WEIGHT

    def initial(self, rng: np.random.Generator) -> Array:
        """Draw the values that training starts from, in float64.

        ``glorot_uniform`` is uniform from +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, equation 16), for a
        kernel [..., in, out] whose leading axes are the receptive field.
        """
        if self.initializer != "glorot_uniform":
            return np.full(self.shape, {"zeros": 0.0, "ones": 1.0}[self.initializer])
        receptive_field = math.prod(self.shape[:-2])
        limit = np.sqrt(6 / (receptive_field * (self.shape[-2] + self.shape[-1])))
        return rng.uniform(-limit, limit, self.shape)

    def check(self, name: str, value: Array) -> None:
        """Refuse a tensor of another shape or type, or with NaN or infinity; `name` is for the message."""
        if value.shape != self.shape:
            raise ConfigError(f"{name}: expected shape {self.shape}, received {value.shape}")
        if value.dtype.kind != "f":
            raise ConfigError(f"{name}: expected floating-point weights, received {value.dtype}")
        if not np.isfinite(value).all():
            raise ConfigError(f"{name}: expected finite weights, received NaN or infinity")

    def check_meaning(self, name: str, value: Array) -> None:
        """Refuse values that no training leaves, and that no finite answer would come from; `name` is for messages."""
        low, high = (float(value.min()), float(value.max())) if value.size else (0.0, 0.0)
        if low < self.least or high > LARGEST_WEIGHT:
            raise ConfigError(
                f"{name}: expected weights from {self.least:g} to {LARGEST_WEIGHT:g}, received {low:.3g} to {high:.3g}"
            )


class Forward(NamedTuple):
    """What one layer makes of one batch.

    Attributes
    ----------
    y : ndarray [shape=(n, ...)]
        Output, after the activation.
    vjp : callable
        The vector-Jacobian product: from the gradient with respect to the output, those with respect to the input and
        to the trainable weights, the latter by their names within the layer.
    statistics : dict of str to ndarray
        Running statistics after a pass in training, by their names within the layer.
    """

    y: Array
    vjp: Callable[[Array], tuple[Array, Weights]]
    statistics: Mapping[str, Array] = {}


# Every layer kind by name; a class is entered here when it is defined.
LAYER_KINDS: dict[str, type["Layer"]] = {}


@dataclass(frozen=True)
class Layer(Checked, ABC):
    """Base of all layer kinds.

    A kind is a direct subclass: a frozen pydantic dataclass whose fields are its parameters, with its output's shape,
    its weights, and its definition. Defining the class registers the kind.

    Attributes
    ----------
    name : str
        Unique name in the network; left empty, the architecture numbers the layers as Keras does.

    Raises
    ------
    ConfigError
        If a parameter is missing, unknown, or not what its kind expects.
    """

    name: Word = dataclasses.field(default="", kw_only=True)

    # Whether it multiplies by a kernel, adds a bias, and applies an activation.
    is_linear: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        """Register the kind; what derives from a kind is that kind with something changed, and no kind of its own."""
        super().__init_subclass__(**options)
        if Layer in cls.__bases__:
            LAYER_KINDS[cls.__name__] = cls

    @property
    def kind(self) -> str:
        """Name the layer kind: the class, which is named as the Keras class."""
        return type(self).__name__

    @classmethod
    @abstractmethod
    def examples(cls) -> tuple[tuple["Layer", Shape], ...]:
        """List layers of this kind, each with the shape of an input; whoever checks layers checks these.

        There are as many as it takes to use every parameter in every way.
        """

    @abstractmethod
    def forward(self, x: Array, weights: Weights, *, training: bool = False, mask: Array | None = None) -> Forward:
        """Compute the output, and how to take gradients back: the kind's definition.

        Everything is computed in the dtype of the input. The letters in formulas are the same throughout: ``n`` sample,
        ``h w`` input position, ``p q`` output position, ``i j`` position in the window, ``c`` input channel, ``f``
        filter or unit.

        Parameters
        ----------
        x : ndarray [shape=(n, ...)]
            Input, channels last.
        weights : dict of str to ndarray
            Weights by their names within the layer, in Keras' layouts.
        training : bool
            Whether the pass is one of training.
        mask : ndarray, optional
            What dropout keeps (1) and drops (0), in the shape of its input.
        """

    def output_shape(self, input_shape: Shape) -> Shape:
        """Infer the shape of the output, without the batch axis as everywhere; most layers keep their input's.

        Raises
        ------
        ConfigError
            If the layer cannot follow an input of that shape.
        """
        return input_shape

    def weight_specs(self, input_shape: Shape) -> tuple[WeightSpec, ...]:
        """List the weight tensors in Keras' order; most layers have none."""
        return ()

    def flops(self, input_shape: Shape) -> int:
        """Count the floating-point operations of one example in matrix products, forward; 0 without a kernel.

        A multiplication and an addition are two.
        """
        return 0

    def without_activation(self) -> "Layer":
        """Make the activation linear, if the layer has one."""
        changes: dict[str, Any] = {"activation": "linear"} if hasattr(self, "activation") else {}
        return dataclasses.replace(self, **changes)

    def _require_rank(self, input_shape: Shape, rank: int) -> None:
        """Refuse an input with another number of axes than the layer works on."""
        if len(input_shape) != rank:
            axes = {1: "(features)", 3: "(height, width, channels)"}[rank]
            raise ConfigError(f"{self.name or self.kind}: expected an input of shape {axes}, received {input_shape}")


def layer_from_json(document: object) -> Layer:
    """Build one layer from its JSON; a layer stays as it is.

    Raises
    ------
    ConfigError
        If the kind is unknown or the parameters are not the kind's.
    """
    if isinstance(document, Layer):
        return document
    kind = document.get("kind") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or not isinstance(kind, str) or kind not in LAYER_KINDS:
        raise ConfigError(f"expected a layer with a kind of {', '.join(LAYER_KINDS)}, received {shown(document)}")
    return LAYER_KINDS[kind](**{key: value for key, value in document.items() if key != "kind"})


def channel_sums(x: Array) -> Array:
    """Sum over all axes but the last.

    NumPy adds pairwise along the axis that is contiguous in memory, and one by one along others, which loses three
    digits on the feature maps of a spectrogram (https://numpy.org/doc/stable/reference/generated/numpy.sum.html). So
    the channels are put first.
    """
    return np.asarray(np.ascontiguousarray(x.reshape(-1, x.shape[-1]).T).sum(1))
