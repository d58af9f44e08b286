"""The kinds of layers in a Keras file: one class each, entered in `KINDS` by being defined."""

from genrebench.reading.kinds import (
    activation,
    attention,
    audio,
    conv_lstm,
    convolution,
    core,
    imaging,
    merging,
    normalization,
    pooling,
    recurrent,
)
from genrebench.reading.kinds.base import KINDS as KINDS

_FAMILIES = (
    activation,
    attention,
    audio,
    conv_lstm,
    convolution,
    core,
    imaging,
    merging,
    normalization,
    pooling,
    recurrent,
)
