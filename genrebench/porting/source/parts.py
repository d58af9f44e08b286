"""Local modules and functions of the written file, each there only if it is needed."""

_BATCH_NORM = '''
class BatchNorm{rank}d(nn.BatchNorm{rank}d):
    """Batch normalization whose running variance is that of Keras.

    In training PyTorch adds n / (n - 1) of the batch's variance to it, Keras just that.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (n, channels, ...); in training, update the running statistics."""
        if not self.training:
            return super().forward(x)
        kept = self.running_var * (1 - self.momentum)
        y = super().forward(x)
        self.running_var = torch.lerp(self.running_var, kept, x.shape[1] / x.numel())
        return y
'''
_FROZEN_BATCH_NORM = '''
class FrozenBatchNorm{rank}d(nn.BatchNorm{rank}d):
    """Batch normalization by the running statistics, also in training: frozen in Keras."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (n, channels, ...)."""
        mean, variance = self.running_mean, self.running_var
        return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)
'''
# By name; what a part itself needs stands before it.
PARTS = {
    **{f"BatchNorm{rank}d": _BATCH_NORM.format(rank=rank) for rank in (1, 2, 3)},
    **{f"FrozenBatchNorm{rank}d": _FROZEN_BATCH_NORM.format(rank=rank) for rank in (1, 2, 3)},
    "MaskedBatchNorm": '''
class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalization by the steps that are there, with Keras' running variance."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Normalize (n, steps, ..., channels); in training, update the statistics."""
        mean, variance = self.running_mean, self.running_var
        if self.training:
            dims = tuple(range(x.ndim - 1))
            there = mask.reshape(*mask.shape, *[1] * (x.ndim - mask.ndim))
            there = there.expand_as(x).to(x.dtype)
            count = there.sum(dim=dims) + 1e-7
            mean = (x * there).sum(dim=dims) / count
            variance = ((x - mean) * there).square().sum(dim=dims) / count
            before, after = self.running_mean, mean.detach()
            self.running_mean = torch.lerp(before, after, self.momentum)
            before, after = self.running_var, variance.detach()
            self.running_var = torch.lerp(before, after, self.momentum)
        y = (x - mean) * (variance + self.eps).rsqrt()
        return y if self.weight is None else y * self.weight + self.bias
''',
    "pad_same": '''
def pad_same(
    x: Tensor,
    sizes: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...] | None = None,
    value: float = 0.0,
) -> Tensor:
    """Pad (n, channels, ...) as Keras' same does, an odd one more at the end."""
    sides: list[int] = []
    for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
        length, step = x.shape[axis + 2], dilation[axis] if dilation else 1
        places = -(-length // stride)
        total = max((places - 1) * stride + (size - 1) * step + 1 - length, 0)
        sides = [total // 2, total - total // 2, *sides]
    return F.pad(x, sides, value=value)
''',
    "average_same": '''
def average_same(pool: nn.Module, x: Tensor, sides: tuple[int, ...]) -> Tensor:
    """Pool means of real values alone: as in Keras, what is padded does not count."""
    counts = pool(F.pad(torch.ones_like(x[:1, :1]), sides))
    return pool(F.pad(x, sides)) / counts
''',
    "hard_sigmoid": '''
def hard_sigmoid(x: Tensor) -> Tensor:
    """Compute a hard sigmoid; that of PyTorch has float32 in its gradient."""
    return F.relu6(x + 3) / 6
''',
    "hard_sigmoid_keras2": '''
def hard_sigmoid_keras2(x: Tensor) -> Tensor:
    """Compute Keras 2's hard sigmoid; that of PyTorch is relu6(x + 3) / 6."""
    return (0.2 * x + 0.5).clamp(0.0, 1.0)
''',
    "rectify": '''
def rectify(
    x: Tensor, max_value: float | None, negative_slope: float, threshold: float
) -> Tensor:
    """Compute Keras' ReLU, which begins at a threshold and ends at a largest value."""
    above = x if max_value is None else x.clamp(max=max_value)
    return torch.where(x > threshold, above, negative_slope * (x - threshold))
''',
    "PReLU": '''
class PReLU(nn.Module):
    """A slope of negative values for each element, where Keras shares no axis."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Make the slopes of (n, *shape)."""
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply negative values."""
        return F.relu(x) - self.alpha * F.relu(-x)
''',
    "AlwaysDropout": '''
class AlwaysDropout(nn.Dropout):
    """Dropout that Keras calls with training=True: it drops in evaluation, too."""

    def forward(self, x: Tensor) -> Tensor:
        """Drop values."""
        return F.dropout(x, self.p)
''',
    "SharedDropout": '''
class SharedDropout(nn.Dropout):
    """Dropout whose mask has a shape of its own: the same along axes of length 1."""

    def __init__(self, p: float, shape: tuple[int | None, ...]) -> None:
        """Keep the shape of the mask without the batch; None is the input's length."""
        super().__init__(p)
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        """Drop values in training."""
        pairs = zip(self.shape, x.shape[1:], strict=True)
        lengths = [own or given for own, given in pairs]
        return x * super().forward(x.new_ones(x.shape[0], *lengths))
''',
    "GaussianNoise": '''
class GaussianNoise(nn.Module):
    """Normal noise, added in training."""

    def __init__(self, deviation: float) -> None:
        """Keep the noise's standard deviation."""
        super().__init__()
        self.deviation = deviation

    def forward(self, x: Tensor) -> Tensor:
        """Add noise in training."""
        return x + self.deviation * torch.randn_like(x) if self.training else x
''',
    "GaussianDropout": '''
class GaussianDropout(nn.Module):
    """Normal noise of mean 1, by which values are multiplied in training."""

    def __init__(self, rate: float) -> None:
        """Make the noise as strong as dropout of this rate is."""
        super().__init__()
        self.deviation = (rate / (1 - rate)) ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by noise in training."""
        return x * (1 + self.deviation * torch.randn_like(x)) if self.training else x
''',
    "VarianceScaling": '''
class VarianceScaling(nn.Module):
    """Keras' rms_scaling: a division by the deviation, from which no mean is taken."""

    def __init__(self, shape: int | tuple[int, ...], eps: float) -> None:
        """Make the scale over the last axes."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Scale (n, ..., *shape)."""
        dims = tuple(range(-self.weight.ndim, 0))
        variance = x.var(dim=dims, correction=0, keepdim=True)
        return x * (variance + self.eps).rsqrt() * self.weight
''',
    "Normalization": '''
class Normalization(nn.Module):
    """A mean is subtracted, and divided by a deviation of at least 1e-7."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Make room for the statistics, which are loaded."""
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (n, ...)."""
        return (x - self.mean) / self.variance.sqrt().clamp(min=1e-7)
''',
    "Denormalization": '''
class Denormalization(nn.Module):
    """The reverse of normalization: times a deviation of at least 1e-7, plus a mean."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Make room for the statistics, which are loaded."""
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Bring (n, ...) back."""
        return x * self.variance.sqrt().clamp(min=1e-7) + self.mean
''',
    "crop_to_ratio": '''
def crop_to_ratio(x: Tensor, height: int, width: int) -> Tensor:
    """Cut out the middle of (n, channels, rows, columns) that has a size's proportions."""
    rows, columns = x.shape[2:]
    tall = max(min(rows, int(columns * height / width)), 1)
    wide = max(min(columns, int(rows * width / height)), 1)
    top, left = (rows - tall) // 2, (columns - wide) // 2
    return x[:, :, top : top + tall, left : left + wide]
''',
    "frame_to_ratio": '''
def frame_to_ratio(x: Tensor, height: int, width: int, fill: float) -> Tensor:
    """Frame (n, channels, rows, columns) to a size's proportions."""
    rows, columns = x.shape[2:]
    tall = max(rows, int(columns * height / width))
    wide = max(columns, int(rows * width / height))
    top, left = (tall - rows) // 2, (wide - columns) // 2
    return F.pad(x, (left, left, top, top), value=fill)
''',
    "resize": '''
def resize(
    x: Tensor, height: int, width: int, method: str, antialias: bool = False
) -> Tensor:
    """Interpolate (n, channels, rows, columns) as TensorFlow does.

    Its cubic kernel has a = -0.5 where that of PyTorch has -0.75, and at the border,
    where a part of the kernel lies outside, the rest counts more.
    """
    rows = interpolation(x, x.shape[2], height, method, antialias)
    columns = interpolation(x, x.shape[3], width, method, antialias)
    return torch.einsum("pi,ncij,qj->ncpq", rows, x, columns)


def interpolation(
    x: Tensor, before: int, after: int, method: str, antialias: bool
) -> Tensor:
    """Compute how much of each old pixel is in each new one: (after, before)."""
    old, new = torch.arange(before).to(x), torch.arange(after).to(x)
    if method == "area":
        end = torch.minimum((new[:, None] + 1) * before / after, old + 1)
        return (end - torch.maximum(new[:, None] * before / after, old)).clamp(
            min=0.0
        ) * (after / before)
    scale = max(before / after, 1.0) if antialias else 1.0
    d = (old + 0.5 - (new[:, None] + 0.5) * before / after).abs() / scale
    if method == "bilinear":
        weights = (1 - d).clamp(min=0.0)
    elif method == "gaussian":
        weights = torch.exp(-2 * d.square()) * (d <= 1.5)
    elif method in ("lanczos3", "lanczos5"):
        radius = 3 if method == "lanczos3" else 5
        weights = torch.sinc(d) * torch.sinc(d / radius) * (d <= radius)
    else:
        b, c = (0.0, 0.5) if method == "bicubic" else (1 / 3, 1 / 3)
        inner = (12 - 9 * b - 6 * c) * d**3 + (-18 + 12 * b + 6 * c) * d**2 + 6 - 2 * b
        outer = (-b - 6 * c) * d**3 + (6 * b + 30 * c) * d**2
        outer = outer + (-12 * b - 48 * c) * d + 8 * b + 24 * c
        weights = torch.where(d < 1, inner, torch.where(d < 2, outer, 0.0)) / 6
    return weights / weights.sum(dim=1, keepdim=True)
''',
    "center_crop": '''
def center_crop(x: Tensor, height: int, width: int) -> Tensor:
    """Cut out the middle of (n, channels, rows, columns); enlarge it if that is smaller."""
    top, left = x.shape[2] - height, x.shape[3] - width
    if top >= 0 and left >= 0:
        top, left = top // 2, left // 2
        return x[:, :, top : top + height, left : left + width]
    x = crop_to_ratio(x, height, width)
    return F.interpolate(x, size=(height, width), mode="bilinear")
''',
    "Recurrent": '''
class Recurrent(nn.Module):
    """A recurrent layer of Keras, step by step.

    Where a mask says that a step is not there, the states stay, and the output is that
    of the step before, or zero.
    """

    gates, states, biases = 1, 1, 1

    def __init__(
        self,
        features: int,
        units: int,
        activation: Callable[[Tensor], Tensor],
        gate: Callable[[Tensor], Tensor] = torch.sigmoid,
        bias: bool = True,
        zero_masked: bool = False,
    ) -> None:
        """Make the weights, which are loaded."""
        super().__init__()
        self.units, self.zero_masked = units, zero_masked
        self.activation, self.gate = activation, gate
        width = self.gates * units
        self.weight_ih = nn.Parameter(torch.zeros(width, features))
        self.weight_hh = nn.Parameter(torch.zeros(width, units))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        if self.biases == 2:
            self.bias_hh = nn.Parameter(torch.zeros(width)) if bias else None

    def share(self, x: Tensor) -> Tensor:
        """Compute what inputs add to the gates."""
        return F.linear(x, self.weight_ih, self.bias)

    def product(self, h: Tensor, first: int = 0, end: int | None = None) -> Tensor:
        """Multiply a state by the recurrent weights of some gates."""
        weight = self.weight_hh.unflatten(0, (self.gates, -1))[first:end]
        return h @ weight.flatten(0, 1).T

    def forward(
        self,
        x: Tensor,
        states: tuple[Tensor, ...] | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Run over (n, steps, features): outputs of all steps, and the last states."""
        zero = x.new_zeros(x.shape[0], self.units)
        states = states or (zero,) * self.states
        y, outputs = zero, []
        for step, share in enumerate(self.share(x).unbind(1)):
            after = self.step(share, states)
            if mask is None:
                y, states = after[0], after
            else:
                there = mask[:, step, None]
                y = torch.where(there, after[0], zero if self.zero_masked else y)
                pairs = zip(after, states, strict=True)
                states = tuple(torch.where(there, new, old) for new, old in pairs)
            outputs.append(y)
        return torch.stack(outputs, dim=1), states
''',
    "DroppingRecurrent": '''
class DroppingRecurrent(Recurrent):
    """A recurrent layer that drops features and states, the same at every step."""

    def __init__(
        self,
        features: int,
        units: int,
        activation: Callable[[Tensor], Tensor],
        gate: Callable[[Tensor], Tensor] = torch.sigmoid,
        bias: bool = True,
        zero_masked: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        """Make the weights, which are loaded."""
        super().__init__(features, units, activation, gate, bias, zero_masked)
        self.dropout = nn.Dropout(dropout)
        self.recurrent_dropout = nn.Dropout(recurrent_dropout)

    def share(self, x: Tensor) -> Tensor:
        """Compute what inputs add to the gates; for each gate others are dropped."""
        if not self.training:
            return super().share(x)
        kept = self.dropout(x.new_ones(x.shape[0], self.gates, x.shape[2]))
        ones = x.new_ones(x.shape[0], self.gates, self.units)
        self.kept = self.recurrent_dropout(ones)
        weight = self.weight_ih.unflatten(0, (self.gates, -1))
        shares = torch.einsum("ntf,ngf,guf->ntgu", x, kept, weight).flatten(2)
        return shares if self.bias is None else shares + self.bias

    def product(self, h: Tensor, first: int = 0, end: int | None = None) -> Tensor:
        """Multiply a state by the recurrent weights of some gates."""
        if not self.training:
            return super().product(h, first, end)
        weight = self.weight_hh.unflatten(0, (self.gates, -1))[first:end]
        kept = self.kept[:, first:end]
        return torch.einsum("nu,ngu,gvu->ngv", h, kept, weight).flatten(1)
''',
    "SimpleRNN": '''
class SimpleRNN(Recurrent):
    """The plain recurrent layer."""

    def step(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Make one step."""
        return (self.activation(x + self.product(states[0])),)
''',
    "LSTM": '''
class LSTM(Recurrent):
    """Long short-term memory, gates in the order i, f, g, o."""

    gates, states = 4, 2

    def step(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Make one step."""
        h, c = states
        i, f, g, o = (x + self.product(h)).chunk(4, dim=1)
        c = self.gate(f) * c + self.gate(i) * self.activation(g)
        return self.gate(o) * self.activation(c), c
''',
    "GRU": '''
class GRU(Recurrent):
    """Gated recurrent unit, gates z, r, h; the reset comes before the product."""

    gates = 3

    def step(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Make one step."""
        (h,) = states
        x_z, x_r, x_h = x.chunk(3, dim=1)
        z, r = self.product(h, 0, 2).chunk(2, dim=1)
        z, r = self.gate(x_z + z), self.gate(x_r + r)
        candidate = self.activation(x_h + self.product(r * h, 2))
        return (z * h + (1 - z) * candidate,)
''',
    "ResetAfterGRU": '''
class ResetAfterGRU(Recurrent):
    """Gated recurrent unit, gates z, r, h; the reset comes after the product."""

    gates, biases = 3, 2

    def step(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Make one step."""
        (h,) = states
        x_z, x_r, x_h = x.chunk(3, dim=1)
        product = self.product(h)
        product = product if self.bias_hh is None else product + self.bias_hh
        z, r, inner = product.chunk(3, dim=1)
        z, r = self.gate(x_z + z), self.gate(x_r + r)
        return (z * h + (1 - z) * self.activation(x_h + r * inner),)
''',
    "DroppingSimpleRNN": '''
class DroppingSimpleRNN(DroppingRecurrent):
    """The plain recurrent layer."""

    def step(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Make one step."""
        return (self.activation(x + self.product(states[0])),)
''',
    "DroppingLSTM": '''
class DroppingLSTM(DroppingRecurrent):
    """Long short-term memory, gates in the order i, f, g, o."""

    gates, states = 4, 2

    def step(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Make one step."""
        h, c = states
        i, f, g, o = (x + self.product(h)).chunk(4, dim=1)
        c = self.gate(f) * c + self.gate(i) * self.activation(g)
        return self.gate(o) * self.activation(c), c
''',
    "DroppingGRU": '''
class DroppingGRU(DroppingRecurrent):
    """Gated recurrent unit, gates z, r, h; the reset comes before the product."""

    gates = 3

    def step(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Make one step."""
        (h,) = states
        x_z, x_r, x_h = x.chunk(3, dim=1)
        z, r = self.product(h, 0, 2).chunk(2, dim=1)
        z, r = self.gate(x_z + z), self.gate(x_r + r)
        candidate = self.activation(x_h + self.product(r * h, 2))
        return (z * h + (1 - z) * candidate,)
''',
    "DroppingResetAfterGRU": '''
class DroppingResetAfterGRU(DroppingRecurrent):
    """Gated recurrent unit, gates z, r, h; the reset comes after the product."""

    gates, biases = 3, 2

    def step(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Make one step."""
        (h,) = states
        x_z, x_r, x_h = x.chunk(3, dim=1)
        product = self.product(h)
        product = product if self.bias_hh is None else product + self.bias_hh
        z, r, inner = product.chunk(3, dim=1)
        z, r = self.gate(x_z + z), self.gate(x_r + r)
        return (z * h + (1 - z) * self.activation(x_h + r * inner),)
''',
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
        if mask is not None:
            # A query that may see nothing gets the mean of all values, as in Keras.
            mask = torch.zeros_like(mask, dtype=q.dtype).masked_fill(~mask, -1e30)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
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
    "each_step": '''
def each_step(module: nn.Module, x: Tensor) -> Tensor:
    """Call a module for one step of time after the other, as Keras does."""
    return torch.stack([module(step) for step in x.unbind(1)], dim=1)
''',
}
# Parts that a part itself needs.
NEEDS = {
    "center_crop": ("crop_to_ratio",),
    "ScoringMultiHeadAttention": ("MultiHeadAttention",),
    "ConcatAttention": ("Attention",),
    "AdditiveAttention": ("Attention",),
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU", "ResetAfterGRU"), ("Recurrent",)),
    **{f"Dropping{name}": ("Recurrent", "DroppingRecurrent") for name in ("SimpleRNN", "LSTM", "GRU", "ResetAfterGRU")},
}
