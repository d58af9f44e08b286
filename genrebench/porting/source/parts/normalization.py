"""What the written file needs for normalizations."""

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
    """Batch normalization by the running statistics in any mode: frozen in Keras."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (n, channels, ...)."""
        mean, variance = self.running_mean, self.running_var
        return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)
'''
# By name.
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
    "Scale": '''
class Scale(nn.Module):
    """A factor for each channel."""

    def __init__(self, channels: int) -> None:
        """Make the factors, which are loaded."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (n, ..., channels)."""
        return x * self.weight
''',
}
