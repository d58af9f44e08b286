"""Tests of the Keras backends.

Frameworks do not share a process: each engine works once through `measure`, in a process of its own that runs this
file as a script and leaves its results in two files, and the tests compare them with a computation in PyTorch.
"""

import importlib.util
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genrebench.backend.protocol import BackendInfo
from genrebench.errors import BackendError, ConfigError
from genrebench.network import layers
from genrebench.network.adam import Adam, AdamState
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import same_padding
from genrebench.network.types import Weights

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
    np.savez(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]  # the names are not allow_pickle
    (folder / "facts.json").write_text(json.dumps(facts))


@dataclass(frozen=True)
class Results:
    """What an engine left."""

    engine: str
    arrays: Weights
    facts: dict[str, Any]

    def get(self, prefix: str) -> Weights:
        """Pick the arrays of one kind."""
        start = f"{prefix}|"
        return {key.removeprefix(start): value for key, value in self.arrays.items() if key.startswith(start)}


@pytest.fixture(scope="module", params=ENGINES)
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Let an engine do its work in a process of its own, whose environment asks for another engine."""
    engine = request.param
    for module in ("keras", engine):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    folder = tmp_path_factory.mktemp(engine)
    other = next(key for key in ENGINES if key != engine)
    finished = subprocess.run(
        [sys.executable, "-P", __file__, engine, str(folder)],
        env={**os.environ, "KERAS_BACKEND": other},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    with np.load(folder / "arrays.npz") as archive:
        arrays = dict(archive)
    return Results(engine, arrays, json.loads((folder / "facts.json").read_text()))


def run_windows(layer: layers.Conv2D | layers.MaxPooling2D, weights: dict[str, Any], x: Any) -> Any:
    """Convolve or pool in PyTorch's functions, without the activation.

    Parameters
    ----------
    x : Tensor [shape=(n, height, width, channels)]
        Input.

    Returns
    -------
    Tensor [shape=(n, height, width, channels)]
        Output.
    """
    torch = pytest.importorskip("torch")
    window = layer.kernel_size if isinstance(layer, layers.Conv2D) else layer.pool_size
    padding = 0.0 if isinstance(layer, layers.Conv2D) else -torch.inf
    y = x.permute(0, 3, 1, 2)
    if layer.padding == "same":
        rows, columns = (same_padding(*each) for each in zip(y.shape[2:], window, layer.strides, strict=True))
        y = torch.nn.functional.pad(y, (*columns, *rows), value=padding)
    if isinstance(layer, layers.Conv2D):
        y = torch.conv2d(y, weights["kernel"].permute(3, 2, 0, 1), weights["bias"], layer.strides)
    else:
        y = torch.max_pool2d(y, window, layer.strides)
    return y.permute(0, 2, 3, 1)


def run_reference(
    architecture: Architecture, weights: dict[str, Any], x: Any, *, training: bool, masks: Weights
) -> dict[str, Any]:
    """Run a network in PyTorch's functions and plain formulas.

    Parameters
    ----------
    x : Tensor [shape=(n, height, width, channels)]
        Inputs.

    Returns
    -------
    dict of str to Tensor
        Outputs by layer; in training also the updated running statistics by canonical name.
    """
    torch = pytest.importorskip("torch")
    outputs = {}
    for layer in architecture.layers:
        mine = {key.split("/")[1]: value for key, value in weights.items() if key.startswith(f"{layer.name}/")}
        if isinstance(layer, layers.Conv2D | layers.MaxPooling2D):
            x = run_windows(layer, mine, x)
        elif isinstance(layer, layers.BatchNormalization):
            mean, variance = mine["moving_mean"], mine["moving_variance"]
            if training:
                axes = tuple(range(x.ndim - 1))
                batch = {"moving_mean": x.mean(axes), "moving_variance": x.var(axes, correction=0)}
                for key, value in batch.items():
                    outputs[f"{layer.name}/{key}"] = layer.momentum * mine[key] + (1 - layer.momentum) * value
                mean, variance = batch.values()
            x = mine["gamma"] * (x - mean) / torch.sqrt(variance + layer.epsilon) + mine["beta"]
        elif isinstance(layer, layers.Flatten):
            x = x.reshape(len(x), -1)
        elif isinstance(layer, layers.Dense):
            x = x @ mine["kernel"] + mine["bias"]
        elif isinstance(layer, layers.Dropout) and layer.name in masks:
            x = x * torch.from_numpy(masks[layer.name]) / (1 - layer.rate)
        if getattr(layer, "activation", "linear") == "relu":
            x = torch.relu(x)
        outputs[layer.name] = x
    return outputs


def reference(name: str, *, training: bool, masks: Weights | None = None) -> tuple[Weights, float, Weights]:
    """Run a case in PyTorch's functions."""
    torch = pytest.importorskip("torch")
    case, specs = make_case(name), ARCHITECTURES[name].weight_specs()
    weights = {key: torch.from_numpy(value).requires_grad_(specs[key].trainable) for key, value in case.weights.items()}
    outputs = run_reference(
        ARCHITECTURES[name], weights, torch.from_numpy(case.x), training=training, masks=masks or {}
    )
    logits = outputs[ARCHITECTURES[name].layers[-1].name]
    loss = (torch.logsumexp(logits, 1) - logits[range(len(logits)), case.labels]).mean()
    loss.backward()
    gradients = {key: value.grad.numpy() for key, value in weights.items() if specs[key].trainable}
    return {key: value.detach().numpy() for key, value in outputs.items()}, loss.item(), gradients


def adam_formula(weights: Weights, gradients: Weights, state: AdamState) -> tuple[Weights, AdamState]:
    """Do one update by the formula of `Adam`."""
    step = state.step + 1
    m = {key: ADAM.beta_1 * state.m[key] + (1 - ADAM.beta_1) * g for key, g in gradients.items()}
    v = {key: ADAM.beta_2 * state.v[key] + (1 - ADAM.beta_2) * g**2 for key, g in gradients.items()}
    rate = ADAM.learning_rate * np.sqrt(1 - ADAM.beta_2**step) / (1 - ADAM.beta_1**step)
    return (
        {key: weights[key] - rate * m[key] / (np.sqrt(v[key]) + ADAM.epsilon) for key in gradients},
        AdamState(step, m, v),
    )


def worst(received: Weights, expected: Weights) -> float:
    """Measure how far tensors are apart."""
    assert received.keys() == expected.keys()
    for key, value in expected.items():
        assert (received[key].shape, received[key].dtype) == (value.shape, value.dtype), key
        assert np.isfinite(received[key]).all(), key
    return max(
        float(np.linalg.norm(received[key] - value) / (np.linalg.norm(value) or 1)) for key, value in expected.items()
    )


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Turn logits into probabilities.

    Parameters
    ----------
    logits : ndarray [shape=(n, classes)]
        Logits.

    Returns
    -------
    ndarray [shape=(n, classes)]
        Probabilities.
    """
    powers: NDArray[Any] = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_model_is_the_one_that_the_snippet_builds(results: Results, dtype: str) -> None:
    """Kinds, names and every configuration are those of Keras, but for the last activation."""
    built, snippet = (results.facts[f"{dtype} {side} layers"] for side in ("built", "snippet"))
    assert snippet[-1].pop("activation") == "softmax"  # belongs to prediction
    assert built[-1].pop("activation") == "linear"
    assert built == snippet
    names = [(layer.name, layer.kind) for layer in genre_cnn().layers]
    assert [(config["name"], config["class"]) for config in built] == names
    weights = results.facts[f"{dtype} built weights"]
    assert weights == results.facts[f"{dtype} snippet weights"]
    assert [path.removeprefix("sequential/") for path, *_ in weights] == list(genre_cnn().weight_specs())
    assert results.facts[f"{dtype} built parameters"] == results.facts[f"{dtype} snippet parameters"] == 475_594
    assert results.facts[f"{dtype} left alone"]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
def test_the_probabilities_are_those_of_the_snippet(results: Results, dtype: str, tolerance: float) -> None:
    """With equal weights, softmax of the logits is what the snippet's model gives out."""
    received, expected = softmax(results.arrays[f"{dtype}|built"]), results.arrays[f"{dtype}|snippet"]
    assert received.dtype == expected.dtype == dtype
    assert np.abs(received - expected).max() < tolerance


def test_keras_alone_normalizes_float64_in_float32_where_it_is_not_helped(results: Results) -> None:
    """What `float64_kept` is for: without it the snippet's own model is float64 on TensorFlow only."""
    error = np.abs(results.arrays["float64|snippet alone"] - results.arrays["float64|snippet"]).max()
    assert error == 0 if results.engine == "tensorflow" else 1e-10 < error < 1e-5


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_evaluation_agrees_with_plain_formulas(results: Results, name: str) -> None:
    """Every layer, and the logits, which are the last layer's output."""
    expected, _, _ = reference(name, training=False)
    assert worst(results.get(f"{name}|evaluation"), expected) < 1e-11
    assert worst(results.get(f"{name}|logits"), {"": expected[ARCHITECTURES[name].layers[-1].name]}) < 1e-11


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_training_agrees_with_plain_formulas(results: Results, name: str) -> None:
    """Every layer with the masks given, and the running statistics, whose variance is the biased one."""
    expected, _, _ = reference(name, training=True, masks=make_case(name).masks)
    received = results.get(f"{name}|training")
    assert worst(received, expected) < 1e-11
    statistics = {key for key, spec in ARCHITECTURES[name].weight_specs().items() if not spec.trainable}
    assert received.keys() == statistics | {layer.name for layer in ARCHITECTURES[name].layers}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_dropout_without_a_mask_drops_nothing(results: Results, name: str) -> None:
    """The layer hands its input on; with a mask it does not."""
    order = [layer.name for layer in ARCHITECTURES[name].layers]
    before = order[order.index("dropout") - 1]
    received = results.get(f"{name}|without masks")
    np.testing.assert_array_equal(received["dropout"], received[before])
    assert not np.array_equal(received["dropout"], results.get(f"{name}|training")["dropout"])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_loss_and_gradients_agree_with_plain_formulas(results: Results, name: str) -> None:
    """The gradient of every trainable weight, with the masks given."""
    _, loss, expected = reference(name, training=True, masks=make_case(name).masks)
    assert results.facts[f"{name} loss"] == pytest.approx(loss, rel=1e-12)
    assert worst(results.get(f"{name}|gradients"), expected) < 1e-10


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("start", ["new", "old"])
def test_adam_agrees_with_its_formula(results: Results, name: str, start: str) -> None:
    """Moments, and the update itself, since weights hide an error in it behind their size."""
    case = make_case(name)
    expected, state = adam_formula(case.weights, case.gradients[0], case.states[start])
    received = results.get(f"{name}|adam {start}")
    assert worst(received, expected) < 1e-12
    updates = [{key: side[key] - case.weights[key] for key in side} for side in (received, expected)]
    assert worst(*updates) < 1e-10
    assert worst(results.get(f"{name}|adam {start} m"), state.m) < 1e-12
    assert worst(results.get(f"{name}|adam {start} v"), state.v) < 1e-12
    assert results.facts[f"{name} adam {start} step"] == state.step


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_three_updates_agree_with_the_formula(results: Results, name: str) -> None:
    """The state that one update gives out is taken by the next."""
    case = make_case(name)
    weights, state = case.weights, case.states["new"]
    for gradients in case.gradients:
        weights, state = adam_formula(weights, gradients, state)
    received = results.get(f"{name}|adam three")
    updates = [{key: side[key] - case.weights[key] for key in side} for side in (received, weights)]
    assert worst(*updates) < 1e-10


def test_keras_adam_with_plain_numbers_rounds_them_to_float32(results: Results) -> None:
    """What the float64 scalars are for: the decays on TensorFlow, the learning rate on all engines."""
    case = make_case("odd")
    expected, _ = adam_formula(case.weights, case.gradients[0], case.states["new"])
    received = results.get("plain adam")
    error = worst(*({key: side[key] - case.weights[key] for key in side} for side in (received, expected)))
    assert 1e-6 < error < 1e-5 if results.engine == "tensorflow" else 1e-9 < error < 1e-8


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_come_back_bit_by_bit(results: Results, name: str) -> None:
    """In their own dtype, before and after everything that must leave the network as it was."""
    weights = make_case(name).weights
    for when in ("weights", "weights after"):
        received = results.get(f"{name}|{when}")
        assert list(received) == list(weights)
        for key, value in weights.items():
            np.testing.assert_array_equal(received[key], value, strict=True)
    np.testing.assert_array_equal(results.arrays[f"{name}|logits|"], results.arrays[f"{name}|logits after|"])


def test_weights_are_rounded_once_to_float32(results: Results) -> None:
    """A float32 network holds what NumPy makes of float64 weights."""
    for key, value in make_case("brief").weights.items():
        np.testing.assert_array_equal(results.arrays[f"float32|{key}"], value.astype(np.float32), strict=True)


def test_inputs_may_be_read_only_and_strided(results: Results) -> None:
    """An array that cannot be shared is copied."""
    np.testing.assert_allclose(results.arrays["odd|reversed"][::-1], results.arrays["odd|locked"], rtol=1e-4)


@pytest.mark.parametrize(
    ("what", "parts"),
    [
        ("dtype", ("BackendError", "float32, float64", "float16")),
        ("device", ("BackendError", "cpu", "abacus")),
        ("weights", ("ConfigError", "hidden/bias", "(7,)", "(8,)")),
        ("logits", ("BackendError", "(n, 17, 23, 2)", "(6, 16, 23, 2)")),
        ("rank", ("BackendError", "(n, 17, 23, 2)", "(6, 17, 23)")),
        ("loss", ("BackendError", "(n, 17, 23, 2)", "(6, 17, 23, 1)")),
        ("labels", ("BackendError", "6 labels", "(5,)")),
        ("mask name", ("BackendError", "dropout", "hidden: ")),
        ("mask shape", ("BackendError", "(6, 7)", "(1, 7)")),
        ("engine", ("BackendError", "a process of its own")),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(results: Results, what: str, parts: tuple[str, ...]) -> None:
    """Each message names what was expected and what was received."""
    message = results.facts.get(f"refused {what}", "nothing was refused")
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_the_engine_is_the_one_asked_for_by_name(results: Results) -> None:
    """The environment asked for another; of the frameworks, only Keras and the engine are imported."""
    assert results.facts["imported by the plugin"] == []
    assert results.facts["engine"] == results.engine
    assert results.facts["imported by the engine"] == sorted({"keras", results.engine})


def test_infos_name_what_they_need() -> None:
    """The three are plugins of one framework with another engine each."""
    from genrebench_keras import info

    infos: dict[str, BackendInfo] = {engine: getattr(info, attribute) for engine, attribute in ENGINES.items()}
    assert {engine: each.name for engine, each in infos.items()} == {
        "tensorflow": "keras",
        "jax": "keras-jax",
        "torch": "keras-torch",
    }
    for engine, each in infos.items():
        assert each.framework == "keras"
        assert each.requires == (engine,)
        assert not each.can_train
        assert "cpu" in each.devices


if __name__ == "__main__":
    measure(sys.argv[1], Path(sys.argv[2]))
