"""Hypotheses about recurrent layers."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np

from genrebench.network.types import Array
from genrebench.parity.ledger.base import Entry, Prediction, Predictions
from genrebench.porting.proof.case import CallCase, changed, with_settings
from genrebench.reading.kinds.recurrent import GRU, Bidirectional, SimpleRNN, _Cell, _Recurrent

_KERAS = "https://keras.io/api/layers/recurrent_layers/"
_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn.{}.html"
_LSTM, _GRU = (f"{_KERAS}; {_TORCH.format(name)}" for name in ("LSTM", "GRU"))
_CONV_LSTM = ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_GATES = {"LSTM": "ifco", "GRU": "zrh", **dict.fromkeys(_CONV_LSTM, "ifco")}
_WEIGHTS = ("kernel", "recurrent_kernel", "bias")
_TWO_BIASES = {
    "summed": ("both biases are added up before the reset", [[1.0, 1.0], [0.0, 0.0]]),
    "input": ("the recurrent bias is left out", [[1.0, 0.0], [0.0, 0.0]]),
    "recurrent": ("the input's bias is left out", [[0.0, 0.0], [0.0, 1.0]]),
    "exchanged": ("the two biases are exchanged", [[0.0, 1.0], [1.0, 0.0]]),
    "doubled": ("the sum of both biases is added twice", [[1.0, 1.0], [1.0, 1.0]]),
    "input twice": ("the input's bias stands in both places", [[1.0, 0.0], [1.0, 0.0]]),
    "doubled each": ("each of the two biases is added twice", [[2.0, 0.0], [0.0, 2.0]]),
}


def _cells(case: CallCase) -> list[tuple[str, Any]]:
    """List the recurrent cells of a call."""
    return [(prefix, kind) for prefix, kind in case.parts() if isinstance(kind, _Recurrent)]


def _reweighted(case: CallCase, names: Sequence[str], change: Callable[[Array], Array]) -> dict[str, Array]:
    """Change some weights of all cells of a call."""
    keys = [f"{prefix}{name}" for prefix, _ in _cells(case) for name in names]
    return {key: change(case.own[key]) for key in keys if key in case.own}


def _reordered(order: tuple[int, ...], value: Array) -> Array:
    """Take the gates of a weight in another order."""
    parts = np.split(value, len(order), axis=-1)
    return np.concatenate([parts[each] for each in order], axis=-1)


def _gate_order(case: CallCase) -> Predictions:
    """Predict gates in another order."""
    name = next((kind.name for _, kind in _cells(case)), "")
    gates = _GATES.get(name, "")
    for order in permutations(range(len(gates))):
        if list(order) == sorted(order):
            continue
        said = ", ".join(gates[each] for each in order)
        for which in (_WEIGHTS, ("bias",), ("kernel",), ("recurrent_kernel",)):
            own = _reweighted(case, which, partial(_reordered, order))
            if own:
                where = "" if len(which) > 1 else f" of the {which[0]}"
                text = f"gates{where} taken as {said}, expected {', '.join(gates)}"
                yield Prediction(text, case.run(own=own), order=said)


def _biases(case: CallCase) -> Predictions:
    """Predict a bias that is added twice, or not; of two biases, one, or both added up."""
    cells = _cells(case)
    bias = ("bias",)
    has_two = any(isinstance(kind, GRU) and kind.reset_after and kind.use_bias for _, kind in cells)
    if (double := _reweighted(case, bias, lambda value: 2 * value)) and not has_two:
        yield Prediction("the bias is added twice, once in each of PyTorch's two", case.run(own=double), bias="doubled")
    if none := _reweighted(case, bias, np.zeros_like):
        yield Prediction("no bias is added", case.run(own=none), bias="none")
    for name, (text, mix) in _TWO_BIASES.items() if has_two else ():
        # The rows of the bias, each a mixture of both.
        own = _reweighted(case, bias, partial(np.matmul, np.array(mix)))
        yield Prediction(text, case.run(own=own), bias=name)


def _reset_after(case: CallCase) -> Predictions:
    """Predict the reset on the other side of the product."""

    def change(kind: Any) -> Any:
        """Turn it."""
        return with_settings(kind, reset_after=not kind.reset_after) if isinstance(kind, GRU) else None

    kind = changed(case.kind, change)
    if kind is None:
        return
    after = next(each.reset_after for _, each in _cells(case) if isinstance(each, GRU))
    text = "before the product, expected behind it" if after else "behind the product, expected before it"
    places: dict[str, Callable[[Array], Array]] = {
        "in the input's bias": lambda bias: bias.sum(axis=0) if bias.ndim == 2 else np.stack([bias, 0 * bias]),
        "in the recurrent bias": lambda bias: bias[0] if bias.ndim == 2 else np.stack([0 * bias, bias]),
    }
    for place, make in places.items():
        own = _reweighted(case, ("bias",), make)
        yield Prediction(f"reset {text}", case.run(kind=kind, own=own), reset_after=str(not after), place=place)


def _last_step(case: CallCase) -> Predictions:
    """Predict the last step of a sequence in the place of the final state of a bidirectional layer."""
    if not isinstance(case.kind, Bidirectional) or case.kind.layer.return_sequences:
        return
    sequence = with_settings(
        case.kind,
        layer=with_settings(case.kind.layer, return_sequences=True),
        backward_layer=with_settings(case.kind.backward_layer, return_sequences=True),
    )
    steps = case.run(kind=sequence)
    text = "backward half taken at the last step, where it has read one step only; expected at the first"
    yield Prediction(text, steps[:, -1], step="last")
    yield Prediction("forward half taken at the first step, where it has read one step only", steps[:, 0], step="first")
    merged = case.kind.merge_mode == "concat"
    if merged:
        half = _half(case.kind.layer, case.expected)
        yield Prediction(
            "the halves are exchanged",
            np.concatenate([case.expected[..., half:], case.expected[..., :half]], -1),
            halves=1.0,
        )


def _half(layer: _Recurrent, expected: Array) -> int:
    """Count the channels of the forward half, where both stand one behind the other."""
    return layer.units if isinstance(layer, _Cell) else expected.shape[-1] // 2


def _direction(case: CallCase) -> Predictions:
    """Predict time in the other direction."""
    if not _cells(case):
        return
    x = case.x[:, ::-1]
    masks = tuple(None if mask is None else mask[:, ::-1] for mask in case.masks)
    other = case.run(inputs=(x, *case.inputs[1:]), masks=masks)
    yield Prediction("reads time in the other direction", other, direction="reversed")
    layer = case.kind.layer if isinstance(case.kind, Bidirectional) else case.kind
    if getattr(layer, "return_sequences", False):
        yield Prediction("gives its steps in the other order", case.expected[:, ::-1], order="reversed")
        if isinstance(case.kind, Bidirectional) and case.kind.merge_mode == "concat":
            half = _half(case.kind.layer, case.expected)
            turned = np.concatenate([case.expected[..., :half], case.expected[:, ::-1, half:]], axis=-1)
            yield Prediction("the backward half is not turned back", turned, order="backward half")


def _state(case: CallCase) -> Predictions:
    """Predict a state in the place of another, or an initial state that is left out."""
    if "initial_state" in case.call.arguments:
        zeros = tuple(np.zeros_like(each) for each in case.arguments["initial_state"])
        yield Prediction("the initial state is left out", case.run(arguments={"initial_state": zeros}), state="zeros")
        turned = tuple(reversed(case.arguments["initial_state"]))
        yield Prediction("initial states exchanged", case.run(arguments={"initial_state": turned}), state="exchanged")


def _square(case: CallCase) -> Predictions:
    """Predict kernels whose axes are exchanged, where they are square."""

    def turned(value: Array) -> Array:
        """Exchange states and units in each gate of the recurrent kernel."""
        gates = value.shape[-1] // value.shape[-2]
        return np.concatenate([each.swapaxes(-1, -2) for each in np.split(value, gates, axis=-1)], axis=-1)

    if own := _reweighted(case, ("recurrent_kernel",), turned):
        yield Prediction("the recurrent kernel is transposed", case.run(own=own), kernel="recurrent_kernel")


def _names() -> Iterator[str]:
    """List the kinds that are recurrent, or hold a recurrent one."""
    yield from (each.__name__ for each in (SimpleRNN, GRU, Bidirectional))
    yield from ("LSTM", "TimeDistributed", *_CONV_LSTM)


RECURRENT_KINDS = tuple(_names())
RECURRENT_ENTRIES: tuple[Entry[Any], ...] = (
    Entry(
        "recurrent-bias", "biases of a recurrent layer", f"{_LSTM}; {_TORCH.format('GRU')}", _biases, RECURRENT_KINDS
    ),
    Entry("reset-after", "side of the product on which a GRU resets", _GRU, _reset_after, RECURRENT_KINDS),
    Entry("bidirectional-last", "last step in the place of the final state", _LSTM, _last_step, ("Bidirectional",)),
    Entry("gate-order", "order of the gates", f"{_LSTM}; {_TORCH.format('GRU')}", _gate_order, RECURRENT_KINDS),
    Entry("time-direction", "direction of time", _KERAS, _direction, RECURRENT_KINDS),
    Entry("initial-state", "state that a recurrent layer begins with", _KERAS, _state, RECURRENT_KINDS),
    Entry("kernel-layout", "axes of a weight mixed up", _LSTM, _square, RECURRENT_KINDS),
)
