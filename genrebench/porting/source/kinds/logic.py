"""Comparisons, and what is computed of truth values."""

from genrebench.porting.source.kinds.activation import elementwise
from genrebench.porting.source.kinds.merging import merged
from genrebench.porting.source.site import Site
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import logic as kinds

_SIGNS = {"equal": "==", "not_equal": "!=", "greater": ">", "greater_equal": ">=", "less": "<", "less_equal": "<="}


@writes("Compare")
def write_compare(site: Site) -> None:
    """Write a comparison with a number or a tensor."""
    assert isinstance(site.kind, kinds.Compare)
    sign = _SIGNS[site.kind.operator]
    if site.kind.number is not None:
        elementwise(site, f"{{}} {sign} {site.kind.number!r}")
        return
    (first, second), order = merged(site)
    site.give(f"{first} {sign} {second}", order)


@writes("Logical")
def write_logical(site: Site) -> None:
    """Write what is computed of truth values; of numbers, those that are not 0 are true."""
    assert isinstance(site.kind, kinds.Logical)
    name = f"torch.logical_{site.kind.operator}"
    inputs, order = merged(site)
    site.give(f"{name}({', '.join(inputs)})", order)


@writes("Where")
def write_where(site: Site) -> None:
    """Write a choice between two."""
    assert isinstance(site.kind, kinds.Where)
    (condition, *tensors), order = merged(site)
    if site.holds_floats():
        condition = f"{condition} != 0"
    left = iter(tensors)
    first, second = (next(left) if each is None else repr(each) for each in (site.kind.first, site.kind.second))
    site.give(f"torch.where({condition}, {first}, {second})", order)
