"""What a comparison can be asked for, and the defaults; light, since help texts read these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from genrebench.system.files import StrPath

if TYPE_CHECKING:
    from genrebench.model.model import Model
    from genrebench.network.architecture import Architecture
    from genrebench.network.types import Array


@dataclass(frozen=True, kw_only=True)
class ParityRequest:
    """What is compared, and on what.

    Attributes
    ----------
    backends : tuple of str
        What is compared.
    reference : str
        With what.
    model : path or model, optional
        A trained model, whose network and weights are compared.
    architecture : path or Architecture, optional
        The network, or a JSON file of one; by default the genre network.
    input_shape : tuple of int, optional
        (n_mels, frames) of the genre network; by default those of `data`, or else the usual ones.
    weights : mapping of str to ndarray, optional
        Canonical weights; by default the model's, or else random ones.
    data : path, optional
        Spectrogram tree from which inputs are taken; by default they are random.
    steps : int
        Steps of the short training run.
    batch_size : int
        Inputs in a batch.
    seed : int
        Seed of all that is random.
    threads : int
        Threads of each backend.
    pythons : mapping of str to path
        By backend, the interpreter of the environment that has it.
    command : str
        What was asked, as one would type it.
    """

    backends: tuple[str, ...] = ("torch", "keras")
    reference: str = "numpy"
    model: "StrPath | Model | None" = None
    architecture: "StrPath | Architecture | None" = None
    input_shape: tuple[int, int] | None = None
    weights: "Mapping[str, Array] | None" = None
    data: StrPath | None = None
    steps: int = 12
    batch_size: int = 4
    seed: int = 0
    threads: int = 1
    pythons: Mapping[str, StrPath] = field(default_factory=dict)
    command: str = "genrebench.compare"
