"""A short training run, as an experiment."""

from pathlib import Path

import pytest

from genrebench.training import Experiment, SplitSettings, TrainingSettings


@pytest.fixture
def experiment(small_dataset: Path, tmp_path: Path) -> Experiment:
    """Describe a short training on the small dataset.

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
    )
