"""Cases of every kind of layer: settings and inputs, from which come a graph, weights, and a sample."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.network.numerics import FLOAT32_TOLERANCE, FORWARD_TOLERANCE
from genrebench.network.types import Array
from genrebench.porting.draws import draw_for, shapes_of
from genrebench.porting.passes import name_of
from genrebench.porting.sampling import Sample
from genrebench.reading.builder import Builder
from genrebench.reading.graph import Graph
from genrebench.reading.kinds.imaging import AUGMENTATIONS
from genrebench.reading.version import KerasVersion
from tests.reading.files import functional, input_layer, layer, node

# By the key of a case, what Keras' outputs sum up to when multiplied by the cotangents, in evaluation and in training,
# and the masks that go out, a row of digits for each sample. What writes them:
# `python -m tests.porting.definitions.keras_side --totals`.
TOTALS = Path(__file__).parent / "totals.json"


@dataclass(frozen=True)
class Case:
    """One layer in a network of its own.

    Attributes
    ----------
    kind : str
        Its class in Keras.
    settings : dict
        Its config.
    shapes : list of tuple
        Of its inputs.
    masked : tuple of int
        The inputs that come with a mask.
    states : list of tuple
        Shapes of initial states.
    arguments : dict
        What else it is called with.
    outputs : int
        How many outputs it has.
    scale : float
        By how much normal numbers are multiplied for its inputs.
    keras : bool
        False if Keras 3 has no such layer.
    exact : bool
        False if TensorFlow computes it in float32, or from a table.
    """

    kind: str
    settings: dict[str, Any]
    shapes: list[tuple[int, ...]]
    masked: tuple[int, ...] = ()
    states: list[tuple[int, ...]] = field(default_factory=list)
    arguments: dict[str, Any] = field(default_factory=dict)
    outputs: int = 1
    scale: float = 2.0
    keras: bool = True
    exact: bool = True

    def __str__(self) -> str:
        """Name the case."""
        words = [f"{key}={value}" for key, value in self.settings.items() if not isinstance(value, dict | list)]
        words += ["masked"] * bool(self.masked) + ["states"] * bool(self.states) + list(self.arguments)
        return "-".join([self.kind, *words])

    @property
    def key(self) -> str:
        """Name the case like no other."""
        return json.dumps([self.kind, self.settings, self.shapes, self.masked, self.states, self.arguments])

    @property
    def tolerance(self) -> float:
        """Say how far Keras may be off, relative to the size of a tensor, by what TensorFlow computes it with."""
        if self.exact:
            return FORWARD_TOLERANCE
        # The kernel of bicubic interpolation comes from a table of 1,024 offsets.
        return 1e-3 if self.settings.get("interpolation") == "bicubic" else FLOAT32_TOLERANCE

    def graph(self) -> Graph:
        """Build the network."""
        inputs, sources = [], []
        for number, shape in enumerate(self.shapes):
            inputs.append(input_layer(f"x{number}", *shape))
            sources.append(f"x{number}")
            if number in self.masked:
                inputs.append(node("Masking", f"masked{number}", [f"x{number}"], mask_value=0.0))
                sources[-1] = f"masked{number}"
        inputs += [input_layer(f"state{number}", *shape) for number, shape in enumerate(self.states)]
        named = dict(self.arguments)
        if self.states:
            named["initial_state"] = [[f"state{number}", 0, 0] for number in range(len(self.states))]
        call = [[source, 0, 0, named if place == 0 else {}] for place, source in enumerate(sources)]
        ends = [["layer", 0, output] for output in range(self.outputs)]
        names = [f"x{number}" for number in range(len(self.shapes))]
        names += [f"state{number}" for number in range(len(self.states))]
        document = functional(*inputs, node(self.kind, "layer", call, **self.settings), inputs=names, outputs=ends)
        graph = Builder(KerasVersion.read("3.12.0")).build(document)
        assert not graph.problems, graph.problems
        return graph

    def weights(self, graph: Graph) -> dict[str, Array]:
        """Draw weights, variances among them positive."""
        rng = np.random.default_rng(5)
        return {
            f"{each.name}/{weight.name}": np.abs(rng.normal(size=weight.shape)) + 0.5
            if "variance" in weight.name
            else (np.array(3.0) if weight.name == "count" else rng.normal(size=weight.shape) * 0.6)
            for each in graph.layers.values()
            for weight in each.weights
        }

    def sample(self, graph: Graph) -> Sample:
        """Draw what the network is given; masked steps are at the end, at the beginning and in between."""
        rng = np.random.default_rng(3)
        inputs: dict[str, Array] = {}
        for number, shape in enumerate((*self.shapes, *self.states)):
            value: Array = self.scale * rng.normal(size=(3, *shape))
            if self.kind == "Embedding":
                value = rng.integers(1, self.settings["input_dim"], value.shape)
            if self.kind == "CategoryEncoding":
                value = rng.integers(0, self.settings["num_tokens"], value.shape)
            if number in self.masked or self.kind in ("Embedding", "Masking"):
                value[0, -2:] = value[1, :2] = value[1, value.shape[1] // 2] = self.settings.get("mask_value", 0)
            inputs[graph.inputs[number]] = value
        shapes = shapes_of(graph, {name: value.shape for name, value in inputs.items()})
        call = graph.calls["layer"]
        draws = draw_for(call, [shapes[each] for each in call.inputs], rng)
        cotangents = {name_of(each): rng.normal(size=shapes[each]) for each in graph.outputs}
        return Sample(inputs, draws, cotangents)


LSTM = layer("LSTM", "inner", units=3, return_sequences=True)
LAST = layer("GRU", "inner", units=3, reset_after=True, recurrent_dropout=0.3, dropout=0.2)
CONVOLVED = layer("ConvLSTM1D", "inner", filters=2, kernel_size=2, padding="same", return_sequences=True)
ACTIVATIONS = """linear relu relu6 sigmoid tanh softmax log_softmax softplus softsign selu elu exponential hard_sigmoid
silu gelu mish leaky_relu hard_silu log_sigmoid celu hard_tanh""".split()
# Whose constants TensorFlow rounds to float32.
SHORTCUTS = ("gelu", "leaky_relu")
RESIZED = "bilinear bicubic area lanczos3 lanczos5 gaussian mitchellcubic".split()
SINGLE = {"dtype": "float32"}
FIRST = {"data_format": "channels_first"}

CASES = [
    Case("Dense", {"units": 5, "activation": "tanh"}, [(7, 3)]),
    Case("Dense", {"units": 5, "use_bias": False}, [(4,)]),
    *(Case("Activation", {"activation": name}, [(4, 5)], scale=4.0, exact=name not in SHORTCUTS)
      for name in ACTIVATIONS),
    Case("ReLU", {}, [(4, 5)]),
    Case("ReLU", {"max_value": 1.5, "negative_slope": 0.2, "threshold": 0.5}, [(4, 9)]),
    Case("ReLU", {"max_value": 6.0, "negative_slope": 0.1}, [(4, 9)], scale=4.0),
    Case("LeakyReLU", {"negative_slope": 0.25}, [(4, 5)]),
    Case("ELU", {"alpha": 0.7}, [(4, 5)]),
    Case("ThresholdedReLU", {"theta": 0.5}, [(4, 5)], keras=False),
    Case("PReLU", {}, [(4, 5)]),
    Case("PReLU", {"shared_axes": [1]}, [(4, 5)]),
    Case("Softmax", {"axis": -1}, [(4, 5)]),
    Case("Softmax", {"axis": [1, 2]}, [(4, 5)]),
    Case("Flatten", {}, [(2, 3, 4)]),
    Case("Flatten", FIRST, [(2, 3, 4)]),
    Case("Reshape", {"target_shape": [2, -1]}, [(3, 4)]),
    Case("Permute", {"dims": [3, 1, 2]}, [(2, 3, 4)]),
    Case("RepeatVector", {"n": 4}, [(3,)]),
    Case("Embedding", {"input_dim": 9, "output_dim": 4, "mask_zero": True}, [(8,)]),
    Case("Masking", {"mask_value": -1.5}, [(8, 3)]),
    Case("Dropout", {"rate": 0.4}, [(4, 5)]),
    Case("Dropout", {"rate": 0.4, "noise_shape": [None, 1, None]}, [(4, 5)]),
    Case("SpatialDropout1D", {"rate": 0.4}, [(4, 5)]),
    Case("SpatialDropout2D", {"rate": 0.4}, [(3, 4, 5)]),
    Case("SpatialDropout2D", {"rate": 0.4, **FIRST}, [(3, 4, 5)]),
    Case("SpatialDropout3D", {"rate": 0.4}, [(2, 3, 4, 5)]),
    Case("GaussianNoise", {"stddev": 0.5}, [(4, 5)]),
    Case("GaussianDropout", {"rate": 0.3}, [(4, 5)]),
    Case("AlphaDropout", {"rate": 0.3}, [(4, 5)]),
    Case("ActivityRegularization", {"l1": 0.5}, [(4, 5)]),
    Case("Identity", {}, [(4, 5)]),
    Case("Conv1D", {"filters": 6, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, [(11, 4)]),
    Case("Conv1D", {"filters": 6, "kernel_size": 4, "padding": "same", "strides": 3}, [(11, 4)]),
    Case("Conv1D", {"filters": 4, "kernel_size": 3, **FIRST}, [(4, 9)], keras=False),
    Case("Conv2D", {"filters": 4, "kernel_size": [3, 5], "strides": [2, 1], "padding": "same", "activation": "softmax"},
         [(8, 7, 3)]),
    Case("Conv2D", {"filters": 4, "kernel_size": [3, 2], "dilation_rate": [2, 1], "padding": "same"}, [(8, 7, 3)]),
    Case("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2, "use_bias": False}, [(7, 6, 6)]),
    Case("Conv2D", {"filters": 4, "kernel_size": [3, 2], "activation": "softmax", **FIRST}, [(2, 7, 6)], keras=False),
    Case("Conv3D", {"filters": 3, "kernel_size": [2, 3, 1], "strides": 2, "padding": "same"}, [(5, 6, 4, 2)]),
    Case("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2}, [(9, 4)]),
    Case("DepthwiseConv2D", {"kernel_size": [3, 2], "depth_multiplier": 2, "padding": "same"}, [(7, 6, 3)]),
    Case("DepthwiseConv2D", {"kernel_size": 3, "strides": 2, "padding": "same"}, [(8, 6, 3)]),
    Case("SeparableConv1D", {"filters": 5, "kernel_size": 3, "padding": "causal"}, [(9, 4)], keras=False),
    Case("SeparableConv1D", {"filters": 5, "kernel_size": 4, "padding": "same", "strides": 2}, [(9, 4)]),
    Case("SeparableConv2D", {"filters": 5, "kernel_size": 3, "depth_multiplier": 2, "activation": "relu"}, [(6, 7, 4)]),
    Case("Conv1DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, [(5, 2)]),
    Case("Conv2DTranspose", {"filters": 5, "kernel_size": [4, 3], "strides": [3, 2], "padding": "same"}, [(4, 5, 2)]),
    Case("Conv2DTranspose", {"filters": 5, "kernel_size": [2, 3], "strides": 3}, [(4, 5, 2)]),
    Case("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 0},
         [(4, 5, 2)]),
    Case("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "output_padding": 1}, [(4, 5, 2)]),
    Case("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 1, "padding": "same"}, [(4, 5, 2)]),
    Case("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "strides": 2}, [(3, 2, 3, 2)]),
    Case("MaxPooling1D", {"pool_size": 2}, [(9, 4)]),
    Case("MaxPooling2D", {"pool_size": [3, 2], "strides": [2, 1], "padding": "same"}, [(8, 5, 4)]),
    Case("MaxPooling2D", {"pool_size": 2, **FIRST}, [(4, 5, 6)], keras=False),
    Case("MaxPooling3D", {"pool_size": 2, **SINGLE}, [(4, 5, 6, 2)], exact=False),
    Case("AveragePooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, [(8, 4)]),
    Case("AveragePooling2D", {"pool_size": 3, "strides": [1, 2], "padding": "same"}, [(6, 8, 3)]),
    Case("AveragePooling3D", {"pool_size": 2, "padding": "same", **SINGLE}, [(4, 5, 6, 1)], exact=False),
    Case("GlobalAveragePooling1D", {}, [(8, 4)], masked=(0,)),
    Case("GlobalAveragePooling1D", {"keepdims": True}, [(8, 4)]),
    Case("GlobalAveragePooling2D", {"keepdims": True}, [(3, 5, 4)]),
    Case("GlobalAveragePooling2D", FIRST, [(4, 3, 5)]),
    Case("GlobalAveragePooling3D", {}, [(3, 2, 3, 4)]),
    Case("GlobalMaxPooling1D", {}, [(5, 4)]),
    Case("GlobalMaxPooling2D", {**FIRST, "keepdims": True}, [(4, 3, 5)]),
    Case("GlobalMaxPooling3D", {}, [(3, 2, 3, 4)]),
    Case("ZeroPadding1D", {"padding": [1, 2]}, [(6, 4)]),
    Case("ZeroPadding2D", {"padding": [[1, 2], [3, 0]]}, [(5, 4, 2)]),
    Case("ZeroPadding2D", {"padding": [1, 2], **FIRST}, [(2, 5, 4)]),
    Case("ZeroPadding3D", {"padding": 1}, [(2, 3, 2, 1)]),
    Case("Cropping1D", {"cropping": [2, 1]}, [(9, 4)]),
    Case("Cropping2D", {"cropping": [[1, 0], [0, 2]]}, [(5, 6, 2)]),
    Case("Cropping3D", {"cropping": 1}, [(4, 5, 4, 1)]),
    Case("UpSampling1D", {"size": 3}, [(4, 2)]),
    Case("UpSampling2D", {"size": [2, 3]}, [(4, 3, 2)]),
    Case("UpSampling2D", {"size": [2, 3], "interpolation": "bilinear"}, [(4, 3, 2)], exact=False),
    Case("UpSampling2D", {"size": 2, "interpolation": "bicubic", **FIRST}, [(2, 4, 3)], exact=False),
    Case("UpSampling3D", {"size": 2}, [(1, 2, 3, 4)]),
    Case("BatchNormalization", {}, [(5, 6, 4)]),
    Case("BatchNormalization", {"axis": 1, "center": False, "momentum": 0.7}, [(5, 6, 4)]),
    Case("BatchNormalization", {"scale": False, "epsilon": 0.01, "trainable": False}, [(4,)]),
    Case("BatchNormalization", {}, [(8, 4)], masked=(0,)),
    Case("LayerNormalization", {"axis": [1, 2], "center": False}, [(6, 5, 4)]),
    Case("LayerNormalization", {}, [(6, 5)]),
    Case("LayerNormalization", {"rms_scaling": True}, [(6, 5)], keras=False),
    Case("GroupNormalization", {"groups": 2}, [(5, 3, 6)]),
    Case("GroupNormalization", {"groups": -1, "axis": 1}, [(4, 5)]),
    Case("UnitNormalization", {"axis": [-1]}, [(6, 4)]),
    Case("RMSNormalization", {"axis": -1}, [(6, 4)]),
    Case("RMSNormalization", {}, [(8, 4)], masked=(0,)),
    Case("Activation", {"activation": "tanh"}, [(8, 4)], masked=(0,)),
    Case("LayerScale", {"projection_dim": 4, "init_values": 0.1}, [(6, 4)], keras=False),
    *(Case("CategoryEncoding", {"num_tokens": 6, "output_mode": mode}, [(7,)])
      for mode in ("one_hot", "multi_hot", "count")),
    Case("CategoryEncoding", {"num_tokens": 6, "output_mode": "one_hot"}, [(1,)]),
    Case("Normalization", {"axis": [-1]}, [(6, 4)]),
    Case("Normalization", {"axis": [-1]}, [(8, 4)], masked=(0,)),
    Case("Normalization", {"axis": [-1], "mean": [1.0, 2.0], "variance": [4.0, 0.25], "invert": True}, [(6, 2)]),
    Case("Normalization", {"axis": None, "mean": 3.0, "variance": 4.0}, [(6, 2)]),
    Case("Normalization", {"axis": [-1], "mean": [[0.5]], "variance": [[2.0]]}, [(6, 1)], keras=False),
    Case("Rescaling", {"scale": 1 / 255, "offset": [0.1, 0.2]}, [(6, 2)], exact=False),
    Case("Rescaling", {"scale": [0.5, 2.0], "offset": -1.0}, [(6, 2)]),
    Case("Resizing", {"height": 9, "width": 4, "interpolation": "nearest"}, [(6, 5, 2)]),
    *(Case("Resizing", {"height": 9, "width": 4, "interpolation": name, **SINGLE}, [(6, 5, 2)], exact=False,
           keras=name not in ("gaussian", "mitchellcubic")) for name in RESIZED),
    Case("Resizing", {"height": 3, "width": 4, "antialias": True, **SINGLE}, [(5, 9, 2)], exact=False),
    Case("Resizing", {"height": 3, "width": 4, "crop_to_aspect_ratio": True}, [(9, 6, 2)], exact=False),
    Case("Resizing", {"height": 3, "width": 4, "pad_to_aspect_ratio": True, "fill_value": 0.5}, [(9, 5, 2)],
         exact=False),
    Case("CenterCrop", {"height": 3, "width": 2}, [(6, 5, 2)]),
    Case("CenterCrop", {"height": 7, "width": 4}, [(6, 5, 2)], exact=False),
    Case("Add", {}, [(4, 3), (4, 3)], masked=(0, 1)),
    Case("Multiply", {}, [(4, 3), (3,)]),
    Case("Subtract", {}, [(1, 3), (4, 3)]),
    Case("Average", {}, [(4, 3)] * 3),
    Case("Maximum", {}, [(4, 3)] * 3),
    Case("Maximum", {}, [(8, 3)] * 2, masked=(0, 1)),
    Case("Minimum", {}, [(8, 3)] * 2, masked=(1,)),
    Case("Concatenate", {"axis": 1}, [(8, 3), (6, 3)], masked=(0,)),
    Case("Concatenate", {"axis": -1}, [(8, 3), (8, 2)], masked=(0, 1)),
    Case("Dot", {"axes": [2, 1]}, [(4, 6), (6, 5)]),
    Case("Dot", {"axes": 1, "normalize": True}, [(6,), (6,)]),
    Case("Dot", {"axes": [-1, -1]}, [(6,), (5, 6)]),
    Case("SimpleRNN", {"units": 4, "dropout": 0.3, "recurrent_dropout": 0.3}, [(8, 3)], masked=(0,)),
    Case("SimpleRNN", {"units": 4, "go_backwards": True, "return_sequences": True, "return_state": True}, [(5, 3)],
         outputs=2),
    Case("LSTM", {"units": 4}, [(8, 3)], masked=(0,)),
    Case("LSTM", {"units": 4, "return_sequences": True, "dropout": 0.3}, [(8, 3)], masked=(0,)),
    Case("LSTM", {"units": 4, "return_sequences": True, "return_state": True, "recurrent_dropout": 0.3, "dropout": 0.2},
         [(5, 3)], outputs=3),
    Case("LSTM", {"units": 4, "return_state": True, "use_bias": False, "recurrent_activation": "hard_sigmoid",
                  "activation": "relu"}, [(5, 3)], states=[(4,), (4,)], outputs=3),
    Case("LSTM", {"units": 4, "go_backwards": True, "return_sequences": True, "zero_output_for_mask": True}, [(8, 3)],
         masked=(0,)),
    Case("LSTM", {"units": 4}, [(8, 3)], masked=(0,), states=[(4,), (4,)]),
    Case("GRU", {"units": 4, "reset_after": True, "dropout": 0.3}, [(8, 3)], masked=(0,)),
    Case("GRU", {"units": 4, "reset_after": False, "recurrent_dropout": 0.3}, [(5, 3)]),
    Case("GRU", {"units": 4, "reset_after": True, "use_bias": False, "return_sequences": True}, [(5, 3)]),
    Case("GRU", {"units": 4, "reset_after": True, "recurrent_dropout": 0.3}, [(5, 3)], states=[(4,)]),
    Case("ConvLSTM1D", {"filters": 3, "kernel_size": 4, "dilation_rate": 2, "return_sequences": True,
                        "return_state": True, "activation": "relu"}, [(4, 9, 2)], outputs=3),
    Case("ConvLSTM1D", {"filters": 3, "kernel_size": 2, "strides": 2, "padding": "same", "go_backwards": True,
                        "use_bias": False, "dropout": 0.3}, [(4, 5, 2)], states=[(3, 3)] * 2),
    Case("ConvLSTM2D", {"filters": 2, "kernel_size": [3, 2], "strides": [2, 1], "padding": "same", "dropout": 0.3,
                        "recurrent_dropout": 0.3}, [(4, 5, 3, 2)]),
    Case("ConvLSTM2D", {"filters": 2, "kernel_size": 2, "padding": "same", "return_sequences": True,
                        "zero_output_for_mask": True}, [(6, 3, 2, 2)], masked=(0,)),
    Case("ConvLSTM2D", {"filters": 2, "kernel_size": 2, "recurrent_dropout": 0.3, "recurrent_activation": "softmax",
                        **FIRST}, [(4, 2, 3, 4)], keras=False),
    Case("ConvLSTM3D", {"filters": 2, "kernel_size": [1, 2, 3], "recurrent_dropout": 0.3}, [(3, 2, 3, 4, 1)]),
    Case("Bidirectional", {"layer": CONVOLVED}, [(4, 3, 2)]),
    Case("Bidirectional", {"layer": LSTM}, [(8, 3)], masked=(0,)),
    Case("Bidirectional", {"layer": LAST, "merge_mode": "sum"}, [(8, 3)], masked=(0,)),
    Case("Bidirectional", {"layer": LAST, "merge_mode": "mul"}, [(5, 3)]),
    Case("Bidirectional", {"layer": LSTM, "merge_mode": "ave"}, [(5, 3)]),
    Case("Bidirectional", {"layer": LSTM, "merge_mode": None}, [(5, 3)], outputs=2),
    Case("Bidirectional", {"layer": {**LSTM, "config": {**LSTM["config"], "return_state": True}}}, [(5, 3)],
         states=[(3,)] * 4, outputs=5),
    Case("TimeDistributed", {"layer": layer("Dense", "inner", units=2, activation="relu")}, [(4, 3)]),
    Case("TimeDistributed", {"layer": layer("BatchNormalization", "inner")}, [(4, 3, 2)]),
    Case("TimeDistributed", {"layer": layer("Dropout", "inner", rate=0.4)}, [(4, 3)]),
    Case("MultiHeadAttention", {"num_heads": 3, "key_dim": 5, "value_dim": 3}, [(6, 8), (4, 7)], exact=False),
    Case("MultiHeadAttention", {"num_heads": 3, "key_dim": 4, "value_dim": 3}, [(6, 8), (4, 7)]),
    Case("MultiHeadAttention", {"num_heads": 2, "key_dim": 4, "output_shape": [5], "use_bias": False},
         [(6, 8), (4, 7), (4, 2)]),
    Case("MultiHeadAttention", {"num_heads": 2, "key_dim": 4, "dropout": 0.3}, [(8, 4)] * 2, masked=(0, 1)),
    Case("MultiHeadAttention", {"num_heads": 2, "key_dim": 4}, [(8, 4), (8, 4)], masked=(0, 1)),
    Case("MultiHeadAttention", {"num_heads": 2, "key_dim": 4}, [(6, 4)] * 2, arguments={"use_causal_mask": True}),
    Case("MultiHeadAttention", {"num_heads": 2, "key_dim": 4}, [(6, 4)] * 2,
         arguments={"return_attention_scores": True}, outputs=2),
    Case("Attention", {"use_scale": True, "dropout": 0.3}, [(6, 8), (4, 8)]),
    Case("Attention", {}, [(8, 4), (8, 4)], masked=(0, 1)),
    Case("Attention", {"score_mode": "concat", "use_scale": True}, [(6, 4), (5, 4), (5, 4)]),
    Case("Attention", {}, [(6, 4), (6, 4)], arguments={"use_causal_mask": True, "return_attention_scores": True},
         outputs=2),
    Case("AdditiveAttention", {}, [(6, 8), (4, 8)]),
    Case("AdditiveAttention", {}, [(6, 4), (5, 4), (5, 4)]),
    Case("AdditiveAttention", {"use_scale": False, "dropout": 0.3}, [(8, 4), (8, 4)], masked=(0, 1)),
    Case("MelSpectrogram", {"fft_length": 16, "sequence_stride": 5, "sequence_length": 12, "num_mel_bins": 4,
                            "sampling_rate": 1000, "top_db": 12.0, "ref_power": 3.0, **SINGLE}, [(40,)], exact=False),
    Case("MelSpectrogram", {"fft_length": 15, "sequence_stride": 5, "num_mel_bins": 3, "sampling_rate": 1000,
                            "power_to_db": False, "window": "hamming", "mag_exp": 1.5}, [(32,)], exact=False),
    Case("STFTSpectrogram", {"frame_length": 6, "padding": "same"}, [(17, 2)]),
    Case("STFTSpectrogram", {"mode": "angle", "frame_length": 6, "expand_dims": True, **FIRST}, [(2, 17)], keras=False),
    *(Case("STFTSpectrogram", {"mode": mode, "frame_length": 6, "frame_step": 4, "fft_length": 10, "expand_dims": True},
           [(17, 2)]) for mode in ("magnitude", "psd", "real", "imag", "angle")),
    Case("STFTSpectrogram", {"mode": "stft", "frame_length": 6}, [(17, 2)]),
    Case("AutoContrast", {"value_range": [-1, 2]}, [(4, 5, 3)]),
    Case("RandomCrop", {"height": 6, "width": 5}, [(6, 5, 3)], keras=False),
    *(Case(name, {}, [(6, 5, 3)], keras=False) for name in AUGMENTATIONS),
]  # fmt: skip
