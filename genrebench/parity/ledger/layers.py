"""Known divergences of a layer's output, each as a hypothesis that is run in the referee."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any

import numpy as np

from genrebench.architecture import Architecture, Weights
from genrebench.layers import Layer, same_padding
from genrebench.metrics import log_softmax
from genrebench.parity.compare import Array
from genrebench.parity.ledger.base import Entry, float32_entry
from genrebench.parity.referee import run_layer, weights_of
from genrebench.testing.examples import FORWARD_TOLERANCE, relative_error

Predictions = Iterator[tuple[str, Array]]
_LINEAR_KINDS = ("Conv2D", "Dense")
_KERAS = "https://keras.io/api/layers/"
_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn."
# Other frameworks' defaults, and what people write.
_EPSILONS = {1e-5: "PyTorch's default", 1e-3: "Keras' default", 1e-6: "", 1e-8: "", 1e-12: "", 0.0: ""}


@dataclass(frozen=True)
class LayerCase:
    """A layer that gives something else than its definition for the same input.

    Attributes
    ----------
    architecture : Architecture
        The network.
    index : int
        Which layer it is.
    weights : dict of str to ndarray
        Canonical weights that the backend was given.
    x : ndarray
        The layer's input, as the backend computed it.
    received, expected : ndarray
        The backend's output, and that of the definition.
    outputs : dict of str to ndarray
        All outputs of the backend in this pass.
    training : bool
        Mode of the pass.
    mask : ndarray or None
        What dropout was to keep.
    """

    architecture: Architecture
    index: int
    weights: Weights
    x: Array
    received: Array
    expected: Array
    outputs: dict[str, Array]
    training: bool
    mask: Array | None = None

    @property
    def layer(self) -> Any:
        """Look up the layer.

        Returns
        -------
        Layer
            The layer; its attributes depend on its kind.
        """
        return self.architecture.layers[self.index]

    @property
    def kind(self) -> str:
        """Name the layer's kind.

        Returns
        -------
        str
            The kind.
        """
        return str(self.layer.kind)

    def run(
        self,
        *,
        x: Array | None = None,
        layer: Layer | None = None,
        training: bool | None = None,
        weights: Mapping[str, Array] | None = None,
    ) -> Array:
        """Run the layer with something swapped.

        Parameters
        ----------
        x : ndarray, optional
            Another input.
        layer : Layer, optional
            Other parameters.
        training : bool, optional
            The other mode.
        weights : mapping of str to ndarray, optional
            Other weights, by their names within the layer.

        Returns
        -------
        ndarray
            The output.
        """
        swapped = self.weights | {f"{self.layer.name}/{name}": value for name, value in (weights or {}).items()}
        return run_layer(
            layer or self.layer,
            swapped,
            self.x if x is None else x,
            training=self.training if training is None else training,
            mask=self.mask,
        )[self.layer.name]

    def weight(self, name: str) -> Array:
        """Look up a weight of the layer.

        Parameters
        ----------
        name : str
            Its name within the layer.

        Returns
        -------
        ndarray
            The weight.
        """
        return self.weights[f"{self.layer.name}/{name}"]


def _rectifier_after_normalisation(case: LayerCase) -> Predictions:
    """Predict a rectifier that was moved behind the next batch normalisation.

    Parameters
    ----------
    case : LayerCase
        What diverges.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation and output.
    """
    if case.kind == "BatchNormalization":
        before = next((each for each in reversed(case.architecture.layers[: case.index]) if hasattr(each, "filters")
                       or hasattr(each, "units")), None)  # fmt: skip
        if before is not None and getattr(before, "activation", "") == "relu":
            yield f"rectifies after normalising, expected before, in {before.name}", np.maximum(case.expected, 0)
        return
    if case.layer.activation != "relu":
        return
    for before, layer in zip(case.architecture.layers[case.index :], case.architecture.layers[case.index + 1 :]):  # noqa: B905 - neighbours
        if layer.kind in _LINEAR_KINDS or before.name not in case.outputs or layer.name not in case.outputs:
            return
        if layer.kind == "BatchNormalization":
            normalised = run_layer(layer, case.weights, case.outputs[before.name], training=case.training)[layer.name]
            if relative_error(np.maximum(normalised, 0), case.outputs[layer.name]) < FORWARD_TOLERANCE:
                linear = case.run(layer=replace(case.layer, activation="linear"))
                yield f"rectifies after {layer.name}, expected before it", linear
            return


def _activation(case: LayerCase) -> Predictions:
    """Predict a rectifier that is missing or one too many.

    Parameters
    ----------
    case : LayerCase
        What diverges.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation and output.
    """
    if getattr(case.layer, "activation", "linear") == "relu":
        yield "linear output, expected relu", case.run(layer=replace(case.layer, activation="linear"))
    else:
        yield "rectified output, expected a linear one", np.maximum(case.expected, 0)


def _softmax(case: LayerCase) -> Predictions:
    """Predict a network that ends in probabilities.

    Parameters
    ----------
    case : LayerCase
        What diverges.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation and output.
    """
    if case.index == len(case.architecture.layers) - 1:
        yield "gives probabilities, expected logits", np.exp(log_softmax(case.expected))
        yield "gives log-probabilities, expected logits", log_softmax(case.expected)


def _kernel_layout(case: LayerCase) -> Predictions:
    """Predict a kernel whose axes were mixed up.

    Parameters
    ----------
    case : LayerCase
        What diverges.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation and output.
    """
    kernel = case.weight("kernel")
    for text, other in kernel_layouts(kernel):
        yield text, case.run(weights={"kernel": other})
    if case.kind == "Dense" and case.index and case.architecture.layers[case.index - 1].kind == "Flatten":
        shape = case.architecture.shapes()[case.index - 1]
        for axes, text in flatten_orders(shape):
            rows = kernel.reshape(*(shape[axis] for axis in axes), -1)
            back = rows.transpose(*np.argsort(axes), len(axes)).reshape(kernel.shape)
            yield f"kernel's rows flattened {text}", case.run(weights={"kernel": back})


def kernel_layouts(kernel: Array) -> Predictions:
    """List what people make of a kernel's layout.

    Parameters
    ----------
    kernel : ndarray [shape=(height, width, in, out)] or [shape=(in, out)]
        The right kernel.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation, and a kernel of the same shape that is another.
    """
    if kernel.ndim == 4:
        height, width, channels, filters = kernel.shape
        yield "kernel flipped in height and width, expected a cross-correlation", kernel[::-1, ::-1]
        reshaped = kernel.reshape(filters, channels, height, width).transpose(2, 3, 1, 0)
        yield "kernel reshaped to (out, in, height, width), expected a transposition (3, 2, 0, 1)", reshaped
        if height == width:
            yield "kernel's height and width exchanged", kernel.transpose(1, 0, 2, 3)
        if channels == filters:
            yield "kernel's in and out exchanged", kernel.transpose(0, 1, 3, 2)
    elif kernel.ndim == 2:
        yield "kernel reshaped to (out, in), expected a transposition", kernel.reshape(kernel.shape[::-1]).T
        if kernel.shape[0] == kernel.shape[1]:
            yield "kernel transposed, expected (in, out)", kernel.T


def _bias_dropped(case: LayerCase) -> Predictions:
    """Predict a layer without its bias, or normalisation without its scale or offset.

    Parameters
    ----------
    case : LayerCase
        What diverges.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation and output.
    """
    if case.kind in _LINEAR_KINDS:
        yield "no bias is added", case.run(weights={"bias": np.zeros_like(case.weight("bias"))})
        return
    ones, zeros = np.ones_like(case.weight("gamma")), np.zeros_like(case.weight("beta"))
    yield "no offset (beta) is added", case.run(weights={"beta": zeros})
    yield "no scale (gamma) is applied", case.run(weights={"gamma": ones})
    yield "neither scale (gamma) nor offset (beta) is applied", case.run(weights={"gamma": ones, "beta": zeros})
    yield (
        "scale (gamma) and offset (beta) exchanged",
        case.run(weights={"gamma": case.weight("beta"), "beta": case.weight("gamma")}),
    )


def _weights_swapped(case: LayerCase) -> Predictions:
    """Predict the weights of another layer of the same shapes.

    Parameters
    ----------
    case : LayerCase
        What diverges.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation and output.
    """
    own = {name.split("/")[1]: value for name, value in weights_of(case.layer, case.weights).items()}
    for other in case.architecture.layers:
        theirs = {name.split("/")[1]: value for name, value in weights_of(other, case.weights).items()}
        fits = {name: value for name, value in theirs.items() if name in own and value.shape == own[name].shape}
        if other.name == case.layer.name or not fits:
            continue
        if len(fits) == len(own):
            yield f"has the weights of {other.name}", case.run(weights=fits)
        for name, value in fits.items():
            yield f"has the {name} of {other.name}", case.run(weights={name: value})


def _padding(case: LayerCase) -> Predictions:
    """Predict windows that begin elsewhere.

    Where the first window begins and how many there are says how the input was padded: for given output sizes only the
    low side is free. One sample is enough to find it.

    Parameters
    ----------
    case : LayerCase
        What diverges.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation and output.
    """
    if case.received.ndim != 4 or case.x.ndim != 4:
        return
    layer = case.layer
    is_pool = case.kind == "MaxPooling2D"
    window: tuple[int, int] = layer.pool_size if is_pool else layer.kernel_size
    axes = list(zip(case.x.shape[1:3], window, layer.strides, case.received.shape[1:3], strict=True))
    expected = [same_padding(*axis[:3]) if layer.padding == "same" else (0, 0) for axis in axes]
    for fill in (-np.inf, 0.0) if is_pool else (0.0,):
        for low in product(*map(range, window)):
            used = [
                (before, max((count - 1) * stride + extent - size - before, 0))
                for before, (size, extent, stride, count) in zip(low, axes, strict=True)
            ]
            if relative_error(_run_padded(case, case.x[:1], used, fill), case.received[:1]) < FORWARD_TOLERANCE:
                rows, columns = (_as_framework(*each) for each in zip(used, axes, strict=True))
                filled = " with zeros" if is_pool and fill == 0 else ""
                text = f"pads {rows}{columns}{filled}, expected {expected[0]}{expected[1]}".replace(", ", ",")
                yield text.replace(",expected", ", expected"), _run_padded(case, case.x, used, fill)


def _run_padded(case: LayerCase, x: Array, padding: list[tuple[int, int]], fill: float) -> Array:
    """Pad explicitly, then run the layer without padding of its own.

    Parameters
    ----------
    case : LayerCase
        What diverges.
    x : ndarray [shape=(n, height, width, channels)]
        Input.
    padding : list of tuple of int
        Elements before and after, along height and width.
    fill : float
        What to pad with.

    Returns
    -------
    ndarray
        Output, no larger than the received one.
    """
    padded = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=fill)
    rows, columns = case.received.shape[1:3]
    return case.run(x=padded, layer=replace(case.layer, padding="valid"))[:, :rows, :columns]


def _as_framework(used: tuple[int, int], axis: tuple[int, int, int, int]) -> tuple[int, int]:
    """Name a padding as a framework that pads both sides alike would.

    Parameters
    ----------
    used : tuple of int
        Elements before and after that windows reach.
    axis : tuple of int
        Input size, window, step, and number of windows.

    Returns
    -------
    tuple of int
        (p, p) where that gives as many windows, of which the last need not reach the end; else `used`.
    """
    (before, _), (size, window, stride, count) = used, axis
    return (before, before) if before and (size + 2 * before - window) // stride + 1 == count else used


def _epsilon(case: LayerCase) -> Predictions:
    """Predict another epsilon, a usual one or the one that the numbers give.

    Parameters
    ----------
    case : LayerCase
        What diverges.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation and output.
    """
    axes = tuple(range(case.x.ndim - 1))
    mean, variance = case.weight("moving_mean"), case.weight("moving_variance")
    if case.training:
        mean, variance = case.x.mean(axes), case.x.var(axes)
    centred = case.x - mean
    # The output's slope over the input is gamma / sqrt(variance + epsilon).
    slope = ((case.received - case.weight("beta")) * centred).sum(axes) / np.maximum((centred**2).sum(axes), 1e-300)
    with np.errstate(all="ignore"):
        estimates = (case.weight("gamma") / slope) ** 2 - variance
    estimate = float(np.median(estimates[np.isfinite(estimates)])) if np.isfinite(estimates).any() else -1.0
    single = float(np.float32(case.layer.epsilon))
    for epsilon in (*_EPSILONS, single, float(f"{estimate:.3g}"), estimate):
        if epsilon >= 0 and epsilon != case.layer.epsilon:
            named = _EPSILONS.get(epsilon) or ("rounded to float32" if epsilon == single else "")
            text = f"epsilon {epsilon:.9g}{f' ({named})' if named else ''}, expected {case.layer.epsilon:g}"
            yield text, case.run(layer=replace(case.layer, epsilon=epsilon))


def _statistics(case: LayerCase) -> Predictions:
    """Predict normalisation by the other mode's statistics, or by the unbiased variance.

    Parameters
    ----------
    case : LayerCase
        What diverges.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation and output.
    """
    if case.training:
        yield "normalises by running statistics in training, expected the batch's", case.run(training=False)
        axes = tuple(range(case.x.ndim - 1))
        unbiased = case.x.var(axes, ddof=1)
        output = case.run(training=False, weights={"moving_mean": case.x.mean(axes), "moving_variance": unbiased})
        yield "normalises by the unbiased batch variance, expected the biased one", output
    else:
        yield "normalises by the batch's statistics in evaluation, expected the running ones", case.run(training=True)


def _flatten(case: LayerCase) -> Predictions:
    """Predict another order of the flattened axes.

    Parameters
    ----------
    case : LayerCase
        What diverges.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation and output.
    """
    for axes, text in flatten_orders(case.x.shape[1:]):
        yield f"flattens {text}", case.x.transpose(0, *(axis + 1 for axis in axes)).reshape(len(case.x), -1)


def flatten_orders(shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], str]]:
    """List the wrong orders of flattening a feature map.

    Parameters
    ----------
    shape : tuple of int
        Its shape without the batch axis.

    Yields
    ------
    tuple of (tuple of int, str)
        Order of the axes, and how to say it.
    """
    names = ("height", "width", "channels")
    if len(shape) == 3:
        for axes in permutations(range(3)):
            if axes != (0, 1, 2):
                order = ", ".join(names[axis] for axis in axes)
                known = " (NCHW)" if axes == (2, 0, 1) else ""
                yield axes, f"in the order {order}{known}, expected height, width, channels"


def _dropout(case: LayerCase) -> Predictions:
    """Predict dropout that is active in evaluation, or does something else with its mask.

    Parameters
    ----------
    case : LayerCase
        What diverges.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation and output.
    """
    rate = case.layer.rate
    if case.received.shape != case.x.shape:
        return
    if case.training and case.mask is not None:
        yield "ignores the mask", case.x
        yield "does not scale by 1 / (1 - rate)", case.x * case.mask
        yield "keeps what the mask drops", case.x * (1 - case.mask) / (1 - rate)
    drawn = (case.received != 0) | (case.x == 0)
    share = 1 - float(drawn.sum() - (case.x == 0).sum()) / max(int((case.x != 0).sum()), 1)
    where = "in training draws its own mask" if case.training else "is active in evaluation"
    text = f"{where}: {share:.0%} of the values are dropped (rate {rate:g})"
    yield text, case.x * drawn / (1 - rate)
    yield f"{text} and the others not scaled", case.x * drawn


def _input_layout(case: LayerCase) -> Predictions:
    """Predict an input whose axes were mixed up.

    Parameters
    ----------
    case : LayerCase
        What diverges.

    Yields
    ------
    tuple of (str, ndarray)
        Explanation and output.
    """
    if case.index == 0 and case.x.ndim == 4:
        count, height, width, channels = case.x.shape
        if height == width:
            yield "reads the input with height and width exchanged", case.run(x=case.x.transpose(0, 2, 1, 3))
        reshaped = case.x.reshape(count, channels, height, width).transpose(0, 2, 3, 1)
        if channels > 1:
            yield "reads the input as channels-first without transposing it", case.run(x=reshaped)


LAYER_ENTRIES: tuple[Entry[Any], ...] = (
    Entry(
        "relu-order",
        "rectifier on the other side of batch normalisation",
        (*_LINEAR_KINDS, "BatchNormalization"),
        "Ioffe and Szegedy, Batch normalization, 2015, section 3.2",
        _rectifier_after_normalisation,
    ),
    Entry("pool-padding", "windows of pooling padded otherwise", ("MaxPooling2D",),
          f"https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2; {_TORCH}MaxPool2d.html", _padding),
    Entry("conv-padding", "windows of convolution padded otherwise", ("Conv2D",),
          f"https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2; {_TORCH}Conv2d.html", _padding),
    Entry("kernel-layout", "axes of the kernel mixed up", _LINEAR_KINDS,
          f"{_KERAS}convolution_layers/convolution2d/; {_TORCH}Conv2d.html", _kernel_layout),
    Entry("batch-norm-statistics", "normalised by other statistics", ("BatchNormalization",),
          f"{_KERAS}normalization_layers/batch_normalization/", _statistics),
    Entry("batch-norm-epsilon", "epsilon of batch normalisation", ("BatchNormalization",),
          f"{_KERAS}normalization_layers/batch_normalization/; {_TORCH}BatchNorm2d.html", _epsilon),
    Entry("bias-dropped", "a weight is not used", (*_LINEAR_KINDS, "BatchNormalization"),
          f"{_KERAS}convolution_layers/convolution2d/", _bias_dropped),
    Entry("weights-swapped", "weights of another layer", (), f"{_KERAS}base_layer/#setweights-method",
          _weights_swapped),
    Entry("flatten-order", "order of flattening", ("Flatten",), f"{_KERAS}reshaping_layers/flatten/", _flatten),
    Entry("dropout", "dropout does something else", ("Dropout",),
          f"{_KERAS}regularization_layers/dropout/; {_TORCH}Dropout.html", _dropout),
    Entry("softmax-in-network", "the network ends in a softmax", (),
          f"{_TORCH}CrossEntropyLoss.html (wants unnormalised logits)", _softmax),
    Entry("activation", "a rectifier too few or too many", (), f"{_KERAS}activations/#relu-function", _activation),
    Entry("input-layout", "axes of the input mixed up", (), f"{_KERAS}convolution_layers/convolution2d/",
          _input_layout),
    float32_entry(),
)  # fmt: skip
