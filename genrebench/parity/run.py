"""A parity run from beginning to end."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from genrebench.backend.registry import backend_names
from genrebench.errors import BackendError, ConfigError
from genrebench.parity.answers import run_backends
from genrebench.parity.common import common_fields
from genrebench.parity.context import Context
from genrebench.parity.diagnosis import diagnose, verdict
from genrebench.parity.inputs import ParityInputs
from genrebench.parity.outputs import Outputs
from genrebench.parity.prepare import Description, prepare
from genrebench.parity.report import Report, Stage
from genrebench.parity.request import ParityRequest
from genrebench.parity.stages import run_stages
from genrebench.parity.stages.optimizer import loss_errors
from genrebench.system.files import StrPath

if TYPE_CHECKING:
    from genrebench.model.model import Model
    from genrebench.network.architecture import Architecture
    from genrebench.network.types import Array


@dataclass(frozen=True)
class Progress:
    """Whom a run tells how far it is: who is asked, who has answered after how many seconds, and each stage."""

    on_start: Callable[[Sequence[str]], None] = lambda names: None
    on_answer: Callable[[str, float], None] = lambda name, seconds: None
    on_stage: Callable[[Stage], None] = lambda stage: None


def compare_backends(
    *backends: str,
    reference: str = ParityRequest.reference,
    model: "StrPath | Model | None" = None,
    architecture: "StrPath | Architecture | None" = None,
    input_shape: tuple[int, int] | None = None,
    weights: "Mapping[str, Array] | None" = None,
    data: StrPath | None = None,
    steps: int = ParityRequest.steps,
    batch_size: int = ParityRequest.batch_size,
    seed: int = ParityRequest.seed,
    threads: int = ParityRequest.threads,
    pythons: Mapping[str, StrPath] | None = None,
) -> Report:
    """Compare the networks that backends build, layer by layer, gradient by gradient, step by step, in float64.

    Each backend runs in a process of its own.

    Parameters
    ----------
    *backends : str
        Names of backends; by default PyTorch's and Keras'.
    reference : str
        Backend that the others are compared with; ``numpy`` computes by definition.
    model : path or model, optional
        A trained model, or its folder: its network and weights are compared, and its predictions.
    architecture : path or Architecture, optional
        The network, or its JSON file; by default the genre network.
    input_shape : tuple of int, optional
        (n_mels, frames) of the genre network.
    weights : mapping of str to ndarray, optional
        Canonical weights; by default random ones none of which is trivial.
    data : path, optional
        Spectrogram tree that inputs are taken from; by default they are random.
    steps : int
        Steps of the short training run, 1 or more.
    batch_size : int
        Inputs in a batch, 2 or more.
    seed : int
        Seed of all that is random, 0 or above.
    threads : int
        Threads of each backend.
    pythons : mapping of str to path, optional
        By backend, the interpreter of another environment that has it.

    Returns
    -------
    Report
        What was found: ``passed``, ``verdict``, ``findings``, and every number in ``stages``.

    Raises
    ------
    GenrebenchError
        If the comparison cannot be run: a backend is unknown or cannot build the network, or the reference fails.

    Examples
    --------
    >>> import genrebench as gb
    >>> report = gb.compare("torch", input_shape=(17, 20), steps=2)
    >>> report.passed, report.verdict
    (True, 'torch builds the same network as numpy: all 9 gates hold.')
    """
    request = ParityRequest(
        backends=backends or ParityRequest.backends,
        reference=reference,
        model=model,
        architecture=architecture,
        input_shape=input_shape,
        weights=weights,
        data=data,
        steps=steps,
        batch_size=batch_size,
        seed=seed,
        threads=threads,
        pythons=pythons or {},
    )
    return run_parity(request)


def run_parity(request: ParityRequest, progress: Progress = Progress()) -> Report:
    """Run what was asked for."""
    chosen = check_backends(request)
    inputs, description = prepare(request)
    began = time.perf_counter()
    asked = (*chosen, request.reference)
    progress.on_start(asked)
    outputs = run_backends(
        inputs,
        asked,
        pythons=request.pythons,
        threads=request.threads,
        timeout=request.timeout,
        max_reply=request.max_reply,
        on_done=progress.on_answer,
    )
    return compare_outputs(
        inputs,
        outputs,
        backends=chosen,
        reference=request.reference,
        description=description,
        seconds=time.perf_counter() - began,
        on_stage=progress.on_stage,
    )


def check_backends(request: ParityRequest) -> tuple[str, ...]:
    """Choose what is compared: the names, each once, the reference left out.

    What another interpreter has, only its worker knows.
    """
    reference = request.reference
    chosen = tuple(dict.fromkeys(name for name in request.backends if name != reference))
    if not chosen:
        raise BackendError(f"expected a backend to compare with {reference}, received only itself")
    asked = (*chosen, reference)
    strangers = sorted(request.pythons.keys() - set(asked))
    if strangers:
        raise ConfigError(f"--python {strangers[0]}: expected one of the backends compared, {', '.join(asked)}")
    known = backend_names()
    for name in asked:
        if name not in known and name not in request.pythons:
            raise BackendError(f"expected a backend of {', '.join(known)}, received {name!r}; see genrebench backends")
    return chosen


def compare_outputs(
    inputs: ParityInputs,
    outputs: Mapping[str, Outputs],
    *,
    backends: Sequence[str],
    reference: str,
    description: Description = Description(),  # noqa: B008 - frozen
    seconds: float = 0.0,
    on_stage: Callable[[Stage], None] = lambda stage: None,
) -> Report:
    """Compare what the backends returned; each stage is told as soon as it is known."""
    began = time.perf_counter()
    context = Context(inputs, outputs, tuple(backends), reference)
    found = []
    # A backend that diverges may overflow; what matters is in the rows.
    with np.errstate(all="ignore"):
        for stage in run_stages(context, description.genres):
            found.append(stage)
            on_stage(stage)
        findings = diagnose(context, tuple(found))
    return Report(
        **common_fields(found, findings, seconds=seconds + time.perf_counter() - began),
        command=description.command,
        backends=tuple(backends),
        reference=reference,
        inputs=description.inputs,
        weights=description.weights,
        architecture=inputs.architecture.to_json(),
        hashes=inputs.hashes(),
        workers={name: each.report for name, each in outputs.items()},
        verdict=verdict(context, tuple(found), findings),
        losses={name: loss_errors(context, outputs[name].steps) for name in backends},
        control=loss_errors(context, context.right.control),
    )
