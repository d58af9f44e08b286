"""The stages of the report, each with its gate.

Every stage walks the architecture's layer list; layers are known by kind, never by name or size.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from itertools import combinations

import numpy as np

from genrebench.backend import Adam
from genrebench.jobs import Job
from genrebench.metrics import log_softmax
from genrebench.parity.compare import Array, compare, compare_all
from genrebench.parity.ledger.base import explain
from genrebench.parity.ledger.optimizer import ADAM_ENTRIES, ROUNDED_ID, AdamCase, rounded
from genrebench.parity.probe import ADAM_STEP, Answers, adam_state, calls
from genrebench.parity.referee import build_referee
from genrebench.parity.results import DIVERGES, EQUAL, Comparison, Row, Stage
from genrebench.parity.session import (
    CONTROL_FACTOR,
    REFEREE,
    Session,
    fast_gradients,
    first_update,
    relative_losses,
)
from genrebench.testing.examples import FORWARD_TOLERANCE, GRADIENT_TOLERANCE, relative_error
from genrebench.worker import execute

LOSS_TOLERANCE = 1e-12
STEPS_LOSS_TOLERANCE = 1e-9
TRAINED_TOLERANCE = 1e-5


def structure(session: Session) -> Stage:
    """Compare layers by name, output shape and number of parameters.

    Parameters
    ----------
    session : Session
        The run.

    Returns
    -------
    Stage
        One row a layer.
    """
    architecture = session.probe.architecture
    expected = {row.name: row for row in architecture.summary()}
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

    Parameters
    ----------
    session : Session
        The run.

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
                compare(f"{name} (float32)", value, single.get(name), tolerance=0.0)
                for name, value in answers.arrays("weights32").items()
            ]
        comparisons.append(Comparison(backend, session.reference, tuple(rows), answers.error("weights")))
    return Stage("weights", "Weights round trip", "into the backend and back, and on to the reference: equal bits",
                 "float64", 0.0, tuple(comparisons))  # fmt: skip


def forward(session: Session, call: str) -> Stage:
    """Compare every layer's output, as computed and isolated.

    Parameters
    ----------
    session : Session
        The run.
    call : str
        ``evaluation`` or ``training``.

    Returns
    -------
    Stage
        Cumulative and isolated rows, in training also for running statistics.
    """
    asks = {
        "evaluation": "output of every layer, relative L2",
        "training": "output of every layer by batch statistics, updated running statistics, relative L2",
    }
    comparisons = []
    for comparison in session.compare(call, FORWARD_TOLERANCE):
        rows = comparison.rows
        if comparison.against == session.reference:
            rows += session.isolated_comparison(comparison.backend, call, FORWARD_TOLERANCE).rows
        comparisons.append(Comparison(comparison.backend, comparison.against, rows, comparison.error))
    return Stage(call, f"{call.capitalize()} forward", f"{asks[call]} <= {FORWARD_TOLERANCE:g}", "float64",
                 FORWARD_TOLERANCE, tuple(comparisons))  # fmt: skip


def loss(session: Session) -> Stage:
    """Compare the loss in training mode.

    Parameters
    ----------
    session : Session
        The run.

    Returns
    -------
    Stage
        One row.
    """
    comparisons = []
    for backend, against in session.pairs():
        ours, theirs = (session.answers[each] for each in (backend, against))
        received, expected = (loss_of(each, "gradients").get("loss") for each in (ours, theirs))
        row = compare("loss", received, expected, tolerance=LOSS_TOLERANCE, floor=session.loss_of_guessing)
        comparisons.append(Comparison(backend, against, (row,), ours.error("gradients")))
    asks = f"mean cross-entropy, relative <= {LOSS_TOLERANCE:g}"
    return Stage("loss", "Loss", asks, "float64", LOSS_TOLERANCE, tuple(comparisons))


def loss_of(answers: Answers, call: str) -> dict[str, Array]:
    """Look up a loss as a tensor.

    Parameters
    ----------
    answers : Answers
        A backend's answers.
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
    """Compare the gradient of every trainable weight.

    Parameters
    ----------
    session : Session
        The run.

    Returns
    -------
    Stage
        One row a weight.
    """
    asks = (
        f"every tensor, relative L2 <= {GRADIENT_TOLERANCE:g}, or {CONTROL_FACTOR:g} times what one ulp in the weights "
        "does"
    )
    comparisons = session.compare("gradients", session.sensitivity)
    return Stage("gradients", "Gradients", asks, "float64", GRADIENT_TOLERANCE, tuple(comparisons))


def adam_tensors(session: Session, answers: Answers) -> dict[str, Array]:
    """Turn an answer of Adam's into what is compared.

    Parameters
    ----------
    session : Session
        The run.
    answers : Answers
        A backend's answers.

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
    session : Session
        The run.
    backend : str
        The backend.
    name : str
        A row of the stage.

    Returns
    -------
    AdamCase
        The case.
    """
    kind, _, rest = name.rpartition(": ")
    weight = rest or name
    gradient, m, v = (each[weight] for each in adam_state(session.probe))
    received, expected = (adam_tensors(session, session.answers[each])[name] for each in (backend, session.reference))
    return AdamCase(kind or "update", received, expected, session.probe.weights[weight], gradient, m, v, ADAM_STEP,
                    Adam())  # fmt: skip


def adam(session: Session) -> Stage:
    """Compare one update of the optimiser from equal gradients and an equal state.

    A difference that an accepted entry of the ledger predicts passes as ``known:<id>``.

    Parameters
    ----------
    session : Session
        The run.

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

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        The backend.

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
    row : Row
        A row.
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

    Parameters
    ----------
    session : Session
        The run.

    Returns
    -------
    Stage
        A row for the loss of each step, and one for all weights after the last.
    """
    expected, right = session.value(session.reference, "steps"), session.right.arrays("steps")
    end, control = _joined(right, right), _joined(session.right.arrays("control"), right)
    distance = float(np.linalg.norm(control - end) / np.linalg.norm(end))
    comparisons = []
    for backend in session.backends:
        answers = session.answers[backend]
        error, rows = answers.error("steps"), []
        if not error:
            rounded = _rounded_hyperparameters(session, backend)
            wanted, goal = (expected, end) if rounded is None else _steps_with(session, rounded)
            for index, (value, loss) in enumerate(zip(session.value(backend, "steps"), wanted, strict=True), 1):
                received = np.array(np.nan if value is None else value)
                rows.append(
                    compare(
                        f"loss of step {index}",
                        received,
                        np.array(loss),
                        tolerance=STEPS_LOSS_TOLERANCE,
                        floor=session.loss_of_guessing,
                    )
                )
            after = answers.arrays("steps")
            fits = {name: value.shape for name, value in after.items()} == {n: v.shape for n, v in right.items()}
            ulps = _rounding_in_ulps(session, backend)
            note = f"a control {ulps:.3g} ulp away at the start ends {ulps * distance:.1e} away"
            tolerance = CONTROL_FACTOR * ulps * distance
            total = _joined(after, right) if fits else None
            rows.append(compare(f"weights after step {len(expected)}", total, goal, tolerance=tolerance, note=note))
            if rounded is not None:
                rows = [row if row.diverges else replace(row, verdict=f"known:{ROUNDED_ID}") for row in rows]
        comparisons.append(Comparison(backend, session.reference, tuple(rows), error))
    asks = (
        f"loss of each of {len(expected)} steps, relative <= {STEPS_LOSS_TOLERANCE:g}; weights within "
        f"{CONTROL_FACTOR:g} times the distance of a control that began as far away as the backend rounds"
    )
    return Stage("steps", "Short run", asks, "float64", STEPS_LOSS_TOLERANCE, tuple(comparisons))


def _steps_with(session: Session, optimizer: Adam) -> tuple[list[float], Array]:
    """Run the short run by definition with other hyperparameters.

    Parameters
    ----------
    session : Session
        The run.
    optimizer : Adam
        Hyperparameters.

    Returns
    -------
    list of float
        The loss of every step.
    ndarray
        All weights after the last.
    """
    probe = session.probe
    asked = next(call for call in calls(probe) if call.name == "steps")
    call = replace(asked, options=asked.options | {"adam": asdict(optimizer)})
    result = execute(Job(REFEREE, probe.architecture, probe.weights, (call,)))
    return result.values["steps"], _joined(result.arrays["steps"], session.right.arrays("steps"))


def _joined(tensors: Mapping[str, Array], like: Mapping[str, Array]) -> Array:
    """Join tensors to one vector.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        Tensors by name.
    like : mapping of str to ndarray
        What says names and order.

    Returns
    -------
    ndarray [shape=(values,)]
        All values.
    """
    return np.concatenate([tensors[name].ravel() for name in like])


def _rounding_in_ulps(session: Session, backend: str) -> float:
    """Measure a backend's rounding by what one ulp in the weights does.

    The control moves the start only, whereas a backend rounds in every operation of every step: PyTorch's batch
    statistics of a feature map, summed one value after the other, are some hundred times as far from the definition as
    one ulp in the weights brings them. So the control is scaled by what was seen at an equal state.

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        The backend.

    Returns
    -------
    float
        Error of all gradients together, at most their gate, in units of the change that one ulp makes; at least 1.
    """
    right, received = session.right.arrays("gradients"), session.answers[backend].arrays("gradients")
    if {name: value.shape for name, value in received.items()} != {name: value.shape for name, value in right.items()}:
        return 1.0
    end, moved, own = (_joined(each, right) for each in (right, session.right.arrays("sensitivity"), received))
    ulp = float(np.linalg.norm(moved - end))
    error = min(float(np.linalg.norm(own - end)), GRADIENT_TOLERANCE * float(np.linalg.norm(end)))
    return max(1.0, error / ulp) if ulp > 0 and np.isfinite(error) else 1.0


def losses_by_step(session: Session) -> dict[str, list[float | None]]:
    """List the relative errors of the losses in the short run.

    Parameters
    ----------
    session : Session
        The run.

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


def fast_path(session: Session) -> Stage:
    """Compare the network as training runs it with the same backend's traced one.

    Parameters
    ----------
    session : Session
        The run.

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
        error = next(filter(None, map(answers.error, ("logits", "fast", "fast-adam", "undropped"))), "")
        rows = [] if error else [*_fast_rows(session, backend)]
        comparisons.append(Comparison(backend, f"{backend}, traced", tuple(rows), error))
    asks = (
        f"as training runs it against the traced network of the same backend: logits and statistics <= "
        f"{FORWARD_TOLERANCE:g}, loss <= {LOSS_TOLERANCE:g}, gradients and Adam's update <= {GRADIENT_TOLERANCE:g}"
    )
    skipped = "" if comparisons else "no backend here trains"
    return Stage("fast-path", "Fast path", asks, "float64", GRADIENT_TOLERANCE, tuple(comparisons), skipped)


def fast_statistics(session: Session, backend: str) -> tuple[dict[str, Array], dict[str, Array]]:
    """Look up the running statistics after one step.

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        A backend that trains.

    Returns
    -------
    dict of str to ndarray
        By the path that training takes.
    dict of str to ndarray
        By the traced network.
    """
    names = [name for name, spec in session.probe.architecture.weight_specs().items() if not spec.trainable]
    answers = session.answers[backend]
    fast, traced = answers.arrays("fast"), answers.arrays("undropped-training")
    return {n: fast[n] for n in names if n in fast}, {n: traced[n] for n in names if n in traced}


def fast_updates(session: Session, backend: str) -> tuple[dict[str, Array], dict[str, Array]]:
    """Compute Adam's first update on the path that training takes, and what it should be.

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        A backend that trains.

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
    """Compare the two paths of one backend.

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        The backend.

    Yields
    ------
    Row
        The rows.
    """
    answers = session.answers[backend]
    last = session.probe.architecture.layers[-1].name
    logits, traced = answers.arrays("logits").get("value"), answers.arrays("evaluation").get(last)
    yield compare("logits", logits, traced, tolerance=FORWARD_TOLERANCE)
    fast_loss, loss = (loss_of(answers, call).get("loss") for call in ("fast", "undropped"))
    yield compare("loss", fast_loss, loss, tolerance=LOSS_TOLERANCE, floor=session.loss_of_guessing)
    yield from compare_all(*fast_statistics(session, backend), FORWARD_TOLERANCE)
    yield from compare_all(fast_gradients(session, backend), answers.arrays("undropped"), session.sensitivity)
    received, expected = fast_updates(session, backend)
    for row in compare_all(received, expected, session.sensitivity):
        yield replace(
            excused(row, lambda name: fast_adam_case(session, backend, name)), name=f"Adam's update of {row.name}"
        )


def fast_adam_case(session: Session, backend: str, name: str) -> AdamCase:
    """Put together what is needed to explain the first update of training.

    Parameters
    ----------
    session : Session
        The run.
    backend : str
        The backend.
    name : str
        Canonical name of a weight.

    Returns
    -------
    AdamCase
        The case.
    """
    received, expected = fast_updates(session, backend)
    gradient = session.answers[backend].arrays("undropped")[name]
    zeros = np.zeros_like(gradient)
    return AdamCase("update", received[name], expected[name], session.probe.weights[name], gradient, zeros, zeros, 0,
                    Adam())  # fmt: skip


def trained(session: Session, genres: Mapping[int, str]) -> Stage:
    """Compare a trained model's probabilities, in float32.

    Parameters
    ----------
    session : Session
        The run.
    genres : mapping of int to str
        Name of each logit.

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
        rows: tuple[Row, ...] = ()
        if ours is not None and theirs is not None and not error:
            rows = tuple(_trained_rows(ours, theirs, genres))
        comparisons.append(Comparison(backend, against, rows, error))
    return Stage("trained", "Trained model", asks, "float32", TRAINED_TOLERANCE, tuple(comparisons))


def _trained_rows(ours: Array, theirs: Array, genres: Mapping[int, str]) -> Iterable[Row]:
    """Compare two backends' predictions.

    Parameters
    ----------
    ours, theirs : ndarray [shape=(n, classes)]
        Logits.
    genres : mapping of int to str
        Name of each logit.

    Yields
    ------
    Row
        Probabilities, whose largest difference counts, and genres.
    """
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

    Parameters
    ----------
    session : Session
        The run.

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
