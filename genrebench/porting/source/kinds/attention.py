"""Attention."""

from genrebench.porting.source.places import SAME, Layout
from genrebench.porting.source.site import Site, Weights
from genrebench.porting.source.table import writes
from genrebench.reading.graph import Tensor
from genrebench.reading.kinds import attention as kinds
from genrebench.reading.kinds.base import known


def joined(rows: int, columns: int, shape: tuple[int, ...]) -> Layout:
    """Make a matrix of a projection whose heads have axes of their own, and transpose it."""
    return Layout(lambda weight: (weight.reshape(rows, columns).T,), lambda arrays: arrays[0].T.reshape(shape))


def flat(shape: tuple[int, ...]) -> Layout:
    """Put a bias whose heads have axes of their own in a row."""
    return Layout(lambda weight: (weight.reshape(-1),), lambda arrays: arrays[0].reshape(shape))


@writes("MultiHeadAttention")
def write_multi_head_attention(site: Site) -> None:
    """Write a local module, since PyTorch's has one size for all heads and keys."""
    assert isinstance(site.kind, kinds.MultiHeadAttention)
    kind = site.kind
    query, value, key = (site.take("keras", each) for each in (0, 1, 2 if len(site.shapes) > 2 else 1))
    features = [known(site.shapes[each], -1) for each in (0, 2 if len(site.shapes) > 2 else 1, 1)]
    output = kind.output_dim or features[0]
    gives_scores = bool(site.call.arguments.get("return_attention_scores"))
    # In Keras, too, what a query that may see nothing gets depends on whether scores are kept.
    is_scoring = gives_scores or kind.dropout > 0
    name = site.part("ScoringMultiHeadAttention" if is_scoring else "MultiHeadAttention")
    text = f"{name}({tuple(features)}, {kind.num_heads}, ({kind.key_dim}, {kind.value_dim}), {output}"
    text += "" if kind.use_bias else ", bias=False"
    text += f", dropout={kind.dropout!r}" if site.drops(kind.dropout) else ""
    module = site.module(f"{text})", projections(site))
    seen = visible(site, query, value)
    if mask := site.mask(0, "query_mask"):
        site.give_mask(mask)
    called = f"{module}({query}, {value}, {key}{f', mask={seen}' if seen else ''})"
    if not is_scoring:
        site.give(called)
        return
    if site.drops(kind.dropout):
        site.draws(f"{module}.dropout")
    y, shares = site.steps("{}, {}", called, "", f"{site.name}_scores" if gives_scores else "")
    site.enter(y)
    if gives_scores:
        site.enter(shares, "keras", 1)


def projections(site: Site) -> Weights:
    """Place the kernels, whose heads have axes of their own in Keras."""
    assert isinstance(site.kind, kinds.MultiHeadAttention)
    weights: Weights = {}
    for each in site.kind.weights(site.shapes):
        part, _, name = each.name.partition("/")
        owner = "output" if part == "attention_output" else part
        if name == "bias":
            layout = flat(each.shape)
        else:
            columns = each.shape[-1] if owner == "output" else each.shape[1] * each.shape[2]
            layout = joined(each.shape[0] * each.shape[1] if owner == "output" else each.shape[0], columns, each.shape)
        weights = {**weights, each.name: (f"{owner}.{'bias' if name == 'bias' else 'weight'}", layout)}
    return weights


def visible(site: Site, query: str, value: str) -> str | None:
    """Write the mask of all queries and values, if there is one."""
    parts = []
    for index, (name, spread) in enumerate(
        (("query_mask", "[:, None, :, None]"), ("value_mask", "[:, None, None, :]"), ("key_mask", "[:, None, None, :]"))
    ):
        if mask := site.mask(index, name):
            parts.append(f"{mask}{spread}")
    if site.call.arguments.get("use_causal_mask"):
        parts.append(f"{site.part('causal')}({query}, {value})")
    given = site.call.arguments.get("attention_mask")
    if isinstance(given, Tensor):
        rank = len(site.scope.shape(given))
        parts.append(f"@{site.scope.take(given, 'keras')}@.bool(){'[:, None]' if rank == 2 else ''}")
    parts = list(dict.fromkeys(parts))
    if not parts:
        return None
    seen = site.step(parts[0], name="seen")
    for each in parts[1:]:
        seen = site.step(f"{seen} & {each}", name="seen")
    return seen


@writes("Attention", "AdditiveAttention")
def write_attention(site: Site) -> None:
    """Write attention without projections as a local module."""
    assert isinstance(site.kind, kinds._Attention)
    kind = site.kind
    query, value, key = (site.take("keras", each) for each in (0, 1, 2 if len(site.shapes) > 2 else 1))
    weights: Weights = {}
    name, arguments = kind.name, []
    if isinstance(kind, kinds.Attention) and kind.score_mode == "concat":
        name = "ConcatAttention"
        weights = {"concat_score_weight": ("weight", SAME)}
    for each in kind.weights(site.shapes):
        if each.name == "scale":
            weights = {**weights, "scale": ("scale", SAME)}
            arguments.append(f"scale={each.shape!r}")
    arguments += [f"dropout={kind.dropout!r}"] if site.drops(kind.dropout) else []
    module = site.module(f"{site.part(name)}({', '.join(arguments)})", weights)
    if site.drops(kind.dropout):
        site.draws(f"{module}.dropout")
    query_mask, value_mask = attention_masks(site)
    seen = site.step(f"{value_mask}.unsqueeze(1)", name="seen") if value_mask else None
    if kind.causal or site.call.arguments.get("use_causal_mask"):
        causal = f"{site.part('causal')}({query}, {value})"
        seen = site.step(f"{seen} & {causal}" if seen else causal, name="seen")
    text = f"{module}({query}, {value}, {key}" + (f", mask={seen}" if seen else "")
    text += f", query_mask={query_mask}" if query_mask else ""
    if query_mask:
        site.give_mask(query_mask)
    gives_scores = bool(site.call.arguments.get("return_attention_scores"))
    y, shares = site.steps("{}, {}", f"{text})", "", f"{site.name}_scores" if gives_scores else "")
    site.enter(y)
    if gives_scores:
        site.enter(shares, "keras", 1)


def attention_masks(site: Site) -> tuple[str | None, str | None]:
    """Read the masks of query and value, given as a list or with the inputs."""
    given = site.call.arguments.get("mask")
    if isinstance(given, tuple) and not isinstance(given, Tensor):
        found = [f"@{site.scope.take(each, 'keras')}@" if isinstance(each, Tensor) else None for each in given]
        return found[0], found[1]
    return site.mask(0), site.mask(1, "")
