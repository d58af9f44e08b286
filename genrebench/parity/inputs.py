"""What every backend is given: the network, its weights, inputs, dropout masks, and a state of Adam's."""

from dataclasses import dataclass, fields, replace
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from genrebench.network.adam import AdamState
from genrebench.network.architecture import Architecture
from genrebench.network.sampling import live_random_weights, random_inputs, random_masks
from genrebench.network.types import Array, Weights
from genrebench.parity.arrays import pack, unpack
from genrebench.parity.request import ParityRequest
from genrebench.system.files import sha256

# Updates that Adam has done before the one that is compared.
_ADAM_STEP = 3
# Batches of the short run.
_BATCHES = 3


@dataclass(frozen=True)
class ParityInputs:
    """What all backends are given.

    Attributes
    ----------
    x, labels : ndarray of float64 [shape=(n, height, width, channels)], ndarray of int64 [shape=(n,)]
        Inputs and labels.
    masks : dict of str to ndarray [shape=(n, ...)]
        What each dropout layer keeps (1) and drops (0).
    batches, batch_labels : ndarray
        The same for the short run, with an axis of batches in front.
    gradients, adam : dict of str to ndarray, AdamState
        Gradients and moments from which Adam is asked for one update; so small that epsilon counts.
    steps : int
        Steps of the short run.
    spectrograms : ndarray or None
        What a trained model is tried on, standardized; None without a model.
    """

    architecture: Architecture
    weights: Weights
    x: Array
    labels: NDArray[np.int64]
    masks: Weights
    batches: Array
    batch_labels: NDArray[np.int64]
    gradients: Weights
    adam: AdamState
    steps: int
    spectrograms: Array | None = None

    def pack(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Turn the inputs into arrays and options of a job, from which `unpack` makes them again."""
        parts = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "architecture"}
        return pack(parts), {"architecture": self.architecture.to_json()}

    @classmethod
    def unpack(cls, arrays: dict[str, Array], options: dict[str, Any]) -> "ParityInputs":
        """Make the inputs from what `pack` returned."""
        hints = {name: hint for name, hint in get_type_hints(cls).items() if name != "architecture"}
        parts = {name: unpack(hint, arrays, name) for name, hint in hints.items()}
        return cls(Architecture.from_json(options["architecture"]), **parts)

    def in_float32(self) -> "ParityInputs":
        """Round inputs and masks; weights stay as they are, since each backend rounds these itself."""
        return replace(
            self,
            x=self.x.astype(np.float32),
            masks={name: mask.astype(np.float32) for name, mask in self.masks.items()},
            batches=self.batches.astype(np.float32),
            spectrograms=None if self.spectrograms is None else self.spectrograms.astype(np.float32),
        )

    def hashes(self) -> dict[str, str]:
        """Compute SHA-256 of architecture, weights and inputs."""
        ordered = [self.weights[name] for name in sorted(self.weights)]
        inputs = [self.x, self.labels, self.batches, self.batch_labels]
        inputs += [] if self.spectrograms is None else [self.spectrograms]
        return {
            "architecture": self.architecture.fingerprint(),
            "weights": sha256(np.ascontiguousarray(value).tobytes() for value in ordered),
            "inputs": sha256(np.ascontiguousarray(value).tobytes() for value in inputs),
        }


def make_inputs(
    architecture: Architecture,
    *,
    weights: Weights | None = None,
    data: Array | None = None,
    batch_size: int = ParityRequest.batch_size,
    steps: int = ParityRequest.steps,
    seed: int = ParityRequest.seed,
    spectrograms: Array | None = None,
) -> ParityInputs:
    """Make what all backends are given.

    Labels are random even if inputs are not: with the true ones the loss of a trained network is next to nothing, and
    its gradient what the difference of probability and one leaves of it, which is rounding for the most part.

    Parameters
    ----------
    data : ndarray, optional
        Standardized inputs to choose from; by default random.
    """
    count = batch_size * (1 + _BATCHES)
    x, labels = random_inputs(architecture, count, seed)
    if data is not None:
        # Repeated where the tree is small; one batch for the layer table, the others for the short run.
        x = data[np.resize(np.random.default_rng([seed, 4]).permutation(len(data)), count)]
    x = x.astype(np.float64)
    chosen = live_random_weights(architecture, x[:batch_size], seed) if weights is None else weights
    gradients, adam = _adam_probe(architecture, seed)
    return ParityInputs(
        architecture=architecture,
        weights={name: np.asarray(value, np.float64) for name, value in chosen.items()},
        x=x[:batch_size],
        labels=labels[:batch_size],
        masks=random_masks(architecture, batch_size),
        batches=x[batch_size:].reshape(_BATCHES, batch_size, *architecture.input_shape),
        batch_labels=labels[batch_size:].reshape(_BATCHES, batch_size),
        gradients=gradients,
        adam=adam,
        steps=steps,
        spectrograms=spectrograms,
    )


def _adam_probe(architecture: Architecture, seed: int) -> tuple[Weights, AdamState]:
    """Sample gradients and moments, small enough for epsilon to count."""
    rng = np.random.default_rng([seed, 5])
    specs = architecture.weight_specs()
    shapes = {name: specs[name].shape for name in architecture.trainable}
    gradients = {name: rng.normal(size=shape) * 1e-6 for name, shape in shapes.items()}
    m = {name: rng.normal(size=shape) * 1e-6 for name, shape in shapes.items()}
    v = {name: rng.random(shape) * 1e-12 for name, shape in shapes.items()}
    return gradients, AdamState(_ADAM_STEP, m, v)
