"""Local modules and functions of the written file, each there only if it is needed."""

from genrebench.porting.source.parts import attention, audio, basics, conv_lstm, imaging, normalization, recurrent

# By name; what a part itself needs stands before it.
PARTS = basics.PARTS | normalization.PARTS | imaging.PARTS | recurrent.PARTS | conv_lstm.PARTS
PARTS |= attention.PARTS | audio.PARTS
_CELLS = ("SimpleRNN", "LSTM", "GRU", "ResetAfterGRU")
# Parts that a part itself needs.
NEEDS = {
    "center_crop": ("crop_to_ratio",),
    "ScoringMultiHeadAttention": ("MultiHeadAttention",),
    "ConcatAttention": ("Attention",),
    "AdditiveAttention": ("Attention",),
    "DroppingConvLSTM": ("ConvLSTM",),
    **dict.fromkeys(_CELLS, ("Recurrent",)),
    **dict.fromkeys((f"Dropping{name}" for name in _CELLS), ("Recurrent", "DroppingRecurrent")),
}
