"""Training: a step of genrebench's backends beside a plain PyTorch loop, Keras' fit and the machine's limit."""

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from genrebench.backend.registry import list_backends
from genrebench.bench.data import BenchData
from genrebench.bench.measure import Measurement, plain_script, run_own, run_python, take_turns
from genrebench.bench.results import Candidate, Curve, SuiteResult, Target
from genrebench.errors import BackendError, BenchError
from genrebench.network.architecture import Architecture
from genrebench.system.environment import installed_version

BATCH_SIZE = 64
PLAIN, KERAS, MATRIX = "plain PyTorch", "Keras fit, TensorFlow", "matrix product"
# Two epochs warm up: until then memory is still being taken from the system. The slower a candidate is, the sooner its
# epochs say enough.
WARM_UP, EPOCHS, _KERAS_EPOCHS, _PLAIN_EPOCHS = 2, 7, 5, 3
_VALIDATION = 0.2
# What is read for the cost of more data, up to GTZAN's 10,000 segments; of these an eighth trains, which costs about as
# much as reading all.
SIZES, _VALIDATION_OF_MANY, _TEST_OF_MANY = (1250, 2500, 5000, 10_000), 0.02, 0.852
_LIMIT = 10**9

_Candidates = dict[str, Callable[[], Measurement]]


def flops(architecture: Architecture) -> int:
    """Count the floating-point operations of one example in a training step.

    They are three times those of the forward pass: for the output, the gradient of the weights and that of the input.
    """
    return 3 * sum(node.layer.flops(node.input_shapes[0]) for node in architecture.walk())


def training_suite(data: BenchData) -> SuiteResult:
    """Time training: seconds per step, and for the genre network on the CPU the targets and the cost of more data."""
    notes: list[str] = []
    candidates = {**_plain_loops(data, notes), **_trainers(data, notes)}  # in this order
    if data.request.device == "cpu":
        candidates[MATRIX] = partial(run_own, "matrix_product", size=2048, seconds=1.5)
    runs = take_turns(
        candidates,
        data.request.rounds,
        on_run=data.on_run,
        on_failure=lambda name, error: notes.append(f"{name}: left out, {error}"),
    )
    rates = tuple(run.report["gflops"] for run in runs.pop(MATRIX, []))
    peak = statistics.median(rates) if rates else None
    timed = {name: _steps(name, found, flops(data.architecture), peak) for name, found in runs.items()}
    rows = [*timed.values(), *([Candidate(MATRIX, "GFLOP/s", rates)] if rates else [])]
    targets: list[Target] = []
    curve = None
    if data.request.device != "cpu":
        notes.append(f"no targets on {data.request.device}: they are about training on the CPU")
    elif data.request.architecture is not None:
        notes.append("no targets: they are about the genre network")
    elif "torch" not in timed:
        notes.append("no targets: they are about the backend torch, which was not timed")
    elif peak is not None:
        targets = [*_ratios(timed, peak)]
        try:
            sizes = _sizes(data)
        except BenchError as error:
            notes.append(f"cost of more data: left out, {error}")
        else:
            seconds = {size: statistics.median(run.report["seconds"] for run in sizes[str(size)]) for size in SIZES}
            curve = Curve("segments", "reading and an epoch", tuple(seconds.items()))
            targets += _cost_targets(sizes[str(SIZES[-1])], curve)
    return SuiteResult(tuple(rows), tuple(targets), curve, tuple(notes))


def _plain_loops(data: BenchData, notes: list[str]) -> _Candidates:
    """List the plain loops that can run here."""
    if data.request.architecture is not None:
        notes.append(f"{PLAIN}; {KERAS}: left out, they train the genre network")
        return {}
    device = data.request.device
    # TensorFlow takes a GPU where it finds one.
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}
    found: _Candidates = {}
    for name, script, needs, options in (
        (PLAIN, "train_torch", "torch", ("--epochs", str(_PLAIN_EPOCHS), "--device", device)),
        (KERAS, "train_keras", "tensorflow", ("--epochs", str(_KERAS_EPOCHS))),
    ):
        if name == KERAS and device != "cpu":
            notes.append(f"{name}: left out, TensorFlow chooses its device by itself")
        elif installed_version(needs):
            found[name] = partial(run_python, plain_script(script), data.tree, *options, environment=hidden)
        else:
            notes.append(f"{name}: left out, {needs} is not installed")
    return found


def _trainers(data: BenchData, notes: list[str]) -> _Candidates:
    """List the backends that train here, those of outside authors among them, in each of their precisions."""
    request = data.request
    usable = (entry.info for entry in list_backends() if entry.problem is None)
    infos = {info.name: info for info in usable if info is not None and info.can_train}
    for name in request.backends:
        if name not in infos:
            there = ", ".join(infos) or "which none is installed"
            raise BackendError(f"expected a backend that trains, of {there}, received {name!r}")
    chosen = request.backends or tuple(infos)
    devices = sorted({device for name in chosen for device in infos[name].devices})
    if chosen and request.device not in devices:
        raise BackendError(f"expected a device of {', '.join(devices)}, received {request.device!r}")
    found: _Candidates = {}
    for name in chosen:
        for precision in infos[name].precisions:
            title = _title(name, precision)
            if request.device not in infos[name].devices:
                notes.append(f"{title}: left out, it does not know the device {request.device}")
            elif precision == "bfloat16" and request.device == "cpu" and not _has_bfloat16():
                notes.append(f"{title}: left out, the processor has no bfloat16 instructions")
            else:
                shares = {"validation": _VALIDATION, "test": 0.0}
                found[title] = partial(
                    _train, data, data.tree, shares, backend=name, device=request.device, epochs=EPOCHS,
                    precision=precision,
                )  # fmt: skip
    return found


def _train(
    data: BenchData,
    tree: Path,
    shares: dict[str, float],
    *,
    backend: str,
    device: str,
    epochs: int,
    precision: str = "float32",
) -> Measurement:
    """Train with one of genrebench's backends."""
    experiment: dict[str, Any] = {
        "name": "run",
        "backend": backend,
        "device": device,
        "dataset": str(tree),
        "results": str(data.new_folder("run")),
        "split": {"protocol": "segment", **shares},
        "training": {"epochs": epochs, "precision": precision},
    }
    if data.request.architecture is not None:
        experiment["architecture"] = str(data.request.architecture.resolve())
    return run_own("train", experiment=experiment)


def _steps(name: str, runs: list[Measurement], example_flops: int, peak: float | None) -> Candidate:
    """Turn a candidate's epochs into seconds per step; the first epochs of each process warm up."""
    values = [statistics.median(run.report["epoch_seconds"][WARM_UP:]) / run.report["steps"] for run in runs]
    examples_per_second = BATCH_SIZE / statistics.median(values)
    rate = example_flops * examples_per_second / 1e9
    details = {"examples_per_second": examples_per_second, "gflops": rate}
    details |= {"share_of_peak": rate / peak} if peak else {}
    return Candidate(
        name, "s/step", tuple(values), details | {"peak_memory_bytes": max(run.peak_memory_bytes for run in runs)}
    )


def _sizes(data: BenchData) -> dict[str, list[Measurement]]:
    """Train one epoch on 1, 2, 4 and 8 times the data, in turns."""

    def run(size: int) -> Measurement:
        """Train on so many segments."""
        shares = {"validation": _VALIDATION_OF_MANY, "test": _TEST_OF_MANY}
        return _train(data, data.linked_tree(size), shares, backend="torch", device="cpu", epochs=1)

    turns = {str(size): partial(run, size) for size in reversed(SIZES)}
    # What is asked for is far from what is measured, and the largest size takes long.
    rounds = max(1, data.request.rounds // 2)
    return take_turns(turns, rounds, on_run=lambda size: data.on_run(f"{size} segments"))


def _title(backend: str, precision: str) -> str:
    """Name a backend's training in one precision."""
    return backend if precision == "float32" else f"{backend}, {precision}"


def _ratios(timed: dict[str, Candidate], peak: float) -> Iterator[Target]:
    """Compare the PyTorch backend's step with those of others, and with the machine; what was not timed is left out."""
    own, half = _title("torch", "float32"), _title("torch", "bfloat16")
    for what, slow, fast, target in (
        ("step, float32, against a plain PyTorch loop", PLAIN, own, 3.5),
        ("step, float32, against Keras fit on TensorFlow", KERAS, own, 1.4),
        ("step, bfloat16, against Keras fit, float32", KERAS, half, 2.2),
    ):
        if slow in timed and fast in timed:
            seconds = [timed[name].median for name in (slow, fast)]
            note = " / ".join(f"{1e3 * each:.0f} ms" for each in seconds)
            yield Target(what, seconds[0] / seconds[1], target, note=note)
    rate = timed[own].details["gflops"]
    note = f"{rate:.0f} of {peak:.0f} GFLOP/s"
    yield Target("step, float32, of the machine's matrix product rate", 100 * rate / peak, 60, unit="%", note=note)


def _cost_targets(largest: list[Measurement], curve: Curve) -> Iterator[Target]:
    """Limit what training may keep in memory, and cost with more data."""
    data_bytes, used = largest[0].report["data_bytes"], max(run.peak_memory_bytes for run in largest)
    if used:
        what = f"peak memory beyond the data, {SIZES[-1]:,} segments"
        note = f"{used / 1e6:.0f} MB with {data_bytes / 1e6:.0f} MB of data"
        yield Target(what, (used - data_bytes) / 1e6, _LIMIT / 1e6, at_least=False, unit="MB", note=note)
    note = f"{curve.points[0][1]:.2f} s to {curve.points[-1][1]:.2f} s, {curve.cost}"
    yield Target("cost of 8 times the data, against linear growth", curve.growth, 1.15, at_least=False, note=note)


def _has_bfloat16() -> bool:
    """Return whether the processor has bfloat16 instructions, as Linux says; False where it cannot be known."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in text or "amx_bf16" in text or " bf16" in text
