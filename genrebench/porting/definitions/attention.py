"""Attention."""

import numpy as np

from genrebench.network.types import Array
from genrebench.porting.definition import Given, Made, Mask, defines
from genrebench.porting.definitions.activation import softmax
from genrebench.porting.definitions.core import dropped
from genrebench.porting.primitives import einsum, tanh, where
from genrebench.porting.tape import Value
from genrebench.reading.kinds import attention as kinds


def _both(a: Mask, b: Mask) -> Mask:
    """Combine masks, of which either may be absent."""
    return b if a is None else a if b is None else a & b


def _causal(given: Given) -> Array:
    """Let no query see a later value [shape=(1, queries, values)]."""
    return np.tril(np.ones((1, given.inputs[0].shape[1], given.inputs[1].shape[1]), bool))


def _mask_of(given: Given, place: int, name: str = "") -> Mask:
    """Find the mask of an input, or the one that the layer was called with."""
    said = given.arguments.get(name)
    if isinstance(said, Value):
        return said.data.astype(bool)
    return given.masks[place] if place < len(given.masks) else None


def _projected(given: Given, part: str, x: Value) -> Value:
    """Compute the heads' queries, keys or values [shape=(n, steps, heads, size)]."""
    y = einsum("nte,ehd->nthd", x, given.weights[f"{part}/kernel"])
    return y + given.weights[f"{part}/bias"] if f"{part}/bias" in given.weights else y


@defines(kinds.MultiHeadAttention)
def _multi_head_attention(kind: kinds.MultiHeadAttention, given: Given) -> Made:
    """Compute ``softmax(query key / sqrt(key_dim)) value`` for each head, and combine the heads.

    Vaswani et al., arXiv:1706.03762, section 3.2; ``key_dim`` is a setting. Of a query that may see nothing Keras makes
    nothing where it keeps the scores (dropout, or scores asked for), else the mean of all values
    (keras/src/layers/attention/multi_head_attention.py).
    """
    query, value = given.inputs[:2]
    key = given.inputs[2] if len(given.inputs) > 2 else value
    seen = _visible(given)
    parts = {"query": query, "key": key, "value": value}
    q, k, v = (_projected(given, part, x) for part, x in parts.items())
    scores = einsum("nqhd,nkhd->nhqk", q / np.sqrt(kind.key_dim), k)
    with_scores = bool(given.arguments.get("return_attention_scores"))
    if seen is None:
        shares = softmax(scores)
    else:
        shares = softmax(where(seen, scores, -1e30))
        if kind.dropout > 0 or with_scores:
            shares = where(seen, shares, 0.0)
    y = einsum("nhqk,nkhd->nqhd", dropped(shares, given.draw(), kind.dropout), v)
    y = einsum("nqhd,hdo->nqo", y, given.weights["attention_output/kernel"])
    if kind.use_bias:
        y = y + given.weights["attention_output/bias"]
    return Made((y, shares) if with_scores else (y,), (_mask_of(given, 0),))


def _visible(given: Given) -> Mask:
    """Combine all masks of multi-head attention [shape=(n, 1, queries, values)]."""
    query, value, key = (_mask_of(given, place, f"{name}_mask") for place, name in enumerate(("query", "value", "key")))
    seen = query[:, :, None] if query is not None else None
    for each in (value, key):
        seen = _both(seen, each[:, None, :] if each is not None else None)
    if given.arguments.get("use_causal_mask"):
        seen = _both(seen, _causal(given))
    seen = _both(seen, _mask_of(given, 3, "attention_mask"))
    return seen if seen is None or seen.ndim == 4 else seen[:, None]


@defines(kinds.Attention)
def _attention(kind: kinds.Attention, given: Given) -> Made:
    """Compute ``softmax(scale query key) value`` (Luong et al., arXiv:1508.04025), not divided by the root of the size.

    With scores by concatenation they are ``weight * sum(tanh(scale (query + key)))``.
    """
    query, value = given.inputs[:2]
    key = given.inputs[2] if len(given.inputs) > 2 else value
    scale = given.weights.get("scale")
    if kind.score_mode == "dot":
        scores = einsum("nqd,nkd->nqk", query, key)
        scores = scores if scale is None else scores * scale
    else:
        summed = query[:, :, None] + key[:, None]
        summed = summed if scale is None else summed * scale
        scores = tanh(summed).sum(-1) * given.weights["concat_score_weight"]
    return _attended(kind, given, scores)


@defines(kinds.AdditiveAttention)
def _additive_attention(kind: kinds.AdditiveAttention, given: Given) -> Made:
    """Compute ``softmax(sum(scale * tanh(query + key))) value`` (Bahdanau et al., arXiv:1409.0473)."""
    query, value = given.inputs[:2]
    key = given.inputs[2] if len(given.inputs) > 2 else value
    summed = tanh(query[:, :, None] + key[:, None])
    scores = (summed * given.weights["scale"] if kind.use_scale else summed).sum(-1)
    return _attended(kind, given, scores)


def _attended(kind: kinds._Attention, given: Given, scores: Value) -> Made:
    """Average the values by their scores; where a mask takes one away, its score is less by 1e9."""
    causal = kind.causal or bool(given.arguments.get("use_causal_mask"))
    query_mask, value_mask = _attention_masks(given)
    seen = value_mask[:, None, :] if value_mask is not None else None
    if causal:
        seen = _both(seen, _causal(given))
    if seen is not None:
        scores = where(seen, scores, scores - 1e9)
    shares = dropped(softmax(scores), given.draw(), kind.dropout)
    y = einsum("nqk,nkd->nqd", shares, given.inputs[1])
    if query_mask is not None:
        y = where(query_mask[..., None], y, 0.0)
    outputs = (y, shares) if given.arguments.get("return_attention_scores") else (y,)
    return Made(outputs, (query_mask,))


def _attention_masks(given: Given) -> tuple[Mask, Mask]:
    """Find the masks of query and value, given as a list or with the inputs."""
    said = given.arguments.get("mask")
    if isinstance(said, tuple):
        masks = [each.data.astype(bool) if isinstance(each, Value) else None for each in said]
        return masks[0], masks[1]
    return _mask_of(given, 0), _mask_of(given, 1)
