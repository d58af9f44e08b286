"""What a comparison can be asked for, and the defaults; light, since help texts read these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from genrebench.errors import ConfigError
from genrebench.system.files import StrPath

if TYPE_CHECKING:
    from genrebench.model.model import Model
    from genrebench.network.architecture import Architecture
    from genrebench.network.types import Array


@dataclass(frozen=True, kw_only=True)
class ParityRequest:
    """What is compared, and on what; `genrebench.parity.compare_backends` explains it.

    `command` is what was asked, as one would type it.
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

    def __post_init__(self) -> None:
        """Refuse numbers with which nothing can be compared."""
        for name, least in (("steps", 1), ("batch_size", 2), ("seed", 0), ("threads", 1)):
            if (value := getattr(self, name)) < least:
                raise ConfigError(f"{name}: expected a whole number of at least {least}, received {value!r}")
