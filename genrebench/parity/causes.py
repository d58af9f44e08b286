"""Explainers: from a diverging row to the entry of the ledger that predicts it, stage by stage."""

from collections.abc import Callable

import numpy as np

from genrebench.network.layers import BatchNormalization, Dropout
from genrebench.network.numerics import cross_entropy
from genrebench.parity.ledger.base import explain
from genrebench.parity.ledger.case import LayerCase
from genrebench.parity.ledger.layers import LAYER_ENTRIES
from genrebench.parity.ledger.optimizer import ADAM_ENTRIES
from genrebench.parity.ledger.tensors import (
    DRAWN_ENTRIES,
    GRADIENT_ENTRIES,
    LOSS_ENTRIES,
    STATISTIC_ENTRIES,
    WEIGHT_ENTRIES,
    DrawnCase,
    GradientCase,
    LossCase,
    StatisticCase,
    WeightCase,
)
from genrebench.parity.referee import normalized_values
from genrebench.parity.report import Cause, Row
from genrebench.parity.session import Session
from genrebench.parity.stages.network import loss_of
from genrebench.parity.stages.optimizer import adam_case
from genrebench.parity.stages.paths import drawn_as_it_should_be, fast_adam_case, fast_statistics


def _structure_cause(session: Session, backend: str, row: Row) -> Cause | None:
    """Explain another shape by the layer's evaluation."""
    return _layer_cause(session, backend, row.name, "evaluation")


def _weight_cause(session: Session, backend: str, row: Row) -> Cause | None:
    """Explain a weight that did not come back."""
    call, given = "weights", session.probe.weights
    if row.name not in given:  # one that was given in float32; what goes on to the reference has no case of its own
        call, given = "weights32", {name: value.astype(np.float32) for name, value in given.items()}
    name = row.name.removesuffix(" (float32)")
    received = session.answers[backend].arrays(call)[name]
    return explain(WEIGHT_ENTRIES, WeightCase(name, received, given[name], given))


def _layer_cause(session: Session, backend: str, name: str, call: str) -> Cause | None:
    """Explain a layer's output."""
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
    call : str
        ``training``, or ``fast-path`` for the statistics after a step of training.
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
    case = StatisticCase(statistic, layer.momentum, normalized_values(x.shape), old, received, expected)
    return explain(STATISTIC_ENTRIES, case)


def _forward_cause(call: str) -> Callable[[Session, str, Row], Cause | None]:
    """Make the explainer of a forward pass."""

    def explainer(session: Session, backend: str, row: Row) -> Cause | None:
        """Explain a layer's output or a running statistic."""
        of = _statistic_cause if "/" in row.name else _layer_cause
        return of(session, backend, row.name, call)

    return explainer


def loss_case(session: Session, backend: str) -> LossCase | None:
    """Put together what is needed to explain a loss.

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
    """Explain a loss."""
    case = loss_case(session, backend)
    return explain(LOSS_ENTRIES, case) if case else None


def _gradient_cause(session: Session, backend: str, row: Row) -> Cause | None:
    """Explain a gradient."""
    received, right = session.answers[backend].arrays("gradients"), session.right.arrays("gradients")
    name = row.name
    others = {key: value for key, value in right.items() if key != name and value.shape == right[name].shape}
    has_dropout = any(isinstance(layer, Dropout) for layer in session.probe.architecture.layers)
    undropped = session.right.arrays("undropped").get(name) if has_dropout else None
    case = GradientCase(received[name], right[name], session.probe.weights[name], undropped, others)
    return explain(GRADIENT_ENTRIES, case)


def _fast_cause(session: Session, backend: str, row: Row) -> Cause | None:
    """Explain what training does otherwise than the traced network."""
    prefix = "Adam's update of "
    if row.name.startswith(prefix):
        return explain(ADAM_ENTRIES, fast_adam_case(session, backend, row.name.removeprefix(prefix)))
    specs = session.probe.architecture.weight_specs()
    if row.name in specs and not specs[row.name].trainable:
        return _statistic_cause(session, backend, row.name, "fast-path")
    layer = next((each for each in session.probe.architecture.layers if row.name == f"{each.name}, drawn masks"), None)
    if isinstance(layer, Dropout):
        drawn = session.answers[backend].arrays("dropout")[layer.name]
        return explain(DRAWN_ENTRIES, DrawnCase(layer.rate, drawn, drawn_as_it_should_be(layer, drawn)))
    return None


EXPLAINERS: dict[str, Callable[[Session, str, Row], Cause | None]] = {
    "structure": _structure_cause,
    "weights": _weight_cause,
    "evaluation": _forward_cause("evaluation"),
    "training": _forward_cause("training"),
    "loss": _loss_cause,
    "gradients": _gradient_cause,
    "adam": lambda session, backend, row: explain(ADAM_ENTRIES, adam_case(session, backend, row.name)),
    "fast-path": _fast_cause,
}
