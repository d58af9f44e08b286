"""What a benchmark is asked for; the command line reads its defaults here."""

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.system.validation import Checked, from_list

Suite = Literal["training", "preprocess", "inference", "startup", "scale"]
SUITES: tuple[Suite, ...] = get_args(Suite)


@dataclass(frozen=True)
class BenchRequest(Checked):
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
    model : Path, optional
        Model whose inference is timed, or ``builtin``; None for one with initial weights, which alone is compared
        with the plain loop.
    """

    suites: Annotated[tuple[Suite, ...], from_list] = SUITES
    backends: Annotated[tuple[str, ...], from_list] = ()
    dataset: Path | None = None
    architecture: Path | None = None
    device: str = "cpu"
    rounds: Annotated[int, Field(ge=1, le=10**6)] = 3
    model: Path | None = None
