"""A short training run, as an experiment, and one of a network so small that it can be run many times."""

from pathlib import Path

import pytest

from genrebench.network.architecture import Architecture
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from genrebench.system.files import write_atomically, write_json
from genrebench.training import Experiment, SplitSettings, TrainingSettings, results
from genrebench.training.folder import CURVES_FILE, REPORT_FILE
from genrebench.training.runs import Run
from genrebench.training.settings import PLAIN

# Everything that has a state of its own: running statistics, dropout, moments.
TINY = Architecture(
    (32, 16, 1),
    (
        Conv2D(3, (3, 3), strides=(2, 2), activation="relu"),
        MaxPooling2D((2, 2), strides=(2, 2)),
        BatchNormalization(),
        Flatten(),
        Dropout(0.3),
        Dense(3),
    ),
)


@pytest.fixture(autouse=True)
def drawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare runs their pictures and pages, which take longer than the training; tests of these are marked with it."""
    if not request.node.get_closest_marker("drawn"):

        def write_nothing(run: Run) -> None:
            """Write files of the same names."""
            for name in (CURVES_FILE, REPORT_FILE):
                write_atomically(run.folder / name, b"")

        monkeypatch.setattr(results, "write_results", write_nothing)


@pytest.fixture
def experiment(small_dataset: Path, tmp_path: Path) -> Experiment:
    """Describe a short training on the small dataset, without options.

    Returns
    -------
    Experiment
        Four epochs; of each genre two tracks train, one validates and one tests.
    """
    return Experiment(
        name="run",
        device="cpu",
        dataset=small_dataset,
        results=tmp_path,
        split=SplitSettings(validation=0.25, test=0.25),
        training=TrainingSettings(epochs=4, batch_size=5),
    ).override(PLAIN)


@pytest.fixture
def tiny(experiment: Experiment, tmp_path: Path) -> Experiment:
    """Describe the same training of a tiny network.

    Returns
    -------
    Experiment
        Its results lie in a folder of their own.
    """
    write_json(tmp_path / "tiny.json", TINY.to_json())
    return experiment.override({"architecture": str(tmp_path / "tiny.json"), "results": str(tmp_path / "results")})
