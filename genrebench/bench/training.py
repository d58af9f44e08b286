"""Training: a step of genrebench's backends beside a plain PyTorch loop, Keras' fit and the machine's limit."""

import functools
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

from genrebench.backend.registry import list_backends
from genrebench.bench import contenders
from genrebench.bench.plain import plain_script
from genrebench.bench.processes import Finished, contender, in_turns, run_process
from genrebench.bench.results import Bar, Contender, Suite
from genrebench.bench.workshop import Workshop
from genrebench.errors import BackendError, BenchError
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import Conv2D, Dense
from genrebench.system.environment import installed_version

BATCH_SIZE = 64
PLAIN, KERAS, MATRIX = "plain PyTorch", "Keras fit, TensorFlow", "matrix product"
# Two epochs warm up: until then memory is still being had from the system. The slower a contender is, the sooner its
# epochs say enough.
WARM_UP, EPOCHS, _KERAS_EPOCHS, _PLAIN_EPOCHS = 2, 7, 5, 3
_VALIDATION = 0.2
# What is read for the cost of more data, up to GTZAN's 10,000 segments; of these an eighth trains, which costs about as
# much as reading all.
SIZES, _VALIDATION_OF_MANY, _TEST_OF_MANY = (1250, 2500, 5000, 10_000), 0.02, 0.852
_LIMIT = 10**9


def flops(architecture: Architecture) -> int:
    """Count the floating-point operations of one example in a training step.

    Returns
    -------
    int
        Two for each multiplication in convolutions and dense layers, times three for forward pass, gradient of the
        weights and gradient of the input.
    """
    total = 0
    shapes = architecture.shapes()
    for layer, before, after in zip(architecture.layers, shapes[:-1], shapes[1:], strict=True):
        if isinstance(layer, Conv2D):
            total += 2 * layer.kernel_size[0] * layer.kernel_size[1] * before[-1] * after[0] * after[1] * after[2]
        elif isinstance(layer, Dense):
            total += 2 * before[0] * after[0]
    return 3 * total


def training_suite(workshop: Workshop) -> Suite:
    """Time training.

    Returns
    -------
    Suite
        Seconds a step, bars, and the cost of more data.
    """
    notes: list[str] = []
    contestants = {**_plain_loops(workshop, notes), **_trainers(workshop, notes)}  # in this order
    if workshop.device == "cpu":
        product = contenders.command(contenders.matrix_product, size=2048, seconds=1.5)
        contestants[MATRIX] = lambda: run_process(product)
    runs = in_turns(
        contestants,
        workshop.rounds,
        on_run=workshop.on_run,
        on_failure=lambda name, error: notes.append(f"{name}: left out, {error}"),
    )
    rates = [run.report["gflops"] for run in runs.pop(MATRIX, [])]
    peak = statistics.median(rates) if rates else None
    timed = {name: _steps(name, found, peak) for name, found in runs.items()}
    rows = [*timed.values(), *([contender("training", MATRIX, "GFLOP/s", rates)] if rates else [])]
    bars: list[Bar] = []
    curves = {}
    if workshop.device != "cpu":
        notes.append(f"no bars on {workshop.device}: they are about training on the CPU")
    elif "torch" not in timed:
        notes.append("no bars: they are about the backend torch, which was not timed")
    elif peak is not None:
        bars = [*_ratios(timed, peak)]
        try:
            sizes = _sizes(workshop)
            curve = [
                (float(size), statistics.median(run.report["seconds"] for run in sizes[str(size)])) for size in SIZES
            ]
            bars += _shape_bars(runs["torch"], sizes, curve)
            curves["training"] = curve
        except BenchError as error:
            notes.append(f"cost of more data: left out, {error}")
    return Suite(tuple(rows), tuple(bars), curves, tuple(notes))


def _plain_loops(workshop: Workshop, notes: list[str]) -> dict[str, Callable[[], Finished]]:
    """List the plain loops that can run here."""
    # TensorFlow takes a GPU where it finds one.
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if workshop.device == "cpu" else {}
    found: dict[str, Callable[[], Finished]] = {}
    for name, script, needs, options in (
        (PLAIN, "train_torch", "torch", ["--epochs", str(_PLAIN_EPOCHS), "--device", workshop.device]),
        (KERAS, "train_keras", "tensorflow", ["--epochs", str(_KERAS_EPOCHS)]),
    ):
        if name == KERAS and workshop.device != "cpu":
            notes.append(f"{name}: left out, TensorFlow chooses its device by itself")
        elif installed_version(needs):
            command: list[str | Path] = ["python", plain_script(script), workshop.tree, *options]
            found[name] = functools.partial(run_process, command, environment=hidden)
        else:
            notes.append(f"{name}: left out, {needs} is not installed")
    return found


def _trainers(workshop: Workshop, notes: list[str]) -> dict[str, Callable[[], Finished]]:
    """List the backends that train here, those of outside authors among them, in each of their precisions.

    Raises
    ------
    BackendError
        If a backend was asked for that does not train, or a device that none of them has.
    """
    usable = (entry.info for entry in list_backends() if entry.problem is None)
    infos = {info.name: info for info in usable if info is not None and info.can_train}
    for name in workshop.backends:
        if name not in infos:
            there = ", ".join(infos) or "which none is installed"
            raise BackendError(f"expected a backend that trains, of {there}, received {name!r}")
    chosen = workshop.backends or tuple(infos)
    devices = sorted({device for name in chosen for device in infos[name].devices})
    if chosen and workshop.device not in devices:
        raise BackendError(f"expected a device of {', '.join(devices)}, received {workshop.device!r}")
    found: dict[str, Callable[[], Finished]] = {}
    for name in chosen:
        for precision in infos[name].precisions:
            title = name if precision == "float32" else f"{name}, {precision}"
            if workshop.device not in infos[name].devices:
                notes.append(f"{title}: left out, it does not know the device {workshop.device}")
            elif precision == "bfloat16" and workshop.device == "cpu" and not _has_bfloat16():
                notes.append(f"{title}: left out, the processor has no bfloat16 instructions")
            else:
                found[title] = functools.partial(_train, workshop, name, precision)
    return found


def _train(workshop: Workshop, backend: str, precision: str) -> Finished:
    """Train with one of genrebench's backends.

    Raises
    ------
    BenchError
        If it fails, or its report is not the last thing that it prints.
    """
    work = {"tree": str(workshop.tree), "folder": str(workshop.new_folder("run")), "backend": backend}
    options = {"precision": precision, "device": workshop.device, "epochs": EPOCHS, "validation": _VALIDATION}
    done = run_process(contenders.command(contenders.train, **work, **options))
    if "epoch_seconds" not in done.report:
        raise BenchError(f"{backend}: expected its report on the last line of its output, found none")
    return done


def _steps(name: str, runs: list[Finished], peak: float | None) -> Contender:
    """Turn a contender's epochs into seconds a step; the first epochs of each process warm up.

    Returns
    -------
    Contender
        With examples/s, GFLOP/s and the share of the peak.
    """
    values = [statistics.median(run.report["epoch_seconds"][WARM_UP:]) / run.report["steps"] for run in runs]
    step = statistics.median(values)
    rate = flops(genre_cnn()) * BATCH_SIZE / step / 1e9
    share = {"share_of_peak": rate / peak} if peak else {}
    memory = max(run.peak_memory_bytes for run in runs)
    return contender("training", name, "s/step", values, examples_per_second=BATCH_SIZE / step, gflops=rate, **share,
                     peak_memory_bytes=memory)  # fmt: skip


def _sizes(workshop: Workshop) -> dict[str, list[Finished]]:
    """Train one epoch on 1, 2, 4 and 8 times the data, in turns."""

    def run(size: int) -> Finished:
        """Train on so many segments."""
        work = {"tree": str(workshop.linked_tree(size)), "folder": str(workshop.new_folder("run"))}
        shares = {"validation": _VALIDATION_OF_MANY, "test": _TEST_OF_MANY}
        return run_process(
            contenders.command(contenders.train, **work, backend="torch", device="cpu", epochs=1, **shares)
        )

    turns = {str(size): functools.partial(run, size) for size in reversed(SIZES)}
    # What is asked for is far from what is measured, and the largest size takes long.
    rounds = max(1, workshop.rounds // 2)
    return in_turns(turns, rounds, on_run=lambda size: workshop.on_run(f"{size} segments"))


def growth(points: list[tuple[float, float]]) -> float:
    """Compare the cost of the largest size with what linear growth from the smallest would give.

    Returns
    -------
    float
        1 for linear growth, more for faster growth.
    """
    (small, cheap), (large, dear) = points[0], points[-1]
    return (dear / large) / (cheap / small)


def _ratios(timed: dict[str, Contender], peak: float) -> Iterator[Bar]:
    """Hold the PyTorch backend's step to those of others, and to the machine.

    Yields
    ------
    Bar
        The bars; those on contenders that are not there left out.
    """
    own, half = "torch", "torch, bfloat16"
    for what, slow, fast, bar in (
        ("step, float32, against a plain PyTorch loop", PLAIN, own, 3.5),
        ("step, float32, against Keras fit on TensorFlow", KERAS, own, 1.4),
        ("step, bfloat16, against Keras fit, float32", KERAS, half, 2.2),
    ):
        if slow in timed and fast in timed:
            seconds = [timed[name].median for name in (slow, fast)]
            note = " / ".join(f"{1e3 * each:.0f} ms" for each in seconds)
            yield Bar("training", what, seconds[0] / seconds[1], bar, note=note)
    rate = timed[own].details["gflops"]
    yield Bar("training", "step, float32, of the machine's matrix product rate", 100 * rate / peak, 60, unit="%",
              note=f"{rate:.0f} of {peak:.0f} GFLOP/s")  # fmt: skip


def _shape_bars(
    runs: list[Finished], sizes: dict[str, list[Finished]], curve: list[tuple[float, float]]
) -> Iterator[Bar]:
    """Hold training to what it may read, loop over, keep in memory, and cost with more data."""
    opened = sum(run.report["files_opened"] for run in runs)
    yield Bar("training", "files read after the first epoch", opened, 0, at_least=False, unit="")
    counts = run_process(contenders.command(contenders.gather_operations)).report["operations"]
    yield Bar("training", "Python operations for batches of 64 more than of 8", counts["64"] - counts["8"], 0,
              at_least=False, unit="", note=f"{counts['64']} and {counts['8']} for four batches")  # fmt: skip
    largest = sizes[str(SIZES[-1])]
    data, used = largest[0].report["data_bytes"], max(run.peak_memory_bytes for run in largest)
    if used:
        yield Bar("training", f"peak memory beyond the data, {SIZES[-1]:,} segments", (used - data) / 1e6, _LIMIT / 1e6,
                  at_least=False, unit="MB", note=f"{used / 1e6:.0f} MB with {data / 1e6:.0f} MB of data")  # fmt: skip
    yield Bar("training", "cost of 8 times the data, against linear growth", growth(curve), 1.15, at_least=False,
              note=f"{curve[0][1]:.2f} s to {curve[-1][1]:.2f} s, reading and an epoch")  # fmt: skip


def _has_bfloat16() -> bool:
    """Return whether the processor has bfloat16 instructions.

    Returns
    -------
    bool
        As Linux says; False where it cannot be known.
    """
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in text or "amx_bf16" in text or " bf16" in text
