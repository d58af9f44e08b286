"""Stages of the network: structure, weights, forward passes, loss and gradients."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from genrebench.network.layers import Dropout
from genrebench.network.numerics import FORWARD_TOLERANCE, GRADIENT_TOLERANCE, cross_entropy
from genrebench.network.reference import ReferenceNetwork
from genrebench.network.types import Array, Weights
from genrebench.parity.compare import compare, compare_all, state
from genrebench.parity.context import CONTROL_FACTOR, Context
from genrebench.parity.ledger.tensors import GradientCase, LossCase, WeightCase
from genrebench.parity.report import Comparison, Row, Stage

LOSS_TOLERANCE = 1e-12


def structure(context: Context) -> Stage:
    """Compare layers by name, output shape and number of parameters."""
    summary = {each.name: each for each in context.inputs.architecture.walk()}
    comparisons = []
    for backend in context.backends:
        evaluation, weights = context.outputs[backend].evaluation, context.outputs[backend].weights
        cases = context.cases(backend, training=False)
        rows = []
        for name, right in summary.items():
            shape = evaluation.outputs[name].shape[1:] if name in evaluation.outputs else None
            parameters = sum(value.size for key, value in weights.values.items() if key.startswith(f"{name}/"))
            note = f"{parameters:,} parameters" if parameters else ""
            if shape != right.output_shape:
                note = "missing" if shape is None else f"shape {shape}, expected {right.output_shape}"
            elif parameters != right.parameters:
                note = f"{parameters:,} parameters, expected {right.parameters:,}"
            holds = shape == right.output_shape and parameters == right.parameters
            rows.append(state(name, "structure", shape or (), holds=holds, note=note, case=cases.get(name)))
        known = {*summary, *context.right.evaluation.outputs}
        rows += [
            state(name, "structure", value.shape[1:], holds=False, note="no such layer")
            for name, value in evaluation.outputs.items()
            if name not in known
        ]
        error = evaluation.error or weights.error
        comparisons.append(Comparison(backend, context.reference, tuple(rows), error))
    criterion = "names, shapes and parameters of every layer are equal"
    return Stage("structure", "Structure", criterion, "float64", 0.0, tuple(comparisons))


def weights(context: Context) -> Stage:
    """Compare the weights that come back, what the reference makes of these, and those that come back in float32."""
    given = context.inputs.weights
    single = {name: value.astype(np.float32) for name, value in given.items()}
    comparisons = []
    for backend in context.backends:
        double, rounded = context.outputs[backend].weights, context.outputs[backend].weights_float32
        rows = _weight_rows(double.values, given)
        if not any(row.diverges for row in rows):
            through = ReferenceNetwork(context.inputs.architecture, double.values, dtype="float64").weights()
            rows += compare_all(through, double.values, 0.0, quantity="weight", mode=f"to {context.reference}")
            rows += _weight_rows(rounded.values, single, mode="float32")
        comparisons.append(Comparison(backend, context.reference, tuple(rows), double.error or rounded.error))
    criterion = "into the backend and back, and on to the reference: equal bits"
    return Stage("weights", "Weights round trip", criterion, "float64", 0.0, tuple(comparisons))


def _weight_rows(received: Weights, given: Weights, *, mode: str = "") -> list[Row]:
    """Compare weights that came back with those that were given."""
    cases = {name: WeightCase(received[name], given[name], name, given) for name in given if name in received}
    return compare_all(received, given, 0.0, quantity="weight", mode=mode, cases=cases)


def forward(context: Context, *, training: bool) -> Stage:
    """Compare every layer's output, and in training running statistics, as computed and isolated."""
    comparisons = []
    traces = context.pairs(lambda outputs: outputs.training if training else outputs.evaluation)
    for backend, against, ours, theirs, error in traces:
        cases = context.cases(backend, training=training) if against == context.reference else {}
        rows: list[Row] = []
        if not error or ours.outputs:  # a network of which a part runs gives what that part gives
            tolerance = FORWARD_TOLERANCE
            rows += compare_all(ours.outputs, theirs.outputs, tolerance, quantity="output", cases=cases)
            rows += compare_all(ours.statistics, theirs.statistics, tolerance, quantity="statistic", cases=cases)
        rows += isolated_rows(context, cases)
        comparisons.append(Comparison(backend, against, tuple(rows), error))
    name, criterion = "evaluation", "output of every layer, relative L2"
    if training:
        name = "training"
        criterion = "output of every layer by batch statistics, updated running statistics, relative L2"
    criterion = f"{criterion} <= {FORWARD_TOLERANCE:g}"
    title = f"{name.capitalize()} forward"
    return Stage(name, title, criterion, "float64", FORWARD_TOLERANCE, tuple(comparisons))


def isolated_rows(context: Context, cases: Mapping[str, Any]) -> list[Row]:
    """Compare every layer with its definition, given the backend's own input."""
    statistics = set(context.inputs.architecture.statistics)
    return [
        compare(
            name,
            case.received,
            case.expected,
            quantity="statistic" if name in statistics else "output",
            tolerance=FORWARD_TOLERANCE,
            view="isolated",
            case=case,
        )
        for name, case in cases.items()
    ]


def loss(context: Context) -> Stage:
    """Compare the loss in training mode."""
    comparisons = []
    for backend, against, ours, theirs, error in context.pairs(lambda outputs: outputs.gradients):
        row = compare(
            "",
            ours.loss,
            theirs.loss,
            quantity="loss",
            tolerance=LOSS_TOLERANCE,
            floor=context.uniform_loss,
            case=_loss_case(context, backend, ours.loss),
        )
        comparisons.append(Comparison(backend, against, () if error else (row,), error))
    criterion = f"mean cross-entropy, relative <= {LOSS_TOLERANCE:g}"
    return Stage("loss", "Loss", criterion, "float64", LOSS_TOLERANCE, tuple(comparisons))


def _loss_case(context: Context, backend: str, received: Array | None) -> LossCase | None:
    """Collect what is needed to explain a loss; None if the backend gave no loss or no logits."""
    outputs, architecture = context.outputs[backend], context.inputs.architecture
    last, labels = architecture.output, context.inputs.labels
    logits = outputs.training.outputs.get(last)
    if received is None or logits is None or logits.shape != (len(labels), architecture.classes):
        return None
    traces = {"evaluation": outputs.evaluation, "undropped": outputs.undropped_training}
    others = {mode: trace.outputs[last] for mode, trace in traces.items() if last in trace.outputs}
    return LossCase(received, np.array(cross_entropy(logits, labels)), logits, labels, others)


def gradients(context: Context) -> Stage:
    """Compare the gradient of every trainable weight."""
    architecture, right = context.inputs.architecture, context.right
    has_dropout = any(isinstance(node.layer, Dropout) for node in architecture.walk())
    undropped = right.undropped.gradients if has_dropout else {}
    comparisons = []
    for backend, against, ours, theirs, error in context.pairs(lambda outputs: outputs.gradients):
        expected = theirs.gradients
        cases = {
            name: GradientCase(value, expected[name], context.inputs.weights[name], undropped.get(name), expected)
            for name, value in ours.gradients.items()
            if name in expected
        }
        is_blank = error and not ours.gradients
        tolerances = context.gradient_tolerances
        rows = [] if is_blank else compare_all(ours.gradients, expected, tolerances, quantity="gradient", cases=cases)
        comparisons.append(Comparison(backend, against, tuple(rows), error))
    criterion = (
        f"every tensor, relative L2 <= {GRADIENT_TOLERANCE:g}, or {CONTROL_FACTOR:g} times what one ulp in the weights "
        "does"
    )
    return Stage("gradients", "Gradients", criterion, "float64", GRADIENT_TOLERANCE, tuple(comparisons))
