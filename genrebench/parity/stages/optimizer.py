"""Stages of the optimizer: one update of Adam, and a short run."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from itertools import zip_longest

import numpy as np

from genrebench.backend.jobs import Job, execute
from genrebench.network.adam import Adam
from genrebench.network.numerics import GRADIENT_TOLERANCE, relative_error
from genrebench.network.types import Array
from genrebench.parity.compare import compare, compare_all
from genrebench.parity.ledger.base import explain
from genrebench.parity.ledger.optimizer import ADAM_ENTRIES, ROUNDED_ID, AdamCase, rounded
from genrebench.parity.probe import ADAM_STEP, Answers, adam_state, calls
from genrebench.parity.report import Comparison, Row, Stage
from genrebench.parity.session import CONTROL_FACTOR, REFEREE, Session, first_update, relative_losses

STEPS_LOSS_TOLERANCE = 1e-9


def adam_tensors(session: Session, answers: Answers) -> dict[str, Array]:
    """Turn an answer of Adam's into what is compared.

    Returns
    -------
    dict of str to ndarray
        What was added to each weight, by canonical name; the moments after ``m: `` and ``v: ``.
    """
    tensors = {}
    for name, value in answers.arrays("adam").items():
        kind, _, weight = name.partition("/")
        is_update = kind == "weights"
        tensors[weight if is_update else f"{kind}: {weight}"] = (
            value - session.probe.weights[weight] if is_update and weight in session.probe.weights else value
        )
    return tensors


def adam_case(session: Session, backend: str, name: str) -> AdamCase:
    """Put together what is needed to explain an update.

    Parameters
    ----------
    name : str
        A row of the stage.
    """
    kind, _, rest = name.rpartition(": ")
    weight = rest or name
    gradient, m, v = (each[weight] for each in adam_state(session.probe))
    received, expected = (adam_tensors(session, session.answers[each])[name] for each in (backend, session.reference))
    return AdamCase(kind or "update", received, expected, session.probe.weights[weight], gradient, m, v, ADAM_STEP,
                    Adam())  # fmt: skip


def adam(session: Session) -> Stage:
    """Compare one update of the optimizer from equal gradients and an equal state.

    A difference that an accepted entry of the ledger predicts passes as ``known:<id>``.

    Returns
    -------
    Stage
        For each trainable weight the update and both moments.
    """
    comparisons = []
    for comparison in session.compare(
        "adam", GRADIENT_TOLERANCE, select=lambda answers: adam_tensors(session, answers)
    ):
        rows = comparison.rows
        if comparison.against == session.reference:
            rows = tuple(
                excused(row, lambda name, backend=comparison.backend: adam_case(session, backend, name))  # type: ignore[misc]
                for row in rows
            )
        elif any(_rounded_hyperparameters(session, each) for each in (comparison.backend, comparison.against)):
            rows = ()  # one of the two is known to differ, by what its comparison with the reference says
        comparisons.append(Comparison(comparison.backend, comparison.against, rows, comparison.error))
    asks = f"one update from equal gradients and state: update and moments, relative L2 <= {GRADIENT_TOLERANCE:g}"
    return Stage("adam", "Adam", asks, "float64", GRADIENT_TOLERANCE, tuple(comparisons))


def _rounded_hyperparameters(session: Session, backend: str) -> Adam | None:
    """Find out whether a backend's Adam differs only by hyperparameters that passed through float32.

    Returns
    -------
    Adam or None
        The rounded hyperparameters; None if the update is right, or off for another reason.
    """
    ours, theirs = (adam_tensors(session, session.answers[each]) for each in (backend, session.reference))
    diverging = [row.name for row in compare_all(ours, theirs, GRADIENT_TOLERANCE) if row.diverges]
    if not diverging or not set(diverging) <= ours.keys() & theirs.keys():
        return None
    cases = [adam_case(session, backend, name) for name in diverging]
    for _, optimizer in rounded(Adam()):
        if all(relative_error(case.predict(optimizer), case.received) <= GRADIENT_TOLERANCE for case in cases):
            return optimizer
    return None


def excused(row: Row, case: Callable[[str], AdamCase]) -> Row:
    """Turn a divergence that an accepted entry predicts into a known one.

    Parameters
    ----------
    case : callable
        From the row's name: what is needed to explain it.

    Returns
    -------
    Row
        The same, or one with the verdict ``known:<id>`` and the residual as its note.
    """
    if not row.diverges or row.relative_l2 is None:
        return row
    cause = explain((entry for entry in ADAM_ENTRIES if entry.accepted), case(row.name))
    if cause is None:
        return row

    return replace(row, verdict=f"known:{cause.id}", note=f"{cause.explanation}; residual {cause.residual:.1e}")


def steps(session: Session) -> Stage:
    """Compare a short run from an equal state with a control run that began one ulp away.

    Returns
    -------
    Stage
        A row for the loss of each step, and one for all weights after the last.
    """
    expected, right = session.value(session.reference, "steps"), session.right.arrays("steps")
    end, control = _joined(right, right), _joined(session.right.arrays("control"), right)
    distance = relative_error(control, end)
    comparisons = []
    for backend in session.backends:
        answers = session.answers[backend]
        error, rows = answers.error("steps"), []
        if not error:
            rounded = _rounded_hyperparameters(session, backend)
            wanted, goal = (expected, end) if rounded is None else _steps_with(session, rounded)
            for index, (value, loss) in enumerate(zip_longest(session.value(backend, "steps") or [], wanted), 1):
                received = np.array(np.nan if value is None else value, np.float64)
                rows.append(
                    compare(
                        f"loss of step {index}",
                        received,
                        None if loss is None else np.array(loss),
                        tolerance=STEPS_LOSS_TOLERANCE,
                        floor=session.loss_of_guessing,
                    )
                )
            after = answers.arrays("steps")
            fits = {name: value.shape for name, value in after.items()} == {n: v.shape for n, v in right.items()}
            ulps = _rounding_in_ulps(session, backend)
            note = (
                f"a control 1 ulp away at the start ends {distance:.1e} away; at an equal state this backend rounds by "
                f"{ulps:.3g} ulp"
            )
            tolerance = CONTROL_FACTOR * ulps * distance
            total = _joined(after, right) if fits else None
            if session.probe.architecture.weight_specs():
                rows.append(compare(f"weights after step {len(expected)}", total, goal, tolerance=tolerance, note=note))
            if rounded is not None:
                rows = [row if row.diverges else replace(row, verdict=f"known:{ROUNDED_ID}") for row in rows]
        comparisons.append(Comparison(backend, session.reference, tuple(rows), error))
    asks = (
        f"loss of each of {len(expected)} steps, relative <= {STEPS_LOSS_TOLERANCE:g}; weights within "
        f"{CONTROL_FACTOR:g} times the distance of a control that began one ulp away, for each ulp by which the "
        "backend rounds at an equal state"
    )
    return Stage("steps", "Short run", asks, "float64", STEPS_LOSS_TOLERANCE, tuple(comparisons))


def _steps_with(session: Session, optimizer: Adam) -> tuple[list[float], Array]:
    """Run the short run by definition with other hyperparameters."""
    probe = session.probe
    asked = next(call for call in calls(probe) if call.name == "steps")
    call = replace(asked, options=asked.options | {"adam": asdict(optimizer)})
    result = execute(Job(REFEREE, probe.architecture, probe.weights, (call,)))
    return result.values["steps"], _joined(result.arrays["steps"], session.right.arrays("steps"))


def _joined(tensors: Mapping[str, Array], like: Mapping[str, Array]) -> Array:
    """Join tensors to one vector.

    Returns
    -------
    ndarray [shape=(values,)]
        All values.
    """
    return np.concatenate([np.empty(0), *(tensors[name].ravel() for name in like)])


def _rounding_in_ulps(session: Session, backend: str) -> float:
    """Measure a backend's rounding by what one ulp in the weights does.

    The control moves the start only, whereas a backend rounds in every operation of every step: PyTorch's batch
    statistics of a feature map, summed one value after the other, are some hundred times as far from the definition as
    one ulp in the weights brings them. And the gradient of a logit, probability minus one, is rounded to an ulp of one
    however small it is; Adam, which divides by the gradient's size, makes an update of it that is up to learning rate
    over epsilon, ten thousand, times as large. So the control is scaled by what was seen at an equal state, in the
    gradients and in the first update that they make.

    Returns
    -------
    float
        The larger one of the two errors, those of gradients that are off by more than their gate cut down to it, in
        units of the change that one ulp makes; at least 1.
    """
    right, received = session.right.arrays("gradients"), session.answers[backend].arrays("gradients")
    if {name: value.shape for name, value in received.items()} != {name: value.shape for name, value in right.items()}:
        return 1.0
    size, error = (float(np.linalg.norm(_joined(each, right))) for each in (right, _difference(received, right)))
    share = min(1.0, GRADIENT_TOLERANCE * size / error) if error > 0 else 0.0
    bounded = {name: value + share * (received[name] - value) for name, value in right.items()}
    ulps = [1.0]
    for update in (dict, first_update):
        start, moved, own = (update(each) for each in (right, session.right.arrays("sensitivity"), bounded))
        ulp, off = (float(np.linalg.norm(_joined(_difference(each, start), right))) for each in (moved, own))
        if ulp > 0 and np.isfinite(off):
            ulps.append(off / ulp)
    return max(ulps)


def _difference(tensors: Mapping[str, Array], others: Mapping[str, Array]) -> dict[str, Array]:
    """Subtract tensors by name.

    Returns
    -------
    dict of str to ndarray
        What is to be added to the others to have the first ones.
    """
    return {name: tensors[name] - value for name, value in others.items()}


def losses_by_step(session: Session) -> dict[str, list[float | None]]:
    """List the relative errors of the losses in the short run.

    Returns
    -------
    dict of str to list of float or None
        By backend, and for ``control``.
    """
    expected = session.value(session.reference, "steps")
    runs = {backend: session.value(backend, "steps") for backend in session.backends}
    runs["control"] = session.value(session.reference, "control")
    return {
        name: relative_losses([np.nan if loss is None else loss for loss in losses], expected, session.loss_of_guessing)
        for name, losses in runs.items()
        if losses
    }
