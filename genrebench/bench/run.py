"""A benchmark run from beginning to end."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from genrebench.bench.inference import inference_suite
from genrebench.bench.preprocessing import preprocessing_suite
from genrebench.bench.results import BenchReport, Suite
from genrebench.bench.startup import startup_suite
from genrebench.bench.training import training_suite
from genrebench.bench.workshop import Workshop
from genrebench.errors import BenchError
from genrebench.system.environment import gpus, memory_bytes, processor, versions

SUITES: dict[str, Callable[[Workshop], Suite]] = {
    "training": training_suite,
    "preprocess": preprocessing_suite,
    "inference": inference_suite,
    "startup": startup_suite,
}


def run_bench(
    suites: Sequence[str],
    *,
    backends: Sequence[str] = (),
    dataset: Path | None = None,
    rounds: int = 3,
    device: str = "cpu",
    command: str = "",
    on_run: Callable[[str], None] = lambda what: None,
) -> Iterator[BenchReport]:
    """Run suites one after the other.

    Parameters
    ----------
    backends : sequence of str
        Backends whose training is timed; by default all that train.
    dataset : Path, optional
        Folder with ``genres_original/`` whose recordings are used; by default recordings are synthesized.
    rounds : int
        How often each contender runs.
    command : str
        What was asked, as one would type it.
    on_run : callable
        Called with what is run next.

    Yields
    ------
    BenchReport
        After each suite the report on all until then, so that what comes later costs nothing of it. A suite in which
        something essential failed has a note that says what.
    """
    began = time.perf_counter()
    found: dict[str, Suite] = {}
    environment = {
        **versions(("genrebench", "numpy", "librosa", "torch", "tensorflow", "keras", "click")),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_bytes": memory_bytes(),
        "device": device,
        **({} if device == "cpu" else {"gpus": gpus()}),
    }
    created = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix="genrebench-bench-", ignore_cleanup_errors=True) as folder:
        for name in suites:

            def report(what: str, suite: str = name) -> None:
                """Say what is run next."""
                on_run(f"{suite}: {what}")

            place = Path(folder) / name
            place.mkdir()
            try:
                found[name] = SUITES[name](Workshop(place, dataset, tuple(backends), rounds, report, device))
            except BenchError as error:
                found[name] = Suite(notes=(f"{name}: failed, {error}",), failed=True)
            seconds = round(time.perf_counter() - began, 1)
            yield BenchReport(created, command, seconds, environment, dict(found))
