"""What a benchmark is asked for; the command line reads its defaults here."""

from dataclasses import dataclass
from pathlib import Path

from genrebench.errors import ConfigError

SUITES = ("training", "preprocess", "inference", "startup")


@dataclass(frozen=True)
class BenchRequest:
    """What is measured, and with what.

    Attributes
    ----------
    suites : tuple of str
        Some of `SUITES`, in this order.
    backends : tuple of str
        Backends whose training is timed; empty for all that train.
    dataset : Path, optional
        Folder with ``genres_original/`` whose recordings are used; None for synthetic ones.
    architecture : Path, optional
        JSON of the network whose training is timed; None for the genre network, which alone has targets.
    device : str
        Where training is timed.
    rounds : int
        How often each candidate runs.
    """

    suites: tuple[str, ...] = SUITES
    backends: tuple[str, ...] = ()
    dataset: Path | None = None
    architecture: Path | None = None
    device: str = "cpu"
    rounds: int = 3

    def __post_init__(self) -> None:
        """Refuse what cannot be measured."""
        unknown = [suite for suite in self.suites if suite not in SUITES]
        if unknown or self.rounds < 1:
            received = unknown[0] if unknown else f"{self.rounds} rounds"
            raise ConfigError(f"expected suites of {', '.join(SUITES)} and at least one round, received {received}")
