"""From a layer's document to its kind: a fixed table of names; no name of a file is ever imported or looked up."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from genrebench.errors import ConfigError
from genrebench.reading import keras1
from genrebench.reading.kinds import KINDS
from genrebench.reading.kinds.base import Kind
from genrebench.reading.kinds.recurrent import Bidirectional, TimeDistributed, _Recurrent
from genrebench.reading.problems import SAY_EXPRESSION, SAY_LAYERS, UnreadableError
from genrebench.reading.version import KerasVersion

MODELS = frozenset({"Sequential", "Functional", "Model"})
_ALIASES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "LSTMV2": "LSTM",
    "GRUV2": "GRU",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "DepthwiseConvolution2D": "DepthwiseConv2D",
    "SeparableConvolution2D": "SeparableConv2D",
}
_CELLS = {"SimpleRNNCell": "SimpleRNN", "LSTMCell": "LSTM", "GRUCell": "GRU"}
_CODE = {
    "Lambda": "a Lambda layer is Python code, which is never decoded or run",
    "TFSMLayer": "a TFSMLayer loads a TensorFlow SavedModel, which is code",
    "TorchModuleWrapper": "a TorchModuleWrapper holds a pickled PyTorch module, which is code",
    "JaxLayer": "a JaxLayer is Python code, which is never decoded or run",
    "FlaxLayer": "a FlaxLayer is Python code, which is never decoded or run",
}
_LOOKUPS = frozenset("StringLookup IntegerLookup TextVectorization Hashing HashedCrossing CategoryCrossing".split())
# Layers that Keras has, or had, and that are not among the kinds.
_NOT_YET = frozenset(
    """StackedRNNCells LSTMCell GRUCell SimpleRNNCell LocallyConnected1D LocallyConnected2D
    EinsumDense GroupQueryAttention GroupedQueryAttention Discretization Pipeline
    Equalization ContrastLimitedAdaptiveHistogramEqualization MaxNumBoundingBoxes SpectralNormalization
    MaxoutDense Highway SReLU ParametricSoftplus AdaptiveAveragePooling1D
    AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D
    ReversibleEmbedding DenseFeatures RandomFourierFeatures""".split()
)
_KERAS_MODULES = ("keras", "tf_keras", "tensorflow", "builtins")

ReadModel = Callable[[Mapping[str, Any]], Kind]


def fields_of(document: object) -> tuple[str, str, dict[str, Any]]:
    """Take the document of a layer apart: class, module (empty before Keras 2.12), config.

    Raises
    ------
    ConfigError
        If it is no such document.
    """
    if not isinstance(document, Mapping):
        raise ConfigError(f"expected a layer, received {document!r:.60}")
    name, config = document.get("class_name"), document.get("config")
    if not isinstance(name, str) or not isinstance(config, Mapping | list):
        raise ConfigError(f"expected a layer with class_name and config, received {list(document)!r:.60}")
    if isinstance(config, list):  # the layers of a Sequential, of before 2.3
        config = {"layers": config}
    return name, str(document.get("module") or ""), dict(config)


def is_model(document: object) -> bool:
    """Return whether a document is that of a network of layers, and not of one layer."""
    if not isinstance(document, Mapping) or ">" in str(document.get("registered_name") or ""):
        return False
    name = document.get("class_name")
    return isinstance(name, str) and name in MODELS


def read_kind(document: object, version: KerasVersion, read_model: ReadModel) -> Kind:
    """Make out what a layer computes.

    Parameters
    ----------
    read_model : callable
        Makes a kind of a network that a wrapper holds.

    Raises
    ------
    ConfigError
        If it cannot be known, or its settings are wrong; an `UnreadableError` has the way out.
    """
    name, module, config = fields_of(document)
    owner = str(document.get("registered_name") or "") if isinstance(document, Mapping) else ""
    _refuse(name, module, owner)
    _refuse_quantized(config)
    if is_model(document) and isinstance(document, Mapping):
        return read_model(document)
    if name == "RNN":
        name, config = _of_cell(config)
    source = name
    if version.numbers < (2,):
        name, config = keras1.translate(name, config)
    name = _ALIASES.get(name, name)
    if name in ("Bidirectional", "TimeDistributed"):
        return _wrapper(name, config, version, read_model)
    if source.startswith("CuDNN"):
        config |= {"recurrent_activation": "sigmoid", "activation": "tanh", "reset_after": True}
        if source == "CuDNNLSTM":
            del config["reset_after"]
    if name not in KINDS:
        if name in _NOT_YET:
            raise UnreadableError(f"{name}, a layer of Keras that genrebench does not know", SAY_LAYERS)
        raise UnreadableError(
            f"{name!r:.80}, a class of somebody's own, whose code is not in the file",
            SAY_LAYERS,
        )
    if not isinstance(config.get("name", ""), str | None):
        raise ConfigError(f"expected a name, received {config['name']!r:.60}")
    return KINDS[name].read(config, version)


def _refuse(name: str, module: str, owner: str) -> None:
    """Refuse code, lookups, and classes that are not Keras'."""
    if name in _CODE:
        raise UnreadableError(_CODE[name], SAY_EXPRESSION)
    if name in _LOOKUPS:
        raise UnreadableError(
            f"{name} turns text into numbers, which is not part of a network of tensors",
            "save the model behind it, which begins with whole numbers",
        )
    is_foreign = module and module.partition(".")[0] not in _KERAS_MODULES
    if ">" in owner or is_foreign:
        raise UnreadableError(
            f"{(owner or f'{module}.{name}')!r:.80}, a class of somebody's own, whose code is not in the file",
            SAY_LAYERS,
        )


def _refuse_quantized(config: Mapping[str, Any]) -> None:
    """Refuse weights that are no floats."""
    dtype = config.get("dtype")
    inner = dtype.get("config") if isinstance(dtype, Mapping) else None
    words = [dtype, inner.get("name") if isinstance(inner, Mapping) else None, config.get("quantization_mode")]
    words += [dtype.get("class_name")] if isinstance(dtype, Mapping) else []
    if any(isinstance(word, str) and ("int8" in word or "int4" in word or "Quantized" in word) for word in words):
        raise UnreadableError(
            "expected floating-point weights, received quantized ones", "save the model before quantizing"
        )


def _of_cell(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Make the layer of a cell out of a cell that is run over time."""
    document = config.pop("cell", None)
    cell, module, inner = fields_of(document)
    _refuse(cell, module, str(document.get("registered_name") or ""))
    if cell not in _CELLS:
        owner = "a cell of Keras that genrebench does not know" if cell in _NOT_YET else "a cell of somebody's own"
        raise UnreadableError(f"{cell!r:.60}, {owner}", SAY_LAYERS)
    return _CELLS[cell], inner | config


def _wrapper(name: str, config: dict[str, Any], version: KerasVersion, read_model: ReadModel) -> Kind:
    """Read a layer around a layer."""
    inner = read_kind(config.get("layer"), version, read_model)
    if name == "TimeDistributed":
        return TimeDistributed(layer=inner)
    if not isinstance(inner, _Recurrent):
        raise ConfigError(f"expected a recurrent layer in Bidirectional, received {inner.name}")
    backward: Any = dataclasses.replace(inner, go_backwards=not inner.go_backwards)
    if config.get("backward_layer") is not None:
        backward = read_kind(config["backward_layer"], version, read_model)
    return Bidirectional(layer=inner, backward_layer=backward, merge_mode=config.get("merge_mode", "concat"))
