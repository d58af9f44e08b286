"""The shift and scale that standardize spectrograms.

All kinds subtract a shift and divide by a scale. Those of ``global`` and ``band`` are measured once, on the training
part; those of ``track`` and ``track-band`` on the recording itself, so that how it was produced plays no part.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError, DatasetError, shown
from genrebench.system.validation import Checked, from_list

Kind = Literal["global", "band", "track", "track-band"]
# Share of its mean below which the deviation of what never changes may be mere rounding.
ROUNDING = 1e-6


class Segments(Protocol):
    """Spectrograms that are looked at one after the other: an array, or what reads them when they are asked for."""

    def __getitem__(self, row: Any, /) -> Any:
        """Look up one [shape=(n_mels, frames)]."""
        ...


def track_moments(around: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure the mean and the deviation of a recording as a whole.

    Parameters
    ----------
    around : ndarray of float32 [shape=(segments, n_mels, frames)]
        The recording, or its block.

    Returns
    -------
    ndarray, ndarray of float64 [shape=(1, 1)]
        Mean and deviation.
    """
    return around.mean(dtype=np.float64).reshape(1, 1), around.std(dtype=np.float64).reshape(1, 1)


def band_moments(around: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure the mean and the deviation of each band of a recording [shape=(n_mels, 1)]. See `track_moments`."""
    mean = around.mean(axis=(0, 2), dtype=np.float64)[:, None]
    return mean, np.sqrt(np.square(around - mean, dtype=np.float64).mean(axis=(0, 2)))[:, None]


class AnyStandardizer(Checked, ABC):
    """What the kinds share: a shift and a scale, from a recording or not."""

    subject: ClassVar[str] = "standardizer"
    kind: ClassVar[Kind]
    by_recording: ClassVar[bool] = False

    @abstractmethod
    def statistics(self, around: NDArray[np.float32]) -> tuple[ArrayLike, ArrayLike]:
        """Compute shift and scale, a number or one per band [shape=(n_mels, 1)].

        Parameters
        ----------
        around : ndarray of float32 [shape=(segments, n_mels, frames)]
            The recording, or its block.
        """

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
    def fit(cls, spectrograms: Segments, indices: NDArray[np.intp]) -> Self:
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
    def fit(cls, spectrograms: Segments, indices: NDArray[np.intp]) -> Self:
        """Measure the statistics. See `Standardizer.fit`."""
        mean: NDArray[np.float64] = np.mean([spectrograms[i].mean(axis=1, dtype=np.float64) for i in indices], axis=0)
        variance: NDArray[np.float64] = np.mean(
            [np.square(spectrograms[index] - mean[:, None], dtype=np.float64).mean(axis=1) for index in indices], axis=0
        )
        deviation = np.sqrt(variance)
        changes = deviation > ROUNDING * np.abs(mean)
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
        return self.from_moments(*track_moments(around))

    def from_moments(
        self, mean: NDArray[np.float64], deviation: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Make shift and scale of what `track_moments` measured, of any number of recordings at once."""
        return mean, np.where(deviation > ROUNDING * np.abs(mean), deviation, np.inf)


@dataclass(frozen=True)
class TrackBandStandardizer(AnyStandardizer):
    """Each band less its mean in the recording, divided by its deviation there plus a level.

    The deviations of the bands may be shrunk towards that of all of them, their root mean square: geometrically, so
    that with 0.5 a band that moves a hundred times as much as another still does so ten times as much.

    Attributes
    ----------
    level : float
        In the spectrograms' unit (dB): keeps bands in which little happens from being blown up.
    shrinkage : float
        From 0, each band's own deviation, to 1, the same for all.
    """

    kind: ClassVar[Kind] = "track-band"
    by_recording: ClassVar[bool] = True

    level: float = Field(gt=0)
    shrinkage: float = Field(default=0.0, ge=0, le=1)

    def statistics(self, around: NDArray[np.float32]) -> tuple[ArrayLike, ArrayLike]:
        """Measure each band of the recording. See `AnyStandardizer.statistics`."""
        return self.from_moments(*band_moments(around))

    def from_moments(
        self, mean: NDArray[np.float64], deviation: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Make shift and scale of what `band_moments` measured, of any number of recordings at once."""
        pooled = np.sqrt(np.square(deviation).mean(axis=-2, keepdims=True))
        return mean, deviation ** (1 - self.shrinkage) * pooled**self.shrinkage + self.level

    def to_json(self) -> dict[str, Any]:
        """Describe it in plain JSON types; without shrinkage as it was before there was any."""
        document = super().to_json()
        return document if self.shrinkage else {key: document[key] for key in document if key != "shrinkage"}

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Build it from its JSON; what says nothing of shrinkage has none."""
        return super().from_json({"shrinkage": 0.0, **document} if isinstance(document, Mapping) else document)

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
    kind: Kind, spectrograms: Segments, indices: NDArray[np.intp], *, level: float, shrinkage: float = 0.0
) -> AnyStandardizer:
    """Measure what a kind of standardization needs of the training part.

    Parameters
    ----------
    spectrograms : ndarray of float32 [shape=(segments, n_mels, frames)]
        All segments.
    indices : ndarray of int [shape=(n,)]
        Those of the training part.
    level, shrinkage : float
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
    return TrackStandardizer() if kind == "track" else TrackBandStandardizer(level, shrinkage)
