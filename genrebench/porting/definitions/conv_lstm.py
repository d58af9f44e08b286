"""Long short-term memory whose products are convolutions."""

from collections.abc import Callable, Sequence

from genrebench.network.types import Array
from genrebench.porting.definition import Given, Made, back, defines, last
from genrebench.porting.definitions.activation import activate
from genrebench.porting.definitions.convolution import bordered
from genrebench.porting.definitions.core import dropped
from genrebench.porting.definitions.recurrent import run_over_time, split
from genrebench.porting.kernels import Placing, convolve
from genrebench.porting.primitives import concatenate
from genrebench.porting.tape import Value
from genrebench.reading.kinds import conv_lstm as kinds


def _convolved(x: Value, kernel: Value, strides: tuple[int, ...], dilation: tuple[int, ...], padding: str) -> Value:
    """Convolve, channels last."""
    size = kernel.shape[:-2]
    return convolve(bordered(x, size, strides, dilation, padding), kernel, Placing(size, strides, dilation))


def _for_gates(
    x: Value, kernel: Value, kept: Array | None, rate: float, product: Callable[[Value, Value], Value]
) -> Value:
    """Compute a product for all gates: at once, or for each with values of x dropped that are its own.

    Parameters
    ----------
    kept : ndarray or None
        Which values are kept [shape=(n, gates, ...)].
    """
    if kept is None:
        return product(x, kernel)
    width = kernel.shape[-1] // kept.shape[1]
    parts = [
        product(dropped(x, kept[:, gate], rate), kernel[..., gate * width : (gate + 1) * width])
        for gate in range(kept.shape[1])
    ]
    return concatenate(parts, -1)


@defines(kinds.ConvLSTM1D, kinds.ConvLSTM2D, kinds.ConvLSTM3D)
def _conv_lstm(kind: kinds._ConvLSTM, given: Given) -> Made:
    """Compute ``c = f c + i g``, ``h = o activation(c)`` of gates i, f, g, o that are convolutions of x and of h.

    Shi et al., arXiv:1506.04214, without their peepholes; the state is convolved with stride 1 and keeps its size,
    whatever the input does (keras/src/layers/rnn/conv_lstm.py).
    """
    ones = (1,) * kind.rank
    of_input, of_state = given.draw("dropout"), given.draw("recurrent_dropout")

    def inputs(x: Value, kernel: Value) -> Value:
        """Convolve all steps of the input."""
        batch, steps = x.shape[:2]
        images = last(x.reshape(batch * steps, *x.shape[2:]), kind.data_format)
        y = _convolved(images, kernel, kind.strides, kind.dilation_rate, kind.padding)
        return y.reshape(batch, steps, *y.shape[1:])

    def states(h: Value, kernel: Value) -> Value:
        """Convolve a state."""
        return _convolved(last(h, kind.data_format), kernel, ones, ones, "same")

    # The same values are dropped at every step.
    of_input = None if of_input is None else of_input[:, :, None]
    shares = _for_gates(given.x, given.weights["kernel"], of_input, kind.dropout, inputs)
    shares = shares + given.weights["bias"] if kind.use_bias else shares

    def step(share: Value, states_before: Sequence[Value]) -> Sequence[Value]:
        """Make one step."""
        h, c = states_before
        recurrent = _for_gates(h, given.weights["recurrent_kernel"], of_state, kind.recurrent_dropout, states)
        i, f, g, o = (back(each, kind.data_format) for each in split(share + recurrent, 4))
        i, f, o = (activate(kind.recurrent_activation, gate) for gate in (i, f, o))
        c = f * c + i * activate(kind.activation, g)
        return o * activate(kind.activation, c), c

    places = shares.shape[2:-1]
    shape = (*places, kind.filters) if kind.data_format == "channels_last" else (kind.filters, *places)
    return run_over_time(kind, given, step, shares, shape)
