"""Who is off, from which layer on, and why: the first divergence of each backend, explained by the ledger."""

from collections.abc import Iterable
from dataclasses import replace

from genrebench.backend.numpy_reference import INFO as NUMPY
from genrebench.parity.answers import run_here
from genrebench.parity.context import Context
from genrebench.parity.ledger.base import explain
from genrebench.parity.ledger.entries import entries_for
from genrebench.parity.ledger.tensors import LossCase
from genrebench.parity.report import Cause, Comparison, Finding, Row, Stage, smallest_tolerance
from genrebench.parity.stages import run_computed, run_stages

_FORWARD = ("evaluation", "training")
# What diverges here follows from what diverged before, unless nothing did.
_FOLLOWING = ("loss", "gradients", "steps", "trained")


def diagnose(context: Context, stages: tuple[Stage, ...]) -> tuple[Finding, ...]:
    """Explain what diverges, by backend in order of the stages; the first of a backend is where it goes wrong.

    A reference other than the definitions is held to these itself; if it is off, everybody is held to them.
    """
    own: list[Finding] = []
    if context.reference != NUMPY.name:
        definitions = context.outputs.get(NUMPY.name) or run_here(context.inputs, NUMPY.name)
        outputs = {**context.outputs, NUMPY.name: definitions}
        defined = Context(context.inputs, outputs, (context.reference,), NUMPY.name)
        own = _of_backend(defined, tuple(run_computed(defined)), context.reference)
        if own:
            others = tuple(backend for backend in context.backends if backend != NUMPY.name)
            context = replace(defined, backends=others)
            stages = tuple(run_stages(context))
    found = (_of_backend(context, stages, backend) for backend in context.backends)
    return (*own, *(finding for findings in found for finding in findings))


def _of_backend(context: Context, stages: Iterable[Stage], backend: str) -> list[Finding]:
    """Explain each layer, tensor or quantity of one backend that has an error of its own, the first one first."""
    found: list[Finding] = []
    # A short run goes astray if training does; the fast path says where.
    for stage in sorted(stages, key=lambda stage: stage.id == "steps"):
        if stage.passed is not False:
            continue
        for comparison in stage.comparisons:
            if comparison.backend != backend or comparison.against not in (context.reference, backend):
                continue
            if found and stage.id in _FOLLOWING and not _has_own_error(stage, comparison):
                continue
            for row in _own_errors(stage, comparison):
                finding = _finding(stage, comparison, row)
                if not _follows(finding, row, found):
                    found.append(finding)
            # A backend that cannot run the network cannot do the rest; Adam works on weights alone.
            if comparison.error and (not found or stage.id == "adam"):
                message = f"{backend}: {stage.title.lower()} could not be computed: {comparison.error}"
                found.append(Finding(backend, stage.id, None, None, None, message))
    return _joined(sorted(found, key=lambda finding: _place(context, finding)))


def _follows(finding: Finding, row: Row, found: list[Finding]) -> bool:
    """Return whether a finding adds nothing to those before.

    So does a layer whose output was named before, and what nothing explains while something else is off.
    """
    seen = {each.row.node for each in found if each.row}
    if finding.stage in _FORWARD and row.node in seen and (row.quantity == "output" or finding.cause is None):
        return True
    return bool(found) and finding.cause is None and finding.stage not in _FORWARD


def _place(context: Context, finding: Finding) -> tuple[int, int]:
    """Order findings: weights, then layer outputs in evaluation, whose shape is the structure, then everything else."""
    if finding.stage == "weights":
        return 0, 0
    if finding.stage not in ("structure", "evaluation"):
        return 2, 0
    names = [node.name for node in context.inputs.architecture.walk()]
    return 1, names.index(finding.row.tensor) if finding.row and finding.row.tensor in names else len(names)


def _joined(findings: list[Finding]) -> list[Finding]:
    """Join findings of the same stage and explanation to the first of them."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for number, finding in enumerate(findings):
        key = finding.cause.explanation if finding.cause else str(number)
        groups.setdefault((finding.stage, key), []).append(finding)
    return [
        replace(first, message=f"{first.message}; likewise {', '.join(each.label for each in others)}")
        if others
        else first
        for first, *others in groups.values()
    ]


def _has_own_error(stage: Stage, comparison: Comparison) -> bool:
    """Return whether a loss is not the cross-entropy of the backend's own logits."""
    cases = [row.case for row in comparison.rows if isinstance(row.case, LossCase)]
    return any(abs(case.received - case.expected) > (stage.gate or 0) * abs(case.expected) for case in cases)


def _own_errors(stage: Stage, comparison: Comparison) -> list[Row]:
    """Choose the rows that have errors of their own.

    In a forward pass these are all isolated rows that diverge, or the first cumulative one; else the first row.
    """
    diverging = [row for row in comparison.rows if row.diverges]
    if stage.id in _FORWARD:
        # What cannot be isolated, since its input is missing or has another shape, follows from what can.
        isolated = [row for row in diverging if row.view == "isolated"]
        missing = [row for row in diverging if row.view == "cumulative" and row.relative_l2 is None]
        return isolated or missing[:1] or diverging[:1]
    return diverging[:1]


def finding_of(stage: Stage, comparison: Comparison, row: Row, cause: Cause | None, size: str) -> Finding:
    """Put into words how far a row is off, and why, if that is known."""
    why = "no entry of the ledger explains it"
    if cause:
        remains = "exactly" if cause.residual == 0 else f"to {cause.residual:.1e}"
        why = f"{cause.explanation}; explains the difference {remains}"
    message = f"{row.label} ({stage.id}): {comparison.backend} {size}: {why}"
    return Finding(comparison.backend, stage.id, row, smallest_tolerance([comparison]), cause, message)


def _finding(stage: Stage, comparison: Comparison, row: Row) -> Finding:
    """Explain one row."""
    cause = explain(entries_for(row.case), row.case) if row.case is not None else None
    size = f"off by {row.relative_l2:.1e}" if row.relative_l2 is not None else row.note or "cannot be compared"
    if comparison.error and row.relative_l2 is None:
        size = f"{size} ({comparison.error})"
    return finding_of(stage, comparison, row, cause, size)


def verdict(context: Context, stages: tuple[Stage, ...], findings: tuple[Finding, ...]) -> str:
    """Describe in one or two sentences what was found."""
    reference, backends = context.reference, context.backends
    ran = [stage for stage in stages if stage.passed is not None]
    failed = [stage.id for stage in ran if stage.passed is False]
    off = list(dict.fromkeys(finding.backend for finding in findings))
    sentences = []
    if not failed:
        builds = "builds" if len(backends) == 1 else "build"
        names = " and ".join(backends)
        sentences.append(f"{names} {builds} the same network as {reference}: all {len(ran)} gates hold.")
    predicting = [backend for backend in backends if context.outputs[backend].info.predicts_only]
    if predicting and not failed:
        only = "only predicts, and was" if len(predicting) == 1 else "only predict, and were"
        sentences.append(f"{' and '.join(predicting)} {only} compared in that alone.")
    for backend in off:
        first = next(finding for finding in findings if finding.backend == backend)
        cause = f" ({first.cause.explanation})" if first.cause else ""
        against = "the definitions" if reference in off else reference
        against += ", although it is the reference" if backend == reference else ""
        sentences.append(f"{backend} is off against {against}, first at {first.label}{cause}.")
    if failed and len(backends) > 1 and set(off) == set(backends) and _agree(stages, reference, findings[0]):
        sentences.append(f"The backends agree with each other: {reference} may be the one that is off.")
    right = [backend for backend in backends if backend not in off]
    if failed and right and off and reference not in off:
        sentences.append(f"{' and '.join(right)} agree{'s' if len(right) == 1 else ''} with {reference}.")
    return " ".join(sentences) or f"{', '.join(failed)} failed."


def _agree(stages: tuple[Stage, ...], reference: str, first: Finding) -> bool:
    """Return whether the backends agree with each other where they first disagree with the reference."""
    stage = next(stage for stage in stages if stage.id == first.stage)
    pairs = [each for each in stage.comparisons if each.against not in (reference, each.backend)]
    return bool(pairs) and all(comparison.passed for comparison in pairs)
