"""What is wrong with a dataset, and what to do about it."""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from natsort import natsorted
from numpy.typing import NDArray

from genrebench.audio.decode import SAMPLE_RATES, cut_segments
from genrebench.audio.drift import LIBRARIES
from genrebench.audio.mel import MelConfig, mel_spectrogram
from genrebench.audio.recordings import Recording
from genrebench.data.dataset import Dataset
from genrebench.data.duplicates import Duplicate, Fingerprint, dataset_duplicates, find_duplicates, fingerprint
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
_SILENT_SHARE = 0.2
# A recording that is shorter than this share of what its genre's usually last was cut off.
_SHORT = 0.9
# Segments of a long recording that are compared with others: half an hour.
_COMPARED = 600
_MEL = MelConfig()

REMEDIES = {
    "unreadable": "remove or replace it; preprocess leaves it out and says so",
    "damaged": "fetch it again; what can be heard is used",
    "short": "keep it if it is whole; it gives fewer segments",
    "silent": "cut the silence away, or remove it: silent segments teach nothing",
    "clipped": "keep it, or take a better master: distortion may be taken for the genre",
    "offset": "remove the constant by a high-pass at 20 Hz; Mel bands above it do not see it",
    "identical": "keep one of them; the split by track keeps both on one side",
    "duplicate": "keep one of them; the split by track keeps both on one side",
    "genres": "decide on one genre: the same recording has two labels",
    "two sides": "use the split by track, or move one of them",
    "few": "add recordings: the genre cannot be split into three parts",
}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes
    ----------
    kind : str
        A key of `REMEDIES`.
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
    finding = Finding("unreadable", (recording.key,), ENDS_ITS_PROCESS)
    kind = recording.path.suffix.lower().removeprefix(".")
    return recording, Examined(0.0, 0.0, _MEL.sample_rate, kind, "", None, (finding,))


def _examine(recording: Recording) -> Examined:
    """Listen to one recording, which is fetched before if it is elsewhere."""
    try:
        with at_hand(recording.path) as path:
            return _listen(recording, path)
    except OSError as error:
        finding = Finding("unreadable", (recording.key,), f"cannot be read ({error.strerror or error})")
        kind = recording.path.suffix.lower().removeprefix(".")
        return Examined(0.0, 0.0, _MEL.sample_rate, kind, "", None, (finding,))


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


def diagnose_recordings(examined: Mapping[Recording, Examined]) -> dict[str, Any]:
    """Put together what is known of all recordings.

    Returns
    -------
    dict
        Plain JSON types: ``genres`` with counts, durations and formats, and ``findings``.
    """
    findings = [finding for each in examined.values() for finding in each.findings]
    genres = {}
    for genre in natsorted({recording.genre for recording in examined}):
        of_genre = {recording: each for recording, each in examined.items() if recording.genre == genre}
        readable = [each for each in of_genre.values() if each.print is not None]
        lengths = [each.seconds for each in readable] or [0.0]
        genres[genre] = {
            "tracks": len(of_genre),
            "unreadable": len(of_genre) - len(readable),
            "seconds": [float(min(lengths)), float(np.median(lengths)), float(max(lengths))],
            "formats": dict(Counter(f"{each.format} {each.rate:g} Hz" for each in of_genre.values())),
        }
        usual = float(np.median(lengths))
        findings += [
            Finding("short", (recording.key,), f"{each.seconds:.1f} s, where {usual:.1f} s are usual")
            for recording, each in of_genre.items()
            if each.print is not None
            and each.seconds < _SHORT * usual
            and all(finding.kind != "damaged" for finding in each.findings)
        ]
        findings += _few(genre, len(readable))
    copies = _identical_files(examined)
    same = {(each.tracks[0], each.tracks[1]) for each in copies}
    prints = {recording.key: each.print for recording, each in examined.items() if each.print is not None}
    frames = _MEL.sample_rate / _MEL.hop_length
    others = [each for each in find_duplicates(prints) if (each.first, each.second) not in same]
    findings += [*copies, *(_duplicate(each, frames) for each in others)]
    return {"genres": genres, "findings": findings + _other_genres(findings)}


def diagnose_tree(dataset: Dataset) -> dict[str, Any]:
    """Put together what can be known of a spectrogram tree: counts, silence, and recordings that stand twice.

    Returns
    -------
    dict
        As of `diagnose_recordings`; ``formats`` has the shape of the spectrograms.
    """
    names, first, counts = np.unique(dataset.tracks, return_index=True, return_counts=True)
    shape = " x ".join(map(str, dataset.spectrograms.shape[1:]))
    findings = []
    genres = {}
    for label, genre in enumerate(dataset.genres):
        here = dataset.labels[first] == label
        genres[genre] = {
            "tracks": int(here.sum()),
            "segments": int(counts[here].sum()),
            "formats": {shape: int(here.sum())},
        }
        findings += _few(genre, int(here.sum()))
        usual = int(np.median(counts[here]))
        findings += [
            Finding("short", (str(name),), f"{count} segments, where {usual} are usual")
            for name, count in zip(names[here], counts[here], strict=True)
            if count < _SHORT * usual
        ]
    for name, start, count in zip(names, first, counts, strict=True):
        rows = dataset.spectrograms[start : start + count]
        silent = int((rows.max(axis=(1, 2)) == rows.min(axis=(1, 2))).sum())
        if silent > _SILENT_SHARE * count:
            findings.append(Finding("silent", (str(name),), f"{silent} of {count} segments"))
    findings += [_duplicate(each, None) for each in dataset_duplicates(dataset)]
    return {"genres": genres, "findings": findings + _other_genres(findings)}


def overlaps(findings: Sequence[Finding], side_of: Mapping[str, str]) -> list[Finding]:
    """Find the pairs that are one recording and stand on two sides of a split.

    Parameters
    ----------
    side_of : mapping
        Name of the side of each track; a track without one is in no part.
    """
    return [
        Finding("two sides", each.tracks, " and ".join(side_of[track] for track in each.tracks))
        for each in findings
        if each.kind in ("identical", "duplicate") and len({side_of.get(track) for track in each.tracks} - {None}) == 2
    ]


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
        if self._quiet > _SILENT_SHARE * self._blocks:
            yield "silent", f"{100 * self._quiet / self._blocks:.0f} % of it"


def _header(path: Path) -> tuple[str, int]:
    """Read format and sample rate off a recording's header, where libsndfile knows them."""
    with suppress(soundfile.LibsndfileError, OSError), path.open("rb") as file:
        info = soundfile.info(file)
        if SAMPLE_RATES[0] <= info.samplerate <= SAMPLE_RATES[1]:
            return f"{info.format} {info.subtype}", int(info.samplerate)
    return path.suffix.lower().removeprefix("."), _MEL.sample_rate


def _few(genre: str, tracks: int) -> list[Finding]:
    """Say that a genre has too few tracks for three parts."""
    return [Finding("few", (genre,), f"{tracks} tracks that can be used")] if tracks < 3 else []


def _identical_files(examined: Mapping[Recording, Examined]) -> list[Finding]:
    """Find files that are equal byte by byte."""
    by_hash: dict[str, list[str]] = {}
    for recording, each in examined.items():
        by_hash.setdefault(each.sha256 or recording.key, []).append(recording.key)
    pairs = [(keys[0], key) for keys in by_hash.values() for key in keys[1:]]
    return [Finding("identical", pair, "the same file") for pair in pairs]


def _duplicate(found: Duplicate, frames_per_second: float | None) -> Finding:
    """Describe a pair that is one recording."""
    detail = f"{100 * found.different:.0f} % of the fingerprint differ"
    if found.shift and frames_per_second:
        detail += f", shifted by {abs(found.shift) / frames_per_second:.1f} s"
    return Finding("duplicate", (found.first, found.second), detail)


def _other_genres(findings: Sequence[Finding]) -> list[Finding]:
    """Find the pairs that are one recording in two genres."""
    return [
        Finding("genres", each.tracks, "one recording, two genres")
        for each in findings
        if each.kind in ("identical", "duplicate") and len({track.partition("/")[0] for track in each.tracks}) == 2
    ]
