"""From a recording to its genre, with the preprocessing that the model was trained on."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genrebench.audio import segment_spectrograms
from genrebench.discovery import load_backend
from genrebench.errors import ModelError
from genrebench.files import printable
from genrebench.metrics import join_segments, log_softmax
from genrebench.model import SavedModel

# Segments that go through the network at a time: bounds the memory of a long recording.
_BATCH = 32


@dataclass(frozen=True)
class Prediction:
    """What a model makes of one recording.

    Attributes
    ----------
    path : Path
        The recording.
    segments : int
        Number of segments that were heard.
    probabilities : dict of str to float
        Probability of every genre, the most probable first; they sum to 1.
    """

    path: Path
    segments: int
    probabilities: dict[str, float]

    @property
    def genre(self) -> str:
        """Name the most probable genre.

        Returns
        -------
        str
            The genre.
        """
        return next(iter(self.probabilities))


class GenreClassifier:
    """A saved model, ready to hear recordings.

    Parameters
    ----------
    model : SavedModel
        What `genrebench.model.load_model` read.
    backend : str
        Backend that runs it; any can, whichever trained it.
    device : str
        ``auto``, or one of the backend's devices.

    Raises
    ------
    ModelError
        If the model does not know how recordings become its inputs.
    BackendError
        If the backend is not to be had.
    """

    def __init__(self, model: SavedModel, *, backend: str = "torch", device: str = "auto") -> None:
        """Build the network."""
        if model.spec.mel is None:
            raise ModelError(
                f"{printable(model.folder)}: expected a model that knows its Mel settings; this one was trained on a "
                "tree without a manifest, so recordings cannot be prepared for it"
            )
        _, implementation = load_backend(backend)
        self._network = implementation.build(model.spec.architecture, model.weights, dtype="float32", device=device)
        self._spec = model.spec
        self._mel = model.spec.mel

    def predict(self, path: Path) -> Prediction:
        """Hear one recording, from the beginning to the end.

        Parameters
        ----------
        path : Path
            Recording in any format, sample rate and length.

        Returns
        -------
        Prediction
            Probabilities joined over its segments by their mean log-probability.

        Raises
        ------
        AudioError
            If the recording cannot be decoded, or holds nothing that can be classified.
        """
        spectrograms = segment_spectrograms(path, self._mel)
        log_probabilities = []
        while batch := list(itertools.islice(spectrograms, _BATCH)):
            x = self._spec.standardiser.apply(np.stack(batch))[..., np.newaxis]  # (batch, n_mels, frames, 1)
            log_probabilities.append(log_softmax(self._network.logits(x)))
        rows = np.concatenate(log_probabilities)
        probabilities = np.exp(join_segments(rows))
        best_first = np.argsort(-probabilities, kind="stable")
        named = {self._spec.genres[index]: float(probabilities[index]) for index in best_first}
        return Prediction(path, len(rows), named)
