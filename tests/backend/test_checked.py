"""What a backend answers is checked in its form, by one place; the kit and parity name each odd answer."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from genrebench.backend import Adam, BatchMetrics
from genrebench.backend.checked import CheckedBackend, check_array, info_problem
from genrebench.errors import AnswerError
from genrebench.network.architecture import Architecture
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Flatten
from genrebench.network.reference import ReferenceNetwork
from genrebench.network.sampling import random_inputs, random_weights
from genrebench.parity import answers
from genrebench.parity.answers import run_here
from genrebench.parity.inputs import make_inputs
from genrebench.testing import check_backend
from tests.backend.spoils import INFO, SPOILS, VALUES, spoiled
from tests.parity.conftest import against

ARCHITECTURE = Architecture(
    (6, 7, 1), (Conv2D(3, (3, 3), activation="relu"), BatchNormalization(), Flatten(), Dense(3))
)
INPUTS = make_inputs(ARCHITECTURE, steps=1)
METHODS = ("logits", "weights", "trace", "gradients", "adam")
# Of arrays whose shape only a comparison knows.
FORMS = [name for name, (_, message) in SPOILS.items() if name not in VALUES and message != "shape"]


@pytest.mark.parametrize("what", SPOILS)
def test_parity_passes_no_backend_whose_logits_are_odd(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that does not train answers everything else rightly; the report says what its logits were."""
    spoil, message = SPOILS[what]
    right = run_here(INPUTS, "numpy")
    monkeypatch.setattr(answers, "load_backend", lambda name: (INFO, spoiled("logits", spoil)))
    report = against(INPUTS, {"spoiled": run_here(INPUTS, "spoiled"), "numpy": right})
    assert not report.passed
    (found,) = (each for each in report.stage("fast-path").comparisons if each.backend == "spoiled")
    said = found.error or "; ".join(row.note for row in found.rows if row.diverges)
    assert re.search(message, said), said
    assert "logits" in said or what in VALUES or "Error" in said


@pytest.mark.parametrize("method", [*METHODS, "loss"])
@pytest.mark.parametrize("what", ["text", "complex", "NaN", "zero dimensions", "end"])
def test_parity_passes_no_odd_answer(what: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the question was."""
    right = run_here(INPUTS, "numpy")
    monkeypatch.setattr(answers, "load_backend", lambda name: (INFO, spoiled(method, SPOILS[what][0])))
    report = against(INPUTS, {"spoiled": run_here(INPUTS, "spoiled"), "numpy": right})
    assert not report.passed
    assert report.findings


@pytest.mark.parametrize("method", METHODS)
def test_the_kit_fails_every_odd_answer(method: str) -> None:
    """By its form, or by what it holds; nothing ends the kit."""
    check = {"weights": "weights-round-trip"}.get(method, method)
    for what, (spoil, message) in SPOILS.items():
        (result,) = check_backend((INFO, spoiled(method, spoil)), only=[check])
        assert result.status == "failed", what
        if what in FORMS:
            assert re.search(message, result.message), (what, result.message)


def test_an_answer_is_not_made_to_be_looked_at() -> None:
    """What would fill the memory as soon as it is touched is refused by its type alone."""
    with pytest.raises(AnswerError, match="logits: expected a NumPy array of float32 or float64, received Lazy"):
        check_array("logits", SPOILS["lazy"][0](np.zeros(1)))


class Trains(ReferenceNetwork):
    """The reference with methods for training, one of which answers oddly."""

    odd: Any = None

    def start_training(self, *arguments: Any, **options: Any) -> None:
        """Begin."""

    def train_step(self, x: Any, labels: Any) -> Any:
        """Answer."""
        return self.odd

    def training_state(self) -> Any:
        """Answer."""
        return self.odd

    def load_training_state(self, state: Any) -> None:
        """Go on."""

    def load_data(self, inputs: Any, labels: Any) -> Any:
        """Answer."""
        return self.odd

    def train_on(self, indices: Any) -> Any:
        """Answer."""
        return self.odd


class Builds:
    """Builds a network of some class."""

    def __init__(self, kind: Any) -> None:
        """Keep it."""
        self.kind = kind

    def build(self, architecture: Any, weights: Any, **options: Any) -> Any:
        """Build it."""
        return self.kind(architecture, weights, dtype=options["dtype"])


@pytest.mark.parametrize(
    ("method", "odd", "message"),
    [
        ("train_step", 0.1, "train_step: expected BatchMetrics, received float"),
        ("train_step", BatchMetrics(4, "0.1", 1), "train_step, loss: expected a float, received str"),  # type: ignore[arg-type]
        ("train_step", BatchMetrics(4, np.float32(1), 1), "loss: expected a float, received float32"),  # type: ignore[arg-type]
        ("train_step", BatchMetrics(4, 0.1, 1.0), "correct: expected an int, received float"),  # type: ignore[arg-type]
        ("train_step", BatchMetrics(4, 0.1, 5), "expected the metrics of 4 segments, received"),
        ("train_step", BatchMetrics(3, 0.1, 1), "expected the metrics of 4 segments, received"),
        ("train_on", BatchMetrics(4, 0.1, -1), "train_on: expected the metrics of 4 segments"),
        ("load_data", 1, "load_data: expected True or False, received 1"),
        ("training_state", [1], "training_state: expected a dictionary of arrays, received list"),
        ("training_state", {"adam/m/dense/bias": np.zeros(4)}, r"dense/bias: expected shape \(3,\), received \(4,\)"),
        ("training_state", {"dropout/generator": b"x"}, "dropout/generator: expected a NumPy array"),
        ("training_state", {"own": np.array([None])}, "own: expected an array of .*, received dtype object"),
    ],
)
def test_odd_answers_of_training_are_refused(method: str, odd: Any, message: str) -> None:
    """Each by the call and what is wrong."""
    info = replace(INFO, can_train=True)
    network: Any = CheckedBackend(info, Builds(Trains)).build(ARCHITECTURE, random_weights(ARCHITECTURE, 0))
    network.start_training(Adam(), seed=0)
    network._network.odd = odd
    x, labels = random_inputs(ARCHITECTURE, 4)
    given: dict[str, tuple[Any, ...]] = {
        "train_step": (x, labels), "train_on": (labels,), "load_data": (x, labels), "training_state": ()
    }  # fmt: skip
    with pytest.raises(AnswerError, match=message):
        getattr(network, method)(*given[method])


def test_a_network_has_the_methods_that_its_plugin_announces() -> None:
    """One that lacks a method, trains unannounced, or does not train as announced is refused when it is built."""
    weights = random_weights(ARCHITECTURE, 0)
    with pytest.raises(AnswerError, match=r"info\.can_train is True, but the network says otherwise"):
        CheckedBackend(replace(INFO, can_train=True), Builds(ReferenceNetwork)).build(ARCHITECTURE, weights)
    with pytest.raises(AnswerError, match=r"info\.can_train is False, but the network says otherwise"):
        CheckedBackend(INFO, Builds(Trains)).build(ARCHITECTURE, weights)
    with pytest.raises(AnswerError, match="expected a network with a method weights, received dict"):
        CheckedBackend(INFO, Builds(lambda *given, **options: {})).build(ARCHITECTURE, weights)
    with pytest.raises(AnswerError, match="build: expected an answer, received SystemExit: 3"):
        CheckedBackend(INFO, Builds(lambda *given, **options: exit(3))).build(ARCHITECTURE, weights)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"can_train": 1}, "info.can_train: expected True or False, received 1"),
        ({"predicts_only": "yes"}, "info.predicts_only: expected True or False, received 'yes'"),
        ({"can_train": True, "predicts_only": True}, "info.predicts_only: expected False of a backend that trains"),
    ],
)
def test_what_a_plugin_says_of_its_training_is_checked(changes: dict[str, Any], message: str) -> None:
    """Each is a truth value, and they do not contradict each other."""
    assert info_problem(replace(INFO, **changes), INFO.name).startswith(message)
    assert info_problem(INFO, INFO.name) == ""
