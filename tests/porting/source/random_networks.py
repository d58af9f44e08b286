"""Networks put together at random: layers that work in either order of axes, one behind the other and merged."""

import math
import random
from typing import Any

from genrebench.errors import ConfigError
from genrebench.reading.classes import read_kind
from genrebench.reading.kinds.base import Kind, Shape
from tests.reading.files import KERAS_3, functional, input_layer, layer, node

Choice = tuple[str, dict[str, Any]]
ACTIVATIONS = ("relu", "linear", "tanh", "softmax", "sigmoid", "hard_sigmoid")
# Values that a tensor may have: the definitions are slow.
MOST = 3000


def no_model(_: object) -> Kind:
    """Refuse a network within a layer."""
    raise ConfigError("expected a layer")


def for_images(rng: random.Random) -> list[Choice]:
    """List layers that take images."""
    window = {"strides": rng.choice([1, 2]), "padding": rng.choice(["same", "valid"])}
    pool = {"pool_size": rng.choice([2, 3]), **window}
    return [
        (
            "Conv2D",
            {"filters": 3, "kernel_size": rng.choice([1, 2, 3]), "activation": rng.choice(ACTIVATIONS), **window},
        ),
        ("DepthwiseConv2D", {"kernel_size": rng.choice([2, 3]), **window}),
        ("SeparableConv2D", {"filters": 3, "kernel_size": 3, "padding": "same"}),
        ("Conv2DTranspose", {"filters": 2, "kernel_size": rng.choice([2, 3]), **window}),
        ("MaxPooling2D", pool),
        ("AveragePooling2D", pool),
        ("GlobalAveragePooling2D", {"keepdims": rng.random() < 0.4}),
        ("GlobalMaxPooling2D", {}),
        ("ZeroPadding2D", {"padding": [[1, 0], [0, 2]]}),
        ("Cropping2D", {"cropping": [[0, 1], [1, 0]]}),
        ("UpSampling2D", {"size": 2, "interpolation": rng.choice(["nearest", "bilinear"])}),
        ("Permute", {"dims": rng.sample([1, 2, 3], 3)}),
        ("SpatialDropout2D", {"rate": 0.2}),
        ("PReLU", {"shared_axes": rng.choice([[], [1, 2], [1]])}),
        ("TimeDistributed", {"layer": layer("Conv1D", "inner", filters=2, kernel_size=2)}),
        ("TimeDistributed", {"layer": layer("BatchNormalization", "inner")}),
    ]


def for_sequences(rng: random.Random) -> list[Choice]:
    """List layers that take sequences."""
    is_whole = rng.random() < 0.6
    inner = layer("LSTM", "inner", units=2, return_sequences=is_whole)
    return [
        ("Conv1D", {"filters": 3, "kernel_size": 2, "padding": rng.choice(["same", "valid", "causal"])}),
        ("LSTM", {"units": 3, "return_sequences": is_whole, "recurrent_activation": rng.choice(["sigmoid", "relu"])}),
        ("GRU", {"units": 3, "return_sequences": is_whole, "reset_after": rng.random() < 0.5}),
        ("Bidirectional", {"layer": inner}),
        ("MaxPooling1D", {"padding": "same"}),
        ("GlobalAveragePooling1D", {}),
        ("GlobalMaxPooling1D", {}),
        ("TimeDistributed", {"layer": layer("Dense", "inner", units=3)}),
        ("Permute", {"dims": [2, 1]}),
        ("UpSampling1D", {}),
        ("ZeroPadding1D", {"padding": [1, 0]}),
        ("SpatialDropout1D", {"rate": 0.2}),
        ("Softmax", {"axis": rng.choice([1, 2])}),
    ]


def for_anything(rng: random.Random, shape: Shape) -> list[Choice]:
    """List layers that take any input."""
    size = math.prod(each or 1 for each in shape)
    shapes = ([size], [1, size], [size // 2, 2], [2, size // 2], [1, 1, size], [2, 2, size // 4])
    fitting = [each for each in shapes if math.prod(each) == size]
    return [
        ("Dense", {"units": rng.choice([2, 3, 4]), "activation": rng.choice(ACTIVATIONS)}),
        ("BatchNormalization", {"axis": rng.choice([-1, 1])}),
        ("LayerNormalization", {"axis": rng.choice([-1, list(range(1, len(shape) + 1))])}),
        ("GroupNormalization", {"groups": 1}),
        ("Activation", {"activation": rng.choice(ACTIVATIONS)}),
        ("Dropout", {"rate": 0.3}),
        ("GaussianNoise", {"stddev": 0.1}),
        ("Flatten", {}),
        ("Reshape", {"target_shape": rng.choice(fitting)}),
    ]


class Growing:
    """A network while it grows.

    Parameters
    ----------
    seed : int
        Equal seeds make equal networks.
    """

    def __init__(self, seed: int) -> None:
        """Begin with an image, and sometimes a sequence and a vector beside it."""
        self.rng = random.Random(seed)
        self.layers: list[dict[str, Any]] = []
        self.tensors: list[tuple[str, Shape]] = []
        self.read: set[str] = set()
        shapes: list[Shape] = [
            (self.rng.choice([6, 7]), self.rng.choice([6, 8]), self.rng.choice([1, 2, 4])),
            (5, 4),
            (4,),
        ]
        for number, shape in enumerate(shapes[: self.rng.randint(1, 3)]):
            self.layers.append(input_layer(f"in{number}", *shape))
            self.tensors.append((f"in{number}", shape))

    def add(self, class_name: str, config: dict[str, Any], *sources: tuple[str, Shape]) -> None:
        """Add a layer, if it can follow."""
        name = f"layer{len(self.layers)}"
        try:
            kind = read_kind(layer(class_name, name, **config), KERAS_3, no_model)
            (shape,) = kind.output_shapes([each for _, each in sources], {})
            kind.weights([each for _, each in sources])
        except ConfigError:
            return
        if math.prod(each or 1 for each in shape) <= MOST and len(shape) < 4:
            self.layers.append(node(class_name, name, [source for source, _ in sources], **config))
            self.tensors.append((name, shape))
            self.read |= {source for source, _ in sources}

    def grow(self) -> None:
        """Add a layer behind one of the last tensors, or merge it with another."""
        name, shape = self.rng.choice(self.tensors[-5:] if self.rng.random() < 0.8 else self.tensors)
        alike = [each for each in self.tensors if each[1] == shape and each[0] != name]
        smaller = [each for each in self.tensors if len(each[1]) < len(shape) and each[1][-1] == shape[-1]]
        if alike and self.rng.random() < 0.6:
            class_name = self.rng.choice(["Add", "Multiply", "Average", "Subtract", "Concatenate"])
            axis = {"axis": self.rng.choice([-1, *range(1, len(shape) + 1)])} if class_name == "Concatenate" else {}
            self.add(class_name, axis, (name, shape), self.rng.choice(alike))
        elif smaller and self.rng.random() < 0.4:
            both = [(name, shape), self.rng.choice(smaller)]
            self.add(self.rng.choice(["Add", "Multiply"]), {}, *self.rng.sample(both, 2))
        else:
            own = {3: for_images, 2: for_sequences}.get(len(shape), lambda _: [("RepeatVector", {"n": 3})])
            self.add(*self.rng.choice([*own(self.rng), *for_anything(self.rng, shape)]), (name, shape))

    def document(self) -> dict[str, Any]:
        """Write it; what nobody reads is an output."""
        ends = [name for name, _ in self.tensors if name not in self.read]
        names = [name for name, _ in self.tensors if name.startswith("in")]
        return functional(*self.layers, inputs=names, outputs=ends)


def random_network(seed: int) -> dict[str, Any]:
    """Write a network of some 4 to 16 layers."""
    growing = Growing(seed)
    for _ in range(growing.rng.randint(4, 16)):
        growing.grow()
    return growing.document()
