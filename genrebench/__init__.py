"""Classify music by genre from Mel spectrograms, with one network that several frameworks build.

    >>> import genrebench as gb
    >>> gb.load("results/gtzan").predict("song.wav").genre
    'hiphop'

From recordings in ``dataset/genres_original/<genre>/`` to such a model::

    gb.preprocess("dataset")
    gb.train("dataset", name="gtzan")

Recordings and models
    - `load`: read a trained `Model`; `Model.predict` and `Model.predict_many` classify recordings.
    - `Model`: a network with its weights, and all that a recording needs to become its input.
    - `Prediction`: what a model makes of one recording.
    - `export`: write a model for programs that do not have genrebench: ONNX, Keras, PyTorch.

Data and training
    - `preprocess`: turn a dataset's recordings into spectrogram files.
    - `load_dataset`: read spectrogram files into memory.
    - `pack`: copy them into a few large files, from which training reads more than fits into memory.
    - `mel_spectrogram`, `MelConfig`: audio to one spectrogram, and its settings.
    - `train`, `Experiment`: train the network and save it, and the settings of that.
    - `keep_freed_memory`: a setting of the whole process that makes training in it faster.

The network and its backends
    - `genre_cnn`, `Architecture`: the network, and any other, as data.
    - `list_backends`: what is installed.
    - `compare`: prove that backends compute the same network, or find where they part.
    - `check_backend`: run the conformance kit on a backend.
    - `read_keras`: read somebody's Keras file, without Keras and without trusting it; its method `port` writes it
      for PyTorch, with a proof.

`GenrebenchError` is the base of every error that genrebench raises on purpose. Paths may be strings. These names are
all that is promised; modules may move. Each is loaded on its first use, so that importing genrebench costs nothing.
"""

import importlib
import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genrebench.audio.mel import MelConfig, mel_spectrogram
    from genrebench.backend.registry import list_backends
    from genrebench.data.dataset import load_dataset
    from genrebench.data.packed.writing import pack
    from genrebench.data.preprocess import preprocess
    from genrebench.errors import GenrebenchError
    from genrebench.model.model import Model
    from genrebench.model.prediction import Prediction
    from genrebench.network.architecture import Architecture
    from genrebench.network.genre_cnn import genre_cnn
    from genrebench.parity.run import compare_backends as compare
    from genrebench.porting.export.run import export_model as export
    from genrebench.porting.port import read_keras
    from genrebench.system.memory import keep_freed_memory
    from genrebench.testing import check_backend
    from genrebench.training import train
    from genrebench.training.config import Experiment

    load = Model.load

__version__ = "0.1.0"

__all__ = [
    "Architecture",
    "Experiment",
    "GenrebenchError",
    "MelConfig",
    "Model",
    "Prediction",
    "check_backend",
    "compare",
    "export",
    "genre_cnn",
    "keep_freed_memory",
    "list_backends",
    "load",
    "load_dataset",
    "mel_spectrogram",
    "pack",
    "preprocess",
    "read_keras",
    "train",
]

_HOMES = {
    "Architecture": "genrebench.network.architecture:Architecture",
    "Experiment": "genrebench.training.config:Experiment",
    "GenrebenchError": "genrebench.errors:GenrebenchError",
    "MelConfig": "genrebench.audio.mel:MelConfig",
    "Model": "genrebench.model.model:Model",
    "Prediction": "genrebench.model.prediction:Prediction",
    "check_backend": "genrebench.testing:check_backend",
    "compare": "genrebench.parity.run:compare_backends",
    "export": "genrebench.porting.export.run:export_model",
    "genre_cnn": "genrebench.network.genre_cnn:genre_cnn",
    "keep_freed_memory": "genrebench.system.memory:keep_freed_memory",
    "list_backends": "genrebench.backend.registry:list_backends",
    "load": "genrebench.model.model:Model.load",
    "load_dataset": "genrebench.data.dataset:load_dataset",
    "mel_spectrogram": "genrebench.audio.mel:mel_spectrogram",
    "pack": "genrebench.data.packed.writing:pack",
    "preprocess": "genrebench.data.preprocess:preprocess",
    "read_keras": "genrebench.porting.port:read_keras",
    "train": "genrebench.training:train",
}


def __getattr__(name: str) -> Any:
    """Load a name on its first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'genrebench' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    globals()[name] = value = operator.attrgetter(attribute)(importlib.import_module(module))
    return value


def __dir__() -> list[str]:
    """List what is promised."""
    return [*__all__, "__version__"]
