"""Functions of tensors that pick, repeat or count values, and sums over named indices."""

from genrebench.porting.source.site import Site
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import selecting as kinds
from genrebench.reading.kinds.base import axis_of


def _dim(site: Site, axis: int) -> int:
    """Find an axis, which counts the batch, from the front."""
    return axis_of(axis, len(site.shapes[0])) + 1


@writes("Take")
def write_take(site: Site) -> None:
    """Write places along an axis."""
    assert isinstance(site.kind, kinds.Take)
    before = ":, " * _dim(site, site.kind.axis)
    site.give(f"{site.take()}[{before}{list(site.kind.indices)!r}]")


@writes("Tile")
def write_tile(site: Site) -> None:
    """Write the tensor behind itself."""
    assert isinstance(site.kind, kinds.Tile)
    site.give(f"{site.take()}.repeat({', '.join(map(str, (1, *site.kind.repeats)))})")


@writes("Repeat")
def write_repeat(site: Site) -> None:
    """Write equal values side by side."""
    assert isinstance(site.kind, kinds.Repeat)
    site.give(f"{site.take()}.repeat_interleave({site.kind.repeats}, dim={_dim(site, site.kind.axis)})")


@writes("CumulativeSum")
def write_cumulative_sum(site: Site) -> None:
    """Write a sum that grows along an axis."""
    assert isinstance(site.kind, kinds.CumulativeSum)
    site.give(f"{site.take()}.cumsum(dim={_dim(site, site.kind.axis)})")


@writes("Extreme")
def write_extreme_place(site: Site) -> None:
    """Write the place of the largest or the smallest."""
    assert isinstance(site.kind, kinds.Extreme)
    kept = ", keepdim=True" if site.kind.keepdims else ""
    site.give(f"{site.take()}.{site.kind.function}(dim={_dim(site, site.kind.axis)}{kept})")


@writes("OneHot")
def write_one_hot(site: Site) -> None:
    """Write a comparison with all places, which a number beyond them passes; PyTorch's one_hot refuses it."""
    assert isinstance(site.kind, kinds.OneHot)
    x = site.take()
    places = f"torch.arange({site.kind.count}, device={x}.device)"
    site.give(f"({x}.unsqueeze(-1) == {places}).to({site.scope.dtype})")


@writes("CategoryEncoding")
def write_category_encoding(site: Site) -> None:
    """Write a comparison with all numbers, and what is made of it for a whole sample."""
    assert isinstance(site.kind, kinds.CategoryEncoding)
    kind, x = site.kind, site.take()
    numbers = x if kind.output_mode == "one_hot" and site.shapes[0][-1:] == (1,) else f"{x}.unsqueeze(-1)"
    places = f"torch.arange({kind.num_tokens}, device={x}.device)"
    found = site.step(f"{numbers} == {places}", name="found")
    end = {"one_hot": "", "multi_hot": ".any(dim=1)", "count": ".sum(dim=1)"}[kind.output_mode]
    site.give(f"{found}{end}.to({site.scope.dtype})")


@writes("Einsum")
def write_einsum(site: Site) -> None:
    """Write a sum over named indices."""
    assert isinstance(site.kind, kinds.Einsum)
    inputs = ", ".join(site.take("keras", index) for index in range(len(site.shapes)))
    site.give(f'torch.einsum("{site.kind.subscripts}", {inputs})')
