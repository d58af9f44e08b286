"""The standardizer: mean 0 and deviation 1 on the training part, the same bits everywhere."""

import numpy as np
import pytest

from genrebench.audio.standardize import Standardizer
from genrebench.errors import ConfigError, DatasetError


def test_standardizer_gives_the_training_part_mean_zero_and_deviation_one() -> None:
    """Only the rows of the training part count, and float32 data of large mean loses nothing."""
    rng = np.random.default_rng(0)
    spectrograms = rng.normal(-4000, 3, (20, 30, 40)).astype(np.float32)
    spectrograms[10:] += 1000
    indices = np.arange(10)
    standardizer = Standardizer.fit(spectrograms, indices)
    part = spectrograms[indices].astype(np.float64)
    assert standardizer.mean == pytest.approx(part.mean(), rel=1e-12)
    assert standardizer.std == pytest.approx(part.std(), rel=1e-6)
    applied = standardizer.apply(spectrograms)
    assert applied.dtype == np.float32
    assert abs(applied[indices].mean()) < 1e-4
    assert applied[indices].std() == pytest.approx(1, rel=1e-4)
    assert applied[10:].mean() > 100


def test_standardizing_in_place_gives_the_same_bits() -> None:
    """Training does it in place, inference does not."""
    spectrograms = np.random.default_rng(0).normal(-40, 20, (3, 30, 40)).astype(np.float32)
    standardizer = Standardizer(-41.23456789, 17.654321)
    apart = standardizer.apply(spectrograms)
    standardizer.apply(spectrograms, out=spectrograms)
    np.testing.assert_array_equal(spectrograms, apart)


def test_statistics_that_cannot_standardize_are_refused() -> None:
    """Constant data, no deviation, NaN and other keys."""
    with pytest.raises(DatasetError, match="expected spectrograms that differ"):
        Standardizer.fit(np.full((2, 3, 4), -80, np.float32), np.arange(2))
    for document in ({"mean": 0.0, "std": 0.0}, {"mean": float("nan"), "std": 1.0}, {"mean": 0.0}, [1]):
        with pytest.raises(ConfigError, match="standardizer"):
            Standardizer.from_json(document)
