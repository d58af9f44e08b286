"""Scaling: what a second worker brings, what a cluster costs, how cost grows, and the constants of a cost model."""

import csv
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.bench.data import BenchData
from genrebench.bench.measure import Measurement, run_own, run_python, run_side_by_side, take_turns
from genrebench.bench.pinned import PIN_BY_RANK
from genrebench.bench.results import Candidate, Curve, SuiteResult, Target
from genrebench.data.manifest import manifest_path
from genrebench.errors import BenchError
from genrebench.system.environment import installed_version
from genrebench.system.process import THREAD_VARIABLES, start_process
from genrebench.training.settings import PLAIN

LOKY, CLUSTER = "preprocess on this machine", "preprocess on a cluster"
PARTS, NOTHING, NOTHING_ON_CLUSTER = "parts of a track", "no-op tracks", "no-op tracks on a cluster"
# What a second worker should bring, in percent of twice the rate of one.
ASKED = {"preprocess": 90, "infer": 90, "train": 75}
# What two cores of this machine bring when each computes by itself, without anything of ours.
ALONE = "NumPy alone"
_SPECTRA = 800
_TRACKS, _CLUSTER_TRACKS, _PART_TRACKS, _FILES = 120, 600, 40, 120
_EPOCHS, _WARM_UP, _BATCH_SIZE, _VALIDATION = 4, 1, 64, 0.2
SIZES = (1000, 10_000, 100_000)
# Less growth of memory says nothing: allocators take it in steps.
_LEAST_BYTES = 2**20
_LONGEST = 3600.0
_WAIT_FOR_WORKERS = (
    "import sys, distributed; "
    "distributed.Client(scheduler_file=sys.argv[1], timeout=60).wait_for_workers(int(sys.argv[2]), timeout=60)"
)

_Turns = dict[str, Callable[[], Measurement]]


def scaling_suite(data: BenchData) -> SuiteResult:
    """Time one worker and two, this machine and a cluster on it, and no-op tracks of three sizes."""
    cores = sorted(os.sched_getaffinity(0))[:2] if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        return SuiteResult(notes=("scale: left out, workers are pinned to two cores, of which there are fewer",))
    notes: list[str] = []
    made: list[Path] = []
    turns: _Turns = {}
    for count in (1, 2):
        turns[_title(ALONE, count)] = partial(_arithmetic, cores[:count])
        turns[_title("preprocess", count)] = partial(_preprocess, data, cores[:count], made)
        if installed_version("torch"):
            turns[_title("infer", count)] = partial(_infer, data, cores[:count])
            turns[_title("train", count)] = partial(_train, data, cores[:count])
    if not installed_version("torch"):
        notes.append("infer, train: left out, torch is not installed")
    turns[PARTS] = partial(_parts, data)
    turns |= {f"{NOTHING}, {size}": partial(run_own, "send_nothing", count=size, jobs=2) for size in SIZES}
    with _cluster(data, notes) as scheduler:
        if scheduler is not None:
            turns |= _on_cluster(data, scheduler)
        runs = take_turns(
            turns,
            data.request.rounds,
            on_run=data.on_run,
            on_failure=lambda name, error: notes.append(f"{name}: left out, {error}"),
        )
    rows = [row for name, found in runs.items() for row in _rows(name, found)]
    targets = [*_efficiencies(runs), *_overhead(runs), *_growth(runs)]
    points = [(size, _median(runs.get(f"{NOTHING}, {size}", []))) for size in SIZES]
    known = tuple((size, seconds) for size, seconds in points if seconds is not None)
    curve = Curve("no-op tracks", "after the first", known) if len(known) == len(SIZES) else None
    return SuiteResult((*rows, *_constants(data, made)), tuple(targets), curve, tuple(notes), failed=not rows)


def exponent(points: Mapping[int, float]) -> float:
    """Fit the power of the size that a cost grows with: 1 if it is linear."""
    sizes, costs = (np.log(np.array(list(each), np.float64)) for each in (points.keys(), points.values()))
    return float(np.polyfit(sizes, costs, 1)[0])


def _title(what: str, workers: int) -> str:
    """Name a candidate."""
    return f"{what}, {workers} worker{'s' if workers > 1 else ''}"


def _arithmetic(cores: list[int]) -> Measurement:
    """Compute spectra on each core, which takes its share of them; the slower one counts."""
    runs = run_side_by_side("arithmetic", [{"core": core, "count": _SPECTRA // len(cores)} for core in cores])
    return Measurement(max(run.report["seconds"] for run in runs), sum(run.peak_memory_bytes for run in runs))


def _preprocess(data: BenchData, cores: list[int], made: list[Path]) -> Measurement:
    """Preprocess with a process on each core."""
    output, marks = data.new_folder("mel"), data.new_folder("marks")
    dataset = data.linked(_TRACKS)
    (run,) = run_side_by_side(
        "preprocess", [{"dataset": str(dataset), "output": str(output), "cores": cores, "marks": str(marks)}]
    )
    made.append(output)
    if run.report["seconds"] is None:
        raise BenchError("expected several tracks, received too few to time them")
    return Measurement(run.report["seconds"], run.peak_memory_bytes, {"tracks": _TRACKS})


def _infer(data: BenchData, cores: list[int]) -> Measurement:
    """Classify with a process on each core, which takes its share of the files; the slower one counts."""
    files = [str(data.recordings[index % len(data.recordings)]) for index in range(_FILES)]
    shares = [files[index :: len(cores)] for index in range(len(cores))]
    same = {"model": str(data.model), "backend": "torch"}
    runs = run_side_by_side(
        "infer", [{**same, "core": core, "recordings": share} for core, share in zip(cores, shares, strict=True)]
    )
    seconds = max(run.report["seconds"] for run in runs)
    return Measurement(seconds, sum(run.peak_memory_bytes for run in runs), {"files": _FILES})


def _train(data: BenchData, cores: list[int]) -> Measurement:
    """Train by ``torchrun`` with a process on each core, and read what a step takes, validation left in."""
    results = data.new_folder("run")
    settings = [word for key, value in PLAIN.items() for word in ("--set", f"{key}={value}")]
    run = run_python(
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(len(cores)), "--no-python"),
        *(sys.executable, "-c", PIN_BY_RANK, ",".join(map(str, cores))),
        *("-m", "genrebench", "train", "--dataset", data.tree, "--results", results, "--name", "run"),
        *("--device", "cpu", "--epochs", str(_EPOCHS), "--batch-size", str(_BATCH_SIZE)),
        *("--split", "segment", "--validation", str(_VALIDATION), "--test", "0", *settings),
        environment=dict.fromkeys(THREAD_VARIABLES, "1"),
    )
    with (results / "run" / "log.csv").open(encoding="utf-8") as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
    segments = sum(1 for _ in data.tree.rglob("*.npz"))
    steps = -(-round(segments * (1 - _VALIDATION)) // _BATCH_SIZE)
    return Measurement(statistics.median(seconds[_WARM_UP:]) / steps, run.peak_memory_bytes)


def _parts(data: BenchData) -> Measurement:
    """Measure the parts of a track's preprocessing, one after the other on one core."""
    dataset, output = data.linked(_TRACKS), data.new_folder("parts")
    return run_own("preprocess_parts", dataset=str(dataset), output=str(output), tracks=_PART_TRACKS)


@contextmanager
def _cluster(data: BenchData, notes: list[str]) -> Iterator[Path | None]:
    """Have a Dask scheduler with two workers on this machine; None where there is no Dask."""
    if not installed_version("distributed"):
        notes.append(f"{CLUSTER}: left out, dask.distributed is not installed; pip install 'genrebench[cluster]'")
        yield None
        return
    file, start = data.folder / "scheduler.json", partial(start_process, timeout=_LONGEST)
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny"]
    same = ["--no-dashboard", "--scheduler-file", str(file)]
    places = ["--local-directory", str(data.folder)]
    with start([*scheduler, *same]), start([*worker, *same, *places]), start([*worker, *same, *places]):
        try:
            run_python("-c", _WAIT_FOR_WORKERS, file, "2")
        except BenchError as error:
            notes.append(f"{CLUSTER}: left out, {error}")
            yield None
        else:
            yield file


def _on_cluster(data: BenchData, scheduler: Path) -> _Turns:
    """List what is run here and on the cluster in turn, and what is sent through it."""

    def preprocess(*where: str | Path) -> Measurement:
        """Run the command as a user would."""
        dataset, output = data.linked(_CLUSTER_TRACKS), data.new_folder("mel")
        run = run_python("-m", "genrebench", "preprocess", "--dataset", dataset, "--output", output, *where)
        return Measurement(run.seconds, run.peak_memory_bytes, {"tracks": _CLUSTER_TRACKS})

    turns: _Turns = {LOKY: partial(preprocess, "--jobs", "2"), CLUSTER: partial(preprocess, "--cluster", scheduler)}
    for size in SIZES:
        turns[f"{NOTHING_ON_CLUSTER}, {size}"] = partial(run_own, "send_nothing", count=size, cluster=str(scheduler))
    return turns


def _rows(name: str, runs: list[Measurement]) -> Iterator[Candidate]:
    """Turn what was measured into rows: seconds of all, of a step, or of each part of a track."""
    if name == PARTS:
        for part in runs[0].report["seconds"]:
            yield Candidate(f"{part}, a track", "s", tuple(run.report["seconds"][part] for run in runs))
        return
    details: dict[str, Any] = {key: runs[0].report[key] for key in ("tracks", "files") if key in runs[0].report}
    if name.startswith(NOTHING):
        details = {"tracks": int(name.rpartition(" ")[2])}
        details["grown_bytes"] = max(run.report["grown_bytes"] for run in runs)
    details["peak_memory_bytes"] = max(run.peak_memory_bytes for run in runs)
    unit = "s/step" if name.startswith("train") else "s"
    yield Candidate(name, unit, tuple(_seconds(run) for run in runs), details)


def _seconds(run: Measurement) -> float:
    """Return the seconds that count: those which the run says of itself, if it does."""
    return float(run.report.get("seconds", run.seconds))


def _median(runs: list[Measurement]) -> float | None:
    """Take the median of the seconds that count; None without a run."""
    return statistics.median(map(_seconds, runs)) if runs else None


def _efficiencies(runs: Mapping[str, list[Measurement]]) -> Iterator[Target]:
    """Compare two workers with one, and name what two cores of this machine bring to NumPy alone."""
    alone = _efficiency(runs, ALONE)
    for what, asked in ASKED.items():
        share = _efficiency(runs, what)
        if share is not None:
            one, two = (_median(runs[_title(what, count)]) for count in (1, 2))
            note = f"{one:.3g} s / {two:.3g} s, each worker on a core of its own"
            note += f"; {ALONE}: {alone:.0f} %" if alone is not None else ""
            yield Target(f"{what}, efficiency of two workers", share, asked, unit="%", note=note)


def _efficiency(runs: Mapping[str, list[Measurement]], what: str) -> float | None:
    """Return percent of twice the rate of one worker: the median by rounds, since the machine's speed changes."""
    one, two = (runs.get(_title(what, count), []) for count in (1, 2))
    if not (one and two):
        return None
    return statistics.median(50 * _seconds(a) / _seconds(b) for a, b in zip(one, two, strict=True))


def _overhead(runs: Mapping[str, list[Measurement]]) -> Iterator[Target]:
    """Compare a cluster on this machine with this machine."""
    here, there = (runs.get(name, []) for name in (LOKY, CLUSTER))
    if here and there:
        more = statistics.median(100 * (b.seconds / a.seconds - 1) for a, b in zip(here, there, strict=True))
        note = f"{_median(there):.1f} s / {_median(here):.1f} s, start-up of the command included"
        what = f"{_CLUSTER_TRACKS} recordings on a cluster, beyond this machine alone"
        yield Target(what, more, 10, at_least=False, unit="%", note=note)


def _growth(runs: Mapping[str, list[Measurement]]) -> Iterator[Target]:
    """Fit how time and memory grow with the number of tracks."""
    for name in (NOTHING, NOTHING_ON_CLUSTER):
        found = {size: runs.get(f"{name}, {size}", []) for size in SIZES}
        if not all(found.values()):
            continue
        seconds = {size: statistics.median(map(_seconds, each)) for size, each in found.items()}
        bytes_ = {
            size: max(_LEAST_BYTES, statistics.median(run.report["grown_bytes"] for run in each))
            for size, each in found.items()
        }
        for what, points, scale, unit in (("time", seconds, 1.0, "s"), ("memory", bytes_, 1e6, "MB")):
            note = " to ".join(f"{points[size] / scale:.2g} {unit}" for size in (SIZES[0], SIZES[-1]))
            title = f"{name}, {SIZES[0]:,} to {SIZES[-1]:,}, exponent of {what}"
            yield Target(title, exponent(points), 1.1, at_least=False, unit="power", note=note)


def _constants(data: BenchData, made: list[Path]) -> Iterator[Candidate]:
    """Measure bytes: a track as a recording and as spectrograms, its line in the manifest, a step's gradients."""
    if made:
        spectrograms = sum(path.stat().st_size for path in made[0].rglob("*.npz"))
        manifest = manifest_path(made[0]).stat().st_size
        yield Candidate("recording, a track", "kB", (data.recordings[0].stat().st_size / 1e3,))
        yield Candidate("spectrograms, a track", "kB", (spectrograms / _TRACKS / 1e3,))
        yield Candidate("manifest, a track", "kB", (manifest / _TRACKS / 1e3,))
    weights = data.architecture.initial_weights(0)
    yield Candidate("gradients, a step", "kB", (sum(each.size for each in weights.values()) * 4 / 1e3,))
