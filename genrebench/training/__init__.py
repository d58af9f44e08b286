"""Training runs: configuration, loop, log and checkpoints.

To follow one training step, read `genrebench.training.loop`, `genrebench.training.batches`, and a backend's network.
What is to happen beside it is a `Callback`.
"""

from genrebench.training.config import Experiment, SplitSettings, TrainingSettings, load_experiment
from genrebench.training.history import EpochMetrics
from genrebench.training.loop import TrainingRun, train
from genrebench.training.state import Callback, LoopState

__all__ = [
    "Callback",
    "EpochMetrics",
    "Experiment",
    "LoopState",
    "SplitSettings",
    "TrainingRun",
    "TrainingSettings",
    "load_experiment",
    "train",
]
