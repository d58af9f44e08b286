"""What is heard of one recording, wherever it lies: whether it can be used, and what is wrong with it alone."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from genrebench.audio.decode import SAMPLE_RATES, cut_segments
from genrebench.audio.drift import LIBRARIES
from genrebench.audio.mel import MelConfig, mel_spectrogram
from genrebench.audio.recordings import Recording
from genrebench.data.duplicates import Fingerprint, fingerprint
from genrebench.errors import AudioError, escaped
from genrebench.system.executor import ENDS_ITS_PROCESS, Executor, Needs
from genrebench.system.files import sha256_of_file
from genrebench.system.memory import keep_freed_memory
from genrebench.system.remote import at_hand

# Samples in a row at the recording's own maximum that a limiter or a converter leaves, and no music does.
_CLIPPED_RUN = 4
# Share of such samples from which a listener notices.
_CLIPPED = 1e-4
# Mean in relation to full scale, and level below which a block is silent.
_OFFSET, _SILENT_LEVEL = 0.01, 10 ** (-70 / 20)
# Share of a recording that may be silent.
SILENT_SHARE = 0.2
# Segments of a long recording that are compared with others: half an hour.
_COMPARED = 600
_MEL = MelConfig()
# Frames of a fingerprint in a second.
FRAMES_PER_SECOND = _MEL.sample_rate / _MEL.hop_length


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes
    ----------
    kind : str
        A key of `genrebench.evaluation.doctor.REMEDIES`.
    tracks : tuple of str
        What it is about: a track, a pair, or a genre.
    detail : str
        In a few words.
    """

    kind: str
    tracks: tuple[str, ...]
    detail: str


@dataclass(frozen=True)
class Examined:
    """What is known of a recording.

    Attributes
    ----------
    seconds, peak, rate : float
        Duration, largest sample, and sample rate, as far as it can be read.
    format : str
        Container and coding.
    sha256 : str
        Of the file.
    print : Fingerprint, optional
        None for one that cannot be read.
    findings : tuple of Finding
        What is wrong with it alone.
    """

    seconds: float
    peak: float
    rate: float
    format: str
    sha256: str
    print: Fingerprint | None
    findings: tuple[Finding, ...]


def examine_recordings(
    recordings: Sequence[Recording], executor: Executor
) -> Generator[tuple[Recording, Examined], None, None]:
    """Listen to recordings; they come back as they are done."""
    needs = Needs.to_read((recording.path for recording in recordings), LIBRARIES)
    return executor.run(examine_recording, recordings, prepare=keep_freed_memory, lost=_lost, needs=needs)


def examine_recording(recording: Recording) -> tuple[Recording, Examined]:
    """Listen to one recording; it is returned with what was found, for results that come out of order."""
    return recording, _examine(recording)


def _lost(recording: Recording) -> tuple[Recording, Examined]:
    """Give up a recording that ends whatever listens to it."""
    return recording, _unreadable(recording, ENDS_ITS_PROCESS)


def _unreadable(recording: Recording, reason: str) -> Examined:
    """Say of a recording that nothing of it was heard."""
    finding = Finding("unreadable", (recording.key,), reason)
    kind = recording.path.suffix.lower().removeprefix(".")
    return Examined(0.0, 0.0, _MEL.sample_rate, kind, "", None, (finding,))


def _examine(recording: Recording) -> Examined:
    """Listen to one recording, which is fetched before if it is elsewhere."""
    try:
        with at_hand(recording.path) as path:
            return _listen(recording, path)
    except OSError as error:
        return _unreadable(recording, f"cannot be read ({error.strerror or error})")


def _listen(recording: Recording, path: Path) -> Examined:
    """Listen to one recording, whose file is here."""
    kind, rate = _header(path)
    notes: list[str] = []
    digest, measured = "", _Levels(rate)
    segments: list[NDArray[np.float32]] = []
    try:
        digest = sha256_of_file(path)
        for samples in cut_segments(
            path,
            sample_rate=_MEL.sample_rate,
            samples=_MEL.segment_samples,
            notes=notes,
            on_block=measured.add,
        ):
            if len(segments) < _COMPARED:
                segments.append(mel_spectrogram(samples, _MEL))
    except (AudioError, OSError) as error:
        reason = str(error).removeprefix(f"{escaped(path)}: ")
        silent = "silence" in reason
        finding = Finding("silent" if silent else "unreadable", (recording.key,), reason)
        return Examined(measured.seconds, measured.peak, measured.rate, kind, digest, None, (finding,))
    findings = [Finding(name, (recording.key,), detail) for name, detail in measured.faults()]
    findings += [Finding("damaged", (recording.key,), note) for note in notes]
    hops = _MEL.segment_samples / _MEL.hop_length
    return Examined(
        measured.seconds,
        measured.peak,
        measured.rate,
        kind,
        digest,
        fingerprint(np.stack(segments), hops),
        tuple(findings),
    )


class _Levels:
    """Peak, clipping, offset and silence of a recording, block by block."""

    def __init__(self, rate: int) -> None:
        """Have heard nothing of a recording whose header says a rate."""
        self.rate, self.samples, self.peak = rate, 0, 0.0
        self._sum, self._loud = 0.0, Counter[float]()
        self._quiet, self._blocks = 0, 0
        self._tail = np.empty(0, np.float32)

    def add(self, block: NDArray[np.float32], rate: int) -> None:
        """Listen to some more samples."""
        self.rate = rate
        self.samples += len(block)
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        self._sum += float(block.sum(dtype=np.float64))
        # Runs of one value, counted by how loud they are: only those at the maximum are clipping.
        edges = np.flatnonzero(np.diff(block, prepend=np.nan, append=np.nan))
        lengths = np.diff(edges)
        for place in np.flatnonzero(lengths >= _CLIPPED_RUN):
            self._loud[round(float(abs(block[edges[place]])), 3)] += int(lengths[place])
        size = max(1, rate // 10)
        samples = np.concatenate([self._tail, block])
        whole = len(samples) // size * size
        levels = np.sqrt(np.square(samples[:whole].reshape(-1, size), dtype=np.float64).mean(axis=1))
        self._quiet += int((levels < _SILENT_LEVEL).sum())
        self._blocks += len(levels)
        self._tail = samples[whole:]

    @property
    def seconds(self) -> float:
        """Count the seconds that were heard."""
        return self.samples / self.rate

    def faults(self) -> Iterator[tuple[str, str]]:
        """Name what is wrong."""
        mean = self._sum / max(1, self.samples)
        clipped = sum(count for level, count in self._loud.items() if level >= 0.99 * self.peak > 0)
        if clipped > _CLIPPED * self.samples:
            yield "clipped", f"{100 * clipped / self.samples:.2f} % of the samples stay at the maximum"
        if abs(mean) > _OFFSET:
            yield "offset", f"its mean is {mean:+.3f} of full scale"
        if self._quiet > SILENT_SHARE * self._blocks:
            yield "silent", f"{100 * self._quiet / self._blocks:.0f} % of it"


def _header(path: Path) -> tuple[str, int]:
    """Read format and sample rate off a recording's header, where libsndfile knows them."""
    with suppress(soundfile.LibsndfileError, OSError), path.open("rb") as file:
        info = soundfile.info(file)
        if SAMPLE_RATES[0] <= info.samplerate <= SAMPLE_RATES[1]:
            return f"{info.format} {info.subtype}", int(info.samplerate)
    return path.suffix.lower().removeprefix("."), _MEL.sample_rate
