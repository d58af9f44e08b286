"""The standardizer: mean 0 and deviation 1 on the training part, the same bits everywhere."""

import json

import numpy as np
import pytest

from genrebench.audio.standardize import (
    BandStandardizer,
    Standardizer,
    TrackBandStandardizer,
    TrackStandardizer,
    band_moments,
    fit_standardizer,
    read_standardizer,
)
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


def test_each_kind_does_what_its_formula_says() -> None:
    """In float64, for a recording whose bands differ in level and movement."""
    rng = np.random.default_rng(1)
    x = (rng.normal(0, 1, (4, 5, 30)) * np.arange(1, 6)[:, None] - 10 * np.arange(5)[:, None]).astype(np.float32)
    exact = x.astype(np.float64)
    mean, deviation = exact.mean(axis=(0, 2))[:, None], exact.std(axis=(0, 2))[:, None]
    expected = {
        "global": (exact - exact[:2].mean()) / exact[:2].std(),
        "band": (exact - exact[:2].mean(axis=(0, 2))[:, None]) / exact[:2].std(axis=(0, 2))[:, None],
        "track": (exact - exact.mean()) / exact.std(),
        "track-band": (exact - mean) / (deviation + 0.7),
    }
    for kind, values in expected.items():
        standardizer = fit_standardizer(kind, x, np.arange(2), level=0.7)  # type: ignore[arg-type]
        assert (standardizer.kind, standardizer.by_recording) == (kind, kind.startswith("track"))
        found = standardizer.apply(x)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, values, rtol=1e-4, atol=1e-5)
        assert read_standardizer(json.loads(json.dumps(standardizer.to_json()))) == standardizer


def test_the_document_of_the_global_kind_is_that_of_the_first_version() -> None:
    """Its keys are mean and std, and so it is read by whoever read it before."""
    assert Standardizer(-40.0, 20.0).to_json() == {"mean": -40.0, "std": 20.0}
    assert read_standardizer({"mean": -40.0, "std": 20.0}) == Standardizer(-40.0, 20.0)
    assert read_standardizer({"kind": "track-band", "level": 0.5}) == TrackBandStandardizer(0.5, shrinkage=0)


@pytest.mark.parametrize("shrinkage", [0.0, 0.25, 1.0])
def test_deviations_of_bands_are_drawn_towards_their_root_mean_square(shrinkage: float) -> None:
    """On a logarithmic scale; the same for all at the end, and none of it at the beginning, to the bit."""
    x = (
        np.random.default_rng(0).normal(size=(3, 4, 50)).astype(np.float32)
        * np.array([1, 2, 5, 9], np.float32)[:, None]
    )
    _, deviation = band_moments(x)
    scale = np.asarray(TrackBandStandardizer(0.5, shrinkage).statistics(x)[1])
    pooled = np.sqrt(np.mean(deviation**2))
    expected = np.exp((1 - shrinkage) * np.log(deviation) + shrinkage * np.log(pooled)) + 0.5
    np.testing.assert_allclose(scale, expected, rtol=1e-14)
    if not shrinkage:
        np.testing.assert_array_equal(scale, deviation + 0.5)
    several = np.stack([deviation, 3 * deviation])
    found = TrackBandStandardizer(0.5, shrinkage).from_moments(several, several)[1]
    np.testing.assert_allclose(found - 0.5, [expected - 0.5, 3 * (expected - 0.5)], rtol=1e-14)


def test_what_never_changes_becomes_zero_and_not_nan() -> None:
    """A recording of one value, also one that float32 rounds, and a band that is silent throughout."""
    constant = np.full((3, 4, 5), -33.3, np.float32)
    silent = np.random.default_rng(0).normal(-40, 10, (3, 4, 5)).astype(np.float32)
    silent[:, 1] = -80
    for standardizer in (TrackStandardizer(), TrackBandStandardizer(0.5), TrackBandStandardizer(0.5, 0.5)):
        np.testing.assert_allclose(standardizer.apply(constant), 0, atol=1e-4)
    for other in (
        TrackBandStandardizer(0.5),
        TrackBandStandardizer(0.5, 1),
        BandStandardizer.fit(silent, np.arange(3)),
    ):
        np.testing.assert_array_equal(other.apply(silent)[:, 1], 0)
    for kind in ("global", "band", "track", "track-band"):
        with pytest.raises(DatasetError, match="expected spectrograms that differ"):
            fit_standardizer(kind, np.full((2, 3, 4), -80, np.float32), np.arange(2), level=0.5)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"kind": "song"}, "expected a kind of global, band, track, track-band, received 'song'"),
        ({"kind": ["track"]}, "expected a kind of global"),
        ({"kind": "track", "mean": 1.0}, r"expected the keys \[\]"),
        ({"kind": "track-band"}, r"expected the keys \['level', 'shrinkage'\]"),
        ({"kind": "track-band", "level": 0.5, "shrinkage": 1.1}, "shrinkage: expected a number of at most 1"),
        ({"kind": "track-band", "level": 0.0}, "level: expected a positive number"),
        ({"kind": "track-band", "level": float("nan")}, "level"),
        ({"kind": "band", "mean": [1.0, 2.0], "std": [1.0]}, "a mean and a deviation for each band, received 2 and 1"),
        ({"kind": "band", "mean": [], "std": []}, "a mean and a deviation for each band"),
        ({"kind": "band", "mean": [1.0], "std": [0.0]}, "std"),
        ({"kind": "band", "mean": "1", "std": [1.0]}, "mean"),
    ],
)
def test_a_document_of_another_kind_is_refused(document: object, message: str) -> None:
    """One line that names what is wrong."""
    with pytest.raises(ConfigError, match=message) as refusal:
        read_standardizer(document)
    assert "\n" not in str(refusal.value)
