"""Hypotheses about attention, and about masks."""

import math
from typing import Any

import numpy as np

from genrebench.network.types import Array
from genrebench.parity.ledger.base import FITTED_VALUES, Entry, Prediction, Predictions
from genrebench.porting.proof.case import CallCase, with_settings

_HEADS = (
    "https://keras.io/api/layers/attention_layers/multi_head_attention/; "
    "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html"
)
_DOT = "https://keras.io/api/layers/attention_layers/attention/"
_MASK = "https://keras.io/guides/understanding_masking_and_padding/"
_PARTS = ("query", "key", "value")


def _scale(case: CallCase) -> Predictions:
    """Predict scores that are divided by something else."""
    if case.kind.name == "MultiHeadAttention":
        size, width = case.kind.key_dim, case.own["attention_output/kernel"].shape[-1]
        right = 1 / math.sqrt(size)
        said = f"1/sqrt({size})"
        choices = {"none": 1.0, f"1/sqrt({width})": 1 / math.sqrt(width), f"1/{size}": 1 / size,
                   f"1/sqrt({width}/{case.kind.num_heads})": math.sqrt(case.kind.num_heads / width),
                   f"1/sqrt({size * case.kind.num_heads})": 1 / math.sqrt(size * case.kind.num_heads)}  # fmt: skip
        for name, scale in choices.items():
            if math.isclose(scale, right):
                continue
            names = [each for each in ("query/kernel", "query/bias") if each in case.own]
            own: dict[str, Array] = {each: case.own[each] * (scale / right) for each in names}
            yield Prediction(f"scores times {name}, expected {said}", case.run(own=own), scale=name)
    elif case.kind.name == "Attention":
        size = case.x.shape[-1]
        inputs = (case.x / math.sqrt(size), *case.inputs[1:])
        text = f"scores divided by sqrt({size}), expected not divided"
        yield Prediction(text, case.run(inputs=inputs), scale=f"1/sqrt({size})")
        if case.own.get("scale") is not None:
            yield Prediction("scale is left out", case.run(own={"scale": np.ones(())}), scale="none")


def _inputs(case: CallCase) -> Predictions:
    """Predict query, value and key in another order."""
    query, value, *rest = case.inputs
    if case.kind.name != "MultiHeadAttention":
        if rest:
            yield Prediction("key and value exchanged", case.run(inputs=(query, rest[0], value)), order="key, value")
        return
    if rest:
        yield Prediction("key and value exchanged", case.run(inputs=(query, rest[0], value)), order="key, value")
    for one, two in (("query", "key"), ("key", "value"), ("query", "value")):
        own: dict[str, Array] = {}
        for each in ("kernel", "bias"):
            if f"{one}/{each}" in case.own and case.own[f"{one}/{each}"].shape == case.own[f"{two}/{each}"].shape:
                own |= {f"{one}/{each}": case.own[f"{two}/{each}"], f"{two}/{each}": case.own[f"{one}/{each}"]}
        if own:
            yield Prediction(
                f"projections of {one} and {two} exchanged", case.run(own=own), projections=f"{one}, {two}"
            )


def _heads(case: CallCase) -> Predictions:
    """Predict kernels whose heads were laid out otherwise."""
    names = [f"{part}/kernel" for part in _PARTS]
    swapped = {
        name: case.own[name].reshape(case.own[name].shape[0], *reversed(case.own[name].shape[1:])).swapaxes(1, 2)
        for name in names
    }
    yield Prediction("heads and their sizes exchanged in the kernels", case.run(own=swapped), heads="exchanged")
    kernel = case.own["attention_output/kernel"]
    turned = kernel.reshape(kernel.shape[1], kernel.shape[0], -1).swapaxes(0, 1)
    text = "heads and their sizes exchanged in the last projection"
    yield Prediction(text, case.run(own={"attention_output/kernel": turned}), heads="output")
    for name in ("query/bias", "key/bias", "value/bias", "attention_output/bias"):
        if name in case.own:
            yield Prediction(f"{name} is left out", case.run(own={name: np.zeros_like(case.own[name])}), bias=name)


def _causal(case: CallCase) -> Predictions:
    """Predict attention that looks ahead, or does not."""
    arguments = dict(case.call.arguments)
    is_causal = bool(arguments.get("use_causal_mask")) or getattr(case.kind, "causal", False)
    kind = with_settings(case.kind, causal=not is_causal) if hasattr(case.kind, "causal") else case.kind
    value = case.run(kind=kind, arguments={**case.arguments, "use_causal_mask": not is_causal})
    text = "looks ahead, expected a causal mask" if is_causal else "looks back only, expected no causal mask"
    yield Prediction(text, value, causal=str(not is_causal))


def _mask(case: CallCase) -> Predictions:
    """Predict a mask that is ignored, turned, or used otherwise."""
    there = [mask for mask in case.masks if mask is not None]
    if not there:
        return
    none = tuple(None for _ in case.masks)
    yield Prediction("the mask is ignored: masked steps are computed with", case.run(masks=none), mask="ignored")
    turned = tuple(None if mask is None else ~mask for mask in case.masks)
    yield Prediction("the mask is turned: what is there counts as not there", case.run(masks=turned), mask="inverted")
    for index, mask in enumerate(case.masks):
        if mask is not None and len(there) > 1:
            fewer = tuple(None if at == index else each for at, each in enumerate(case.masks))
            yield Prediction(f"the mask of input {index} is ignored", case.run(masks=fewer), mask=f"input {index}")
    first = there[0]
    if first.ndim == 2 and case.x.ndim == 3 and first.shape == case.x.shape[:2]:
        prefix = np.arange(first.shape[1]) < first.sum(axis=1, keepdims=True)
        packed = tuple(None if mask is None else prefix for mask in case.masks)
        text = "takes the mask for padding at the end, as PackedSequence does"
        yield Prediction(text, case.run(masks=packed), mask="packed")
        if case.received.ndim == 3 and case.received.shape[:2] == first.shape:
            yield Prediction("masked steps are zeros", case.expected * first[..., None], mask="zeros")
        if case.received.ndim == 2 and case.received.size >= FITTED_VALUES:
            zeroed = case.run(masks=none, inputs=(case.x * first[..., None], *case.inputs[1:]))
            yield Prediction("masked steps count as zeros, expected not at all", zeroed, mask="zeroed input")


MASK_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("ignored-mask", "a mask that is ignored, or used otherwise", _MASK, _mask),
)
_ATTENTIONS = ("MultiHeadAttention", "Attention", "AdditiveAttention")
ATTENTION_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("attention-scale", "scale of attention's scores", f"{_HEADS}; {_DOT}", _scale, _ATTENTIONS),
    Entry("attention-inputs", "order of query, value and key", _HEADS, _inputs, _ATTENTIONS),
    Entry("attention-heads", "layout of attention's heads", _HEADS, _heads, _ATTENTIONS[:1]),
    Entry("causal-mask", "attention that looks ahead", _HEADS, _causal, _ATTENTIONS),
)
