"""The shift and scale that standardize spectrograms, and the blocks and windows in which recordings are taken.

All kinds subtract a shift and divide by a scale. Those of ``global`` and ``band`` are measured once, on the training
part; those of ``track`` and ``track-band`` on the recording itself, so that how it was produced plays no part. A
recording longer than those of training is taken in blocks of their length, each standardized on its own, so that a
network sees what it saw in training and memory does not grow with the recording.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError, DatasetError, shown
from genrebench.system.validation import Checked, from_list

Kind = Literal["global", "band", "track", "track-band"]
# Share of its mean below which the deviation of what never changes may be mere rounding.
_ROUNDING = 1e-6
MAX_OVERLAP = 0.9


class AnyStandardizer(Checked):
    """What the kinds share: a shift and a scale, from a recording or not."""

    subject: ClassVar[str] = "standardizer"
    kind: ClassVar[Kind]
    by_recording: ClassVar[bool] = False

    def statistics(self, around: NDArray[np.float32]) -> tuple[ArrayLike, ArrayLike]:
        """Compute shift and scale, a number or one per band [shape=(n_mels, 1)].

        Parameters
        ----------
        around : ndarray of float32 [shape=(segments, n_mels, frames)]
            The recording, or its block.
        """
        raise NotImplementedError

    def check_meaning(self, lowest: float, highest: float, narrowest: float, widest: float) -> None:
        """Refuse what gives no numbers.

        Parameters
        ----------
        lowest, highest : float
            Where a mean may lie.
        narrowest, widest : float
            Between what a deviation may lie.

        Raises
        ------
        ConfigError
            If one lies elsewhere.
        """

    def apply(
        self,
        spectrograms: NDArray[np.float32],
        *,
        around: NDArray[np.float32] | None = None,
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Standardize spectrograms.

        Parameters
        ----------
        around : ndarray of float32, optional
            Where kinds that go by the recording measure it; by default `spectrograms`, taken for one.
        out : ndarray of float32, optional
            Where to put the result; `spectrograms` itself is allowed.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            shift, scale = self.statistics(spectrograms if around is None else around)
            out = np.subtract(spectrograms, np.asarray(shift, np.float32), out=out)
            return np.divide(out, np.asarray(scale, np.float32), out=out)

    def to_json(self) -> dict[str, Any]:
        """Describe it in plain JSON types; the global kind, the first that there was, does not say its name."""
        fields = {
            name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(self).items()
        }
        return fields if self.kind == "global" else {"kind": self.kind, **fields}


@dataclass(frozen=True)
class Standardizer(AnyStandardizer):
    """Shift and scale that give the training spectrograms mean 0 and deviation 1: the global kind.

    Attributes
    ----------
    mean : float
        Mean of all training values, in the spectrograms' unit (dB).
    std : float
        Their standard deviation, above 0.

    Raises
    ------
    ConfigError
        If they are not finite numbers, or the deviation is not positive.
    """

    kind: ClassVar[Kind] = "global"

    mean: float
    std: float = Field(gt=0)

    @classmethod
    def fit(cls, spectrograms: NDArray[np.float32], indices: NDArray[np.intp]) -> Self:
        """Measure the statistics, in float64 and one segment at a time.

        Parameters
        ----------
        spectrograms : ndarray of float32 [shape=(segments, n_mels, frames)]
            All segments.
        indices : ndarray of int [shape=(n,)]
            Those of the training part.

        Raises
        ------
        DatasetError
            If all values are equal.
        """
        mean = float(np.mean([spectrograms[index].mean(dtype=np.float64) for index in indices]))
        variance = float(np.mean([np.square(spectrograms[index] - mean, dtype=np.float64).mean() for index in indices]))
        if variance == 0:
            raise DatasetError(f"expected spectrograms that differ, received the value {mean:g} everywhere")
        return cls(mean, float(np.sqrt(variance)))

    def statistics(self, around: NDArray[np.float32]) -> tuple[ArrayLike, ArrayLike]:
        """Give what was measured on the training part. See `AnyStandardizer.statistics`."""
        return self.mean, self.std

    def check_meaning(self, lowest: float, highest: float, narrowest: float, widest: float) -> None:
        """Refuse another mean or deviation. See `AnyStandardizer.check_meaning`."""
        _check_pairs([(self.mean, self.std)], lowest, highest, narrowest, widest)


@dataclass(frozen=True)
class BandStandardizer(AnyStandardizer):
    """Shift and scale that give each Mel band of the training spectrograms mean 0 and deviation 1.

    Attributes
    ----------
    mean, std : tuple of float
        Of each band over the training part; 1 stands for the deviation of a band that never changes.
    """

    kind: ClassVar[Kind] = "band"

    mean: Annotated[tuple[float, ...], from_list]
    std: Annotated[tuple[Annotated[float, Field(gt=0)], ...], from_list]

    def __post_init__(self) -> None:
        """Refuse statistics of more bands than there are."""
        if len(self.mean) != len(self.std) or not self.mean:
            raise ConfigError(
                f"standardizer: expected a mean and a deviation for each band, received {len(self.mean)} and "
                f"{len(self.std)}"
            )

    @classmethod
    def fit(cls, spectrograms: NDArray[np.float32], indices: NDArray[np.intp]) -> Self:
        """Measure the statistics. See `Standardizer.fit`."""
        mean: NDArray[np.float64] = np.mean([spectrograms[i].mean(axis=1, dtype=np.float64) for i in indices], axis=0)
        variance: NDArray[np.float64] = np.mean(
            [np.square(spectrograms[index] - mean[:, None], dtype=np.float64).mean(axis=1) for index in indices], axis=0
        )
        deviation = np.sqrt(variance)
        changes = deviation > _ROUNDING * np.abs(mean)
        if not changes.any():
            raise DatasetError("expected spectrograms that differ, received bands that never change")
        scale: NDArray[np.float64] = np.where(changes, deviation, np.maximum(1, np.abs(mean)))
        return cls(tuple(mean.tolist()), tuple(scale.tolist()))

    def statistics(self, around: NDArray[np.float32]) -> tuple[ArrayLike, ArrayLike]:
        """Give what was measured on the training part. See `AnyStandardizer.statistics`."""
        return np.array(self.mean)[:, None], np.array(self.std)[:, None]

    def check_meaning(self, lowest: float, highest: float, narrowest: float, widest: float) -> None:
        """Refuse another mean or deviation. See `AnyStandardizer.check_meaning`."""
        _check_pairs(zip(self.mean, self.std, strict=True), lowest, highest, narrowest, widest)


@dataclass(frozen=True)
class TrackStandardizer(AnyStandardizer):
    """Shift and scale that give each recording mean 0 and deviation 1; one that never changes becomes 0."""

    kind: ClassVar[Kind] = "track"
    by_recording: ClassVar[bool] = True

    def statistics(self, around: NDArray[np.float32]) -> tuple[ArrayLike, ArrayLike]:
        """Measure the recording as a whole. See `AnyStandardizer.statistics`."""
        mean, deviation = around.mean(dtype=np.float64), around.std(dtype=np.float64)
        return mean, deviation if deviation > _ROUNDING * abs(mean) else np.inf


@dataclass(frozen=True)
class TrackBandStandardizer(AnyStandardizer):
    """Each band less its mean in the recording, divided by its deviation there plus a level.

    Attributes
    ----------
    level : float
        In the spectrograms' unit (dB): keeps bands in which little happens from being blown up.
    """

    kind: ClassVar[Kind] = "track-band"
    by_recording: ClassVar[bool] = True

    level: float = Field(gt=0)

    def statistics(self, around: NDArray[np.float32]) -> tuple[ArrayLike, ArrayLike]:
        """Measure each band of the recording. See `AnyStandardizer.statistics`."""
        mean = around.mean(axis=(0, 2), dtype=np.float64)[:, None]
        deviation = np.sqrt(np.square(around - mean, dtype=np.float64).mean(axis=(0, 2)))[:, None]
        return mean, deviation + self.level

    def check_meaning(self, lowest: float, highest: float, narrowest: float, widest: float) -> None:
        """Refuse another level. See `AnyStandardizer.check_meaning`."""
        if not narrowest <= self.level <= widest:
            raise ConfigError(
                f"standardizer: expected a level from {narrowest:g} to {widest:g}, received {self.level:g}; the model "
                "is damaged, restore it or train again"
            )


KINDS: dict[str, type[AnyStandardizer]] = {
    each.kind: each for each in (Standardizer, BandStandardizer, TrackStandardizer, TrackBandStandardizer)
}


def _check_pairs(
    pairs: Iterable[tuple[float, float]], lowest: float, highest: float, narrowest: float, widest: float
) -> None:
    """Refuse a mean or a deviation that standardizes to no numbers."""
    for mean, std in pairs:
        if not (lowest <= mean <= highest and max(narrowest, 1e-7 * abs(mean)) <= std <= widest):
            raise ConfigError(
                f"standardizer: expected a mean from {lowest:g} to {highest:g} and a deviation from {narrowest:g} to "
                f"{widest:g}, received {mean:g} and {std:g}; the model is damaged, restore it or train again"
            )


def read_standardizer(document: object) -> AnyStandardizer:
    """Build a standardizer of any kind from its JSON.

    Raises
    ------
    ConfigError
        If the kind is unknown, or a key or value is not the kind's.
    """
    kind = document.get("kind", "global") if isinstance(document, Mapping) else "global"
    if not isinstance(kind, str) or kind not in KINDS:
        raise ConfigError(f"standardizer: expected a kind of {', '.join(KINDS)}, received {shown(kind)}")
    if isinstance(document, Mapping) and kind != "global":
        document = {key: value for key, value in document.items() if key != "kind"}
    return KINDS[kind].from_json(document)


def fit_standardizer(
    kind: Kind, spectrograms: NDArray[np.float32], indices: NDArray[np.intp], *, level: float
) -> AnyStandardizer:
    """Measure what a kind of standardization needs of the training part.

    Parameters
    ----------
    spectrograms : ndarray of float32 [shape=(segments, n_mels, frames)]
        All segments.
    indices : ndarray of int [shape=(n,)]
        Those of the training part.
    level : float
        Of the ``track-band`` kind.

    Raises
    ------
    DatasetError
        If all values are equal.
    """
    everything = Standardizer.fit(spectrograms, indices)
    if kind == "global":
        return everything
    if kind == "band":
        return BandStandardizer.fit(spectrograms, indices)
    return TrackStandardizer() if kind == "track" else TrackBandStandardizer(level)


def standardize_recording(
    standardizer: AnyStandardizer,
    batches: Iterable[NDArray[np.float32]],
    *,
    block: int | None,
    overlap: float = 0.0,
) -> Iterator[NDArray[np.float32]]:
    """Standardize the segments of one recording, some at a time.

    Parameters
    ----------
    batches : iterable of ndarray of float32 [shape=(n, n_mels, frames)]
        Its segments in order.
    block : int or None
        Segments of a recording in training, which are standardized together; None takes all together.
    overlap : float
        Share of each window that the next one has, too; see `cut_windows`. Windows do not reach across blocks.

    Yields
    ------
    ndarray of float32 [shape=(n, n_mels, frames)]
        Windows in order. No more than two blocks are in memory; without need of blocks, each batch is taken as it is.
    """
    if not (standardizer.by_recording or overlap):
        for batch in batches:
            yield standardizer.apply(batch)
        return
    for rows, around in _blocks(batches, block):
        yield cut_windows(standardizer.apply(rows, around=around), overlap)


def _blocks(
    batches: Iterable[NDArray[np.float32]], size: int | None
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Part segments in blocks; around the last, shorter one is a whole block that ends with it, as far as there is."""
    before: NDArray[np.float32] | None = None
    pending: list[NDArray[np.float32]] = []
    for batch in batches:
        for segment in batch:
            pending.append(segment)
            if len(pending) == size:
                before, pending = np.stack(pending), []
                yield before, before
    if pending:
        rest = np.stack(pending)
        yield rest, rest if before is None or size is None else np.concatenate([before, rest])[-size:]


def cut_windows(segments: NDArray[np.float32], overlap: float) -> NDArray[np.float32]:
    """Join consecutive segments and cut them anew, into windows of the same length that overlap.

    Parameters
    ----------
    segments : ndarray of float32 [shape=(n, n_mels, frames)]
        At least one.
    overlap : float
        Share of each window that the next one has, too, at least; 0 gives the segments.

    Returns
    -------
    ndarray of float32 [shape=(windows, n_mels, frames)]
        Evenly spaced from the beginning to the end.

    Examples
    --------
    >>> segments = np.arange(8, dtype=np.float32).reshape(2, 1, 4)
    >>> cut_windows(segments, 0.5)[:, 0]
    array([[0., 1., 2., 3.],
           [2., 3., 4., 5.],
           [4., 5., 6., 7.]], dtype=float32)
    """
    if not overlap:
        return segments
    count, bands, frames = segments.shape
    steps = int(np.ceil((count - 1) / (1 - overlap) - 1e-9))
    starts = np.rint(np.linspace(0, (count - 1) * frames, steps + 1)).astype(int)
    joined = segments.transpose(1, 0, 2).reshape(bands, count * frames)
    return np.stack([joined[:, start : start + frames] for start in starts])


def standardize_tracks(
    standardizer: AnyStandardizer,
    spectrograms: NDArray[np.float32],
    tracks: NDArray[np.str_] | None,
    *,
    block: int | None,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Standardize the segments of many recordings, each as `standardize_recording` does.

    Parameters
    ----------
    spectrograms : ndarray of float32 [shape=(segments, n_mels, frames)]
        Those of a recording in order.
    tracks : ndarray of str [shape=(segments,)], optional
        Recording of each; without, each is one.
    block : int or None
        As of `standardize_recording`.
    out : ndarray of float32, optional
        Where to put the result; `spectrograms` itself is allowed.
    """
    if not standardizer.by_recording:
        return standardizer.apply(spectrograms, out=out)
    out = np.empty_like(spectrograms, dtype=np.float32) if out is None else out
    for rows in rows_of_tracks(np.arange(len(spectrograms)) if tracks is None else tracks):
        start = 0
        for part in standardize_recording(standardizer, [spectrograms[rows]], block=block):
            out[rows[start : start + len(part)]] = part
            start += len(part)
    return out


def rows_of_tracks(tracks: NDArray[Any]) -> Iterator[NDArray[np.intp]]:
    """Go through recordings in the order of their names.

    Yields
    ------
    ndarray of int [shape=(n,)]
        Rows of one recording, ascending.

    Examples
    --------
    >>> [rows.tolist() for rows in rows_of_tracks(np.array(["b", "a", "b"]))]
    [[1], [0, 2]]
    """
    _, number, counts = np.unique(tracks, return_inverse=True, return_counts=True)
    yield from np.split(np.argsort(number, kind="stable"), np.cumsum(counts)[:-1])
