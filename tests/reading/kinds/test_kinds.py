"""Each kind of layer: settings by version, shapes, weights, traps.

The shapes of outputs and weights are those that Keras 2.12, 2.15 and 3.15 gave for the same settings.
"""

import dataclasses
from typing import Any

import pytest

from genrebench.errors import ConfigError
from genrebench.reading.kinds import KINDS, operations
from genrebench.reading.kinds.base import Kind, Shape
from genrebench.reading.kinds.imaging import AUGMENTATIONS
from genrebench.reading.kinds.recurrent import LSTM, Bidirectional, TimeDistributed
from genrebench.reading.version import KerasVersion
from tests.reading.files import KERAS_1, KERAS_2, KERAS_3

# Kind, settings, shapes of inputs, shape of the (first) output, shapes of weights.
CASES: list[tuple[str, dict[str, Any], list[Shape], Shape, list[tuple[int, ...]]]] = [
    ("InputLayer", {"batch_input_shape": [None, 3, None]}, [], (3, None), []),
    ("Dense", {"units": 5}, [(7, 3)], (7, 5), [(3, 5), (5,)]),
    ("Activation", {"activation": "relu"}, [(3,)], (3,), []),
    ("ReLU", {"max_value": 6.0}, [(3,)], (3,), []),
    ("LeakyReLU", {}, [(3,)], (3,), []),
    ("ELU", {}, [(3,)], (3,), []),
    ("ThresholdedReLU", {"theta": [0.5]}, [(3,)], (3,), []),
    ("PReLU", {}, [(4, 5)], (4, 5), [(4, 5)]),
    ("PReLU", {"shared_axes": [1]}, [(4, 5)], (4, 5), [(1, 5)]),
    ("Softmax", {"axis": -1}, [(3,)], (3,), []),
    ("Flatten", {}, [(3, 4)], (12,), []),
    ("Flatten", {}, [(None, 4)], (None,), []),
    ("Reshape", {"target_shape": [2, -1]}, [(3, 4)], (2, 6), []),
    ("Reshape", {"target_shape": [-1]}, [(None, 4)], (None,), []),
    ("Permute", {"dims": [2, 1]}, [(3, 4)], (4, 3), []),
    ("RepeatVector", {"n": 6}, [(3,)], (6, 3), []),
    ("Embedding", {"input_dim": 9, "output_dim": 4}, [(None,)], (None, 4), [(9, 4)]),
    ("Masking", {}, [(5, 3)], (5, 3), []),
    ("Dropout", {"rate": 0.5, "noise_shape": None, "seed": 3}, [(3,)], (3,), []),
    ("SpatialDropout1D", {"rate": 0.5}, [(4, 3)], (4, 3), []),
    ("SpatialDropout2D", {"rate": 0.5, "data_format": None}, [(4, 4, 3)], (4, 4, 3), []),
    ("SpatialDropout3D", {"rate": 0.5}, [(4, 4, 4, 3)], (4, 4, 4, 3), []),
    ("GaussianNoise", {"stddev": 0.5}, [(3,)], (3,), []),
    ("GaussianDropout", {"rate": 0.5}, [(3,)], (3,), []),
    ("AlphaDropout", {"rate": 0.5}, [(3,)], (3,), []),
    ("ActivityRegularization", {"l1": 0.5}, [(3,)], (3,), []),
    ("Identity", {}, [(3,)], (3,), []),
    ("Conv1D", {"filters": 6, "kernel_size": 4, "padding": "causal"}, [(20, 4)], (20, 6), [(4, 4, 6), (6,)]),
    ("Conv1D", {"filters": 6, "kernel_size": [3], "dilation_rate": [4]}, [(20, 4)], (12, 6), [(3, 4, 6), (6,)]),
    ("Conv2D", {"filters": 4, "kernel_size": [3, 5], "strides": 2, "padding": "same", "use_bias": False},
     [(17, 14, 3)], (9, 7, 4), [(3, 5, 3, 4)]),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}, [(9, None, 6)], (7, None, 4), [(3, 3, 3, 4), (4,)]),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "data_format": "channels_first"}, [(2, 9, 8)], (4, 7, 6),
     [(3, 3, 2, 4), (4,)]),
    ("Conv3D", {"filters": 3, "kernel_size": 2}, [(6, 7, 8, 2)], (5, 6, 7, 3), [(2, 2, 2, 2, 3), (3,)]),
    ("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2}, [(9, 4)], (7, 8), [(3, 4, 2), (8,)]),
    ("DepthwiseConv2D", {"kernel_size": 3, "groups": 1}, [(9, 9, 4)], (7, 7, 4), [(3, 3, 4, 1), (4,)]),
    ("SeparableConv1D", {"filters": 5, "kernel_size": 3}, [(9, 4)], (7, 5), [(3, 4, 1), (1, 4, 5), (5,)]),
    ("SeparableConv2D", {"filters": 5, "kernel_size": 3, "depth_multiplier": 2}, [(9, 9, 4)], (7, 7, 5),
     [(3, 3, 4, 2), (1, 1, 8, 5), (5,)]),
    ("Conv1DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2}, [(5, 2)], (11, 4), [(3, 4, 2), (4,)]),
    ("Conv2DTranspose", {"filters": 5, "kernel_size": 4, "strides": 3, "padding": "same"}, [(5, 6, 2)], (15, 18, 5),
     [(4, 4, 5, 2), (5,)]),
    ("Conv2DTranspose", {"filters": 5, "kernel_size": 2, "strides": 3}, [(5, 6, 2)], (15, 18, 5),
     [(2, 2, 5, 2), (5,)]),
    ("Conv2DTranspose", {"filters": 5, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 0},
     [(5, 6, 2)], (9, 11, 5), [(3, 3, 5, 2), (5,)]),
    ("Conv3DTranspose", {"filters": 2, "kernel_size": 2}, [(3, 3, 3, 2)], (4, 4, 4, 2), [(2, 2, 2, 2, 2), (2,)]),
    ("MaxPooling1D", {"pool_size": 2, "strides": None}, [(9, 4)], (4, 4), []),
    ("MaxPooling2D", {"pool_size": [2, 2], "padding": "same"}, [(9, 9, 4)], (5, 5, 4), []),
    ("MaxPooling3D", {"pool_size": 2}, [(4, 5, 6, 1)], (2, 2, 3, 1), []),
    ("AveragePooling1D", {"pool_size": 3, "strides": 1, "padding": "same"}, [(9, 4)], (9, 4), []),
    ("AveragePooling2D", {"pool_size": 3, "strides": [1, 2]}, [(9, 9, 4)], (7, 4, 4), []),
    ("AveragePooling3D", {"pool_size": 2}, [(4, 5, 6, 1)], (2, 2, 3, 1), []),
    ("GlobalAveragePooling1D", {}, [(None, 4)], (4,), []),
    ("GlobalAveragePooling2D", {"keepdims": True}, [(3, 3, 4)], (1, 1, 4), []),
    ("GlobalAveragePooling3D", {}, [(3, 3, 3, 4)], (4,), []),
    ("GlobalMaxPooling1D", {}, [(3, 4)], (4,), []),
    ("GlobalMaxPooling2D", {"data_format": "channels_first"}, [(4, 3, 3)], (4,), []),
    ("GlobalMaxPooling3D", {}, [(3, 3, 3, 4)], (4,), []),
    ("ZeroPadding1D", {"padding": [1, 2]}, [(9, 4)], (12, 4), []),
    ("ZeroPadding2D", {"padding": [[1, 2], [3, 0]]}, [(5, 5, 1)], (8, 8, 1), []),
    ("ZeroPadding2D", {"padding": [1, 2]}, [(5, 5, 1)], (7, 9, 1), []),
    ("ZeroPadding3D", {"padding": 1}, [(2, 2, 2, 1)], (4, 4, 4, 1), []),
    ("Cropping1D", {"cropping": [2, 1]}, [(9, 4)], (6, 4), []),
    ("Cropping2D", {"cropping": [[1, 0], [0, 2]]}, [(5, 5, 1)], (4, 3, 1), []),
    ("Cropping3D", {"cropping": 1}, [(4, 4, 4, 1)], (2, 2, 2, 1), []),
    ("UpSampling1D", {"size": 3}, [(4, 2)], (12, 2), []),
    ("UpSampling2D", {"size": [2, 3], "interpolation": "bilinear"}, [(4, None, 2)], (8, None, 2), []),
    ("UpSampling3D", {"size": 2}, [(1, 2, 3, 4)], (2, 4, 6, 4), []),
    ("BatchNormalization", {"axis": [3], "scale": 1}, [(5, 5, 4)], (5, 5, 4), [(4,)] * 4),
    ("BatchNormalization", {"axis": 1, "center": False, "scale": False}, [(5, 6, 4)], (5, 6, 4), [(5,)] * 2),
    ("LayerNormalization", {"axis": [1, 2], "center": False}, [(6, 5, 4)], (6, 5, 4), [(6, 5)]),
    ("GroupNormalization", {"groups": 2}, [(6, 4)], (6, 4), [(4,)] * 2),
    ("UnitNormalization", {"axis": [-1]}, [(6, 4)], (6, 4), []),
    ("RMSNormalization", {"axis": -1}, [(6, 4)], (6, 4), [(4,)]),
    ("LayerScale", {"projection_dim": 4, "init_values": 1e-6}, [(6, 4)], (6, 4), [(4,)]),
    ("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}, [(1,)], (5,), []),
    ("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}, [(3, 2)], (3, 2, 5), []),
    ("CategoryEncoding", {"max_tokens": 5, "output_mode": "binary"}, [(3,)], (5,), []),
    ("CategoryEncoding", {"num_tokens": 5, "output_mode": "count"}, [(3,)], (5,), []),
    ("Normalization", {"axis": [-1]}, [(6, 4)], (6, 4), [(4,), (4,), ()]),
    ("Normalization", {"axis": [-1], "mean": [[0.5]], "variance": [[2.0]]}, [(6, 1)], (6, 1), []),
    ("Rescaling", {"scale": 1 / 255, "offset": [0.1, 0.2]}, [(6, 2)], (6, 2), []),
    ("Resizing", {"height": 9, "width": 7}, [(6, 5, 2)], (9, 7, 2), []),
    ("CenterCrop", {"height": 3, "width": 2}, [(6, 5, 2)], (3, 2, 2), []),
    ("MelSpectrogram", {}, [(16000,)], (128, 32), []),
    ("MelSpectrogram", {"fft_length": 256, "sequence_stride": 100, "max_freq": None}, [(None,)], (128, None), []),
    ("STFTSpectrogram", {"frame_length": 200, "window": "hann", "periodic": False}, [(1000, 2)], (9, 258),
     [(200, 1, 129)] * 2),
    ("STFTSpectrogram", {"mode": "imag", "frame_length": 64, "padding": "same", "expand_dims": True,
                         "data_format": "channels_first"}, [(2, 100)], (2, 4, 33), [(64, 1, 33)]),
    ("AutoContrast", {"data_format": "channels_first"}, [(6, 5, 2)], (6, 5, 2), []),
    ("RandomCrop", {"height": 6, "width": 5, "seed": 3}, [(6, 5, 2)], (6, 5, 2), []),
    ("Add", {}, [(4, 3), (4, 3)], (4, 3), []),
    ("Multiply", {}, [(4, 3), (3,)], (4, 3), []),
    ("Subtract", {}, [(1, 3), (4, 3)], (4, 3), []),
    ("Average", {}, [(None, 3), (4, 3)], (4, 3), []),
    ("Maximum", {}, [(3,)] * 3, (3,), []),
    ("Minimum", {}, [(3,)] * 3, (3,), []),
    ("Concatenate", {"axis": 1}, [(4, 6), (2, 6)], (6, 6), []),
    ("Concatenate", {"axis": -1}, [(4, 6), (None, 6)], (4, 12), []),
    ("Dot", {"axes": [2, 2]}, [(4, 6), (5, 6)], (4, 5), []),
    ("Dot", {"axes": 1, "normalize": True}, [(6,), (6,)], (1,), []),
    ("SimpleRNN", {"units": 4}, [(5, 3)], (4,), [(3, 4), (4, 4), (4,)]),
    ("LSTM", {"units": 4, "return_sequences": True, "time_major": False}, [(None, 3)], (None, 4),
     [(3, 16), (4, 16), (16,)]),
    ("GRU", {"units": 4, "reset_after": True}, [(5, 3)], (4,), [(3, 12), (4, 12), (2, 12)]),
    ("GRU", {"units": 4, "use_bias": False}, [(5, 3)], (4,), [(3, 12), (4, 12)]),
    ("ConvLSTM1D", {"filters": 4, "kernel_size": 3, "dilation_rate": 2}, [(5, 9, 2)], (5, 4),
     [(3, 2, 16), (3, 4, 16), (16,)]),
    ("ConvLSTM2D", {"filters": 4, "kernel_size": [3, 2], "strides": 2, "padding": "same", "return_sequences": True},
     [(None, 9, 8, 2)], (None, 5, 4, 4), [(3, 2, 2, 16), (3, 2, 4, 16), (16,)]),
    ("ConvLSTM2D", {"filters": 4, "kernel_size": 3, "use_bias": False, "data_format": "channels_first"},
     [(5, 2, 9, 8)], (4, 7, 6), [(3, 3, 2, 16), (3, 3, 4, 16)]),
    ("ConvLSTM3D", {"filters": 2, "kernel_size": 2}, [(3, 4, 4, 4, 1)], (3, 3, 3, 2),
     [(2, 2, 2, 1, 8), (2, 2, 2, 2, 8), (8,)]),
    ("MultiHeadAttention", {"num_heads": 3, "key_dim": 5, "value_dim": 4}, [(6, 8), (4, 7)], (6, 8),
     [(8, 3, 5), (3, 5), (7, 3, 5), (3, 5), (7, 3, 4), (3, 4), (3, 4, 8), (8,)]),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "output_shape": [5], "use_bias": False},
     [(6, 8), (4, 7), (4, 2)], (6, 5), [(8, 2, 3), (2, 2, 3), (7, 2, 3), (2, 3, 5)]),
    ("Attention", {"use_scale": True}, [(6, 8), (4, 8)], (6, 8), [()]),
    ("AdditiveAttention", {}, [(6, 8), (4, 8)], (6, 8), [(8,)]),
]  # fmt: skip


CASES += [(name, {"whatever": 3}, [(6, 6, 3)], (6, 6, 3), []) for name in AUGMENTATIONS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{list(case[1])}")
def test_shapes_are_those_of_keras(case: tuple[str, dict[str, Any], list[Shape], Shape, list[Any]]) -> None:
    """Of the output, and of every weight; traps say where they are about."""
    name, settings, shapes, output, weights = case
    kind = KINDS[name].read({"name": "x", "trainable": True, "dtype": "float32", **settings}, KERAS_2)
    assert kind.output_shapes(shapes, {})[0] == output
    assert [weight.shape for weight in kind.weights(shapes)] == weights
    for trap in kind.traps(shapes):
        assert "{}" in trap.text
    assert isinstance(kind.settings(), dict)


def test_every_kind_has_a_case() -> None:
    """Nothing is in the table that no test looks at."""
    assert KINDS.keys() - {"Bidirectional", "TimeDistributed"} == {case[0] for case in CASES}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_setting_that_nobody_knows_is_refused(name: str) -> None:
    """Unless it is at the value that says nothing; settings of augmentation are of training."""
    case = next((case for case in CASES if case[0] == name), None)
    if case is None or KINDS[name].accepts_any or name == "InputLayer":  # of which only the shape counts
        return
    KINDS[name].read({**case[1], "virtual_batch_size": None}, KERAS_2)
    with pytest.raises(ConfigError, match=f"expected only settings of {name}, received 'sideways': 3"):
        KINDS[name].read({**case[1], "sideways": 3}, KERAS_2)


WRONG: list[tuple[str, dict[str, Any], list[Shape], str]] = [
    ("Dense", {"units": "5"}, [(3,)], "units to be a positive whole number"),
    ("Dense", {}, [(3,)], "units to be a positive whole number, received nothing"),
    ("Dense", {"units": 5, "activation": "mine"}, [(3,)], "a function of somebody's own"),
    ("Dense", {"units": 5}, [(None,)], "a known length"),
    ("Conv2D", {"filters": 4, "kernel_size": [3, 3]}, [(2, 9, 1)], "an axis of at least 3"),
    ("Conv2D", {"filters": 4, "kernel_size": [3]}, [(9, 9, 1)], "kernel_size of 2 whole numbers"),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "padding": "full"}, [(9, 9, 1)], "padding to be valid, same or causal"),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}, [(9, 9, 3)], "2 groups divide"),
    ("Conv2D", {"filters": 4, "kernel_size": 3}, [(9, 9)], "an input of 3 axes"),
    ("Reshape", {"target_shape": [5]}, [(3, 4)], "12 values to fit"),
    ("Reshape", {"target_shape": [-1, -1]}, [(3, 4)], "at most one -1"),
    ("Permute", {"dims": [1, 1]}, [(3, 4)], "to order 2 axes"),
    ("Cropping2D", {"cropping": 3}, [(5, 5, 1)], "leaves something"),
    ("ZeroPadding2D", {"padding": [[1, -2], [0, 0]]}, [(5, 5, 1)], "two whole numbers"),
    ("LSTM", {"units": 4, "time_major": True}, [(5, 3)], "'time_major': True"),
    ("LSTM", {"units": 4}, [(3,)], "an input of 2 axes"),
    ("ConvLSTM2D", {"filters": 4, "kernel_size": 3}, [(9, 9, 2)], "an input of 4 axes"),
    ("ConvLSTM2D", {"filters": 4, "kernel_size": 3, "padding": "causal"}, [(5, 9, 9, 2)], "valid or same"),
    ("ConvLSTM2D", {"filters": 4, "kernel_size": 3, "strides": 2, "dilation_rate": 2}, [(5, 9, 9, 2)],
     "expected strides or dilation"),
    ("AutoContrast", {"value_range": [1]}, [(6, 6, 2)], "two numbers"),
    ("RandomCrop", {"height": 6, "width": 5}, [(6, 6, 2)], "expected images of 6 x 5"),
    ("MelSpectrogram", {}, [(1000,)], "more than 1024 samples"),
    ("MelSpectrogram", {"fft_length": 10**6}, [(None,)], "received far more"),
    ("MelSpectrogram", {"sampling_rate": float("inf")}, [(16000,)], "a number above 0"),
    ("MelSpectrogram", {"window": "blackman"}, [(16000,)], "hann or hamming"),
    ("MelSpectrogram", {"sequence_length": 4096}, [(16000,)], "frames of at most fft_length"),
    ("STFTSpectrogram", {"mode": "sideways"}, [(1000, 2)], "log, magnitude, psd"),
    ("STFTSpectrogram", {"frame_length": 2000}, [(1000, 2)], "an axis of at least 2000"),
    ("BatchNormalization", {"renorm": True}, [(3,)], "without renorm"),
    ("BatchNormalization", {"mode": 2}, [(3,)], "mode 2 of Keras 1"),
    ("BatchNormalization", {"axis": 0}, [(3,)], "an axis from 1 to 1"),
    ("Concatenate", {"axis": 1}, [(4, 6), (4, 5)], "alike but for axis 1"),
    ("Dot", {"axes": 2}, [(4, 6), (4, 5)], "axes of one length"),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "attention_axes": [2]}, [(6, 8)] * 2, "attention over time"),
    ("InputLayer", {"batch_shape": [None, 3], "sparse": True}, [], "a sparse or ragged"),
    ("Normalization", {"mean": 1.0}, [(3,)], "received one of them"),
    ("LayerScale", {"projection_dim": 4}, [(3, 5)], "4 channels at the end"),
    ("CategoryEncoding", {"num_tokens": 4, "sparse": True}, [(3,)], "a dense output"),
    ("CategoryEncoding", {"num_tokens": 4}, [(3, 2)], "an input of 1 axes"),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "tf_idf"}, [(3,)], "one_hot, multi_hot or count"),
    ("Dropout", {"rate": float("nan")}, [(3,)], "from 0 to 1"),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=lambda case: f"{case[0]}-{case[3]}")
def test_what_does_not_fit_is_said_in_a_line(case: tuple[str, dict[str, Any], list[Shape], str]) -> None:
    """The setting, what it should be, what it is."""
    name, settings, shapes, message = case

    def use() -> None:
        """Read the kind and infer its shapes."""
        kind = KINDS[name].read(settings, KERAS_2)
        kind.output_shapes(shapes, {})
        kind.weights(shapes)

    with pytest.raises(ConfigError) as caught:
        use()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def read(name: str, version: str, **settings: Any) -> Kind:
    """Read a kind as a version saved it."""
    return KINDS[name].read(settings, KerasVersion.read(version))


def test_absent_settings_mean_what_they_meant() -> None:
    """By the version that saved the file."""
    assert read("LSTM", "2.2.4", units=2).recurrent_activation == "hard_sigmoid_keras2"  # type: ignore[attr-defined]
    assert read("LSTM", "2.3.1", units=2).recurrent_activation == "sigmoid"  # type: ignore[attr-defined]
    cropped = [read("RandomCrop", version, height=2, width=2).resizes  # type: ignore[attr-defined]
               for version in ("2.6.0", "2.9.0", "2.15.0", "3.5.0", "3.6.0", "3.15.1")]  # fmt: skip
    assert cropped == [False, True, True, True, False, False]
    convolved = {version: read("ConvLSTM2D", version, filters=2, kernel_size=2, dropout=1.0)
                 for version in ("2.2.4", "2.15.0", "3.1.0")}  # fmt: skip
    gates = [each.recurrent_activation for each in convolved.values()]  # type: ignore[attr-defined]
    assert gates == ["hard_sigmoid_keras2", "hard_sigmoid_keras2", "sigmoid"]
    assert [each.zeros_masked for each in convolved.values()] == [False, False, True]  # type: ignore[attr-defined]
    assert {each.dropout for each in convolved.values()} == {0.0}  # type: ignore[attr-defined]
    assert read("GRU", "2.1.6", units=2).reset_after is False  # type: ignore[attr-defined]
    old, new = read("BatchNormalization", "1.0.8"), read("BatchNormalization", "1.2.2")
    assert (old.epsilon, old.momentum) == (1e-6, 0.9)  # type: ignore[attr-defined]
    assert (new.epsilon, new.momentum) == (1e-3, 0.99)  # type: ignore[attr-defined]
    follows = {version: read("BatchNormalization", version).running_variance  # type: ignore[attr-defined]
               for version in ("2.2.4", "2.2.4-tf", "2.15.0", "3.0.0")}  # fmt: skip
    assert list(follows.values()) == ["unbiased", "unbiased_images", "unbiased_images", "biased"]
    assert read("LeakyReLU", "2.4.0", alpha=[0.2]).negative_slope == 0.2  # type: ignore[attr-defined]
    assert read("LeakyReLU", "3.1.0").negative_slope == 0.3  # type: ignore[attr-defined]
    assert read("MaxPooling2D", "3.1.0", pool_size=3).strides == (3, 3)  # type: ignore[attr-defined]


def test_wrappers_take_the_shapes_of_what_they_hold() -> None:
    """Both directions one behind the other, or merged; time comes back in front."""
    lstm = LSTM.read({"units": 4, "return_sequences": True, "return_state": True}, KERAS_3)
    assert isinstance(lstm, LSTM)
    both = Bidirectional(layer=lstm, backward_layer=dataclasses.replace(lstm, go_backwards=True))
    assert both.output_shapes([(5, 3)], {}) == ((5, 8), (4,), (4,), (4,), (4,))
    assert [weight.name for weight in both.weights([(5, 3)])][3:] == [
        "backward/kernel",
        "backward/recurrent_kernel",
        "backward/bias",
    ]
    summed = dataclasses.replace(both, merge_mode="sum")
    assert summed.output_shapes([(5, 3)], {})[0] == (5, 4)
    dense = KINDS["Dense"].read({"units": 2}, KERAS_1)
    assert TimeDistributed(layer=dense).output_shapes([(None, 7, 3)], {}) == ((None, 7, 2),)


def test_uneven_padding_is_a_trap_where_it_is_uneven() -> None:
    """Stride 2 on an even height is; on an odd one with an odd kernel it is not."""

    def ids(height: int | None, stride: int, size: int) -> dict[str, str]:
        """List the traps of a convolution."""
        settings = {"filters": 1, "kernel_size": [size, 1], "strides": [stride, 1], "padding": "same"}
        kind = KINDS["Conv2D"].read(settings, KERAS_2)
        return {trap.id: trap.text for trap in kind.traps([(height, 8, 1)])}

    assert ids(8, 2, 3)["same-padding"] == "`same` with stride 2 in `{}`: one more row at the end"
    assert ids(9, 2, 3) == {}
    assert ids(9, 1, 4)["same-padding"] == "`same` with an even kernel in `{}`: one more row at the end"
    assert "depends on the input's size" in ids(None, 2, 3)["same-padding"]


@pytest.mark.parametrize(
    ("kind", "shape", "expected"),
    [
        (operations.Slice(parts=(-1, (None, None, -2))), (None, 5), (3,)),
        (operations.Slice(parts=((1, None, None), (None, -1, None))), (None, 5), (None, 4)),
        (operations.Reduce(function="sum", axis=(1, -1), keepdims=True), (2, 3, 4), (1, 3, 1)),
        (operations.Reduce(function="max", axis=(2,)), (2, 3, 4), (2, 4)),
        (operations.Unmask(), (2, 3), (2, 3)),
    ],
)
def test_shapes_of_functions_of_tensors(kind: Kind, shape: Shape, expected: Shape) -> None:
    """As Python's slices and NumPy's reductions have them, without the batch."""
    assert kind.output_shapes([shape], {}) == (expected,)
    assert all("{}" in trap.text for trap in kind.traps([shape]))


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 3)])
def test_a_slice_fits_its_input(shape: Shape) -> None:
    """Another number of axes, and an index beyond an axis, are refused."""
    with pytest.raises(ConfigError):
        operations.Slice(parts=(1, (None, None, None))).output_shape(shape)
