"""The genres: their rules are written without slips, and they sound different."""

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.synthesis.render import GENRES, synthesize
from genrebench.audio.synthesis.styles import DRUMS, STEPS, STYLES, TIMBRES, TONES


def band_levels(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Describe a recording by its frequency bands: how loud each is and how much that varies.

    Returns
    -------
    ndarray of float64, shape [48]
        Mean level, then standard deviation, of 24 bands in dB below the loudest.
    """
    frames = samples[: len(samples) // 1024 * 1024].reshape(-1, 1024) * np.hanning(1024)
    power = np.square(np.abs(np.fft.rfft(frames)))
    starts = np.unique(np.geomspace(1, 480, 30).astype(int))[:24]
    levels = 10 * np.log10(np.add.reduceat(power, starts, axis=1) + 1e-6)
    levels = np.maximum(levels - levels.max(), -80)
    return np.concatenate([levels.mean(0), levels.std(0)])


def nearest_centroid_accuracy(train: NDArray[np.float64], test: NDArray[np.float64]) -> float:
    """Classify recordings by the nearest mean of a genre's other recordings."""
    deviation = train.std((0, 1)) + 1e-9
    gaps = (test[:, :, None] - train.mean(1)[None, None]) / deviation
    nearest = np.square(gaps).sum(-1).argmin(-1)
    return float(np.mean(nearest == np.arange(len(train))[:, None]))


def test_genres_are_told_apart_by_their_frequency_bands() -> None:
    """A trivial classifier recognizes the genre of most unheard recordings; one in ten would be chance."""
    features = np.array(
        [[band_levels(synthesize(genre, seed=seed, duration=6.0)) for seed in range(12)] for genre in GENRES]
    )
    assert nearest_centroid_accuracy(features[:, :8], features[:, 8:]) > 0.6


def test_the_genre_test_would_notice_genres_that_sound_alike() -> None:
    """With the same genre under ten names, the trivial classifier is left to chance."""
    features = np.array([band_levels(synthesize("rock", seed=seed, duration=6.0)) for seed in range(120)])
    alike = features.reshape(10, 12, -1)
    assert nearest_centroid_accuracy(alike[:, :8], alike[:, 8:]) < 0.4


def test_every_name_and_bar_of_a_style_is_one() -> None:
    """Instruments, drums and chords are there, and bars have sixteen sixteenths."""
    for style in STYLES.values():
        assert {chord.split(":")[1] for each in style.progressions for chord in each.split()} <= TONES.keys()
        voices = [voice.split("=") for beat in style.drums for voice in beat.split()]
        assert {name for name, _ in voices} <= DRUMS.keys()
        bars = [pattern for _, pattern in voices]
        for part in style.parts:
            assert set(part.timbres.split()) <= TIMBRES.keys()
            bars += part.patterns.split()
        assert {len(bar) for bar in bars} == {STEPS}
