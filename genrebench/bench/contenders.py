"""Contenders of genrebench's own: ``python -m genrebench.bench.contenders NAME JSON`` prints one JSON object."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def train(tree: str, *, backend: str, precision: str, epochs: int, batch_size: int, count: int = 0) -> dict[str, Any]:
    """Train as `genrebench.training.train` does, without validation and files.

    Parameters
    ----------
    tree : str
        Spectrogram tree.
    backend : str
        Who trains.
    precision : str
        In what.
    epochs : int
        How often all segments are gone through.
    batch_size : int
        Segments in a step; a last batch that is smaller is left out.
    count : int
        Number of segments used; 0 for all.

    Returns
    -------
    dict
        Seconds of each epoch, steps of an epoch, files opened after the first epoch, bytes of data.
    """
    import numpy as np

    from genrebench.architecture import genre_cnn
    from genrebench.backend import Adam, Trainable
    from genrebench.dataset import Standardiser, load_dataset
    from genrebench.discovery import load_backend
    from genrebench.training import batches

    opened: list[str] = []
    implementation = load_backend(backend)[1]
    dataset = load_dataset(Path(tree))
    rows = np.arange(count or len(dataset.labels))
    standardiser = Standardiser.fit(dataset.spectrograms, rows)
    inputs = standardiser.apply(dataset.spectrograms, out=dataset.spectrograms)[..., None]
    architecture = genre_cnn(inputs.shape[1:3], len(dataset.genres))
    network = implementation.build(architecture, architecture.initial_weights(0), dtype="float32", device="auto")
    assert isinstance(network, Trainable)
    options = {} if precision == "float32" else {"precision": precision}
    network.start_training(Adam(), seed=0, **options)
    order, steps = np.random.default_rng(0), len(rows) // batch_size
    seconds = []
    for epoch in range(epochs):
        if epoch == 1:
            sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event == "open" else None)
        began = time.perf_counter()
        chosen = order.permutation(rows)[: steps * batch_size]
        for x, labels in batches(inputs, dataset.labels, chosen, batch_size):
            network.train_step(x, labels)
        seconds.append(time.perf_counter() - began)
    return {
        "epoch_seconds": seconds,
        "steps": steps,
        "files_opened": len(opened),
        "data_bytes": dataset.spectrograms.nbytes,
    }


def gather_calls() -> dict[str, Any]:
    """Count the function calls that gathering a batch takes, for a small and for a large one.

    Returns
    -------
    dict
        Calls, of Python and of C functions, for batches of 8 and of 64.
    """
    import numpy as np

    from genrebench.training import batches

    inputs, labels = np.zeros((256, 16, 16, 1), np.float32), np.zeros(256, np.int64)
    counts = {}
    for size in (8, 64):
        calls: list[str] = []
        rows = np.arange(4 * size)
        sys.setprofile(lambda frame, event, argument, calls=calls: calls.append(event))  # type: ignore[misc]
        for _ in batches(inputs, labels, rows, size):
            pass
        sys.setprofile(None)
        counts[str(size)] = sum(event.endswith("call") for event in calls)
    return {"calls": counts}


def matrix_product(*, size: int, seconds: float) -> dict[str, Any]:
    """Measure the machine's rate of float32 matrix products, by NumPy's BLAS.

    Parameters
    ----------
    size : int
        Rows and columns.
    seconds : float
        How long.

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


def preprocess(dataset: str, output: str) -> dict[str, Any]:
    """Preprocess, and note when each track is done.

    Parameters
    ----------
    dataset, output : str
        As `genrebench.preprocessing.preprocess` takes them.

    Returns
    -------
    dict
        Tracks done, seconds for all of them at the rate after start-up, whether librosa was imported here.
    """
    from genrebench.audio import MelConfig
    from genrebench.preprocessing import preprocess as run

    done: list[float] = []
    report = run(Path(dataset), MelConfig(), output=Path(output), on_track=lambda *_: done.append(time.perf_counter()))
    # Both processes have begun when some tracks are done; what is done from then on is the rate after start-up.
    first = min(len(done) // 10, 10)
    seconds = len(done) * (done[-1] - done[first]) / (len(done) - 1 - first) if len(done) > first + 1 else None
    return {"written": report.written, "skipped": report.skipped, "seconds": seconds,
            "librosa_imported": "librosa" in sys.modules}  # fmt: skip


def preprocess_parts(dataset: str, output: str, *, tracks: int) -> dict[str, Any]:
    """Measure decoding, Mel spectrograms and writing apart, in one process.

    Parameters
    ----------
    dataset : str
        Folder with ``genres_original/``.
    output : str
        Folder to write into.
    tracks : int
        How many recordings.

    Returns
    -------
    dict
        Seconds a track for each part.
    """
    import itertools

    from genrebench.allocator import keep_freed_memory
    from genrebench.audio import MelConfig, cut_segments, mel_spectrogram
    from genrebench.files import npz_bytes
    from genrebench.recordings import dataset_recordings

    keep_freed_memory()
    config, folder = MelConfig(), Path(output)
    folder.mkdir(parents=True)
    recordings = dataset_recordings(Path(dataset))
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
    return {"seconds": parts}


def infer(model: str, recordings: list[str]) -> dict[str, Any]:
    """Classify recordings after start-up.

    Parameters
    ----------
    model : str
        Folder of the model.
    recordings : list of str
        Files.

    Returns
    -------
    dict
        Seconds, number of files, genres.
    """
    from genrebench.inference import GenreClassifier, Prediction
    from genrebench.model import load_model

    classifier = GenreClassifier(load_model(Path(model)))
    classifier.predict(Path(recordings[0]))
    began = time.perf_counter()
    found = list(classifier.predict_all(map(Path, recordings)))
    seconds = time.perf_counter() - began
    genres = {str(each.path): each.genre for each in found if isinstance(each, Prediction)}
    return {"seconds": seconds, "files": len(found), "genres": genres}


def help_imports() -> dict[str, Any]:
    """List what ``genrebench --help`` imports.

    Returns
    -------
    dict
        Heavy packages among them.
    """
    import contextlib
    import io

    from genrebench.cli import main

    with contextlib.redirect_stdout(io.StringIO()):
        main(["--help"], standalone_mode=False)
    heavy = {"numpy", "scipy", "librosa", "torch", "tensorflow", "keras", "jax", "matplotlib"}
    return {"heavy": sorted(heavy & set(sys.modules))}


CONTENDERS: dict[str, Callable[..., dict[str, Any]]] = {
    each.__name__: each
    for each in (train, gather_calls, matrix_product, preprocess, preprocess_parts, infer, help_imports)
}


def command(function: Callable[..., dict[str, Any]], **arguments: Any) -> list[str]:
    """Spell the command that runs a contender.

    Parameters
    ----------
    function : callable
        One of `CONTENDERS`.
    **arguments : object
        Its arguments, of plain JSON types.

    Returns
    -------
    list of str
        For `genrebench.bench.processes.run_process`.
    """
    return ["python", "-m", "genrebench.bench.contenders", function.__name__, json.dumps(arguments)]


if __name__ == "__main__":
    print(json.dumps(CONTENDERS[sys.argv[1]](**json.loads(sys.argv[2]))))
