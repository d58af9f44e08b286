"""Gates and blame: what is missing never passes, what proves nothing is no proof, and the one that is off is named."""

import copy
from typing import Any

import numpy as np
import pytest

from genrebench.backend.jobs import Job, JobResult, execute
from genrebench.errors import BackendError
from genrebench.network.architecture import Architecture
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from genrebench.parity.compare import compare
from genrebench.parity.ledger.base import explain
from genrebench.parity.ledger.tensors import DRAWN_ENTRIES, DrawnCase
from genrebench.parity.probe import Probe, calls, make_probe
from genrebench.parity.report import Report, save_report
from genrebench.parity.run import Description, judge
from genrebench.parity.stages.paths import _dropout_row, drawn_as_it_should_be
from tests.parity.conftest import SMALL, Judge, raises_in_training, unspoiled

DEEP = Architecture((24, 26, 1), (*(Conv2D(8, (3, 3), activation="relu") for _ in range(6)), Flatten(), Dense(4)))
NO_WEIGHTS = Architecture((4, 5, 1), (MaxPooling2D((2, 2), (2, 2)), Flatten()))


def ask(probe: Probe, name: str = "numpy") -> JobResult:
    """Ask a backend in this process."""
    return execute(Job(name, probe.architecture, probe.weights, calls(probe), keep_going=True))


def against(results: dict[str, JobResult], probe: Probe, reference: str) -> Report:
    """Compare answers with another reference than the referee."""
    others = tuple(name for name in results if name != reference)
    return judge(probe, results, backends=others, reference=reference, description=Description("", "", ""))


@pytest.mark.parametrize("call", ["weights", "evaluation", "training", "gradients", "adam", "steps", "weights32"])
def test_an_empty_answer_does_not_pass(call: str, judged: Judge) -> None:
    """No tensors are no proof: what is missing diverges, in whichever call."""
    report = judged({"mine": lambda result: result.arrays[call].clear()})
    assert not report.passed
    notes = [row.note for stage in report.stages for each in stage.comparisons for row in each.rows]
    assert any(note.startswith("missing") for note in notes)


def test_predictions_that_are_missing_or_of_another_shape_do_not_pass() -> None:
    """The trained model's, too."""
    probe = make_probe(SMALL, steps=2, spectrograms=np.zeros((3, *SMALL.input_shape), np.float32))
    right = ask(probe)
    for spoiled in ({}, {"value": np.zeros((3, 2), np.float32)}):
        wrong = copy.deepcopy(right)
        wrong.arrays["trained"] = spoiled
        report = against({"mine": wrong, "numpy": right}, probe, "numpy")
        assert [stage.id for stage in report.stages if stage.passed is False] == ["trained"]


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_too_few_and_too_many_losses_do_not_pass(count: int, judged: Judge) -> None:
    """Each step has one; three were asked for."""

    def cut(result: JobResult) -> None:
        """Give out another number of losses."""
        result.values["steps"] = (result.values["steps"] * 2)[:count]

    assert judged({"mine": cut}).passed is (count == 3)


def test_numbers_beyond_all_measure_are_an_error_of_the_backend(judged: Judge, tmp_path: Any) -> None:
    """Their squares overflow, and JSON has no infinity."""

    def grow(result: JobResult) -> None:
        """Make a layer's output enormous."""
        result.arrays["evaluation"]["dense_1"] = np.full_like(result.arrays["evaluation"]["dense_1"], 1e300)
        result.arrays["gradients"]["dense_1/bias"] *= 1e250

    report = judged({"mine": grow})
    assert not report.passed
    save_report(tmp_path / "parity.json", report)


def test_drawn_weights_keep_deep_networks_alive() -> None:
    """Without normalization, six rectifiers one behind the other still let through what the first layers do."""
    probe = make_probe(DEEP)
    right = ask(probe)
    for layer in DEEP.layers[:6]:
        positive = (right.arrays["evaluation"][layer.name] > 0).mean()
        assert 0.02 < positive < 0.6
    assert all(np.abs(gradient).max() > 1e-6 for gradient in right.arrays["gradients"].values())
    wrong = copy.deepcopy(probe.weights)
    wrong["conv2d_4/kernel"] = wrong["conv2d_4/kernel"][::-1, ::-1] * 3
    flipped = execute(Job("numpy", DEEP, wrong, calls(probe), keep_going=True))
    report = against({"mine": flipped, "numpy": right}, probe, "numpy")
    assert {finding.name.partition("/")[0] for finding in report.findings} == {"conv2d_4"}


def test_equal_inputs_leave_drawn_weights_what_they_are() -> None:
    """Where nothing varies over the batch there is nothing to centre, and a layer must not be centered to zero."""
    pytest.importorskip("torch")
    architecture = Architecture((6, 7, 1), (Flatten(), Dense(5, activation="relu"), Dense(3)))
    data = np.tile(np.random.default_rng(0).normal(size=(1, 6, 7, 1)), (9, 1, 1, 1))
    probe = make_probe(architecture, data=data, batch_size=2)
    report = against({"torch": ask(probe, "torch"), "numpy": ask(probe)}, probe, "numpy")
    assert report.passed, report.findings


def test_a_dead_network_is_no_proof() -> None:
    """Whatever stands before a layer that gives out zeros only, would pass: that is said instead."""
    weights = {name: value.astype(np.float64) for name, value in DEEP.initial_weights(0).items()}
    weights["conv2d_3/bias"] -= 100
    probe = make_probe(DEEP, weights=weights, steps=2)
    right = ask(probe)
    with pytest.raises(BackendError, match=r"conv2d_3: it gives out nothing but zeros .* proves nothing"):
        against({"mine": right, "numpy": right}, probe, "numpy")


def test_a_network_without_weights_is_compared_all_the_same() -> None:
    """There is nothing to train in it, and all that there is agrees."""
    probe = make_probe(NO_WEIGHTS, steps=2)
    right = ask(probe)
    report = against({"mine": right, "numpy": right}, probe, "numpy")
    assert report.passed, report.findings


def test_a_reference_that_is_off_is_named_and_nobody_else() -> None:
    """Each layer is held to its definition, whoever is the reference."""
    probe = make_probe(SMALL, steps=2)
    right = ask(probe)
    flipped = probe.weights | {"conv2d_1/kernel": probe.weights["conv2d_1/kernel"][::-1, ::-1]}
    wrong = execute(Job("numpy", SMALL, flipped, calls(probe), keep_going=True))
    report = against({"mine": right, "other": wrong}, probe, "other")
    assert not report.passed
    ((backend, name, cause),) = [(each.backend, each.name, each.cause) for each in report.findings]
    assert (backend, name) == ("other", "conv2d_1")
    assert cause is not None
    assert cause.id == "kernel-layout"
    assert report.verdict.startswith("other is off against the definitions, although it is the reference")
    assert against({"mine": right, "other": copy.deepcopy(right)}, probe, "other").passed


def test_a_reference_that_cannot_be_one_is_refused() -> None:
    """It raised, or left something out, or computed NaN: then nothing can be said about the others."""
    probe = make_probe(SMALL, steps=2)
    right = ask(probe)
    raising, lacking, spoiled, stopped = (copy.deepcopy(right) for _ in range(4))
    raises_in_training(raising)
    del lacking.arrays["gradients"]["dense/kernel"]
    spoiled.values["steps"][1] = None
    stopped.values["evaluation"] = "NotImplementedError: no trace"
    for wrong, words in (
        (raising, "training failed"),
        (lacking, "received none for dense/kernel, gradients"),
        (spoiled, "finite losses"),
        (stopped, "evaluation failed: NotImplementedError: no trace"),
    ):
        with pytest.raises(BackendError, match=words):
            against({"mine": right, "other": wrong}, probe, "other")
    for call, name in (
        ("steps", "conv2d/kernel"),
        ("control", "dense/bias"),
        ("adam", "m/dense/kernel"),
        ("training", "batch_normalization/moving_mean"),
    ):
        wrong = copy.deepcopy(right)
        wrong.arrays[call][name] = wrong.arrays[call][name] * np.nan
        with pytest.raises(BackendError, match=f"received none for {name}, {call}"):
            against({"mine": right, "other": wrong}, probe, "other")
        del wrong.arrays[call][name]
        with pytest.raises(BackendError, match=f"received none for {name}, {call}"):
            against({"mine": right, "other": wrong}, probe, "other")


def test_the_reason_of_what_is_missing_is_told(judged: Judge) -> None:
    """A backend that raises instead of computing says why, and what it says reaches the reader."""

    def refuse(result: JobResult) -> None:
        """Compute nothing, and say why; and fail in Adam for another reason."""
        for call in ("evaluation", "training"):
            result.arrays[call].clear()
            result.values[call] = "NotImplementedError: no trace in this backend"
        del result.arrays["adam"]
        result.errors["adam"] = "KeyError: 'step'"

    messages = [finding.message for finding in judged({"mine": refuse, "fine": unspoiled}).findings]
    assert "NotImplementedError: no trace in this backend" in messages[0]
    assert any("KeyError: 'step'" in message for message in messages[1:])


def test_small_gradients_raise_no_false_alarm() -> None:
    """What a weight that moved by a gradient can show of it ends with the weight's last digit."""
    pytest.importorskip("torch")
    layers = (Conv2D(4, (3, 3), activation="relu"), BatchNormalization(), Flatten(), Dense(6), Dense(3))
    architecture = Architecture((9, 11, 1), layers)
    weights = dict(make_probe(architecture).weights)
    weights["dense_1/kernel"] = weights["dense_1/kernel"] * 1e-7
    probe = make_probe(architecture, weights=weights)
    report = against({"torch": ask(probe, "torch"), "numpy": ask(probe)}, probe, "numpy")
    assert report.passed, report.findings


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda drawn: np.ones_like(drawn), "drops nothing in training"),
        (lambda drawn: (drawn != 0).astype(float), "does not scale the others"),
        (lambda drawn: np.stack([drawn[0], drawn[0]]), "drops the same values in every step"),
        (lambda drawn: np.where(drawn == 0, 1 / 0.3, 0.0), "expected 30.0%, and scales accordingly"),
        (lambda drawn: np.where(np.arange(drawn.shape[1]) % 50, drawn.max(), 0.0) + 0 * drawn, "drops the same values"),
    ],
)
def test_dropout_that_training_draws_otherwise_is_found(spoil: Any, cause: str) -> None:
    """Nothing dropped, not scaled, always the same, the other share: each is named."""
    pytest.importorskip("torch")
    probe = make_probe(SMALL, steps=2)
    answer = ask(probe, "torch")
    drawn = answer.arrays["dropout"]["dropout"]
    assert drawn.shape == (2, 512)
    np.testing.assert_allclose(drawn, drawn_as_it_should_be(SMALL.layers[-2], drawn), rtol=1e-12)  # type: ignore[arg-type]
    right = ask(probe)
    assert against({"torch": answer, "numpy": right}, probe, "numpy").passed
    answer.arrays["dropout"]["dropout"] = spoil(drawn)
    report = against({"torch": answer, "numpy": right}, probe, "numpy")
    (finding,) = report.findings
    assert (finding.stage, finding.name) == ("fast-path", "dropout, drawn masks")
    assert cause in finding.message


def test_rates_near_one_raise_no_false_alarm() -> None:
    """All values may be dropped twice; and a rate of nothing is explained without dividing by it."""
    for rate in (0.999, 0.995):
        layer, everything = Dropout(rate), np.zeros((2, 512))
        row = _dropout_row(layer, everything)
        assert not row.diverges
    never = Dropout(0.0)
    drawn = np.where(np.random.default_rng(0).random((2, 512)) < 0.3, 0.0, 1.7)
    assert _dropout_row(never, drawn).diverges
    cause = explain(DRAWN_ENTRIES, DrawnCase(0.0, drawn, drawn_as_it_should_be(never, drawn)))
    assert cause is None


def test_a_loss_of_nothing_excuses_no_other() -> None:
    """Relative to the loss of guessing, not to zero."""
    row = compare("loss", np.array(5.0), np.array(0.0), tolerance=1e-12, floor=1.386)
    assert row.diverges
    assert row.relative_l2 == pytest.approx(5 / 1.386)
    assert not compare("loss", np.array(1e-14), np.array(0.0), tolerance=1e-12, floor=1.386).diverges
