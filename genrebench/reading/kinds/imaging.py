"""Borders, sizes and preprocessing of images."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.network.fields import Count
from genrebench.reading.kinds.base import (
    Flag,
    Format,
    Kind,
    Masks,
    Number,
    Pads,
    Shape,
    Sizes,
    Trap,
    expanded,
    require_rank,
)
from genrebench.reading.kinds.windows import join, split
from genrebench.reading.problems import UnreadableError
from genrebench.reading.version import KerasVersion
from genrebench.system.validation import from_list

Interpolation = Annotated[
    Literal["nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"],
    Field(description="a way to interpolate"),
]


@dataclass(frozen=True, kw_only=True)
class _Border(Kind):
    """Something put around, or cut off."""

    data_format: Format = "channels_last"

    rank: ClassVar[int] = 2
    field: ClassVar[str] = "padding"
    sign: ClassVar[int] = 1

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        given = config.get(cls.field, 1 if cls.sign > 0 else 0)
        if isinstance(given, list) and len(given) == 2 * cls.rank and not any(isinstance(each, list) for each in given):
            sides = [
                given[at : at + 2] for at in range(0, len(given), 2)
            ]  # [left, right]; of Keras 1 also four numbers
        else:
            sides = expanded(given, cls.rank)
        if not isinstance(sides, list) or len(sides) != cls.rank:
            raise ConfigError(f"expected {cls.field} of {cls.rank} axes, received {given!r:.60}")
        return {**config, cls.field: [each if isinstance(each, list) else [each, each] for each in sides]}

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        lengths, channels = split(shape, self.rank, self.data_format)
        sides = getattr(self, self.field)
        after = [
            None if length is None else length + self.sign * sum(each)
            for length, each in zip(lengths, sides, strict=True)
        ]
        if any(length is not None and length < 1 for length in after):
            raise ConfigError(f"expected {self.field} that leaves something of {shape}, received {sides}")
        return join(after, channels, self.data_format)


@dataclass(frozen=True, kw_only=True)
class _Padding(_Border):
    """Zeros put around."""

    padding: Pads


@dataclass(frozen=True, kw_only=True)
class ZeroPadding1D(_Padding):
    """Zeros before and behind."""

    rank: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class ZeroPadding2D(_Padding):
    """Zeros around an image."""

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if self.padding[0] != self.padding[1]:
            yield Trap("padding-order", "`{}`: rows come first here, columns in PyTorch's pad")


@dataclass(frozen=True, kw_only=True)
class ZeroPadding3D(_Padding):
    """Zeros around a volume."""

    rank: ClassVar[int] = 3


@dataclass(frozen=True, kw_only=True)
class _Cropping(_Border):
    """A border cut off."""

    cropping: Pads

    field: ClassVar[str] = "cropping"
    sign: ClassVar[int] = -1


@dataclass(frozen=True, kw_only=True)
class Cropping1D(_Cropping):
    """Steps cut off before and behind."""

    rank: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class Cropping2D(_Cropping):
    """An image's border cut off."""


@dataclass(frozen=True, kw_only=True)
class Cropping3D(_Cropping):
    """A volume's border cut off."""

    rank: ClassVar[int] = 3


@dataclass(frozen=True, kw_only=True)
class _UpSampling(Kind):
    """Every axis longer by a whole factor."""

    size: Sizes
    data_format: Format = "channels_last"

    rank: ClassVar[int] = 2

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        size = expanded(config.get("size", 2), cls.rank)
        if not isinstance(size, list) or len(size) != cls.rank:
            raise ConfigError(f"expected size of {cls.rank} whole numbers, received {size!r:.60}")
        return {**config, "size": size}

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        lengths, channels = split(shape, self.rank, self.data_format)
        longer = [None if length is None else length * size for length, size in zip(lengths, self.size, strict=True)]
        return join(longer, channels, self.data_format)


@dataclass(frozen=True, kw_only=True)
class UpSampling1D(_UpSampling):
    """Every step repeated."""

    rank: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class UpSampling2D(_UpSampling):
    """A larger image."""

    interpolation: Interpolation = "nearest"

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if self.interpolation == "bicubic":
            yield Trap("bicubic", "bicubic in `{}`: TensorFlow's a is -0.5, PyTorch's -0.75")
        elif self.interpolation != "nearest":
            yield Trap("half-pixel", f"{self.interpolation} in `{{}}`: half-pixel centers, align_corners=False")


@dataclass(frozen=True, kw_only=True)
class UpSampling3D(_UpSampling):
    """A larger volume."""

    rank: ClassVar[int] = 3


@dataclass(frozen=True, kw_only=True)
class Rescaling(Kind):
    """``x * scale + offset``; each may be a list, one number per channel."""

    scale: Annotated[Number | list[Number], Field(description="a number, or one per channel")]
    offset: Annotated[Number | list[Number], Field(description="a number, or one per channel")] = 0.0

    masks: ClassVar[Masks] = "pass"


@dataclass(frozen=True, kw_only=True)
class Resizing(Kind):
    """An image of another size."""

    height: Count
    width: Count
    interpolation: Interpolation = "bilinear"
    crop_to_aspect_ratio: Flag = False
    pad_to_aspect_ratio: Flag = False
    fill_mode: Annotated[str, Field(description="a word")] = "constant"
    fill_value: Number = 0.0
    antialias: Flag = False
    data_format: Format = "channels_last"

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        _, channels = split(shape, 2, self.data_format)
        return join((self.height, self.width), channels, self.data_format)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        if self.interpolation == "nearest":
            yield Trap("resize-rounding", "nearest in `{}`: half-pixel centers, which PyTorch calls nearest-exact")
        elif self.interpolation == "bicubic":
            yield Trap("bicubic", "bicubic in `{}`: TensorFlow's a is -0.5, PyTorch's -0.75")
        else:
            yield Trap("half-pixel", f"{self.interpolation} in `{{}}`: half-pixel centers, align_corners=False")


@dataclass(frozen=True, kw_only=True)
class CenterCrop(Kind):
    """The middle of an image, enlarged before if it is smaller."""

    height: Count
    width: Count
    data_format: Format = "channels_last"

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        _, channels = split(shape, 2, self.data_format)
        return join((self.height, self.width), channels, self.data_format)


@dataclass(frozen=True, kw_only=True)
class AutoContrast(Kind):
    """Each channel stretched from its smallest and its largest value to a range; one of a single value as it is."""

    value_range: Annotated[tuple[Number, Number], from_list, Field(description="two numbers")]

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        # The two axes behind the batch are stretched over, wherever the channels are.
        return {"value_range": [0, 255], **{key: each for key, each in config.items() if key != "data_format"}}

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        require_rank(shape, 3)
        return shape

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("auto-contrast", "`{}` stretches each channel of each image, in training and outside it")


@dataclass(frozen=True, kw_only=True)
class RandomCrop(Kind):
    """A random part of an image in training; elsewhere an image of that size as it is, any other by the version.

    From 2.9 to 3.5 it is resized as `Resizing` does that crops to the new proportions; from 3.8 on it passes as it is,
    whatever size Keras says that it has then.
    """

    height: Count
    width: Count
    resizes: Flag
    data_format: Format = "channels_last"

    arguments: ClassVar[frozenset[str]] = frozenset({"training"})

    @classmethod
    def explicit(cls, config: dict[str, Any], version: KerasVersion) -> dict[str, Any]:
        """See `Kind.explicit`."""
        return {**config, "resizes": (2, 9) <= version.numbers[:2] < (3, 6)}

    def output_shape(self, shape: Shape) -> Shape:
        """See `Kind.output_shape`."""
        lengths, channels = split(shape, 2, self.data_format)
        if lengths != (self.height, self.width) and not self.resizes:
            raise UnreadableError(
                f"expected images of {self.height} x {self.width}, since outside training RandomCrop of this version "
                f"does not make them of others, received {' x '.join(map(str, lengths))}",
                "give the model images of that size, or put CenterCrop or Resizing in its place",
            )
        return join((self.height, self.width), channels, self.data_format)

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        text = "`{}` crops at random in training only; elsewhere it "
        lengths, _ = split(shapes[0], 2, self.data_format)
        resized = "resizes the middle of them: bilinear, half-pixel centers"
        yield Trap("random-crop", text + ("lets images pass" if lengths == (self.height, self.width) else resized))


@dataclass(frozen=True, kw_only=True)
class _Augmentation(Kind):
    """Random changes in training, nothing else; the settings of training are not read."""

    masks: ClassVar[Masks] = "pass"
    arguments: ClassVar[frozenset[str]] = frozenset({"training"})
    accepts_any: ClassVar[bool] = True

    def traps(self, shapes: Sequence[Shape]) -> Iterator[Trap]:
        """See `Kind.traps`."""
        yield Trap("augmentation", "`{}` changes images in training only; elsewhere it lets them pass")


# RandomCrop is not among them: outside training it does other things, too.
AUGMENTATIONS = """RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness RandomShear
RandomHue RandomSaturation RandomGrayscale RandomSharpness RandomPosterization RandomColorJitter RandomColorDegeneration
RandomGaussianBlur RandomInvert RandomErasing RandomPerspective RandomElasticTransform RandomHeight RandomWidth
RandAugment AugMix CutMix MixUp Solarization""".split()
for _name in AUGMENTATIONS:
    type(_name, (_Augmentation,), {"__doc__": "Random changes in training.", "__module__": __name__})
