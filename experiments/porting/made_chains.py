"""Networks of one layer behind the other, for `make_models.py`: for Keras 2 and 3, and in the words of Keras 1."""

FIRST = "channels_first"
IMAGE, SIGNAL, VECTOR, VOLUME = (9, 8, 3), (11, 4), (6,), (5, 4, 6, 2)


def chains(k):
    """List networks of one layer behind the other: name, shape of the input, and what makes the layers."""
    for name in (
        "linear relu sigmoid tanh softmax softplus softsign selu elu exponential hard_sigmoid swish gelu leaky_relu "
        "relu6 silu mish log_softmax hard_silu celu hard_tanh log_sigmoid"
    ).split():
        yield "activation_" + name, VECTOR, lambda name=name: [k.Dense(5, activation=name), k.Activation(name)]
    yield "dense", VECTOR, lambda: [k.Dense(5), k.Dense(3, use_bias=False, activation="relu")]
    yield "dense_rank_3", SIGNAL, lambda: [k.Dense(5, activation="softmax")]
    yield "relu", VECTOR, lambda: [k.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2)]
    yield "relu_plain", VECTOR, lambda: [k.ReLU()]
    yield "leaky_relu", VECTOR, lambda: [k.LeakyReLU(), k.LeakyReLU(0.2)]
    yield "prelu", IMAGE, lambda: [k.PReLU(), k.PReLU(shared_axes=[1, 2])]
    yield "elu", VECTOR, lambda: [k.ELU(0.7)]
    yield "thresholded_relu", VECTOR, lambda: [k.ThresholdedReLU(0.3)]
    yield "softmax", SIGNAL, lambda: [k.Softmax(), k.Softmax(axis=1)]
    yield "flatten", IMAGE, lambda: [k.Flatten(), k.Dense(3)]
    yield "flatten_first", (3, 9, 8), lambda: [k.Flatten(data_format=FIRST), k.Dense(3)]
    yield "reshape", IMAGE, lambda: [k.Reshape((8, -1)), k.Reshape((24, 9)), k.Dense(2)]
    yield "permute", IMAGE, lambda: [k.Permute((3, 1, 2)), k.Dense(2)]
    yield "repeat_vector", VECTOR, lambda: [k.RepeatVector(4), k.Dense(3)]
    yield (
        "dropouts",
        SIGNAL,
        lambda: [
            k.Dropout(0.3),
            k.SpatialDropout1D(0.2),
            k.GaussianNoise(0.1),
            k.GaussianDropout(0.2),
            k.AlphaDropout(0.1),
            k.ActivityRegularization(0.1),
            k.Dense(2),
        ],
    )
    yield "spatial_dropout", IMAGE, lambda: [k.SpatialDropout2D(0.2), k.Dense(2)]
    for part in (sequences, windows, convolutions, preparing, recurrent):
        yield from part(k)


def sequences(k):
    """List masks and embeddings."""
    yield "masking", SIGNAL, lambda: [k.Masking(0.0), k.LSTM(3)]
    yield "embedding", (7,), lambda: [k.Embedding(9, 4), k.Dense(2)]
    yield "embedding_masked", (7,), lambda: [k.Embedding(9, 4, mask_zero=True), k.Dropout(0.1), k.LSTM(3), k.Dense(2)]
    yield (
        "embedding_masked_gru",
        (7,),
        lambda: [
            k.Embedding(9, 4, mask_zero=True),
            k.Bidirectional(k.GRU(3, return_sequences=True)),
            k.Bidirectional(k.LSTM(3)),
        ],
    )
    yield "embedding_masked_mean", (7,), lambda: [k.Embedding(9, 4, mask_zero=True), k.GlobalAveragePooling1D()]


def windows(k):
    """List poolings, borders and convolutions of every rank."""
    for rank, shape in ((1, SIGNAL), (2, IMAGE), (3, VOLUME)):
        conv, size = getattr(k, f"Conv{rank}D"), (3, 2, 3)[:rank]
        yield (
            f"conv{rank}",
            shape,
            lambda conv=conv, size=size: [
                conv(4, size, padding="same", strides=2, activation="relu"),
                conv(3, 2, use_bias=False),
            ],
        )
        yield f"conv{rank}_dilated", shape, lambda conv=conv: [conv(4, 2, dilation_rate=2, padding="same")]
        for kind in ("MaxPooling", "AveragePooling"):
            pool = getattr(k, f"{kind}{rank}D")
            yield f"{kind.lower()}{rank}", shape, lambda pool=pool: [pool(3, 2, padding="same"), pool(2)]
        for kind in ("GlobalMaxPooling", "GlobalAveragePooling"):
            pool = getattr(k, f"{kind}{rank}D")
            yield f"{kind.lower()}{rank}", shape, lambda pool=pool: [pool(), k.Dense(2)]
        for kind, sizes in (("ZeroPadding", (1, 2)), ("Cropping", (1, 0)), ("UpSampling", None)):
            pad = getattr(k, f"{kind}{rank}D")
            argument = 2 if sizes is None else sizes if rank == 1 else (sizes,) * rank
            yield f"{kind.lower()}{rank}", shape, lambda pad=pad, argument=argument: [pad(argument)]


def convolutions(k):
    """List the other convolutions."""
    yield "conv1_causal", SIGNAL, lambda: [k.Conv1D(3, 3, padding="causal", dilation_rate=2)]
    yield "conv2_groups", (9, 8, 4), lambda: [k.Conv2D(6, 3, groups=2)]
    yield "global_keepdims", IMAGE, lambda: [k.GlobalAveragePooling2D(keepdims=True), k.Conv2D(2, 1)]
    yield "upsampling_bilinear", IMAGE, lambda: [k.UpSampling2D((2, 3), interpolation="bilinear")]
    yield (
        "depthwise2",
        IMAGE,
        lambda: [
            k.DepthwiseConv2D((3, 2), strides=2, padding="same", depth_multiplier=2),
            k.DepthwiseConv2D(2, use_bias=False, activation="relu"),
        ],
    )
    yield "depthwise1", SIGNAL, lambda: [k.DepthwiseConv1D(3, depth_multiplier=2)]
    yield "separable1", SIGNAL, lambda: [k.SeparableConv1D(5, 3, padding="same", activation="relu")]
    yield "separable2", IMAGE, lambda: [k.SeparableConv2D(5, (3, 2), strides=2, padding="same", depth_multiplier=2)]
    yield "transpose1", SIGNAL, lambda: [k.Conv1DTranspose(4, 3, strides=2, padding="same"), k.Conv1DTranspose(2, 2)]
    yield (
        "transpose2",
        IMAGE,
        lambda: [
            k.Conv2DTranspose(4, 3, strides=2, padding="same"),
            k.Conv2DTranspose(3, 4, strides=3, padding="same"),
            k.Conv2DTranspose(2, 2, strides=3),
        ],
    )
    yield (
        "transpose2_output_padding",
        IMAGE,
        lambda: [k.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1)],
    )
    yield "transpose3", VOLUME, lambda: [k.Conv3DTranspose(2, 2, strides=2)]


def preparing(k):
    """List normalizations and what prepares images."""
    yield "batch_norm", IMAGE, lambda: [k.BatchNormalization(), k.BatchNormalization(axis=1, scale=False)]
    yield "batch_norm_rank_2", VECTOR, lambda: [k.BatchNormalization(momentum=0.9, epsilon=1e-5, center=False)]
    yield "layer_norm", SIGNAL, lambda: [k.LayerNormalization(), k.LayerNormalization(axis=[1, 2], center=False)]
    yield "group_norm", (9, 8, 4), lambda: [k.GroupNormalization(2), k.GroupNormalization(-1)]
    yield "unit_norm", SIGNAL, lambda: [k.UnitNormalization(), k.UnitNormalization(axis=1)]
    yield "rms_norm", SIGNAL, lambda: [k.RMSNormalization()]
    normalization = {"mean": [0.1, 0.2, 0.3], "variance": [1.0, 2.0, 3.0]}
    yield "normalization", IMAGE, lambda: [k.Normalization(**normalization), k.Dense(2)]
    yield "normalization_learned", IMAGE, lambda: [k.Normalization(), k.Dense(2)]
    yield "rescaling", IMAGE, lambda: [k.Rescaling(1 / 255.0, offset=-0.5)]
    yield "rescaling_list", IMAGE, lambda: [k.Rescaling([0.5, 1.0, 2.0], [0.1, 0.2, 0.3])]
    for interpolation in ("nearest", "bilinear", "bicubic"):
        resizing = {"interpolation": interpolation}
        yield "resizing_" + interpolation, IMAGE, lambda resizing=resizing: [k.Resizing(5, 12, **resizing)]
    yield "center_crop", IMAGE, lambda: [k.CenterCrop(5, 4)]
    yield (
        "augmentation",
        IMAGE,
        lambda: [
            k.RandomFlip(),
            k.RandomRotation(0.1),
            k.RandomZoom(0.1),
            k.RandomTranslation(0.1, 0.1),
            k.RandomContrast(0.2),
            k.Dense(2),
        ],
    )


def recurrent(k):
    """List recurrent layers, and layers for each step."""
    for kind in ("SimpleRNN", "LSTM", "GRU"):
        cell = getattr(k, kind)
        yield kind.lower(), SIGNAL, lambda cell=cell: [cell(5, return_sequences=True), cell(3)]
        yield (
            kind.lower() + "_backwards",
            SIGNAL,
            lambda cell=cell: [cell(5, return_sequences=True, go_backwards=True, use_bias=False)],
        )
        yield kind.lower() + "_relu", SIGNAL, lambda cell=cell: [cell(4, activation="relu", dropout=0.2)]
        for mode in ("concat", "sum", "mul", "ave"):
            yield (
                f"bidirectional_{kind.lower()}_{mode}",
                SIGNAL,
                lambda cell=cell, mode=mode: [
                    k.Bidirectional(cell(4, return_sequences=True), merge_mode=mode),
                    k.Bidirectional(cell(3), merge_mode=mode),
                ],
            )
    yield (
        "cells",
        SIGNAL,
        lambda: [
            k.RNN(k.LSTMCell(4), return_sequences=True),
            k.Bidirectional(k.RNN(k.GRUCell(3, reset_after=True), return_sequences=True)),
            k.RNN(k.SimpleRNNCell(4), go_backwards=True),
        ],
    )
    yield "gru_reset_after", SIGNAL, lambda: [k.GRU(4, reset_after=True)]
    yield "gru_reset_before", SIGNAL, lambda: [k.GRU(4, reset_after=False)]
    yield "lstm_hard_sigmoid", SIGNAL, lambda: [k.LSTM(4, recurrent_activation="hard_sigmoid")]
    yield (
        "bidirectional_backward_layer",
        SIGNAL,
        lambda: [k.Bidirectional(k.LSTM(4), backward_layer=k.GRU(4, go_backwards=True))],
    )
    yield "time_distributed", (5, 6), lambda: [k.TimeDistributed(k.Dense(3)), k.TimeDistributed(k.Dropout(0.1))]
    yield (
        "time_distributed_conv",
        (4, 9, 8, 3),
        lambda: [
            k.TimeDistributed(k.Conv2D(2, 3)),
            k.TimeDistributed(k.BatchNormalization()),
            k.TimeDistributed(k.Flatten()),
            k.LSTM(3),
        ],
    )
    yield "channels_first", (3, 9, 8), lambda: [k.ZeroPadding2D(1, data_format=FIRST), k.UpSampling2D(2, FIRST)]


def old_chains(k):
    """List the same by the names of Keras 1."""
    tf = "tf"
    for name in "linear relu sigmoid tanh softmax softplus softsign hard_sigmoid".split():
        yield "activation_" + name, VECTOR, lambda name=name: [k.Dense(5, activation=name), k.Activation(name)]
    yield "dense", VECTOR, lambda: [k.Dense(5), k.Dense(3, bias=False, activation="relu")]
    yield (
        "conv2",
        IMAGE,
        lambda: [
            k.Convolution2D(4, 3, 2, border_mode="same", subsample=(2, 2), dim_ordering=tf, activation="relu"),
            k.Convolution2D(3, 2, 2, dim_ordering=tf, bias=False),
        ],
    )
    yield "conv2_th", (3, 9, 8), lambda: [k.Flatten(), k.Dense(3)]
    yield (
        "conv1",
        SIGNAL,
        lambda: [k.Convolution1D(4, 3, border_mode="same"), k.Convolution1D(3, 2, subsample_length=2)],
    )
    yield "separable2", IMAGE, lambda: [k.SeparableConvolution2D(5, 3, 2, dim_ordering=tf, depth_multiplier=2)]
    yield "atrous", IMAGE, lambda: [k.AtrousConvolution2D(4, 2, 2, atrous_rate=(2, 2), dim_ordering=tf)]
    yield (
        "pooling",
        IMAGE,
        lambda: [
            k.MaxPooling2D((2, 2), border_mode="same", dim_ordering=tf),
            k.AveragePooling2D((2, 2), dim_ordering=tf),
            k.Flatten(),
        ],
    )
    yield "pooling1", SIGNAL, lambda: [k.MaxPooling1D(2), k.AveragePooling1D(2)]
    yield (
        "padding",
        IMAGE,
        lambda: [
            k.ZeroPadding2D((1, 2), dim_ordering=tf),
            k.UpSampling2D((2, 2), dim_ordering=tf),
            k.Cropping2D(((1, 0), (0, 2)), dim_ordering=tf),
        ],
    )
    yield "batch_norm", VECTOR, lambda: [k.BatchNormalization(), k.Dense(2)]
    yield "embedding", (7,), lambda: [k.Embedding(9, 4, mask_zero=True), k.LSTM(3)]
    yield "time_distributed", (5, 6), lambda: [k.TimeDistributed(k.Dense(3)), k.TimeDistributedDense(2)]
    yield "shapes", IMAGE, lambda: [k.Reshape((8, 27)), k.Permute((2, 1)), k.Flatten(), k.RepeatVector(2)]
    yield "dropouts", SIGNAL, lambda: [k.Dropout(0.3), k.GaussianNoise(0.1), k.GaussianDropout(0.2), k.Dense(2)]
    yield "advanced", VECTOR, lambda: [k.LeakyReLU(0.2), k.PReLU(), k.ELU(0.7), k.ThresholdedReLU(0.3)]
    for kind in ("SimpleRNN", "LSTM", "GRU"):
        cell = getattr(k, kind)
        yield kind.lower(), SIGNAL, lambda cell=cell: [cell(5, return_sequences=True), cell(3, dropout_W=0.1)]
        yield "bidirectional_" + kind.lower(), SIGNAL, lambda cell=cell: [k.Bidirectional(cell(4))]
