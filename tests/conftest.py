"""Recordings and small datasets that the tests make themselves."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from genrebench.audio.mel import MelConfig
from genrebench.audio.synthesis.render import synthesize
from genrebench.data.preprocess import preprocess

# Small spectrograms, 32 x 16, that the genre network can still take.
SMALL = MelConfig(sample_rate=8000, n_fft=512, hop_length=256, n_mels=32, segments=4, track_duration=2.0)
GENRES = ("classical", "disco", "metal")

Recorder = Callable[..., Path]


@pytest.fixture(scope="session")
def music() -> NDArray[np.float32]:
    """Make 30 seconds of music at 22,050 Hz, mono.

    Returns
    -------
    ndarray of float32 [shape=(661500,)]
        The samples.
    """
    return synthesize("rock", seed=1, duration=30.0)


@pytest.fixture
def record(tmp_path: Path, music: NDArray[np.float32]) -> Recorder:
    """Offer a function that writes audio files into the test's folder."""

    def write(
        name: str,
        samples: NDArray[np.float32] = music,
        rate: int = 22050,
        subtype: str | None = None,
    ) -> Path:
        """Write one audio file.

        Parameters
        ----------
        samples : ndarray of float32 [shape=(n,) or (n, channels)]
            Audio.
        """
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, rate, subtype=subtype)
        return path

    return write


def write_originals(dataset: Path, *, tracks: int, genres: tuple[str, ...] = GENRES) -> None:
    """Write a small dataset of recordings."""
    for genre in genres:
        folder = dataset / "genres_original" / genre
        folder.mkdir(parents=True)
        for track in range(tracks):
            samples = synthesize(genre, seed=track, duration=2.0, sample_rate=8000)
            soundfile.write(folder / f"{genre}.{track:05d}.wav", samples, 8000)


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a preprocessed dataset of three genres with four tracks of four segments; tests must not change it."""
    dataset = tmp_path_factory.mktemp("small") / "dataset"
    write_originals(dataset, tracks=4)
    preprocess(dataset, SMALL, jobs=1)
    return dataset
