"""Stages of what users run: the path of training, a trained model, single precision."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from genrebench.network.adam import Adam
from genrebench.network.layers import Dropout
from genrebench.network.numerics import FORWARD_TOLERANCE, GRADIENT_TOLERANCE, log_softmax
from genrebench.network.types import Array
from genrebench.parity.compare import compare, compare_all
from genrebench.parity.ledger.optimizer import AdamCase
from genrebench.parity.report import DIVERGES, EQUAL, Comparison, Row, Stage
from genrebench.parity.session import Session, fast_gradients, first_update
from genrebench.parity.stages.network import LOSS_TOLERANCE, loss_of
from genrebench.parity.stages.optimizer import excused

TRAINED_TOLERANCE = 1e-5


def fast_path(session: Session) -> Stage:
    """Compare the network as training runs it with the same backend's traced one.

    Returns
    -------
    Stage
        For each backend that trains: logits, loss, gradients, running statistics and Adam's first update.
    """
    comparisons = []
    for backend in session.backends:
        answers = session.answers[backend]
        if not answers.can_train:
            continue
        error = next(filter(None, map(answers.error, ("logits", "fast", "fast-adam", "undropped", "dropout"))), "")
        rows = [] if error else [*_fast_rows(session, backend)]
        comparisons.append(Comparison(backend, f"{backend}, traced", tuple(rows), error))
    asks = (
        f"as training runs it against the traced network of the same backend: logits and statistics <= "
        f"{FORWARD_TOLERANCE:g}, loss <= {LOSS_TOLERANCE:g}, gradients and Adam's update <= {GRADIENT_TOLERANCE:g}; "
        "what dropout draws has its rate and scale, and is drawn anew in each step"
    )
    skipped = "" if comparisons else "no backend here trains"
    return Stage("fast-path", "Fast path", asks, "float64", GRADIENT_TOLERANCE, tuple(comparisons), skipped)


def fast_statistics(session: Session, backend: str) -> tuple[dict[str, Array], dict[str, Array]]:
    """Look up the running statistics after one step.

    Returns
    -------
    dict of str to ndarray
        By the path that training takes.
    """
    names = [name for name, spec in session.probe.architecture.weight_specs().items() if not spec.trainable]
    answers = session.answers[backend]
    fast, traced = answers.arrays("fast"), answers.arrays("undropped-training")
    return {n: fast[n] for n in names if n in fast}, {n: traced[n] for n in names if n in traced}


def fast_updates(session: Session, backend: str) -> tuple[dict[str, Array], dict[str, Array]]:
    """Compute Adam's first update on the path that training takes, and what it should be.

    Returns
    -------
    dict of str to ndarray
        What was added to each weight.
    dict of str to ndarray
        What the traced gradients give by definition.
    """
    answers = session.answers[backend]
    traced = answers.arrays("undropped")
    after = answers.arrays("fast-adam")
    received = {name: after[name] - session.probe.weights[name] for name in traced if name in after}
    return received, first_update(traced)


def _fast_rows(session: Session, backend: str) -> Iterable[Row]:
    """Compare the two paths of one backend."""
    answers = session.answers[backend]
    last = session.probe.architecture.layers[-1].name
    logits, traced = answers.arrays("logits").get("value"), answers.arrays("evaluation").get(last)
    yield compare("logits", logits, traced, tolerance=FORWARD_TOLERANCE)
    fast_loss, loss = (loss_of(answers, call).get("loss") for call in ("fast", "undropped"))
    yield compare("loss", fast_loss, loss, tolerance=LOSS_TOLERANCE, floor=session.loss_of_guessing)
    yield from compare_all(*fast_statistics(session, backend), FORWARD_TOLERANCE)
    gradients = answers.arrays("undropped")
    tolerances = {
        name: tolerance + _hidden(session, gradients, name) for name, tolerance in session.sensitivity.items()
    }
    yield from compare_all(fast_gradients(session, backend), gradients, tolerances)
    received, expected = fast_updates(session, backend)
    for row in compare_all(received, expected, tolerances):
        yield replace(
            excused(row, lambda name: fast_adam_case(session, backend, name)), name=f"Adam's update of {row.name}"
        )

    for layer in session.probe.architecture.layers:
        if isinstance(layer, Dropout):
            yield _dropout_row(layer, answers.arrays("dropout").get(layer.name))


def drawn_as_it_should_be(layer: Dropout, received: Array) -> Array:
    """Round what dropout made of ones to what it may make of them.

    Parameters
    ----------
    received : ndarray
        What it made of ones.

    Returns
    -------
    ndarray
        Zeros where values were dropped, elsewhere ``1 / (1 - rate)``.
    """
    return np.where(received == 0, 0.0, 1 / (1 - layer.rate))


def _dropout_row(layer: Dropout, received: Array | None) -> Row:
    """Judge the masks that training draws.

    Parameters
    ----------
    received : ndarray [shape=(2, values)] or None
        What it made of ones in two steps.

    Returns
    -------
    Row
        Zeros and scaled ones; as many zeros as the rate says, within six standard deviations; not the same ones twice.
    """
    name = f"{layer.name}, drawn masks"
    if received is None or received.ndim != 2:
        return compare(name, received, np.ones((2, 1)), tolerance=GRADIENT_TOLERANCE)
    dropped = float((received == 0).mean())
    note = f"{dropped:.1%} dropped, rate {layer.rate:g}"
    row = compare(name, received, drawn_as_it_should_be(layer, received), tolerance=GRADIENT_TOLERANCE, note=note)
    if abs(dropped - layer.rate) > 6 * np.sqrt(layer.rate * (1 - layer.rate) / received.size):
        return replace(row, verdict=DIVERGES)
    if 0 < dropped < 1 and np.array_equal(received[0] == 0, received[1] == 0):
        return replace(row, verdict=DIVERGES, note=f"{note}, the same ones in both steps")
    return row


def _hidden(session: Session, gradients: Mapping[str, Array], name: str) -> float:
    """Say how much of a gradient cannot be seen in a weight that moved by it.

    Returns
    -------
    float
        The rounding of the weight before and after, relative to the gradient.
    """
    weight, gradient = (float(np.linalg.norm(each[name])) for each in (session.probe.weights, gradients))
    return 2 * float(np.finfo(np.float64).eps) * weight / gradient if 0 < gradient < np.inf else 0.0


def fast_adam_case(session: Session, backend: str, name: str) -> AdamCase:
    """Put together what is needed to explain the first update of training.

    Parameters
    ----------
    name : str
        Canonical name of a weight.
    """
    received, expected = fast_updates(session, backend)
    gradient = session.answers[backend].arrays("undropped")[name]
    zeros = np.zeros_like(gradient)
    return AdamCase("update", received[name], expected[name], session.probe.weights[name], gradient, zeros, zeros, 0,
                    Adam())  # fmt: skip


def trained(session: Session, genres: Mapping[int, str]) -> Stage:
    """Compare a trained model's probabilities, in float32.

    Returns
    -------
    Stage
        A row for the probabilities, and one for the genres.
    """
    asks = f"probabilities of the trained model, in float32: difference <= {TRAINED_TOLERANCE:g}, and equal genres"
    if session.probe.spectrograms is None:
        return Stage("trained", "Trained model", asks, "float32", TRAINED_TOLERANCE, (), "needs --model")
    everyone = [*session.backends, session.reference]
    found = {name: session.answers[name].arrays("trained").get("value") for name in everyone}
    pairs = [*((each, session.reference) for each in session.backends), *combinations(session.backends, 2)]
    comparisons = []
    for backend, against in pairs:
        ours, theirs = found[backend], found[against]
        error = session.answers[backend].error("trained") or session.answers[against].error("trained")
        rows = () if error else tuple(_trained_rows(ours, theirs, genres))
        comparisons.append(Comparison(backend, against, rows, error))
    return Stage("trained", "Trained model", asks, "float32", TRAINED_TOLERANCE, tuple(comparisons))


def _trained_rows(ours: Array | None, theirs: Array | None, genres: Mapping[int, str]) -> Iterable[Row]:
    """Compare two backends' predictions.

    Parameters
    ----------
    ours, theirs : ndarray [shape=(n, classes)] or None
        Logits.
    """
    if ours is None or theirs is None or ours.shape != theirs.shape:
        yield compare("logits", ours, theirs, tolerance=TRAINED_TOLERANCE)
        return
    probabilities = [np.exp(log_softmax(each)) for each in (ours, theirs)]
    row = compare("probabilities", *probabilities, tolerance=TRAINED_TOLERANCE)
    largest = float(np.abs(probabilities[0] - probabilities[1]).max())
    if row.relative_l2 is not None and not largest <= TRAINED_TOLERANCE:
        row = replace(row, verdict=DIVERGES)
    yield replace(row, note=f"largest difference {largest:.1e}")
    chosen = [each.argmax(1) for each in probabilities]
    differ = np.flatnonzero(chosen[0] != chosen[1])
    note = f"{len(ours)} of {len(ours)} equal"
    if len(differ):
        names = [genres.get(int(each[differ[0]]), "?") for each in chosen]
        note = f"{len(differ)} of {len(ours)} differ, first {int(differ[0])}: {names[0]}, expected {names[1]}"
    verdict = DIVERGES if len(differ) else EQUAL
    yield Row("genres", "cumulative", (len(ours),), len(differ) / len(ours), None, None, None, 0.0, verdict, note)


def single_precision(session: Session) -> Stage:
    """Show the ladder in float32, next to what the reference itself loses in float32.

    Returns
    -------
    Stage
        Rows without a gate, against the reference in float64.
    """
    comparisons = []
    for backend in session.backends:
        rows: list[Row] = []
        for call in ("evaluation", "training", "gradients"):
            right = session.right.arrays(call)
            own = {row.name: row for row in compare_all(session.right.arrays(f"{call}32"), right, None)}
            for row in compare_all(session.answers[backend].arrays(f"{call}32"), right, None):
                lost = own[row.name].relative_l2 if row.name in own else None
                note = f"{session.reference} in float32: {lost:.1e}" if lost is not None else ""
                rows.append(replace(row, name=f"{call}: {row.name}", note="; ".join(filter(None, (row.note, note)))))
        loss = loss_of(session.right, "gradients").get("loss")
        own_loss, received = (
            loss_of(each, "gradients32").get("loss") for each in (session.right, session.answers[backend])
        )
        lost = compare("loss", own_loss, loss, tolerance=None).relative_l2
        note = f"{session.reference} in float32: {lost:.1e}" if lost is not None else ""
        rows.append(compare("loss", received, loss, tolerance=None, note=note))
        if session.answers[backend].can_train:
            right = session.answers[backend].arrays("undropped")
            rows += [
                replace(row, name=f"fast path: {row.name}")
                for row in compare_all(fast_gradients(session, backend, "fast32"), right, None)
            ]
        error = session.answers[backend].error("evaluation32") or session.answers[backend].error("gradients32")
        comparisons.append(Comparison(backend, session.reference, tuple(rows), error))
    asks = (
        "for information, against float64: outputs some 1e-7, gradients up to some 1e-2 where the rectifier's or "
        "pooling's choice flips"
    )
    return Stage("float32", "Single precision", asks, "float32", None, tuple(comparisons))
