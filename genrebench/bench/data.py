"""What the candidates work on: spectrograms, recordings and a model, made for the occasion or taken from a dataset."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile

from genrebench.audio.mel import MelConfig
from genrebench.audio.recordings import dataset_recordings
from genrebench.audio.standardize import Standardizer
from genrebench.audio.synthesis.render import GENRES, write_recordings
from genrebench.bench.request import BenchRequest
from genrebench.errors import ConfigError
from genrebench.model.model import Model
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.load import load_architecture
from genrebench.system.arrays import npz_bytes
from genrebench.system.files import escaped

# Four fifths of the segments, which train, are eight batches of 64.
SEGMENTS, TRACKS = 640, 600
# Recordings that are made where none are given; the others are links to them, under other names.
_SYNTHESIZED = 3


@dataclass(frozen=True)
class BenchData:
    """Where a suite works, and with what: a folder that is removed afterwards; `on_run` is told what is run next."""

    folder: Path
    request: BenchRequest
    on_run: Callable[[str], None]

    @cached_property
    def architecture(self) -> Architecture:
        """Read the network whose training is timed."""
        if self.request.architecture is None:
            return genre_cnn(MelConfig().shape, len(GENRES))
        found = load_architecture(self.request.architecture)
        if found.input_shape[-1] != 1 or found.classes < 2:
            raise ConfigError(
                f"{escaped(self.request.architecture)}: expected a network for one channel and at least two genres, "
                f"received one for {found.input_shape[-1]} and {found.classes}"
            )
        return found

    @cached_property
    def tree(self) -> Path:
        """Write `SEGMENTS` random spectrograms that the network fits, as preprocessing does, as many of each genre."""
        tree, rng = self.folder / "tree", np.random.default_rng(0)
        for path in self._segment_paths(tree, SEGMENTS):
            spectrogram = rng.normal(-40, 15, self.architecture.input_shape[:2]).astype(np.float32)
            path.write_bytes(npz_bytes("spectrogram", spectrogram))
        return tree

    def linked_tree(self, count: int) -> Path:
        """Make a tree of links to the spectrograms, as often as it takes."""
        tree = self.folder / f"tree-{count}"
        if not tree.exists():
            sources = itertools.cycle(self._segment_paths(self.tree, SEGMENTS))
            for path, source in zip(self._segment_paths(tree, count), sources, strict=False):
                _link(path, source)
        return tree

    def _segment_paths(self, tree: Path, count: int) -> Iterator[Path]:
        """Name the files of a spectrogram tree, and make its folders."""
        genres = [f"genre{number:03d}" for number in range(self.architecture.classes)]
        for genre in genres:
            (tree / genre).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            track, number = divmod(index // len(genres), 10)
            yield tree / genres[index % len(genres)] / f"track.{track:05d}-{number}.npz"

    @cached_property
    def recordings(self) -> list[Path]:
        """List the recordings that are used: WAV files of 30 s, those of the dataset or made."""
        if self.request.dataset is None:
            self.on_run("synthesizing recordings")
            return write_recordings(self.folder / "originals", tracks_per_genre=_SYNTHESIZED, duration=30.0, seed=0)
        found = [each.path for each in dataset_recordings(self.request.dataset) if _is_wav(each.path)]
        if not found:
            raise ConfigError(
                f"{escaped(self.request.dataset)}: expected WAV recordings, which the plain script reads, found none"
            )
        return found

    def linked(self, count: int) -> Path:
        """Make a dataset of links to the recordings, as often as it takes."""
        folder = self.folder / f"dataset-{count}"
        for index in range(count if not folder.exists() else 0):
            source = self.recordings[index % len(self.recordings)].resolve()
            path = folder / "genres_original" / f"genre{index % 10}" / f"track.{index:05d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            _link(path, source)
        return folder

    @cached_property
    def model(self) -> Path:
        """Name the model that was asked for, or save one with initial weights."""
        if self.request.model is not None:
            return self.request.model
        mel, folder = MelConfig(), self.folder / "model"
        network = genre_cnn(mel.shape, len(GENRES))
        Model(
            architecture=network,
            weights=network.initial_weights(0),
            mel=mel,
            standardizer=Standardizer(-40.0, 15.0),
            genres=GENRES,
        ).save(folder)
        return folder

    def long_recording(self, seconds: int) -> Path:
        """Write a long recording, which repeats the first one."""
        path = self.folder / f"long-{seconds}.wav"
        samples, rate = soundfile.read(self.recordings[0], dtype="int16", always_2d=True)
        with soundfile.SoundFile(path, "w", rate, 1, subtype="PCM_16") as file:
            left = seconds * rate
            while left > 0:
                file.write(samples[:left, 0])
                left -= len(samples)
        return path

    def new_folder(self, name: str) -> Path:
        """Name a folder that is not there.

        Nothing is removed to make room: ext4 passes over inodes that were freed within the last minutes, one by one,
        so thousands of removed files make each new one take half a millisecond longer.
        """
        return next(path for number in itertools.count() if not (path := self.folder / f"{name}-{number}").exists())


def _link(path: Path, source: Path) -> None:
    """Make a link, or a copy where links need privileges."""
    try:
        path.symlink_to(source)
    except OSError:
        shutil.copy(source, path)


def _is_wav(path: Path) -> bool:
    """Return whether a file is a WAV recording that can be decoded, as one of the public GTZAN download cannot."""
    try:
        return bool(soundfile.info(path).format == "WAV")
    except soundfile.LibsndfileError:
        return False
