"""Training: a step of genrebench's backends beside a plain PyTorch loop, Keras' fit and the machine's limit."""

import statistics
from pathlib import Path

from genrebench.architecture import Architecture, genre_cnn
from genrebench.bench import contenders
from genrebench.bench.plain import plain_script
from genrebench.bench.processes import Finished, contender, in_turns, run_process
from genrebench.bench.results import Bar, Contender, Suite
from genrebench.bench.workshop import SEGMENTS, Workshop
from genrebench.discovery import list_backends
from genrebench.environment import installed_version
from genrebench.errors import BackendError
from genrebench.layers import Conv2D, Dense

BATCH_SIZE = 64
PLAIN, KERAS, MATRIX = "plain PyTorch", "Keras fit, TensorFlow", "matrix product"
# The first epoch warms up. The plain loop is so slow that two epochs more say enough.
EPOCHS, _PLAIN_EPOCHS = 6, 3
_LIMIT = 10**9


def flops(architecture: Architecture) -> int:
    """Count the floating-point operations of one example in a training step.

    Parameters
    ----------
    architecture : Architecture
        The network.

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

    Parameters
    ----------
    workshop : Workshop
        Where and with what.

    Returns
    -------
    Suite
        Seconds a step, bars, and the cost of more data.
    """
    notes: list[str] = []
    commands: dict[str, list[str | Path]] = {}
    plain = ((PLAIN, "train_torch", "torch", _PLAIN_EPOCHS), (KERAS, "train_keras", "tensorflow", EPOCHS))
    for name, script, needs, epochs in plain:
        if installed_version(needs):
            commands[name] = ["python", plain_script(script), workshop.tree, "--epochs", str(epochs)]
        else:
            notes.append(f"{name}: left out, {needs} is not installed")
    own = _trainers(workshop)
    for name, (backend, precision) in own.items():
        commands[name] = [*_train(workshop, backend, precision, EPOCHS)]
    commands[MATRIX] = [*contenders.command(contenders.matrix_product, size=2048, seconds=1.5)]
    runs = in_turns(
        {name: lambda command=command: run_process(command) for name, command in commands.items()},  # type: ignore[misc]
        workshop.rounds,
        on_run=workshop.on_run,
    )
    peak = statistics.median(run.report["gflops"] for run in runs[MATRIX])
    timed = {name: _steps(name, found) for name, found in runs.items() if name != MATRIX}
    rate = contender("training", MATRIX, "GFLOP/s", [run.report["gflops"] for run in runs[MATRIX]])
    bars, curves = [], {}
    if "torch" in own:
        curves["training"] = _curve(workshop)
        bars = _bars(timed, runs, peak, curves["training"], notes)
    return Suite((*timed.values(), rate), tuple(bars), curves, tuple(notes))


def _trainers(workshop: Workshop) -> dict[str, tuple[str, str]]:
    """List the backends that train here, those of outside authors among them.

    Parameters
    ----------
    workshop : Workshop
        What was asked for.

    Returns
    -------
    dict of str to tuple
        Backend and precision by the contender's name.

    Raises
    ------
    BackendError
        If a backend was asked for that does not train.
    """
    usable = (entry.info for entry in list_backends() if entry.problem is None)
    infos = {info.name: info for info in usable if info is not None and info.can_train}
    for name in workshop.backends:
        if name not in infos:
            there = ", ".join(infos) or "which none is installed"
            raise BackendError(f"expected a backend that trains, of {there}, received {name!r}")
    found = {}
    for name in workshop.backends or infos:
        for precision in infos[name].precisions:
            found[name if precision == "float32" else f"{name}, {precision}"] = (name, precision)
    return found


def _train(workshop: Workshop, backend: str, precision: str, epochs: int, count: int = 0) -> list[str]:
    """Spell the command of one of genrebench's backends.

    Parameters
    ----------
    workshop : Workshop
        With what.
    backend, precision : str
        Who, and in what.
    epochs, count : int
        How long, and on how many segments.

    Returns
    -------
    list of str
        The command.
    """
    return contenders.command(
        contenders.train,
        tree=str(workshop.tree),
        backend=backend,
        precision=precision,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        count=count,
    )


def _steps(name: str, runs: list[Finished]) -> Contender:
    """Turn a contender's epochs into seconds a step; the first epoch of each process warms up.

    Parameters
    ----------
    name : str
        The contender.
    runs : list of Finished
        Its rounds.

    Returns
    -------
    Contender
        With examples/s and GFLOP/s.
    """
    values = [statistics.median(run.report["epoch_seconds"][1:]) / run.report["steps"] for run in runs]
    step = statistics.median(values)
    operations = flops(genre_cnn()) * BATCH_SIZE
    peak = max(run.peak_memory_bytes for run in runs)
    return contender("training", name, "s/step", values, examples_per_second=BATCH_SIZE / step,
                     gflops=operations / step / 1e9, peak_memory_bytes=peak)  # fmt: skip


def _curve(workshop: Workshop) -> list[tuple[float, float]]:
    """Time an epoch on 1, 2, 4 and 8 times the data.

    Parameters
    ----------
    workshop : Workshop
        With what.

    Returns
    -------
    list of tuple of float
        Segments and seconds.
    """
    points = []
    for count in (SEGMENTS // 8, SEGMENTS // 4, SEGMENTS // 2, SEGMENTS):
        workshop.on_run(f"{count} segments")
        run = run_process(_train(workshop, "torch", "float32", EPOCHS, count))
        points.append((float(count), statistics.median(run.report["epoch_seconds"][1:])))
    return points


def growth(points: list[tuple[float, float]]) -> float:
    """Compare the cost of the largest size with what linear growth from the smallest would give.

    Parameters
    ----------
    points : list of tuple of float
        Size and cost.

    Returns
    -------
    float
        1 for linear growth, more for faster growth.
    """
    (small, cheap), (large, dear) = points[0], points[-1]
    return (dear / large) / (cheap / small)


def _bars(
    timed: dict[str, Contender],
    runs: dict[str, list[Finished]],
    peak: float,
    curve: list[tuple[float, float]],
    notes: list[str],
) -> list[Bar]:
    """Hold the PyTorch backend to its bars.

    Parameters
    ----------
    timed : dict of str to Contender
        Seconds a step.
    runs : dict of str to list of Finished
        The processes.
    peak : float
        The machine's GFLOP/s.
    curve : list of tuple of float
        Cost of an epoch against segments.
    notes : list of str
        Where to say what could not be held.

    Returns
    -------
    list of Bar
        The bars.
    """
    own, half = timed["torch"], timed["torch, bfloat16"]
    milliseconds = {name: f"{1e3 * each.median:.0f} ms" for name, each in timed.items()}
    bars = []
    if PLAIN in timed:
        bars.append(Bar("training", "step, float32, against a plain PyTorch loop", timed[PLAIN].median / own.median,
                        3.5, note=f"{milliseconds[PLAIN]} / {milliseconds['torch']}"))  # fmt: skip
    if KERAS in timed:
        bars.append(Bar("training", "step, float32, against Keras fit on TensorFlow", timed[KERAS].median / own.median,
                        1.4, note=f"{milliseconds[KERAS]} / {milliseconds['torch']}"))  # fmt: skip
        if _has_bfloat16():
            bars.append(Bar("training", "step, bfloat16, against Keras fit, float32", timed[KERAS].median / half.median,
                            2.2, note=f"{milliseconds[KERAS]} / {milliseconds['torch, bfloat16']}"))  # fmt: skip
        else:
            notes.append("bfloat16 against Keras: no bar, the processor has no bfloat16 instructions")
    share = own.details["gflops"] / peak
    bars.append(Bar("training", "step, float32, of the machine's matrix product rate", 100 * share, 60, unit="%",
                    note=f"{own.details['gflops']:.0f} of {peak:.0f} GFLOP/s"))  # fmt: skip
    opened = sum(run.report["files_opened"] for run in runs["torch"])
    bars.append(Bar("training", "files opened after the first epoch", opened, 0, at_least=False, unit=""))
    calls = run_process(contenders.command(contenders.gather_calls)).report["calls"]
    bars.append(Bar("training", "function calls for 64 samples more than for 8", calls["64"] - calls["8"], 0,
                    at_least=False, unit="", note=f"{calls['64']} and {calls['8']} in four batches"))  # fmt: skip
    data, used = runs["torch"][0].report["data_bytes"], own.details["peak_memory_bytes"]
    if used:
        bars.append(Bar("training", "peak memory beyond the data", (used - data) / 1e6, _LIMIT / 1e6, at_least=False,
                        unit="MB", note=f"{used / 1e6:.0f} MB with {data / 1e6:.0f} MB of data"))  # fmt: skip
    bars.append(Bar("training", "cost of 8 times the data, against linear growth", growth(curve), 1.15,
                    at_least=False, note=f"{curve[0][1]:.2f} s to {curve[-1][1]:.2f} s"))  # fmt: skip
    return bars


def _has_bfloat16() -> bool:
    """Tell whether the processor has bfloat16 instructions.

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
