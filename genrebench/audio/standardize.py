"""The shift and scale that standardize spectrograms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import ConfigError, DatasetError


@dataclass(frozen=True)
class Standardizer:
    """Shift and scale that give the training spectrograms mean 0 and deviation 1.

    Attributes
    ----------
    mean : float
        Mean of all training values, in the spectrograms' unit (dB).
    std : float
        Their standard deviation.
    """

    mean: float
    std: float

    def __post_init__(self) -> None:
        """Check the statistics.

        Raises
        ------
        ConfigError
            If they are not finite numbers or the deviation is not positive.
        """
        for name, value in (("mean", self.mean), ("std", self.std)):
            if not isinstance(value, int | float) or not np.isfinite(value) or (name == "std" and value <= 0):
                raise ConfigError(f"standardizer: expected a finite mean and a positive std, received {name} {value!r}")

    @classmethod
    def fit(cls, spectrograms: NDArray[np.float32], rows: NDArray[np.intp]) -> "Standardizer":
        """Measure the statistics, in float64 and one segment at a time.

        Parameters
        ----------
        spectrograms : ndarray of float32 [shape=(segments, n_mels, frames)]
            All segments.
        rows : ndarray of int [shape=(n,)]
            Those of the training part.

        Returns
        -------
        Standardizer
            Their mean and deviation.

        Raises
        ------
        DatasetError
            If all values are equal.
        """
        mean = float(np.mean([spectrograms[row].mean(dtype=np.float64) for row in rows]))
        variance = float(np.mean([np.square(spectrograms[row] - mean, dtype=np.float64).mean() for row in rows]))
        if variance == 0:
            raise DatasetError(f"expected spectrograms that differ, received the value {mean:g} everywhere")
        return cls(mean, float(np.sqrt(variance)))

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Standardizer":
        """Build a standardizer from its JSON.

        Parameters
        ----------
        document : mapping
            ``mean`` and ``std``.

        Returns
        -------
        Standardizer
            The standardizer.

        Raises
        ------
        ConfigError
            If the keys are others.
        """
        if not isinstance(document, Mapping) or document.keys() != {"mean", "std"}:
            raise ConfigError(f"standardizer: expected the keys mean and std, received {document!r}")
        return cls(**document)

    def apply(
        self, spectrograms: NDArray[np.float32], *, out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Standardize spectrograms.

        Parameters
        ----------
        spectrograms : ndarray of float32
            Any shape.
        out : ndarray of float32, optional
            Where to put the result; `spectrograms` itself is allowed.

        Returns
        -------
        ndarray of float32
            ``(spectrograms - mean) / std``.
        """
        out = np.subtract(spectrograms, np.float32(self.mean), out=out)
        return np.divide(out, np.float32(self.std), out=out)
