"""What a backend answers, checked before anything relies on it: the one place for it.

Every backend that is loaded by name, or given to the kit, is a `CheckedBackend`. Of each answer it checks what no
comparison can tell: that it has the form which the protocol promises, arrays of NumPy's own with memory behind every
number. What the arrays hold is judged where it is known what they should: values, and in `trace`, gradients and updates
names and shapes by parity and the kit, which say how far off they are; NaN of a trained model by the model.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from genrebench.backend.group import Group, GroupBackend, Grouped
from genrebench.backend.protocol import Backend, BackendInfo, BatchMetrics, DeviceResident, Network, Trainable
from genrebench.errors import AnswerError, BackendError
from genrebench.network.adam import Adam, AdamState
from genrebench.network.architecture import Architecture
from genrebench.network.types import Array, Shape, Weights

T = TypeVar("T")
_TEXTS, _TUPLES = ("name", "framework", "summary", "implementation"), ("devices", "requires", "precisions")
_FLAGS = ("can_train", "predicts_only")


def info_problem(info: Any, name: str) -> str:
    """Say what is wrong with what a plugin says of itself; nothing if all is well.

    Parameters
    ----------
    info : object
        What the entry point leads to.
    name : str
        Name of the entry point.
    """
    if not isinstance(info, BackendInfo) or info.name != name:
        return f"expected a BackendInfo named {name!r}, received {_shown(info)}"
    for field in _TEXTS:
        value = getattr(info, field)
        if not isinstance(value, str) or not value.isprintable():
            return f"info.{field}: expected one line of text, received {_shown(value)}"
    values: Any
    for field in _TUPLES:
        values = getattr(info, field)
        if not isinstance(values, tuple) or not all(isinstance(each, str) and each.isprintable() for each in values):
            return f"info.{field}: expected a tuple of names, received {_shown(values)}"
    for field in _FLAGS:
        value = getattr(info, field)
        if not isinstance(value, bool):
            return f"info.{field}: expected True or False, received {_shown(value)}"
    if info.can_train and info.predicts_only:
        return "info.predicts_only: expected False of a backend that trains, received True"
    return ""


def _shown(value: Any) -> str:
    """Show a value in a message."""
    try:
        return repr(value)[:200]
    except Exception:  # a stranger's object
        return f"a {type(value).__name__}"


def check_array(name: str, value: Any, *, dtype: Any = None, shape: Shape | None = None) -> Array:
    """Refuse what is no array of numbers in memory of its own.

    Nothing of it is computed or copied before it is known what it is, so that one which makes its content, or its
    length, only when asked cannot fill memory or disk.

    Parameters
    ----------
    name : str
        What it is called in a message.
    dtype, shape : dtype, tuple of int, optional
        What it should have; by default float32 or float64, and any shape.

    Raises
    ------
    AnswerError
        If it is something else.
    """
    expected = "float32 or float64" if dtype is None else str(np.dtype(dtype))
    if type(value) is not np.ndarray:
        raise AnswerError(f"{name}: expected a NumPy array of {expected}, received {type(value).__name__}")
    # Of another byte order is another dtype.
    if value.dtype not in (np.float32, np.float64) if dtype is None else value.dtype != dtype:
        raise AnswerError(f"{name}: expected an array of {expected}, received dtype {value.dtype!s:.80}")
    if shape is not None and value.shape != shape:
        raise AnswerError(f"{name}: expected shape {shape}, received {value.shape}")
    if not value.flags.writeable or any(
        step <= 0 for step, size in zip(value.strides, value.shape, strict=True) if size > 1
    ):
        what = "a view with steps that are not positive" if value.flags.writeable else "one that is read-only"
        raise AnswerError(f"{name}: expected an array that is the caller's, a copy, received {what}")
    return value


def _check_arrays(name: str, values: Any) -> dict[str, Array]:
    """Refuse what is no dictionary of arrays by name."""
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise AnswerError(f"{name}: expected a dictionary of arrays by name, received {type(values).__name__}")
    return {key: check_array(f"{name}, {key}", each) for key, each in values.items()}


def _check_float(name: str, value: Any) -> float:
    """Refuse what is no Python float."""
    if not isinstance(value, float):
        raise AnswerError(f"{name}: expected a float, received {type(value).__name__}")
    return float(value)


def _check_pair(name: str, value: Any) -> tuple[Any, Any]:
    """Refuse what is no pair."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise AnswerError(f"{name}: expected two values, received {type(value).__name__}")
    return value


def _check_metrics(name: str, value: Any, size: int) -> BatchMetrics:
    """Refuse what does not measure a step on so many segments."""
    if not isinstance(value, BatchMetrics):
        raise AnswerError(f"{name}: expected BatchMetrics, received {type(value).__name__}")
    _check_float(f"{name}, loss", value.loss)
    for field in ("size", "correct"):
        if type(getattr(value, field)) is not int:
            raise AnswerError(f"{name}, {field}: expected an int, received {type(getattr(value, field)).__name__}")
    if value.size != size or not 0 <= value.correct <= size:
        raise AnswerError(f"{name}: expected the metrics of {size} segments, received {value}")
    return value


def _ask(name: str, call: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Call a backend, which may raise what it likes but must not end the program."""
    try:
        return call(*arguments, **options)
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise AnswerError(f"{name}: expected an answer, received {type(error).__name__}: {error}") from error


class CheckedBackend:
    """A backend whose networks are checked.

    Parameters
    ----------
    info : BackendInfo
        What the plugin says of itself.
    backend : Backend
        What builds the networks.
    """

    def __init__(self, info: BackendInfo, backend: Backend) -> None:
        """Keep both."""
        self._info, self.backend = info, backend

    def build(
        self, architecture: Architecture, weights: Mapping[str, Array], *, dtype: str = "float32", device: str = "auto"
    ) -> Network:
        """Build a network. See `Backend.build`.

        Raises
        ------
        AnswerError
            If it lacks a method, or trains although the plugin says that it does not, or the other way round.
        """
        network = _ask("build", self.backend.build, architecture, weights, dtype=dtype, device=device)
        for method in ("weights", "logits", "trace", "loss_and_gradients", "adam_update"):
            if not callable(getattr(network, method, None)):
                raise AnswerError(f"expected a network with a method {method}, received {type(network).__name__}")
        trains = isinstance(network, Trainable)
        if trains != self._info.can_train:
            raise AnswerError(
                f"info.can_train is {self._info.can_train}, but the network says otherwise: expected all methods of "
                f"Trainable, or not all; {type(network).__name__} has {'all' if trains else 'not all'}"
            )
        if isinstance(network, Grouped):
            kind = CheckedGroupedResident if isinstance(network, DeviceResident) else CheckedGrouped
            return kind(network, architecture)
        if isinstance(network, DeviceResident):
            return CheckedResident(network, architecture)
        return CheckedTrainable(network, architecture) if trains else CheckedNetwork(network, architecture)

    def join(self, device: str) -> Group:
        """Meet the processes that were started together with this one. See `GroupBackend.join`.

        Raises
        ------
        BackendError
            If its networks cannot be trained by several processes.
        """
        if not isinstance(self.backend, GroupBackend):
            raise BackendError(
                f"backend {self._info.name}: expected one whose networks several processes can train, received "
                "one that trains alone; start it without torchrun, or use --backend torch"
            )
        group = _ask("join", self.backend.join, device)
        if not isinstance(group, Group):
            raise AnswerError(f"join: expected a Group, received {type(group).__name__}")
        return group


class CheckedNetwork:
    """A network whose answers are checked.

    Parameters
    ----------
    network : Network
        What a backend built.
    architecture : Architecture
        What it was asked for.
    """

    def __init__(self, network: Any, architecture: Architecture) -> None:
        """Keep both."""
        self._network, self._architecture = network, architecture

    def weights(self) -> Weights:
        """Read the weights. See `Network.weights`."""
        return _check_arrays("weights", _ask("weights", self._network.weights))

    def logits(self, x: Array) -> Array:
        """Run the network in evaluation mode. See `Network.logits`."""
        logits = _ask("logits", self._network.logits, x)
        return check_array("logits", logits, shape=(len(x), self._architecture.classes))

    def trace(self, x: Array, *, training: bool, dropout_masks: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Run the network and keep the output of every layer. See `Network.trace`."""
        found = _ask("trace", self._network.trace, x, training=training, dropout_masks=dropout_masks)
        return _check_arrays("trace", found)

    def loss_and_gradients(
        self, x: Array, labels: Array, *, dropout_masks: Mapping[str, Array] | None = None
    ) -> tuple[float, Weights]:
        """Compute the loss and its gradients. See `Network.loss_and_gradients`."""
        name = "loss_and_gradients"
        found = _ask(name, self._network.loss_and_gradients, x, labels, dropout_masks=dropout_masks)
        loss, gradients = _check_pair(name, found)
        return _check_float("loss", loss), _check_arrays("gradients", gradients)

    def adam_update(self, gradients: Weights, state: AdamState, optimizer: Adam) -> tuple[Weights, AdamState]:
        """Compute one update of Adam. See `Network.adam_update`."""
        found = _ask("adam_update", self._network.adam_update, gradients, state, optimizer)
        weights, after = _check_pair("adam_update", found)
        if not isinstance(after, AdamState) or type(after.step) is not int:
            raise AnswerError(f"adam_update: expected an AdamState with an int for a step, received {_shown(after)}")
        m, v = (_check_arrays(f"adam_update, {kind}", getattr(after, kind)) for kind in ("m", "v"))
        return _check_arrays("adam_update", weights), AdamState(after.step, m, v)


class CheckedTrainable(CheckedNetwork):
    """A network that trains, whose answers are checked."""

    def start_training(self, optimizer: Adam, *, seed: int, precision: str = "float32") -> None:
        """Begin training. See `Trainable.start_training`."""
        _ask("start_training", self._network.start_training, optimizer, seed=seed, precision=precision)

    def train_step(self, x: Array, labels: Array) -> BatchMetrics:
        """Do one step. See `Trainable.train_step`."""
        return _check_metrics("train_step", _ask("train_step", self._network.train_step, x, labels), len(x))

    def training_state(self) -> dict[str, Array]:
        """Read what resumed training needs beside the weights. See `Trainable.training_state`."""
        state = _ask("training_state", self._network.training_state)
        if not isinstance(state, dict):
            raise AnswerError(f"training_state: expected a dictionary of arrays, received {type(state).__name__}")
        specs = self._architecture.weight_specs()
        shapes = {f"adam/{kind}/{name}": specs[name].shape for kind in "mv" for name in self._architecture.trainable}
        for name, value in state.items():
            # Adam's part is every backend's; the rest is its own, of any dtype of numbers.
            dtype = getattr(value, "dtype", None)
            own = dtype if isinstance(dtype, np.dtype) and dtype.kind in "biuf" and dtype.isnative else None
            check_array(f"training_state, {name}", value, dtype=None if name in shapes else own, shape=shapes.get(name))
        return state

    def load_training_state(self, state: Mapping[str, Array]) -> None:
        """Go on where training stopped. See `Trainable.load_training_state`."""
        _ask("load_training_state", self._network.load_training_state, state)


class CheckedResident(CheckedTrainable):
    """A network that can hold the training data where it computes, whose answers are checked."""

    def load_data(self, inputs: Array, labels: Array) -> bool:
        """Offer it the data. See `DeviceResident.load_data`."""
        loaded = _ask("load_data", self._network.load_data, inputs, labels)
        if not isinstance(loaded, bool):
            raise AnswerError(f"load_data: expected True or False, received {_shown(loaded)}")
        return loaded

    def train_on(self, indices: Array) -> BatchMetrics:
        """Do one step on loaded segments. See `DeviceResident.train_on`."""
        return _check_metrics("train_on", _ask("train_on", self._network.train_on, indices), len(indices))


class CheckedGrouped(CheckedTrainable):
    """A network that several processes can train together, whose answers are checked."""

    def join(self, group: Group) -> None:
        """Train together with other processes. See `Grouped.join`."""
        _ask("join", self._network.join, group)

    def train_share(self, x: Array, labels: Array, *, batch: int) -> BatchMetrics:
        """Do this process's part of a step. See `Grouped.train_share`."""
        return _check_metrics(
            "train_share", _ask("train_share", self._network.train_share, x, labels, batch=batch), batch
        )


class CheckedGroupedResident(CheckedGrouped, CheckedResident):
    """One that can hold the training data, too."""
