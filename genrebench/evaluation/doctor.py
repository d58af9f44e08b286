"""What is wrong with a dataset, and what to do about it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from natsort import natsorted
from numpy.typing import NDArray

from genrebench.audio.recordings import Recording
from genrebench.data.dataset import Dataset
from genrebench.data.duplicates import Duplicate, dataset_duplicates, find_duplicates
from genrebench.data.waiting import WaitingPrints
from genrebench.evaluation.listening import FRAMES_PER_SECOND, SILENT_SHARE, Examined, Finding

# A recording that is shorter than this share of what its genre's usually last was cut off.
_SHORT = 0.9

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


class Examination:
    """What is known of recordings, as far as they came back: some bytes of each, while their fingerprints wait on disk.

    It is a context manager, at whose end they are gone.

    Parameters
    ----------
    recordings : sequence of Recording
        All that are examined, each under a name of its own.
    """

    def __init__(self, recordings: Sequence[Recording]) -> None:
        """Know nothing yet."""
        self._recordings = recordings
        self._numbers = {recording.key: number for number, recording in enumerate(recordings)}
        self._seconds, self._formats = np.zeros(len(recordings)), np.zeros(len(recordings), np.int32)
        self._hashes = np.zeros(len(recordings), "S32")
        self._format_codes: dict[str, int] = {}
        self._findings: dict[int, tuple[Finding, ...]] = {}
        self._prints = WaitingPrints(self._numbers)

    def __enter__(self) -> "Examination":
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Drop the fingerprints."""
        self._prints.close()

    def add(self, recording: Recording, examined: Examined) -> None:
        """Keep what was found of a recording."""
        number = self._numbers[recording.key]
        self._seconds[number] = examined.seconds
        name = f"{examined.format} {examined.rate:g} Hz"
        self._formats[number] = self._format_codes.setdefault(name, len(self._format_codes))
        self._hashes[number] = bytes.fromhex(examined.sha256)
        if examined.findings:
            self._findings[number] = examined.findings
        if examined.print is not None:
            self._prints.put(number, examined.print)

    def diagnose(self) -> dict[str, Any]:
        """Put together what is known of all recordings.

        Returns
        -------
        dict
            Plain JSON types: ``genres`` with counts, durations and formats, and ``findings``.
        """
        findings = [finding for number in sorted(self._findings) for finding in self._findings[number]]
        readable = self._prints.are_there()
        names, labels = np.unique([recording.genre for recording in self._recordings], return_inverse=True)
        formats = list(self._format_codes)
        genres = {}
        for genre in natsorted(names.tolist()):
            here = np.flatnonzero(labels == np.searchsorted(names, genre))
            lengths = self._seconds[here[readable[here]]]
            usual = float(np.median(lengths)) if len(lengths) else 0.0
            genres[genre] = {
                "tracks": len(here),
                "unreadable": len(here) - len(lengths),
                "seconds": [float(lengths.min(initial=usual)), usual, float(lengths.max(initial=usual))],
                "formats": dict(Counter(formats[code] for code in self._formats[here].tolist())),
            }
            findings += self._short(here[readable[here]], usual)
            findings += _few(genre, len(lengths))
        copies = self._identical_files()
        same = {(each.tracks[0], each.tracks[1]) for each in copies}
        others = [each for each in find_duplicates(self._prints) if (each.first, each.second) not in same]
        findings += [*copies, *(_duplicate(each, FRAMES_PER_SECOND) for each in others)]
        return {"genres": genres, "findings": findings + _other_genres(findings)}

    def _short(self, numbers: NDArray[np.int64], usual: float) -> Iterator[Finding]:
        """Find those of a genre's recordings that were cut off, and do not say so themselves."""
        for number in numbers[self._seconds[numbers] < _SHORT * usual].tolist():
            if all(finding.kind != "damaged" for finding in self._findings.get(number, ())):
                detail = f"{self._seconds[number]:.1f} s, where {usual:.1f} s are usual"
                yield Finding("short", (self._recordings[number].key,), detail)

    def _identical_files(self) -> list[Finding]:
        """Find files that are equal byte by byte."""
        _, first, places = np.unique(self._hashes, return_index=True, return_inverse=True)
        originals = first[places]
        copies = np.flatnonzero((originals != np.arange(len(originals))) & (self._hashes != b""))
        return [
            Finding("identical", (self._recordings[originals[copy]].key, self._recordings[copy].key), "the same file")
            for copy in copies[np.argsort(originals[copies], kind="stable")]
        ]


def diagnose_tree(dataset: Dataset) -> dict[str, Any]:
    """Put together what can be known of a spectrogram tree: counts, silence, and recordings that stand twice.

    Returns
    -------
    dict
        As of `Examination.diagnose`; ``formats`` has the shape of the spectrograms.
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
        if silent > SILENT_SHARE * count:
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


def _few(genre: str, tracks: int) -> list[Finding]:
    """Say that a genre has too few tracks for three parts."""
    return [Finding("few", (genre,), f"{tracks} tracks that can be used")] if tracks < 3 else []


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
