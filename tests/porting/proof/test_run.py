"""The proof of a port: what is right passes, and each mistake in what was written is caught by its stage."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.parity.document import parity_document
from genrebench.parity.report import Report, load_report, save_report
from genrebench.porting.losses import LOSSES
from genrebench.porting.proof import run
from genrebench.porting.proof.answers import Answer
from genrebench.reading.keras_file import KerasModel
from genrebench.report.html import page
from tests.porting.models import functional, layer, model_of, sequential
from tests.porting.proof.conftest import Proving
from tests.porting.source.models import call, operation
from tests.reading.files import input_layer, node

_STAGES = ["alive", "structure", "weights", "evaluation", "training", "gradients", "adam", "steps"]


def small(**options: Any) -> KerasModel:
    """Make a model with a bit of everything that has modes."""
    config = sequential(
        layer("Conv2D", "conv", filters=4, kernel_size=[3, 3], strides=[2, 2], padding="same", activation="relu"),
        layer("BatchNormalization", "norm", momentum=0.9, epsilon=1e-3),
        layer("Dropout", "drop", rate=0.25),
        layer("Flatten", "flatten"),
        layer("Dense", "dense", units=5, activation="softmax"),
        shape=(6, 5, 3),
    )
    return model_of(config, **{"loss": {"name": "categorical_crossentropy"}, **options})


def failed(report: Report) -> list[str]:
    """List the stages whose gates do not hold."""
    return [stage.id for stage in report.stages if stage.passed is False]


def test_what_is_written_is_proved(proved: Proving, tmp_path: Path) -> None:
    """All stages, all layers in both modes; the report can be kept, read and shown."""
    model = small()
    report = proved(model)
    assert report.passed, report.verdict
    assert [stage.id for stage in report.stages] == _STAGES
    assert report.verdict == "network.py agrees with the definitions: all 8 gates hold."
    for identifier in ("evaluation", "training"):
        rows = report.stage(identifier).comparisons[0].rows
        for view in ("isolated", "cumulative"):
            seen = {row.tensor for row in rows if row.view == view and row.quantity == "output"}
            assert seen >= {"conv", "norm", "drop", "flatten", "dense"}
    gradients = {(row.tensor, row.mode) for row in report.stage("gradients").comparisons[0].rows}
    for name in ("conv/kernel", "norm/gamma", "dense/bias"):
        assert {mode for tensor, mode in gradients if tensor == name} == {
            "evaluation", "training", "evaluation, drawn weights", "training, drawn weights",
        }  # fmt: skip
    assert any("input" in mode for _, mode in gradients)
    save_report(tmp_path / "parity.json", report)
    assert load_report(tmp_path / "parity.json") == report
    assert "conv" in page(parity_document(report, every_row=True))


PLANTED = [
    ("eps=0.001", "eps=1e-05", "evaluation", "norm", "epsilon"),
    ("momentum=0.1", "momentum=0.9", "training", "norm/moving_mean", "momentum"),
    ("F.relu(", "F.elu(", "evaluation", "conv", "activation"),
    ("F.pad(x, (1, 1, 0, 1))", "F.pad(x, (1, 1, 1, 0))", "evaluation", "conv", "same-padding"),
    ("x.permute(0, 2, 3, 1)", "x.permute(0, 3, 2, 1)", "evaluation", "flatten", "flatten-order"),
    ("nn.Dropout(0.25)", "nn.Dropout(0.35)", "training", "drop", None),
]


@pytest.mark.parametrize(("right", "wrong", "stage", "tensor", "cause"), PLANTED, ids=[each[1] for each in PLANTED])
def test_a_mistake_in_the_source_is_caught(
    right: str, wrong: str, stage: str, tensor: str, cause: str | None, proved: Proving
) -> None:
    """By its stage, at its layer, with its cause."""

    def change(text: str, _: Any) -> str:
        """Plant it."""
        assert right in text
        return text.replace(right, wrong)

    report = proved(small(), change)
    assert stage in failed(report)
    first = report.findings[0]
    assert first.row is not None
    assert (first.stage, first.row.tensor) == (stage, tensor), first.message
    assert (first.cause and first.cause.id) == cause, first.message
    assert tensor in report.verdict


def test_a_gradient_that_is_cut_is_caught_by_gradients_alone(proved: Proving) -> None:
    """The forward passes are right, and the first layers are not reached."""
    report = proved(small(), lambda text, _: text.replace("self.dense(x)", "self.dense(x.detach())"))
    assert failed(report) == ["gradients", "steps"]
    assert report.findings[0].cause is not None
    assert report.findings[0].cause.parameters["factor"] == 0.0


def test_weights_that_are_not_those_of_the_file_are_caught(proved: Proving) -> None:
    """What is loaded is compared bit by bit, though the network itself is right."""

    def change(text: str, state: dict[str, Any]) -> str:
        """Move one weight by an ulp."""
        state["conv.weight"] = state["conv.weight"].copy()
        state["conv.weight"].flat[0] = np.nextafter(state["conv.weight"].flat[0], np.float32(9))
        return text

    assert "weights" in failed(proved(small(), change))


def test_a_source_that_does_not_run_is_a_finding(proved: Proving) -> None:
    """Not a crash."""
    report = proved(small(), lambda text, _: text.replace("self.dense(x)", "self.absent(x)"))
    assert not report.passed
    assert "absent" in report.findings[0].message


def test_a_layer_that_the_files_weights_kill_is_proved_with_drawn_ones(proved: Proving) -> None:
    """A rectifier that gives nothing but zeros hides what comes before it, in that file."""
    model = small()
    dead = {**model.weights, "conv/bias": np.full(4, -100, np.float32)}
    killed = dataclasses.replace(model, weights=dead)
    assert proved(killed).passed
    report = proved(killed, lambda text, _: text.replace("stride=2", "stride=2, dilation=1").replace("F.relu", "F.elu"))
    assert not report.passed


def test_a_dead_layer_is_no_proof(proved: Proving) -> None:
    """What is 0 whatever the weights is told, and the gate does not hold."""
    config = sequential(
        layer("Dense", "dense", units=4), layer("Rescaling", "nothing", scale=0.0, offset=0.0), shape=(3,)
    )
    report = proved(model_of(config))
    assert failed(report) == ["alive"]
    notes = {row.tensor: row.note for row in report.stage("alive").comparisons[0].rows if row.diverges}
    assert set(notes) == {"nothing", "dense/kernel", "dense/bias"}
    assert "proves nothing" in notes["dense/kernel"]


def test_twins_whose_difference_no_bias_changes_are_no_dead_layer(proved: Proving) -> None:
    """What one call gives to the bias, the other takes: exactly 0, as in every Siamese network that subtracts."""
    document = functional(
        input_layer("a", 3),
        input_layer("b", 3),
        call("Dense", "twin", [("a", 0, 0)], [("b", 0, 0)], units=4),
        call("Subtract", "difference", [("twin", 0, 0), ("twin", 1, 0)]),
        inputs=["a", "b"],
        outputs=["difference"],
    )
    assert proved(model_of(document, version="3.12.0")).passed
    document["config"]["layers"][3] = call("Subtract", "difference", [("twin", 0, 0), ("twin", 0, 0)])
    assert failed(proved(model_of(document, version="3.12.0"))) == ["alive"]


def test_an_encoder_of_which_the_states_alone_go_on_is_proved(proved: Proving) -> None:
    """As in most translators: nobody reads the sequence, which no variable holds, and the states are held instead."""
    document = functional(
        input_layer("a", 5, 3),
        input_layer("b", 4, 2),
        node("LSTM", "encoder", ["a"], units=3, return_state=True),
        call("LSTM", "decoder", [("b", 0, 0), ("encoder", 0, 1), ("encoder", 0, 2)], units=3, return_sequences=True),
        inputs=["a", "b"],
        outputs=["decoder"],
    )
    report = proved(model_of(document))
    assert report.passed, report.verdict
    rows = [row for row in report.stage("evaluation").comparisons[0].rows if row.view == "isolated"]
    assert {"encoder#1", "encoder#2", "decoder"} <= {row.tensor for row in rows}
    wrong = proved(model_of(document), lambda text, _: text.replace("= h[0]", "= h[0] * 1.001"))
    assert "evaluation" in failed(wrong)


def test_what_is_before_a_step_has_no_gradient_by_nature(proved: Proving) -> None:
    """A place has none, so that the layer before it is proved by what it gives."""
    document = functional(
        input_layer("a", 3),
        node("Dense", "scores", ["a"], units=4),
        operation("Argmax", "most", "scores", axis=-1, keepdims=False),
        operation("OneHot", "hot", "most", num_classes=4, axis=-1),
        node("Dense", "last", ["hot"], units=2),
        inputs=["a"],
        outputs=["last"],
    )
    report = proved(model_of(document, version="3.12.0"))
    assert report.passed, failed(report)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_a_short_run_uses_the_loss_of_the_file(loss: str, proved: Proving) -> None:
    """Every loss that is known."""
    config = sequential(layer("Dense", "dense", units=4, activation="softmax"), shape=(3,))
    report = proved(model_of(config, loss={"name": loss}))
    stage = report.stage("steps")
    assert stage.passed, [(row.label, row.relative_l2) for row in stage.comparisons[0].rows]
    assert len([row for row in stage.comparisons[0].rows if row.quantity == "loss"]) == 5


def test_without_a_loss_there_is_no_short_run(proved: Proving) -> None:
    """Which is said."""
    report = proved(small(loss=None))
    assert report.passed
    assert report.stage("steps").skipped == "the file names no loss that is known"


def test_that_keras_refuses_a_file_is_said(proved: Proving, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the report stands on the definitions."""

    @contextmanager
    def refusing(*_: Any, **__: Any) -> Iterator[Any]:
        """Refuse."""
        yield lambda: Answer(refused="TypeError: Unrecognized keyword arguments")

    monkeypatch.setattr(run, "asked_keras", refusing)
    report = proved(small(), keras=True)
    assert report.passed
    assert report.backends == ("network.py",)
    assert "Keras refuses the file: TypeError: Unrecognized keyword arguments" in report.verdict


@pytest.mark.parametrize(
    "config",
    [
        sequential(layer("ReLU", "relu"), layer("Flatten", "flatten"), shape=(3, 4)),
        sequential(layer("Dense", "dense", units=4, trainable=False), shape=(3,)),
        sequential(layer("Normalization", "norm"), shape=(3,)),
    ],
    ids=["no weights", "frozen", "constants"],
)
def test_what_trains_nothing_is_proved_without_training(config: dict[str, Any], proved: Proving) -> None:
    """Forward in both modes, and gradients to the inputs."""
    report = proved(model_of(config, loss={"name": "mean_squared_error"}))
    assert report.passed, report.verdict
    assert (report.stage("adam").skipped, report.stage("steps").skipped) == ("nothing is trained",) * 2
    assert any("input" in row.mode for row in report.stage("gradients").comparisons[0].rows)


def test_without_keras_the_proof_stands_on_the_definitions(proved: Proving, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so; nothing fails for want of a witness."""
    monkeypatch.setattr(run, "find_spec", lambda name: None)
    report = proved(small(), keras=True)
    assert report.passed
    assert "Keras was not asked: its plugin is not installed." in report.verdict


def test_what_the_outputs_make_nothing_of_is_left_out(proved: Proving) -> None:
    """Such as the second output of a nested model, which nobody reads: it is in no source, either."""
    inner = functional(
        input_layer("i", 4), node("Dense", "a", ["i"], units=3), node("Dense", "b", ["i"], units=2),
        inputs=["i"], outputs=["a", "b"],
    )  # fmt: skip
    inner = {**inner, "name": "inner", "inbound_nodes": [[["x", 0, 0, {}]]]}
    last = node("Dense", "last", [["inner", 1, 0, {}]], units=2)
    model = model_of(functional(input_layer("x", 4), inner, last, inputs=["x"], outputs=["last"]))
    assert "inner/b" in model.graph.calls
    report = proved(model)
    assert report.passed, report.verdict
    assert report.layers == ("x", "inner/a", "last")
