"""Known divergences of a layer's output, special ones before general ones."""

from typing import Any

from genrebench.parity.ledger import linear, normalization, windows
from genrebench.parity.ledger.base import FLOAT32_ENTRY, Entry
from genrebench.parity.ledger.case import LINEAR_KINDS

_KERAS = "https://keras.io/api/layers/"
_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn."
_WINDOWS = "https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2"
_POOL_PADDING = f"{_WINDOWS}; {_TORCH}MaxPool2d.html"
_CONV_PADDING = f"{_WINDOWS}; {_TORCH}Conv2d.html"
_CONV = f"{_KERAS}convolution_layers/convolution2d/"
_KERNEL = f"{_CONV}; {_TORCH}Conv2d.html"
_NORM = f"{_KERAS}normalization_layers/batch_normalization/"
_EPSILON = f"{_NORM}; {_TORCH}BatchNorm2d.html"
_WEIGHTS = f"{_KERAS}base_layer/#setweights-method"
_FLATTEN = f"{_KERAS}reshaping_layers/flatten/"
_DROPOUT = f"{_KERAS}regularization_layers/dropout/; {_TORCH}Dropout.html"
_IOFFE = "Ioffe and Szegedy, Batch normalization, 2015, section 3.2"
_LOGITS = f"{_TORCH}CrossEntropyLoss.html (wants unnormalized logits)"

_BATCH_NORM = ("BatchNormalization",)
_WEIGHTED = (*LINEAR_KINDS, *_BATCH_NORM)

LAYER_ENTRIES: tuple[Entry[Any], ...] = (
    Entry("relu-order", "rectifier on the other side of batch normalization", _IOFFE, linear.relu_order, _WEIGHTED),
    Entry("pool-padding", "windows of pooling padded otherwise", _POOL_PADDING, windows.padding, ("MaxPooling2D",)),
    Entry("conv-padding", "windows of convolution padded otherwise", _CONV_PADDING, windows.padding, ("Conv2D",)),
    Entry("kernel-layout", "axes of the kernel mixed up", _KERNEL, linear.kernel_layout, LINEAR_KINDS),
    Entry("batch-norm-statistics", "normalized by other statistics", _NORM, normalization.statistics, _BATCH_NORM),
    Entry("batch-norm-epsilon", "epsilon of batch normalization", _EPSILON, normalization.epsilon, _BATCH_NORM),
    Entry("bias-dropped", "a weight is not used", _CONV, linear.bias_dropped, _WEIGHTED),
    Entry("weights-swapped", "weights of another layer", _WEIGHTS, linear.weights_swapped),
    Entry("flatten-order", "order of flattening", _FLATTEN, normalization.flatten, ("Flatten",)),
    Entry("dropout", "dropout does something else", _DROPOUT, normalization.dropout, ("Dropout",)),
    Entry("softmax-in-network", "the network ends in a softmax", _LOGITS, linear.softmax),
    Entry("activation", "a rectifier too few or too many", f"{_KERAS}activations/#relu-function", linear.activation),
    Entry("input-layout", "axes of the input mixed up", _CONV, linear.input_layout),
    FLOAT32_ENTRY,
)
