"""How the tests run, and the recordings and small datasets that they make themselves."""

import json
import os
import re
import shutil
import signal
import sys
from importlib.machinery import PathFinder
from typing import Any

# One thread per process, set before NumPy or a framework is imported and inherited by every process that a test starts:
# the networks are so small that threads would only wait for each other, and several test processes share the cores.
for _name in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
    os.environ[f"{_name}_THREADS"] = "1"
# GENREBENCH_TEST_BACKENDS=torch tests PyTorch alone: what no selected backend needs is as good as not installed.
_NEEDS = {"torch": {"torch"}, "keras": {"keras", "tensorflow"}, "keras-jax": {"keras", "jax"},
          "keras-torch": {"keras", "torch"}, "numpy": set(), "onnx": {"onnx", "onnxruntime"}}  # fmt: skip
SELECTED = set(filter(None, os.environ.get("GENREBENCH_TEST_BACKENDS", ",".join(_NEEDS)).split(","))) | {"numpy"}
assert _NEEDS.keys() >= SELECTED, f"GENREBENCH_TEST_BACKENDS: expected names among {', '.join(_NEEDS)}"
_ABSENT = set().union(*_NEEDS.values()).difference(*(_NEEDS[name] for name in SELECTED))


class _WithoutSomeFrameworks(PathFinder):
    """Finds what is installed, but for some frameworks."""

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Find a module."""
        return None if fullname.partition(".")[0] in _ABSENT else super().find_spec(fullname, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = _WithoutSomeFrameworks
# Where it is set, every process would compile genrebench and its own modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A run in the background of a script ignores Ctrl-C, and so would every process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from filelock import FileLock
from numpy.typing import NDArray

from genrebench.audio.mel import MelConfig
from genrebench.audio.synthesis.render import synthesize
from genrebench.data.preprocess import preprocess

# Small spectrograms, 32 x 16, that the genre network can still take.
SMALL = MelConfig(sample_rate=8000, n_fft=512, hop_length=256, n_mels=32, segments=4, track_duration=2.0)
SMALL_OPTIONS = "--sample-rate 8000 --n-fft 512 --hop-length 256 --n-mels 32 --segments 4 --track-duration 2".split()
GENRES = ("classical", "disco", "metal")

Recorder = Callable[..., Path]

# How many seconds a case of each test took, of those that took more than 0.05; `make times` writes it.
TIMES: dict[str, float] = json.loads(Path(__file__).with_name("times.json").read_text())
# `make check` leaves out tests that take longer, and files of which any test needs what takes long to start.
QUICK = 0.06
SLOW = tuple(
    "backends/keras_cnn/ backends/test_ bench/ cli/test_on_cluster cli/test_train data/test_on_cluster "
    "parity/test_planted serve/test_page system/cluster/ test_doctests test_optimized test_snippets".split()
)
EXHAUSTIVE = [
    line for line in Path(__file__).with_name("exhaustive.txt").read_text().splitlines() if not line.startswith("#")
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow or exhaustive, put the slowest files first, and skip backends that are not selected."""
    exhaustive = re.compile("|".join(re.escape(line).replace(re.escape("*"), ".*") + r"(\[.*)?" for line in EXHAUSTIVE))
    of_file: dict[Path, float] = {}
    for item in items:
        name = f"{item.path.relative_to(Path(__file__).parent).as_posix()}::{item.name}"
        seconds = TIMES.get(name.partition("[")[0], 0)
        if seconds > QUICK or name.startswith(SLOW):
            item.add_marker("slow")
        if exhaustive.fullmatch(name):
            item.add_marker("exhaustive")
        of_file[item.path] = of_file.get(item.path, 0) + seconds
    items.sort(key=lambda item: -of_file[item.path])
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if parameters.get("backend") in _NEEDS.keys() - SELECTED:
            item.add_marker(pytest.mark.skip(reason="not among GENREBENCH_TEST_BACKENDS"))


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Make a folder once for all processes that share the tests, which must not change it.

    Parameters
    ----------
    make : callable
        Fills the folder; it is made where it stays, since what is in it may name it.
    """
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"once-{name}"
    whole = folder.with_suffix(".whole")
    with FileLock(folder.with_suffix(".lock")):
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder


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


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start a scheduler of Dask and two workers; tests must leave them as they are.

    Yields
    ------
    Path
        The scheduler's file.
    """
    pytest.importorskip("distributed")
    from tests.system.cluster.dask import dask

    with dask(tmp_path_factory.mktemp("dask"), {}, {}) as started:
        yield started.file
