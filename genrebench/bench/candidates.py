"""What genrebench itself does when it is timed: functions that run as jobs, see `genrebench.backend.worker`."""

import itertools
import time
from pathlib import Path
from typing import Any

from genrebench.backend.worker import Arrays


def train(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Train, and note when each step and each epoch is done.

    Parameters
    ----------
    options : dict
        ``experiment``, as `Experiment` takes it.

    Returns
    -------
    dict
        Nothing.
    dict
        Steps of an epoch, seconds that these take in each epoch, seconds from the reading of the data to the end of the
        last epoch, bytes of data.
    """
    from genrebench.backend.protocol import BatchMetrics
    from genrebench.backend.registry import load_backend
    from genrebench.training.checkpoint import Epoch
    from genrebench.training.config import Experiment
    from genrebench.training.loop import TrainingData
    from genrebench.training.loop import train as run

    experiment = Experiment(**options["experiment"])
    load_backend(experiment.backend)  # importing its framework is not training
    steps: list[float] = []
    epoch_seconds: list[float] = []
    began = epoch_began = time.perf_counter()
    data_bytes = 0

    def on_start(data: TrainingData) -> None:
        """Note when the first epoch begins."""
        nonlocal epoch_began, data_bytes
        epoch_began, data_bytes = time.perf_counter(), data.dataset.spectrograms.nbytes

    def on_batch(_metrics: BatchMetrics) -> None:
        """Note when a step is done."""
        steps.append(time.perf_counter())

    def on_epoch(_epoch: Epoch) -> None:
        """Summarize an epoch's steps, validation and log left out."""
        nonlocal epoch_began
        epoch_seconds.append(steps[-1] - epoch_began)
        epoch_began = time.perf_counter()

    run(experiment, on_start=on_start, on_batch=on_batch, on_epoch=on_epoch)
    return {}, {
        "steps": len(steps) // len(epoch_seconds),
        "epoch_seconds": epoch_seconds,
        "seconds": epoch_began - began,
        "data_bytes": data_bytes,
    }


def matrix_product(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Measure the machine's rate of float32 matrix products, by NumPy's BLAS.

    Parameters
    ----------
    options : dict
        ``size`` of the matrices, and ``seconds`` to go on for.

    Returns
    -------
    dict
        Nothing.
    dict
        The median rate in GFLOP/s, as steps are summarized by their median.
    """
    import numpy as np

    size, seconds = options["size"], options["seconds"]
    a, b = np.random.default_rng(0).random((2, size, size), np.float32)
    c = np.empty_like(a)
    times: list[float] = []
    while sum(times) < seconds:
        began = time.perf_counter()
        np.matmul(a, b, out=c)
        times.append(time.perf_counter() - began)
    return {}, {"gflops": 2 * size**3 / float(np.median(times)) / 1e9}


def preprocess(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Preprocess, and note when each track is done.

    Parameters
    ----------
    options : dict
        ``dataset`` and ``output``.

    Returns
    -------
    dict
        Nothing.
    dict
        Tracks done, and seconds for all of them at the rate after start-up.
    """
    from genrebench.audio.mel import MelConfig
    from genrebench.data.preprocess import preprocess as run

    done: list[float] = []
    report = run(
        Path(options["dataset"]),
        MelConfig(),
        output=Path(options["output"]),
        on_track=lambda *_: done.append(time.perf_counter()),
    )
    # All processes have begun when some tracks are done; what is done from then on is the rate after start-up.
    first = min(len(done) // 10, 10)
    seconds = len(done) * (done[-1] - done[first]) / (len(done) - 1 - first) if len(done) > first + 1 else None
    return {}, {"written": report.written, "seconds": seconds}


def preprocess_parts(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Measure decoding, Mel spectrograms and writing apart, in one process.

    Parameters
    ----------
    options : dict
        ``dataset``, ``output``, and how many ``tracks`` to take.

    Returns
    -------
    dict
        Nothing.
    dict
        Seconds per track for each part.
    """
    from genrebench.audio.mel import MelConfig, cut_segments, mel_spectrogram
    from genrebench.audio.recordings import dataset_recordings
    from genrebench.system.files import npz_bytes

    config, folder, tracks = MelConfig(), Path(options["output"]), options["tracks"]
    folder.mkdir(parents=True)
    recordings = dataset_recordings(Path(options["dataset"]))
    recordings = recordings[:: max(1, len(recordings) // tracks)][:tracks]
    parts = {"decode": 0.0, "mel": 0.0, "write": 0.0}
    for index, recording in enumerate([recordings[0], *recordings]):
        times = [time.perf_counter()]
        segments = list(itertools.islice(cut_segments(recording.path, config), config.segments))
        times.append(time.perf_counter())
        spectrograms = [mel_spectrogram(segment, config) for segment in segments]
        times.append(time.perf_counter())
        for number, spectrogram in enumerate(spectrograms):
            (folder / f"{index}-{number}.npz").write_bytes(npz_bytes("spectrogram", spectrogram))
        times.append(time.perf_counter())
        if index:  # the first one pays for imports and filters
            for part, began, ended in zip(parts, times[:-1], times[1:], strict=True):
                parts[part] += (ended - began) / len(recordings)
    return {}, {"seconds": parts}


def infer(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Classify recordings after start-up.

    Parameters
    ----------
    options : dict
        ``model`` and ``recordings``.

    Returns
    -------
    dict
        Nothing.
    dict
        Seconds, number of files, and by file the probabilities of the genres.
    """
    from genrebench.model.classifier import GenreClassifier, Prediction
    from genrebench.model.saved import load_model

    classifier = GenreClassifier(load_model(Path(options["model"])))
    classifier.predict(Path(options["recordings"][0]))
    began = time.perf_counter()
    found = list(classifier.predict_all(map(Path, options["recordings"])))
    seconds = time.perf_counter() - began
    probabilities = {str(each.path): each.probabilities for each in found if isinstance(each, Prediction)}
    return {}, {"seconds": seconds, "files": len(found), "probabilities": probabilities}
