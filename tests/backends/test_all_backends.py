"""The same tests for every installed backend, each in a process of its own: equal weights give equal everything."""

import functools

import numpy as np
import pytest
from genrebench.backend.jobs import Call, Job, JobResult, run_check, run_job
from genrebench.testing.examples import MIXED, compare

from genrebench.backend.registry import list_backends
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.numerics import FORWARD_TOLERANCE, GRADIENT_TOLERANCE
from genrebench.network.sampling import random_inputs, random_masks, random_weights
from genrebench.testing import tally

ARCHITECTURES = {"genre": genre_cnn(), "mixed": MIXED}
ENTRIES = list_backends()
BACKENDS = [
    pytest.param(entry.name, marks=pytest.mark.skipif(entry.problem is not None, reason=str(entry.problem)))
    for entry in ENTRIES
    if entry.name != "numpy"
]
pytestmark = pytest.mark.parametrize("backend", BACKENDS)


def calls(architecture: Architecture) -> tuple[Call, ...]:
    """List what every backend is asked."""
    x, labels = random_inputs(architecture, 4)
    masks = {f"dropout_masks/{name}": mask for name, mask in random_masks(architecture, 4).items()}
    rng = np.random.default_rng(5)
    trainable = {name: spec.shape for name, spec in architecture.weight_specs().items() if spec.trainable}
    moments = {f"gradients/{name}": rng.normal(scale=1e-3, size=shape) for name, shape in trainable.items()}
    moments |= {f"m/{name}": rng.normal(scale=1e-3, size=shape) for name, shape in trainable.items()}
    moments |= {f"v/{name}": rng.uniform(1e-8, 1e-6, size=shape) for name, shape in trainable.items()}
    return (
        Call("weights", "weights"),
        Call("logits", "logits", {"x": x}),
        Call("evaluation", "trace", {"x": x}, {"training": False}),
        Call("training", "trace", {"x": x, **masks}, {"training": True}),
        Call("gradients", "loss_and_gradients", {"x": x, "labels": labels, **masks}),
        Call("adam", "adam_update", moments, {"step": 7, "adam": {"learning_rate": 3e-3}}),
    )


@functools.cache
def result(backend: str, architecture: str) -> JobResult:
    """Run the calls once in a process of the backend's own."""
    network = ARCHITECTURES[architecture]
    return run_job(Job(backend, network, random_weights(network, 0), calls(network)))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    ("call", "tolerance"),
    [
        ("weights", 0.0),
        ("logits", FORWARD_TOLERANCE),
        ("evaluation", FORWARD_TOLERANCE),
        ("training", FORWARD_TOLERANCE),
        ("adam", GRADIENT_TOLERANCE),
    ],
)
def test_every_tensor_is_the_referee_s(backend: str, architecture: str, call: str, tolerance: float) -> None:
    """In float64 within 1e-11 (1e-10 for Adam) of each tensor's norm; weights bit for bit."""
    compare(result(backend, architecture).arrays[call], result("numpy", architecture).arrays[call], tolerance)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loss_and_gradients_are_the_referee_s(backend: str, architecture: str) -> None:
    """Within 1e-10 of each tensor's norm."""
    mine, referee = result(backend, architecture), result("numpy", architecture)
    assert mine.values["gradients"] == pytest.approx(referee.values["gradients"], rel=1e-12)
    compare(mine.arrays["gradients"], referee.arrays["gradients"], GRADIENT_TOLERANCE)


def test_every_backend_conforms(backend: str) -> None:
    """The whole kit passes in a process of its own, and no required check is skipped."""
    outcomes, report = run_check(backend, {})
    line, passed = tally(outcomes)
    assert passed, [outcome for outcome in outcomes if outcome.is_fault]
    assert "0 failed" in line
    assert report["backend"] == backend
