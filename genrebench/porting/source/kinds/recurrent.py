"""Recurrent layers: PyTorch's own where they can compute what Keras does, else step by step."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from genrebench.errors import ConfigError
from genrebench.network.types import Array
from genrebench.porting.source.kinds.activation import function_of
from genrebench.porting.source.kinds.conv_lstm import ConvRun, states_of
from genrebench.porting.source.kinds.runs import Run
from genrebench.porting.source.places import SAME, Layout, axes
from genrebench.porting.source.site import Site, Weights
from genrebench.porting.source.table import writes
from genrebench.reading.kinds import recurrent as kinds
from genrebench.reading.kinds.base import known
from genrebench.reading.kinds.conv_lstm import _ConvLSTM

_NO_BIAS = "Keras has one bias, this stays 0"


def is_native(kind: kinds._Recurrent) -> bool:
    """Return whether a layer of PyTorch's computes it, as long as there is no mask."""
    if kind.recurrent_dropout or not isinstance(kind, kinds._Cell):
        return False
    if isinstance(kind, kinds.SimpleRNN):
        return kind.activation in ("tanh", "relu")
    gated: Any = kind
    fits = (gated.activation, gated.recurrent_activation) == ("tanh", "sigmoid")
    return fits and (not isinstance(kind, kinds.GRU) or kind.reset_after)


def gates(order: Sequence[int], units: int) -> Layout:
    """Put gates of the last axis in another order, and that axis first."""
    back = np.argsort(order)

    def split(weight: Array) -> tuple[Array, ...]:
        """Bring a kernel into PyTorch's layout."""
        return (weight.reshape(-1, len(order), units)[:, list(order)].reshape(len(weight), -1).T,)

    def join(arrays: Sequence[Array]) -> Array:
        """Bring it back."""
        weight = arrays[0].T
        return weight.reshape(-1, len(order), units)[:, back].reshape(len(weight), -1)

    return Layout(split, join)


def two_biases(order: Sequence[int], units: int) -> Layout:
    """Part the biases [shape=(2, gates * units)] of input and state."""
    one = gates(order, units)
    return Layout(
        lambda weight: (one.split(weight[:1])[0][:, 0], one.split(weight[1:])[0][:, 0]),
        lambda arrays: np.concatenate([one.join([each[:, None]]) for each in arrays]),
    )


class _Run(Run):
    """One direction of a layer whose states are vectors."""

    @property
    def features(self) -> int:
        """Count the input's features."""
        return known(self.site.shapes[0], -1)

    def weights(self, suffix: str = "", start: str = "") -> tuple[Weights, dict[str, Array]]:
        """Place the weights in PyTorch's own layer, and list what Keras does not have."""
        kind = self.kind
        order = (1, 0, 2) if isinstance(kind, kinds.GRU) else tuple(range(kind.gates))
        layout = gates(order, kind.units)
        both = (f"{start}bias_ih_l0{suffix}", f"{start}bias_hh_l0{suffix}")
        front = self.front
        found: Weights = {
            f"{front}kernel": (f"{start}weight_ih_l0{suffix}", layout),
            f"{front}recurrent_kernel": (f"{start}weight_hh_l0{suffix}", layout),
        }
        if not kind.use_bias:
            return found, {}
        if isinstance(kind, kinds.GRU):
            return {**found, f"{front}bias": (both, two_biases(order, kind.units))}, {}
        constants = {both[1]: np.zeros(kind.gates * kind.units, np.float32)}
        return {**found, f"{front}bias": (both[0], SAME)}, constants

    def native(self) -> str:
        """Write PyTorch's own layer, and call it: the module."""
        kind = self.kind
        name = {"SimpleRNN": "RNN"}.get(kind.name, kind.name)
        text = f"nn.{name}({self.features}, {kind.units}, batch_first=True"
        text += ', nonlinearity="relu"' if kind.activation == "relu" else ""
        text += "" if kind.use_bias else ", bias=False"
        weights, constants = self.weights()
        more = [f"{{}}.{each}.requires_grad_(False)  # {_NO_BIAS}" for each in constants]
        return self.site.module(f"{text})", weights, constants=constants, more=more, suffix=self.way)

    def own(self) -> str:
        """Write a local module that goes step by step, and call it: the module."""
        kind, site = self.kind, self.site
        is_dropping = site.drops(kind.recurrent_dropout)
        name = "ResetAfterGRU" if isinstance(kind, kinds.GRU) and kind.reset_after else kind.name
        name = site.part(f"Dropping{name}" if is_dropping else name)
        text = f"{name}({self.features}, {kind.units}, {function_of(site, kind.activation)}"
        gate = getattr(kind, "recurrent_activation", "sigmoid")
        text += f", gate={function_of(site, gate)}" if gate != "sigmoid" else ""
        text += "" if kind.use_bias else ", bias=False"
        text += ", zero_masked=True" if self.zeros else ""
        if is_dropping:
            text += f", dropout={kind.dropout!r}, recurrent_dropout={kind.recurrent_dropout!r}"
        front = self.front
        weights: Weights = {
            f"{front}kernel": ("weight_ih", axes(1, 0)),
            f"{front}recurrent_kernel": ("weight_hh", axes(1, 0)),
        }
        if kind.use_bias and name.endswith("ResetAfterGRU"):
            layout = two_biases((0, 1, 2), kind.units)
            weights = {**weights, f"{front}bias": (("bias", "bias_hh"), layout)}
        elif kind.use_bias:
            weights = {**weights, f"{front}bias": ("bias", SAME)}
        module = site.module(f"{text})", weights, suffix=self.way)
        if is_dropping:
            for each in ("dropout", "recurrent_dropout"):
                site.draws(f"{module}.{each}", key=f"{front}{each}", steps=("sequence",))
        return module

    def run(self, states: Sequence[str] = ()) -> tuple[str, list[str]]:
        """Write the run: the sequence in the order in which it went, and the states at the end."""
        kind, site = self.kind, self.site
        x, mask = site.take(), self.mask
        native = is_native(kind) and mask is None
        if not native and len(site.calls) > 1 and is_native(kind):
            raise ConfigError(f"expected a shared layer with a mask in all calls or in none, `{site.call.name:.80}`")
        if site.drops(kind.dropout) and not kind.recurrent_dropout:
            text = f"{site.part('SharedDropout')}({kind.dropout!r}, (1, None))"
            front = f"{self.way}_" if self.way else ""
            module = site.module(text, suffix=f"{front}dropout")
            site.draws(module, key=f"{self.front}dropout", steps=("sequence",))
            x = site.step(f"{module}({x})", "the same features at every step")
        x, mask = self.turned(x, mask)
        return self._native_run(x, states) if native else self._own_run(x, states, mask)

    def _native_run(self, x: str, states: Sequence[str]) -> tuple[str, list[str]]:
        """Call PyTorch's layer."""
        is_lstm = isinstance(self.kind, kinds.LSTM)
        given = [f"{each}.unsqueeze(0)" for each in states]
        state = f", ({', '.join(given)})" if len(given) > 1 else "".join(f", {each}" for each in given)
        names = ("h", "c") if is_lstm else ("h",)
        pattern = "{}, ({}, {})" if is_lstm else "{}, {}"
        module = self.native()
        y, *after = self.called(pattern, f"{module}({x}{state})", *names)
        return y, [f"{each}[0]" for each in after]

    def _own_run(self, x: str, states: Sequence[str], mask: str | None) -> tuple[str, list[str]]:
        """Call the local module."""
        is_lstm = isinstance(self.kind, kinds.LSTM)
        text = f"{self.own()}({x}"
        text += f", states=({', '.join(states)}{',' * (len(states) == 1)})" if states else ""
        text += f", mask={mask}" if mask else ""
        pattern = "{}, ({}, {})" if is_lstm else "{}, ({},)"
        names = ("h", "c") if is_lstm else ("h",)
        y, *after = self.called(pattern, f"{text})", *names)
        return y, after


@writes("SimpleRNN", "LSTM", "GRU")
def write_recurrent(site: Site) -> None:
    """Write a recurrent layer."""
    assert isinstance(site.kind, kinds._Cell)
    kind = site.kind
    y, after = _Run(site, kind).run(states_of(site))
    mask = site.mask()
    if kind.return_sequences:
        site.enter(y)
        if mask:
            site.give_mask(mask)
    else:
        site.give(f"{y}[:, -1]")
    for number, state in enumerate(after if kind.return_state else (), start=1):
        site.give(state, output=number)


_MERGED = {"sum": "{} + {}", "mul": "{} * {}", "ave": "({} + {}) / 2", "concat": "torch.cat(({}, {}), dim=-1)"}


@writes("Bidirectional")
def write_bidirectional(site: Site) -> None:
    """Write two directions: PyTorch's own if they are alike, else one after the other."""
    assert isinstance(site.kind, kinds.Bidirectional)
    kind = site.kind
    states = states_of(site)
    if not states and site.mask() is None and _are_alike(kind):
        write_both(site)
        return
    half = len(states) // 2
    first, after = _run_of(site, kind.layer, "forward").run(states[:half])
    second, more = _run_of(site, kind.backward_layer, "backward").run(states[half:])
    if kind.layer.return_sequences:
        second = site.step(f"{second}.flip(1)", "back in the order of time", name="backwards")
        if mask := site.mask():
            site.give_mask(mask)
            if kind.merge_mode is None:
                site.give_mask(mask, 1)
    else:
        first, second = f"{first}[:, -1]", f"{second}[:, -1]"
    give_merged(site, first, second, [*after, *more])


def _run_of(site: Site, kind: kinds._Recurrent, way: str) -> _Run | ConvRun:
    """Find how a direction is written."""
    return ConvRun(site, kind, way) if isinstance(kind, _ConvLSTM) else _Run(site, kind, way)


def _are_alike(kind: kinds.Bidirectional) -> bool:
    """Return whether both directions are those of one of PyTorch's layers."""
    forward, backward = kind.layer.settings(), kind.backward_layer.settings()
    is_turned = not forward.pop("go_backwards") and backward.pop("go_backwards")
    is_plain = not kind.layer.dropout and not kind.layer.stateful
    return (
        is_turned
        and is_plain
        and forward == backward
        and kind.layer.name == kind.backward_layer.name
        and (is_native(kind.layer))
    )


def give_merged(site: Site, first: str, second: str, states: Sequence[str]) -> None:
    """Write the outputs of both directions, together or apart, and the states."""
    assert isinstance(site.kind, kinds.Bidirectional)
    kind = site.kind
    if kind.merge_mode is None:
        site.give(first)
        site.give(second, output=1)
    else:
        site.give(_MERGED[kind.merge_mode].format(first, second))
    begin = 2 if kind.merge_mode is None else 1
    for number, state in enumerate(states if kind.layer.return_state else (), start=begin):
        site.give(state, output=number)


def write_both(site: Site) -> None:
    """Write one of PyTorch's layers that runs both ways."""
    assert isinstance(site.kind, kinds.Bidirectional)
    kind = site.kind
    layer = kind.layer
    assert isinstance(layer, kinds._Cell)
    name = {"SimpleRNN": "RNN"}.get(layer.name, layer.name)
    forward, backward = _Run(site, layer, "forward"), _Run(site, kind.backward_layer, "backward")
    text = f"nn.{name}({forward.features}, {layer.units}, batch_first=True, bidirectional=True"
    text += ', nonlinearity="relu"' if layer.activation == "relu" else ""
    text += "" if layer.use_bias else ", bias=False"
    (weights, constants), (others, zeros) = forward.weights(), backward.weights("_reverse")
    more = [f"{{}}.{each}.requires_grad_(False)  # {_NO_BIAS}" for each in (*constants, *zeros)]
    module = site.module(f"{text})", {**weights, **others}, constants={**constants, **zeros}, more=more)
    is_lstm = isinstance(layer, kinds.LSTM)
    pattern = "{}, ({}, {})" if is_lstm else "{}, {}"
    y, *after = site.steps(pattern, f"{module}({site.take()})", "", *(("h", "c") if is_lstm else ("h",)))
    states = [f"{state}[{way}]" for way in (0, 1) for state in after]
    if not layer.return_sequences:
        # The backward half ends at time 0: its last state, not the last step of the sequence.
        give_merged(site, f"{after[0]}[0]", f"{after[0]}[1]", states)
    elif kind.merge_mode == "concat":
        site.enter(y)
        for number, state in enumerate(states if layer.return_state else (), start=1):
            site.give(state, output=number)
    else:
        first, second = site.steps("{}, {}", f"{y}.chunk(2, dim=-1)", "forwards", "backwards")
        give_merged(site, first, second, states)
