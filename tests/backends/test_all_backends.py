"""The same tests for every installed backend, one process each: equal weights give equal everything."""

import functools
from typing import Any

import numpy as np
import pytest

from genrebench.backend import Adam, AdamState
from genrebench.backend.registry import list_backends, load_backend
from genrebench.backend.worker import JobResult, run_job
from genrebench.network import Architecture, genre_cnn
from genrebench.network.numerics import FORWARD_TOLERANCE, GRADIENT_TOLERANCE
from genrebench.network.sampling import random_inputs, random_masks, random_weights
from genrebench.network.types import Weights
from genrebench.testing import CheckResult, job, summarize
from genrebench.testing.under_test import MIXED, compare

ARCHITECTURES = {"genre": genre_cnn(), "mixed": MIXED}
BACKENDS = [
    pytest.param(entry.name, marks=pytest.mark.skipif(entry.problem is not None, reason=str(entry.problem)))
    for entry in list_backends()
    if entry.name != "numpy"
]


def answer(_arrays: Weights, options: dict[str, Any]) -> tuple[Weights, Any]:
    """Ask a backend everything: the job that runs in its process."""
    backend = load_backend(options["backend"])[1]
    outputs: Weights = {}
    losses = {}
    for name, architecture in ARCHITECTURES.items():
        network = backend.build(architecture, random_weights(architecture, 0), dtype="float64", device="cpu")
        x, labels = random_inputs(architecture, 4)
        masks = random_masks(architecture, 4)
        losses[name], gradients = network.loss_and_gradients(x, labels, dropout_masks=masks)
        updated, state = network.adam_update(*sampled_update(architecture), Adam(learning_rate=3e-3))
        answers = {
            "weights": network.weights(),
            "logits": {"": network.logits(x)},
            "evaluation": network.trace(x, training=False),
            "training": network.trace(x, training=True, dropout_masks=masks),
            "gradients": gradients,
            "updated": updated,
            "m": state.m,
            "v": state.v,
        }
        outputs |= {f"{name}|{kind}|{key}": value for kind, found in answers.items() for key, value in found.items()}
    return outputs, {"losses": losses, "kit": job.check({}, options)[1]["results"] if options["kit"] else []}


def sampled_update(architecture: Architecture) -> tuple[Weights, AdamState]:
    """Sample gradients, and moments after seven steps."""
    rng = np.random.default_rng(5)
    weights = architecture.weight_specs()
    gradients, m = (
        {name: rng.normal(scale=1e-3, size=weights[name].shape) for name in architecture.trainable} for _ in range(2)
    )
    v = {name: rng.uniform(1e-8, 1e-6, size=value.shape) for name, value in m.items()}
    return gradients, AdamState(7, m, v)


@functools.cache
def answers(backend: str) -> JobResult:
    """Ask a backend once, in a process of its own."""
    return run_job(
        "tests.backends.test_all_backends:answer",
        options={"backend": backend, "kit": backend != "numpy", "expected_failures": {}, "only": []},
        threads=1,
    )


def pick(backend: str, architecture: str, kind: str) -> Weights:
    """Pick the tensors of one kind."""
    start = f"{architecture}|{kind}|"
    return {name.removeprefix(start): v for name, v in answers(backend).arrays.items() if name.startswith(start)}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [
        ("weights", 0.0),
        *((kind, FORWARD_TOLERANCE) for kind in ("logits", "evaluation", "training")),
        *((kind, GRADIENT_TOLERANCE) for kind in ("gradients", "updated", "m", "v")),
    ],
)
def test_every_tensor_is_the_reference_s(backend: str, architecture: str, kind: str, tolerance: float) -> None:
    """In float64 within 1e-11 (1e-10 for gradients and Adam) of each tensor's norm; weights bit for bit."""
    expected = pick("numpy", architecture, kind)
    assert expected
    compare(pick(backend, architecture, kind), expected, tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_loss_is_the_reference_s(backend: str, architecture: str) -> None:
    """In float64 to rounding."""
    received, expected = (answers(name).value["losses"][architecture] for name in (backend, "numpy"))
    assert received == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_conforms(backend: str) -> None:
    """The whole kit passes, and no check is skipped but those of training."""
    results = [CheckResult(**each) for each in answers(backend).value["kit"]]
    _, passed = summarize(results)
    assert passed, [result for result in results if result.is_fault]
    skipped = {result.name for result in results if result.status == "skipped"}
    assert skipped == (set() if load_info(backend).can_train else {"training", "training-state"})


def load_info(backend: str) -> Any:
    """Read what a backend says of itself."""
    return next(entry.info for entry in list_backends() if entry.name == backend)
