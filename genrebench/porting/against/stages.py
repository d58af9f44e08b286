"""The stages of the comparison with somebody's port."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from genrebench.backend.worker import JobResult
from genrebench.network.numerics import FORWARD_TOLERANCE, GRADIENT_TOLERANCE
from genrebench.network.types import Array
from genrebench.parity.compare import compare, state
from genrebench.parity.context import CONTROL_FACTOR
from genrebench.parity.report import Comparison, Row, Stage
from genrebench.porting.against.matching import Match
from genrebench.porting.against.observed import Seen
from genrebench.porting.against.refined import INPUT, LINEAR, OUTPUT
from genrebench.porting.against.subject import Port
from genrebench.porting.passes import name_of
from genrebench.porting.proof.answers import MODES, TRAINING, Run, part
from genrebench.porting.proof.isolated import tolerance_alone
from genrebench.porting.proof.reference import REFERENCE, Reference
from genrebench.porting.proof.subject import Trial
from genrebench.reading.graph import Graph

# A port may sum in any order, and what follows from that is not measured.
_GRADIENT_TOLERANCE = 100 * GRADIENT_TOLERANCE


@dataclass(frozen=True)
class Look:
    """A port as it was seen in one mode.

    Attributes
    ----------
    graph : Graph
        The model's, in smaller steps.
    seen : tuple of Seen
        What was seen, in order.
    values : dict of str to ndarray
        The same by tensor.
    right : Run
        What the definitions give.
    limits : dict of str to float
        How far each of it may be off; see `genrebench.porting.proof.reference.Reference.limits`.
    matches : tuple of Match
        Which module is which layer.
    """

    graph: Graph
    seen: tuple[Seen, ...]
    values: dict[str, Array]
    right: Run
    limits: dict[str, float]
    matches: tuple[Match, ...]


def structure(look: Look, port: Port, done: JobResult, layout: str) -> Stage:
    """State which module is which layer, and whether the file of weights fits."""
    rows: list[Row] = []
    by_call = {each.call.removesuffix(LINEAR): each for each in look.matches}
    for call in look.graph.calls.values():
        name = call.name.removesuffix(LINEAR)
        if call.layer.weights and name not in {row.tensor for row in rows}:
            found = by_call.get(name)
            note = (
                f"module {found.record.name}, by {found.how}" if found else "no module of its own; --mapping names it"
            )
            shape = look.right.outputs[call.name].shape
            rows.append(state(name, "structure", shape, holds=True, note=note))
    for what, names in (("lacks", done.value["missing"]), ("has too many", done.value["unexpected"])):
        if names:
            note = f"the file of weights {what}: {', '.join(names[:8])}"
            rows.append(state("", "structure", (), holds=False, note=note))
    criterion = f"modules are found for layers (inputs as {layout}); the file of weights has what the port wants"
    return Stage("structure", "Structure", criterion, "float64", 0.0, (Comparison(port.label, REFERENCE, tuple(rows)),))


def forward(look: Look, port: Port, mode: str) -> Stage:
    """Compare every tensor that is seen, as it is and alone."""
    rows: list[Row] = []
    for each in look.seen:
        name = each.case.tensor
        bare = name.removesuffix(INPUT).removesuffix(OUTPUT)
        alone = compare(
            bare.removesuffix(LINEAR), each.case.received, each.case.expected, quantity="output",
            tolerance=tolerance_alone(each.case), view="isolated", mode=_said(name), case=each,
        )  # fmt: skip
        expected = look.right.outputs.get(name)
        if expected is None:
            if alone.diverges:
                rows.append(alone)
            continue
        rows.append(
            compare(bare.removesuffix(LINEAR), each.case.received, expected, quantity="output",
                    tolerance=look.limits[name], mode=_said(name))
        )  # fmt: skip
        rows.append(alone)
    rows += _ends(look)
    note = " by batch statistics, dropout apart" if mode == TRAINING else ""
    criterion = (
        f"what each module gives{note}, relative L2 <= {FORWARD_TOLERANCE:g}, or {CONTROL_FACTOR:g} times what one ulp "
        "in what it is given does"
    )
    comparison = Comparison(port.label, REFERENCE, tuple(rows))
    return Stage(mode, f"{mode.capitalize()} forward", criterion, "float64", FORWARD_TOLERANCE, (comparison,))


def _said(name: str) -> str:
    """Say which of a layer's tensors it is."""
    return next((end.strip() for end in (LINEAR, INPUT, OUTPUT) if name.endswith(end)), "")


def _ends(look: Look) -> list[Row]:
    """Compare what the port gives back; an output that is missing or misshapen diverges."""
    rows = []
    for tensor in look.graph.outputs:
        name = name_of(tensor)
        value = look.values.get(f"{name}{OUTPUT}")
        rows.append(compare(name, value, look.right.outputs[name], quantity="output", tolerance=look.limits[name],
                            mode=OUTPUT.strip()))  # fmt: skip
    return rows


def gradients(reference: Reference, trial: Trial, port: Port, done: JobResult, layout: str, look: Look) -> Stage:
    """Compare gradients of the weights that the port holds as they are, but for the order of axes."""
    rows = []
    states = part(done.arrays, "state")
    for mode in MODES:
        gradients = reference.answer.run(trial.name, mode).gradients
        received = part(done.arrays, layout, mode, "gradients")
        norms = {name: float(np.linalg.norm(value)) for name, value in gradients.items()}
        for each in look.matches:
            layer = look.graph.calls[each.call].layer
            for weight in layer.weights:
                name = f"{layer.name}/{weight.name}"
                if name not in gradients:
                    continue
                found = _place(trial.weights[name], states, each.record.name)
                if found is None or found[0] not in received:
                    continue
                value = received[found[0]].transpose(found[1])
                floor = 1e-3 * max(norms[key] for key in norms if key.startswith(f"{layer.name}/"))
                rows.append(compare(name, value, gradients[name], quantity="gradient", tolerance=_GRADIENT_TOLERANCE,
                                    floor=floor, mode=mode))  # fmt: skip
    criterion = f"of every weight that the port holds, given random cotangents, relative L2 <= {_GRADIENT_TOLERANCE:g}"
    if not rows:
        why = "no weight of the model is found in the port as it is"
        return Stage("gradients", "Gradients", criterion, "float64", _GRADIENT_TOLERANCE, (), why)
    comparison = Comparison(port.label, REFERENCE, tuple(rows))
    return Stage("gradients", "Gradients", criterion, "float64", _GRADIENT_TOLERANCE, (comparison,))


def _place(weight: Array, states: Mapping[str, Array], module: str) -> tuple[str, tuple[int, ...]] | None:
    """Find a weight among those of a module, and the order of axes that makes it Keras'."""
    for name, value in states.items():
        if name.startswith(f"{module}.") and value.ndim == weight.ndim:
            for order in permutations(range(value.ndim)):
                moved = value.transpose(order)
                if moved.shape == weight.shape and np.allclose(moved, weight, rtol=1e-6, atol=1e-12):
                    return name, order
    return None
