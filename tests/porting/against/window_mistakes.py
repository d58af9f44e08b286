"""Ports of convolutions and poolings, each with a mistake."""

from tests.porting.against.mistake import Mistake, conv
from tests.reading.files import layer, sequential

_CONV = "self.conv = nn.Conv2d(3, 4, 3{})"
WINDOWS = [
    Mistake(
        "same-padding",
        sequential(
            layer("Conv2D", "conv", filters=4, kernel_size=[3, 3], strides=[2, 2], padding="same"), shape=(8, 6, 3)
        ),
        _CONV.format(", stride=2, padding=1"),
        "x = self.conv(x)",
        lambda w: conv("conv", w["conv/kernel"], w["conv/bias"]),
        "conv",
        parameters={"padding": "symmetric"},
    ),
    Mistake(
        "causal-padding",
        sequential(layer("Conv1D", "conv", filters=4, kernel_size=[3], padding="causal"), shape=(8, 3)),
        "self.conv = nn.Conv1d(3, 4, 3)",
        "x = self.conv(F.pad(x, (0, 2)))",
        lambda w: {"conv.weight": w["conv/kernel"].transpose(2, 1, 0), "conv.bias": w["conv/bias"]},
        "conv",
        parameters={"padding": "end"},
    ),
    Mistake(
        "depthwise-layout",
        sequential(layer("DepthwiseConv2D", "depth", kernel_size=[3, 2], depth_multiplier=2), shape=(8, 6, 3)),
        "self.depth = nn.Conv2d(3, 6, (3, 2), groups=3)",
        "x = self.depth(x)",
        lambda w: {
            "depth.weight": w["depth/kernel"].transpose(3, 2, 0, 1).reshape(6, 1, 3, 2),
            "depth.bias": w["depth/bias"],
        },
        "depth",
        parameters={"layout": "multiplier first"},
    ),
    Mistake(
        "transposed-crop",
        sequential(
            layer("Conv2DTranspose", "up", filters=2, kernel_size=[3, 3], strides=[2, 2], padding="same"),
            shape=(5, 4, 3),
        ),
        "self.up = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1)",
        "x = self.up(x)",
        lambda w: conv("up", w["up/kernel"], w["up/bias"]),
        "up",
        parameters={"offset": 1.0},
    ),
    Mistake(
        "average-padding",
        sequential(
            layer("AveragePooling2D", "pool", pool_size=[3, 3], strides=[1, 1], padding="same"), shape=(6, 5, 3)
        ),
        "self.pool = nn.AvgPool2d(3, stride=1, padding=1)",
        "x = self.pool(x)",
        lambda w: {},
        "pool",
        parameters={"padding": "zeros"},
    ),
    Mistake(
        "average-padding",
        sequential(layer("MaxPooling2D", "pool", pool_size=[3, 3], strides=[1, 1], padding="same"), shape=(6, 5, 3)),
        "self.pool = nn.MaxPool2d(3, stride=1)",
        "x = self.pool(F.pad(x, (1, 1, 1, 1)))",
        lambda w: {},
        "pool",
    ),
    Mistake(
        "pooling-kind",
        sequential(layer("AveragePooling2D", "pool", pool_size=[2, 2]), shape=(6, 4, 3)),
        "self.pool = nn.MaxPool2d(2)",
        "x = self.pool(x)",
        lambda w: {},
        "pool",
    ),
    Mistake(
        "kernel-layout",
        sequential(layer("Conv2D", "conv", filters=4, kernel_size=[3, 3]), shape=(8, 6, 3)),
        _CONV.format(""),
        "x = self.conv(x)",
        lambda w: conv("conv", w["conv/kernel"].swapaxes(0, 1), w["conv/bias"]),
        "conv",
        parameters={"layout": "height-width"},
    ),
    Mistake(
        "bias-dropped",
        sequential(layer("Conv2D", "conv", filters=4, kernel_size=[3, 3]), shape=(8, 6, 3)),
        _CONV.format(", bias=False"),
        "x = self.conv(x)",
        lambda w: {"conv.weight": w["conv/kernel"].transpose(3, 2, 0, 1)},
        "conv",
    ),
    Mistake(
        "separable",
        sequential(layer("SeparableConv2D", "conv", filters=4, kernel_size=[3, 3], activation="relu"), shape=(8, 6, 3)),
        "self.depth = nn.Conv2d(3, 3, 3, groups=3, bias=False)\nself.conv = nn.Conv2d(3, 4, 1)",
        "x = F.relu(self.conv(F.relu(self.depth(x))))",
        lambda w: {
            "depth.weight": w["conv/depthwise_kernel"].transpose(2, 3, 0, 1),
            **conv("conv", w["conv/pointwise_kernel"], w["conv/bias"]),
        },
        "conv",
    ),
]
