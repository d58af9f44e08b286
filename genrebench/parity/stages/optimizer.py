"""Stages of the optimizer: one update of Adam, and a short run."""

from collections.abc import Mapping
from itertools import zip_longest

import numpy as np

from genrebench.network.adam import Adam, AdamState, adam_step
from genrebench.network.numerics import GRADIENT_TOLERANCE, relative_error
from genrebench.network.types import Array, Weights
from genrebench.parity.answers import train_by_definition
from genrebench.parity.compare import compare, compare_all, expect_known, mark_known
from genrebench.parity.context import CONTROL_FACTOR, Context
from genrebench.parity.ledger.optimizer import ADAM_ENTRIES, ROUNDED_ID, AdamCase, rounded
from genrebench.parity.outputs import AdamUpdate, Training
from genrebench.parity.report import Comparison, Quantity, Row, Stage

STEPS_LOSS_TOLERANCE = 1e-9


def adam(context: Context) -> Stage:
    """Compare one update of the optimizer from equal gradients and an equal state: updates and both moments.

    A difference that an accepted entry of the ledger predicts is known and passes.
    """
    comparisons = []
    for backend, against, ours, _, error in context.pairs(lambda outputs: outputs.adam):
        rows = [] if error and not ours.weights else _adam_rows(context, backend, against)
        if against == context.reference:
            rows = expect_known(rows, ADAM_ENTRIES)
        elif any(_rounded_hyperparameters(context, each) for each in (backend, against)):
            rows = []  # one of the two is known to differ, by what its comparison with the reference says
        comparisons.append(Comparison(backend, against, tuple(rows), error))
    criterion = f"one update from equal gradients and state: update and moments, relative L2 <= {GRADIENT_TOLERANCE:g}"
    return Stage("adam", "Adam", criterion, "float64", GRADIENT_TOLERANCE, tuple(comparisons))


def _adam_rows(context: Context, backend: str, against: str) -> list[Row]:
    """Compare updates and moments; what was added to the weights, not the weights, shows the optimizer's digits."""
    quantities: tuple[Quantity, ...] = ("update", "m", "v")
    ours, theirs = (_adam_tensors(context, context.outputs[each].adam) for each in (backend, against))
    gradients, state = context.inputs.gradients, context.inputs.adam
    rows = []
    for quantity in quantities:
        received, expected = ours[quantity], theirs[quantity]
        cases = {
            name: adam_case(context, quantity, name, received[name], expected[name], gradients[name], state)
            for name in expected
            if name in received and name in gradients
        }
        rows += compare_all(received, expected, GRADIENT_TOLERANCE, quantity=quantity, cases=cases)
    return rows


def _adam_tensors(context: Context, answer: AdamUpdate) -> dict[Quantity, Weights]:
    """Turn an answer of Adam's into what is compared."""
    given = context.inputs.weights
    shapes = {name: value.shape for name, value in given.items()}
    updates = {
        name: value - given[name] if value.shape == shapes.get(name) else value
        for name, value in answer.weights.items()
    }
    return {"update": updates, "m": answer.m, "v": answer.v}


def adam_case(
    context: Context, quantity: str, name: str, received: Array, expected: Array, gradient: Array, state: AdamState
) -> AdamCase:
    """Collect what is needed to explain an update or a moment of a weight; `state` is that before the update."""
    weight, m, v = context.inputs.weights[name], state.m[name], state.v[name]
    return AdamCase(received, expected, quantity, weight, gradient, m, v, state.step)


def _rounded_hyperparameters(context: Context, backend: str) -> Adam | None:
    """Find the rounded numbers by which alone a backend's Adam differs; None if it is right, or off otherwise."""
    diverging = [row for row in _adam_rows(context, backend, context.reference) if row.diverges]
    cases = [row.case for row in diverging if isinstance(row.case, AdamCase)]
    if not cases or len(cases) < len(diverging):
        return None
    for _, optimizer in rounded(Adam()):
        if all(relative_error(case.predict(optimizer), case.received) <= GRADIENT_TOLERANCE for case in cases):
            return optimizer
    return None


def steps(context: Context) -> Stage:
    """Compare a short run by the loss of each step and the weights after the last, with a control one ulp away."""
    comparisons = []
    for backend in context.backends:
        answer = context.outputs[backend].steps
        rows = [] if answer.error else _steps_rows(context, backend)
        comparisons.append(Comparison(backend, context.reference, tuple(rows), answer.error))
    criterion = (
        f"loss of each of {context.inputs.steps} steps, relative <= {STEPS_LOSS_TOLERANCE:g}; weights within "
        f"{CONTROL_FACTOR:g} times the distance of a control that began one ulp away, for each ulp by which the "
        "backend rounds at an equal state"
    )
    return Stage("steps", "Short run", criterion, "float64", STEPS_LOSS_TOLERANCE, tuple(comparisons))


def _steps_rows(context: Context, backend: str) -> list[Row]:
    """Compare the short run of one backend with the reference's, or with one whose hyperparameters are rounded."""
    right, answer = context.right.steps, context.outputs[backend].steps
    optimizer = _rounded_hyperparameters(context, backend)
    wanted = right if optimizer is None else train_by_definition(context.inputs, optimizer)
    rows = [
        compare(
            "",
            None if received is None else np.array(received),
            None if expected is None else np.array(expected),
            quantity="loss",
            tolerance=STEPS_LOSS_TOLERANCE,
            floor=context.uniform_loss,
            step=number,
        )
        for number, (received, expected) in enumerate(zip_longest(_losses(answer), _losses(wanted)), 1)
    ]
    if right.weights:
        shapes = {name: value.shape for name, value in right.weights.items()}
        fits = {name: value.shape for name, value in answer.weights.items()} == shapes
        control, end = (_joined(each, right.weights) for each in (context.right.control.weights, right.weights))
        distance, ulps = relative_error(control, end), _rounding_in_ulps(context, backend)
        note = (
            f"a control 1 ulp away at the start ends {distance:.1e} away; at an equal state this backend rounds by "
            f"{ulps:.3g} ulp"
        )
        row = compare(
            "",
            _joined(answer.weights, right.weights) if fits else None,
            _joined(wanted.weights, right.weights),
            quantity="weights",
            tolerance=CONTROL_FACTOR * ulps * distance,
            step=len(_losses(right)),
            note=note,
        )
        rows.append(row)
    return rows if optimizer is None else [row if row.diverges else mark_known(row, ROUNDED_ID) for row in rows]


def _losses(training: Training) -> list[float]:
    """List the losses of a run; none if it failed."""
    return [] if training.losses is None else [float(each) for each in training.losses]


def _joined(tensors: Mapping[str, Array], like: Mapping[str, Array]) -> Array:
    """Join tensors to one vector, in the order of others."""
    return np.concatenate([np.empty(0), *(tensors[name].ravel() for name in like)])


def _rounding_in_ulps(context: Context, backend: str) -> float:
    """Measure a backend's rounding by what one ulp in the weights does.

    The control moves the start only, whereas a backend rounds in every operation of every step: PyTorch's batch
    statistics of a feature map, summed one value after the other, are some hundred times as far from the definition as
    one ulp in the weights brings them. And the gradient of a logit, probability minus one, is rounded to an ulp of one
    however small it is; Adam, which divides by the gradient's size, makes an update of it that is up to learning rate
    over epsilon, ten thousand, times as large. So the control is scaled by what was seen at an equal state, in the
    gradients and in the first update that they make: by the larger one of the two errors, those of gradients that are
    off by more than their gate cut down to it, in units of the change that one ulp makes; at least 1.
    """
    right, received = context.right.gradients.gradients, context.outputs[backend].gradients.gradients
    if {name: value.shape for name, value in received.items()} != {name: value.shape for name, value in right.items()}:
        return 1.0
    size, error = (float(np.linalg.norm(_joined(each, right))) for each in (right, _difference(received, right)))
    share = min(1.0, GRADIENT_TOLERANCE * size / error) if error > 0 else 0.0
    bounded = {name: value + share * (received[name] - value) for name, value in right.items()}
    ulps = [1.0]
    for update in (dict, first_update):
        start, moved, own = (update(each) for each in (right, context.right.perturbed.gradients, bounded))
        ulp, off = (float(np.linalg.norm(_joined(_difference(each, start), right))) for each in (moved, own))
        if ulp > 0 and np.isfinite(off):
            ulps.append(off / ulp)
    return max(ulps)


def first_update(gradients: Mapping[str, Array]) -> dict[str, Array]:
    """Compute by definition what Adam's first update adds to each weight."""
    state = AdamState.zeros(gradients)
    return {
        name: adam_step(gradient, state.m[name], state.v[name], 1, Adam())["update"]
        for name, gradient in gradients.items()
    }


def _difference(tensors: Mapping[str, Array], others: Mapping[str, Array]) -> dict[str, Array]:
    """Subtract tensors by name."""
    return {name: tensors[name] - value for name, value in others.items()}


def loss_errors(context: Context, run: Training) -> list[float | None]:
    """List the relative errors of the losses of a short run, against the reference's; None for NaN or infinity."""
    pairs = zip(_losses(run), _losses(context.right.steps))  # noqa: B905 - a run may end early
    errors = (abs(loss - right) / max(abs(right), context.uniform_loss) for loss, right in pairs)
    return [error if np.isfinite(error) else None for error in errors]
