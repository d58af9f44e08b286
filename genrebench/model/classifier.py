"""From a recording to its genre, with the preprocessing that the model was trained on."""

import itertools
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.mel import segment_spectrograms
from genrebench.backend.registry import load_backend
from genrebench.errors import AudioError, ModelError
from genrebench.model.saved import SavedModel
from genrebench.network.numerics import aggregate_segments, log_softmax
from genrebench.system.files import escaped
from genrebench.system.memory import keep_freed_memory
from genrebench.system.prefetch import prefetch

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
        What `genrebench.model.saved.load_model` read.
    backend : str
        Backend that runs it; any can, whichever trained it.
    device : str
        ``auto``, or one of the backend's devices.

    Raises
    ------
    ModelError
        If the model does not know how recordings become its inputs.
    BackendError
        If the backend is unavailable.
    """

    def __init__(self, model: SavedModel, *, backend: str = "torch", device: str = "auto") -> None:
        """Build the network."""
        if model.spec.mel is None:
            raise ModelError(
                f"{escaped(model.folder)}: expected a model that knows its Mel settings; this one was trained on a "
                "tree without a manifest, so recordings cannot be prepared for it"
            )
        keep_freed_memory()
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
        prediction = next(self.predict_all([path]))
        if isinstance(prediction, AudioError):
            raise prediction
        return prediction

    def predict_all(self, paths: Iterable[Path]) -> Generator[Prediction | AudioError, None, None]:
        """Hear recordings, the next one being decoded while the network works on the last.

        Parameters
        ----------
        paths : iterable of Path
            Recordings in any format, sample rate and length.

        Yields
        ------
        Prediction or AudioError
            For each recording in turn, what `predict` would return or raise. Memory grows neither with the number of
            recordings nor with their length.
        """
        rows: list[NDArray[np.float64]] = []
        with closing(prefetch(self._listen(paths))) as heard:
            for path, batch in heard:
                if isinstance(batch, AudioError):
                    yield batch
                    rows = []
                elif batch is not None:
                    rows.append(log_softmax(self._network.logits(batch)))
                else:
                    yield self._prediction(path, np.concatenate(rows))
                    rows = []

    def _listen(self, paths: Iterable[Path]) -> Iterator[tuple[Path, NDArray[np.float32] | AudioError | None]]:
        """Prepare the network's inputs.

        Yields
        ------
        ndarray of float32 [shape=(n, n_mels, frames, 1)], AudioError or None
            Some of its segments, standardized; why it has no more; None at its end.
        """
        for path in paths:
            spectrograms = segment_spectrograms(path, self._mel)
            try:
                while batch := list(itertools.islice(spectrograms, _BATCH)):
                    yield path, self._spec.standardizer.apply(np.stack(batch))[..., np.newaxis]
            except AudioError as error:
                yield path, error
            else:
                yield path, None

    def _prediction(self, path: Path, rows: NDArray[np.float64]) -> Prediction:
        """Join the segments of a recording.

        Parameters
        ----------
        rows : ndarray [shape=(segments, classes)]
            Their log-probabilities.
        """
        probabilities = np.exp(aggregate_segments(rows))
        best_first = np.argsort(-probabilities, kind="stable")
        named = {self._spec.genres[index]: float(probabilities[index]) for index in best_first}
        return Prediction(path, len(rows), named)
