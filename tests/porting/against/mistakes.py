"""Ports of small Keras models as people write them, each with a mistake, and what is to be found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genrebench.network.types import Array
from tests.reading.files import functional, input_layer, layer, node, sequential

State = Callable[[Mapping[str, Array]], dict[str, Array]]


@dataclass(frozen=True)
class Mistake:
    """A model, a port of it, and the cause that is to be named.

    Attributes
    ----------
    cause : str
        Id of the entry of the ledger.
    config : dict
        Of the Keras model.
    made : str
        Lines of the port's ``__init__``.
    forward : str
        Lines of its ``forward``; the last one gives back ``x``.
    state : callable
        The port's weights, of those of the model.
    at : str
        The layer that is to be named first.
    version : str
        Of the Keras that saved the model.
    parameters : dict
        Some parameters of the cause.
    """

    cause: str
    config: dict[str, Any]
    made: str
    forward: str
    state: State
    at: str
    version: str = "2.4.0"
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Write the port's file."""
        lines = ["import math", "import torch", "from torch import nn", "from torch.nn import functional as F", "", ""]
        lines += ["class Network(nn.Module):", "    def __init__(self):", "        super().__init__()"]
        lines += [f"        {line}" for line in self.made.splitlines()]
        lines += ["", "    def forward(self, x, *others):"]
        lines += [f"        {line}" for line in self.forward.splitlines()]
        return "\n".join([*lines, "        return x", ""])


def conv(name: str, kernel: Array, bias: Array) -> dict[str, Array]:
    """Lay out a convolution's weights as PyTorch has them."""
    return {f"{name}.weight": kernel.transpose(3, 2, 0, 1), f"{name}.bias": bias}


def linear(name: str, w: Mapping[str, Array], key: str) -> dict[str, Array]:
    """Lay out a dense layer's weights as PyTorch has them."""
    return {f"{name}.weight": w[f"{key}/kernel"].T, f"{name}.bias": w[f"{key}/bias"]}


def recurrent(
    name: str, w: Mapping[str, Array], key: str, bias: tuple[Array, Array], end: str = ""
) -> dict[str, Array]:
    """Lay out a recurrent layer's weights as PyTorch has them, gates in Keras' order."""
    return {
        f"{name}.weight_ih_l0{end}": w[f"{key}/kernel"].T,
        f"{name}.weight_hh_l0{end}": w[f"{key}/recurrent_kernel"].T,
        f"{name}.bias_ih_l0{end}": bias[0],
        f"{name}.bias_hh_l0{end}": bias[1],
    }


def rzn(value: Array) -> Array:
    """Put gates z, r, h as r, z, n, along the first axis."""
    z, r, h = np.split(value, 3)
    return np.concatenate([r, z, h])


def _gru(w: Mapping[str, Array], summed: bool) -> dict[str, Array]:
    """Lay out a GRU with its gates as PyTorch has them."""
    one, two = w["gru/bias"] if w["gru/bias"].ndim == 2 else (w["gru/bias"], 0 * w["gru/bias"])
    bias = (one + two, 0 * two) if summed else (one, two)
    return {name: rzn(value) for name, value in recurrent("gru", w, "gru", bias).items()}


_TEXT = [
    layer(
        "Embedding", "embedding", input_dim=9, output_dim=4, mask_zero=True, batch_input_shape=[None, 6], dtype="int32"
    )
]
_GRU = {"activation": "tanh", "recurrent_activation": "sigmoid"}
_MAKE_GRU = "self.gru = nn.GRU(4, 5, batch_first=True)"
_RUN_GRU = "x = self.gru(x)[0]"
_LSTM_STATE: State = lambda w: recurrent("lstm", w, "lstm", (w["lstm/bias"], 0 * w["lstm/bias"]))  # noqa: E731
_SEQUENCE = {"return_sequences": True}
_CONV = "self.conv = nn.Conv2d(3, 4, 3{})"


_FIRST = layer("Conv2D", "first", filters=2, kernel_size=[1, 1])
_MAKE_FIRST = "self.first = nn.Conv2d(2, 2, 1)"


def _first(w: Mapping[str, Array]) -> dict[str, Array]:
    """Lay out a convolution and a dense layer."""
    return {**conv("first", w["first/kernel"], w["first/bias"]), **linear("dense", w, "dense")}


def _bidirectional() -> dict[str, Any]:
    """Write a bidirectional layer that gives its last state."""
    inner = layer("LSTM", "lstm", units=3, activation="tanh", recurrent_activation="sigmoid")
    return sequential(layer("Bidirectional", "both", layer=inner, merge_mode="concat"), layer("Dense", "dense", units=2),
                      shape=(5, 4))  # fmt: skip


def _both(w: Mapping[str, Array]) -> dict[str, Array]:
    """Lay out both directions."""
    found = linear("dense", w, "dense")
    for way, end in (("forward", ""), ("backward", "_reverse")):
        bias = w[f"both/{way}/bias"]
        found |= recurrent("both", w, f"both/{way}", (bias, 0 * bias), end)
    return found


def _attention() -> dict[str, Any]:
    """Write attention by dot products."""
    return functional(
        input_layer("q", 5, 4),
        node("Dense", "key", ["q"], units=4),
        node("Attention", "attention", ["q", "key"], use_scale=False),
        inputs=["q"],
        outputs=["attention"],
    )


def _concatenated() -> dict[str, Any]:
    """Write two branches that are joined."""
    return functional(
        input_layer("x", 4),
        node("Dense", "left", ["x"], units=3),
        node("Dense", "right", ["x"], units=3),
        node("Concatenate", "joined", ["left", "right"]),
        node("Dense", "last", ["joined"], units=2),
        inputs=["x"],
        outputs=["last"],
    )


def _last_of(w: Mapping[str, Array]) -> dict[str, Array]:
    """Lay out the two branches."""
    return {**linear("left", w, "left"), **linear("right", w, "right"), **linear("last", w, "last")}


RECURRENT = [
    Mistake(
        "gate-order", sequential(layer("GRU", "gru", units=5, reset_after=True, **_GRU, **_SEQUENCE), shape=(6, 4)),
        _MAKE_GRU, _RUN_GRU, lambda w: recurrent("gru", w, "gru", tuple(w["gru/bias"])), "gru",
        parameters={"order": "r, z, h"},
    ),
    Mistake(
        "recurrent-bias", sequential(layer("GRU", "gru", units=5, reset_after=True, **_GRU, **_SEQUENCE), shape=(6, 4)),
        _MAKE_GRU, _RUN_GRU, lambda w: _gru(w, True), "gru", parameters={"bias": "summed"},
    ),
    Mistake(
        "reset-after", sequential(layer("GRU", "gru", units=5, reset_after=False, **_GRU, **_SEQUENCE), shape=(6, 4)),
        _MAKE_GRU, _RUN_GRU, lambda w: _gru(w, False), "gru", parameters={"reset_after": "True"},
    ),
    Mistake(
        "recurrent-bias", sequential(layer("LSTM", "lstm", units=5, **_SEQUENCE), shape=(6, 4)),
        "self.lstm = nn.LSTM(4, 5, batch_first=True)", "x = self.lstm(x)[0]",
        lambda w: recurrent("lstm", w, "lstm", (w["lstm/bias"], w["lstm/bias"])), "lstm", parameters={"bias": "doubled"},
    ),
    Mistake(
        "hard-sigmoid", sequential(layer("Dense", "dense", units=9, activation="hard_sigmoid"), shape=(4,)),
        "self.dense = nn.Linear(4, 9)", "x = F.hardsigmoid(self.dense(x))", lambda w: linear("dense", w, "dense"),
        "dense", parameters={"version": "hard_sigmoid"},
    ),
    Mistake(
        "ignored-mask", sequential(*_TEXT, layer("LSTM", "lstm", units=5, **_SEQUENCE), layer("Dense", "dense", units=2)),
        "self.embedding = nn.Embedding(9, 4)\nself.lstm = nn.LSTM(4, 5, batch_first=True)\nself.dense = nn.Linear(5, 2)",
        "x = self.dense(self.lstm(self.embedding(x))[0])",
        lambda w: {"embedding.weight": w["embedding/embeddings"], **_LSTM_STATE(w), **linear("dense", w, "dense")},
        "lstm", parameters={"mask": "ignored"},
    ),
    Mistake(
        "bidirectional-last", _bidirectional(),
        "self.both = nn.LSTM(4, 3, batch_first=True, bidirectional=True)\nself.dense = nn.Linear(6, 2)",
        "x = self.dense(self.both(x)[0][:, -1])", _both, "dense", parameters={"step": "last", "at": "both"},
    ),
    Mistake(
        "time-direction", sequential(layer("LSTM", "lstm", units=5, go_backwards=True, **_SEQUENCE), shape=(6, 4)),
        "self.lstm = nn.LSTM(4, 5, batch_first=True)", "x = self.lstm(x)[0]", _LSTM_STATE, "lstm",
    ),
    Mistake(
        "embedding-row", sequential(layer("Embedding", "embedding", input_dim=9, output_dim=4, batch_input_shape=[None, 6],
                                          dtype="int32")),
        "self.embedding = nn.Embedding(9, 4)",
        "x = self.embedding(x)", lambda w: {"embedding.weight": w["embedding/embeddings"] * (np.arange(9) != 0)[:, None]},
        "embedding",
    ),
]  # fmt: skip
WINDOWS = [
    Mistake(
        "same-padding", sequential(layer("Conv2D", "conv", filters=4, kernel_size=[3, 3], strides=[2, 2], padding="same"),
                                   shape=(8, 6, 3)),
        _CONV.format(", stride=2, padding=1"), "x = self.conv(x)", lambda w: conv("conv", w["conv/kernel"], w["conv/bias"]),
        "conv", parameters={"padding": "symmetric"},
    ),
    Mistake(
        "causal-padding", sequential(layer("Conv1D", "conv", filters=4, kernel_size=[3], padding="causal"), shape=(8, 3)),
        "self.conv = nn.Conv1d(3, 4, 3)", "x = self.conv(F.pad(x, (0, 2)))",
        lambda w: {"conv.weight": w["conv/kernel"].transpose(2, 1, 0), "conv.bias": w["conv/bias"]}, "conv",
        parameters={"padding": "end"},
    ),
    Mistake(
        "depthwise-layout", sequential(layer("DepthwiseConv2D", "depth", kernel_size=[3, 2], depth_multiplier=2),
                                       shape=(8, 6, 3)),
        "self.depth = nn.Conv2d(3, 6, (3, 2), groups=3)", "x = self.depth(x)",
        lambda w: {"depth.weight": w["depth/kernel"].transpose(3, 2, 0, 1).reshape(6, 1, 3, 2),
                   "depth.bias": w["depth/bias"]}, "depth", parameters={"layout": "multiplier first"},
    ),
    Mistake(
        "transposed-crop", sequential(layer("Conv2DTranspose", "up", filters=2, kernel_size=[3, 3], strides=[2, 2],
                                            padding="same"), shape=(5, 4, 3)),
        "self.up = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1)", "x = self.up(x)",
        lambda w: conv("up", w["up/kernel"], w["up/bias"]), "up", parameters={"offset": 1.0},
    ),
    Mistake(
        "average-padding", sequential(layer("AveragePooling2D", "pool", pool_size=[3, 3], strides=[1, 1], padding="same"),
                                      shape=(6, 5, 3)),
        "self.pool = nn.AvgPool2d(3, stride=1, padding=1)", "x = self.pool(x)", lambda w: {}, "pool",
        parameters={"padding": "zeros"},
    ),
    Mistake(
        "average-padding", sequential(layer("MaxPooling2D", "pool", pool_size=[3, 3], strides=[1, 1], padding="same"),
                                      shape=(6, 5, 3)),
        "self.pool = nn.MaxPool2d(3, stride=1)", "x = self.pool(F.pad(x, (1, 1, 1, 1)))", lambda w: {}, "pool",
    ),
    Mistake(
        "pooling-kind", sequential(layer("AveragePooling2D", "pool", pool_size=[2, 2]), shape=(6, 4, 3)),
        "self.pool = nn.MaxPool2d(2)", "x = self.pool(x)", lambda w: {}, "pool",
    ),
    Mistake(
        "kernel-layout", sequential(layer("Conv2D", "conv", filters=4, kernel_size=[3, 3]), shape=(8, 6, 3)),
        _CONV.format(""), "x = self.conv(x)", lambda w: conv("conv", w["conv/kernel"].swapaxes(0, 1), w["conv/bias"]),
        "conv", parameters={"layout": "height-width"},
    ),
    Mistake(
        "bias-dropped", sequential(layer("Conv2D", "conv", filters=4, kernel_size=[3, 3]), shape=(8, 6, 3)),
        _CONV.format(", bias=False"), "x = self.conv(x)",
        lambda w: {"conv.weight": w["conv/kernel"].transpose(3, 2, 0, 1)}, "conv",
    ),
    Mistake(
        "separable", sequential(layer("SeparableConv2D", "conv", filters=4, kernel_size=[3, 3], activation="relu"),
                                shape=(8, 6, 3)),
        "self.depth = nn.Conv2d(3, 3, 3, groups=3, bias=False)\nself.conv = nn.Conv2d(3, 4, 1)",
        "x = F.relu(self.conv(F.relu(self.depth(x))))",
        lambda w: {"depth.weight": w["conv/depthwise_kernel"].transpose(2, 3, 0, 1),
                   **conv("conv", w["conv/pointwise_kernel"], w["conv/bias"])}, "conv",
    ),
]  # fmt: skip
OTHERS = [
    Mistake(
        "leaky-slope", sequential(layer("Dense", "dense", units=5), layer("LeakyReLU", "leaky", alpha=0.3), shape=(4,)),
        "self.dense = nn.Linear(4, 5)\nself.leaky = nn.LeakyReLU()", "x = self.leaky(self.dense(x))",
        lambda w: linear("dense", w, "dense"), "leaky", parameters={"slope": 0.01},
    ),
    Mistake(
        "attention-scale", _attention(), "self.key = nn.Linear(4, 4)",
        "k = self.key(x)\nx = F.scaled_dot_product_attention(x, k, k)", lambda w: linear("key", w, "key"), "attention",
    ),
    Mistake(
        "gelu-form", sequential(layer("Dense", "dense", units=5, activation="gelu"), shape=(4,)),
        "self.dense = nn.Linear(4, 5)", "x = F.gelu(self.dense(x), approximate='tanh')",
        lambda w: linear("dense", w, "dense"), "dense", version="3.5.0", parameters={"form": "tanh"},
    ),
    Mistake(
        "resize-rounding", sequential(layer("Resizing", "resize", height=5, width=7, interpolation="nearest"),
                                      shape=(8, 4, 3)),
        "", "x = F.interpolate(x, (5, 7))", lambda w: {}, "resize", parameters={"interpolation": "floor"},
    ),
    Mistake(
        "flatten-order", sequential(_FIRST, layer("Flatten", "flatten"), layer("Dense", "dense", units=5), shape=(3, 4, 2)),
        f"{_MAKE_FIRST}\nself.dense = nn.Linear(24, 5)", "x = self.dense(self.first(x).flatten(1))", _first, "dense",
        parameters={"order": "channels first"},
    ),
    Mistake(
        "reshape-order", sequential(_FIRST, layer("Reshape", "reshape", target_shape=[4, 6]),
                                    layer("Dense", "dense", units=5), shape=(3, 4, 2)),
        f"{_MAKE_FIRST}\nself.dense = nn.Linear(6, 5)", "x = self.dense(self.first(x).reshape(-1, 4, 6))", _first,
        "dense",
    ),
    Mistake(
        "permute-axes", sequential(_FIRST, layer("Permute", "permute", dims=[2, 1, 3]), layer("Dense", "dense", units=5),
                                   shape=(4, 4, 2)),
        f"{_MAKE_FIRST}\nself.dense = nn.Linear(2, 5)", "x = self.dense(self.first(x).permute(0, 2, 3, 1))", _first,
        "dense",
    ),
    Mistake(
        "epsilon", sequential(layer("LayerNormalization", "norm", epsilon=1e-3), shape=(5, 4)),
        "self.norm = nn.LayerNorm(4)", "x = self.norm(x)",
        lambda w: {"norm.weight": w["norm/gamma"], "norm.bias": w["norm/beta"]}, "norm", parameters={"epsilon": 1e-5},
    ),
    Mistake(
        "softmax", sequential(layer("Dense", "dense", units=5, activation="softmax"), shape=(4,)),
        "self.dense = nn.Linear(4, 5)", "x = self.dense(x)", lambda w: linear("dense", w, "dense"), "dense",
        parameters={"softmax": "missing"},
    ),
    Mistake(
        "softmax", sequential(layer("Dense", "dense", units=5, activation="softmax"), shape=(4,)),
        "self.dense = nn.Linear(4, 5)", "x = self.dense(x).softmax(1).softmax(1)", lambda w: linear("dense", w, "dense"),
        "dense", parameters={"softmax": "twice"},
    ),
    Mistake(
        "activation", sequential(layer("Dense", "dense", units=5, activation="relu"), layer("Dense", "last", units=2),
                                 shape=(4,)),
        "self.dense = nn.Linear(4, 5)\nself.last = nn.Linear(5, 2)", "x = self.last(self.dense(x))",
        lambda w: {**linear("dense", w, "dense"), **linear("last", w, "last")}, "last",
        parameters={"activation": "linear", "at": "dense"},
    ),
    Mistake(
        "normalization-mode", sequential(layer("BatchNormalization", "norm", epsilon=1e-3, momentum=0.9), shape=(4,)),
        "self.norm = nn.BatchNorm1d(4, eps=1e-3)", "self.norm.train()\nx = self.norm(x)",
        lambda w: {"norm.weight": w["norm/gamma"], "norm.bias": w["norm/beta"], "norm.running_mean": w["norm/moving_mean"],
                   "norm.running_var": w["norm/moving_variance"]}, "norm", parameters={"mode": "training"},
    ),
    Mistake(
        "merge", _concatenated(),
        "self.left = nn.Linear(4, 3)\nself.right = nn.Linear(4, 3)\nself.last = nn.Linear(6, 2)",
        "x = self.last(torch.cat([self.right(x), self.left(x)], 1))", _last_of, "last", parameters={"order": "reversed"},
    ),
    Mistake(
        "padding-order", sequential(layer("ZeroPadding2D", "pad", padding=[[1, 0], [0, 2]]), shape=(5, 6, 2)),
        "", "x = F.pad(x, (2, 0, 0, 1))", lambda w: {}, "pad",
    ),
    Mistake(
        "preprocessing", sequential(layer("Rescaling", "scale", scale=0.5, offset=-1.0), layer("Dense", "dense", units=2),
                                    shape=(4,)),
        "self.dense = nn.Linear(4, 2)", "x = self.dense(x * 0.5)", lambda w: linear("dense", w, "dense"), "dense",
        parameters={"setting": "offset"},
    ),
    Mistake(
        "extra", sequential(layer("Dense", "dense", units=5), layer("Dense", "last", units=2), shape=(4,)),
        "self.dense = nn.Linear(4, 5)\nself.last = nn.Linear(5, 2)", "x = self.last(F.relu(self.dense(x)))",
        lambda w: {**linear("dense", w, "dense"), **linear("last", w, "last")}, "last",
        parameters={"extra": "a rectifier"},
    ),
    Mistake(
        "weights-swapped", sequential(layer("Dense", "one", units=4), layer("Dense", "two", units=4), shape=(4,)),
        "self.one = nn.Linear(4, 4)\nself.two = nn.Linear(4, 4)", "x = self.two(self.one(x))",
        lambda w: {**linear("one", w, "two"), **linear("two", w, "one")}, "one", parameters={"layer": "two"},
    ),
]  # fmt: skip
MISTAKES = [*RECURRENT, *WINDOWS, *OTHERS]
