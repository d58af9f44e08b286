"""A trained model: read from its folder, used on recordings by any backend, saved."""

import functools
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.blocks import standardize_recording, standardize_tracks, window_spans
from genrebench.audio.mel import MelConfig
from genrebench.audio.standardize import AnyStandardizer
from genrebench.backend.protocol import Network
from genrebench.backend.registry import load_backend
from genrebench.errors import AudioError, ConfigError, ModelError
from genrebench.model.calibration import Calibration
from genrebench.model.description import check_parts, describe_parts, model_folder, read_parts
from genrebench.model.elsewhere import in_order, predict_by
from genrebench.model.prediction import BATCH, Prediction, predictions, spectrogram_batches
from genrebench.model.storage import save_model
from genrebench.network.architecture import Architecture
from genrebench.network.numerics import log_softmax
from genrebench.network.types import Weights
from genrebench.system.cluster.choice import executor_for
from genrebench.system.files import StrPath
from genrebench.system.remote import as_path

# What is written down of a model, beside its document.
_PARTS = ("architecture", "mel", "standardizer", "genres", "overlap", "calibration")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Model:
    """A network with its weights, and all that a recording needs to become its input.

    Reading it imports no framework. The network is built by `backend` on the first prediction, and then kept;
    ``dataclasses.replace(model, backend="keras")`` is the same model on another one.

    Attributes
    ----------
    architecture : Architecture
        The network.
    weights : dict of str to ndarray
        Its canonical weights.
    mel : MelConfig or None
        How recordings become spectrograms; None if the model was trained on another program's spectrograms, and so
        cannot take recordings.
    standardizer : AnyStandardizer
        What is done to the spectrograms.
    genres : tuple of str
        Name of each logit.
    document : dict
        What is known of its training, in plain JSON types: all of ``model.json`` for a model that was read.
    folder : Path, optional
        Where it was read.
    backend : str
        Backend that runs it; any can, whichever trained it.
    device : str
        ``auto``, or one of the backend's devices.
    overlap : float
        Share that consecutive windows of a recording have in common, from 0 to 0.9.
    calibration : Calibration
        What makes its probabilities honest; learned on the validation part.

    Examples
    --------
    >>> import genrebench as gb
    >>> model = gb.load("results/gtzan")
    >>> model
    Model('results/gtzan': 475,594 parameters, 128 x 130, 10 genres)
    >>> for prediction in model.predict_many(["song.wav", "absent.wav"]):
    ...     print(prediction if isinstance(prediction, gb.GenrebenchError) else prediction.segments)
    3
    absent.wav: cannot be read (No such file or directory)
    """

    architecture: Architecture
    weights: Weights
    mel: MelConfig | None
    standardizer: AnyStandardizer
    genres: tuple[str, ...]
    document: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    backend: str = "torch"
    device: str = "auto"
    overlap: float = 0.0
    calibration: Calibration = Calibration()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        """Refuse a network that has another input or other classes than the rest."""
        check_parts(self.architecture, self.mel, self.genres)

    def __repr__(self) -> str:
        """Describe the model in one line."""
        parameters = sum(weight.size for weight in self.weights.values())
        height, width = self.architecture.input_shape[:2]
        where = repr(str(self.folder)) if self.folder else "in memory"
        return f"Model({where}: {parameters:,} parameters, {height} x {width}, {len(self.genres)} genres)"

    @classmethod
    def load(cls, path: StrPath, *, backend: str = "torch", device: str = "auto") -> Self:
        """Read a model and check that its parts fit together.

        Parameters
        ----------
        path : str or PathLike
            Folder of the model, such as ``results/gtzan``, or ``builtin``: the one that comes with the library.
        backend : str
            Backend that is to run it: ``torch``, ``keras``, ``numpy`` or any other that is installed.
        device : str
            ``auto``, or one of the backend's devices, such as ``cpu``.

        Returns
        -------
        Model
            The model; no framework is imported before its first prediction.

        Raises
        ------
        ModelError
            If a file is missing or damaged, or does not fit the others.

        Examples
        --------
        >>> import genrebench as gb
        >>> gb.load("results/gtzan").predict("song.wav").genre
        'hiphop'
        """
        return cls(**read_parts(model_folder(Path(path))), backend=backend, device=device)

    def save(self, folder: StrPath) -> None:
        """Write the model: at any moment the folder holds it, or the one that was there, and either is whole.

        Parameters
        ----------
        folder : str or PathLike
            Where to; made if it does not exist. A model that is there is replaced.

        Examples
        --------
        >>> import genrebench as gb
        >>> model = gb.load("results/gtzan")
        >>> model.save("copy")
        >>> gb.load("copy").genres == model.genres
        True
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        save_model(
            folder, self.weights, describe_parts(self.document, **{part: getattr(self, part) for part in _PARTS})
        )

    @functools.cached_property
    def network(self) -> Network:
        """The network that `backend` built, on its first use."""
        _, implementation = load_backend(self.backend)
        return implementation.build(self.architecture, self.weights, dtype="float32", device=self.device)

    def predict(self, path: StrPath, *, timeline: bool = False) -> Prediction:
        """Classify one recording, from its beginning to its end.

        Parameters
        ----------
        path : str or PathLike
            Recording in any format, sample rate and length.
        timeline : bool
            Whether the answer has those of its segments, too, with their times.

        Returns
        -------
        Prediction
            Probabilities of the genres, aggregated over its segments by their mean log-probability.

        Raises
        ------
        AudioError
            If the recording cannot be decoded, or holds nothing that can be classified.
        ModelError
            If the model does not know how recordings become its inputs.
        BackendError
            If the backend is unavailable.

        Examples
        --------
        >>> import genrebench as gb
        >>> prediction = gb.load("results/gtzan").predict("song.wav")
        >>> prediction.segments
        3
        """
        prediction = next(self.predict_many([path], timeline=timeline))
        if isinstance(prediction, AudioError):
            raise prediction
        return prediction

    def predict_many(
        self, paths: Iterable[StrPath], *, timeline: bool = False, cluster: StrPath | None = None
    ) -> Generator[Prediction | AudioError, None, None]:
        """Classify recordings, the next one being decoded while the network works on the last.

        Parameters
        ----------
        paths : iterable of str or PathLike
            Recordings in any format, sample rate and length.
        timeline : bool
            As of `predict`.
        cluster : str or PathLike, optional
            Dask scheduler, such as ``tcp://host:8786`` or its file, whose workers do it.

        Returns
        -------
        generator of Prediction or AudioError
            For each recording in turn, what `predict` would return or raise; memory does not grow with them.

        Raises
        ------
        ModelError
            If the model does not know how recordings become its inputs.
        BackendError, ClusterError
            If the backend, or the cluster, is unavailable.

        Examples
        --------
        >>> import genrebench as gb
        >>> model = gb.load("results/gtzan")
        >>> [prediction.genre for prediction in model.predict_many(["song.wav", "song.wav"])]
        ['hiphop', 'hiphop']
        """
        if cluster:
            return in_order(predict_by(self, executor_for(None, cluster), list(map(as_path, paths)), timeline=timeline))
        if self.mel is None:
            raise ModelError(
                "expected a model that knows its Mel settings; this one was trained on a tree without a manifest, so "
                "recordings cannot be prepared for it",
                path=self.folder or "model",
            )
        _ = self.network  # an unavailable backend is known before anything is decoded
        mel = self.mel
        windows = functools.partial(window_spans, frames=mel.shape[1], block=mel.segments, overlap=self.overlap)
        return predictions(
            spectrogram_batches(map(as_path, paths), self.mel, self.prepare),
            self.log_probabilities,
            self.genres,
            calibration=self.calibration,
            windows=windows if timeline else None,
        )

    def prepare(self, batches: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Make a recording's segments the network's inputs, some at a time: standardized, in windows that may overlap.

        Parameters
        ----------
        batches : iterable of ndarray of float32 [shape=(n, n_mels, frames)]
            Segments of one recording in order, in dB.

        Yields
        ------
        ndarray of float32 [shape=(n, n_mels, frames, 1)]
            Inputs, for `log_probabilities`.

        Examples
        --------
        >>> import genrebench as gb
        >>> data = gb.load_dataset("dataset")
        >>> [inputs.shape for inputs in gb.load("results/gtzan").prepare([data.spectrograms[:4]])]
        [(4, 128, 130, 1)]
        """
        block = self.mel.segments if self.mel else None
        for inputs in standardize_recording(self.standardizer, batches, block=block, overlap=self.overlap):
            yield inputs[..., np.newaxis]

    def predict_spectrograms(
        self, spectrograms: NDArray[np.float32], tracks: NDArray[np.str_] | None = None
    ) -> NDArray[np.float64]:
        """Classify spectrograms, each on its own; `prepare` and `log_probabilities` take a recording as a whole.

        Parameters
        ----------
        spectrograms : ndarray of float32 [shape=(n, n_mels, frames)]
            In dB, as `genrebench.mel_spectrogram` makes them: not standardized. Each of the network's input shape.
        tracks : ndarray of str [shape=(n,)], optional
            Recording of each; without, each is one of its own.

        Returns
        -------
        ndarray of float64 [shape=(n, classes)]
            Probabilities in the order of `genres`; each row sums to 1.

        Raises
        ------
        ConfigError
            If the spectrograms have another shape than the network's input.
        BackendError
            If the backend is unavailable.

        Examples
        --------
        >>> import genrebench as gb
        >>> data = gb.load_dataset("dataset")
        >>> gb.load("results/gtzan").predict_spectrograms(data.spectrograms[:4]).shape
        (4, 10)
        """
        shape = self.architecture.input_shape[:2]
        if spectrograms.ndim != 3 or spectrograms.shape[1:] != shape:
            raise ConfigError(f"expected spectrograms (n, {shape[0]}, {shape[1]}), received {spectrograms.shape}")
        block = self.mel.segments if self.mel else None
        inputs = standardize_tracks(self.standardizer, spectrograms, tracks, block=block)[..., np.newaxis]
        parts = [
            np.exp(self.log_probabilities(inputs[start : start + BATCH])) for start in range(0, len(inputs), BATCH)
        ]
        return np.concatenate([np.empty((0, len(self.genres))), *parts])

    def log_probabilities(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Run the network on some inputs; NaN is no answer.

        Parameters
        ----------
        inputs : ndarray of float32 [shape=(n, n_mels, frames, 1)]
            As `prepare` makes them.

        Returns
        -------
        ndarray of float64 [shape=(n, classes)]
            In the order of `genres`.

        Raises
        ------
        ModelError
            If an input or an answer is not finite.

        Examples
        --------
        >>> import genrebench as gb
        >>> gb.load("results/gtzan").log_probabilities(np.zeros((4, 128, 130, 1), np.float32)).shape
        (4, 10)
        """
        logits = self.network.logits(inputs) if np.isfinite(inputs).all() else np.full(1, np.nan)
        if logits.shape != (len(inputs), len(self.genres)) or not np.isfinite(logits).all():
            raise ModelError(
                f"expected finite numbers from the network for {len(inputs)} spectrograms, received NaN, infinity or "
                f"another shape; the model, or its backend {self.backend}, is damaged; restore it or train again",
                path=self.folder or "model",
            )
        return log_softmax(logits)
