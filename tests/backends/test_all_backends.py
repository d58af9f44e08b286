"""The same tests for every installed backend, each in a process of its own: equal weights give equal everything."""

import pytest

from genrebench.backend.registry import list_backends
from genrebench.parity.run import compare_backends
from genrebench.testing.job import run_check
from genrebench.testing.kit import summarize
from genrebench.testing.under_test import GENRE, MIXED

# Those that do nothing else.
PREDICTING = {"onnx"}
ARCHITECTURES = {"genre": GENRE, "mixed": MIXED}
BACKENDS = {
    entry.name: pytest.mark.skipif(entry.problem is not None, reason=str(entry.problem))
    for entry in list_backends()
    if entry.name != "numpy"
}
# Each loads its framework anew; tests/backends/keras_cnn has every method of the plugin on each of Keras' engines.
USUAL = {("torch", "genre"), ("torch", "mixed"), ("keras", "mixed"), ("onnx", "mixed")}
GATES = [
    pytest.param(name, each, marks=[mark, *([] if (name, each) in USUAL else [pytest.mark.exhaustive])])
    for name, mark in BACKENDS.items()
    for each in ARCHITECTURES
]


@pytest.mark.parametrize(("backend", "architecture"), GATES)
def test_every_gate_of_parity_holds(backend: str, architecture: str) -> None:
    """Weights, every layer in both modes, loss, gradients and Adam are those of the reference, in float64."""
    report = compare_backends(backend, architecture=ARCHITECTURES[architecture], steps=2)
    assert report.passed, report.verdict
    ran = {stage.id for stage in report.stages if stage.passed}
    trained = {"training", "loss", "gradients", "adam", "steps"}
    assert ran >= {"structure", "weights", "evaluation"}
    assert ran.isdisjoint(trained) if backend in PREDICTING else ran >= trained
    assert ("only predicts, and was compared in that alone" in report.verdict) == (backend in PREDICTING)


@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(name, marks=[mark, *([] if (name, "mixed") in USUAL else [pytest.mark.exhaustive])])
        for name, mark in BACKENDS.items()
    ],
)
def test_every_backend_conforms(backend: str) -> None:
    """The whole kit passes in a process of its own, and no required check is skipped."""
    run = run_check(backend)
    line, passed = summarize(run.results)
    assert passed, [each for each in run.results if each.is_fault]
    assert "0 failed" in line
