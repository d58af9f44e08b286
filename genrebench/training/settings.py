"""Hyperparameters and augmentation, as an experiment file has them."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from genrebench.audio.blocks import MAX_OVERLAP
from genrebench.audio.standardize import Kind


def _lower_case(value: object) -> object:
    """Let words be written in capitals."""
    return value.lower() if isinstance(value, str) else value


def _checked_crops(value: object) -> object:
    """Refuse in one sentence what is neither a number of crops nor the word."""
    value = _lower_case(value)
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise ValueError("expected a whole number of at least 0, or 'auto'")


Word = BeforeValidator(_lower_case)
Keep = Literal["best-track", "best", "best-loss", "last"]


# Every option off. What a run of before there were options did, and so what their absence from it means; plain scripts
# train like that.
PLAIN: dict[str, Any] = {
    "training.standardization": "global",
    "training.shrinkage": 0.0,
    "training.averaging": 0.0,
    "training.keep": "best",
    "training.overlap": 0.0,
    "augment.crops": 0,
    "augment.gain": 0.0,
    "augment.mixup": 0.0,
    "augment.fade": 0.0,
}


class Settings(BaseModel):
    """Settings that refuse unknown keys and never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TrainingSettings(Settings):
    """Hyperparameters.

    Attributes
    ----------
    epochs : int
        Passes through the training part.
    learning_rate : float
        Step size of Adam.
    batch_size : int
        Segments in one step.
    precision : {'float32', 'bfloat16'}
        In what layers are computed; weights, the sums of their gradients, optimizer and loss are float32.
    standardization : {'auto', 'global', 'band', 'track', 'track-band'}
        What spectrograms are shifted and scaled by: the training part as a whole, each of its bands, each track, or
        each band of each track; ``auto`` is the last of them, and the first for a split by segments.
    level : float
        Of ``track-band``: what is added to each band's deviation, in dB.
    shrinkage : float
        Of ``track-band``: how far the deviations of the bands are drawn towards that of the track, from 0 to 1.
    averaging : float
        Share of the averaged weights that a step keeps; they are validated and saved. 0 is no average.
    keep : {'best-track', 'best', 'best-loss', 'last'}
        Which epoch's weights are the model: of the highest validation accuracy by track or by segment, of the lowest
        loss, or the last.
    patience : int
        Epochs in a row without a better one after which training ends, counted from when validation is worth reading;
        0 is never.
    overlap : float
        Share that consecutive windows have in common in validation, test and inference.
    """

    epochs: int = Field(default=300, ge=1, le=10**6, strict=True)
    learning_rate: float = Field(default=1e-3, gt=0, strict=True)
    batch_size: int = Field(default=64, ge=1, le=10**6, strict=True)
    precision: Annotated[Literal["float32", "bfloat16"], Word] = "float32"
    standardization: Annotated[Literal["auto", Kind], Word] = "auto"
    level: float = Field(default=0.5, ge=1e-3, le=80, strict=True)
    shrinkage: float = Field(default=0.5, ge=0, le=1, strict=True)
    averaging: float = Field(default=0.999, ge=0, lt=1, strict=True)
    keep: Annotated[Keep, Word] = "best-track"
    patience: int = Field(default=0, ge=0, strict=True)
    overlap: float = Field(default=0.75, ge=0, le=MAX_OVERLAP, strict=True)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        """Refuse patience where every epoch is kept."""
        if self.patience and self.keep == "last":
            raise ValueError("expected keep to be 'best-track', 'best' or 'best-loss' with patience")
        return self


class AugmentSettings(Settings):
    """How training segments are altered, each time anew.

    Attributes
    ----------
    crops : int or 'auto'
        Windows of each track in an epoch, which begin anywhere in it, across the borders of its segments; not more than
        it has segments. 0 takes every segment as it is; ``auto`` two of each track, four in a split by segments, more
        if those would be less than seven batches.
    stretch : float
        Largest natural logarithm of the factor by which time is stretched.
    shift : int
        Largest number of Mel bands by which a window is moved up or down.
    gain : float
        Deviation, in those of the standardized inputs, of a gain that varies smoothly over the bands.
    gain_knots : int
        Number of bands, evenly spaced, between which that gain is interpolated.
    frequency_mask, time_mask : int
        Largest number of adjacent bands, and of frames, that are set to 0 (SpecAugment).
    mixup : float
        Parameter of the beta distribution that mixes each window, and its genre, with another.
    fade : float
        Exponent of a factor of each mixture: the share of their deviation, ``sqrt(p**2 + (1 - p)**2)``, that windows
        which have nothing to do with each other are left with if they are mixed by shares p and 1 - p. -1 gives
        them their deviation back, as between-class learning does (Tokozume et al., ICLR 2018); 0 is mixup.
    smoothing : float
        Share of the probability that is spread over all genres.
    """

    crops: Annotated[int | Literal["auto"], BeforeValidator(_checked_crops)] = "auto"
    stretch: float = Field(default=0.0, ge=0, le=0.7, strict=True)
    shift: int = Field(default=0, ge=0, strict=True)
    gain: float = Field(default=0.5, ge=0, le=100, strict=True)
    gain_knots: int = Field(default=6, ge=2, strict=True)
    frequency_mask: int = Field(default=0, ge=0, strict=True)
    time_mask: int = Field(default=0, ge=0, strict=True)
    mixup: float = Field(default=1.0, ge=0, le=100, strict=True)
    fade: float = Field(default=1.0, ge=-1, le=10, strict=True)
    smoothing: float = Field(default=0.0, ge=0, lt=1, strict=True)

    @property
    def on(self) -> bool:
        """Return whether anything is altered."""
        return any(getattr(self, name) for name in type(self).model_fields if name not in ("gain_knots", "fade"))
