"""Stages of what users run: the path of training, a trained model, single precision."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from genrebench.network.adam import AdamState
from genrebench.network.layers import Dropout
from genrebench.network.numerics import FLOAT32_TOLERANCE, FORWARD_TOLERANCE, GRADIENT_TOLERANCE, log_softmax
from genrebench.network.types import Array, Weights
from genrebench.parity.answers import gradients_from_step
from genrebench.parity.compare import compare, compare_all, expect_known, state
from genrebench.parity.context import Context
from genrebench.parity.ledger.optimizer import ADAM_ENTRIES
from genrebench.parity.ledger.tensors import MaskCase
from genrebench.parity.outputs import Answer, Training
from genrebench.parity.report import Comparison, Quantity, Row, Stage
from genrebench.parity.stages.network import LOSS_TOLERANCE
from genrebench.parity.stages.optimizer import adam_case, first_update

TRAINED_TOLERANCE = 1e-5


def fast_path(context: Context) -> Stage:
    """Compare the network as it is used with the same backend's traced one: logits; where it trains, a step, and masks.

    Dropout's random masks are compared with what they may be.
    """
    comparisons = []
    for backend in context.backends:
        outputs = context.outputs[backend]
        asked: tuple[Answer, ...] = (outputs.logits, outputs.logits_float32)
        if outputs.info.can_train:
            asked += (outputs.fast, outputs.fast_adam, outputs.undropped, outputs.dropout)
        error = next((each.error for each in asked if each.error), "")
        rows = [] if error else _logits_rows(context, backend)
        if outputs.info.can_train and not error:
            rows += _fast_rows(context, backend)
        comparisons.append(Comparison(backend, backend, tuple(rows), error))
    criterion = (
        f"as it is used against the traced network of the same backend: logits <= {FORWARD_TOLERANCE:g}, in float32 <= "
        f"{FLOAT32_TOLERANCE:g}; of a step of training statistics <= {FORWARD_TOLERANCE:g}, loss <= "
        f"{LOSS_TOLERANCE:g}, gradients and Adam's update <= {GRADIENT_TOLERANCE:g}; random masks have dropout's rate "
        "and scale, and are new in each step"
    )
    return Stage("fast-path", "Fast path", criterion, "float64", GRADIENT_TOLERANCE, tuple(comparisons))


def _logits_rows(context: Context, backend: str) -> list[Row]:
    """Compare the logits that users get with the output of the traced network."""
    outputs, last = context.outputs[backend], context.inputs.architecture.output
    return [
        compare("", logits.values, traced.outputs.get(last), quantity="logits", tolerance=tolerance, mode=mode)
        for logits, traced, tolerance, mode in (
            (outputs.logits, outputs.evaluation, FORWARD_TOLERANCE, ""),
            (outputs.logits_float32, outputs.evaluation_float32, FLOAT32_TOLERANCE, "float32"),
        )
    ]


def _fast_rows(context: Context, backend: str) -> Iterator[Row]:
    """Compare the two paths of training of one backend."""
    outputs, architecture, weights = context.outputs[backend], context.inputs.architecture, context.inputs.weights
    loss = None if outputs.fast.losses is None or not outputs.fast.losses.size else np.array(outputs.fast.losses[0])
    expected_loss, floor = outputs.undropped.loss, context.uniform_loss
    yield compare("", loss, expected_loss, quantity="loss", tolerance=LOSS_TOLERANCE, floor=floor)

    after, right = outputs.fast.weights, outputs.undropped_training.statistics
    fast = {name: after[name] for name in architecture.statistics if name in after}
    nodes = {name: node for node in architecture.walk() for name in node.weights}
    statistics = {
        name: context.statistic_case(nodes[name], name, fast[name], right[name]) for name in fast if name in right
    }
    yield from compare_all(fast, right, FORWARD_TOLERANCE, quantity="statistic", cases=statistics)

    gradients = outputs.undropped.gradients
    tolerances = {
        name: tolerance + _hidden(weights[name], gradients.get(name))
        for name, tolerance in context.gradient_tolerances.items()
    }
    yield from compare_all(_fast_gradients(context, outputs.fast), gradients, tolerances, quantity="gradient")

    after = outputs.fast_adam.weights
    received = {name: after[name] - weights[name] for name in gradients if name in after and name in weights}
    expected, start = first_update(gradients), AdamState.zeros(gradients)
    cases = {
        name: adam_case(context, "update", name, received[name], expected[name], gradients[name], start)
        for name in received
    }
    yield from expect_known(compare_all(received, expected, tolerances, quantity="update", cases=cases), ADAM_ENTRIES)
    for node in architecture.walk():
        if isinstance(node.layer, Dropout):
            yield mask_row(node.layer, outputs.dropout.values.get(node.name))


def _fast_gradients(context: Context, training: Training) -> Weights:
    """Recover the gradients of the path that training takes from the step that reveals them."""
    after = {name: value for name, value in training.weights.items() if name in context.inputs.architecture.trainable}
    return gradients_from_step(context.inputs.weights, after)


def _hidden(weight: Array, gradient: Array | None) -> float:
    """Compute how much of a gradient a weight that moved by it hides: its rounding, relative to the gradient."""
    size = 0.0 if gradient is None else float(np.linalg.norm(gradient))
    return 2 * float(np.finfo(np.float64).eps) * float(np.linalg.norm(weight)) / size if 0 < size < np.inf else 0.0


def mask_row(layer: Dropout, received: Array | None) -> Row:
    """Compare what dropout made of ones in two steps [shape=(2, values)] with what it may make of them.

    That is zeros and scaled ones; as many zeros as the rate says, within six standard deviations; not the same twice.
    """
    if received is None or received.ndim != 2:
        ones = np.ones((2, 1))
        return compare(layer.name, received, ones, quantity="mask", tolerance=GRADIENT_TOLERANCE)
    expected = np.where(received == 0, 0.0, 1 / (1 - layer.rate))
    dropped = float((received == 0).mean())
    is_usual = abs(dropped - layer.rate) <= 6 * np.sqrt(layer.rate * (1 - layer.rate) / received.size)
    is_new = not 0 < dropped < 1 or not np.array_equal(received[0] == 0, received[1] == 0)
    again = ", the same ones in both steps" if is_usual and not is_new else ""
    return compare(
        layer.name,
        received,
        expected,
        quantity="mask",
        tolerance=GRADIENT_TOLERANCE,
        holds=bool(is_usual and is_new),
        note=f"{dropped:.1%} dropped, rate {layer.rate:g}{again}",
        case=MaskCase(received, expected, layer.rate),
    )


def trained(context: Context, genres: Sequence[str]) -> Stage:
    """Compare a trained model's probabilities, in float32, and the genres that they name."""
    criterion = f"probabilities of the trained model, in float32: difference <= {TRAINED_TOLERANCE:g}, and equal genres"
    comparisons = []
    skipped = "needs --model" if context.inputs.spectrograms is None else ""
    for backend, against, ours, theirs, error in () if skipped else context.pairs(lambda outputs: outputs.trained):
        rows = () if error else tuple(_trained_rows(ours.values, theirs.values, genres))
        comparisons.append(Comparison(backend, against, rows, error))
    gate = TRAINED_TOLERANCE
    return Stage("trained", "Trained model", criterion, "float32", gate, tuple(comparisons), skipped)


def _trained_rows(ours: Array | None, theirs: Array | None, genres: Sequence[str]) -> Iterator[Row]:
    """Compare two backends' predictions by their logits."""
    if ours is None or theirs is None or ours.shape != theirs.shape:
        yield compare("", ours, theirs, quantity="logits", tolerance=TRAINED_TOLERANCE)
        return
    probabilities = [np.exp(log_softmax(each)) for each in (ours, theirs)]
    largest = float(np.abs(probabilities[0] - probabilities[1]).max())
    row = compare(
        "", *probabilities, quantity="probabilities", tolerance=TRAINED_TOLERANCE, holds=largest <= TRAINED_TOLERANCE
    )
    yield replace(row, note=f"largest difference {largest:.1e}")
    chosen = [each.argmax(1) for each in probabilities]
    differ = np.flatnonzero(chosen[0] != chosen[1])
    note = f"{len(ours)} of {len(ours)} equal"
    if len(differ):
        names = [dict(enumerate(genres)).get(int(each[differ[0]]), "?") for each in chosen]
        note = f"{len(differ)} of {len(ours)} differ, first {int(differ[0])}: {names[0]}, expected {names[1]}"
    share = len(differ) / len(ours)
    yield state("", "genres", (len(ours),), holds=not len(differ), note=note, relative_l2=share)


def single_precision(context: Context) -> Stage:
    """Show outputs and gradients in float32 against float64, next to what the reference itself loses there."""
    own = {(row.tensor, row.quantity, row.mode): row.relative_l2 for row in _single_rows(context, context.reference)}
    comparisons = []
    for backend in context.backends:
        outputs = context.outputs[backend]
        rows = []
        for row in _single_rows(context, backend):
            lost = own.get((row.tensor, row.quantity, row.mode))
            note = "" if lost is None else f"{context.reference} in float32: {lost:.1e}"
            rows.append(replace(row, note="; ".join(filter(None, (row.note, note)))))
        if outputs.info.can_train:
            fast = _fast_gradients(context, outputs.fast_float32)
            rows += compare_all(fast, outputs.undropped.gradients, None, quantity="gradient", mode="fast path")
        asked: tuple[Answer, ...] = (outputs.evaluation_float32,)
        if not outputs.info.predicts_only:
            asked += (outputs.training_float32, outputs.gradients_float32, outputs.fast_float32)
        error = next((each.error for each in asked if each.error), "") or _not_computed(rows, own)
        comparisons.append(Comparison(backend, context.reference, tuple(rows), error))
    criterion = (
        "for information, against float64: outputs some 1e-7, gradients up to some 1e-2 where the rectifier's or "
        "pooling's choice flips"
    )
    return Stage("float32", "Single precision", criterion, "float32", None, tuple(comparisons))


def _not_computed(rows: list[Row], own: Mapping[tuple[str, Quantity, str], float | None]) -> str:
    """Describe what could not be measured of a backend although the reference computes it in float32."""
    lost = [
        row for row in rows if row.relative_l2 is None and own.get((row.tensor, row.quantity, row.mode)) is not None
    ]
    return f"{lost[0].label}: {lost[0].note}" if lost else ""


def _single_rows(context: Context, backend: str) -> list[Row]:
    """Compare outputs, gradients and loss in float32 with the reference's in float64."""
    ours, right = context.outputs[backend], context.right
    rows: list[Row] = []
    modes = [("evaluation", ours.evaluation_float32, right.evaluation)]
    if not ours.info.predicts_only:
        modes.append(("training", ours.training_float32, right.training))
    for mode, single, double in modes:
        rows += compare_all(single.outputs, double.outputs, None, quantity="output", mode=mode)
        rows += compare_all(single.statistics, double.statistics, None, quantity="statistic", mode=mode)
    if ours.info.predicts_only:
        return rows
    single_gradients, gradients = ours.gradients_float32, right.gradients
    rows += compare_all(single_gradients.gradients, gradients.gradients, None, quantity="gradient")
    return [*rows, compare("", single_gradients.loss, gradients.loss, quantity="loss", tolerance=None)]
