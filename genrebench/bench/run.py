"""A benchmark run from beginning to end."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from genrebench.bench.data import BenchData
from genrebench.bench.inference import inference_suite
from genrebench.bench.preprocessing import preprocessing_suite
from genrebench.bench.request import SUITES, BenchRequest
from genrebench.bench.results import BenchReport, SuiteResult
from genrebench.bench.scaling import scaling_suite
from genrebench.bench.startup import startup_suite
from genrebench.bench.training import training_suite
from genrebench.errors import BenchError
from genrebench.system.environment import gpus, memory_bytes, processor, versions
from genrebench.system.temporary import temporary_folder

_RUNS: dict[str, Callable[[BenchData], SuiteResult]] = dict(
    zip(SUITES, (training_suite, preprocessing_suite, inference_suite, startup_suite, scaling_suite), strict=True)
)


def run_bench(
    request: BenchRequest, *, command: str = "", on_run: Callable[[str], None] = lambda what: None
) -> Iterator[BenchReport]:
    """Run suites one after the other; after each, give the report on all until then.

    So what comes later costs nothing of it. A suite in which something essential failed has a note that says what.
    """
    began = time.perf_counter()
    found: dict[str, SuiteResult] = {}
    environment = {
        **versions(("genrebench", "numpy", "librosa", "torch", "tensorflow", "keras", "click")),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_bytes": memory_bytes(),
        "device": request.device,
        **({} if request.device == "cpu" else {"gpus": gpus()}),
    }
    created = datetime.now(UTC).isoformat(timespec="seconds")
    with temporary_folder("bench") as folder:
        for name in request.suites:

            def report(what: str, suite: str = name) -> None:
                """Say what is run next."""
                on_run(f"{suite}: {what}")

            place = folder / name
            place.mkdir()
            try:
                found[name] = _RUNS[name](BenchData(place, request, report))
            except BenchError as error:
                found[name] = SuiteResult(notes=(f"{name}: failed, {error}",), failed=True)
            seconds = round(time.perf_counter() - began, 1)
            yield BenchReport(created, command, seconds, environment, dict(found))
