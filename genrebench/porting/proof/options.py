"""How a proof is run, whatever is proved: its numbers, its limits, and who is told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from genrebench.parity.report import Stage


@dataclass(frozen=True)
class ProofOptions:
    """How a proof is run.

    Attributes
    ----------
    batch : int
        Number of samples.
    seed : int
        Of all that is random.
    threads : int
        Threads of each process.
    timeout : float, optional
        Seconds after which a process is ended; by default as long as any job may take.
    command : str
        What was typed, for the report.
    on_stage : callable
        Told each stage as it is known.
    """

    batch: int = 3
    seed: int = 0
    threads: int = 1
    timeout: float | None = None
    command: str = ""
    on_stage: Callable[[Stage], None] = lambda stage: None

    @property
    def limits(self) -> dict[str, Any]:
        """Return what each job is given of them."""
        return {"threads": self.threads, **({"timeout": self.timeout} if self.timeout else {})}


DEFAULTS = ProofOptions()
