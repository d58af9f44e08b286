"""Checkpoints: all that a run needs to go on after the process has ended, in one file per epoch that verifies itself.

A file is safetensors with canonical weights and training state; what is not an array stands as JSON in its header,
beside a SHA-256 of all of it. A file that is not whole is passed over for the one before it.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.numpy import save

from genrebench.errors import BackendError, ModelError
from genrebench.network.types import Weights
from genrebench.system.arrays import tensors_of
from genrebench.system.files import parse_json, read_file, write_atomically
from genrebench.system.validation import explain
from genrebench.training.health import went_wrong
from genrebench.training.history import EpochMetrics, last_saved
from genrebench.training.state import LoopState

CHECKPOINT_FILE = "checkpoint.safetensors"
# The one before it, and the next one while it takes their places.
_PREVIOUS, _NEXT = "checkpoint_previous.safetensors", "checkpoint_next.safetensors"
CHECKPOINT_FILES = (_NEXT, CHECKPOINT_FILE, _PREVIOUS)
_EXPECTED = "a checkpoint"
# Of the genre network's size 7.6 MB; what claims more than this is no checkpoint.
MAX_CHECKPOINT_BYTES = 2 * 2**30


class _Header(BaseModel):
    """What is not an array; see `Checkpoint`."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    origin: dict[str, Any]
    record: dict[str, Any]
    history: list[EpochMetrics]
    steps: int
    order: dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stood at the end of an epoch.

    Attributes
    ----------
    origin : dict
        What the run depends on, in plain JSON types: its settings, data, architecture and software.
    record : dict
        What ``model.json`` keeps of how the run began.
    history : tuple of EpochMetrics
        All epochs so far.
    steps : int
        Steps in all of them.
    order : dict
        State of the generator that shuffles.
    weights, best : dict of str to ndarray
        Canonical weights after the last epoch, and those that are the model, averaged if there is an average.
    training : dict of str to ndarray
        The network's training state.
    average : dict of str to ndarray
        Averaged weights after the last epoch; empty without averaging.
    """

    origin: dict[str, Any]
    record: dict[str, Any]
    history: tuple[EpochMetrics, ...]
    steps: int
    order: dict[str, Any]
    weights: Weights
    best: Weights
    training: Weights
    average: Weights = field(default_factory=dict)

    @classmethod
    def of(cls, state: LoopState, best: Weights | None, origin: dict[str, Any], record: dict[str, Any]) -> "Checkpoint":
        """Copy all that a run stands on, at the end of an epoch.

        Parameters
        ----------
        best : dict of str to ndarray, optional
            Weights of the best epoch before this one.

        Raises
        ------
        TrainingError
            If a weight or moment is no longer a number.
        """
        weights, training = state.network.weights(), state.network.training_state()
        for name, value in (weights | training).items():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise went_wrong(state, state.epoch, f"expected finite weights and moments, found others in {name}")
        order, history = dict(state.order.bit_generator.state), tuple(state.history)
        average = {name: value.copy() for name, value in state.average.weights.items()} if state.average else {}
        if best is None or history[-1].saved:
            best = average or weights
        return cls(origin, record, history, state.steps, order, weights, best, training, average)

    @property
    def epoch(self) -> int:
        """Count the epochs that are done."""
        return len(self.history)

    @property
    def last(self) -> Weights:
        """Pick the weights of the last epoch that are validated and saved."""
        return self.average or self.weights

    @property
    def best_epoch(self) -> int:
        """Find the epoch of the best weights."""
        best = last_saved(self.history)
        assert best is not None
        return best.epoch

    def to_bytes(self) -> bytes:
        """Write down the checkpoint, as its file has it."""
        arrays = {f"weights/{name}": value for name, value in self.weights.items()}
        arrays |= {f"training/{name}": value for name, value in self.training.items()}
        arrays |= {f"average/{name}": value for name, value in self.average.items()}
        if self.best is not self.last:
            arrays |= {f"best/{name}": value for name, value in self.best.items()}
        header = {name: getattr(self, name) for name in ("origin", "record", "steps", "order")}
        text = json.dumps({"format": 1, **header, "history": [asdict(row) for row in self.history]}, allow_nan=False)
        return save(arrays, {"run": text, "sha256": _digest(text, arrays)})

    def write(self, folder: Path) -> None:
        """Write the checkpoint beside the one before it; an older one is removed."""
        write_atomically(folder / _NEXT, self.to_bytes())
        with suppress(FileNotFoundError):  # the first has none before it
            (folder / CHECKPOINT_FILE).replace(folder / _PREVIOUS)
        (folder / _NEXT).replace(folder / CHECKPOINT_FILE)

    @classmethod
    def read(cls, path: Path) -> "Checkpoint":
        """Read a checkpoint without trusting the file.

        Raises
        ------
        ModelError
            If the file is missing, not whole, or something else.
        """
        content = read_file(path, expected=_EXPECTED, error=ModelError, max_bytes=MAX_CHECKPOINT_BYTES)
        return cls.from_bytes(content, path)

    @classmethod
    def from_bytes(cls, content: bytes, path: Path) -> "Checkpoint":
        """Read what `to_bytes` wrote, without trusting it.

        Parameters
        ----------
        path : Path
            Where it lies, for messages.

        Raises
        ------
        ModelError
            If it is not whole, or something else.
        """
        arrays = tensors_of(content, path=path, expected=_EXPECTED, error=ModelError)
        try:
            metadata = parse_json(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
            if metadata["sha256"] != _digest(metadata["run"], arrays):
                raise ValueError("it is not whole")
            # Not pydantic's own reader of JSON: numbers have to come back to the last bit.
            header = _Header.model_validate(parse_json(metadata["run"].encode()))
            np.random.default_rng().bit_generator.state = header.order
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, MemoryError) as error:
            reason = explain(error) if isinstance(error, ValidationError) else error
            raise ModelError(f"expected {_EXPECTED}, received a damaged file ({reason})", path=path) from error
        weights, training, best, average = (_part(arrays, name) for name in ("weights", "training", "best", "average"))
        return cls(
            header.origin,
            header.record,
            tuple(header.history),
            header.steps,
            header.order,
            weights,
            best or average or weights,
            training,
            average,
        )

    def restore(self, state: LoopState, place: Path) -> None:
        """Have a run, whose network was built with the weights, stand where the checkpoint was made.

        Raises
        ------
        BackendError
            If the network cannot go on with the training state.
        """
        try:
            state.network.load_training_state(self.training)
        except BackendError as error:
            raise BackendError(f"cannot go on from its checkpoint: {error}", path=place) from error
        state.order.bit_generator.state = self.order
        if state.average:
            state.average.weights = {name: value.copy() for name, value in self.average.items()}
        state.history, state.steps = list(self.history), self.steps


def _part(arrays: Mapping[str, NDArray[Any]], part: str) -> Weights:
    """Pick the arrays of one part of a file."""
    return {name.removeprefix(f"{part}/"): value for name, value in arrays.items() if name.startswith(f"{part}/")}


def _digest(text: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Hash what a file holds."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def newest_checkpoint(run: Path) -> Checkpoint | None:
    """Read the newest checkpoint of a run that is whole; the others are removed.

    Returns
    -------
    Checkpoint or None
        None if the run has no checkpoint.

    Raises
    ------
    ModelError
        If there are some, but none is whole.
    """
    found: dict[str, Checkpoint] = {}
    failure = None
    for name in CHECKPOINT_FILES:
        if (run / name).exists():
            try:
                found[name] = Checkpoint.read(run / name)
            except ModelError as error:
                failure = failure or error
    if not found and failure:
        raise ModelError(f"{failure}; no other is whole: train anew with --overwrite")
    if not found:
        return None
    newest = max(found, key=lambda name: found[name].epoch)
    if newest != CHECKPOINT_FILE:
        (run / newest).replace(run / CHECKPOINT_FILE)
    remove_previous(run)
    return found[newest]


def remove_previous(run: Path) -> None:
    """Leave a run the newest checkpoint alone."""
    for name in (_PREVIOUS, _NEXT):
        (run / name).unlink(missing_ok=True)
