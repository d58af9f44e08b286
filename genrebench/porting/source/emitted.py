"""What is handed over: the source, its weights, and where in it everything is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genrebench.network.types import Array
from genrebench.porting.source.places import WeightPlace


@dataclass(frozen=True)
class EmittedCall:
    """Where an output of a call is to be seen.

    Attributes
    ----------
    name : str
        The tensor: the call's name, and ``#1`` and so on behind it for further outputs.
    variable : str
        The variable that holds it.
    line : int
        Line of the statement after which it does; of an input, that of ``def forward``.
    axes : tuple of int
        The order, batch included, in which its axes are Keras'.
    is_mask : bool
        Whether it is the mask of the tensor, not the tensor.
    """

    name: str
    variable: str
    line: int
    axes: tuple[int, ...]
    is_mask: bool = False


@dataclass(frozen=True)
class RandomCall:
    """A call that draws at random in training.

    Attributes
    ----------
    name : str
        The call.
    module : str
        The module that draws.
    axes : tuple of int
        The order, batch included, that brings a draw from Keras' axes to those of the module's input; empty if they
        are the same.
    steps : tuple of str
        What is done before: ``fold`` makes one axis of batch and time, ``loop`` takes one step of time at each call,
        ``sequence`` gives a draw that holds for all steps an axis for them.
    """

    name: str
    module: str
    axes: tuple[int, ...] = ()
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Emitted:
    """A network as source.

    Attributes
    ----------
    text : str
        ``network.py``.
    state : dict of str to ndarray
        Everything that ``weights.safetensors`` holds, by the names of the network's state dict.
    weights : dict of str to WeightPlace
        Where each weight went, by canonical name.
    calls : tuple of EmittedCall
        Where the outputs of all calls are, in the order of the statements.
    random : tuple of RandomCall
        Calls that draw at random in training, in that order.
    inputs, outputs : tuple of str
        Calls that ``forward`` is given the values of, in order, and tensors that it gives back.
    """

    text: str
    state: dict[str, Array] = field(repr=False)
    weights: dict[str, WeightPlace]
    calls: tuple[EmittedCall, ...]
    random: tuple[RandomCall, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def canonical(self, state: Mapping[str, Array]) -> dict[str, Array]:
        """Bring tensors in PyTorch's layout, such as gradients or updated weights, back to Keras' names and layouts.

        Parameters
        ----------
        state : mapping of str to ndarray
            By the names of the state dict; weights of which a tensor is not there are left out.
        """
        return {
            name: place.to_keras(state)
            for name, place in self.weights.items()
            if all(each in state for each in place.names)
        }

    def table(self) -> dict[str, Any]:
        """List in plain JSON types what a worker needs in order to look inside."""
        calls = [vars(each) | {"axes": list(each.axes)} for each in self.calls]
        random = [vars(each) | {"axes": list(each.axes), "steps": list(each.steps)} for each in self.random]
        return {"calls": calls, "random": random, "inputs": list(self.inputs), "outputs": list(self.outputs)}
