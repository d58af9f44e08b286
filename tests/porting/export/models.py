"""A small model, with each kind of standardizer."""

import numpy as np

from genrebench.audio.mel import MelConfig
from genrebench.audio.standardize import (
    AnyStandardizer,
    BandStandardizer,
    Standardizer,
    TrackBandStandardizer,
    TrackStandardizer,
)
from genrebench.model.calibration import Calibration
from genrebench.model.model import Model
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.sampling import random_weights
from tests.conftest import GENRES, SMALL

_BANDS = np.linspace(0.0, 1.0, SMALL.n_mels)
STANDARDIZERS: dict[str, AnyStandardizer] = {
    "global": Standardizer(-40.0, 20.0),
    "band": BandStandardizer(tuple(-30 - 20 * _BANDS), tuple(10 + 5 * _BANDS)),
    "track": TrackStandardizer(),
    "track-band": TrackBandStandardizer(level=0.5, shrinkage=0.5),
}


def make_model(kind: str = "global", *, mel: MelConfig | None = SMALL) -> Model:
    """Make a model with weights none of which is trivial."""
    architecture = genre_cnn(mel.shape if mel else (32, 16), len(GENRES))
    return Model(
        architecture=architecture,
        weights=random_weights(architecture, 0),
        mel=mel,
        standardizer=STANDARDIZERS[kind],
        genres=GENRES,
        calibration=Calibration(track_temperature=2.0, uncertain_below=0.4),
        device="cpu",
    )
