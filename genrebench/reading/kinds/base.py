"""What all kinds of layers in a Keras file share: explicit settings, shapes, weights, traps."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.network.fields import Count
from genrebench.reading.activations import Activation, read_activation
from genrebench.reading.version import KerasVersion
from genrebench.system.validation import Checked, from_list

# What a layer does with a mask that comes in: hand it on, end it, or compute with it.
Masks = Literal["pass", "stop", "use"]
# Without the batch axis, in the order of the file; None is an axis of any length.
Shape = tuple[int | None, ...]

KINDS: dict[str, "type[Kind]"] = {}

# Of training, or of the engine that ran it: what the layer computes does not depend on them.
_OF_TRAINING = ("_initializer", "_regularizer", "_constraint")
_IGNORED = frozenset(
    """name trainable dtype batch_input_shape batch_shape input_dtype input_dim input_length autocast
    activity_regularizer implementation unroll unit_forget_bias seed seed_generator fused jit_compile flash_attention
    input_shape build_config sparse ragged consume_less lora_rank lora_alpha noise_shape force_generator
    rng_type""".split()
)
# Keys that some version wrote and another does not know, and the values at which they say nothing.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "time_major": (False,),
    "groups": (1,),
    "renorm": (False,),
    "renorm_clipping": ({},),
    "renorm_momentum": (0.99,),
    "virtual_batch_size": (None,),
    "adjustment": (None,),
    "synchronized": (False,),
    "gate_mode": (None,),
    "quantization_mode": (None,),
    "quantization_config": (None,),
    "mode": (0,),
    "softmax_robust_masking": (False,),
}


class Weight(NamedTuple):
    """One weight tensor of a layer.

    Attributes
    ----------
    name : str
        Name within the layer, as the newest Keras has it, such as ``kernel`` or ``forward/recurrent_kernel``.
    shape : tuple of int
        Shape in Keras' layout.
    trainable : bool
        False for statistics, which no optimizer moves.
    """

    name: str
    shape: tuple[int, ...]
    trainable: bool = True


class Trap(NamedTuple):
    """A place where a port to another framework usually goes wrong.

    Attributes
    ----------
    id : str
        What goes wrong, in a word.
    text : str
        What the layer does; in ``{}`` stands its name.
    """

    id: str
    text: str


Sizes = Annotated[tuple[Count, ...], from_list, Field(description="positive whole numbers")]
Pads = Annotated[
    tuple[tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]], ...],
    BeforeValidator(lambda value: tuple(tuple(each) if isinstance(each, list) else each for each in value)),
    Field(description="two whole numbers of at least 0 per axis"),
]
Axes = Annotated[
    tuple[int, ...],
    BeforeValidator(
        lambda value: (value,) if isinstance(value, int) else tuple(value) if isinstance(value, list) else value
    ),
    Field(description="a list of axes"),
]
# Keras 2 wrote 1 for true in places.
Flag = Annotated[
    bool,
    BeforeValidator(lambda value: bool(value) if isinstance(value, int) and value in (0, 1) else value),
    Field(description="true or false"),
]
Values = Annotated[
    tuple[Any, ...],
    BeforeValidator(lambda value: nested(value)),
    Field(description="numbers in rows of equal length"),
]
Function = Annotated[str | dict[str, Any], Field(description="an activation")]
Rate = Annotated[float, Field(ge=0, le=1, description="from 0 to 1")]
Number = Annotated[float, Field(allow_inf_nan=False, description="a number")]
Format = Annotated[Literal["channels_last", "channels_first"], Field(description="channels_last or channels_first")]


@dataclass(frozen=True, kw_only=True)
class Kind(Checked):
    """What a layer computes, every setting explicit; a subclass whose name has no underscore in front is a kind."""

    # Call arguments, beside the inputs, that say what is computed; how many inputs; what becomes of a mask.
    arguments: ClassVar[frozenset[str]] = frozenset()
    inputs: ClassVar[tuple[int, int]] = (1, 1)
    masks: ClassVar[Masks] = "stop"
    activations: ClassVar[tuple[str, ...]] = ()
    accepts_any: ClassVar[bool] = False

    def __init_subclass__(cls, *, is_layer: bool = True, **options: Any) -> None:
        """Enter the kind, if it is one that a file may name."""
        super().__init_subclass__(**options)
        if is_layer and not cls.__name__.startswith("_"):
            KINDS[cls.__name__] = cls

    @property
    def name(self) -> str:
        """Name the kind, as the Keras class is named."""
        return type(self).__name__

    @property
    def makes_mask(self) -> bool:
        """Say whether the layer marks steps as not there."""
        return False

    @property
    def hands_mask_on(self) -> bool:
        """Say whether a mask that comes in goes out."""
        return self.masks == "pass"

    @classmethod
    def read(cls, config: Mapping[str, Any], version: KerasVersion) -> "Kind":
        """Make a layer's config explicit by the version that saved it.

        Raises
        ------
        ConfigError
            If a setting is missing, unknown, or not what the kind takes.
        """
        fields = {field.name for field in dataclasses.fields(cls)}
        # Keras says null where the setting of the whole program held, which was channels_last but for a few.
        set_ones = {key: value for key, value in config.items() if key != "data_format" or value is not None}
        given = cls.explicit(set_ones, version)
        for name in cls.activations:
            given[name] = read_activation(given.get(name), version)
        kept: dict[str, Any] = {}
        for key, value in given.items():
            if key in fields:
                kept[key] = value
            elif not (cls.accepts_any or key in _IGNORED or key.endswith(_OF_TRAINING) or _says_nothing(key, value)):
                raise ConfigError(f"expected only settings of {cls.__name__}, received {key!r:.60}: {value!r:.60}")
        return cls(**kept)

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """Give settings the names and forms of the newest Keras, and absent ones the meaning they had."""
        return config

    def output_shapes(self, shapes: Sequence[Shape], arguments: Mapping[str, Any]) -> tuple[Shape, ...]:
        """Infer the shapes of the outputs, of which most layers have one.

        Raises
        ------
        ConfigError
            If the layer cannot follow inputs of these shapes.
        """
        return (self.output_shape(shapes[0]),)

    def output_shape(self, shape: Shape) -> Shape:
        """Infer the shape of the only output from the only input; most layers keep it."""
        return shape

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """List the weight tensors in Keras' order: those that are trained first."""
        return ()

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """List where a port to another framework usually goes wrong."""
        yield from ()

    def settings(self) -> dict[str, Any]:
        """List all settings in plain JSON types."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}


def _says_nothing(key: str, value: object) -> bool:
    """Return whether a key that a kind does not know asks for nothing."""
    return value is None or any(value == each and type(value) is type(each) for each in _NEUTRAL.get(key, ()))


def _plain(value: Any) -> Any:
    """Turn a setting into plain JSON types."""
    if isinstance(value, Kind):
        return {"kind": value.name, **value.settings()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def known(shape: Shape, axis: int, what: str = "this axis") -> int:
    """Give the length of an axis on which weights depend.

    Raises
    ------
    ConfigError
        If it is absent or may be of any length.
    """
    if not -len(shape) <= axis < len(shape):
        raise ConfigError(f"expected an input with axis {axis}, received shape {shape}")
    length = shape[axis]
    if length is None:
        raise ConfigError(f"expected a known length of {what}, received shape {shape}")
    return length


def require_rank(shape: Shape, *ranks: int) -> None:
    """Refuse an input with another number of axes."""
    if len(shape) not in ranks:
        expected = " or ".join(map(str, ranks))
        raise ConfigError(f"expected an input of {expected} axes beside the batch, received shape {shape}")


def axis_of(axis: int, rank: int) -> int:
    """Turn an axis that counts the batch into one that does not.

    Raises
    ------
    ConfigError
        If there is no such axis, or it is the batch's.
    """
    place = axis + rank + 1 if axis < 0 else axis
    if not 1 <= place <= rank:
        raise ConfigError(f"expected an axis from 1 to {rank}, received {axis}")
    return place - 1


def product(lengths: Sequence[int | None]) -> int | None:
    """Multiply lengths; an unknown one makes the product unknown."""
    return None if None in lengths else math.prod(each for each in lengths if each is not None)


def nested(value: Any) -> Any:
    """Turn lists of numbers, in lists of equal length, into tuples; anything else is refused."""
    numbers = np.array(value, dtype=object)
    if not numbers.ndim or not numbers.size or any(type(each) not in (int, float, bool) for each in numbers.flat):
        raise ValueError("expected numbers in rows of equal length")
    if not np.isfinite(numbers.astype(np.float64)).all():
        raise ValueError("expected finite numbers")
    return _tuples(numbers.astype(np.float64).tolist())


def _tuples(value: Any) -> Any:
    """Turn lists within lists into tuples."""
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value


def shape_of_values(values: Any) -> tuple[int, ...]:
    """Find the shape of numbers in rows."""
    return (len(values), *shape_of_values(values[0])) if isinstance(values, tuple) else ()


def expanded(value: Any, rank: int) -> Any:
    """Repeat a single size for each axis."""
    return [value] * rank if isinstance(value, int) and not isinstance(value, bool) else value


__all__ = ["KINDS", "Activation", "Kind", "Shape", "Trap", "Weight"]
