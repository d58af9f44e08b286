"""Why does my port differ? Every usual mistake is found, named, and placed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.porting.against import run
from genrebench.porting.against.subject import read_port
from genrebench.reading.keras_file import KerasModel
from tests import jobs
from tests.porting.against.mistake import Mistake
from tests.porting.against.mistakes import MISTAKES
from tests.porting.models import model_of

torch = pytest.importorskip("torch")
Comparing = Callable[..., Any]


@pytest.fixture
def compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comparing:
    """Compare a port in this process; what another process is for is tested with one."""
    monkeypatch.setattr(run, "run_job", jobs.run_here)

    def compare(model: KerasModel, source: str, state: dict[str, Any], mapping: Path | None = None) -> Any:
        """Write a port, and hold it against a model."""
        path, weights = tmp_path / "mine.py", tmp_path / "mine.pt"
        path.write_text(source)
        torch.save({name: torch.from_numpy(np.array(value)) for name, value in state.items()}, weights)
        return run.compare_port(model, read_port(f"{path}:Network", weights, mapping))

    return compare


# What usually goes wrong when a Keras network is ported.
USUAL = set(
    """gate-order recurrent-bias reset-after hard-sigmoid ignored-mask bidirectional-last depthwise-layout
    transposed-crop average-padding leaky-slope attention-scale causal-mask gelu-form resize-rounding reshape-order
    permute-axes flatten-order epsilon causal-padding same-padding kernel-layout softmax""".split()
)


def test_every_usual_mistake_is_planted() -> None:
    """Biases of recurrent layers doubled and summed, a hard sigmoid of either version."""
    causes = [each.cause for each in MISTAKES]
    assert set(causes) >= USUAL
    assert causes.count("recurrent-bias") == causes.count("hard-sigmoid") == 2


@pytest.mark.parametrize("mistake", MISTAKES, ids=[f"{index}-{each.cause}" for index, each in enumerate(MISTAKES)])
def test_a_mistake_is_found_and_named(mistake: Mistake, compared: Comparing) -> None:
    """The first layer that differs, and the cause, to rounding."""
    model = model_of(mistake.config, version=mistake.version)
    report = compared(model, mistake.source, mistake.state(model.weights))
    assert not report.passed
    first = next(each for each in report.findings if each.row and each.row.quantity == "output")
    assert first.cause, first.message
    assert (first.row.tensor, first.cause.id) == (mistake.at, mistake.cause), first.message
    assert first.cause.parameters.items() >= mistake.parameters.items(), first.cause.parameters
    assert mistake.at in report.verdict
