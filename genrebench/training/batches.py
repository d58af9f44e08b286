"""Segments to networks, batch by batch: for training and for prediction."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from genrebench.backend.group import ALONE, Group, Grouped, rows_of
from genrebench.backend.protocol import BatchMetrics, DeviceResident, Network, Trainable
from genrebench.system.prefetch import prefetch
from genrebench.training.inputs import Inputs

Batch = tuple[NDArray[np.float32], NDArray[np.int64] | NDArray[np.float32]]


def train_steps(
    network: Trainable,
    inputs: Inputs,
    labels: NDArray[np.int64],
    indices: NDArray[np.int64],
    batch_size: int,
    group: Group = ALONE,
) -> Generator[BatchMetrics, None, None]:
    """Train on segments, batch by batch.

    Parameters
    ----------
    network : Trainable
        What is trained; if it keeps data on its device, batches are gathered there.
    inputs : ndarray of float32 [shape=(segments, n_mels, frames, 1)]
        All segments.
    labels : ndarray of int64 [shape=(segments,)]
        Their genres.
    indices : ndarray of int64 [shape=(n,)]
        Which segments, in which order.
    batch_size : int
        Segments in a batch; the last one may have fewer.
    group : Group
        Who trains together; each process gathers its rows of each batch.
    """
    if (
        group.size == 1
        and isinstance(inputs, np.ndarray)
        and isinstance(network, DeviceResident)
        and network.load_data(inputs, labels)  # which copies them once
    ):
        for start in range(0, len(indices), batch_size):
            yield network.train_on(indices[start : start + batch_size])
    else:
        parts = batches(inputs, labels, indices, batch_size, group)
        yield from _steps(network, parts, batch_sizes(len(indices), batch_size), group)


def augmented_steps(
    network: Trainable, batches: Iterable[Batch], sizes: Sequence[int], group: Group = ALONE
) -> Generator[BatchMetrics, None, None]:
    """Train on batches that another thread makes meanwhile.

    Parameters
    ----------
    batches : iterable of two ndarrays
        Inputs, and labels or probabilities; see `Trainable.train_step`. With several processes, this one's rows.
    sizes : sequence of int
        Segments in each whole batch.
    group : Group
        Who trains together.
    """
    with closing(prefetch(batches)) as made:
        yield from _steps(network, made, sizes, group)


def _steps(
    network: Trainable, parts: Iterable[Batch], sizes: Sequence[int], group: Group
) -> Generator[BatchMetrics, None, None]:
    """Do a step on each batch, or on this process's rows of it."""
    for (x, y), size in zip(parts, sizes, strict=True):  # x: (rows, n_mels, frames, 1)
        if group.size > 1 and isinstance(network, Grouped):
            yield network.train_share(x, y, batch=size)
        else:
            yield network.train_step(x, y)


def batch_sizes(count: int, batch_size: int) -> list[int]:
    """Say how many segments each batch has.

    Examples
    --------
    >>> batch_sizes(5, 2)
    [2, 2, 1]
    """
    return [min(batch_size, count - start) for start in range(0, count, batch_size)]


def batches(
    inputs: Inputs,
    labels: NDArray[np.int64],
    indices: NDArray[np.int64],
    batch_size: int,
    group: Group = ALONE,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Gather batches of segments.

    Parameters
    ----------
    inputs : ndarray of float32 [shape=(segments, n_mels, frames, 1)]
        All segments.
    labels : ndarray of int64 [shape=(segments,)]
        Their genres.
    indices : ndarray of int64 [shape=(n,)]
        Which segments, in which order.
    batch_size : int
        Segments in a batch; the last one may have fewer.
    group : Group
        Who shares the batches: only this process's rows are gathered.

    Yields
    ------
    ndarray of float32 [shape=(rows, n_mels, frames, 1)]
        Inputs, in memory that the next batch reuses.
    ndarray of int64 [shape=(rows,)]
        Labels.
    """
    buffer = np.empty((min(batch_size, len(indices)), *inputs.shape[1:]), dtype=np.float32)
    for start in range(0, len(indices), batch_size):
        whole = indices[start : start + batch_size]
        chosen = whole[rows_of(len(whole), group)]
        # mode="clip" writes straight into the buffer; the default would gather into a copy first.
        yield inputs.take(chosen, axis=0, out=buffer[: len(chosen)], mode="clip"), labels[chosen]


def predict(
    network: Network,
    inputs: Inputs,
    indices: NDArray[np.int64],
    *,
    batch_size: int,
    group: Group = ALONE,
) -> NDArray[np.float32]:
    """Run a network on some segments in evaluation mode.

    Parameters
    ----------
    inputs : ndarray of float32 [shape=(segments, n_mels, frames, 1)]
        All segments, standardized.
    indices : ndarray of int64 [shape=(n,)]
        Which segments.
    group : Group
        Who shares them; every process gets the logits of all.

    Returns
    -------
    ndarray of float32 [shape=(n, classes)]
        Logits.
    """
    no_labels = np.zeros(len(inputs), dtype=np.int64)
    own = indices[rows_of(len(indices), group)]
    # A process without rows has one batch of nothing.
    parts = batches(inputs, no_labels, own, batch_size) if len(own) else [(inputs[own], no_labels[own])]
    return group.gather(np.concatenate([network.logits(x) for x, _ in parts]))
