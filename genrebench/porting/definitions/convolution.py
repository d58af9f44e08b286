"""Convolutions."""

from genrebench.network.layers.windows import same_padding
from genrebench.porting.definition import Given, back, defines, last
from genrebench.porting.definitions.activation import activate
from genrebench.porting.kernels import Placing, convolve, convolve_depthwise, convolve_transposed
from genrebench.porting.primitives import pad
from genrebench.porting.tape import Value
from genrebench.reading.kinds import convolution as kinds


def bordered(
    x: Value,
    size: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: str,
    *,
    fill: float = 0.0,
) -> Value:
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


def _bordered(kind: kinds._Convolution, x: Value) -> Value:
    """Pad as a layer says, channels last."""
    return bordered(x, kind.kernel_size, kind.strides, kind.dilation_rate, kind.padding)


def _finished(kind: kinds._Convolution, y: Value, given: Given) -> Value:
    """Add the bias, activate, and put the channels where the layer has them."""
    y = back(y + given.weights["bias"] if kind.use_bias else y, kind.data_format)
    # Softmax is over the last axis even where that is not the channels'.
    return activate(kind.activation, y)


@defines(kinds.Conv1D, kinds.Conv2D, kinds.Conv3D)
def _convolution(kind: kinds._Conv, given: Given) -> Value:
    """Compute ``y[n, p, o] = sum over i, c of x[n, p stride + i dilation, c] kernel[i, c, o]``, for each group alone.

    Goodfellow et al., "Deep learning", 2016, equation 9.6, with the channels in groups.
    """
    placing = Placing(kind.kernel_size, kind.strides, kind.dilation_rate, kind.groups)
    x = _bordered(kind, last(given.x, kind.data_format))
    return _finished(kind, convolve(x, given.weights["kernel"], placing), given)


def _depthwise(kind: kinds._Convolution, x: Value, kernel: Value) -> Value:
    """Compute ``y[n, p, c m + j] = sum over i of x[n, p stride + i dilation, c] kernel[i, c, j]``, m values of j.

    That of ``tf.nn.depthwise_conv2d``; stride and dilation together are as the formula has them, which TensorFlow
    computed otherwise before Keras 3.15.0 (https://github.com/keras-team/keras/pull/23027).
    """
    y = convolve_depthwise(_bordered(kind, x), kernel, Placing(kind.kernel_size, kind.strides, kind.dilation_rate))
    return y.reshape(*y.shape[:-2], -1)


@defines(kinds.DepthwiseConv1D, kinds.DepthwiseConv2D)
def _depthwise_convolution(kind: kinds._DepthwiseConv, given: Given) -> Value:
    """Convolve each channel with kernels of its own."""
    y = _depthwise(kind, last(given.x, kind.data_format), given.weights["kernel"])
    return _finished(kind, y, given)


@defines(kinds.SeparableConv1D, kinds.SeparableConv2D)
def _separable_convolution(kind: kinds._SeparableConv, given: Given) -> Value:
    """Convolve each channel alone, then combine them at each place (Chollet, arXiv:1610.02357)."""
    y = _depthwise(kind, last(given.x, kind.data_format), given.weights["depthwise_kernel"])
    pointwise = given.weights["pointwise_kernel"].reshape(y.shape[-1], kind.filters)
    return _finished(kind, y @ pointwise, given)


@defines(kinds.Conv1DTranspose, kinds.Conv2DTranspose, kinds.Conv3DTranspose)
def _transposed_convolution(kind: kinds._ConvTranspose, given: Given) -> Value:
    """Compute ``y[n, p stride + i dilation, o] = sum over p, i, c of x[n, p, c] kernel[i, o, c]``.

    The gradient of a convolution with respect to its input (Dumoulin and Visin, arXiv:1603.07285), which had its
    padding (``tf.nn.conv_transpose``): of the output, ``same`` takes away what it would add to an input of that length.
    """
    x, kernel = last(given.x, kind.data_format), given.weights["kernel"]
    reach = [(size - 1) * step + 1 for size, step in zip(kind.kernel_size, kind.dilation_rate, strict=True)]
    lengths = [
        (count - 1) * stride + each for count, stride, each in zip(x.shape[1:-1], kind.strides, reach, strict=True)
    ]
    y = convolve_transposed(x, kernel, Placing(kind.kernel_size, kind.strides, kind.dilation_rate), lengths)
    for axis, length in enumerate(lengths):
        wanted = kind.length(axis, x.shape[axis + 1]) or length
        before = max(length - wanted, 0) // 2 if kind.padding == "same" else 0
        y = y[(slice(None),) * (axis + 1) + (slice(before, before + wanted),)]
        widths = [(0, 0)] * y.ndim
        widths[axis + 1] = (0, wanted - y.shape[axis + 1])
        y = pad(y, widths)
    return _finished(kind, y, given)
