"""What an exported model is tried on, and what it must give: segments of recordings, and the reference's logits."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from genrebench.audio.decode import cut_segments
from genrebench.audio.mel import FLOOR_DB, mel_spectrogram
from genrebench.audio.synthesis.render import synthesize
from genrebench.errors import ModelError
from genrebench.model.model import Model
from genrebench.network.numerics import relative_error
from genrebench.network.reference import ReferenceNetwork
from genrebench.network.types import Array
from genrebench.system.files import StrPath
from genrebench.system.temporary import temporary_folder

# Of logits, by the norm of all; rounding in float32 is a tenth of it. And in dB.
LOGITS_TOLERANCE, MEL_TOLERANCE = 1e-5, 1e-4
# Segments of a recording that are tried, and the music where no recording is given: genre and segments of each.
_MOST, _MUSIC = 10, (("rock", 3), ("jazz", 1), ("classical", 2))

Batches = list[NDArray[np.float32]]


def part(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    """Take the arrays of one kind from what a job gave back."""
    start = f"{prefix}/"
    return {name.removeprefix(start): each for name, each in arrays.items() if name.startswith(start)}


@dataclass(frozen=True)
class Check:
    """One comparison of an exported model.

    Attributes
    ----------
    what : str
        What is compared with what.
    found, limit : float
        The largest difference, and the one that passes.
    unit : str
        Of both; empty for a share of the norm.
    """

    what: str
    found: float
    limit: float
    unit: str = ""

    @property
    def passed(self) -> bool:
        """Return whether the difference is small enough; NaN is not."""
        return self.found <= self.limit

    @property
    def label(self) -> str:
        """Describe what was found in a line."""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.what}: {self.found:.1e}{unit}, at most {self.limit:.0e}{unit}"

    def require(self, path: Path) -> "Check":
        """Return itself, if it passed.

        Raises
        ------
        ModelError
            If it did not.
        """
        if not self.passed:
            unit = f" {self.unit}" if self.unit else ""
            raise ModelError(
                f"{self.what}: expected a difference of at most {self.limit:g}{unit}, received {self.found:.2g}{unit}; "
                "nothing was written",
                path=path,
            )
        return self


@dataclass(frozen=True)
class Trial:
    """What a model is tried on: for each recording, its segments.

    Attributes
    ----------
    source : str
        What the recordings are.
    audio : list of ndarray of float32 [shape=(segments, samples)]
        Empty for a model that does not know how recordings become its inputs.
    spectrograms : list of ndarray of float32 [shape=(segments, n_mels, frames)]
        In dB, as librosa makes them.
    """

    source: str
    audio: Batches
    spectrograms: Batches

    @property
    def segments(self) -> int:
        """Count the segments of all recordings."""
        return sum(map(len, self.spectrograms))

    @property
    def label(self) -> str:
        """Describe what a model is tried on."""
        return f"{self.segments} segments of {self.source}"


def make_trial(model: Model, recordings: Sequence[StrPath]) -> Trial:
    """Cut recordings into segments; without any, synthetic music, or for a model without Mel settings noise.

    Raises
    ------
    AudioError
        If a recording cannot be read.
    ModelError
        If recordings are given for a model that cannot take any.
    """
    mel = model.mel
    if mel is None:
        if recordings:
            raise ModelError(
                "--check: expected a model that knows its Mel settings, received one that was trained on another "
                "program's spectrograms; leave --check out",
                path=model.folder or "model",
            )
        rng = np.random.default_rng(0)
        shape = model.architecture.input_shape[:2]
        noise = [rng.uniform(FLOOR_DB, 0, (count, *shape)).astype(np.float32) for _, count in _MUSIC]
        return Trial("noise", [], noise)
    most = min(_MOST, mel.segments)
    with _paths(recordings, mel.sample_rate, mel.segment_samples) as paths:
        audio = [
            np.stack(list(islice(cut_segments(path, sample_rate=mel.sample_rate, samples=mel.segment_samples), most)))
            for path in paths
        ]
    source = "synthetic music" if not recordings else f"{len(audio)} recording{'s' * (len(audio) > 1)}"
    return Trial(source, audio, [np.stack([mel_spectrogram(each, mel) for each in batch]) for batch in audio])


@contextmanager
def _paths(recordings: Sequence[StrPath], sample_rate: int, samples: int) -> Iterator[list[Path]]:
    """Name the recordings; without any, music is made."""
    if recordings:
        yield [Path(each) for each in recordings]
        return
    with temporary_folder("export") as folder:
        paths = []
        for seed, (genre, segments) in enumerate(_MUSIC):
            paths.append(folder / f"{genre}.wav")
            music = synthesize(genre, seed=seed, duration=segments * samples / sample_rate, sample_rate=sample_rate)
            soundfile.write(paths[-1], music, sample_rate)
        yield paths


def check_spectrograms(trial: Trial, found: Mapping[str, Array]) -> Check:
    """Compare spectrograms by number of the recording with librosa's."""
    largest = max(
        float(np.abs(found[str(number)] - expected).max()) if found[str(number)].shape == expected.shape else np.inf
        for number, expected in enumerate(trial.spectrograms)
    )
    return Check(f"spectrograms of {trial.label} against librosa", largest, MEL_TOLERANCE, "dB")


def check_logits(model: Model, trial: Trial, found: Mapping[str, Array], inputs: Batches) -> Check:
    """Compare logits by number of the recording with the reference's in float64.

    Parameters
    ----------
    inputs : list of ndarray [shape=(segments, n_mels, frames)]
        Standardized spectrograms.
    """
    reference = ReferenceNetwork(model.architecture, model.weights, dtype="float64")
    expected = np.concatenate([reference.logits(each[..., np.newaxis]) for each in inputs])
    received = np.concatenate([found[str(number)] for number in range(len(inputs))])
    return Check(f"logits of {trial.label} against the reference", relative_error(received, expected), LOGITS_TOLERANCE)
