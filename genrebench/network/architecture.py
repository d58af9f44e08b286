"""What the network is, independent of any framework: its layers in order, its shapes, its weights.

An `Architecture` is data, a tuple of `genrebench.network.layers`. Names and layouts are those of Keras: weights are a
flat ``dict[str, ndarray]`` with keys such as ``conv2d_1/kernel`` [height, width, in, out], tensors are channels-last.
The network ends in logits; `Architecture.prediction` says what turns them into probabilities.
"""

import dataclasses
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, InstanceOf
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.network.fields import MAX_VALUES, Count
from genrebench.network.layers import Dropout, Flatten, Layer, WeightSpec
from genrebench.network.layers.base import layer_from_json
from genrebench.network.node import INPUT, Node
from genrebench.network.types import Weights
from genrebench.system.memory import require_memory
from genrebench.system.validation import Checked, from_list


@dataclass(frozen=True)
class Architecture(Checked):
    """A sequential network, from the input's shape to logits.

    Attributes
    ----------
    input_shape : tuple of int
        (height, width, channels) of one input; for spectrograms (n_mels, frames, 1).
    layers : tuple of Layer
        The layers in order; unnamed ones are numbered as Keras does (``conv2d``, ``conv2d_1``, ...).
    prediction : str
        What turns the network's logits into probabilities: ``softmax`` over the last axis, outside the network.

    Raises
    ------
    ConfigError
        If a field is wrong, a layer does not fit the one before, or a name stands twice.

    Examples
    --------
    >>> from genrebench.network.layers import Conv2D, Dense, GlobalAveragePooling2D
    >>> network = Architecture((32, 20, 1), (Conv2D(8, (3, 3), activation="relu"), GlobalAveragePooling2D(), Dense(4)))
    >>> for node in network.walk():
    ...     print(node.name, node.output_shape, node.parameters)
    conv2d (30, 18, 8) 80
    global_average_pooling2d (8,) 0
    dense (4,) 36
    >>> Architecture.from_json(network.to_json()) == network
    True
    """

    subject: ClassVar[str] = "architecture"

    input_shape: Annotated[
        tuple[Count, Count, Count], from_list, Field(description="an input shape (height, width, channels)")
    ]
    layers: Annotated[
        tuple[Annotated[InstanceOf[Layer], BeforeValidator(layer_from_json)], ...],
        from_list,
        Field(description="a list of at least one layer", min_length=1),
    ]
    prediction: Annotated[Literal["softmax"], Field(description="softmax")] = "softmax"

    def __post_init__(self) -> None:
        """Number the layers and check that each fits the one before."""
        object.__setattr__(self, "layers", _named(self.layers))
        nodes = self.walk()
        for node in nodes:
            size = max(node.parameters, math.prod(node.output_shape))
            if size > MAX_VALUES:
                raise ConfigError(f"{node.name}: expected at most 2^40 values, received a layer of {size:.1e}")
        output = nodes[-1].output_shape
        if len(output) != 1:
            raise ConfigError(f"expected the network to end in one axis of logits, received shape {output}")

    @property
    def classes(self) -> int:
        """Count the logits.

        Returns
        -------
        int
            Number of classes.
        """
        return self.walk()[-1].output_shape[0]

    @property
    def parameters(self) -> int:
        """Count the values in all weights."""
        return sum(node.parameters for node in self.walk())

    def walk(self) -> tuple[Node, ...]:
        """List the layers in their places, each after those that it reads.

        Whoever goes through a network goes this way; nobody else knows that it is a sequence.

        Returns
        -------
        tuple of Node
            One node per layer.
        """
        nodes: list[Node] = []
        source, shape = INPUT, tuple(self.input_shape)
        for layer in self.layers:
            after = layer.output_shape(shape)
            weights = {f"{layer.name}/{spec.name}": spec for spec in layer.weight_specs(shape)}
            nodes.append(Node(layer, (source,), (shape,), after, weights))
            source, shape = layer.name, after
        return tuple(nodes)

    def node(self, name: str) -> Node:
        """Look up a node.

        Parameters
        ----------
        name : str
            Name of its layer, such as ``conv2d_1``.

        Returns
        -------
        Node
            The layer in its place.

        Raises
        ------
        KeyError
            If no layer has that name.
        """
        return {node.name: node for node in self.walk()}[name]

    @property
    def output(self) -> str:
        """Name the node whose output is the network's: the logits."""
        return self.layers[-1].name

    @property
    def trainable(self) -> tuple[str, ...]:
        """Name the weights that the optimizer moves, in the network's order."""
        return tuple(name for name, spec in self.weight_specs().items() if spec.trainable)

    @property
    def statistics(self) -> tuple[str, ...]:
        """Name the weights that are not trained: the running statistics, in the network's order."""
        return tuple(name for name, spec in self.weight_specs().items() if not spec.trainable)

    def weight_specs(self) -> dict[str, WeightSpec]:
        """List every weight of the network.

        Returns
        -------
        dict of str to WeightSpec
            Keys are canonical names such as ``dense/kernel``, in the network's order.
        """
        return {name: spec for node in self.walk() for name, spec in node.weights.items()}

    def prefix(self, count: int) -> tuple["Architecture", str]:
        """Take the first layers alone.

        Parameters
        ----------
        count : int
            How many.

        Returns
        -------
        Architecture
            The network of these layers.
        str
            Name of the flattening layer that was put behind them, since a network ends in one axis; empty if none was.
        """
        layers = self.layers[:count]
        if len(self.walk()[count - 1].output_shape) == 1:
            return dataclasses.replace(self, layers=layers), ""
        helper = "flatten" + "_" * (1 + max(len(layer.name) for layer in layers))  # longer than any name, so no layer's
        return dataclasses.replace(self, layers=(*layers, Flatten(name=helper))), helper

    def without_dropout(self) -> "Architecture":
        """Set the rate of every dropout layer to 0.

        Returns
        -------
        Architecture
            The same layers by name, which then draw nothing at random.
        """
        layers = (dataclasses.replace(each, rate=0.0) if isinstance(each, Dropout) else each for each in self.layers)
        return dataclasses.replace(self, layers=tuple(layers))

    def initial_weights(self, seed: int) -> Weights:
        """Draw the weights that training starts from, the same for every backend.

        Each tensor has its own random stream, so that a layer's values do not depend on the layers before it.

        Parameters
        ----------
        seed : int
            Seed, 0 or above.

        Returns
        -------
        dict of str to ndarray of float32
            Canonical weights.

        Raises
        ------
        ConfigError
            If there is not the memory for them.
        """
        try:
            require_memory(4 * self.parameters)
        except MemoryError as error:
            raise ConfigError(f"expected a network that fits into memory; {error}; use smaller layers") from error
        weights = {}
        for index, (name, spec) in enumerate(self.weight_specs().items()):
            weights[name] = spec.initial(np.random.default_rng([seed, index])).astype(np.float32)
        return weights

    def check_weights(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Refuse weights that are not this network's.

        Parameters
        ----------
        weights : mapping of str to ndarray
            Canonical weights.

        Raises
        ------
        ConfigError
            If a tensor is missing or unknown, has another shape, or holds NaN or infinity.
        """
        specs = self.weight_specs()
        missing, unknown = sorted(specs.keys() - weights.keys()), sorted(weights.keys() - specs.keys())
        if missing or unknown:
            raise ConfigError(
                f"expected the weights of this architecture, received {len(weights)} tensors"
                + (f"; missing {', '.join(missing)}" if missing else "")
                + (f"; unknown {', '.join(unknown)}" if unknown else "")
            )
        for name, spec in specs.items():
            spec.check(name, weights[name])

    def check_meaning(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Refuse weights that no training leaves: enormous ones, and variances below 0, or of 0 without an epsilon.

        Parameters
        ----------
        weights : mapping of str to ndarray
            Canonical weights that `check_weights` took.

        Raises
        ------
        ConfigError
            If there are such; the message names the tensor.
        """
        for name, spec in self.weight_specs().items():
            spec.check_meaning(name, weights[name])

    def to_json(self) -> dict[str, Any]:
        """Describe the architecture in plain JSON types.

        Returns
        -------
        dict
            What `from_json` reads.
        """
        layers = [{"kind": layer.kind, **dataclasses.asdict(layer)} for layer in self.layers]
        return json.loads(  # type: ignore[no-any-return]  # tuples become lists, as they will be when read
            json.dumps({"input_shape": self.input_shape, "layers": layers, "prediction": self.prediction})
        )

    def fingerprint(self) -> str:
        """Hash the architecture.

        Returns
        -------
        str
            SHA-256 of its canonical JSON, in hexadecimal.
        """
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


def _named(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Give every unnamed layer the name that Keras would give it in a new session."""
    counts: Counter[str] = Counter()
    named = []
    for layer in layers:
        base = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", layer.kind).lower()
        number = counts[base]
        counts[base] += 1
        named.append(layer if layer.name else dataclasses.replace(layer, name=f"{base}_{number}" if number else base))
    repeated = [name for name, count in Counter(layer.name for layer in named).items() if count > 1]
    if repeated:
        raise ConfigError(f"expected every layer to have a name of its own, received {', '.join(repeated)} twice")
    return tuple(named)
