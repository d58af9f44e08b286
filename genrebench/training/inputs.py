"""What batches are made of: standardized segments in memory or in a packed copy, and windows of either."""

import numpy as np
from numpy.typing import NDArray

from genrebench.data.packed.inputs import PackedInputs


class Windows:
    """Windows of consecutive segments that overlap, made when they are asked for.

    Parameters
    ----------
    inputs : ndarray of float32 [shape=(segments, n_mels, frames, 1)] or PackedInputs
        All segments, standardized.
    first : ndarray of int64 [shape=(windows,)]
        Segment from whose beginning the frames of each window are counted.
    starts : ndarray of int64 [shape=(windows,)]
        First frame of each.
    """

    def __init__(
        self, inputs: NDArray[np.float32] | PackedInputs, first: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> None:
        """Make nothing yet."""
        self._inputs, self._first, self._starts = inputs, first, starts
        self.shape: tuple[int, ...] = (len(first), *inputs.shape[1:])

    def __len__(self) -> int:
        """Count the windows."""
        return self.shape[0]

    def __getitem__(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """Make windows. See `Windows.take`."""
        return self.take(indices)

    def take(
        self, indices: NDArray[np.int64], axis: int = 0, out: NDArray[np.float32] | None = None, mode: str = "raise"
    ) -> NDArray[np.float32]:
        """Make windows [shape=(n, n_mels, frames, 1)], as the method of an ndarray does along its first axis."""
        _, bands, frames, _ = self.shape
        whole = self._starts[indices][:, np.newaxis] + np.arange(frames)
        rows = np.broadcast_to(np.arange(bands), (len(indices), bands))
        made = frames_of(self._inputs, self._first[indices], whole, rows)[..., np.newaxis]
        if out is None:
            return made
        out[:] = made
        return out


Inputs = NDArray[np.float32] | PackedInputs | Windows


def frames_of(
    inputs: NDArray[np.float32] | PackedInputs,
    first: NDArray[np.int64],
    whole: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Take windows of whole frames out of joined segments [shape=(n, n_mels, width)].

    Parameters
    ----------
    inputs : ndarray of float32 [shape=(segments, n_mels, frames, 1)] or PackedInputs
        Segments, those of a track one after the other.
    first : ndarray of int64 [shape=(n,)]
        Segment from whose beginning frames are counted.
    whole : ndarray of int64 [shape=(n, width)]
        Frames of each window, ascending.
    rows : ndarray of int64 [shape=(n, n_mels)]
        Bands of each window.
    """
    if isinstance(inputs, PackedInputs):
        return inputs.frames(first, whole, rows)
    _, bands, frames = inputs.shape[:3]
    columns = (first[:, np.newaxis] + whole // frames) * (bands * frames) + whole % frames
    taken: NDArray[np.float32] = np.take(
        inputs.reshape(-1), columns[:, np.newaxis, :] + (rows * frames)[:, :, np.newaxis]
    )
    return taken
