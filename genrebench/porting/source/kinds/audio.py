"""Spectrograms that a network makes itself."""

from genrebench.porting.definitions.audio import mel_matrix
from genrebench.porting.source.places import axes
from genrebench.porting.source.site import Site, Weights
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import audio as kinds
from genrebench.reading.kinds.windows import padded, split


@writes("MelSpectrogram")
def write_mel_spectrogram(site: Site) -> None:
    """Write Mel bands by PyTorch's own Fourier transform, and a matrix that is kept with the weights."""
    assert isinstance(site.kind, kinds.MelSpectrogram)
    kind = site.kind
    text = f"{site.part('MelSpectrogram')}({kind.fft_length}, {kind.sequence_stride}, {kind.num_mel_bins}"
    text += f", length={kind.sequence_length}" if kind.sequence_length != kind.fft_length else ""
    text += ", window=torch.hamming_window" if kind.window != "hann" else ""
    text += f", exponent={kind.mag_exp!r}" if kind.mag_exp != 2 else ""
    if kind.power_to_db:
        # Of a reference that is hardly anything Keras takes the least power.
        reference = max(abs(kind.ref_power), kind.min_power)
        text += f", least={kind.min_power!r}, reference={reference!r}, top={kind.top_db!r}"
    module = site.module(f"{text})", constants={"matrix": mel_matrix(kind)})
    site.give(f"{module}({site.take()})")


@writes("STFTSpectrogram")
def write_stft_spectrogram(site: Site) -> None:
    """Write two convolutions of signals, and what they come to."""
    assert isinstance(site.kind, kinds.STFTSpectrogram)
    kind = site.kind
    names = [each.name.removesuffix("_kernel") for each in kind.weights(site.shapes)]
    weights: Weights = {f"{name}_kernel": (f"{name}.weight", axes(2, 1, 0)) for name in names}
    x = site.take("torch" if kind.is_last else "keras")
    if kind.padding == "same":
        sides = {padded(split((each.input_shapes or ())[0], 1, kind.data_format)[0][0], kind.frame_length,
                        kind.frame_step) for each in site.calls}  # fmt: skip
        (first, *others) = sides
        if others or first is None:
            x = site.step(f"{site.part('pad_same')}({x}, ({kind.frame_length},), ({kind.frame_step},))")
        elif any(first):
            x = site.step(f"F.pad({x}, {first})", "as Keras' same pads: more at the end")
    text = f'{site.part("STFTSpectrogram")}("{kind.mode}", {kind.bins}, {kind.frame_length}, {kind.frame_step})'
    y = f"{site.module(text, weights)}({x})"
    if kind.expand_dims:
        site.give(f"{y}.permute(0, 3, 2, 1)" if kind.is_last else f"{y}.transpose(2, 3)")
    else:
        site.give(f"{y}.flatten(1, 2)", "torch" if kind.is_last else "keras")
