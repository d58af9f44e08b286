"""Values worked by hand, or found in print, where a mistake is easy: padding, layouts, gates, masks, orders."""

from typing import Any

import numpy as np
import pytest

from genrebench.network.types import Array
from genrebench.porting.definition import Given, compute
from genrebench.porting.definitions.activation import FUNCTIONS, activate
from genrebench.porting.definitions.audio import canceled_in_bands
from genrebench.porting.definitions.resizing import matrix
from genrebench.porting.reference import run_call
from genrebench.porting.tape import Value
from genrebench.reading.activations import _PLAIN
from genrebench.reading.kinds import imaging
from genrebench.reading.kinds.audio import MelSpectrogram
from genrebench.reading.kinds.normalization import BatchNormalization
from genrebench.reading.kinds.recurrent import SimpleRNN
from tests.porting.definitions.cases import Case
from tests.reading.files import KERAS_3


def computed(
    kind: str,
    settings: dict[str, Any],
    *inputs: Any,
    weights: dict[str, Any] | None = None,
    masks: list[Array | None] | None = None,
    **options: Any,
) -> Array:
    """Run a layer of given settings and weights."""
    arrays = [np.array(each, np.float64) for each in inputs]
    call = Case(kind, settings, [array.shape[1:] for array in arrays]).graph().calls["layer"]
    own = {f"layer/{name}": np.array(value, np.float64) for name, value in (weights or {}).items()}
    return run_call(call, own, arrays, masks=masks or [None] * len(arrays), **options)["layer"]


# Names, a value, and what it becomes to four digits.
ACTIVATIONS = [
    ("relu6", 7.0, 6.0),
    ("selu", 1.0, 1.0507),
    ("selu", -1.0, -1.1113),
    ("elu", -1.0, -0.6321),
    ("softplus", 0.0, 0.6931),
    ("softsign", -3.0, -0.75),
    ("hard_sigmoid", 1.0, 0.6667),
    ("hard_sigmoid_keras2", 1.0, 0.7),
    ("hard_sigmoid_keras2", -2.5, 0.0),
    ("silu", 1.0, 0.7311),
    ("gelu", 1.0, 0.8413),  # by tanh it were 0.8412
    ("mish", 1.0, 0.8651),
    ("hard_silu", 1.0, 0.6667),
    ("log_sigmoid", 0.0, -0.6931),
    ("hard_tanh", -2.0, -1.0),
    ("abs", -2.0, 2.0),
    ("square", -3.0, 9.0),
    ("sqrt", 9.0, 3.0),
    ("log", 1.0, 0.0),
    ("exponential", 1.0, 2.7183),
]


@pytest.mark.parametrize(("name", "at", "expected"), ACTIVATIONS)
def test_activations_at_a_point(name: str, at: float, expected: float) -> None:
    """To four digits."""
    assert round(float(activate(name, Value(np.array([at]))).data[0]), 4) == expected


def test_every_activation_that_can_be_read_has_a_function() -> None:
    """As `genrebench.reading.activations` names them."""
    of_operations = {
        "abs",
        "square",
        "sqrt",
        "log",
        "rsqrt",
        "reciprocal",
        "sin",
        "cos",
        "erf",
        "log1p",
        "expm1",
        "gelu_tanh",
        "sign",
        "floor",
        "ceil",
        "round",
    }
    assert FUNCTIONS.keys() == _PLAIN | of_operations


def test_relu_below_its_threshold_has_a_slope_from_there() -> None:
    """Not from 0."""
    settings = {"max_value": 2.0, "negative_slope": 0.5, "threshold": 1.0}
    assert computed("ReLU", settings, [[0.0, 1.0, 1.5, 9.0]]).tolist() == [[-0.5, 0.0, 1.5, 2.0]]


def test_same_padding_has_its_odd_element_at_the_end() -> None:
    """Four values, three at a time, every second: 0 1 2, then 2 3 and padding."""
    x = [[[1.0], [2.0], [4.0], [8.0]]]
    settings = {"filters": 1, "kernel_size": 3, "strides": 2, "padding": "same", "use_bias": False}
    y = computed("Conv1D", settings, x, weights={"kernel": np.ones((3, 1, 1))})
    assert y.ravel().tolist() == [7.0, 12.0]


def test_causal_padding_is_in_front() -> None:
    """With a dilation of 2 each output sees itself and the one two before."""
    settings = {"filters": 1, "kernel_size": 2, "dilation_rate": 2, "padding": "causal", "use_bias": False}
    y = computed("Conv1D", settings, [[[1.0], [2.0], [4.0], [8.0]]], weights={"kernel": [[[10.0]], [[1.0]]]})
    assert y.ravel().tolist() == [1.0, 2.0, 14.0, 28.0]


def test_depthwise_channels_come_channel_by_channel() -> None:
    """Output channel ``c m + j``."""
    y = computed("DepthwiseConv2D", {"kernel_size": 1, "depth_multiplier": 2, "use_bias": False}, [[[[1.0, 10.0]]]],
                 weights={"kernel": [[[[1.0, 2.0], [3.0, 4.0]]]]})  # fmt: skip
    assert y.ravel().tolist() == [1.0, 2.0, 30.0, 40.0]


def test_a_transposed_convolution_is_cropped_at_the_end() -> None:
    """Of 2 x 2 + 1 values ``same`` keeps four: full 1 2 3+10 20 30, of which the first four."""
    settings = {"filters": 1, "kernel_size": 3, "strides": 2, "use_bias": False}
    kernel = {"kernel": [[[1.0]], [[2.0]], [[3.0]]]}
    x = [[[1.0], [10.0]]]
    full = computed("Conv1DTranspose", settings, x, weights=kernel)
    assert full.ravel().tolist() == [1.0, 2.0, 13.0, 20.0, 30.0]
    same = computed("Conv1DTranspose", {**settings, "padding": "same"}, x, weights=kernel)
    assert same.ravel().tolist() == [1.0, 2.0, 13.0, 20.0]


def test_a_transposed_convolution_of_a_small_kernel_ends_in_zeros() -> None:
    """Three steps for each value, two of which the kernel fills."""
    settings = {"filters": 1, "kernel_size": 2, "strides": 3, "use_bias": False}
    y = computed("Conv1DTranspose", settings, [[[1.0], [10.0]]], weights={"kernel": [[[1.0]], [[2.0]]]})
    assert y.ravel().tolist() == [1.0, 2.0, 0.0, 10.0, 20.0, 0.0]


def test_poolings_do_not_see_their_padding() -> None:
    """Neither in a maximum of negative values nor in a mean."""
    x = [[[-4.0], [-2.0], [-6.0]]]
    settings = {"pool_size": 2, "padding": "same"}
    assert computed("MaxPooling1D", settings, x).ravel().tolist() == [-2.0, -6.0]
    assert computed("AveragePooling1D", settings, x).ravel().tolist() == [-3.0, -6.0]


def test_flattening_has_channels_last() -> None:
    """In either format."""
    x = np.arange(6.0).reshape(1, 2, 3)
    assert computed("Flatten", {}, x).ravel().tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert computed("Flatten", {"data_format": "channels_first"}, x).ravel().tolist() == [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]


def test_permute_counts_from_1() -> None:
    """Without the batch: the last axis first."""
    assert computed("Permute", {"dims": [3, 1, 2]}, np.zeros((1, 2, 3, 4))).shape == (1, 4, 2, 3)


def test_batch_normalization_by_hand() -> None:
    """In evaluation by what is stored, in training by the batch: mean 2, variance 4 (biased), epsilon 0."""
    weights = {"gamma": [3.0], "beta": [1.0], "moving_mean": [4.0], "moving_variance": [16.0]}
    settings = {"epsilon": 0.0, "momentum": 0.5}
    assert computed("BatchNormalization", settings, [[0.0], [4.0]], weights=weights).ravel().tolist() == [-2.0, 1.0]
    call = Case("BatchNormalization", settings, [(1,)]).graph().calls["layer"]
    named = {f"layer/{name}": np.array(value) for name, value in weights.items()}
    found = run_call(call, named, [np.array([[0.0], [4.0]])], training=True)
    assert found["layer"].ravel().tolist() == [-2.0, 4.0]
    assert found["layer/moving_mean"].tolist() == [3.0]
    assert found["layer/moving_variance"].tolist() == [10.0]


def test_the_running_variance_of_older_versions_is_unbiased() -> None:
    """Of images alone in TensorFlow's Keras 2, where the fused kernel computes it: 8 instead of 4."""
    weights = {name: Value(np.zeros(1)) for name in ("gamma", "beta", "moving_mean", "moving_variance")}

    def variance(follows: Any, *shape: int) -> float:
        """Follow the variance of 0 and 4."""
        kind = BatchNormalization(momentum=0.0, epsilon=1e-3, running_variance=follows)
        given = Given((Value(np.array([0.0, 4.0]).reshape(2, *shape, 1)),), weights, training=True)
        return float(compute(kind, given).statistics["moving_variance"][0])

    assert variance("biased", 1, 1) == 4.0
    assert variance("unbiased") == 8.0
    assert variance("unbiased_images") == 4.0
    assert variance("unbiased_images", 1, 1) == 8.0


def test_groups_are_of_neighboring_channels() -> None:
    """Channels 0 and 1 against each other, 2 and 3 against each other."""
    y = computed("GroupNormalization", {"groups": 2, "epsilon": 0.0, "scale": False, "center": False},
                 [[1.0, 3.0, 10.0, 30.0]])  # fmt: skip
    assert y.ravel().tolist() == [-1.0, 1.0, -1.0, 1.0]


def test_gates_of_a_long_short_term_memory_are_in_the_order_i_f_c_o() -> None:
    """Input gate shut, forget gate open: the state stays; output gate open: it is given out through tanh."""
    weights = {"kernel": np.zeros((1, 4)), "recurrent_kernel": np.zeros((1, 4)), "bias": [-99.0, 99.0, 5.0, 99.0]}
    call = Case("LSTM", {"units": 1}, [(3, 1)], states=[(1,), (1,)]).graph().calls["layer"]
    y = run_call(
        call,
        {f"layer/{name}": np.array(value) for name, value in weights.items()},
        [np.zeros((1, 3, 1))],
        arguments={"initial_state": [np.zeros((1, 1)), np.array([[0.5]])]},
    )["layer"]
    np.testing.assert_allclose(y, [[np.tanh(0.5)]])


@pytest.mark.parametrize(("reset_after", "expected"), [(True, 0.5 * 2.0 + 1.0), (False, 0.5 * 2.0)])
def test_the_reset_gate_acts_before_or_behind_the_product(reset_after: bool, expected: float) -> None:
    """Update gate shut, reset gate at a half, state 2: behind, the recurrent bias 2 is reset, too, and adds 1."""
    bias = np.array([-99.0, 0.0, 0.0])
    weights = {"kernel": np.zeros((1, 3)), "recurrent_kernel": [[0.0, 0.0, 1.0]],
               "bias": [bias, [0.0, 0.0, 2.0]] if reset_after else bias}  # fmt: skip
    settings = {"units": 1, "reset_after": reset_after, "activation": "linear"}
    call = Case("GRU", settings, [(1, 1)], states=[(1,)]).graph().calls["layer"]
    y = run_call(
        call,
        {f"layer/{name}": np.array(value) for name, value in weights.items()},
        [np.zeros((1, 1, 1))],
        arguments={"initial_state": [np.array([[2.0]])]},
    )["layer"]
    np.testing.assert_allclose(y, [[expected]])


# A recurrent layer that adds up what it sees.
SUM = {"kernel": [[1.0]], "recurrent_kernel": [[1.0]], "bias": [0.0]}
RNN = {"units": 1, "activation": "linear", "return_sequences": True}
STEPS = [[[1.0], [2.0], [4.0], [8.0]]]


def test_masked_steps_repeat_the_output_before() -> None:
    """The state stands still; in front there is nothing to repeat; or all are 0, if so set."""
    mask = np.array([[False, True, False, True]])
    assert computed("SimpleRNN", RNN, STEPS, weights=SUM, masks=[mask]).ravel().tolist() == [0.0, 2.0, 2.0, 10.0]
    zero = computed("SimpleRNN", {**RNN, "zero_output_for_mask": True}, STEPS, weights=SUM, masks=[mask])
    assert zero.ravel().tolist() == [0.0, 2.0, 0.0, 10.0]


def test_a_layer_that_runs_backwards_gives_its_sequence_in_that_order() -> None:
    """Last step first."""
    y = computed("SimpleRNN", {**RNN, "go_backwards": True}, STEPS, weights=SUM)
    assert y.ravel().tolist() == [8.0, 12.0, 14.0, 15.0]


def test_both_directions_come_in_the_order_of_time() -> None:
    """Of the backward half the last step is that of time 0, and is what is given without sequences."""
    weights = {f"{way}/{name}": value for way in ("forward", "backward") for name, value in SUM.items()}
    inner = {"class_name": "SimpleRNN", "config": {**RNN, "name": "inner"}}
    y = computed("Bidirectional", {"layer": inner}, STEPS, weights=weights)
    assert y[0].tolist() == [[1.0, 15.0], [3.0, 14.0], [7.0, 12.0], [15.0, 8.0]]
    inner = {"class_name": "SimpleRNN", "config": {**RNN, "name": "inner", "return_sequences": False}}
    assert computed("Bidirectional", {"layer": inner}, STEPS, weights=weights).tolist() == [[15.0, 15.0]]


def test_a_mask_is_forgotten_with_an_initial_state_in_keras_3() -> None:
    """Not in Keras 2, and not if the mask is given, too."""
    weights = {name: Value(np.array(value)) for name, value in SUM.items()}
    mask = np.array([[True, False, False, True]])
    state = (Value(np.zeros((1, 1))),)

    def last(arguments: dict[str, Any], *, mask_with_state: bool) -> float:
        """Give the sum."""
        kind = SimpleRNN(units=1, activation="linear", mask_with_state=mask_with_state)
        given = Given((Value(np.array(STEPS)),), weights, masks=(mask,), arguments=arguments)
        return float(compute(kind, given).outputs[0].data[0, 0])

    assert last({"initial_state": state}, mask_with_state=False) == 15.0
    assert last({"initial_state": state}, mask_with_state=True) == 9.0
    assert last({"initial_state": state, "mask": Value(mask)}, mask_with_state=False) == 9.0
    assert last({}, mask_with_state=False) == 9.0


def test_attention_of_heads_divides_by_the_root_of_the_key_size_and_the_plain_one_does_not() -> None:
    """Scores 4 and 0 become 2 and 0 with a key size of 4."""
    eye = np.eye(4).reshape(4, 1, 4)
    query, values = [[[2.0, 0.0, 0.0, 0.0]]], [[[2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 6.0]]]
    weights = {"query/kernel": eye, "key/kernel": eye, "value/kernel": eye, "attention_output/kernel": np.eye(4)[None]}
    heads = computed("MultiHeadAttention", {"num_heads": 1, "key_dim": 4, "use_bias": False}, query, values,
                     weights=weights)  # fmt: skip
    np.testing.assert_allclose(heads[0, 0, 3], 6 / (1 + np.exp(2.0)))
    np.testing.assert_allclose(computed("Attention", {}, query, values)[0, 0, 3], 6 / (1 + np.exp(4.0)))


def test_masks_that_attention_is_called_with_are_those_that_come_with_its_inputs() -> None:
    """As arguments, for heads by name and for the plain layer as a list; a causal mask is a triangle."""
    rng = np.random.default_rng(0)
    x, there = Value(rng.normal(size=(2, 5, 4))), np.array([[True] * 3 + [False] * 2, [False] + [True] * 4])

    def attended(kind: str, settings: dict[str, Any], arguments: dict[str, Any], *masks: Array | None) -> Array:
        """Attend to itself."""
        case = Case(kind, settings, [(5, 4), (5, 4)])
        graph = case.graph()
        weights = {name.removeprefix("layer/"): Value(value) for name, value in case.weights(graph).items()}
        layer = graph.layers["layer"].kind
        assert layer is not None
        return compute(layer, Given((x, x), weights, masks, arguments)).outputs[0].data

    heads = ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4})
    by_name = attended(*heads, {"value_mask": Value(there)})
    assert np.array_equal(by_name, attended(*heads, {}, None, there))
    assert not np.allclose(by_name, attended(*heads, {}))
    triangle = Value(np.tril(np.ones((1, 5, 5), bool)))
    assert np.array_equal(attended(*heads, {"attention_mask": triangle}), attended(*heads, {"use_causal_mask": True}))
    by_list = attended("Attention", {}, {"mask": (None, Value(there))})
    assert np.array_equal(by_list, attended("Attention", {}, {}, None, there))
    assert not np.allclose(by_list, attended("Attention", {}, {}))


def test_a_masked_mean_counts_what_is_there() -> None:
    """Two of four steps."""
    mask = np.array([[True, False, True, False]])
    assert computed("GlobalAveragePooling1D", {}, STEPS, masks=[mask]).tolist() == [[2.5]]


def test_softmax_leaves_out_what_is_masked() -> None:
    """Two equal values share, the masked one has nothing."""
    mask = np.array([[True, False, True]])
    assert computed("Softmax", {}, [[1.0, 5.0, 1.0]], masks=[mask]).tolist() == [[0.5, 0.0, 0.5]]


def test_inputs_of_smaller_rank_get_axes_behind_the_batch() -> None:
    """Not in front of it: samples stay with samples."""
    y = computed("Add", {}, np.zeros((2, 2, 1)), [[10.0], [20.0]])
    assert y[..., 0].tolist() == [[10.0, 10.0], [20.0, 20.0]]


def test_a_vector_without_length_is_divided_by_epsilon() -> None:
    """And not by its length, which would be 0."""
    np.testing.assert_allclose(
        computed("UnitNormalization", {}, [[3e-13, 4e-13], [3.0, 4.0]]), [[0.3, 0.4], [0.6, 0.8]]
    )
    np.testing.assert_allclose(computed("UnitNormalization", {}, [[0.0, 0.0]]), [[0.0, 0.0]])
    y = computed("Dot", {"axes": 1, "normalize": True}, [[1e-8, 0.0]], [[2.0, 0.0]])
    np.testing.assert_allclose(y, [[0.1]])


def test_interpolation_is_between_pixel_centers() -> None:
    """Twice as large: a quarter of the neighbor, and the border alone; nearest rounds at the half."""
    assert matrix(2, 4, "bilinear").tolist() == [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    assert matrix(3, 2, "nearest").argmax(axis=1).tolist() == [0, 2]
    assert matrix(4, 2, "area").tolist() == [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    # Keys' kernel with a = -1/2 at distances 0.25, 0.75, 1.25 and 1.75.
    assert matrix(8, 16, "bicubic")[7, 2:6].tolist() == [-0.0703125, 0.8671875, 0.2265625, -0.0234375]
    # Mitchell and Netravali's, of 7/6 x^3 - 2 x^2 + 8/9 and -7/18 x^3 + 2 x^2 - 10/3 x + 16/9.
    expected = [-27 / 1152, 901 / 1152, 295 / 1152, -17 / 1152]
    np.testing.assert_allclose(matrix(8, 16, "mitchellcubic")[7, 2:6], expected, rtol=1e-13)


def test_a_channel_of_one_value_is_not_stretched() -> None:
    """Another one goes from the least to the most of the range."""
    x = np.stack([np.full((1, 3, 4), 7.0), np.arange(12.0).reshape(1, 3, 4)], axis=-1)
    y = compute(imaging.AutoContrast(value_range=(1.0, -1.0)), Given((Value(x),))).outputs[0].data
    np.testing.assert_array_equal(y[..., 0], x[..., 0])
    np.testing.assert_allclose(y[..., 1].ravel(), np.linspace(-1, 1, 12), atol=1e-15)


def test_images_of_another_size_are_resized_where_a_version_crops_in_training_alone() -> None:
    """As by a layer that crops to the new proportions first; in training, too, since nothing is drawn."""
    x = np.random.default_rng(0).normal(size=(2, 9, 6, 2))
    crop = imaging.RandomCrop(height=3, width=4, resizes=True)
    resizing = imaging.Resizing(height=3, width=4, crop_to_aspect_ratio=True)
    expected = compute(resizing, Given((Value(x),))).outputs[0].data
    for training in (False, True):
        found = compute(crop, Given((Value(x),), training=training)).outputs[0].data
        np.testing.assert_array_equal(found, expected)


def test_decibels_end_below_the_loudest_of_the_whole_batch() -> None:
    """Which Keras says nowhere; they are of power, against a reference."""
    settings: dict[str, Any] = {"fft_length": 16, "sequence_stride": 4, "num_mel_bins": 5, "sampling_rate": 800}
    x = np.random.default_rng(0).normal(size=(2, 50)) * [[1.0], [1e-2]]
    kinds = [MelSpectrogram.read({**settings, **more}, KERAS_3)
             for more in ({"power_to_db": False}, {"top_db": 25.0, "ref_power": -2.0})]  # fmt: skip
    power, decibels = (compute(kind, Given((Value(x),))).outputs[0].data for kind in kinds)
    expected = 10 * np.log10(power / 2)
    assert expected[1].max() < expected.max() - 25 < expected[0].max()
    np.testing.assert_allclose(decibels, np.maximum(expected, expected.max() - 25), rtol=1e-12)


def test_narrow_bands_are_less_exact_than_their_edges() -> None:
    """By as many times as a band is narrower than the scale is long: 128 bands and a half at each end."""
    kind = MelSpectrogram.read({"num_mel_bins": 128, "min_freq": 0.0}, KERAS_3)
    assert isinstance(kind, MelSpectrogram)
    assert canceled_in_bands(kind) == pytest.approx(129)


def test_a_tone_is_loudest_in_its_band() -> None:
    """On HTK's scale 440 Hz are 549.6 mel, nearest to 477, the middle of the second of eight bands up to 2146."""
    kind = MelSpectrogram.read({"fft_length": 256, "sequence_stride": 64, "num_mel_bins": 8, "sampling_rate": 8000,
                                "min_freq": 0.0}, KERAS_3)  # fmt: skip
    tone = np.sin(2 * np.pi * 440 * np.arange(2000) / 8000)
    bands = compute(kind, Given((Value(tone[None]),))).outputs[0].data
    assert (bands[0].argmax(axis=0) == 1).all()


def test_rescaling_has_a_number_for_each_channel() -> None:
    """Scale first, then the offset."""
    assert computed("Rescaling", {"scale": [2.0, 4.0], "offset": 1.0}, [[1.0, 1.0]]).tolist() == [[3.0, 5.0]]
