"""Attention."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.network.fields import Count
from genrebench.reading.kinds.base import Flag, Kind, Masks, Rate, Shape, Trap, Weight, known, require_rank
from genrebench.reading.version import KerasVersion


@dataclass(frozen=True, kw_only=True)
class MultiHeadAttention(Kind):
    """Attention of several heads; inputs are query, value and, if it is not the value, key."""

    num_heads: Count
    key_dim: Count
    value_dim: Count
    dropout: Rate = 0.0
    use_bias: Flag = True
    output_dim: Count | None = None
    use_gate: Flag = False

    inputs: ClassVar[tuple[int, int]] = (2, 3)
    masks: ClassVar[Masks] = "use"
    arguments: ClassVar[frozenset[str]] = frozenset(
        {"query_mask", "value_mask", "key_mask", "attention_mask", "return_attention_scores", "training"}
        | {"use_causal_mask", "mask"}
    )

    @property
    def hands_mask_on(self) -> bool:
        """See `Kind.hands_mask_on`: that of the query."""
        return True

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        if config.get("attention_axes") not in (None, [1], 1):
            raise ConfigError(f"expected attention over time, received attention_axes {config['attention_axes']!r:.60}")
        output = config.pop("output_shape", None)
        if isinstance(output, list):
            if len(output) != 1:
                raise ConfigError(f"expected output_shape of one axis, received {output!r:.60}")
            output = output[0]
        for key in ("attention_axes", "query_shape", "key_shape", "value_shape"):
            config.pop(key, None)
        if config.pop("use_gate", False):
            raise ConfigError("expected attention without a gate, received use_gate")
        return {**config, "output_dim": output, "value_dim": config.get("value_dim") or config.get("key_dim")}

    def output_shapes(self, shapes: Sequence[Shape], arguments: Mapping[str, Any]) -> tuple[Shape, ...]:
        """See `Kind.output_shapes`."""
        for shape in shapes:
            require_rank(shape, 2)
        output = (shapes[0][0], self.output_dim or known(shapes[0], -1, "the features"))
        scores = (self.num_heads, shapes[0][0], shapes[1][0])
        return (output, scores) if arguments.get("return_attention_scores") else (output,)

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        query, value = (known(shape, -1, "the features") for shape in shapes[:2])
        key = known(shapes[2], -1, "the features") if len(shapes) > 2 else value
        parts: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
            "query": ((query, self.num_heads, self.key_dim), (self.num_heads, self.key_dim)),
            "key": ((key, self.num_heads, self.key_dim), (self.num_heads, self.key_dim)),
            "value": ((value, self.num_heads, self.value_dim), (self.num_heads, self.value_dim)),
        }
        width = self.output_dim or query
        parts["attention_output"] = ((self.num_heads, self.value_dim, width), (width,))
        return tuple(
            Weight(f"{part}/{name}", shape)
            for part, both in parts.items()
            for name, shape in zip(("kernel", "bias"), both, strict=True)
            if name == "kernel" or self.use_bias
        )

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap(
            "attention-heads", "kernels of `{}`: [in, heads, size], one per projection; inputs query, value, key"
        )
        if self.num_heads * self.key_dim != known(shapes[0], -1) or self.value_dim != self.key_dim:
            text = f"scale of `{{}}`: 1 / sqrt({self.key_dim}), with sizes that PyTorch's own module cannot have"
            yield Trap("attention-scale", text)


@dataclass(frozen=True, kw_only=True)
class _Attention(Kind):
    """Attention without projections; inputs are query, value and, if it is not the value, key."""

    use_scale: Flag
    dropout: Rate = 0.0
    causal: Flag = False

    inputs: ClassVar[tuple[int, int]] = (2, 3)
    masks: ClassVar[Masks] = "use"
    arguments: ClassVar[frozenset[str]] = frozenset({"return_attention_scores", "use_causal_mask", "training", "mask"})

    @property
    def hands_mask_on(self) -> bool:
        """See `Kind.hands_mask_on`: that of the query."""
        return True

    def output_shapes(self, shapes: Sequence[Shape], arguments: Mapping[str, Any]) -> tuple[Shape, ...]:
        """See `Kind.output_shapes`."""
        for shape in shapes:
            require_rank(shape, 2)
        output, scores = (*shapes[0][:-1], shapes[1][-1]), (shapes[0][0], shapes[1][0])
        return (output, scores) if arguments.get("return_attention_scores") else (output,)


@dataclass(frozen=True, kw_only=True)
class Attention(_Attention):
    """Attention by dot products, which are not divided by anything."""

    use_scale: Flag = False
    score_mode: Annotated[Literal["dot", "concat"], Field(description="dot or concat")] = "dot"

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        names = [name for name, has in (("scale", self.use_scale), ("concat_score_weight", self.score_mode == "concat"))
                 if has]  # fmt: skip
        return tuple(Weight(name, ()) for name in names)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("attention-scale", "`{}` does not divide its scores by the root of their size")


@dataclass(frozen=True, kw_only=True)
class AdditiveAttention(_Attention):
    """Attention by ``sum(scale * tanh(query + key))``."""

    use_scale: Flag = True

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        return (Weight("scale", (known(shapes[0], -1, "the features"),)),) if self.use_scale else ()
