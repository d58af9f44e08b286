"""What networks answer: the file that was written, run in PyTorch, and Keras itself, each in a process of its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genrebench.backend.worker import JobResult, start_job
from genrebench.errors import WorkerError
from genrebench.network.types import Array
from genrebench.porting.activity import Activity
from genrebench.porting.passes import name_of
from genrebench.porting.proof.subject import DRAWN, STORED, Trial, arrays_of
from genrebench.porting.source import Emitted
from genrebench.reading.keras_file import KerasModel
from genrebench.reading.kinds.core import InputLayer

TWIN, KERAS = "network.py", "keras"
EVALUATION, TRAINING = "evaluation", "training"
MODES = (EVALUATION, TRAINING)
STEPS = 5
Arrays = dict[str, Array]


@dataclass(frozen=True)
class Run:
    """A pass of a network in one mode, everything by the reader's names and in Keras' layouts.

    Attributes
    ----------
    outputs, masks : dict of str to ndarray
        By tensor.
    gradients : dict of str to ndarray
        With respect to weights, by canonical name.
    slopes : dict of str to ndarray
        With respect to inputs, by call.
    statistics : dict of str to ndarray
        Running statistics after it, by canonical name.
    activity : dict of str to Activity
        Of the definitions, how alive each output is.
    """

    outputs: Arrays = field(default_factory=dict)
    masks: Arrays = field(default_factory=dict)
    gradients: Arrays = field(default_factory=dict)
    slopes: Arrays = field(default_factory=dict)
    statistics: Arrays = field(default_factory=dict)
    activity: dict[str, Activity] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What one side answered.

    Attributes
    ----------
    runs : dict of (str, str) to Run
        By trial and mode.
    adam : dict of str to dict
        After one step from the gradients of the stored weights in training: ``weights``, ``m``, ``v``.
    steps : dict of str to ndarray
        Of the short run: ``losses`` and ``weights/<canonical name>``.
    same_bits : dict of str to bool
        By trial and mode, whether the plain file gave what the one that was looked into gave.
    refused : str
        Why there is nothing, in a line; empty if there is something.
    error : str
        What went wrong instead of an answer.
    report : dict
        Versions, threads and seconds of the process.
    notes : tuple of str
        What else is to be said.
    """

    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    adam: dict[str, Arrays] = field(default_factory=dict)
    steps: Arrays = field(default_factory=dict)
    same_bits: dict[str, bool] = field(default_factory=dict)
    refused: str = ""
    error: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def run(self, trial: str, mode: str) -> Run:
        """Look up a pass; an empty one if there is none."""
        return self.runs.get((trial, mode), Run())


def part(arrays: Mapping[str, Array], *path: str) -> Arrays:
    """Take the arrays below a path."""
    start = "/".join(path) + "/"
    return {name.removeprefix(start): value for name, value in arrays.items() if name.startswith(start)}


@contextmanager
def asked_twin(
    emitted: Emitted, network: Path, trials: Sequence[Trial], targets: Mapping[str, Array],
    loss: Mapping[str, Any] | None, *, trains: bool, **limits: Any,
) -> Iterator[Callable[[], Answer]]:  # fmt: skip
    """Have PyTorch run the file that was written; the function that is given waits for its answer.

    Parameters
    ----------
    targets, loss : mapping
        Of the short run; None for no such run.
    trains : bool
        Whether there is anything to train.
    """
    arrays: Arrays = {}
    options: list[dict[str, Any]] = []
    for trial in trials:
        state = dict(emitted.state)
        for name, place in emitted.weights.items():
            state |= place.to_torch(trial.weights[name])
        arrays |= {f"{trial.name}/state/{name}": value for name, value in state.items()}
        arrays |= {f"{trial.name}/{name}": value for name, value in arrays_of(trial).items()}
        tasks = list(MODES)
        if trial.name == STORED and trains:
            tasks += ["adam", *(["steps"] if loss else [])]
            arrays |= {f"{trial.name}/targets/{name}": value for name, value in targets.items()}
        options.append({"path": str(network), "table": emitted.table(), "tasks": tasks, "loss": loss, "steps": STEPS})
    jobs = {trial.name: each for trial, each in zip(trials, options, strict=True)}
    with start_job(
        "genrebench_torch.trials:answers", arrays=arrays, options={"jobs": jobs}, name=TWIN, **limits
    ) as wait:
        yield lambda: _answered(wait, lambda result: _twin(result, emitted))


def _answered(wait: Callable[[], JobResult], read: Callable[[JobResult], Answer]) -> Answer:
    """Read what a worker answers, or what went wrong."""
    try:
        return read(wait())
    except WorkerError as error:
        return Answer(error=" ".join(str(error).split()))


def _twin(result: JobResult, emitted: Emitted) -> Answer:
    """Bring an answer of PyTorch's into Keras' names and layouts."""
    runs, adam, steps, same_bits = {}, {}, {}, {}
    for trial, value in result.value.items():
        arrays = part(result.arrays, trial)
        for mode in MODES:
            below = part(arrays, mode)
            runs[trial, mode] = Run(
                part(below, "outputs"),
                part(below, "masks"),
                emitted.canonical(part(below, "gradients")),
                part(below, "input_gradients"),
                emitted.canonical(part(below, "statistics")),
            )
            same_bits[f"{trial}/{mode}"] = value["same_bits"].get(mode, False)
        if trial == STORED:
            adam = {each: emitted.canonical(part(arrays, "adam", each)) for each in ("weights", "m", "v")}
            steps = {"losses": arrays["steps/losses"]} if "steps/losses" in arrays else {}
            steps |= {
                f"weights/{name}": each for name, each in emitted.canonical(part(arrays, "steps/weights")).items()
            }
    return Answer(runs, adam, steps, same_bits, report=result.report)


@contextmanager
def asked_keras(model: KerasModel, trials: Sequence[Trial], **limits: Any) -> Iterator[Callable[[], Answer]]:
    """Have Keras open the file and run it; the function that is given waits for its answer."""
    graph = model.graph
    arrays: Arrays = {f"stored/{name}": value for name, value in model.weights.items()}
    for trial in trials:
        arrays |= {f"trials/{trial.name}/weights/{name}": value for name, value in trial.weights.items()}
        arrays |= {f"trials/{trial.name}/{name}": value for name, value in arrays_of(trial).items()}
    options = {
        "path": str(model.path.absolute()),
        "layers": {
            layer.name: [weight.name for weight in layer.weights]
            for layer in graph.layers.values()
            if not (layer.is_step or isinstance(layer.kind, InputLayer))
        },
        "calls": [
            {"name": call.name, "layer": call.layer.name, "inputs": [name_of(each) for each in call.inputs]}
            for call in graph.calls.values()
        ],
        "inputs": graph.inputs,
        "trials": [trial.name for trial in trials],
        "modes": list(MODES),
    }
    with start_job("genrebench_keras.witness:answer", arrays=arrays, options=options, name=KERAS, **limits) as wait:
        yield lambda: _answered(wait, _keras)


@contextmanager
def nobody_asked() -> Iterator[Callable[[], Answer]]:
    """Answer for Keras where its plugin is not installed."""
    yield lambda: Answer(refused="Keras was not asked: its plugin is not installed.")


def _keras(result: JobResult) -> Answer:
    """Read an answer of Keras'."""
    value = result.value
    if value["refused"]:
        return Answer(refused=value["refused"], report={**result.report, "versions": value["versions"]})
    runs = {}
    for trial in (STORED, DRAWN):
        for mode in MODES:
            below = part(result.arrays, trial, mode)
            runs[trial, mode] = Run(
                part(below, "outputs"),
                {},
                part(below, "gradients"),
                part(below, "inputs"),
                part(below, "statistics"),
            )
    notes = [f"Keras has no layer `{name}`" for name in value["absent"]]
    notes += [f"Keras reads {name} of the file differently" for name in value["differing"]]
    versions = {**result.report.get("versions", {}), **value["versions"]}
    return Answer(runs, report={**result.report, "versions": versions}, notes=tuple(notes))
