"""Known divergences of a layer's output, special ones before general ones."""

from typing import Any

from genrebench.parity.ledger import linear, normalization, windows
from genrebench.parity.ledger.base import FLOAT32_ENTRY, Entry
from genrebench.parity.ledger.case import LINEAR_KINDS

_KERAS = "https://keras.io/api/layers/"
_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn."
_PADDING = "https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2"

LAYER_ENTRIES: tuple[Entry[Any], ...] = (
    Entry(
        "relu-order",
        "rectifier on the other side of batch normalization",
        "Ioffe and Szegedy, Batch normalization, 2015, section 3.2",
        linear.rectifier_after_normalization,
        (*LINEAR_KINDS, "BatchNormalization"),
    ),
    Entry(
        "pool-padding",
        "windows of pooling padded otherwise",
        f"{_PADDING}; {_TORCH}MaxPool2d.html",
        windows.padding,
        ("MaxPooling2D",),
    ),
    Entry(
        "conv-padding",
        "windows of convolution padded otherwise",
        f"{_PADDING}; {_TORCH}Conv2d.html",
        windows.padding,
        ("Conv2D",),
    ),
    Entry(
        "kernel-layout",
        "axes of the kernel mixed up",
        f"{_KERAS}convolution_layers/convolution2d/; {_TORCH}Conv2d.html",
        linear.kernel_layout,
        LINEAR_KINDS,
    ),
    Entry(
        "batch-norm-statistics",
        "normalized by other statistics",
        f"{_KERAS}normalization_layers/batch_normalization/",
        normalization.statistics,
        ("BatchNormalization",),
    ),
    Entry(
        "batch-norm-epsilon",
        "epsilon of batch normalization",
        f"{_KERAS}normalization_layers/batch_normalization/; {_TORCH}BatchNorm2d.html",
        normalization.epsilon,
        ("BatchNormalization",),
    ),
    Entry(
        "bias-dropped",
        "a weight is not used",
        f"{_KERAS}convolution_layers/convolution2d/",
        linear.bias_dropped,
        (*LINEAR_KINDS, "BatchNormalization"),
    ),
    Entry(
        "weights-swapped", "weights of another layer", f"{_KERAS}base_layer/#setweights-method", linear.weights_swapped
    ),
    Entry(
        "flatten-order",
        "order of flattening",
        f"{_KERAS}reshaping_layers/flatten/",
        normalization.flatten,
        ("Flatten",),
    ),
    Entry(
        "dropout",
        "dropout does something else",
        f"{_KERAS}regularization_layers/dropout/; {_TORCH}Dropout.html",
        normalization.dropout,
        ("Dropout",),
    ),
    Entry(
        "softmax-in-network",
        "the network ends in a softmax",
        f"{_TORCH}CrossEntropyLoss.html (wants unnormalized logits)",
        linear.softmax,
    ),
    Entry("activation", "a rectifier too few or too many", f"{_KERAS}activations/#relu-function", linear.activation),
    Entry(
        "input-layout", "axes of the input mixed up", f"{_KERAS}convolution_layers/convolution2d/", linear.input_layout
    ),
    FLOAT32_ENTRY,
)
