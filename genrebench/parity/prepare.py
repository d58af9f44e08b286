"""From a request to the inputs that all backends are given."""

from dataclasses import dataclass

import numpy as np

from genrebench.audio.blocks import standardize_tracks
from genrebench.audio.standardize import Standardizer
from genrebench.data.dataset import Dataset, load_dataset
from genrebench.errors import ConfigError
from genrebench.model.model import Model
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.load import load_architecture
from genrebench.network.sampling import random_inputs
from genrebench.network.types import Array
from genrebench.parity.inputs import ParityInputs, make_inputs
from genrebench.parity.request import ParityRequest
from genrebench.system.files import escaped

# Spectrograms that a trained model is tried on.
_TRIED = 64


@dataclass(frozen=True)
class Description:
    """How a run is described in its report; `genres` are the names of the logits, if the model has any."""

    command: str = ""
    inputs: str = ""
    weights: str = ""
    genres: tuple[str, ...] = ()


def prepare(request: ParityRequest) -> tuple[ParityInputs, Description]:
    """Load the network, its weights and the inputs.

    Raises
    ------
    ConfigError
        If the parts of the request contradict each other.
    """
    origins = {"--model": request.model, "--architecture": request.architecture, "--input-shape": request.input_shape}
    given = [name for name, value in origins.items() if value]
    if len(given) > 1:
        raise ConfigError(f"expected one of {', '.join(given)}, received several; each says what the network is")
    saved = request.model if request.model is None or isinstance(request.model, Model) else Model.load(request.model)
    tree = load_dataset(request.data) if request.data else None
    network = saved.architecture if saved else _network(request, tree)
    if not network.trainable or network.classes < 2:
        raise ConfigError(
            "expected a network with weights to train and at least two logits, without which loss and gradients say "
            f"nothing, received {len(network.weight_specs())} weights and {network.classes} logit(s)"
        )
    weights = request.weights if request.weights is not None else saved.weights if saved else None
    if weights is not None:
        network.check_weights(weights)
    data = _standardized(tree, network, saved) if tree else None
    inputs = make_inputs(
        network,
        weights=None if weights is None else dict(weights),
        data=data,
        batch_size=request.batch_size,
        steps=request.steps,
        seed=request.seed,
        spectrograms=_tried(network, data, request.seed) if saved else None,
    )
    return inputs, _describe(request, network, saved)


def _describe(request: ParityRequest, network: Architecture, saved: Model | None) -> Description:
    """Describe the inputs and the weights."""
    origin = f"spectrograms from {escaped(str(request.data))}" if request.data else "random inputs"
    size = " x ".join(map(str, network.input_shape))
    tried = "; the trained model is tried on random inputs, for lack of --data" if saved and not request.data else ""
    weights = f"random, seed {request.seed}"
    if request.weights is not None:
        weights = "as given"
    elif saved:
        weights = f"those of {escaped(str(saved.folder))}"
    return Description(
        command=request.command,
        inputs=f"{request.batch_size} {origin}, {size}, seed {request.seed}{tried}",
        weights=weights,
        genres=saved.genres if saved else (),
    )


def _network(request: ParityRequest, tree: Dataset | None) -> Architecture:
    """Choose the network of a request without a model."""
    if isinstance(request.architecture, Architecture):
        return request.architecture
    if request.architecture is not None:
        return load_architecture(request.architecture)
    if request.input_shape:
        return genre_cnn(request.input_shape)
    if tree:
        height, width = tree.spectrograms.shape[1:]
        return genre_cnn((height, width), len(tree.genres))
    return genre_cnn()


def _standardized(tree: Dataset, network: Architecture, saved: Model | None) -> Array:
    """Standardize the spectrograms of a tree: float32 [shape=(segments, n_mels, frames, 1)]."""
    if tree.spectrograms.shape[1:] != network.input_shape[:2] or network.input_shape[2] != 1:
        raise ConfigError(
            f"{escaped(tree.tree)}: expected spectrograms of {network.input_shape}, the network's input, received "
            f"{tree.spectrograms.shape[1:]}"
        )
    everything = np.arange(len(tree.spectrograms))
    standardizer = saved.standardizer if saved else Standardizer.fit(tree.spectrograms, everything)
    block = tree.mel.segments if tree.mel else None
    inputs: Array = standardize_tracks(standardizer, tree.spectrograms, tree.tracks, block=block)[..., None]
    return inputs


def _tried(network: Architecture, inputs: Array | None, seed: int) -> Array:
    """Choose what a trained model is tried on, evenly spread over the tree; random inputs without a tree."""
    if inputs is None:
        return random_inputs(network, _TRIED, seed)[0]
    chosen: Array = inputs[np.linspace(0, len(inputs) - 1, min(_TRIED, len(inputs))).astype(int)]
    return chosen
