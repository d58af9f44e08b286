"""A proof from beginning to end: numbers, answers, stages, findings, report."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.backend.worker import run_job
from genrebench.errors import BackendError, WorkerError
from genrebench.network.types import Array
from genrebench.parity.common import common_fields
from genrebench.parity.report import Finding, Report, Stage
from genrebench.porting.losses import LOSSES, targets_for
from genrebench.porting.passes import name_of
from genrebench.porting.proof.answers import KERAS, MODES, STEPS, TWIN, Answer, asked_keras, asked_twin, nobody_asked
from genrebench.porting.proof.diagnosis import diagnose, verdict
from genrebench.porting.proof.options import DEFAULTS, ProofOptions
from genrebench.porting.proof.reference import REFERENCE, Reference, compute_reference
from genrebench.porting.proof.stages import Proof, run_stages
from genrebench.porting.proof.subject import STORED, Trial, reached, trials_of
from genrebench.porting.proof.versions import cropped_otherwise, merged_otherwise
from genrebench.porting.source import Emitted
from genrebench.reading.inspection import describe
from genrebench.reading.keras_file import KerasModel
from genrebench.system.arrays import read_tensors
from genrebench.system.files import sha256

NETWORK, WEIGHTS = "network.py", "weights.safetensors"
_MAX_WEIGHTS = 2**32


def prove(
    model: KerasModel,
    emitted: Emitted,
    folder: Path,
    options: ProofOptions = DEFAULTS,
    *,
    twin: bool = True,
    keras: bool = True,
) -> Report:
    """Prove that a network that was written computes what somebody's Keras model does, in float64.

    Parameters
    ----------
    model : KerasModel
        The model, without problems.
    emitted : Emitted
        What was written for it.
    folder : Path
        Where ``network.py`` and ``weights.safetensors`` lie: these very files are run.
    options : ProofOptions
        Numbers and limits, and who is told each stage.
    twin : bool
        Whether the file that was written is run.
    keras : bool
        Whether Keras is asked, too; if it refuses the file, the report says so and why.

    Returns
    -------
    Report
        As parity's.

    Raises
    ------
    BackendError
        If the definitions themselves cannot be computed.
    """
    began = time.perf_counter()
    model = reached(model)
    limits = options.limits
    trials = trials_of(model, options)
    trains = model.graph.trainable_parameters > 0
    loss = model.loss if trains and model.loss and model.loss["name"] in LOSSES else None
    targets = _targets(model, trials[0], loss, options.seed) if loss else {}
    answers: dict[str, Answer] = {}
    with ExitStack() as stack:
        waits = {}
        if twin:
            asked = asked_twin(emitted, folder / NETWORK, trials, targets, loss, trains=trains, **limits)
            waits[TWIN] = stack.enter_context(asked)
        if keras:
            asked = asked_keras(model, trials, **limits) if find_spec("genrebench_keras") else nobody_asked()
            waits[KERAS] = stack.enter_context(asked)
        with np.errstate(all="ignore"):
            reference = compute_reference(model.graph, trials, loss, targets, STEPS)
        _require_finite(reference)
        answers |= {name: wait() for name, wait in waits.items()}
    crops = cropped_otherwise(model.graph)
    merges = merged_otherwise(model.graph, reference.answer.run(STORED, MODES[0]).masks)
    if KERAS in answers and (crops or (merges and not answers[KERAS].refused)):
        what, call = ("crops images", crops) if crops else ("merges masks", merges)
        reason = f"Keras 3 {what} otherwise than the Keras that saved the file, first in `{call}`."
        answers[KERAS] = Answer(refused=reason, report=answers[KERAS].report)
    loaded = _loaded(emitted, folder, limits) if twin else {}
    proof = Proof(model, trials, reference, answers, loaded)
    stages = []
    with np.errstate(all="ignore"):
        for stage in run_stages(proof):
            stages.append(stage)
            options.on_stage(stage)
        findings = diagnose(stages)
    return _report(proof, tuple(stages), findings, options, time.perf_counter() - began)


def _targets(model: KerasModel, trial: Trial, loss: Mapping[str, Any], seed: int) -> dict[str, Array]:
    """Draw targets for the short run, in the shapes of the outputs, which are those of the cotangents."""
    rng = np.random.default_rng(seed)
    names = dict.fromkeys(name_of(each) for each in model.graph.outputs)
    return {name: targets_for(loss, trial.sample.cotangents[name], rng) for name in names}


def _require_finite(reference: Reference) -> None:
    """Refuse definitions that overflow: nothing could be compared with them."""
    for (trial, mode), run in reference.answer.runs.items():
        for name, value in {**run.outputs, **run.gradients}.items():
            if not np.isfinite(value).all():
                raise BackendError(
                    f"expected finite numbers from the definitions, received none for {name}, {mode}, {trial}"
                )


def _loaded(emitted: Emitted, folder: Path, limits: Mapping[str, Any]) -> dict[str, Array]:
    """Load the network as its README says, and bring what it holds back to Keras' names and layouts."""
    files = {"path": str(folder / NETWORK), "weights": str(folder / WEIGHTS)}
    try:
        done = run_job("genrebench_torch.trials:loaded", options=files, name=TWIN, **limits)
    except WorkerError:
        return {}
    stored = read_tensors(folder / WEIGHTS, expected="weights", error=BackendError, max_bytes=_MAX_WEIGHTS)
    if done.value["training"] or any(
        name not in done.arrays or not np.array_equal(done.arrays[name], each) for name, each in stored.items()
    ):
        return {}
    return emitted.canonical(done.arrays)


def _report(
    proof: Proof, stages: tuple[Stage, ...], findings: tuple[Finding, ...], options: ProofOptions, seconds: float
) -> Report:
    """Put the report together."""
    model, sample = proof.model, proof.trials[0].sample
    refused = [each.refused for each in proof.answers.values() if each.refused]
    notes = [each if each.startswith("Keras ") else f"Keras refuses the file: {each}" for each in refused]
    notes += [note + "." for each in proof.answers.values() for note in each.notes]
    shapes = ", ".join(f"{name} {' x '.join(map(str, value.shape))}" for name, value in sample.inputs.items())
    layers = [
        {"name": each["name"], "kind": each["class"], "settings": each["settings"]}
        for each in describe(model)["layers"]
    ]
    losses = _loss_errors(proof)
    control = _errors(proof.reference.control.get("losses"), proof.reference.answer.steps.get("losses"))
    return Report(
        **common_fields(stages, findings, seconds=seconds),
        command=options.command,
        backends=tuple(proof.compared),
        reference=REFERENCE,
        inputs=f"random: {shapes}; seed {options.seed}",
        weights=f"of {model.path.name}, Keras {model.version.text or 'of an unknown version'}; and drawn ones",
        architecture={"layers": layers},
        hashes={"weights": sha256(value.tobytes() for value in model.weights.values()),
                "inputs": sha256(value.tobytes() for value in sample.inputs.values())},
        workers={name: each.report for name, each in proof.answers.items()},
        verdict=verdict(proof.compared, stages, findings, notes),
        losses=losses,
        control=control,
    )  # fmt: skip


def _loss_errors(proof: Proof) -> dict[str, list[float | None]]:
    """List the relative errors of the losses of the short run."""
    right = proof.reference.answer.steps.get("losses")
    return {name: _errors(each.steps.get("losses"), right) for name, each in proof.compared.items()}


def _errors(losses: Array | None, right: Array | None) -> list[float | None]:
    """List relative errors by step."""
    if losses is None or right is None:
        return []
    return [
        abs(float(one) - float(two)) / max(abs(float(two)), 1e-300) for one, two in zip(losses, right, strict=False)
    ]
