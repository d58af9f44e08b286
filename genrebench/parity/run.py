"""A parity run from beginning to end."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from genrebench.backend.jobs import JobResult
from genrebench.backend.registry import list_backends
from genrebench.errors import BackendError
from genrebench.parity.diagnosis import diagnose, verdict
from genrebench.parity.probe import Probe
from genrebench.parity.report import SCHEMA_VERSION, Report, Stage
from genrebench.parity.session import Session, answered
from genrebench.parity.stages import network, optimizer, paths
from genrebench.system.environment import processor, versions

# Settings from outside that change what frameworks compute, and how fast.
_FLAGS = (
    *("OMP_", "MKL_", "OPENBLAS_", "ONEDNN_", "XLA_", "JAX_", "KERAS_", "TORCH_", "CUDA_", "GENREBENCH_", "MALLOC_"),
    # Terraform's variables begin with TF_, too.
    *("TF_CPP_", "TF_CUDNN_", "TF_DETERMINISTIC_", "TF_ENABLE_", "TF_FORCE_", "TF_GPU_", "TF_NUM_", "TF_XLA_"),
)


@dataclass(frozen=True)
class Description:
    """How a run is described in its report.

    Attributes
    ----------
    command : str
        What was asked, as one would type it.
    inputs, weights : str
        What they are.
    genres : tuple of str
        Names of the logits, if the model has any.
    """

    command: str
    inputs: str
    weights: str
    genres: tuple[str, ...] = ()


def check_backends(backends: Sequence[str], reference: str) -> tuple[str, ...]:
    """Choose what is compared.

    Parameters
    ----------
    backends : sequence of str
        Names that were asked for.

    Returns
    -------
    tuple of str
        The names, each once, the reference left out.

    Raises
    ------
    BackendError
        If one is not installed, or nothing is left.
    """
    known = {entry.name: entry for entry in list_backends()}
    chosen = tuple(dict.fromkeys(name for name in backends if name != reference))
    if not chosen:
        raise BackendError(f"expected a backend to compare with {reference}, received only itself")
    for name in (*chosen, reference):
        if name not in known:
            raise BackendError(f"expected a backend of {', '.join(known)}, received {name!r}; see genrebench backends")
    return chosen


def judge(
    probe: Probe,
    results: Mapping[str, JobResult],
    *,
    backends: Sequence[str],
    reference: str,
    description: Description,
    seconds: float = 0.0,
    on_stage: Callable[[Stage], None] = lambda stage: None,
) -> Report:
    """Compare what the backends answered.

    Parameters
    ----------
    description : Description
        How the run is described.
    seconds : float
        How long the backends took.
    on_stage : callable
        Called with each stage as soon as it is known.

    Raises
    ------
    BackendError
        If the reference could not compute.
    """
    began = time.perf_counter()
    trainable = {entry.name for entry in list_backends() if entry.info is not None and entry.info.can_train}
    session = Session(probe, answered(results, trainable), tuple(backends), reference)
    found = []
    # A backend that diverges may overflow; what matters is in the rows.
    with np.errstate(all="ignore"):
        for stage in _stages(session, description.genres):
            found.append(stage)
            on_stage(stage)
        findings = diagnose(session, tuple(found))
    return Report(
        schema=SCHEMA_VERSION,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds + time.perf_counter() - began, 2),
        command=description.command,
        backends=tuple(backends),
        reference=reference,
        inputs=description.inputs,
        weights=description.weights,
        architecture=probe.architecture.to_json(),
        hashes=probe.hashes(),
        environment={
            **versions(("genrebench", "numpy")),
            "processor": processor(),
            "cores": os.cpu_count(),
            "flags": {name: value for name, value in sorted(os.environ.items()) if name.startswith(_FLAGS)},
        },
        workers={name: dict(result.report) for name, result in results.items()},
        stages=tuple(found),
        findings=findings,
        verdict=verdict(session, tuple(found), findings),
        losses=optimizer.losses_by_step(session),
    )


def _stages(session: Session, genres: tuple[str, ...]) -> Iterator[Stage]:
    """Go through the stages."""
    yield network.structure(session)
    yield network.weights(session)
    yield network.forward(session, "evaluation")
    yield network.forward(session, "training")
    yield network.loss(session)
    yield network.gradients(session)
    yield optimizer.adam(session)
    yield optimizer.steps(session)
    yield paths.fast_path(session)
    yield paths.trained(session, dict(enumerate(genres)))
    yield paths.single_precision(session)
