"""Inputs of a network out of a packed copy: read when they are asked for, and standardized on the way.

What is computed has the bits of what is computed in memory: standardization is a subtraction and a division of each
value, by numbers that were measured on the whole track.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.standardize import AnyStandardizer, TrackBandStandardizer, TrackStandardizer
from genrebench.data.packed.reading import PackedDataset
from genrebench.data.packed.shards import DEVIATION, HIGHEST, LOWEST, MEAN

# Tracks whose statistics are in memory together.
_TRACKS = 4096


class PackedInputs:
    """Standardized segments, of which those that are asked for are made.

    Parameters
    ----------
    dataset : PackedDataset
        Where they are read.
    standardizer : AnyStandardizer
        What is done to them.
    """

    def __init__(self, dataset: PackedDataset, standardizer: AnyStandardizer) -> None:
        """Read nothing yet."""
        self._dataset, self._standardizer = dataset, standardizer
        self.shape = (*dataset.spectrograms.shape, 1)
        self._fixed: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        if not standardizer.by_recording:
            shift, scale = standardizer.statistics(np.empty((0, *self.shape[1:3]), np.float32))
            self._fixed = _column(shift), _column(scale)

    def __len__(self) -> int:
        """Count the segments."""
        return self.shape[0]

    def __getitem__(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """Make segments. See `PackedInputs.take`."""
        return self.take(indices)

    def take(
        self, indices: NDArray[np.int64], axis: int = 0, out: NDArray[np.float32] | None = None, mode: str = "raise"
    ) -> NDArray[np.float32]:
        """Make segments [shape=(n, n_mels, frames, 1)], as the method of an ndarray does along its first axis."""
        out = np.empty((len(indices), *self.shape[1:]), np.float32) if out is None else out
        values = out[..., 0]
        for place, row in zip(values, indices.tolist(), strict=True):
            place[:] = self._dataset.spectrograms[row]
        with np.errstate(over="ignore", invalid="ignore"):
            shift, scale = self._moments(indices)
            np.subtract(values, shift, out=values)
            np.divide(values, scale, out=values)
        return out

    def frames(
        self, first: NDArray[np.int64], frames: NDArray[np.int64], bands: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Make windows out of joined segments.

        Parameters
        ----------
        first : ndarray of int64 [shape=(n,)]
            Segment from whose beginning frames are counted.
        frames : ndarray of int64 [shape=(n, width)]
            Frames of each window, ascending, in the same track.
        bands : ndarray of int64 [shape=(n, height)]
            Bands of each window.

        Returns
        -------
        ndarray of float32 [shape=(n, height, width)]
            The windows.
        """
        _, height, width = self._dataset.spectrograms.shape
        found = np.empty((len(first), bands.shape[1], frames.shape[1]), np.float32)
        begins, ends = frames[:, 0] // width, frames[:, -1] // width
        plain = np.arange(height)
        for row, place in enumerate(found):
            begin = int(begins[row])
            run = self._dataset.spectrograms.run(int(first[row]) + begin, int(ends[row]) - begin + 1)
            whole = frames[row] - begin * width
            if len(whole) == whole[-1] - whole[0] + 1 and np.array_equal(bands[row], plain):
                _copy_frames(run, int(whole[0]), place)
            else:
                columns = (whole // width) * (height * width) + whole % width
                np.take(run.reshape(-1), columns + (bands[row] * width)[:, np.newaxis], out=place, mode="clip")
        with np.errstate(over="ignore", invalid="ignore"):
            shift, scale = self._moments(first)
            np.subtract(found, _of_bands(shift, bands), out=found)
            np.divide(found, _of_bands(scale, bands), out=found)
        return found

    def range(self) -> tuple[float, float]:
        """Find the lowest and the highest input of all, without reading any: standardization keeps the order."""
        bounds = []
        for start in range(0, len(self._dataset.statistics), _TRACKS):
            statistics = np.array(self._dataset.statistics[start : start + _TRACKS])
            shift, scale = self._fixed or self._of_tracks(statistics)
            for which in (LOWEST, HIGHEST):
                values = statistics[:, which, :-1, np.newaxis].astype(np.float32)
                with np.errstate(over="ignore", invalid="ignore"):
                    standardized = (values - shift) / scale
                bounds += [standardized.min(), standardized.max()]
        return float(np.min(bounds)), float(np.max(bounds))

    def _moments(self, segments: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Look up shift and scale of segments [shape=(n or 1, n_mels or 1, 1)]."""
        return self._fixed or self._of_tracks(self._dataset.statistics[self._dataset.numbers[segments]])

    def _of_tracks(self, statistics: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Make shift and scale of what was measured of tracks."""
        standardizer = self._standardizer
        assert isinstance(standardizer, TrackStandardizer | TrackBandStandardizer)
        part = statistics[..., -1:] if isinstance(standardizer, TrackStandardizer) else statistics[..., :-1]
        shift, scale = standardizer.from_moments(part[:, MEAN, :, np.newaxis], part[:, DEVIATION, :, np.newaxis])
        return shift.astype(np.float32), scale.astype(np.float32)


def _copy_frames(run: NDArray[np.float32], start: int, out: NDArray[np.float32]) -> None:
    """Copy a window of consecutive frames, piece by piece of each segment."""
    width = run.shape[2]
    done = 0
    while done < out.shape[1]:
        segment, begin = divmod(start + done, width)
        count = min(width - begin, out.shape[1] - done)
        out[:, done : done + count] = run[segment, :, begin : begin + count]
        done += count


def _column(values: Any) -> NDArray[np.float32]:
    """Shape what is the same for all tracks like what is not."""
    return np.asarray(values, np.float32).reshape(1, -1, 1)


def _of_bands(values: NDArray[np.float32], bands: NDArray[np.int64]) -> NDArray[np.float32]:
    """Pick the values of the bands that windows have."""
    if values.shape[1] == 1:
        return values
    whole = np.broadcast_to(values, (len(bands), *values.shape[1:]))
    return np.take_along_axis(whole, bands[:, :, np.newaxis], axis=1)
