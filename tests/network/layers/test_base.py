"""What holds of every layer kind, those that are added later included."""

import dataclasses

import numpy as np
import pytest
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.network.architecture import Architecture
from genrebench.network.layers import LAYER_KINDS, Conv2D, Dense, Flatten, Forward, Layer, WeightSpec
from genrebench.network.layers.base import channel_sums
from genrebench.network.reference import ReferenceNetwork
from genrebench.network.types import Array, Shape, Weights
from tests.network.conftest import central_differences, error
from tests.network.layers.conftest import EXAMPLES, describe, sample

EVERY_EXAMPLE = pytest.mark.parametrize(("layer", "shape"), EXAMPLES, ids=describe)


@pytest.mark.parametrize("training", [True, False])
@EVERY_EXAMPLE
def test_gradients_equal_central_differences(layer: Layer, shape: Shape, training: bool) -> None:
    """The gradients of input and weights fit the layer's own values."""
    x, weights, mask = sample(layer, shape)
    y, vjp, _ = layer.forward(x, weights, training=training, mask=mask)
    cotangent = np.random.default_rng(6).normal(size=y.shape)
    dx, of_weights = vjp(cotangent)
    assert list(of_weights) == [spec.name for spec in layer.weight_specs(shape) if spec.trainable]

    def product() -> float:
        """Multiply the output by the cotangent."""
        return float((layer.forward(x, weights, training=training, mask=mask).y * cotangent).sum())

    for tensor, gradient in [(x, dx), *((weights[name], each) for name, each in of_weights.items())]:
        assert error(gradient, central_differences(product, tensor)) < 1e-6


@EVERY_EXAMPLE
def test_outputs_have_the_shape_and_type_they_should_have(layer: Layer, shape: Shape) -> None:
    """In both precisions, for values, statistics and gradients; for a batch of one, too."""
    x, weights, mask = sample(layer, shape)
    for dtype in (np.float32, np.float64):
        cast = {name: value.astype(dtype) for name, value in weights.items()}
        kept = None if mask is None else mask[:1]
        y, vjp, statistics = layer.forward(x[:1].astype(dtype), cast, training=True, mask=kept)
        dx, gradients = vjp(np.ones_like(y))
        assert y.shape == (1, *layer.output_shape(shape))
        assert dx.shape == (1, *shape)
        assert {each.dtype for each in (y, dx, *statistics.values(), *gradients.values())} == {np.dtype(dtype)}
        for name, value in (gradients | dict(statistics)).items():
            assert value.shape == weights[name].shape


@EVERY_EXAMPLE
def test_a_pass_changes_none_of_its_arguments(layer: Layer, shape: Shape) -> None:
    """Neither forward nor back; a second product from the same pass is the same."""
    x, weights, mask = sample(layer, shape)
    before = x.copy(), {name: value.copy() for name, value in weights.items()}
    y, vjp, _ = layer.forward(x, weights, training=True, mask=mask)
    cotangent = np.random.default_rng(0).normal(size=y.shape)
    first, second = vjp(cotangent)[0].copy(), vjp(cotangent)[0]
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(x, before[0])
    for name, value in weights.items():
        np.testing.assert_array_equal(value, before[1][name])


@pytest.mark.parametrize("kind", LAYER_KINDS.values(), ids=LAYER_KINDS.keys())
def test_every_parameter_of_every_kind_is_checked(kind: type[Layer]) -> None:
    """A nonsense value for any parameter is refused by name; the examples use every one."""
    examples = [layer for layer, _ in kind.examples()]
    for field in dataclasses.fields(kind):
        with pytest.raises(ConfigError, match=f"{kind.__name__}: expected {field.name} to be .+, received <object"):
            dataclasses.replace(examples[0], **{field.name: object()})  # type: ignore[arg-type]


@EVERY_EXAMPLE
def test_only_linear_layers_have_a_kernel_and_count_its_products(layer: Layer, shape: Shape) -> None:
    """What parity and bench ask of a kind holds of its weights."""
    has_kernel = "kernel" in {spec.name for spec in layer.weight_specs(shape)}
    assert layer.is_linear == has_kernel == bool(layer.flops(shape))


@EVERY_EXAMPLE
def test_without_activation_the_rest_stays(layer: Layer, shape: Shape) -> None:
    """A rectifier applied to the linear output gives the output again; other layers are as they were."""
    x, weights, mask = sample(layer, shape)
    plain = layer.without_activation()
    linear, y = (each.forward(x, weights, training=True, mask=mask).y for each in (plain, layer))
    if getattr(layer, "activation", "") == "relu":
        assert (linear < 0).any()
        np.testing.assert_array_equal(np.maximum(linear, 0), y)
    elif not hasattr(layer, "activation"):
        assert plain == layer


def test_a_new_kind_is_its_class_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Defined anywhere, it is read from JSON, checked, built and run; what derives from a kind is no new kind."""
    monkeypatch.setitem(LAYER_KINDS, "Scale", Layer)  # so that it is forgotten afterwards

    @dataclass(frozen=True)
    class Scale(Layer):
        """Multiply each feature by a weight."""

        @classmethod
        def examples(cls) -> tuple[tuple[Layer, Shape], ...]:
            """See `Layer.examples`."""
            return ((cls(), (3,)),)

        def weight_specs(self, input_shape: Shape) -> tuple[WeightSpec, ...]:
            """List the factor of each feature."""
            return (WeightSpec("factor", input_shape[-1:], "ones"),)

        def forward(self, x: Array, weights: Weights, *, training: bool = False, mask: Array | None = None) -> Forward:
            """Multiply."""
            factor = weights["factor"]
            return Forward(x * factor, lambda dy: (dy * factor, {"factor": channel_sums(dy * x)}))

    class Padded(Conv2D):
        """A convolution with something changed."""

    document = Architecture((2, 2, 1), (Flatten(), Scale(), Dense(2))).to_json()
    assert [layer["kind"] for layer in document["layers"]] == ["Flatten", "Scale", "Dense"]
    network = Architecture.from_json(document)
    assert network.node("scale").layer == Scale(name="scale")
    weights = {name: value + 1 for name, value in network.initial_weights(0).items()}
    outputs = ReferenceNetwork(network, weights, dtype="float64").trace(np.ones((1, 2, 2, 1)), training=False)
    np.testing.assert_array_equal(outputs["scale"], np.full((1, 4), 2.0))
    with pytest.raises(ConfigError, match="Scale: expected only name, received rate"):
        Architecture.from_json(document | {"layers": [{"kind": "Scale", "rate": 1}]})
    assert "Padded" not in LAYER_KINDS


def test_channel_sums_keep_the_digits_that_naive_sums_lose() -> None:
    """On a feature map of a million values the error is that of pairwise addition."""
    x = np.random.default_rng(0).uniform(size=(64, 64, 256, 2)).astype(np.float32)
    exact = x.astype(np.float64).sum((0, 1, 2))
    assert error(channel_sums(x), exact) < 1e-6
    assert error(x.reshape(-1, 2).sum(0), exact) > 1e-5


def test_glorots_limit_is_that_of_the_kernels_fans() -> None:
    """Of inputs and outputs together, each as often as the window has places."""
    drawn = WeightSpec("kernel", (3, 2, 4, 16), "glorot_uniform").initial(np.random.default_rng(0))
    limit = np.sqrt(6 / (6 * 4 + 6 * 16))
    assert 0.98 * limit < np.abs(drawn).max() <= limit


def test_zeros_and_ones_are_what_they_say() -> None:
    """Whatever is drawn otherwise."""
    rng = np.random.default_rng(0)
    assert WeightSpec("bias", (3,), "zeros").initial(rng).tolist() == [0, 0, 0]
    assert WeightSpec("gamma", (3,), "ones").initial(rng).tolist() == [1, 1, 1]


def test_weights_that_mean_nothing_are_refused() -> None:
    """Those too large, on either side, and below what their kind may be; none at all are nothing wrong."""
    spec = WeightSpec("moving_variance", (2,), "ones", trainable=False, least=0.0)
    spec.check_meaning("a", np.array([0.0, 1e12]))
    WeightSpec("none", (0,), "ones", least=0.0).check_meaning("a", np.zeros(0))
    for low, high in ((-1e-3, 1.0), (0.0, 2e12)):
        with pytest.raises(ConfigError, match="a: expected weights from 0 to 1e\\+12, received"):
            spec.check_meaning("a", np.array([low, high]))
