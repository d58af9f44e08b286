"""What a comparison can be asked for, and the defaults; light, since help texts read these."""

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.system.process import MAX_REPLY, TIMEOUT
from genrebench.system.validation import Checked, Text, from_list

if TYPE_CHECKING:
    from genrebench.model.model import Model
    from genrebench.network.architecture import Architecture
    from genrebench.network.types import Array
    from genrebench.system.files import StrPath
else:  # checked where they are read
    Architecture = Array = Model = StrPath = Any


@dataclass(frozen=True, kw_only=True)
class ParityRequest(Checked):
    """What is compared, and on what; `genrebench.compare` explains it.

    `command` is what was asked, as one would type it.
    """

    backends: tuple[str, ...] = ("torch", "keras")
    reference: str = "numpy"
    model: StrPath | Model | None = None
    architecture: StrPath | Architecture | None = None
    input_shape: Annotated[tuple[int, int] | None, from_list] = None
    weights: Mapping[str, Array] | None = None
    data: StrPath | None = None
    steps: Annotated[int, Field(ge=1, le=10**6)] = 12
    batch_size: Annotated[int, Field(ge=2, le=10**6)] = 4
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    threads: Annotated[int, Field(ge=1, le=10**6)] = 1
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = TIMEOUT
    max_reply: Annotated[float, Field(gt=0, allow_inf_nan=False)] = MAX_REPLY
    pythons: Mapping[str, StrPath] = field(default_factory=dict)
    command: Text = "genrebench.compare"
