"""A right port passes; how modules are found, and what is refused."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.errors import BackendError, ConfigError
from genrebench.network.numerics import FORWARD_TOLERANCE
from genrebench.network.types import Array
from genrebench.porting.against.matching import best_layout, family, layouts
from genrebench.porting.against.subject import read_port
from genrebench.porting.source import write_source
from tests.porting.against.mistake import Mistake, linear
from tests.porting.against.mistakes import MISTAKES
from tests.porting.against.test_mistakes import Comparing, compared
from tests.porting.models import layer, model_of, sequential

pytest.importorskip("torch")
__all__ = ["compared"]
_SOURCE = """
from torch import nn
from torch.nn import functional as F


class Network(nn.Module):
    def __init__(self, width=5):
        super().__init__()
        self.{0} = nn.Linear(4, width)
        self.{1} = nn.Linear(width, 5)

    def forward(self, x):
        return F.softmax(self.{1}(F.relu(self.{0}(x))), 1)
"""


def two_dense() -> Any:
    """Make a model of two dense layers, of the same shapes but for the input."""
    one = layer("Dense", "one", units=5, activation="relu")
    two = layer("Dense", "two", units=5, activation="softmax")
    return model_of(sequential(one, two, shape=(4,)), loss={"name": "categorical_crossentropy"})


def state_of(model: Any, first: str, second: str) -> dict[str, Array]:
    """Lay out the weights of two dense layers."""
    return {**linear(first, model.weights, "one"), **linear(second, model.weights, "two")}


@pytest.mark.parametrize("names", [("one", "two"), ("fc_a", "fc_b")])
def test_a_right_port_passes(names: tuple[str, str], compared: Comparing) -> None:
    """Whatever its modules are called; every one of them was seen, in both modes, and its gradients."""
    model = two_dense()
    report = compared(model, _SOURCE.format(*names), state_of(model, *names))
    assert report.passed, report.verdict
    assert not report.findings
    how = "name" if names[0] == "one" else "order"
    notes = {row.tensor: row.note for row in report.stage("structure").comparisons[0].rows}
    assert notes == {"one": f"module {names[0]}, by {how}", "two": f"module {names[1]}, by {how}"}
    assert {row.tensor for row in report.stage("gradients").comparisons[0].rows} == set(model.weights)


@pytest.mark.parametrize("mistake", MISTAKES[::5], ids=lambda each: each.cause)
def test_what_is_written_passes_as_anybodys_port(mistake: Mistake, compared: Comparing) -> None:
    """The module that genrebench writes is held against the model as others' are."""
    model = model_of(mistake.config, version=mistake.version)
    emitted = write_source(model)
    report = compared(model, emitted.text, emitted.state)
    assert report.passed, report.verdict


def test_a_port_may_be_off_as_far_as_rounding_grows_in_it(compared: Comparing) -> None:
    """A recurrence with large weights computes something else with the last digit, whoever writes it."""
    config = layer("GRU", "gru", units=16, return_sequences=True, reset_after=False)
    model = model_of(sequential(config, layer("Dense", "two", units=3), shape=(50, 4)))
    model = dataclasses.replace(model, weights={
        name: 8 * value if name.startswith("gru/") else value for name, value in model.weights.items()
    })  # fmt: skip
    emitted = write_source(model)
    report = compared(model, emitted.text, emitted.state)
    assert report.passed, report.verdict
    alone = [row for row in report.stage("evaluation").comparisons[0].rows if row.view == "isolated"]
    assert max(row.tolerance or 0.0 for row in alone) > FORWARD_TOLERANCE


def test_a_mapping_overrides_names(compared: Comparing, tmp_path: Path) -> None:
    """Modules with each other's names are told apart by it; arguments of the class are given, too."""
    model = two_dense()
    state = state_of(model, "two", "one")
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps({"modules": {"one": "two", "two": "one"}, "arguments": {"width": 5}}))
    report = compared(model, _SOURCE.format("two", "one"), state, mapping)
    assert report.passed, report.verdict
    notes = [row.note for row in report.stage("structure").comparisons[0].rows]
    assert notes == ["module two, by mapping", "module one, by mapping"]
    mapping.write_text(json.dumps({"one": "absent"}))
    with pytest.raises(ConfigError, match="expected a module of the port, received 'absent'; it has one, two"):
        compared(model, _SOURCE.format("two", "one"), state, mapping)


def test_weights_that_do_not_fit_are_told(compared: Comparing) -> None:
    """Names that are missing or too many are the first finding; another shape is refused."""
    model = two_dense()
    state = state_of(model, "one", "two")
    state["three.bias"] = state.pop("two.bias")
    report = compared(model, _SOURCE.format("one", "two"), state)
    assert not report.passed
    messages = [each.message for each in report.findings]
    assert messages[0] == "the file of weights lacks: two.bias"
    assert messages[1] == "the file of weights has too many: three.bias" or "three.bias" in str(report.stages[0])
    with pytest.raises(BackendError, match=r"expected one.weight of shape \(5, 4\), received \(4, 5\)"):
        compared(model, _SOURCE.format("one", "two"), {**state, "one.weight": state["one.weight"].T})


def test_a_port_that_cannot_run_says_why(compared: Comparing) -> None:
    """With the exception that it raised."""
    model = two_dense()
    source = _SOURCE.format("one", "two").replace("return F", "raise ValueError('no')\n        return F")
    with pytest.raises(BackendError, match="expected a port that takes the model's inputs, it raised ValueError: no"):
        compared(model, source, state_of(model, "one", "two"))


@pytest.mark.parametrize(
    ("text", "message"),
    [("mine.py", "expected FILE.py:CLASS"), ("mine.py:a b", "expected FILE.py:CLASS"), ("mine.py:A", "found none")],
)
def test_a_port_must_be_there(text: str, message: str) -> None:
    """With its class."""
    with pytest.raises(ConfigError, match=message):
        read_port(text, None, None)


def test_a_mapping_is_checked(tmp_path: Path) -> None:
    """By key and type."""
    (tmp_path / "mine.py").write_text("")
    mapping = tmp_path / "mapping.json"
    for content, message in (("[]", "expected a mapping"), ('{"inputs": "x"}', "channels_last or channels_first")):
        mapping.write_text(content)
        with pytest.raises(ConfigError, match=message):
            read_port(f"{tmp_path / 'mine.py'}:A", None, mapping)


def test_axes_are_ordered_only_where_that_hides_nothing() -> None:
    """As it is, or channels first; other orders only if these cannot be."""
    array = np.arange(24.0).reshape(1, 2, 3, 4)
    assert [each.shape for each in layouts(array, (1, 3, 4, 2))] == [(1, 3, 4, 2)]
    assert list(layouts(array, (1, 4, 4, 4))) == []
    square = np.arange(16.0).reshape(1, 4, 4)
    found = best_layout(square.transpose(0, 2, 1), square)
    assert found is not None
    assert np.array_equal(found, square)
    cube = np.arange(64.0).reshape(1, 4, 4, 4)
    mixed = best_layout(cube.transpose(0, 2, 1, 3), cube)
    assert mixed is not None
    assert not np.array_equal(mixed, cube)


@pytest.mark.parametrize(
    ("names", "expected"),
    [(("Conv2D", "Conv1d", "DepthwiseConv2D"), "convolution"), (("Dense", "Linear"), "dense"),
     (("Bidirectional", "LSTM", "GRU"), "recurrent"), (("Conv2DTranspose", "ConvTranspose2d"), "transpose")],
)  # fmt: skip
def test_layers_and_modules_have_families(names: tuple[str, ...], expected: str) -> None:
    """By their names."""
    assert {family(name) for name in names} == {expected}
