"""Who is off, from which layer on, and why: the first divergence of each backend, explained by the ledger."""

from dataclasses import replace

from genrebench.network.numerics import FORWARD_TOLERANCE
from genrebench.parity.causes import EXPLAINERS, loss_case
from genrebench.parity.report import Comparison, Finding, Row, Stage, smallest_tolerance
from genrebench.parity.session import REFEREE, Session
from genrebench.parity.stages.network import forward_stage

_FORWARD = ("evaluation", "training")
# What diverges here follows from what diverged before, unless nothing did.
_FOLLOWING = ("loss", "gradients", "steps", "trained")


def diagnose(session: Session, stages: tuple[Stage, ...]) -> tuple[Finding, ...]:
    """Explain what diverges.

    Returns
    -------
    tuple of Finding
        By backend in order of the stages; the first of a backend is where it goes wrong.
    """
    own = _of_reference(session)
    found = [_of_backend(session, stages, backend, is_right=not own) for backend in session.backends]
    return (*own, *(finding for findings in found for finding in findings))


def _of_reference(session: Session) -> list[Finding]:
    """Explain where the reference itself is off, if it is not the definitions.

    Returns
    -------
    list of Finding
        One a layer whose output is not what its definition makes of its input.
    """
    if session.reference == REFEREE:
        return []
    found: list[Finding] = []
    for call in _FORWARD:
        stage = forward_stage(call, (session.isolated_comparison(session.reference, call, FORWARD_TOLERANCE),))
        for row in _own_errors(stage, stage.comparisons[0]):
            finding = _finding(session, stage, stage.comparisons[0], row)
            if not _follows(finding, found):
                found.append(finding)
    return _joined(found)


def _of_backend(session: Session, stages: tuple[Stage, ...], backend: str, *, is_right: bool) -> list[Finding]:
    """Explain what diverges in one backend.

    Parameters
    ----------
    is_right : bool
        Whether the reference is right by the definitions; if not, only what is wrong by these is the backend's.

    Returns
    -------
    list of Finding
        One a diverging layer, tensor or quantity with an error of its own, the first one first.
    """
    found: list[Finding] = []
    # A short run goes astray if training does; the fast path says where.
    for stage in sorted(stages, key=lambda stage: stage.id == "steps"):
        if stage.passed is not False or (
            (found or not is_right) and stage.id in _FOLLOWING and not _has_own_error(session, stage, backend)
        ):
            continue
        for comparison in stage.comparisons:
            if comparison.backend == backend and (comparison.against == session.reference or stage.id == "fast-path"):
                for row in _own_errors(stage, comparison, is_right=is_right):
                    finding = _finding(session, stage, comparison, row)
                    is_blameless = not is_right and finding.cause is None and stage.id not in _FORWARD
                    if not is_blameless and not _follows(finding, found):
                        found.append(finding)
                # A backend that cannot run the network cannot do the rest; Adam works on weights alone.
                if comparison.error and (not found or stage.id == "adam"):
                    found.append(_failed(stage, comparison))
    return _joined(sorted(found, key=lambda finding: _place(session, finding)))


def _follows(finding: Finding, found: list[Finding]) -> bool:
    """Return whether a finding adds nothing to those before.

    Returns
    -------
    bool
        True for a layer whose output was named before, and for what nothing explains while something else is off.
    """
    layer, _, weight = finding.name.partition("/")
    seen = {each.name.partition("/")[0] for each in found}
    if finding.stage in _FORWARD and layer in seen and (not weight or finding.cause is None):
        return True
    return bool(found) and finding.cause is None and finding.stage not in _FORWARD


def _place(session: Session, finding: Finding) -> tuple[int, int]:
    """Say where in the order of things a finding stands.

    Returns
    -------
    tuple of int
        First the weights, then what a layer gives out in evaluation, whose shape is part of the structure, by the
        layer's number; then everything else.
    """
    if finding.stage == "weights":
        return 0, 0
    if finding.stage not in ("structure", "evaluation"):
        return 2, 0
    names = [layer.name for layer in session.probe.architecture.layers]
    return 1, names.index(finding.name) if finding.name in names else len(names)


def _joined(findings: list[Finding]) -> list[Finding]:
    """Say but once what is the same in several layers.

    Returns
    -------
    list of Finding
        Those with the same stage and explanation joined to the first.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for number, finding in enumerate(findings):
        key = finding.cause.explanation if finding.cause else str(number)
        groups.setdefault((finding.stage, key), []).append(finding)
    return [
        replace(first, message=f"{first.message}; likewise {', '.join(each.name for each in others)}")
        if others
        else first
        for first, *others in groups.values()
    ]


def _has_own_error(session: Session, stage: Stage, backend: str) -> bool:
    """Return whether a stage that builds on the forward pass adds an error of its own.

    Returns
    -------
    bool
        True for a loss that is not the cross-entropy of the backend's own logits.
    """
    case = loss_case(session, backend) if stage.id == "loss" else None
    return case is not None and abs(float(case.received - case.expected)) > (stage.gate or 0) * abs(
        float(case.expected)
    )


def _own_errors(stage: Stage, comparison: Comparison, *, is_right: bool = True) -> list[Row]:
    """Choose the rows that have errors of their own.

    Returns
    -------
    list of Row
        In a forward pass all isolated rows that diverge, or the first cumulative one if none does; else the first row.
    """
    diverging = [row for row in comparison.rows if row.diverges]
    if stage.id in _FORWARD:
        isolated = [row for row in diverging if row.view == "isolated"]
        missing = [row for row in diverging if row.view == "cumulative" and row.relative_l2 is None]
        if isolated or missing:
            # What cannot be isolated, since its input is missing or has another shape, follows from what can.
            return isolated or missing[:1]
        if not is_right:
            return []
    return diverging[:1]


def _failed(stage: Stage, comparison: Comparison) -> Finding:
    """Report a backend that raised instead of computing."""
    message = f"{comparison.backend}: {stage.title.lower()} could not be computed: {comparison.error}"
    return Finding(comparison.backend, stage.id, stage.id, None, None, None, message)


def _finding(session: Session, stage: Stage, comparison: Comparison, row: Row) -> Finding:
    """Explain one row."""
    backend = comparison.backend
    explainer = EXPLAINERS.get(stage.id)
    try:
        cause = explainer(session, backend, row) if explainer else None
    except (KeyError, ValueError, IndexError):  # what a hypothesis needs is missing, or has another shape
        cause = None
    tolerance = smallest_tolerance([comparison])
    size = f"off by {row.relative_l2:.1e}" if row.relative_l2 is not None else row.note or "cannot be compared"
    if comparison.error and row.relative_l2 is None:
        size = f"{size} ({comparison.error})"
    if cause:
        remains = "exactly" if cause.residual == 0 else f"to {cause.residual:.1e}"
        why = f"{cause.explanation}; explains the difference {remains}"
    else:
        why = "no entry of the ledger explains it"
    message = f"{row.name} ({stage.id}): {backend} {size}: {why}"
    return Finding(backend, stage.id, row.name, row.relative_l2, tolerance, cause, message)


def verdict(session: Session, stages: tuple[Stage, ...], findings: tuple[Finding, ...]) -> str:
    """Say in one or two sentences what was found."""
    ran = [stage for stage in stages if stage.passed is not None]
    failed = [stage.id for stage in ran if stage.passed is False]
    names = " and ".join(session.backends)
    if not failed:
        builds = "builds" if len(session.backends) == 1 else "build"
        return f"{names} {builds} the same network as {session.reference}: all {len(ran)} gates hold."
    off = list(dict.fromkeys(finding.backend for finding in findings))
    sentences = []
    for backend in off:
        first = next(finding for finding in findings if finding.backend == backend)
        cause = f" ({first.cause.explanation})" if first.cause else ""
        is_reference = backend == session.reference
        against = "the definitions, although it is the reference" if is_reference else session.reference
        sentences.append(f"{backend} is off against {against}, first at {first.name}{cause}.")
    if len(session.backends) > 1 and set(off) == set(session.backends) and _agree(stages, session.reference, findings):
        sentences.append(f"The backends agree with each other: {session.reference} may be the one that is off.")
    right = [backend for backend in session.backends if backend not in off]
    if right and off and session.reference not in off:
        sentences.append(f"{' and '.join(right)} agree{'s' if len(right) == 1 else ''} with {session.reference}.")
    return " ".join(sentences) or f"{', '.join(failed)} failed."


def _agree(stages: tuple[Stage, ...], reference: str, findings: tuple[Finding, ...]) -> bool:
    """Return whether the backends agree with each other where they disagree with the reference.

    Returns
    -------
    bool
        True if every comparison among them passes in the stage of the first finding.
    """
    stage = next(stage for stage in stages if stage.id == findings[0].stage)
    pairs = [each for each in stage.comparisons if each.against not in (reference, f"{each.backend}, traced")]
    return bool(pairs) and all(comparison.passed for comparison in pairs)
