"""Stages of the network: structure, weights, forward passes, loss and gradients."""

from dataclasses import replace

import numpy as np

from genrebench.network.numerics import FORWARD_TOLERANCE, GRADIENT_TOLERANCE
from genrebench.network.types import Array
from genrebench.parity.compare import compare, compare_all
from genrebench.parity.probe import Answers
from genrebench.parity.referee import build_referee
from genrebench.parity.report import DIVERGES, EQUAL, Comparison, Row, Stage
from genrebench.parity.session import CONTROL_FACTOR, Session

LOSS_TOLERANCE = 1e-12


def structure(session: Session) -> Stage:
    """Compare layers by name, output shape and number of parameters."""
    architecture = session.probe.architecture
    expected = {row.name: row for row in architecture.walk()}
    comparisons = []
    for backend in session.backends:
        answers = session.answers[backend]
        outputs, weights = answers.arrays("evaluation"), answers.arrays("weights")
        rows = []
        for name, right in expected.items():
            shape = outputs[name].shape[1:] if name in outputs else None
            parameters = sum(value.size for key, value in weights.items() if key.startswith(f"{name}/"))
            notes = [f"{parameters:,} parameters"] if parameters else []
            if shape != right.output_shape:
                notes = ["missing" if shape is None else f"shape {shape}, expected {right.output_shape}"]
            elif parameters != right.parameters:
                notes = [f"{parameters:,} parameters, expected {right.parameters:,}"]
            fits = shape == right.output_shape and parameters == right.parameters
            verdict, note = EQUAL if fits else DIVERGES, "; ".join(notes)
            rows.append(Row(name, "cumulative", shape or (), None, None, None, None, 0.0, verdict, note))
        known = {*expected, *session.right.arrays("evaluation")}
        rows += [
            Row(name, "cumulative", outputs[name].shape[1:], None, None, None, None, 0.0, DIVERGES, "no such layer")
            for name in outputs
            if name not in known
        ]
        error = answers.error("evaluation") or answers.error("weights")
        comparisons.append(Comparison(backend, session.reference, tuple(rows), error))
    return Stage("structure", "Structure", "names, shapes and parameters of every layer are equal", "float64", 0.0,
                 tuple(comparisons))  # fmt: skip


def weights(session: Session) -> Stage:
    """Compare the weights that come back, from the backend and from the backend by way of the referee.

    Returns
    -------
    Stage
        Two rows a weight: what was given came back, and what came back goes in again.
    """
    given = session.probe.weights
    comparisons = []
    for backend in session.backends:
        answers = session.answers[backend]
        back = answers.arrays("weights")
        rows = compare_all(back, given, 0.0)
        if not any(row.diverges for row in rows):
            through = build_referee(session.probe.architecture, back).weights()
            rows += [
                compare(f"{name} (to {session.reference})", through[name], value, tolerance=0.0)
                for name, value in back.items()
            ]
            single = {name: value.astype(np.float32) for name, value in given.items()}
            rows += [
                replace(row, name=f"{row.name} (float32)")
                for row in compare_all(answers.arrays("weights32"), single, 0.0)
            ]
        comparisons.append(
            Comparison(backend, session.reference, tuple(rows), answers.error("weights") or answers.error("weights32"))
        )
    return Stage("weights", "Weights round trip", "into the backend and back, and on to the reference: equal bits",
                 "float64", 0.0, tuple(comparisons))  # fmt: skip


def forward(session: Session, call: str) -> Stage:
    """Compare every layer's output, as computed and isolated.

    Returns
    -------
    Stage
        Cumulative and isolated rows, in training also for running statistics.
    """
    comparisons = []
    for comparison in session.compare(call, FORWARD_TOLERANCE):
        rows = comparison.rows
        if comparison.against == session.reference:
            rows += session.isolated_comparison(comparison.backend, call, FORWARD_TOLERANCE).rows
        comparisons.append(Comparison(comparison.backend, comparison.against, rows, comparison.error))
    return forward_stage(call, tuple(comparisons))


def forward_stage(call: str, comparisons: tuple[Comparison, ...]) -> Stage:
    """Describe a forward pass."""
    asks = {
        "evaluation": "output of every layer, relative L2",
        "training": "output of every layer by batch statistics, updated running statistics, relative L2",
    }
    return Stage(call, f"{call.capitalize()} forward", f"{asks[call]} <= {FORWARD_TOLERANCE:g}", "float64",
                 FORWARD_TOLERANCE, comparisons)  # fmt: skip


def loss(session: Session) -> Stage:
    """Compare the loss in training mode."""
    comparisons = []
    for backend, against in session.pairs():
        ours, theirs = (session.answers[each] for each in (backend, against))
        received, expected = (loss_of(each, "gradients").get("loss") for each in (ours, theirs))
        error = ours.error("gradients") or (
            f"{against}: {theirs.error('gradients')}" if theirs.error("gradients") else ""
        )
        row = compare("loss", received, expected, tolerance=LOSS_TOLERANCE, floor=session.loss_of_guessing)
        comparisons.append(Comparison(backend, against, () if error else (row,), error))
    asks = f"mean cross-entropy, relative <= {LOSS_TOLERANCE:g}"
    return Stage("loss", "Loss", asks, "float64", LOSS_TOLERANCE, tuple(comparisons))


def loss_of(answers: Answers, call: str) -> dict[str, Array]:
    """Look up a loss as a tensor.

    Parameters
    ----------
    call : str
        A call that returned a loss, or a list with one.

    Returns
    -------
    dict of str to ndarray
        The loss under ``loss``; empty if the call failed.
    """
    if call not in answers.result.values:
        return {}
    value = answers.result.values[call]
    value = value[0] if isinstance(value, list) else value
    return {"loss": np.array(np.nan if value is None else value, np.float64)}


def gradients(session: Session) -> Stage:
    """Compare the gradient of every trainable weight."""
    asks = (
        f"every tensor, relative L2 <= {GRADIENT_TOLERANCE:g}, or {CONTROL_FACTOR:g} times what one ulp in the weights "
        "does"
    )
    comparisons = session.compare("gradients", session.sensitivity)
    return Stage("gradients", "Gradients", asks, "float64", GRADIENT_TOLERANCE, tuple(comparisons))
