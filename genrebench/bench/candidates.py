"""What genrebench itself does when it is timed: functions that run as jobs, see `genrebench.backend.worker`.

Words in double backquotes are their options.
"""

import itertools
import os
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from genrebench.backend.worker import Arrays


def train(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Train as ``experiment`` says; note seconds and steps of each epoch, and seconds from reading to the end."""
    from genrebench.backend.protocol import BatchMetrics
    from genrebench.backend.registry import load_backend
    from genrebench.training import Callback, EpochMetrics, Experiment, LoopState
    from genrebench.training import train as run
    from genrebench.training.settings import PLAIN

    experiment = Experiment(**options["experiment"]).override(PLAIN)  # as the plain scripts do
    load_backend(experiment.backend)  # importing its framework is not training
    epoch_seconds: list[float] = []
    began = epoch_began = step_ended = time.perf_counter()
    steps = data_bytes = 0

    class Clock(Callback):
        """Notes when things are done."""

        def on_start(self, state: LoopState) -> None:
            """Note when the first epoch begins."""
            nonlocal epoch_began, data_bytes
            epoch_began, data_bytes = time.perf_counter(), state.data.dataset.spectrograms.nbytes

        def on_step(self, state: LoopState, metrics: BatchMetrics) -> None:
            """Note when a step is done."""
            nonlocal step_ended, steps
            step_ended, steps = time.perf_counter(), steps + 1

        def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
            """Summarize an epoch's steps, validation and log left out."""
            nonlocal epoch_began
            epoch_seconds.append(step_ended - epoch_began)
            epoch_began = time.perf_counter()

    run(experiment, callbacks=[Clock()])
    return {}, {
        "steps": steps // len(epoch_seconds),
        "epoch_seconds": epoch_seconds,
        "seconds": epoch_began - began,
        "data_bytes": data_bytes,
    }


def matrix_product(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Measure the rate of float32 products of ``size`` x ``size`` by NumPy's BLAS, for some ``seconds``: the median."""
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


def arithmetic(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Compute ``count`` Mel power spectra of noise by NumPy alone on one ``core``; note seconds after start-up."""
    import numpy as np

    os.sched_setaffinity(0, {options["core"]})
    frames, filters = (np.random.default_rng(0).random(shape, np.float32) for shape in ((130, 2048), (1025, 128)))
    for repeat in range(options["count"] + 1):
        if repeat == 1:  # the first one plans the transform
            began = time.perf_counter()
        np.square(np.abs(np.fft.rfft(frames))) @ filters
    return {}, {"seconds": time.perf_counter() - began}


def preprocess(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Preprocess ``dataset`` into ``output``; note tracks done, and seconds for all at the rate after start-up.

    With ``cores`` there is a process on each of them.
    """
    from genrebench.audio.mel import MelConfig
    from genrebench.bench.pinned import PinnedProcesses
    from genrebench.data.preprocess import preprocess as run

    done: list[float] = []
    report = run(
        Path(options["dataset"]),
        MelConfig(),
        output=Path(options["output"]),
        executor=PinnedProcesses(tuple(options["cores"]), Path(options["marks"])) if "cores" in options else None,
        on_track=lambda *_: done.append(time.perf_counter()),
    )
    # All processes have begun when some tracks are done; what is done from then on is the rate after start-up.
    first = min(len(done) // 10, 10)
    seconds = len(done) * (done[-1] - done[first]) / (len(done) - 1 - first) if len(done) > first + 1 else None
    return {}, {"written": report.written, "seconds": seconds}


def preprocess_parts(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Measure decoding, Mel spectrograms and writing apart, in one process, on so many ``tracks``."""
    from genrebench.audio.decode import cut_segments
    from genrebench.audio.mel import MelConfig, mel_spectrogram
    from genrebench.audio.recordings import dataset_recordings
    from genrebench.system.arrays import npz_bytes

    config, folder, tracks = MelConfig(), Path(options["output"]), options["tracks"]
    folder.mkdir(parents=True)
    recordings = dataset_recordings(Path(options["dataset"]))
    recordings = recordings[:: max(1, len(recordings) // tracks)][:tracks]
    parts = {"decode": 0.0, "mel": 0.0, "write": 0.0}
    for index, recording in enumerate([recordings[0], *recordings]):
        times = [time.perf_counter()]
        cut = cut_segments(recording.path, sample_rate=config.sample_rate, samples=config.segment_samples)
        segments = list(itertools.islice(cut, config.segments))
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
    """Classify ``recordings`` with ``model`` on ``backend`` after start-up; note seconds and probabilities.

    With ``core`` that is done on one core alone.
    """
    if "core" in options:
        os.sched_setaffinity(0, {options["core"]})
    from genrebench.model.model import Model
    from genrebench.model.prediction import Prediction

    model = Model.load(options["model"], backend=options["backend"])
    model.predict(options["recordings"][0])
    began = time.perf_counter()
    found = list(model.predict_many(options["recordings"]))
    seconds = time.perf_counter() - began
    probabilities = {str(each.path): each.probabilities for each in found if isinstance(each, Prediction)}
    return {}, {"seconds": seconds, "files": len(found), "probabilities": probabilities}


def send_nothing(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Send ``count`` simulated tracks, with which nothing is done, through ``jobs`` processes, or a ``cluster``.

    Notes the seconds for all at the rate after the first, and by how many bytes this process grew.
    """
    from genrebench.system.executor import LocalProcesses
    from genrebench.system.memory import peak_memory_bytes

    count, before = options["count"], peak_memory_bytes() or 0
    if "cluster" in options:
        executor = import_module("genrebench.system.cluster.choice").executor_for(None, options["cluster"])
    else:
        executor = LocalProcesses(options["jobs"])
    items = [Path("genre") / f"track.{number:07d}.wav" for number in range(count)]
    times = [0.0, 0.0]
    for number, _ in enumerate(executor.run(_do_nothing, items, prepare=_prepare_nothing)):
        times[number > 0] = time.perf_counter()
    seconds = (times[1] - times[0]) * count / (count - 1)
    return {}, {"seconds": seconds, "grown_bytes": max((peak_memory_bytes() or 0) - before, 0)}


def _do_nothing(track: Path) -> str:
    """Answer with a small record, as work on a track does."""
    return track.name


def _prepare_nothing() -> None:
    """Prepare a process for that."""
