"""What the written file needs for attention."""

# By name; what a part itself needs stands before it.
PARTS = {
    "MultiHeadAttention": '''
class MultiHeadAttention(nn.Module):
    """Attention of several heads of any size, as in Keras.

    Scores are divided by the root of the size of a key, whatever that is.
    """

    def __init__(
        self,
        features: tuple[int, int, int],
        heads: int,
        sizes: tuple[int, int],
        output: int,
        bias: bool = True,
    ) -> None:
        """Make projections of query, key and value, sizes those of keys and values."""
        super().__init__()
        query, key, value = features
        self.heads = heads
        self.query = nn.Linear(query, heads * sizes[0], bias=bias)
        self.key = nn.Linear(key, heads * sizes[0], bias=bias)
        self.value = nn.Linear(value, heads * sizes[1], bias=bias)
        self.output = nn.Linear(heads * sizes[1], output, bias=bias)

    def split(self, x: Tensor) -> Tensor:
        """Part (n, steps, heads * size) into (n, heads, steps, size)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def forward(
        self, query: Tensor, value: Tensor, key: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Attend to what the mask, (n, heads, queries, values), leaves."""
        q, k, v = self.query(query), self.key(key), self.value(value)
        q, k, v = self.split(q), self.split(k), self.split(v)
        if mask is None:
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            # A query that may see nothing gets the mean of all values, as in Keras.
            scores = q / q.shape[-1] ** 0.5 @ k.transpose(2, 3)
            y = scores.masked_fill(~mask, -1e30).softmax(dim=-1) @ v
        return self.output(y.transpose(1, 2).flatten(2))
''',
    "ScoringMultiHeadAttention": '''
class ScoringMultiHeadAttention(MultiHeadAttention):
    """Attention of several heads that gives its scores, too, and may drop some."""

    def __init__(
        self,
        features: tuple[int, int, int],
        heads: int,
        sizes: tuple[int, int],
        output: int,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        """Make projections of query, key and value, sizes those of keys and values."""
        super().__init__(features, heads, sizes, output, bias)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, query: Tensor, value: Tensor, key: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attend to what the mask, (n, heads, queries, values), leaves."""
        q, k, v = self.query(query), self.key(key), self.value(value)
        q, k, v = self.split(q), self.split(k), self.split(v)
        scores = q / q.shape[-1] ** 0.5 @ k.transpose(2, 3)
        if mask is None:
            shares = scores.softmax(dim=-1)
        else:
            # A query that may see nothing gets nothing, as in Keras.
            shares = scores.masked_fill(~mask, -1e30).softmax(dim=-1)
            shares = shares.masked_fill(~mask, 0.0)
        y = self.dropout(shares) @ v
        return self.output(y.transpose(1, 2).flatten(2)), shares
''',
    "causal": '''
def causal(query: Tensor, value: Tensor) -> Tensor:
    """Make a mask by which no query sees a later value."""
    shape = (query.shape[1], value.shape[1])
    return torch.ones(shape, dtype=torch.bool, device=query.device).tril()
''',
    "Attention": '''
class Attention(nn.Module):
    """Attention by dot products, which Keras does not divide by anything."""

    def __init__(
        self, scale: tuple[int, ...] | None = None, dropout: float = 0.0
    ) -> None:
        """Make the scale, if there is one, of this shape."""
        super().__init__()
        self.scale = None if scale is None else nn.Parameter(torch.ones(scale))
        self.dropout = nn.Dropout(dropout)

    def score(self, query: Tensor, key: Tensor) -> Tensor:
        """Compute scores (n, queries, keys)."""
        scores = query @ key.transpose(1, 2)
        return scores if self.scale is None else scores * self.scale

    def forward(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor,
        mask: Tensor | None = None,
        query_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Average values by their scores, which are given, too."""
        scores = self.score(query, key)
        if mask is not None:
            scores = torch.where(mask, scores, scores - 1e9)
        shares = self.dropout(scores.softmax(dim=-1))
        y = shares @ value
        if query_mask is not None:
            y = y * query_mask.unsqueeze(-1)
        return y, shares
''',
    "ConcatAttention": '''
class ConcatAttention(Attention):
    """Attention by the sum of query and key."""

    def __init__(
        self, scale: tuple[int, ...] | None = None, dropout: float = 0.0
    ) -> None:
        """Make the scale, if there is one, of this shape, and the weight of all."""
        super().__init__(scale, dropout)
        self.weight = nn.Parameter(torch.ones(()))

    def score(self, query: Tensor, key: Tensor) -> Tensor:
        """Compute scores (n, queries, keys)."""
        both = query.unsqueeze(2) + key.unsqueeze(1)
        both = both if self.scale is None else both * self.scale
        return self.weight * torch.tanh(both).sum(dim=-1)
''',
    "AdditiveAttention": '''
class AdditiveAttention(Attention):
    """Attention by a weighted sum over query and key."""

    def score(self, query: Tensor, key: Tensor) -> Tensor:
        """Compute scores (n, queries, keys)."""
        both = torch.tanh(query.unsqueeze(2) + key.unsqueeze(1))
        return (both if self.scale is None else both * self.scale).sum(dim=-1)
''',
}
