"""What writes each kind of layer, in the families of `genrebench.reading.kinds`."""

from genrebench.porting.source.kinds import (
    activation,
    convolution,
    core,
    merging,
    normalization,
    pooling,
)

_FAMILIES = (activation, convolution, core, merging, normalization, pooling)
