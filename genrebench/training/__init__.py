"""Training runs: configuration, loop, log and checkpoints.

To follow one training step, read `genrebench.training.loop`, `genrebench.training.batches`, and a backend's network.
What is to happen beside it is a `Callback`. Names are loaded on their first use: defaults are read by help texts, which
must not wait for the loop.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genrebench.training.config import Experiment, SplitSettings, load_experiment
    from genrebench.training.history import EpochMetrics
    from genrebench.training.loop import TrainingRun, train
    from genrebench.training.settings import AugmentSettings, TrainingSettings
    from genrebench.training.state import Callback, LoopState

__all__ = [
    "AugmentSettings",
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


def __getattr__(name: str) -> Any:
    """Load a name on its first use (PEP 562)."""
    if name in __all__:
        for module in ("settings", "config", "history", "state", "loop"):
            values = vars(import_module(f"genrebench.training.{module}"))
            if name in values:
                globals()[name] = values[name]
                return values[name]
    raise AttributeError(f"module 'genrebench.training' has no attribute {name!r}")
