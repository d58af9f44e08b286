"""Known divergences of a layer's output, special ones before general ones."""

from typing import Any

from genrebench.parity.ledger import linear, normalization, windows
from genrebench.parity.ledger.base import Entry, float32_entry
from genrebench.parity.ledger.case import LINEAR_KINDS

_KERAS = "https://keras.io/api/layers/"
_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn."
_PADDING = "https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2"

LAYER_ENTRIES: tuple[Entry[Any], ...] = (
    Entry(
        "relu-order",
        "rectifier on the other side of batch normalization",
        (*LINEAR_KINDS, "BatchNormalization"),
        "Ioffe and Szegedy, Batch normalization, 2015, section 3.2",
        linear.rectifier_after_normalization,
    ),
    Entry(
        "pool-padding",
        "windows of pooling padded otherwise",
        ("MaxPooling2D",),
        f"{_PADDING}; {_TORCH}MaxPool2d.html",
        windows.padding,
    ),
    Entry(
        "conv-padding",
        "windows of convolution padded otherwise",
        ("Conv2D",),
        f"{_PADDING}; {_TORCH}Conv2d.html",
        windows.padding,
    ),
    Entry(
        "kernel-layout",
        "axes of the kernel mixed up",
        LINEAR_KINDS,
        f"{_KERAS}convolution_layers/convolution2d/; {_TORCH}Conv2d.html",
        linear.kernel_layout,
    ),
    Entry(
        "batch-norm-statistics",
        "normalized by other statistics",
        ("BatchNormalization",),
        f"{_KERAS}normalization_layers/batch_normalization/",
        normalization.statistics,
    ),
    Entry(
        "batch-norm-epsilon",
        "epsilon of batch normalization",
        ("BatchNormalization",),
        f"{_KERAS}normalization_layers/batch_normalization/; {_TORCH}BatchNorm2d.html",
        normalization.epsilon,
    ),
    Entry(
        "bias-dropped",
        "a weight is not used",
        (*LINEAR_KINDS, "BatchNormalization"),
        f"{_KERAS}convolution_layers/convolution2d/",
        linear.bias_dropped,
    ),
    Entry(
        "weights-swapped",
        "weights of another layer",
        (),
        f"{_KERAS}base_layer/#setweights-method",
        linear.weights_swapped,
    ),
    Entry(
        "flatten-order",
        "order of flattening",
        ("Flatten",),
        f"{_KERAS}reshaping_layers/flatten/",
        normalization.flatten,
    ),
    Entry(
        "dropout",
        "dropout does something else",
        ("Dropout",),
        f"{_KERAS}regularization_layers/dropout/; {_TORCH}Dropout.html",
        normalization.dropout,
    ),
    Entry(
        "softmax-in-network",
        "the network ends in a softmax",
        (),
        f"{_TORCH}CrossEntropyLoss.html (wants unnormalized logits)",
        linear.softmax,
    ),
    Entry(
        "activation", "a rectifier too few or too many", (), f"{_KERAS}activations/#relu-function", linear.activation
    ),
    Entry(
        "input-layout",
        "axes of the input mixed up",
        (),
        f"{_KERAS}convolution_layers/convolution2d/",
        linear.input_layout,
    ),
    float32_entry(),
)
