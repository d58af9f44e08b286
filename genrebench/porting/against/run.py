"""Why does my port differ? Somebody's own PyTorch module against the Keras model, module by module."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from genrebench.backend.worker import JobResult, run_job
from genrebench.errors import BackendError
from genrebench.network.numerics import FORWARD_TOLERANCE, relative_error
from genrebench.parity.common import common_fields
from genrebench.parity.ledger.base import FLOAT32_ROUNDING, explain
from genrebench.parity.report import Cause, Finding, Report, Row, Stage
from genrebench.porting.against.matching import Record, best_layout, match
from genrebench.porting.against.observed import Seen, explain_seen, look_at, refined_by
from genrebench.porting.against.refined import split_activations
from genrebench.porting.against.stages import Look, forward, gradients, structure
from genrebench.porting.against.subject import Port
from genrebench.porting.passes import name_of
from genrebench.porting.proof.answers import EVALUATION, MODES, TRAINING, Run, part
from genrebench.porting.proof.options import DEFAULTS, ProofOptions
from genrebench.porting.proof.reference import REFERENCE, Reference, compute_reference
from genrebench.porting.proof.subject import Trial, reached, trials_of
from genrebench.reading.graph import Graph
from genrebench.reading.inspection import describe
from genrebench.reading.keras_file import KerasModel
from genrebench.system.files import sha256

# The part of a difference that an explanation may leave.
_EXPLAINED = 1e-3
AS_KERAS, CHANNELS_FIRST = "channels_last", "channels_first"


def compare_port(model: KerasModel, port: Port, options: ProofOptions = DEFAULTS) -> Report:
    """Hold a port against the model that it is one of.

    Parameters
    ----------
    model : KerasModel
        Without problems.
    port : Port
        The port, which runs in a process of its own, in float64.
    options : ProofOptions
        Numbers and limits, and who is told each stage.

    Returns
    -------
    Report
        As parity's: what differs first, and why.

    Raises
    ------
    BackendError
        If the port cannot be run at all.
    """
    began = time.perf_counter()
    model = reached(model)
    trial = trials_of(model, options)[0]
    trial = replace(trial, sample=replace(trial.sample, draws={}))  # what a port drops nobody can tell it
    graph = split_activations(model.graph)
    done = _asked(model, port, trial, options.limits)
    looks = {}
    with np.errstate(all="ignore"):
        reference = compute_reference(graph, (trial,), None, {}, 0)
        layout = _chosen_layout(model, done, reference.answer.run(trial.name, EVALUATION))
        for mode in MODES:
            looks[mode] = _look(graph, port, trial, done, f"{layout}/{mode}", reference, mode)
        stages = [structure(looks[EVALUATION], port, done, layout)]
        stages += [forward(looks[mode], port, mode) for mode in MODES]
        stages.append(gradients(reference, trial, port, done, layout, looks[EVALUATION]))
        for stage in stages:
            options.on_stage(stage)
        findings = _findings(port, stages)
    report = _report(model, port, trial, stages, findings, done, options.command, time.perf_counter() - began)
    return replace(report, verdict=_verdict(port, report, looks[EVALUATION]))


def _asked(model: KerasModel, port: Port, trial: Trial, limits: Mapping[str, Any]) -> JobResult:
    """Run the port in a worker, with its inputs in each layout that it may want."""
    wanted = [port.mapping.inputs] if port.mapping.inputs else [CHANNELS_FIRST, AS_KERAS]
    inputs = [trial.sample.inputs[name] for name in model.graph.inputs]
    if not any(each.ndim > 2 for each in inputs):
        wanted = [AS_KERAS]
    arrays = {}
    for layout in wanted:
        for number, each in enumerate(inputs):
            moved = np.moveaxis(each, -1, 1) if layout == CHANNELS_FIRST and each.ndim > 2 else each
            arrays[f"{layout}/inputs/{number}"] = np.ascontiguousarray(moved)
        for number, tensor in enumerate(model.graph.outputs):
            arrays[f"{layout}/cotangents/{number}"] = trial.sample.cotangents[name_of(tensor)]
    given = {
        "path": str(port.path.absolute()),
        "name": port.name,
        "weights": str(port.weights.absolute()) if port.weights else None,
        "arguments": port.mapping.arguments,
        "layouts": wanted,
        "modes": list(MODES),
    }
    return run_job("genrebench_torch.stranger:look", arrays=arrays, options=given, name=port.label, **limits)


def _chosen_layout(model: KerasModel, done: JobResult, right: Run) -> str:
    """Choose the layout of inputs with which the port gives what is nearest to right."""
    calls, errors = done.value["calls"], done.value["errors"]
    able = [layout for layout in calls if layout not in errors]
    if not able:
        raise BackendError(f"expected a port that takes the model's inputs, it raised {next(iter(errors.values()))}")
    names = [name_of(each) for each in model.graph.outputs]

    def distance(layout: str) -> tuple[float, int]:
        """Measure how far its outputs are off."""
        found = part(done.arrays, layout, EVALUATION, "outputs")
        pairs = [(found[str(number)], right.outputs[name]) for number, name in enumerate(names) if str(number) in found]
        ways = [(best_layout(one, two), two) for one, two in pairs]
        fits = [relative_error(one, two) for one, two in ways if one is not None]
        return (max(fits) if len(fits) == len(names) else float("inf"), able.index(layout))

    best: str = min(able, key=distance)
    return best


def _look(graph: Graph, port: Port, trial: Trial, done: JobResult, path: str, reference: Reference, mode: str) -> Look:
    """Match modules with layers, and hold what is seen against the definitions."""
    layout, right = path.partition("/")[0], reference.answer.run(trial.name, mode)
    records = []
    for number, call in enumerate(done.value["calls"][layout]):
        arrays = [part(done.arrays, path, str(number), each) for each in ("inputs", "outputs")]
        ins, outs = (tuple(each[str(index)] for index in range(len(each))) for each in arrays)
        records.append(Record(number, call["name"], call["class"], call["is_leaf"], ins, outs))
    matches = match(graph, right.outputs, records, port.mapping.modules)
    found = part(done.arrays, path, "outputs")
    outputs = [found[str(number)] for number in range(len(found))]
    wider, seen = refined_by(graph, matches, right.outputs, outputs)
    training = mode == TRAINING
    looks = tuple(look_at(wider, seen, trial.sample.inputs, right, trial.weights, training=training))
    return Look(wider, looks, seen, right, reference.limits(trial.name, mode, FORWARD_TOLERANCE), tuple(matches))


def _findings(port: Port, stages: Sequence[Stage]) -> tuple[Finding, ...]:
    """Explain what differs, the first first."""
    found: list[Finding] = []
    for stage in stages:
        for comparison in stage.comparisons:
            diverging = [row for row in comparison.rows if row.diverges]
            alone = [row for row in diverging if row.view == "isolated"]
            if stage.id == "gradients" or not alone:
                alone = [] if found else diverging[:1]
            known = {(each.row.tensor, each.row.mode) for each in found if each.row}
            found += [_finding(port, stage, row) for row in alone if (row.tensor, row.mode) not in known]
    return tuple(found[:12])


def _finding(port: Port, stage: Stage, row: Row) -> Finding:
    """Explain one row."""
    cause: Cause | None = None
    if isinstance(row.case, Seen):
        # People lay out, or add up, weights in float32.
        tolerance = min(FLOAT32_ROUNDING, _EXPLAINED * (row.relative_l2 or 0.0))
        causes = (
            explain([replace(entry, tolerance=max(entry.tolerance, tolerance))], case)
            for entry, case in explain_seen(row.case)
        )
        cause = next((each for each in causes if each is not None), None)
    size = f"off by {row.relative_l2:.1e}" if row.relative_l2 is not None else row.note or "cannot be compared"
    if row.quantity == "structure":
        return Finding(port.label, stage.id, row, None, None, row.note)
    why = "no entry of the ledger explains it"
    if cause:
        why = f"{cause.explanation}; explains the difference to {cause.residual:.1e}"
    return Finding(port.label, stage.id, row, None, cause, f"{row.label} ({stage.id}): {size}: {why}")


def _verdict(port: Port, report: Report, look: Look) -> str:
    """Say in a sentence or two what was found."""
    calls = [each.case.call for each in look.seen]
    names = {call.name if call.name in look.right.outputs else call.inputs[0].call for call in calls}
    total = sum(1 for call in look.graph.calls.values() if call.inputs and call.name in look.right.outputs)
    if report.passed:
        return f"{port.label} computes what the Keras model does; {len(names)} of {total} steps were seen on the way."
    forward = [each for each in report.findings if each.row and each.row.quantity == "output"] or list(report.findings)
    if not forward:
        return f"{port.label} is off."
    first = forward[0]
    cause = f": {first.cause.explanation} [{first.cause.id}]" if first.cause else ""
    return f"{port.label} is off, first at {first.label}{cause}."


def _report(
    model: KerasModel, port: Port, trial: Trial, stages: Sequence[Stage], findings: tuple[Finding, ...],
    done: JobResult, command: str, seconds: float,
) -> Report:  # fmt: skip
    """Put the report together."""
    shown = {
        row.tensor for stage in stages for each in stage.comparisons for row in each.rows if stage.id != "structure"
    }
    layers = [
        {"name": each["name"], "kind": each["class"]} for each in describe(model)["layers"] if each["name"] in shown
    ]
    shapes = ", ".join(f"{name} {' x '.join(map(str, value.shape))}" for name, value in trial.sample.inputs.items())
    return Report(
        **common_fields(stages, findings, seconds=seconds),
        command=command,
        backends=(port.label,),
        reference=REFERENCE,
        inputs=f"random: {shapes}",
        weights=f"of {model.path.name}; {port.weights.name if port.weights else 'its own'} in the port",
        architecture={"layers": layers},
        hashes={"weights": sha256(value.tobytes() for value in model.weights.values())},
        workers={port.label: done.report},
        verdict="",
    )
