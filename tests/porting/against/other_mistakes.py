"""Ports of other layers, each with a mistake."""

from collections.abc import Mapping
from typing import Any

from genrebench.network.types import Array
from tests.porting.against.mistake import Mistake, conv, linear
from tests.reading.files import functional, input_layer, layer, node, sequential

_FIRST = layer("Conv2D", "first", filters=2, kernel_size=[1, 1])
_MAKE_FIRST = "self.first = nn.Conv2d(2, 2, 1)"


def _first(w: Mapping[str, Array]) -> dict[str, Array]:
    """Lay out a convolution and a dense layer."""
    return {**conv("first", w["first/kernel"], w["first/bias"]), **linear("dense", w, "dense")}


def _attention(**arguments: bool) -> dict[str, Any]:
    """Write attention by dot products, called with some arguments."""
    return functional(
        input_layer("q", 5, 4),
        node("Dense", "key", ["q"], units=4),
        node("Attention", "attention", [["q", 0, 0, arguments], ["key", 0, 0, {}]], use_scale=False),
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


OTHERS = [
    Mistake(
        "leaky-slope",
        sequential(layer("Dense", "dense", units=5), layer("LeakyReLU", "leaky", alpha=0.3), shape=(4,)),
        "self.dense = nn.Linear(4, 5)\nself.leaky = nn.LeakyReLU()",
        "x = self.leaky(self.dense(x))",
        lambda w: linear("dense", w, "dense"),
        "leaky",
        parameters={"slope": 0.01},
    ),
    Mistake(
        "attention-scale",
        _attention(),
        "self.key = nn.Linear(4, 4)",
        "k = self.key(x)\nx = F.scaled_dot_product_attention(x, k, k)",
        lambda w: linear("key", w, "key"),
        "attention",
    ),
    Mistake(
        "causal-mask",
        _attention(use_causal_mask=True),
        "self.key = nn.Linear(4, 4)",
        "k = self.key(x)\nx = torch.softmax(x @ k.mT, -1) @ k",
        lambda w: linear("key", w, "key"),
        "attention",
    ),
    Mistake(
        "gelu-form",
        sequential(layer("Dense", "dense", units=5, activation="gelu"), shape=(4,)),
        "self.dense = nn.Linear(4, 5)",
        "x = F.gelu(self.dense(x), approximate='tanh')",
        lambda w: linear("dense", w, "dense"),
        "dense",
        version="3.5.0",
        parameters={"form": "tanh"},
    ),
    Mistake(
        "resize-rounding",
        sequential(layer("Resizing", "resize", height=5, width=7, interpolation="nearest"), shape=(8, 4, 3)),
        "",
        "x = F.interpolate(x, (5, 7))",
        lambda w: {},
        "resize",
        parameters={"interpolation": "floor"},
    ),
    Mistake(
        "flatten-order",
        sequential(_FIRST, layer("Flatten", "flatten"), layer("Dense", "dense", units=5), shape=(3, 4, 2)),
        f"{_MAKE_FIRST}\nself.dense = nn.Linear(24, 5)",
        "x = self.dense(self.first(x).flatten(1))",
        _first,
        "dense",
        parameters={"order": "channels first"},
    ),
    Mistake(
        "reshape-order",
        sequential(
            _FIRST, layer("Reshape", "reshape", target_shape=[4, 6]), layer("Dense", "dense", units=5), shape=(3, 4, 2)
        ),
        f"{_MAKE_FIRST}\nself.dense = nn.Linear(6, 5)",
        "x = self.dense(self.first(x).reshape(-1, 4, 6))",
        _first,
        "dense",
    ),
    Mistake(
        "permute-axes",
        sequential(
            _FIRST, layer("Permute", "permute", dims=[2, 1, 3]), layer("Dense", "dense", units=5), shape=(4, 4, 2)
        ),
        f"{_MAKE_FIRST}\nself.dense = nn.Linear(2, 5)",
        "x = self.dense(self.first(x).permute(0, 2, 3, 1))",
        _first,
        "dense",
    ),
    Mistake(
        "epsilon",
        sequential(layer("LayerNormalization", "norm", epsilon=1e-3), shape=(5, 4)),
        "self.norm = nn.LayerNorm(4)",
        "x = self.norm(x)",
        lambda w: {"norm.weight": w["norm/gamma"], "norm.bias": w["norm/beta"]},
        "norm",
        parameters={"epsilon": 1e-5},
    ),
    Mistake(
        "softmax",
        sequential(layer("Dense", "dense", units=5, activation="softmax"), shape=(4,)),
        "self.dense = nn.Linear(4, 5)",
        "x = self.dense(x)",
        lambda w: linear("dense", w, "dense"),
        "dense",
        parameters={"softmax": "missing"},
    ),
    Mistake(
        "softmax",
        sequential(layer("Dense", "dense", units=5, activation="softmax"), shape=(4,)),
        "self.dense = nn.Linear(4, 5)",
        "x = self.dense(x).softmax(1).softmax(1)",
        lambda w: linear("dense", w, "dense"),
        "dense",
        parameters={"softmax": "twice"},
    ),
    Mistake(
        "activation",
        sequential(layer("Dense", "dense", units=5, activation="relu"), layer("Dense", "last", units=2), shape=(4,)),
        "self.dense = nn.Linear(4, 5)\nself.last = nn.Linear(5, 2)",
        "x = self.last(self.dense(x))",
        lambda w: {**linear("dense", w, "dense"), **linear("last", w, "last")},
        "last",
        parameters={"activation": "linear", "at": "dense"},
    ),
    Mistake(
        "normalization-mode",
        sequential(layer("BatchNormalization", "norm", epsilon=1e-3, momentum=0.9), shape=(4,)),
        "self.norm = nn.BatchNorm1d(4, eps=1e-3)",
        "self.norm.train()\nx = self.norm(x)",
        lambda w: {
            "norm.weight": w["norm/gamma"],
            "norm.bias": w["norm/beta"],
            "norm.running_mean": w["norm/moving_mean"],
            "norm.running_var": w["norm/moving_variance"],
        },
        "norm",
        parameters={"mode": "training"},
    ),
    Mistake(
        "merge",
        _concatenated(),
        "self.left = nn.Linear(4, 3)\nself.right = nn.Linear(4, 3)\nself.last = nn.Linear(6, 2)",
        "x = self.last(torch.cat([self.right(x), self.left(x)], 1))",
        _last_of,
        "last",
        parameters={"order": "reversed"},
    ),
    Mistake(
        "padding-order",
        sequential(layer("ZeroPadding2D", "pad", padding=[[1, 0], [0, 2]]), shape=(5, 6, 2)),
        "",
        "x = F.pad(x, (2, 0, 0, 1))",
        lambda w: {},
        "pad",
    ),
    Mistake(
        "preprocessing",
        sequential(layer("Rescaling", "scale", scale=0.5, offset=-1.0), layer("Dense", "dense", units=2), shape=(4,)),
        "self.dense = nn.Linear(4, 2)",
        "x = self.dense(x * 0.5)",
        lambda w: linear("dense", w, "dense"),
        "dense",
        parameters={"setting": "offset"},
    ),
    Mistake(
        "extra",
        sequential(layer("Dense", "dense", units=5), layer("Dense", "last", units=2), shape=(4,)),
        "self.dense = nn.Linear(4, 5)\nself.last = nn.Linear(5, 2)",
        "x = self.last(F.relu(self.dense(x)))",
        lambda w: {**linear("dense", w, "dense"), **linear("last", w, "last")},
        "last",
        parameters={"extra": "a rectifier"},
    ),
    Mistake(
        "weights-swapped",
        sequential(layer("Dense", "one", units=4), layer("Dense", "two", units=4), shape=(4,)),
        "self.one = nn.Linear(4, 4)\nself.two = nn.Linear(4, 4)",
        "x = self.two(self.one(x))",
        lambda w: {**linear("one", w, "two"), **linear("two", w, "one")},
        "one",
        parameters={"layer": "two"},
    ),
]
