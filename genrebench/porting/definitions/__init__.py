"""What each kind of layer computes: one function each, entered in `DEFINITIONS` by being defined."""

from genrebench.porting.definition import DEFINITIONS as DEFINITIONS
from genrebench.porting.definitions import (
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
    activation, attention, audio, conv_lstm, convolution, core, imaging, logic, merging, normalization, operations,
    pooling, recurrent, selecting, wrappers,
)  # fmt: skip
