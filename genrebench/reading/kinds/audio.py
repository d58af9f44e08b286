"""Spectrograms that a network makes itself."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.network.fields import Count
from genrebench.reading.kinds.base import Flag, Format, Kind, Number, Shape, Trap, Weight, require_rank
from genrebench.reading.kinds.windows import Padding, count, split
from genrebench.reading.version import KerasVersion

# Values of the matrix of the bands, which no file holds.
_MOST = 2**24
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, description="a number above 0")]


@dataclass(frozen=True, kw_only=True)
class MelSpectrogram(Kind):
    """Signals [shape=(samples,)] as Mel bands [shape=(bands, frames)], the frames' centers a stride apart."""

    fft_length: Count
    sequence_stride: Count
    sequence_length: Count
    window: Annotated[Literal["hann", "hamming"], Field(description="hann or hamming")]
    sampling_rate: _Positive
    num_mel_bins: Count
    min_freq: Annotated[float, Field(ge=0, allow_inf_nan=False, description="a number of at least 0")]
    max_freq: _Positive
    power_to_db: Flag
    top_db: Number
    mag_exp: Number
    min_power: _Positive
    ref_power: Number

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        given = {"fft_length": 2048, "sequence_stride": 512, "window": "hann", "sampling_rate": 16000,
                 "num_mel_bins": 128, "min_freq": 20.0, "power_to_db": True, "top_db": 80.0, "mag_exp": 2.0,
                 "min_power": 1e-10, "ref_power": 1.0, **config}  # fmt: skip
        given["sequence_length"] = given.get("sequence_length") or given["fft_length"]
        rate = given["sampling_rate"]
        given["max_freq"] = given.get("max_freq") or (rate // 2 if isinstance(rate, int | float) else rate)
        return given

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        require_rank(shape, 1)
        half = self.fft_length // 2
        if self.sequence_length > self.fft_length or self.min_freq >= self.max_freq:
            raise ConfigError("expected frames of at most fft_length, and min_freq below max_freq, received others")
        if (half + 1) * self.num_mel_bins > _MOST:
            raise ConfigError(f"expected bands of at most {_MOST:,} values, received far more")
        if shape[0] is None:
            return (self.num_mel_bins, None)
        if shape[0] <= half:
            raise ConfigError(f"expected signals of more than {half} samples to be mirrored, received {shape[0]}")
        return (self.num_mel_bins, 1 + (shape[0] + 2 * half - self.fft_length) // self.sequence_stride)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("mel-scale", "`{}` has the Mel scale of HTK, triangles of height 1, and no band for 0 Hz")
        if self.sequence_length % 2:
            yield Trap("odd-window", "window of `{}`: of an odd length TensorFlow's is not periodic")
        if self.power_to_db:
            yield Trap("decibels", f"`{{}}` ends {self.top_db:g} dB below the loudest of the whole batch")


@dataclass(frozen=True, kw_only=True)
class STFTSpectrogram(Kind):
    """Frames of signals times waves that are weights: what they come to, for each channel alone."""

    mode: Annotated[
        Literal["log", "magnitude", "psd", "real", "imag", "angle", "stft"],
        Field(description="log, magnitude, psd, real, imag, angle or stft"),
    ]
    frame_length: Count
    frame_step: Count
    fft_length: Count
    padding: Annotated[Padding, Field(description="valid or same")] = "valid"
    expand_dims: Flag = False
    data_format: Format = "channels_last"

    rank: ClassVar[int] = 1

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        # What the waves begin with; the file holds what they have become.
        given = {key: value for key, value in config.items() if key not in ("window", "periodic", "scaling")}
        length = given.setdefault("frame_length", 256)
        given.setdefault("mode", "log")
        if type(length) is int and length > 0:
            given["frame_step"] = given.get("frame_step") or length // 2
            given["fft_length"] = given.get("fft_length") or 1 << (length - 1).bit_length()
        return given

    @property
    def bins(self) -> int:
        """Count the frequencies."""
        return self.fft_length // 2 + 1

    @property
    def is_last(self) -> bool:
        """Say whether channels are last."""
        return self.data_format == "channels_last"

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        (length,), channels = split(shape, 1, self.data_format)
        if self.padding == "causal":
            raise ConfigError("expected padding to be valid or same, received causal")
        frames = count(length, self.frame_length, self.frame_step, self.padding)
        bins = self.bins * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (frames, bins, channels) if self.is_last else (channels, frames, bins)
        return (frames, bins * channels) if self.is_last else (bins * channels, frames)

    def weights(self, shapes: Sequence[Shape]) -> tuple[Weight, ...]:
        """See `Kind.weights`."""
        shape = (self.frame_length, 1, self.bins)
        names = [name for name, other in (("real", "imag"), ("imag", "real")) if self.mode != other]
        return tuple(Weight(f"{name}_kernel", shape) for name in names)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("stft-weights", "`{}` has its waves and its window as weights, which are trained")
        if self.mode in ("log", "magnitude"):
            yield Trap("stft-floor", "`{}` takes squares of less than 1e-7 for 1e-7 before the root")
