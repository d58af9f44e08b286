"""What the written file needs for convolutions, poolings, activations and noise."""

# By name; what a part itself needs stands before it.
PARTS = {
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
    "mirror": '''
def mirror(x: Tensor, dim: int, before: int, behind: int, skip: int) -> Tensor:
    """Put both ends of an axis around it, turned, without the outermost if skipped."""
    first = x.narrow(dim, skip, before).flip(dim)
    last = x.narrow(dim, x.shape[dim] - skip - behind, behind).flip(dim)
    return torch.cat((first, x, last), dim=dim)
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
    "Constants": '''
class Constants(nn.Module):
    """Numbers that the model computes with, and that are not trained."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Make room for the numbers, which are loaded."""
        super().__init__()
        self.register_buffer("values", torch.zeros(shape))
''',
    "each_step": '''
def each_step(module: nn.Module, x: Tensor) -> Tensor:
    """Call a module for one step of time after the other, as Keras does."""
    return torch.stack([module(step) for step in x.unbind(1)], dim=1)
''',
}
