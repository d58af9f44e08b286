"""The shift and scale that standardize spectrograms."""

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import DatasetError
from genrebench.system.validation import Checked


@dataclass(frozen=True)
class Standardizer(Checked):
    """Shift and scale that give the training spectrograms mean 0 and deviation 1.

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

    subject: ClassVar[str] = "standardizer"

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

    def apply(
        self, spectrograms: NDArray[np.float32], *, out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Standardize spectrograms.

        Parameters
        ----------
        out : ndarray of float32, optional
            Where to put the result; `spectrograms` itself is allowed.
        """
        out = np.subtract(spectrograms, np.float32(self.mean), out=out)
        return np.divide(out, np.float32(self.std), out=out)
