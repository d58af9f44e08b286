"""Questions to a network: what comes back."""

import numpy as np
import pytest

from genrebench.backend.jobs import Call, Job, execute, run_check, run_job
from genrebench.backend.registry import load_backend
from genrebench.errors import GenrebenchError
from genrebench.network.adam import Adam, AdamState
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.sampling import random_inputs, random_masks, random_weights
from genrebench.system.process import THREAD_VARIABLES

GENRE = genre_cnn((33, 20), 4)


def test_a_worker_gives_what_the_backend_gives() -> None:
    """Arrays, values and mappings survive the way through files, to the last bit, and the report is complete."""
    weights = random_weights(GENRE, 0)
    x, labels = random_inputs(GENRE, 4)
    masks = random_masks(GENRE, 4)
    masked = {f"dropout_masks/{name}": mask for name, mask in masks.items()}
    network = load_backend("numpy")[1].build(GENRE, weights, dtype="float64", device="cpu")
    loss, gradients = network.loss_and_gradients(x, labels, dropout_masks=masks)
    state = AdamState(3, gradients, {name: np.square(value) for name, value in gradients.items()})
    config = Adam(learning_rate=0.5)
    updated, after = network.adam_update(gradients, state, config)
    moments = {f"m/{name}": value for name, value in state.m.items()} | {f"v/{n}": v for n, v in state.v.items()}
    calls = (
        Call("taken", "weights"),
        Call("out", "logits", {"x": x}),
        Call("seen", "trace", {"x": x, **masked}, {"training": True}),
        Call("slope", "loss_and_gradients", {"x": x, "labels": labels, **masked}),
        Call(
            "step",
            "adam_update",
            {f"gradients/{name}": value for name, value in gradients.items()} | moments,
            {"step": 3, "adam": {"learning_rate": 0.5}},
        ),
    )
    result = run_job(Job("numpy", GENRE, weights, calls), threads=1)
    expected = {
        "taken": network.weights(),
        "out": {"value": network.logits(x)},
        "seen": network.trace(x, training=True, dropout_masks=masks),
        "slope": gradients,
        "step": {f"weights/{name}": value for name, value in updated.items()}
        | {f"m/{name}": value for name, value in after.m.items()}
        | {f"v/{name}": value for name, value in after.v.items()},
    }
    for call, arrays in expected.items():
        assert result.arrays[call].keys() == arrays.keys()
        for name, value in arrays.items():
            np.testing.assert_array_equal(result.arrays[call][name], value)
    assert result.values["slope"] == loss
    assert result.values["step"] == after.step == 4
    assert result.report["versions"]["numpy"] == np.__version__
    assert result.report["threads"] == dict.fromkeys(THREAD_VARIABLES, "1")
    assert result.report["seconds"].keys() == {"build", *expected}
    assert result.report["peak_memory_bytes"] > 2**20


def test_a_job_that_keeps_going_says_what_failed() -> None:
    """One call fails, the others are answered, and the error says why; without keep_going the job fails."""
    x, labels = random_inputs(GENRE, 4)
    calls = (
        Call("before", "logits", {"x": x}),
        Call("wrong", "logits", {"x": x[:, :5]}),
        Call("after", "loss_and_gradients", {"x": x, "labels": labels}),
    )
    result = execute(Job("numpy", GENRE, random_weights(GENRE, 0), calls, keep_going=True))
    assert result.errors.keys() == {"wrong"}
    assert "expected" in result.errors["wrong"]
    assert result.arrays["before"].keys() == {"value"}
    assert np.isfinite(result.values["after"])
    with pytest.raises(GenrebenchError, match="expected"):
        execute(Job("numpy", GENRE, random_weights(GENRE, 0), calls))


def test_a_call_may_ask_for_another_precision_or_for_moved_weights() -> None:
    """float32 gives float32, moved weights are one ulp away each, and the job's own are not touched."""
    weights = random_weights(GENRE, 0)
    calls = (Call("moved", "weights", moved=True), Call("single", "weights", dtype="float32"), Call("own", "weights"))
    result = execute(Job("numpy", GENRE, weights, calls))
    for name, value in weights.items():
        np.testing.assert_array_equal(result.arrays["own"][name], value)
        np.testing.assert_array_equal(result.arrays["single"][name], value.astype(np.float32))
        distance = np.abs(result.arrays["moved"][name] - value)
        assert np.all(distance > 0)
        assert np.all(distance <= np.spacing(np.abs(value)))


def test_a_short_run_is_that_of_the_definitions() -> None:
    """Steps written out with the referee's own calls give the same losses and weights, batches taken in turn."""
    plain = GENRE.without_dropout()
    weights = {name: value.astype(np.float64) for name, value in random_weights(GENRE, 0).items()}
    x, labels = random_inputs(GENRE, 6)
    batches, batch_labels = x.reshape(2, 3, *x.shape[1:]), labels.reshape(2, 3)
    asked = Call("run", "steps", {"x": batches, "labels": batch_labels}, {"count": 3})
    result = execute(Job("numpy", GENRE, weights, (asked,)))
    state, losses = None, []
    for index in (0, 1, 0):
        network = load_backend("numpy")[1].build(plain, weights, dtype="float64", device="cpu")
        loss, gradients = network.loss_and_gradients(batches[index], batch_labels[index])
        traced = network.trace(batches[index], training=True)
        zeros = {name: np.zeros_like(value) for name, value in gradients.items()}
        updated, state = network.adam_update(gradients, state or AdamState(0, zeros, zeros), Adam())
        weights = weights | {name: traced[name] for name in weights if name in traced} | updated
        losses.append(loss)
    assert result.values["run"] == losses
    for name, value in weights.items():
        np.testing.assert_array_equal(result.arrays["run"][name], value)


def test_the_first_layers_are_traced_where_a_later_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``prefix`` a network that raises gives what it can, and says why it cannot give the rest."""
    x = random_inputs(GENRE, 2)[0]
    call = Call("t", "trace", {"x": x}, {"training": False, "prefix": True})
    job = Job("numpy", GENRE, random_weights(GENRE, 0), (call,))
    whole = execute(job)
    assert whole.values["t"] is None
    monkeypatch.setattr("genrebench.network.layers.Dense.forward", lambda self, x, weights, **_: x @ np.ones((1, 1)))
    first = execute(job)
    assert first.values["t"].startswith("ValueError: matmul")
    assert list(first.arrays["t"]) == list(whole.arrays["t"])[:10]
    for name, value in first.arrays["t"].items():
        np.testing.assert_array_equal(value, whole.arrays["t"][name])


def test_the_conformance_kit_runs_in_a_worker() -> None:
    """Outcomes come back as they were."""
    outcomes, report = run_check("numpy", {"adam": "just to see"})
    found = {outcome.name: outcome for outcome in outcomes}
    assert found["logits"].status == "passed"
    assert found["adam"].status == "failed"
    assert "just to see" in found["adam"].message
    assert report["seconds"]["check"] > 0
