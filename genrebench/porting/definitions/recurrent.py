"""Recurrent layers."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from genrebench.errors import BackendError
from genrebench.network.types import Array
from genrebench.porting.definition import Given, Made, Mask, compute, defines
from genrebench.porting.definitions.activation import activate
from genrebench.porting.definitions.core import dropped
from genrebench.porting.primitives import concatenate, stack, where
from genrebench.porting.tape import Value
from genrebench.reading.kinds import recurrent as kinds

# From a step's share of the input [shape=(n, gates * units)] and the states, the states after it, the output first.
Step = Callable[[Value, Sequence[Value]], Sequence[Value]]


def _products(x: Value, kernel: Value, kept: Array | None, rate: float) -> Value:
    """Compute ``x kernel``, with values of x dropped: the same for all gates [shape=(n, features)], or others for each.

    Those of each gate are drawn alone where the state has dropout, too [shape=(n, gates, features)]; at every step the
    same are dropped (Gal and Ghahramani, arXiv:1512.05287).
    """
    if kept is None or kept.ndim == 2:
        spread = kept if kept is None or x.ndim == 2 else kept[:, None]
        return dropped(x, spread, rate) @ kernel
    width = kernel.shape[1] // kept.shape[1]
    parts = []
    for gate in range(kept.shape[1]):
        spread = kept[:, gate] if x.ndim == 2 else kept[:, None, gate]
        parts.append(dropped(x, spread, rate) @ kernel[:, gate * width : (gate + 1) * width])
    return concatenate(parts, -1)


def _recurrence(kind: kinds._Cell, given: Given) -> Callable[[Value, slice], Value]:
    """Make the function from a state to its products with some gates' part of the recurrent kernel."""
    kept, kernel = given.draw("recurrent_dropout"), given.weights["recurrent_kernel"]

    def product(state: Value, gates: slice) -> Value:
        """Multiply."""
        own = kernel[:, gates.start * kind.units : gates.stop * kind.units]
        return _products(state, own, kept if kept is None or kept.ndim == 2 else kept[:, gates], kind.recurrent_dropout)

    return product


def split(x: Value, count: int) -> list[Value]:
    """Cut the last axis into equal parts."""
    width = x.shape[-1] // count
    return [x[..., at * width : (at + 1) * width] for at in range(count)]


def _ran(kind: kinds._Cell, given: Given, step: Step) -> Made:
    """Run a cell whose states are vectors over time."""
    bias = given.weights.get("bias")
    shares = _products(given.x, given.weights["kernel"], given.draw("dropout"), kind.dropout)
    if bias is not None:
        shares = shares + (bias if len(bias.shape) == 1 else bias[0])
    return run_over_time(kind, given, step, shares, (kind.units,))


def run_over_time(kind: kinds._Recurrent, given: Given, step: Step, shares: Value, state: tuple[int, ...]) -> Made:
    """Run a cell over time (keras/src/backend/tensorflow/rnn.py).

    At a step that is masked the states stand still, and the output is the one before, 0 if there is none, or always 0
    with ``zero_output_for_mask``.

    Parameters
    ----------
    shares : Value
        What the input adds at each step [shape=(n, steps, ...)].
    state : tuple of int
        Shape of a state, without the batch.
    """
    mask = _used_mask(kind, given)
    nothing = Value(np.zeros((shares.shape[0], *state)))
    if mask is not None and (mask.ndim > nothing.ndim or mask.shape[2:] != state[: mask.ndim - 2]):
        raise BackendError(f"expected a mask of steps, or of places in {state}, received one of {mask.shape[1:]}")
    states: Sequence[Value] = given.arguments.get("initial_state") or (nothing,) * kind.states
    states = states if isinstance(states, tuple) else (states,)
    output, outputs = nothing, []
    steps = range(shares.shape[1])
    for time in reversed(steps) if kind.go_backwards else steps:
        after = step(shares[:, time], states)
        if mask is None:
            output, states = after[0], after
        else:
            there = mask[:, time].reshape(mask.shape[:1] + mask.shape[2:] + (1,) * (nothing.ndim - mask.ndim + 1))
            output = where(there, after[0], nothing if kind.zero_output_for_mask else output)
            states = tuple(where(there, new, old) for new, old in zip(after, states, strict=True))
        outputs.append(output)
    result = stack(outputs, 1) if kind.return_sequences else output
    masks: tuple[Mask, ...] = (given.mask if kind.return_sequences else None,)
    return Made((result, *states), masks) if kind.return_state else Made((result,), masks)


def _used_mask(kind: kinds._Recurrent, given: Given) -> Mask:
    """Find the mask to compute with, of which Keras 3 sees nothing where there is an initial state."""
    is_forgotten = given.arguments.get("initial_state") and not kind.mask_with_state and "mask" not in given.arguments
    return None if is_forgotten else given.mask


@defines(kinds.SimpleRNN)
def _simple_rnn(kind: kinds.SimpleRNN, given: Given) -> Made:
    """Compute ``h = activation(x kernel + h recurrent_kernel + bias)`` (Elman, "Finding structure in time", 1990)."""
    recurrent = _recurrence(kind, given)

    def step(share: Value, states: Sequence[Value]) -> Sequence[Value]:
        """Make one step."""
        return (activate(kind.activation, share + recurrent(states[0], slice(0, 1))),)

    return _ran(kind, given, step)


@defines(kinds.LSTM)
def _lstm(kind: kinds.LSTM, given: Given) -> Made:
    """Compute ``c = f c + i g``, ``h = o activation(c)`` of gates i, f, g, o (Gers et al., 2000)."""
    recurrent = _recurrence(kind, given)

    def step(share: Value, states: Sequence[Value]) -> Sequence[Value]:
        """Make one step."""
        h, c = states
        i, f, g, o = split(share + recurrent(h, slice(0, 4)), 4)
        i, f, o = (activate(kind.recurrent_activation, gate) for gate in (i, f, o))
        c = f * c + i * activate(kind.activation, g)
        return o * activate(kind.activation, c), c

    return _ran(kind, given, step)


@defines(kinds.GRU)
def _gru(kind: kinds.GRU, given: Given) -> Made:
    """Compute ``h = z h + (1 - z) candidate``, gates z, r and the candidate (Cho et al., arXiv:1406.1078).

    The candidate is ``activation(x kernel + (r h) recurrent_kernel)``, or with ``reset_after`` ``activation(x kernel +
    r (h recurrent_kernel + bias))``, with a bias of its own (keras/src/layers/rnn/gru.py).
    """
    recurrent = _recurrence(kind, given)
    both = given.weights["bias"][1] if kind.use_bias and kind.reset_after else Value(np.zeros(3 * kind.units))

    def step(share: Value, states: Sequence[Value]) -> Sequence[Value]:
        """Make one step."""
        h = states[0]
        x_z, x_r, x_h = split(share, 3)
        z, r = split(recurrent(h, slice(0, 2)) + both[: 2 * kind.units], 2)
        z, r = activate(kind.recurrent_activation, x_z + z), activate(kind.recurrent_activation, x_r + r)
        if kind.reset_after:
            inner = r * (recurrent(h, slice(2, 3)) + both[2 * kind.units :])
        else:
            inner = recurrent(r * h, slice(2, 3))
        return (z * h + (1.0 - z) * activate(kind.activation, x_h + inner),)

    return _ran(kind, given, step)


MERGE: dict[str, Callable[[Value, Value], Value]] = {
    "concat": lambda a, b: concatenate([a, b], -1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2.0,
}


@defines(kinds.Bidirectional)
def _bidirectional(kind: kinds.Bidirectional, given: Given) -> Made:
    """Run one layer forwards, one backwards, and merge what they give (Schuster and Paliwal, 1997).

    A sequence that ran backwards is turned around; masked steps of sequences are 0 (rnn/bidirectional.py).
    """
    states = given.arguments.get("initial_state") or ()
    halves = (states[: len(states) // 2], states[len(states) // 2 :])
    made = []
    for way, layer, own in zip(("forward", "backward"), (kind.layer, kind.backward_layer), halves, strict=True):
        inner: Any = dataclasses.replace(layer, zero_output_for_mask=layer.zeros_within_both)
        made.append(compute(inner, given.inside(way, arguments={**given.arguments, "initial_state": tuple(own)})))
    forward, backward = made
    first, second = forward.outputs[0], backward.outputs[0]
    if kind.layer.return_sequences:
        second = second[:, ::-1]
    rest = (*forward.outputs[1:], *backward.outputs[1:])
    mask = forward.masks[0]
    if kind.merge_mode is None:
        return Made((first, second, *rest), (mask, mask))
    return Made((MERGE[kind.merge_mode](first, second), *rest), (mask,))
