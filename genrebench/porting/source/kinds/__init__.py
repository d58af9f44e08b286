"""What writes each kind of layer, in the families of `genrebench.reading.kinds`."""

from genrebench.porting.source.kinds import (
    activation,
    attention,
    audio,
    conv_lstm,
    convolution,
    core,
    imaging,
    logic,
    merging,
    normalization,
    operations,
    pooling,
    recurrent,
    selecting,
    wrappers,
)

_FAMILIES = (
    activation,
    attention,
    audio,
    conv_lstm,
    convolution,
    core,
    imaging,
    logic,
    merging,
    normalization,
    operations,
    pooling,
    recurrent,
    selecting,
    wrappers,
)
