"""A run from Python: names, plain types, progress."""

import sys
from pathlib import Path

import numpy as np
import pytest

import genrebench as gb
from genrebench.errors import BackendError, ConfigError
from genrebench.network.sampling import random_weights
from genrebench.parity.report import Stage
from genrebench.parity.request import ParityRequest
from genrebench.parity.run import Progress, check_backends, run_parity
from tests.parity.conftest import SMALL


def test_a_network_and_weights_of_ones_own_are_compared() -> None:
    """They are objects; each stage and each answer is told as soon as it is known."""
    pytest.importorskip("torch")
    weights = {name: value.astype(np.float64) for name, value in random_weights(SMALL, 3).items()}
    told: list[object] = []
    progress = Progress(told.append, lambda name, seconds: told.append(name), lambda stage: told.append(stage))
    request = ParityRequest(backends=("torch", "torch", "numpy"), architecture=SMALL, weights=weights, steps=2)
    report = run_parity(request, progress)
    assert report.passed
    assert (report.backends, report.weights) == (("torch",), "as given")
    assert told[:3] == [("torch", "numpy"), "torch", "numpy"]
    assert [each.id for each in told[3:] if isinstance(each, Stage)] == [stage.id for stage in report.stages]


def test_the_public_name_takes_plain_types() -> None:
    """The weights of another network are refused before anything is started."""
    with pytest.raises(ConfigError, match="expected the weights of this architecture"):
        gb.compare("torch", architecture=SMALL, weights={})
    with pytest.raises(ConfigError, match="expected an architecture, cannot be read"):
        gb.compare("torch", architecture="nothing.json")


def test_only_what_this_interpreter_should_have_is_looked_for_here() -> None:
    """A backend with an interpreter of its own is that interpreter's business."""
    pythons = {"mine": Path(sys.executable)}
    assert check_backends(ParityRequest(backends=("mine",), pythons=pythons)) == ("mine",)
    assert check_backends(ParityRequest(backends=("numpy",), reference="mine", pythons=pythons)) == ("numpy",)
    with pytest.raises(BackendError, match=r"expected a backend of .*numpy.*, received 'mine'"):
        check_backends(ParityRequest(backends=("mine",)))
    with pytest.raises(ConfigError, match="--python mine: expected one of the backends compared, torch, keras, numpy"):
        check_backends(ParityRequest(pythons=pythons))
