"""The ledger on every kind of layer: hypotheses can be run, explain what they plant, and nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from genrebench.network.numerics import relative_error
from genrebench.network.types import Array
from genrebench.parity.ledger.base import Entry, explain
from genrebench.porting.passes import name_of
from genrebench.porting.proof.case import CallCase
from genrebench.porting.proof.causes.entries import CALL_ENTRIES, call_entries
from genrebench.porting.reference import GraphReference
from genrebench.reading.builder import Builder
from genrebench.reading.graph import Tensor
from tests.porting.definitions.cases import CASES, Case
from tests.reading.files import KERAS_3
from tests.reading.test_operations import array, document_3

# One for each kind, the last in the list, which has the most settings.
_CASES = list({each.kind: each for each in CASES if each.outputs == 1}.values())


def case_of(case: Case, *, training: bool = False) -> CallCase:
    """Run a case's layer, and make a case for the ledger in which what was received is right."""
    graph = case.graph()
    weights = case.weights(graph)
    sample = case.sample(graph)
    done = GraphReference(graph, weights).run(sample.inputs, training=training, draws=sample.draws if training else {})
    call = graph.calls["layer"]
    places = [name_of(each) for each in call.inputs]
    arguments: dict[str, Any] = {}
    for name, value in call.arguments.items():
        if isinstance(value, tuple) and any(isinstance(each, Tensor) for each in value):
            arguments[name] = tuple(done.outputs[name_of(each)] for each in value)
        elif isinstance(value, Tensor):
            arguments[name] = done.outputs[name_of(value)]
    return CallCase(
        done.outputs["layer"], done.outputs["layer"], graph=graph, call=call, tensor="layer", weights=weights,
        inputs=tuple(done.outputs[place] for place in places), masks=tuple(done.masks.get(place) for place in places),
        arguments=arguments, training=training, draws=sample.draws if training else {},
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a mistake may give NaN
@pytest.mark.parametrize("case", _CASES, ids=str)
def test_the_ledger_explains_what_it_predicts_and_no_noise(case: Case) -> None:
    """Each hypothesis that changes something is found again, by itself or by one before it that predicts the same."""
    right = case_of(case)
    noise = np.random.default_rng(0).standard_normal(right.expected.shape)
    noisy = CallCase(**{**vars(right), "received": right.expected + noise})
    if right.expected.size > 12:  # a number or two may be fitted to anything
        assert explain(call_entries(right), noisy) is None
    for entry in call_entries(right):
        for value in predictions(entry, right)[:2]:
            if value.shape == right.expected.shape and 1e-6 < relative_error(value, right.expected) < np.inf:
                planted = CallCase(**{**vars(right), "received": value})
                cause = explain(call_entries(planted), planted)
                assert cause is not None, entry.id
                assert cause.residual < 1e-8


# A function, its settings, the shape of its input, a mistake in NumPy, and its cause.
FUNCTIONS: list[tuple[str, dict[str, Any], tuple[int, ...], Callable[[Array], Array], str]] = [
    ("Repeat", {"repeats": 3, "axis": 1}, (4, 5), lambda x: np.tile(x, (1, 3, 1)), "repeat-order"),
    ("Tile", {"repeats": [1, 3, 1]}, (4, 5), lambda x: x.repeat(3, axis=1), "repeat-order"),
    ("Cumsum", {"axis": 1}, (4, 5), lambda x: x.cumsum(axis=2), "function-axis"),
    ("Cumsum", {"axis": 1}, (4, 5), lambda x: x[:, ::-1].cumsum(axis=1)[:, ::-1], "function-axis"),
    ("Take", {"axis": 1}, (4, 4), lambda x: x[:, :, [0, 2, 1, 1]], "function-axis"),
    ("Mean", {"axis": [1], "keepdims": False}, (4, 4, 4), lambda x: x.mean(axis=3), "function-axis"),
    ("Einsum", {"subscripts": "bij,bkj->bik"}, (4, 4), lambda x: x @ x, "einsum-indices"),
    ("Einsum", {"subscripts": "bij,bij->bij"}, (4, 4), lambda x: (x * x).swapaxes(1, 2), "einsum-indices"),
]


@pytest.mark.parametrize("planted", FUNCTIONS, ids=lambda each: f"{each[0]}-{each[-1]}")
def test_mistakes_in_functions_of_tensors_are_named(planted: Any) -> None:
    """What is right has no cause; the mistake has its own."""
    name, config, shape, mistake, cause = planted
    operands: dict[str, list[Any]] = {"Take": ["x0", array([0, 2, 1, 1])], "Einsum": ["x0", "x0"]}
    graph = Builder(KERAS_3).build(document_3(name, config, operands.get(name, ["x0"]), shape))
    assert not graph.problems
    x = np.random.default_rng(0).normal(size=(3, *shape))
    right = GraphReference(graph, {}).run({"x0": x}).outputs["op"]
    call = graph.calls["op"]
    case = CallCase(right, right, graph=graph, call=call, tensor="op", weights={}, inputs=(x,) * len(call.inputs),
                    masks=(None,) * len(call.inputs))  # fmt: skip
    found = explain(call_entries(case), CallCase(**{**vars(case), "received": mistake(x)}))
    assert found is not None
    assert found.id == cause
    noise = np.random.default_rng(1).normal(size=right.shape)
    assert explain(call_entries(case), CallCase(**{**vars(case), "received": right + noise})) is None


def predictions(entry: Entry[CallCase], case: CallCase) -> list[np.ndarray]:
    """List what an entry predicts; one that needs what the case lacks ends."""
    found = []
    try:
        found += [each.value for each in entry.predict(case)]
    except (KeyError, ValueError, IndexError):
        return found
    return found


def test_every_entry_says_what_it_is_and_where_to_read_about_it() -> None:
    """In words, with a page."""
    assert len({(entry.id, entry.title) for entry in CALL_ENTRIES}) >= 30
    for entry in CALL_ENTRIES:
        assert entry.title
        assert "." in entry.citation, entry.id
