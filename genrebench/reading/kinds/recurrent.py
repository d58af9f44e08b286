"""Recurrent layers, and the wrappers around them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, InstanceOf
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.network.fields import Count
from genrebench.reading.kinds.activation import activation_traps
from genrebench.reading.kinds.base import Flag, Function, Kind, Masks, Rate, Shape, Trap, Weight, known, require_rank
from genrebench.reading.version import KerasVersion


@dataclass(frozen=True, kw_only=True)
class _Recurrent(Kind, ABC):
    """A cell that is run over time, and what comes out: the last step, or all, and the state if asked for."""

    activation: Function
    use_bias: Flag = True
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    return_sequences: Flag = False
    return_state: Flag = False
    go_backwards: Flag = False
    stateful: Flag = False
    zero_output_for_mask: Flag = False
    # Keras 3 forgets the mask of the sequence where it is called with an initial state, unless that mask is given, too.
    mask_with_state: Flag = True

    inputs: ClassVar[tuple[int, int]] = (1, 3)
    masks: ClassVar[Masks] = "use"
    arguments: ClassVar[frozenset[str]] = frozenset({"initial_state", "mask", "training"})
    activations: ClassVar[tuple[str, ...]] = ("activation",)
    states: ClassVar[int] = 1
    gates: ClassVar[int] = 1
    # The version in which gates were no longer hard sigmoids unless something else was said.
    sigmoid_since: ClassVar[tuple[int, ...]] = (2, 3)

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        config.setdefault("activation", "tanh")
        if "recurrent_activation" in cls.activations:
            old = "hard_sigmoid" if version.numbers < cls.sigmoid_since else "sigmoid"
            config.setdefault("recurrent_activation", old)
        return super().explicit({**config, "mask_with_state": version.numbers < (3,)}, version)

    @abstractmethod
    def state_shape(self, shape: Shape) -> Shape:
        """Infer the shape of a state, and of the output of a step, from that of a whole input."""

    def output_shapes(self, shapes: Sequence[Shape], arguments: Mapping[str, Any]) -> tuple[Shape, ...]:
        """See `Kind.output_shapes`."""
        state = self.state_shape(shapes[0])
        output = (shapes[0][0], *state) if self.return_sequences else state
        return (output, *(state,) * self.states) if self.return_state else (output,)

    @property
    def hands_mask_on(self) -> bool:
        """See `Kind.hands_mask_on`."""
        return self.return_sequences

    @property
    def zeros_within_both(self) -> bool:
        """Say whether masked steps of its sequence become 0 within Bidirectional."""
        return self.return_sequences

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if self.go_backwards:
            yield Trap("go-backwards", "`{}` runs backwards, and gives its sequence back in that order")
        if self.stateful:
            yield Trap("stateful", "`{}` keeps its state from one batch to the next")
        if self.recurrent_dropout:
            yield Trap("recurrent-dropout", "`{}` drops values of its state in training, the same at every step")


@dataclass(frozen=True, kw_only=True)
class _Cell(_Recurrent):
    """A cell whose states are vectors of units."""

    units: Count

    def state_shape(self, shape: Shape) -> Shape:
        """See `_Recurrent.state_shape`."""
        require_rank(shape, 2)
        known(shape, -1, "the features")
        return (self.units,)

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        width = self.gates * self.units
        kernels = (
            Weight("kernel", (known(shapes[0], -1, "the features"), width)),
            Weight("recurrent_kernel", (self.units, width)),
        )
        return (*kernels, Weight("bias", self.bias_shape)) if self.use_bias else kernels

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """Give the shape of the bias, of which Keras has one."""
        return (self.gates * self.units,)


@dataclass(frozen=True, kw_only=True)
class SimpleRNN(_Cell):
    """``h = activation(x kernel + h recurrent_kernel + bias)``."""

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("recurrent-bias", "`{}` has one bias, PyTorch's two: the other is 0")
        yield from super().traps(shapes)
        yield from activation_traps(self.activation)


@dataclass(frozen=True, kw_only=True)
class _Gated(_Cell):
    """A cell with gates."""

    recurrent_activation: Function

    activations: ClassVar[tuple[str, ...]] = ("activation", "recurrent_activation")

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if (self.activation, self.recurrent_activation) != ("tanh", "sigmoid"):
            words = f"{_word(self.activation)} and {_word(self.recurrent_activation)}"
            yield Trap("recurrent-activation", f"`{{}}` has {words}: PyTorch's has tanh and sigmoid")
        yield from super().traps(shapes)
        yield from activation_traps(self.activation, self.recurrent_activation)


def _word(activation: Any) -> str:
    """Name an activation."""
    return activation if isinstance(activation, str) else str(activation["name"])


@dataclass(frozen=True, kw_only=True)
class LSTM(_Gated):
    """Long short-term memory, gates i, f, c, o."""

    states: ClassVar[int] = 2
    gates: ClassVar[int] = 4

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("recurrent-bias", "`{}` has one bias, PyTorch's two: the other is 0")
        yield from super().traps(shapes)


@dataclass(frozen=True, kw_only=True)
class GRU(_Gated):
    """Gated recurrent unit, gates z, r, h; with ``reset_after`` two biases, and the reset behind the product."""

    reset_after: Flag = False

    gates: ClassVar[int] = 3

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """See `_Cell.bias_shape`."""
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("gate-order", "`{}` has its gates in the order z, r, h; PyTorch in r, z, n")
        if not self.reset_after:
            yield Trap("reset-after", "`{}` resets before the product (reset_after=False), which PyTorch's GRU cannot")
        yield from super().traps(shapes)


@dataclass(frozen=True, kw_only=True)
class Bidirectional(Kind):
    """A recurrent layer forwards, another one backwards, and their outputs together."""

    layer: Annotated[InstanceOf[_Recurrent], Field(description="a recurrent layer")]
    backward_layer: Annotated[InstanceOf[_Recurrent], Field(description="a recurrent layer")]
    merge_mode: Annotated[Literal["concat", "sum", "mul", "ave"] | None, Field(description="a way to merge")] = "concat"

    inputs: ClassVar[tuple[int, int]] = (1, 5)
    masks: ClassVar[Masks] = "use"
    arguments: ClassVar[frozenset[str]] = frozenset({"initial_state", "mask", "training"})

    @property
    def hands_mask_on(self) -> bool:
        """See `Kind.hands_mask_on`."""
        return self.layer.return_sequences

    def output_shapes(self, shapes: Sequence[Shape], arguments: Mapping[str, Any]) -> tuple[Shape, ...]:
        """See `Kind.output_shapes`."""
        forward, *states = self.layer.output_shapes(shapes[:1], {})
        backward, *others = self.backward_layer.output_shapes(shapes[:1], {})
        if self.merge_mode is None:
            return (forward, backward, *states, *others)
        width = known(forward, -1)
        if self.merge_mode == "concat":
            return ((*forward[:-1], width + known(backward, -1)), *states, *others)
        if forward != backward:
            raise ConfigError(f"expected both directions to give the same shape, received {forward} and {backward}")
        return (forward, *states, *others)

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        both = (("forward", self.layer), ("backward", self.backward_layer))
        return tuple(each._replace(name=f"{way}/{each.name}") for way, layer in both for each in layer.weights(shapes))

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if not self.layer.return_sequences:
            text = "backward half of `{}`: its last step, which is time 0, and not the last of the sequence"
            yield Trap("bidirectional-last", text)
        yield from (each for each in self.layer.traps(shapes) if each.id != "go-backwards")


@dataclass(frozen=True, kw_only=True)
class TimeDistributed(Kind):
    """A layer, or a whole network, for each step of time alone."""

    layer: Annotated[InstanceOf[Kind], Field(description="a layer")]

    masks: ClassVar[Masks] = "pass"
    arguments: ClassVar[frozenset[str]] = frozenset({"mask", "training"})

    def output_shapes(self, shapes: Sequence[Shape], arguments: Mapping[str, Any]) -> tuple[Shape, ...]:
        """See `Kind.output_shapes`."""
        return tuple((shapes[0][0], *each) for each in self.layer.output_shapes(self._steps(shapes), {}))

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        return self.layer.weights(self._steps(shapes))

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield from self.layer.traps(self._steps(shapes))

    @staticmethod
    def _steps(shapes: Sequence[Shape]) -> list[Shape]:
        """Take time away."""
        if len(shapes[0]) < 2:
            raise ConfigError(f"expected an input with steps of time, received shape {shapes[0]}")
        return [shapes[0][1:]]
