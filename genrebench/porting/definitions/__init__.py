"""What each kind of layer computes: one function each, entered in `DEFINITIONS` by being defined."""

from genrebench.porting.definitions import (
    activation,
    attention,
    convolution,
    core,
    imaging,
    merging,
    normalization,
    operations,
    pooling,
    recurrent,
    wrappers,
)
from genrebench.porting.definitions.base import DEFINITIONS as DEFINITIONS

_FAMILIES = (
    activation, attention, convolution, core, imaging, merging, normalization, operations, pooling, recurrent, wrappers,
)  # fmt: skip
