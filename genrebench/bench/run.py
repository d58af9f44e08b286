"""A benchmark run from beginning to end."""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from genrebench.bench.inference import inference_suite
from genrebench.bench.preprocessing import preprocessing_suite
from genrebench.bench.results import BenchReport, Suite
from genrebench.bench.startup import startup_suite
from genrebench.bench.training import training_suite
from genrebench.bench.workshop import Workshop
from genrebench.environment import processor, versions

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
    command: str = "",
    on_run: Callable[[str], None] = lambda what: None,
    on_suite: Callable[[str, Suite], None] = lambda name, suite: None,
) -> BenchReport:
    """Run suites one after the other.

    Parameters
    ----------
    suites : sequence of str
        Keys of `SUITES`.
    backends : sequence of str
        Backends whose training is timed; by default all that train.
    dataset : Path, optional
        Folder with ``genres_original/`` whose recordings are used; by default recordings are synthesised.
    rounds : int
        How often each contender runs.
    command : str
        What was asked, as one would type it.
    on_run : callable
        Called with what is run next.
    on_suite : callable
        Called with each suite as soon as it is done.

    Returns
    -------
    BenchReport
        The report.

    Raises
    ------
    BenchError
        If a contender fails.
    """
    began = time.perf_counter()
    found = {}
    with tempfile.TemporaryDirectory(prefix="genrebench-bench-") as folder:
        for name in suites:

            def report(what: str, suite: str = name) -> None:
                """Say what is run next.

                Parameters
                ----------
                what : str
                    The contender.
                suite : str
                    The suite.
                """
                on_run(f"{suite}: {what}")

            place = Path(folder) / name
            place.mkdir()
            found[name] = SUITES[name](Workshop(place, dataset, tuple(backends), rounds, report))
            on_suite(name, found[name])
    return BenchReport(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        seconds=round(time.perf_counter() - began, 1),
        environment={
            **versions(("genrebench", "numpy", "librosa", "torch", "tensorflow", "keras", "click")),
            "processor": processor(),
            "cores": os.cpu_count(),
        },
        suites=found,
    )
