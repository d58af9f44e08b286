"""What an engine under Keras is put through, once, in a process of its own.

Frameworks do not share a process: `measure` runs as a script and leaves its results in two files, which the tests
compare with a computation in PyTorch. Cases are made here, too, since any process makes the same.
"""

import json
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.backend import Adam, AdamState
from genrebench.errors import BackendError, ConfigError
from genrebench.network import Architecture, Weights, genre_cnn, layers
from genrebench.network.sampling import random_inputs, random_weights

ENGINES = {"tensorflow": "KERAS", "jax": "KERAS_JAX", "torch": "KERAS_TORCH"}
# Windows and strides that are not square, sizes that do not divide, normalization of vectors, names of one's own.
ODD = Architecture(
    (17, 23, 2),
    (
        layers.Conv2D(5, (3, 2), strides=(2, 1), padding="same", activation="relu"),
        layers.BatchNormalization(momentum=0.9, epsilon=1e-2),
        layers.MaxPooling2D((3, 2), strides=(2, 3), padding="same"),
        layers.Conv2D(4, (2, 3), activation="relu"),
        layers.MaxPooling2D((2, 2), strides=(1, 1)),
        layers.Flatten(name="input_layer"),
        layers.BatchNormalization(momentum=0.7),
        layers.Dense(7, activation="relu", name="hidden"),
        layers.Dropout(0.4),
        layers.Dense(3, name="scores 1"),
    ),
)
# What a network ends in is taken for logits, whatever it is.
ENDS_IN_SOFTMAX = Architecture((4, 4, 1), (layers.Flatten(), layers.Dense(3), layers.Activation("softmax")))
ARCHITECTURES = {"brief": genre_cnn(), "odd": ODD}
SIZES = {"brief": 4, "odd": 6}
ADAM = Adam(learning_rate=3e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-6)


@dataclass(frozen=True)
class Case:
    """What an architecture is tried with.

    Attributes
    ----------
    x : ndarray of float64 [shape=(n, height, width, channels)]
        Inputs.
    labels : ndarray of int64 [shape=(n,)]
        True classes.
    """

    weights: Weights
    x: NDArray[np.float64]
    labels: NDArray[np.int64]
    masks: Weights
    gradients: list[Weights]
    states: dict[str, AdamState]


def make_case(name: str) -> Case:
    """Draw a case; any process draws the same."""
    architecture, size = ARCHITECTURES[name], SIZES[name]
    rng = np.random.default_rng(7)
    weights = {
        key: value + rng.uniform(-0.1, 0.1, value.shape) for key, value in architecture.initial_weights(3).items()
    }
    shapes = {key: spec.shape for key, spec in architecture.weight_specs().items() if spec.trainable}
    masks = {
        node.name: (rng.random((size, *node.input_shape)) > 0.4).astype(np.float64)
        for node in architecture.walk()
        if node.kind == "Dropout"
    }
    return Case(
        weights=weights,
        x=rng.normal(size=(size, *architecture.input_shape)),
        labels=rng.integers(architecture.classes, size=size),
        masks=masks,
        gradients=[{key: rng.normal(size=shape) for key, shape in shapes.items()} for _ in range(3)],
        states={
            "new": AdamState(0, *({key: np.zeros(shape) for key, shape in shapes.items()} for _ in "mv")),
            "old": AdamState(
                5,
                {key: rng.normal(size=shape) for key, shape in shapes.items()},
                {key: rng.uniform(size=shape) for key, shape in shapes.items()},
            ),
        },
    )


def measure_case(backend: Any, name: str, arrays: Weights, facts: dict[str, Any]) -> None:
    """Put a network through every method of the protocol in float64."""
    case = make_case(name)
    network = backend.build(ARCHITECTURES[name], case.weights, dtype="float64", device="cpu")

    def keep(kind: str, tensors: Weights) -> None:
        """Keep tensors under a kind."""
        arrays.update({f"{name}|{kind}|{key}": value for key, value in tensors.items()})

    keep("weights", network.weights())
    keep("logits", {"": network.logits(case.x)})
    keep("evaluation", network.trace(case.x, training=False))
    keep("training", network.trace(case.x, training=True, dropout_masks=case.masks))
    keep("without masks", network.trace(case.x, training=True))
    loss, gradients = network.loss_and_gradients(case.x, case.labels, dropout_masks=case.masks)
    facts[f"{name} loss"] = loss
    keep("gradients", gradients)
    for start, state in case.states.items():
        weights, state = network.adam_update(case.gradients[0], state, ADAM)
        keep(f"adam {start}", weights)
        keep(f"adam {start} m", state.m)
        keep(f"adam {start} v", state.v)
        facts[f"{name} adam {start} step"] = state.step
    state = case.states["new"]
    for number in range(3):  # each update starts from the weights that the one before gave out
        weights, state = network.adam_update(case.gradients[number], state, ADAM)
        network = backend.build(ARCHITECTURES[name], {**case.weights, **weights}, dtype="float64", device="cpu")
    keep("adam three", weights)
    network = backend.build(ARCHITECTURES[name], case.weights, dtype="float64", device="cpu")
    network.trace(case.x, training=True, dropout_masks=case.masks)
    network.loss_and_gradients(case.x, case.labels)
    network.adam_update(case.gradients[0], case.states["old"], ADAM)
    for value in network.weights().values():  # what was given out is the caller's own
        value.fill(0)
    keep("weights after", network.weights())
    keep("logits after", {"": network.logits(case.x)})


def build_snippet() -> Any:
    """Build the model that the network is specified by, with Keras' own defaults."""
    import keras

    keras.backend.clear_session()
    model = keras.Sequential()
    # 1st conv layer
    model.add(keras.layers.Conv2D(32, (3, 3), activation="relu", input_shape=(128, 130, 1)))
    model.add(keras.layers.MaxPooling2D((3, 3), strides=(2, 2), padding="same"))
    model.add(keras.layers.BatchNormalization())
    # 2nd conv layer
    model.add(keras.layers.Conv2D(32, (3, 3), activation="relu"))
    model.add(keras.layers.MaxPooling2D((3, 3), strides=(2, 2), padding="same"))
    model.add(keras.layers.BatchNormalization())
    # 3rd conv layer
    model.add(keras.layers.Conv2D(32, (2, 2), activation="relu"))
    model.add(keras.layers.MaxPooling2D((2, 2), strides=(2, 2), padding="same"))
    model.add(keras.layers.BatchNormalization())
    # flatten output and feed it into dense layer
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(64, activation="relu"))
    model.add(keras.layers.Dropout(0.3))
    # output layer
    model.add(keras.layers.Dense(10, activation="softmax"))
    return model


def measure_specification(backend: Any, arrays: Weights, facts: dict[str, Any]) -> None:
    """Set the built model beside the snippet's: configurations, weights, outputs in both dtypes."""
    import keras
    from genrebench_keras.engines import float64_kept
    from genrebench_keras.layers import build_model

    case = make_case("brief")
    floatx = keras.config.floatx()
    for dtype in ("float32", "float64"):
        network = backend.build(genre_cnn(), case.weights, dtype=dtype)
        facts[f"{dtype} left alone"] = keras.config.floatx() == floatx == "float32"
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        with warnings.catch_warnings(action="ignore"):  # Keras 3 would have the input's shape given otherwise
            snippet = build_snippet()
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(floatx)
        built = build_model(genre_cnn(), dtype)
        for side, model in (("built", built), ("snippet", snippet)):
            facts[f"{dtype} {side} layers"] = [
                {"class": type(layer).__name__, **layer.get_config()} for layer in model.layers
            ]
            facts[f"{dtype} {side} weights"] = [
                [variable.path, list(variable.shape), variable.dtype, variable.trainable] for variable in model.weights
            ]
            facts[f"{dtype} {side} parameters"] = model.count_params()
        snippet.set_weights([case.weights[f"{v.path.split('/', 1)[1]}"] for v in snippet.weights])
        x = case.x.astype(dtype)
        arrays[f"{dtype}|snippet alone"] = keras.ops.convert_to_numpy(snippet(x, training=False))
        with float64_kept() if dtype == "float64" else nullcontext():
            arrays[f"{dtype}|snippet"] = keras.ops.convert_to_numpy(snippet(x, training=False))
        arrays[f"{dtype}|built"] = network.logits(x)
        arrays |= {f"{dtype}|{key}": value for key, value in network.weights().items()}


def measure_refusals(engine: str, arrays: Weights, facts: dict[str, Any]) -> None:
    """Ask for what cannot be had, and keep the messages."""
    from genrebench_keras import backend as module

    backend, case = getattr(module, ENGINES[engine]), make_case("odd")
    network = backend.build(ODD, case.weights)
    other = next(attribute for key, attribute in ENGINES.items() if key != engine)
    mask = case.masks["dropout"]
    attempts: dict[str, Callable[[], Any]] = {
        "dtype": lambda: backend.build(ODD, case.weights, dtype="float16"),
        "device": lambda: backend.build(ODD, case.weights, device="abacus"),
        "weights": lambda: backend.build(ODD, {**case.weights, "hidden/bias": np.zeros(8)}),
        "logits": lambda: network.logits(case.x[:, :-1]),
        "rank": lambda: network.trace(case.x[..., 0], training=False),
        "loss": lambda: network.loss_and_gradients(case.x[..., :1], case.labels),
        "labels": lambda: network.loss_and_gradients(case.x, case.labels[:-1]),
        "mask name": lambda: network.trace(case.x, training=True, dropout_masks={"hidden": mask}),
        "mask shape": lambda: network.trace(case.x, training=True, dropout_masks={"dropout": mask[:1]}),
        "engine": lambda: getattr(module, other).build(ODD, case.weights),
    }
    for what, attempt in attempts.items():
        try:
            attempt()
        except (BackendError, ConfigError) as error:
            facts[f"refused {what}"] = f"{type(error).__name__}: {error}"
    locked = case.x.astype(np.float32)
    locked.flags.writeable = False
    arrays["odd|locked"] = network.logits(locked)
    arrays["odd|reversed"] = network.logits(np.flip(locked, 0))


def measure_plain_adam(arrays: Weights) -> None:
    """Run Keras' Adam in float64 with plain numbers, as everybody does."""
    import keras

    case = make_case("odd")
    adam = keras.optimizers.Adam(ADAM.learning_rate, ADAM.beta_1, ADAM.beta_2, ADAM.epsilon)
    names = list(case.gradients[0])
    variables = [keras.Variable(case.weights[name], dtype="float64") for name in names]
    adam.apply([keras.ops.convert_to_tensor(case.gradients[0][name]) for name in names], variables)
    arrays |= {
        f"plain adam|{name}": keras.ops.convert_to_numpy(variable)
        for name, variable in zip(names, variables, strict=True)
    }


def measure(engine: str, folder: Path) -> None:
    """Do in this process everything that needs an engine."""
    arrays: Weights = {}
    facts: dict[str, Any] = {}
    from genrebench_keras import backend as module
    from genrebench_keras import info

    heavy = {"keras", "tensorflow", "jax", "torch"}
    facts["imported by the plugin"] = sorted(heavy & sys.modules.keys())
    backend = getattr(module, ENGINES[engine])
    assert backend.info is getattr(info, ENGINES[engine])
    for name in ARCHITECTURES:
        measure_case(backend, name, arrays, facts)
    import keras

    facts["engine"] = keras.config.backend()
    facts["imported by the engine"] = sorted(heavy & sys.modules.keys())
    measure_specification(backend, arrays, facts)
    measure_refusals(engine, arrays, facts)
    measure_plain_adam(arrays)
    x, labels = random_inputs(ENDS_IN_SOFTMAX, 5)
    network = backend.build(ENDS_IN_SOFTMAX, random_weights(ENDS_IN_SOFTMAX, 0), dtype="float64", device="cpu")
    facts["loss behind a softmax"], _ = network.loss_and_gradients(x, labels)
    np.savez(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]  # the names are not allow_pickle
    (folder / "facts.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    measure(sys.argv[1], Path(sys.argv[2]))
