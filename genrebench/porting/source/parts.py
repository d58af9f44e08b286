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
    "pad_same": '''
def pad_same(
    x: Tensor,
    sizes: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...] | None = None,
    value: float = 0.0,
) -> Tensor:
    """Pad (n, channels, ...) as Keras' same does: what cannot be halved goes to the end."""
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
    """Compute Keras 2's hard sigmoid; that of PyTorch is relu6(x + 3) / 6."""
    return (0.2 * x + 0.5).clamp(0.0, 1.0)
''',
    "rectify": '''
def rectify(
    x: Tensor, max_value: float | None, negative_slope: float, threshold: float
) -> Tensor:
    """Compute Keras' ReLU, which begins at a threshold and ends at a largest value."""
    y = torch.where(x >= threshold, x, negative_slope * (x - threshold))
    return y if max_value is None else y.clamp(max=max_value)
''',
}
