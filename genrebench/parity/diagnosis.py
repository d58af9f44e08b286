"""Who is off, from which layer on, and why: the first divergence of each backend, explained by the ledger."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from genrebench.layers import BatchNormalization, Dropout
from genrebench.metrics import cross_entropy
from genrebench.parity.ledger.base import explain
from genrebench.parity.ledger.case import LayerCase
from genrebench.parity.ledger.layers import LAYER_ENTRIES
from genrebench.parity.ledger.optimizer import ADAM_ENTRIES
from genrebench.parity.ledger.tensors import (
    GRADIENT_ENTRIES,
    LOSS_ENTRIES,
    STATISTIC_ENTRIES,
    WEIGHT_ENTRIES,
    GradientCase,
    LossCase,
    StatisticCase,
    WeightCase,
)
from genrebench.parity.referee import normalised_values
from genrebench.parity.results import Cause, Comparison, Finding, Row, Stage, smallest_tolerance
from genrebench.parity.session import Session
from genrebench.parity.stages import adam_case, fast_adam_case, fast_statistics, loss_of

_FORWARD = ("evaluation", "training")
# What diverges here follows from what diverged before, unless nothing did.
_FOLLOWING = ("loss", "gradients", "steps", "trained")


def diagnose(session: Session, stages: tuple[Stage, ...]) -> tuple[Finding, ...]:
    """Explain what diverges.

    Parameters
    ----------
    session : Session
        The run.
    stages : tuple of Stage
        What was compared.

    Returns
    -------
    tuple of Finding
        By backend in order of the stages; the first of a backend is where it goes wrong.
    """
    return tuple(finding for backend in session.backends for finding in _of_backend(session, stages, backend))


def _of_backend(session: Session, stages: tuple[Stage, ...], backend: str) -> list[Finding]:
    """Explain what diverges in one backend.

    Parameters
    ----------
    session : Session
        The run.
    stages : tuple of Stage
        What was compared.
    backend : str
        The backend.

    Returns
    -------
    list of Finding
        One a diverging layer, tensor or quantity with an error of its own, the first one first.
    """
    found: list[Finding] = []
    # A short run goes astray if training does; the fast path says where.
    for stage in sorted(stages, key=lambda stage: stage.id == "steps"):
        if stage.passed is not False or (
            found and stage.id in _FOLLOWING and not _has_own_error(session, stage, backend)
        ):
            continue
        for comparison in stage.comparisons:
            if comparison.backend == backend and (comparison.against == session.reference or stage.id == "fast-path"):
                for row in _own_errors(stage, comparison):
                    finding = _finding(session, stage, comparison, row)
                    if not _follows(finding, found):
                        found.append(finding)
                if comparison.error and not found:
                    found.append(_failed(stage, comparison))
    return _joined(sorted(found, key=lambda finding: _place(session, finding)))


def _follows(finding: Finding, found: list[Finding]) -> bool:
    """Tell whether a finding adds nothing to those before.

    Parameters
    ----------
    finding : Finding
        The finding.
    found : list of Finding
        Those of earlier stages and layers.

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

    Parameters
    ----------
    session : Session
        The run.
    finding : Finding
        The finding.

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

    Parameters
    ----------
    findings : list of Finding
        In order.

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
    """Tell whether a stage that builds on the forward pass adds an error of its own.

    Parameters
    ----------
    session : Session
        The run.
    stage : Stage
        The stage.
    backend : str
        The backend.

    Returns
    -------
    bool
        True for a loss that is not the cross-entropy of the backend's own logits.
    """
    case = _loss_case(session, backend) if stage.id == "loss" else None
    return case is not None and abs(float(case.received - case.expected)) > (stage.gate or 0) * abs(
        float(case.expected)
    )


def _own_errors(stage: Stage, comparison: Comparison) -> list[Row]:
    """Choose the rows that have errors of their own.

    Parameters
    ----------
    stage : Stage
        The stage.
    comparison : Comparison
        A comparison of it.

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
    return diverging[:1]


def _failed(stage: Stage, comparison: Comparison) -> Finding:
    """Report a backend that raised instead of computing.

    Parameters
    ----------
    stage : Stage
        The stage.
    comparison : Comparison
        The comparison that could not be made.

    Returns
    -------
    Finding
        Without a cause.
    """
    message = f"{comparison.backend}: {stage.title.lower()} could not be computed: {comparison.error}"
    return Finding(comparison.backend, stage.id, stage.id, None, None, None, message)


def _finding(session: Session, stage: Stage, comparison: Comparison, row: Row) -> Finding:
    """Explain one row.

    Parameters
    ----------
    session : Session
        The run.
    stage : Stage
        The stage.
    comparison : Comparison
        The comparison.
    row : Row
        What diverges.

    Returns
    -------
    Finding
        With the cause, if the ledger has one.
    """
    backend = comparison.backend
    explainer = _EXPLAINERS.get(stage.id)
    try:
        cause = explainer(session, backend, row) if explainer else None
    except (KeyError, ValueError, IndexError):  # what a hypothesis needs is missing, or has another shape
        cause = None
    tolerance = smallest_tolerance([comparison])
    size = f"off by {row.relative_l2:.1e}" if row.relative_l2 is not None else row.note or "cannot be compared"
    if cause:
        remains = "exactly" if cause.residual == 0 else f"to {cause.residual:.1e}"
        why = f"{cause.explanation}; explains the difference {remains}"
    else:
        why = "no entry of the ledger explains it"
    message = f"{row.name} ({stage.id}): {backend} {size}: {why}"
    return Finding(backend, stage.id, row.name, row.relative_l2, tolerance, cause, message)


def _structure_cause(session: Session, backend: str, row: Row) -> Cause | None:
    """Explain another shape by the layer's evaluation.

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        The backend.
    row : Row
        A row of the structure.

    Returns
    -------
    Cause or None
        The cause.
    """
    return _layer_cause(session, backend, row.name, "evaluation")


def _weight_cause(session: Session, backend: str, row: Row) -> Cause | None:
    """Explain a weight that did not come back.

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        The backend.
    row : Row
        A row of the round trip.

    Returns
    -------
    Cause or None
        The cause.
    """
    name = row.name.partition(" ")[0]
    received = session.answers[backend].arrays("weights")[name]
    given = session.probe.weights
    return explain(WEIGHT_ENTRIES, WeightCase(name, received, given[name], given))


def _layer_cause(session: Session, backend: str, name: str, call: str) -> Cause | None:
    """Explain a layer's output.

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        The backend.
    name : str
        The layer.
    call : str
        ``evaluation`` or ``training``.

    Returns
    -------
    Cause or None
        The cause.
    """
    architecture = session.probe.architecture
    index = [layer.name for layer in architecture.layers].index(name)
    outputs = session.answers[backend].arrays(call)
    x = session.layer_input(index, outputs)
    training = call == "training"
    expected = session.isolated(backend, call).get(name, {}).get(name)
    if x is None or expected is None or name not in outputs:
        return None
    mask = session.probe.masks.get(name) if training else None
    case = LayerCase(architecture, index, session.probe.weights, x, outputs[name], expected, outputs, training, mask)
    return explain(LAYER_ENTRIES, case)


def _statistic_cause(session: Session, backend: str, name: str, call: str) -> Cause | None:
    """Explain a running statistic.

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        The backend.
    name : str
        Its canonical name.
    call : str
        ``training``, or ``fast-path`` for the statistics after a step of training.

    Returns
    -------
    Cause or None
        The cause.
    """
    owner, _, statistic = name.partition("/")
    layers = session.probe.architecture.layers
    index = [layer.name for layer in layers].index(owner)
    x = session.layer_input(index, session.answers[backend].arrays("training"))
    if call == "fast-path":
        fast, traced = fast_statistics(session, backend)
        received, expected = fast[name], traced[name]
    else:
        received = session.answers[backend].arrays(call)[name]
        expected = session.isolated(backend, call)[owner][name]
    layer, old = layers[index], session.probe.weights[name]
    if x is None or not isinstance(layer, BatchNormalization):
        return None
    case = StatisticCase(statistic, layer.momentum, normalised_values(x.shape), old, received, expected)
    return explain(STATISTIC_ENTRIES, case)


def _forward_cause(call: str) -> Callable[[Session, str, Row], Cause | None]:
    """Make the explainer of a forward pass.

    Parameters
    ----------
    call : str
        ``evaluation`` or ``training``.

    Returns
    -------
    callable
        The explainer.
    """

    def explainer(session: Session, backend: str, row: Row) -> Cause | None:
        """Explain a layer's output or a running statistic.

        Parameters
        ----------
        session : Session
            The run.
        backend : str
            The backend.
        row : Row
            A row.

        Returns
        -------
        Cause or None
            The cause.
        """
        of = _statistic_cause if "/" in row.name else _layer_cause
        return of(session, backend, row.name, call)

    return explainer


def _loss_case(session: Session, backend: str) -> LossCase | None:
    """Put together what is needed to explain a loss.

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        The backend.

    Returns
    -------
    LossCase or None
        The case; None if the backend gave no loss or no logits.
    """
    answers, last = session.answers[backend], session.probe.architecture.layers[-1].name
    logits = answers.arrays("training").get(last)
    loss = loss_of(answers, "gradients").get("loss")
    labels = session.probe.labels
    if loss is None or logits is None or logits.shape != (len(labels), session.probe.architecture.classes):
        return None
    others = {}
    for call, text in (("evaluation", "is that of evaluation mode"), ("undropped-training", "ignores dropout masks")):
        if last in answers.arrays(call):
            others[text] = answers.arrays(call)[last]
    return LossCase(loss, np.array(cross_entropy(logits, labels)), logits, labels, others)


def _loss_cause(session: Session, backend: str, row: Row) -> Cause | None:  # noqa: ARG001 - as all explainers
    """Explain a loss.

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        The backend.
    row : Row
        The row of the loss.

    Returns
    -------
    Cause or None
        The cause.
    """
    case = _loss_case(session, backend)
    return explain(LOSS_ENTRIES, case) if case else None


def _gradient_cause(session: Session, backend: str, row: Row) -> Cause | None:
    """Explain a gradient.

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        The backend.
    row : Row
        The row of a gradient.

    Returns
    -------
    Cause or None
        The cause.
    """
    received, right = session.answers[backend].arrays("gradients"), session.right.arrays("gradients")
    name = row.name
    others = {key: value for key, value in right.items() if key != name and value.shape == right[name].shape}
    has_dropout = any(isinstance(layer, Dropout) for layer in session.probe.architecture.layers)
    undropped = session.right.arrays("undropped").get(name) if has_dropout else None
    case = GradientCase(received[name], right[name], session.probe.weights[name], undropped, others)
    return explain(GRADIENT_ENTRIES, case)


def _fast_cause(session: Session, backend: str, row: Row) -> Cause | None:
    """Explain what training does otherwise than the traced network.

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        The backend.
    row : Row
        A row of the fast path.

    Returns
    -------
    Cause or None
        The cause.
    """
    prefix = "Adam's update of "
    if row.name.startswith(prefix):
        return explain(ADAM_ENTRIES, fast_adam_case(session, backend, row.name.removeprefix(prefix)))
    specs = session.probe.architecture.weight_specs()
    if row.name in specs and not specs[row.name].trainable:
        return _statistic_cause(session, backend, row.name, "fast-path")
    return None


_EXPLAINERS: dict[str, Callable[[Session, str, Row], Cause | None]] = {
    "structure": _structure_cause,
    "weights": _weight_cause,
    "evaluation": _forward_cause("evaluation"),
    "training": _forward_cause("training"),
    "loss": _loss_cause,
    "gradients": _gradient_cause,
    "adam": lambda session, backend, row: explain(ADAM_ENTRIES, adam_case(session, backend, row.name)),
    "fast-path": _fast_cause,
}


def verdict(session: Session, stages: tuple[Stage, ...], findings: tuple[Finding, ...]) -> str:
    """Say in one or two sentences what was found.

    Parameters
    ----------
    session : Session
        The run.
    stages : tuple of Stage
        What was compared.
    findings : tuple of Finding
        What is off.

    Returns
    -------
    str
        For people.
    """
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
        sentences.append(f"{backend} is off against {session.reference}, first at {first.name}{cause}.")
    if len(off) == len(session.backends) > 1 and _agree(stages, session.reference, findings):
        sentences.append(f"The backends agree with each other: {session.reference} may be the one that is off.")
    right = [backend for backend in session.backends if backend not in off]
    if right and off:
        sentences.append(f"{' and '.join(right)} agree{'s' if len(right) == 1 else ''} with {session.reference}.")
    return " ".join(sentences) or f"{', '.join(failed)} failed."


def _agree(stages: tuple[Stage, ...], reference: str, findings: tuple[Finding, ...]) -> bool:
    """Tell whether the backends agree with each other where they disagree with the reference.

    Parameters
    ----------
    stages : tuple of Stage
        What was compared.
    reference : str
        Name of the reference.
    findings : tuple of Finding
        What is off.

    Returns
    -------
    bool
        True if every comparison among them passes in the stage of the first finding.
    """
    stage = next(stage for stage in stages if stage.id == findings[0].stage)
    pairs = [each for each in stage.comparisons if each.against not in (reference, f"{each.backend}, traced")]
    return bool(pairs) and all(comparison.passed for comparison in pairs)
