"""What a backend is: the protocol between the core and the frameworks.

A backend builds the network of an `Architecture` in one framework. It is announced by an entry point of group
``genrebench.backends`` that names a `BackendInfo` in a module which does not import the framework;
`genrebench.backend.registry` finds it. The rules that hold for all methods:

- Arrays are NumPy's, channels last: ``(n, height, width, channels)`` or ``(n, features)``. A backend converts at this
  border, to whatever its framework likes, and nowhere else.
- Weights, gradients, moments and running statistics go by canonical names, ``<layer>/<weight>``, in Keras' layouts;
  layer outputs by the layer's name.
- What is returned is the caller's: a copy, in the network's dtype. What is given stays the caller's: it is not changed,
  and not looked at after the call.
- `Network`'s methods leave the network as it was: weights, running statistics, moments, random streams, mode. Only
  `Trainable`'s change it. Equal calls to networks that were built alike give equal bits.
- A network of dtype ``float64`` computes in float64 throughout; there two frameworks agree to rounding, which is how
  they are compared. Nothing is left to a framework's defaults.
- What cannot be done is refused with a `BackendError` of one line: what was expected, and what was received.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from genrebench.network.adam import Adam, AdamState
from genrebench.network.architecture import Architecture
from genrebench.network.types import Weights


@dataclass(frozen=True)
class BackendInfo:
    """What is known of a backend without importing its framework.

    Attributes
    ----------
    name : str
        Name on the command line, equal to the entry point's.
    framework : str
        Distribution whose version is recorded, such as ``torch``.
    summary : str
        One line for the list of backends.
    devices : tuple of str
        Devices it can be asked for, ``auto`` aside.
    can_train : bool
        Whether its networks are `Trainable`.
    implementation : str
        ``module:attribute`` of the object that builds networks, imported on first use.
    requires : tuple of str
        Other distributions that must be installed, such as the engine under Keras.
    precisions : tuple of str
        What its networks can be trained in: ``float32``, and perhaps ``bfloat16``.
    predicts_only : bool
        Whether its networks do nothing but predict, as those of an engine for inference: they refuse passes in
        training, gradients and updates, and are not asked for these.
    """

    name: str
    framework: str
    summary: str
    devices: tuple[str, ...]
    can_train: bool
    implementation: str
    requires: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ("float32",)
    predicts_only: bool = False


@dataclass(frozen=True)
class BatchMetrics:
    """What one training step measured, before its update.

    Attributes
    ----------
    size : int
        Number of segments in the batch.
    loss : float
        Their mean cross-entropy in nats.
    correct : int
        How many of them were classified rightly.
    """

    size: int
    loss: float
    correct: int


class Network(Protocol):
    """A network built by a backend, with weights of its own."""

    def weights(self) -> Weights:
        """Read the weights.

        Returns
        -------
        dict of str to ndarray
            Canonical weights, copied.
        """
        ...

    def logits(self, x: NDArray[Any]) -> NDArray[Any]:
        """Run the network in evaluation mode.

        Parameters
        ----------
        x : ndarray [shape=(n, height, width, channels)]
            Inputs, standardized.

        Returns
        -------
        ndarray [shape=(n, classes)]
            Logits in the network's dtype.
        """
        ...

    def trace(
        self, x: NDArray[Any], *, training: bool, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Run the network and keep the output of every layer.

        Parameters
        ----------
        x : ndarray [shape=(n, height, width, channels)]
            Inputs, standardized.
        training : bool
            Whether batch normalization uses the batch's statistics, and dropout its masks.
        dropout_masks : mapping of str to ndarray, optional
            For a dropout layer's name, what it keeps (1) and drops (0), in the shape of its input. In training a given
            mask is always applied, and a layer without one drops nothing; in evaluation masks have no effect.

        Returns
        -------
        dict of str to ndarray
            Output of every layer by name, after its activation, channels-last; in training also the updated running
            statistics by canonical name.
        """
        ...

    def loss_and_gradients(
        self, x: NDArray[Any], labels: NDArray[np.int64], *, dropout_masks: Mapping[str, NDArray[Any]] | None = None
    ) -> tuple[float, Weights]:
        """Compute the mean cross-entropy in training mode, and its gradients.

        Parameters
        ----------
        x : ndarray [shape=(n, height, width, channels)]
            Inputs, standardized.
        labels : ndarray of int64 [shape=(n,)]
            True classes.
        dropout_masks : mapping of str to ndarray, optional
            As in `trace`.

        Returns
        -------
        float
            The loss in nats.
        dict of str to ndarray
            Gradient of every trainable weight, by canonical name and in its layout.
        """
        ...

    def adam_update(self, gradients: Weights, state: AdamState, optimizer: Adam) -> tuple[Weights, AdamState]:
        """Compute one update of Adam from given gradients.

        Parameters
        ----------
        gradients : dict of str to ndarray
            Gradient of every trainable weight, by canonical name.
        state : AdamState
            Moments before the update.
        optimizer : Adam
            Hyperparameters.

        Returns
        -------
        dict of str to ndarray
            The trainable weights after the update, by canonical name.
        AdamState
            Moments after the update.
        """
        ...


@runtime_checkable
class Trainable(Network, Protocol):
    """A network that can be trained."""

    def start_training(self, optimizer: Adam, *, seed: int, precision: str = "float32") -> None:
        """Set the optimizer and the random stream of dropout to their beginning.

        Parameters
        ----------
        optimizer : Adam
            Hyperparameters.
        seed : int
            Seed of dropout.
        precision : str
            One of the backend's `BackendInfo.precisions`, another is refused: ``float32`` stands for the network's
            dtype, ``bfloat16`` for products of matrices and convolutions in it, with weights, sums and loss in the
            network's dtype.
        """
        ...

    def train_step(self, x: NDArray[np.float32], labels: NDArray[np.int64] | NDArray[np.float32]) -> BatchMetrics:
        """Do one step: forward in training mode, mean cross-entropy, backward, update.

        Parameters
        ----------
        x : ndarray of float32 [shape=(n, height, width, channels)]
            Inputs, standardized; the caller reuses the memory after the call.
        labels : ndarray of int64 [shape=(n,)] or float32 [shape=(n, classes)]
            True classes; or probabilities, each row with the sum 1, whose largest counts as the true class.

        Returns
        -------
        BatchMetrics
            Loss and correct predictions of this batch before the update.
        """
        ...

    def training_state(self) -> dict[str, NDArray[Any]]:
        """Read all that the next step depends on beside the weights, which is how training is resumed.

        Returns
        -------
        dict of str to ndarray
            ``adam/step``, the number of updates done; ``adam/m/<weight>`` and ``adam/v/<weight>``, the moments of every
            trainable weight by its canonical name and in its layout; ``dropout/generator``, the random stream of
            dropout as uint8 in a form of the framework's own; and what else a backend needs. All copied.
        """
        ...

    def load_training_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `training_state` was read, after `start_training` with the same optimizer and precision.

        With the weights of that moment, the steps that follow have the bits that they would have had.

        Parameters
        ----------
        state : mapping of str to ndarray
            What `training_state` returned, in any process; one that lacks an entry, or has another shape, is refused.
        """
        ...


@runtime_checkable
class DeviceResident(Trainable, Protocol):
    """A network that can hold the training data where it computes; for devices with memory of their own."""

    def load_data(self, inputs: NDArray[np.float32], labels: NDArray[np.int64]) -> bool:
        """Copy the data to the device, if it has one of its own and room for them; called before every epoch.

        Parameters
        ----------
        inputs : ndarray of float32 [shape=(segments, height, width, channels)]
            All segments, standardized; they do not change afterwards.
        labels : ndarray of int64 [shape=(segments,)]
            Their classes.

        Returns
        -------
        bool
            Whether these data are on the device, now or since an earlier call, which copied them; if not, the caller
            gathers batches for `train_step`.
        """
        ...

    def train_on(self, indices: NDArray[np.int64]) -> BatchMetrics:
        """Do one step on some of the segments that were loaded, as `train_step` does.

        Parameters
        ----------
        indices : ndarray of int64 [shape=(n,)]
            Which of the loaded segments.

        Returns
        -------
        BatchMetrics
            As of `train_step`.
        """
        ...


class Backend(Protocol):
    """What a `BackendInfo.implementation` refers to."""

    def build(
        self, architecture: Architecture, weights: Mapping[str, NDArray[Any]], *, dtype: str, device: str
    ) -> Network:
        """Build a network.

        Parameters
        ----------
        architecture : Architecture
            What to build.
        weights : mapping of str to ndarray
            Canonical weights, all of them; they are copied.
        dtype : str
            ``float32`` or ``float64``: in what weights are kept and everything is computed.
        device : str
            ``auto``, which takes the fastest that is certain to compute the same, or one of the backend's devices.

        Returns
        -------
        Network
            The network; a `Trainable` exactly if the backend can train.

        Raises
        ------
        BackendError
            If the dtype, the device or a layer kind is unavailable.
        ConfigError
            If the weights are not the architecture's.
        """
        ...
