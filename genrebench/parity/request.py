"""What ``genrebench parity`` was asked for: the network, its weights, the inputs; then the run, stage by stage."""

import json
import shlex
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from genrebench.audio.standardize import Standardizer
from genrebench.data.dataset import Dataset, load_dataset
from genrebench.errors import ConfigError
from genrebench.model.saved import SavedModel, load_model
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.sampling import random_inputs
from genrebench.network.types import Array
from genrebench.parity.document import stage_line
from genrebench.parity.probe import Probe, ask, make_probe
from genrebench.parity.report import Report
from genrebench.parity.run import Description, check_backends, judge
from genrebench.system.files import escaped

_DEFAULT_BACKENDS = ("torch", "keras")
_DEFAULT_SHAPE = (128, 130)
# Spectrograms that a trained model is tried on.
_TRIED = 64


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asked for.

    Attributes
    ----------
    backends : tuple of str
        What is compared; empty for the usual ones.
    reference : str
        With what.
    model : Path or None
        Folder of a trained model.
    architecture : Path or None
        File of an architecture.
    input_shape : tuple of int or None
        (n_mels, frames) of the genre network.
    data : Path or None
        Spectrogram tree.
    steps, batch_size, seed, threads : int
        Settings of the run.
    pythons : dict of str to Path
        Interpreters by backend.
    """

    backends: tuple[str, ...]
    reference: str
    model: Path | None
    architecture: Path | None
    input_shape: tuple[int, int] | None
    data: Path | None
    steps: int
    batch_size: int
    seed: int
    threads: int
    pythons: dict[str, Path]

    def command(self) -> str:
        """Spell the request as one would type it.

        Returns
        -------
        str
            The command line, interpreters left out, since they are paths of one machine.
        """
        words = ["genrebench", "parity"]
        for backend in self.backends:
            words += ["--backend", backend]
        shape = "x".join(map(str, self.input_shape)) if self.input_shape else None
        options = {
            "--reference": (self.reference, "numpy"),
            "--model": (self.model, None),
            "--architecture": (self.architecture, None),
            "--input-shape": (shape, None),
            "--data": (self.data, None),
            "--steps": (self.steps, 12),
            "--batch-size": (self.batch_size, 4),
            "--seed": (self.seed, 0),
            "--threads": (self.threads, 1),
        }
        for option, (value, default) in options.items():
            if value != default:
                words += [option, escaped(str(value))]
        return shlex.join(words)


def prepare(request: Request) -> tuple[Probe, Description]:
    """Load the network, its weights and the inputs.

    Returns
    -------
    Probe
        What all backends are given.
    Description
        How the run is described.

    Raises
    ------
    ConfigError
        If the parts of the request contradict each other.
    """
    origins = {"--model": request.model, "--architecture": request.architecture, "--input-shape": request.input_shape}
    given = [name for name, value in origins.items() if value]
    if len(given) > 1:
        raise ConfigError(f"expected one of {', '.join(given)}, received several; each says what the network is")
    saved = load_model(request.model) if request.model else None
    tree = load_dataset(request.data) if request.data else None
    if saved:
        network = saved.spec.architecture
    elif request.architecture:
        network = read_architecture(request.architecture)
    elif tree and not request.input_shape:
        height, width = tree.spectrograms.shape[1:]
        network = genre_cnn((height, width), len(tree.genres))
    else:
        network = genre_cnn(request.input_shape or _DEFAULT_SHAPE)
    if not any(spec.trainable for spec in network.weight_specs().values()) or network.classes < 2:
        raise ConfigError(
            "expected a network with weights to train and at least two logits, without which loss and gradients say "
            f"nothing, received {len(network.weight_specs())} weights and {network.classes} logit(s)"
        )
    inputs = _inputs(tree, network, saved) if tree else None
    probe = make_probe(
        network,
        weights=saved.weights if saved else None,
        data=inputs,
        batch_size=request.batch_size,
        steps=request.steps,
        seed=request.seed,
        spectrograms=_tried(network, inputs, request.seed) if saved else None,
    )
    tried = "; the trained model is tried on random inputs, for lack of --data" if saved and inputs is None else ""
    origin = f"spectrograms from {escaped(request.data)}" if request.data else "random inputs"
    size = " x ".join(map(str, network.input_shape))
    return probe, Description(
        command=request.command(),
        inputs=f"{request.batch_size} {origin}, {size}, seed {request.seed}{tried}",
        weights=f"those of {escaped(request.model)}" if request.model else f"random, seed {request.seed}",
        genres=saved.spec.genres if saved else (),
    )


def run(request: Request, console: Console) -> Report:
    """Run what was asked for, and show each stage as it is known.

    Raises
    ------
    ConfigError
        If an interpreter is given for a backend that has no part in the run.
    """
    chosen, reference = check_backends(request.backends or _DEFAULT_BACKENDS, request.reference), request.reference
    strangers = sorted(request.pythons.keys() - {*chosen, reference})
    if strangers:
        raise ConfigError(
            f"--python {strangers[0]}: expected one of the backends compared, {', '.join((*chosen, reference))}"
        )
    probe, description = prepare(request)
    began = time.perf_counter()
    waiting = [*chosen, reference]
    with console.status(f"waiting for {', '.join(waiting)}") as status:

        def on_done(backend: str, seconds: float) -> None:
            """Say who has answered."""
            waiting.remove(backend)
            console.print(f"{backend} answered after {seconds:.1f} s of computing", highlight=False, soft_wrap=True)
            status.update(f"waiting for {', '.join(waiting)}" if waiting else "comparing")

        results = ask(probe, tuple(waiting), pythons=request.pythons, threads=request.threads, on_done=on_done)
        return judge(
            probe,
            results,
            backends=chosen,
            reference=reference,
            description=description,
            seconds=time.perf_counter() - began,
            on_stage=lambda stage: console.print(stage_line(stage), soft_wrap=True),
        )


def read_architecture(path: Path) -> Architecture:
    """Read an architecture, or the one in a model's description.

    Raises
    ------
    ConfigError
        If the file cannot be read or holds none.
    """
    where = escaped(path)
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{where}: expected an architecture, cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: expected an architecture in JSON ({error})") from error
    if isinstance(document, dict) and "architecture" in document:
        document = document["architecture"]
    try:
        return Architecture.from_json(document)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _inputs(tree: Dataset, network: Architecture, saved: SavedModel | None) -> Array:
    """Standardize the spectrograms of a tree.

    Returns
    -------
    ndarray of float32 [shape=(segments, n_mels, frames, 1)]
        Inputs.
    """
    if tree.spectrograms.shape[1:] != network.input_shape[:2] or network.input_shape[2] != 1:
        raise ConfigError(
            f"{escaped(tree.tree)}: expected spectrograms of {network.input_shape}, the network's input, received "
            f"{tree.spectrograms.shape[1:]}"
        )
    everything = np.arange(len(tree.spectrograms))
    standardizer = saved.spec.standardizer if saved else Standardizer.fit(tree.spectrograms, everything)
    inputs: Array = standardizer.apply(tree.spectrograms)[..., None]
    return inputs


def _tried(network: Architecture, inputs: Array | None, seed: int) -> Array:
    """Choose what a trained model is tried on.

    Parameters
    ----------
    seed : int
        Seed of random inputs where there is no tree.

    Returns
    -------
    ndarray [shape=(n, height, width, channels)]
        Spectrograms from the whole tree, evenly spread over it.
    """
    if inputs is None:
        return random_inputs(network, _TRIED, seed)[0]
    chosen: Array = inputs[np.linspace(0, len(inputs) - 1, min(_TRIED, len(inputs))).astype(int)]
    return chosen
