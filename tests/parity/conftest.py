"""Reports made in this process, of the referee under other names, whole or spoiled."""

import copy
from collections.abc import Callable

import numpy as np
import pytest

from genrebench.backend.jobs import Job, JobResult, execute
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.parity.probe import calls, make_probe
from genrebench.parity.report import Report
from genrebench.parity.run import Description, judge

Spoil = Callable[[JobResult], object]
Judge = Callable[..., Report]
SMALL = genre_cnn((17, 20), 4)


@pytest.fixture(scope="session")
def judged() -> Judge:
    """Offer a function that runs the whole report on small inputs.

    Returns
    -------
    callable
        ``judged({"name": spoil}, architecture=...)``: the report about copies of the referee's answers, each spoiled by
        the function given with its name.
    """
    cache: dict[Architecture, JobResult] = {}

    def make(spoiled: dict[str, Spoil], architecture: Architecture = SMALL) -> Report:
        """Compare copies of the referee's answers with the referee."""
        probe = make_probe(architecture, steps=3)
        if architecture not in cache:
            cache[architecture] = execute(Job("numpy", architecture, probe.weights, calls(probe), keep_going=True))
        results = {"numpy": cache[architecture]}
        for name, spoil in spoiled.items():
            results[name] = copy.deepcopy(cache[architecture])
            spoil(results[name])
        description = Description("genrebench parity", "4 random inputs", "random, seed 0")
        return judge(probe, results, backends=tuple(spoiled), reference="numpy", description=description)

    return make


def unspoiled(result: JobResult) -> None:
    """Leave the answers as they are."""


def scaled_pooling(result: JobResult) -> None:
    """Make the first pooling give out a thousandth too much, in both modes."""
    for call in ("evaluation", "training"):
        result.arrays[call]["max_pooling2d"] *= 1.001


def overflow(result: JobResult) -> None:
    """Put an infinity into a gradient and NaN into a loss."""
    result.arrays["gradients"]["dense/kernel"][0, 0] = np.inf
    result.values["steps"][1] = None


def raises_in_training(result: JobResult) -> None:
    """Have the forward pass in training mode fail with markup in the message."""
    result.arrays["training"].clear()
    result.errors["training"] = "RuntimeError: <script>alert(1)</script> | *a*"


@pytest.fixture(scope="session")
def passing(judged: Judge) -> Report:
    """Make a report in which every gate holds."""
    return judged({"mine": unspoiled, "yours": unspoiled})


@pytest.fixture(scope="session")
def failing(judged: Judge) -> Report:
    """Make a report with all that can go wrong, about backends with awkward names."""
    return judged({"<b>mine</b>": scaled_pooling, "o|v*r": overflow, "raising": raises_in_training, "fine": unspoiled})
