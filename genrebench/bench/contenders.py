"""Contenders of genrebench's own: ``python -m genrebench.bench.contenders NAME JSON`` prints one JSON object."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any


def train(
    tree: str,
    folder: str,
    *,
    backend: str,
    precision: str = "float32",
    device: str = "auto",
    epochs: int,
    validation: float,
    test: float = 0.0,
) -> dict[str, Any]:
    """Train with `genrebench.training.loop.train`, and note when each step and each epoch is done.

    Parameters
    ----------
    folder : str
        Where the run is saved.
    backend, precision, device : str
        Who trains, in what, and where.
    epochs : int
        How often the training part is gone through.
    validation, test : float
        Shares of the segments that do not train.

    Returns
    -------
    dict
        Steps of an epoch, seconds that these take in each epoch, seconds from the reading of the data to the end of the
        last epoch, files opened for reading after the first epoch, bytes of data.
    """
    import os

    from genrebench.backend.protocol import BatchMetrics
    from genrebench.backend.registry import load_backend
    from genrebench.training import Callback, EpochMetrics, Experiment, LoopState, SplitSettings, TrainingSettings
    from genrebench.training import train as run

    experiment = Experiment(
        name="run",
        backend=backend,
        device=device,
        dataset=Path(tree),
        results=Path(folder),
        split=SplitSettings(protocol="segment", validation=validation, test=test),
        training=TrainingSettings(epochs=epochs, precision=precision),  # type: ignore[arg-type]  # pydantic checks it
    )
    load_backend(backend)  # importing its framework is not training
    steps: list[float] = []
    epoch_seconds: list[float] = []
    opened: list[str] = []
    began = epoch_began = time.perf_counter()
    data_bytes = 0

    def notice(event: str, arguments: tuple[Any, ...]) -> None:
        """Count files that are opened for reading."""
        if event == "open" and len(epoch_seconds) in range(1, epochs) and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            opened.append(str(arguments[0]))

    class Clock(Callback):
        """Notes when things are done."""

        def on_start(self, state: LoopState) -> None:
            """Note when the first epoch begins."""
            nonlocal epoch_began, data_bytes
            epoch_began, data_bytes = time.perf_counter(), state.data.dataset.spectrograms.nbytes

        def on_step(self, state: LoopState, metrics: BatchMetrics) -> None:
            """Note when a step is done."""
            steps.append(time.perf_counter())

        def on_epoch(self, state: LoopState, metrics: EpochMetrics) -> None:
            """Summarize an epoch's steps, validation and log left out."""
            nonlocal epoch_began
            epoch_seconds.append(steps[-1] - epoch_began)
            epoch_began = time.perf_counter()

    sys.addaudithook(notice)
    run(experiment, callbacks=[Clock()])
    return {
        "steps": len(steps) // epochs,
        "epoch_seconds": epoch_seconds,
        "seconds": epoch_began - began,
        "files_opened": len(opened),
        "data_bytes": data_bytes,
    }


def gather_operations() -> dict[str, Any]:
    """Count the operations of Python's that gathering batches takes, for small batches and for large ones.

    Returns
    -------
    dict
        Bytecode operations for four batches of 8 and of 64; what NumPy does inside a call is none.
    """
    import numpy as np

    from genrebench.training.batches import batches

    inputs, labels = np.zeros((256, 16, 16, 1), np.float32), np.zeros(256, np.int64)
    counts = {}
    for size in (8, 64):
        operations = 0

        def trace(frame: FrameType, event: str, _argument: object) -> Any:
            """Count an operation, and ask to be told of each."""
            nonlocal operations
            frame.f_trace_opcodes = True
            operations += event == "opcode"
            return trace

        rows = np.arange(4 * size)
        sys.settrace(trace)
        for _ in batches(inputs, labels, rows, size):
            pass
        sys.settrace(None)
        counts[str(size)] = operations
    return {"operations": counts}


def matrix_product(*, size: int, seconds: float) -> dict[str, Any]:
    """Measure the machine's rate of float32 matrix products, by NumPy's BLAS.

    Returns
    -------
    dict
        The median rate in GFLOP/s, as steps are summed up by their median.
    """
    import numpy as np

    a, b = np.random.default_rng(0).random((2, size, size), np.float32)
    c = np.empty_like(a)
    times: list[float] = []
    while sum(times) < seconds:
        began = time.perf_counter()
        np.matmul(a, b, out=c)
        times.append(time.perf_counter() - began)
    return {"gflops": 2 * size**3 / float(np.median(times)) / 1e9}


def preprocess(dataset: str, output: str, *, jobs: int | None = None) -> dict[str, Any]:
    """Preprocess, and note when each track is done.

    Parameters
    ----------
    jobs : int, optional
        Number of processes; 1 works in this one, where everything that is imported can be seen.

    Returns
    -------
    dict
        Tracks done, seconds for all of them at the rate after start-up, whether librosa was imported here.
    """
    from genrebench.audio.mel import MelConfig
    from genrebench.data.preprocess import preprocess as run

    done: list[float] = []
    note = lambda *_: done.append(time.perf_counter())  # noqa: E731
    report = run(Path(dataset), MelConfig(), output=Path(output), jobs=jobs, on_track=note)
    # Both processes have begun when some tracks are done; what is done from then on is the rate after start-up.
    first = min(len(done) // 10, 10)
    seconds = len(done) * (done[-1] - done[first]) / (len(done) - 1 - first) if len(done) > first + 1 else None
    return {"written": report.written, "skipped": report.skipped, "seconds": seconds,
            "librosa_imported": "librosa" in sys.modules}  # fmt: skip


def preprocess_parts(dataset: str, output: str, *, tracks: int) -> dict[str, Any]:
    """Measure decoding, Mel spectrograms and writing apart, in one process.

    Returns
    -------
    dict
        Seconds a track for each part.
    """
    import itertools

    from genrebench.audio.decode import cut_segments
    from genrebench.audio.mel import MelConfig, mel_spectrogram
    from genrebench.audio.recordings import dataset_recordings
    from genrebench.system.files import npz_bytes
    from genrebench.system.memory import keep_freed_memory

    keep_freed_memory()
    config, folder = MelConfig(), Path(output)
    folder.mkdir(parents=True)
    recordings = dataset_recordings(Path(dataset))
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
    return {"seconds": parts}


def infer(model: str, recordings: list[str]) -> dict[str, Any]:
    """Classify recordings after start-up.

    Returns
    -------
    dict
        Seconds, number of files, and by file the probabilities of the genres.
    """
    from genrebench.model.classifier import GenreClassifier, Prediction
    from genrebench.model.saved import load_model

    classifier = GenreClassifier(load_model(Path(model)))
    classifier.predict(Path(recordings[0]))
    began = time.perf_counter()
    found = list(classifier.predict_all(map(Path, recordings)))
    seconds = time.perf_counter() - began
    heard = {str(each.path): each.probabilities for each in found if isinstance(each, Prediction)}
    return {"seconds": seconds, "files": len(found), "probabilities": heard}


def help_imports() -> dict[str, Any]:
    """List what ``genrebench --help`` imports."""
    import contextlib
    import io

    from genrebench.cli.main import main

    with contextlib.redirect_stdout(io.StringIO()):
        main(["--help"], standalone_mode=False)
    heavy = {"numpy", "scipy", "librosa", "torch", "tensorflow", "keras", "jax", "matplotlib"}
    return {"heavy": sorted(heavy & set(sys.modules))}


CONTENDERS: dict[str, Callable[..., dict[str, Any]]] = {
    each.__name__: each
    for each in (train, gather_operations, matrix_product, preprocess, preprocess_parts, infer, help_imports)
}


def command(function: Callable[..., dict[str, Any]], **arguments: Any) -> list[str]:
    """Spell the command that runs a contender.

    Parameters
    ----------
    **arguments : object
        Its arguments, of plain JSON types.
    """
    return ["python", "-m", "genrebench.bench.contenders", function.__name__, json.dumps(arguments)]


if __name__ == "__main__":
    print(json.dumps(CONTENDERS[sys.argv[1]](**json.loads(sys.argv[2]))))
