"""A batch of which each of several processes has some rows: what layers compute of it that depends on all of them."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from genrebench.backend.group import share

_aten = torch.ops.aten


class SharedBatch(ABC):
    """The batch of the step that is being done, and the processes that share it, seen from one of them.

    Parameters
    ----------
    rank, size : int
        Number of this process, from 0, and how many there are.

    Attributes
    ----------
    batch : int
        Rows of the whole batch.
    """

    def __init__(self, rank: int, size: int) -> None:
        """Begin with no batch."""
        self.rank, self.size, self.batch = rank, size, 0

    @property
    def rows(self) -> slice:
        """Say which rows of the batch this process has."""
        return share(self.batch, self.rank, self.size)

    @property
    def counts(self) -> list[int]:
        """Count the rows that each process has."""
        parts = (share(self.batch, rank, self.size) for rank in range(self.size))
        return [part.stop - part.start for part in parts]

    def empty(self, x: Tensor) -> Tensor:
        """Make room for the whole batch of what this process has its rows of, in the same order in memory."""
        whole = x.new_empty(self.batch, *x.shape[1:])
        is_last = x.ndim == 4 and not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
        return whole.contiguous(memory_format=torch.channels_last) if is_last else whole

    @abstractmethod
    def exchange(self, tensor: Tensor) -> Tensor:
        """Stack what all processes have of one shape, by rank."""

    @abstractmethod
    def sum_(self, tensor: Tensor) -> Tensor:
        """Add up what all processes have, in place."""


class _Normalize(torch.autograd.Function):
    """Batch normalization by the statistics of a batch of which each process has a part."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, group: SharedBatch, epsilon: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Normalize; also give mean and biased variance of the whole batch, through which no gradient goes.

        Each process has a mean and squares around it; the means' own squares around the mean of all make the rest.
        """
        own = torch.zeros(2, len(gamma), dtype=gamma.dtype, device=gamma.device)
        if len(x):
            own = torch.stack(_aten.batch_norm_update_stats(x, own[0], own[1], 0.0))
        means, variances = group.exchange(own).unbind(1)
        counts = torch.tensor(group.counts, dtype=gamma.dtype, device=gamma.device)
        weights = (counts / group.batch).unsqueeze(1)
        mean = (weights * means).sum(0)
        variance = (weights * (variances + (means - mean).square())).sum(0)
        y = torch.empty_like(x)
        if len(x):
            y = torch.native_batch_norm(x, gamma, beta, mean, variance, False, 0.0, epsilon)[0]
        ctx.save_for_backward(x, gamma, mean, (variance + epsilon).rsqrt())
        ctx.group, ctx.epsilon = group, epsilon
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of the input, and this process's part of those of gamma and beta.

        That of the input depends on the sums of all: the mean and the variance, through which it goes, are of all rows.
        """
        x, gamma, mean, scale = ctx.saved_tensors
        group: SharedBatch = ctx.group
        dy, own = gradient, torch.zeros(2, len(gamma), dtype=gamma.dtype, device=gamma.device)
        if len(x):
            dy = dy.contiguous(memory_format=torch.channels_last if x.ndim == 4 else torch.contiguous_format)
            wanted = (False, True, True)
            _, *sums = _aten.native_batch_norm_backward(
                dy, x, gamma, None, None, mean, scale, True, ctx.epsilon, wanted
            )
            own = torch.stack(sums)
        rows = group.batch * (x[0].numel() // len(gamma) if len(x) else 1)
        d_gamma, d_beta = group.sum_(own.clone()) / rows
        # gamma scale (dy - mean of dy - (x - mean) scale (mean of dy (x - mean) scale)), with what is constant in a
        # channel put together.
        by_dy = gamma * scale
        by_x = -by_dy * scale * d_gamma
        shape = (1, -1, *(1,) * (x.ndim - 2))
        by_dy, by_x, rest = (each.to(x.dtype).view(shape) for each in (by_dy, by_x, -by_dy * d_beta - by_x * mean))
        return torch.addcmul(rest, x, by_x).addcmul_(dy, by_dy), own[0], own[1], None, None


def normalize(
    x: Tensor, gamma: Tensor, beta: Tensor, group: SharedBatch, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize this process's rows of a batch by the statistics of all of it.

    Parameters
    ----------
    x : Tensor [shape=(n, channels, ...)]
        The rows; there may be none.

    Returns
    -------
    Tensor [shape=(n, channels, ...)]
        Normalized.
    Tensor, Tensor [shape=(channels,)]
        Mean and biased variance of the whole batch.
    """
    y, mean, variance = _Normalize.apply(x, gamma, beta, group, epsilon)  # type: ignore[no-untyped-call]
    return y, mean, variance
