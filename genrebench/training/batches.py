"""Segments to networks, batch by batch: for training and for prediction."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from genrebench.backend.protocol import BatchMetrics, DeviceResident, Network, Trainable
from genrebench.system.prefetch import prefetch
from genrebench.training.inputs import Inputs


def train_steps(
    network: Trainable,
    inputs: Inputs,
    labels: NDArray[np.int64],
    indices: NDArray[np.int64],
    batch_size: int,
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
    """
    # Which copies them once.
    if isinstance(inputs, np.ndarray) and isinstance(network, DeviceResident) and network.load_data(inputs, labels):
        for start in range(0, len(indices), batch_size):
            yield network.train_on(indices[start : start + batch_size])
    else:
        for x, y in batches(inputs, labels, indices, batch_size):
            yield network.train_step(x, y)  # x: (batch, n_mels, frames, 1)


def augmented_steps(
    network: Trainable, batches: Iterable[tuple[NDArray[np.float32], NDArray[np.int64] | NDArray[np.float32]]]
) -> Generator[BatchMetrics, None, None]:
    """Train on batches that another thread makes meanwhile.

    Parameters
    ----------
    batches : iterable of two ndarrays
        Inputs, and labels or probabilities; see `Trainable.train_step`.
    """
    with closing(prefetch(batches)) as made:
        for x, y in made:
            yield network.train_step(x, y)


def batches(
    inputs: Inputs, labels: NDArray[np.int64], indices: NDArray[np.int64], batch_size: int
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

    Yields
    ------
    ndarray of float32 [shape=(batch, n_mels, frames, 1)]
        Inputs, in memory that the next batch reuses.
    ndarray of int64 [shape=(batch,)]
        Labels.
    """
    buffer = np.empty((min(batch_size, len(indices)), *inputs.shape[1:]), dtype=np.float32)
    for start in range(0, len(indices), batch_size):
        chosen = indices[start : start + batch_size]
        # mode="clip" writes straight into the buffer; the default would gather into a copy first.
        yield inputs.take(chosen, axis=0, out=buffer[: len(chosen)], mode="clip"), labels[chosen]


def predict(network: Network, inputs: Inputs, indices: NDArray[np.int64], *, batch_size: int) -> NDArray[np.float32]:
    """Run a network on some segments in evaluation mode.

    Parameters
    ----------
    inputs : ndarray of float32 [shape=(segments, n_mels, frames, 1)]
        All segments, standardized.
    indices : ndarray of int64 [shape=(n,)]
        Which segments.

    Returns
    -------
    ndarray of float32 [shape=(n, classes)]
        Logits.
    """
    no_labels = np.zeros(len(inputs), dtype=np.int64)
    return np.concatenate([network.logits(x) for x, _ in batches(inputs, no_labels, indices, batch_size)])
