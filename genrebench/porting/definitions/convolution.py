"""Convolutions."""

from genrebench.network.layers.windows import same_padding
from genrebench.porting.definitions.activation import activate
from genrebench.porting.definitions.base import Given, back, defines, last
from genrebench.porting.primitives import einsum, pad, windows
from genrebench.porting.tape import Value
from genrebench.reading.kinds import convolution as kinds

# Indices of a kernel's positions, and of the places where it is put.
INSIDE, PLACES = "ijk", "pqr"


def bordered(x: Value, size: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...], padding: str,
             *, fill: float = 0.0) -> Value:  # fmt: skip
    """Pad as TensorFlow does (https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2).

    ``causal`` pads in front alone, so that no output sees what comes after it (van den Oord et al., arXiv:1609.03499).
    """
    reach = [(each - 1) * step + 1 for each, step in zip(size, dilation, strict=True)]
    if padding == "valid":
        return x
    if padding == "causal":
        widths = [(each - 1, 0) for each in reach]
    else:
        widths = [same_padding(*each) for each in zip(x.shape[1:-1], reach, strides, strict=True)]
    return pad(x, [(0, 0), *widths, (0, 0)], fill=fill)


@defines(kinds.Conv1D, kinds.Conv2D, kinds.Conv3D)
def _convolution(kind: kinds.Conv2D, given: Given) -> Value:
    """Compute ``y[n, p, o] = sum over i, c of x[n, p stride + i dilation, c] kernel[i, c, o]``, for each group alone.

    Goodfellow et al., "Deep learning", 2016, equation 9.6, with the channels in groups.
    """
    x, kernel = last(given.x, kind.data_format), given.weights["kernel"]
    x = bordered(x, kind.kernel_size, kind.strides, kind.dilation_rate, kind.padding)
    seen = windows(x, kind.kernel_size, kind.strides, kind.dilation_rate)
    inside, places = INSIDE[: kind.rank], PLACES[: kind.rank]
    seen = seen.reshape(*seen.shape[:-1], kind.groups, -1)
    kernel = kernel.reshape(*kernel.shape[:-1], kind.groups, -1)
    y = einsum(f"n{places}{inside}gc,{inside}cgo->n{places}go", seen, kernel)
    y = y.reshape(*y.shape[:-2], kind.filters)
    return back(activate(kind.activation, y + given.weights["bias"] if kind.use_bias else y), kind.data_format)
