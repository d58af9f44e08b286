"""What each kind of layer computes: one function each, entered in `DEFINITIONS` by being defined."""

from genrebench.porting.definitions import (
    activation,
    convolution,
    core,
    merging,
    normalization,
    pooling,
)
from genrebench.porting.definitions.base import DEFINITIONS as DEFINITIONS

_FAMILIES = (activation, convolution, core, merging, normalization, pooling)
