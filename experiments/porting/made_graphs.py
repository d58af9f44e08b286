"""Networks with branches, for `make_models.py`: for Keras 2 and 3, and in the words of Keras 1."""

import numpy as np

IMAGE, SIGNAL, VECTOR = (9, 8, 3), (11, 4), (6,)


def graphs(keras, k):
    """List networks with branches: name, and what makes the model."""
    Input, Model, Sequential = keras.layers.Input, keras.models.Model, keras.models.Sequential  # noqa: N806 - classes
    for kind in "Add Subtract Multiply Average Maximum Minimum Concatenate".split():

        def merged(kind=kind):
            """Merge two branches."""
            x = Input(SIGNAL)
            return Model(x, getattr(k, kind)()([k.Dense(3)(x), k.Dense(3)(x)]))

        yield "merge_" + kind.lower(), merged

    def dot():
        """Multiply two branches."""
        x, y = Input((5, 6)), Input((4, 6))
        return Model([x, y], [k.Dot((2, 2))([x, y]), k.Dot(2, normalize=True)([x, y]), k.Concatenate(axis=1)([x, y])])

    def shared():
        """Call a layer and a model twice."""
        x, y = Input(VECTOR), Input(VECTOR)
        layer, inner = k.Dense(6, activation="tanh"), Sequential([k.Dense(4, input_shape=VECTOR), k.Dense(6)])
        return Model([x, y], k.Concatenate()([layer(x), layer(y), inner(layer(x)), inner(y)]))

    def nested():
        """Put a model with a frozen layer into a model that is frozen, too."""
        i = Input(IMAGE)
        convolution = k.Conv2D(4, 3)
        convolution.trainable = False
        inner = Model(i, k.BatchNormalization()(convolution(i)), name="backbone")
        x = Input(IMAGE)
        outer = Model(x, k.Dense(2)(k.GlobalAveragePooling2D()(inner(x))))
        inner.trainable = False
        return outer

    def residual():
        """Add what went around."""
        x = Input((9, 8, 4))
        y = k.Activation("relu")(k.BatchNormalization()(k.Conv2D(4, 3, padding="same")(x)))
        return Model(x, k.Dense(2, activation="softmax")(k.Flatten()(k.Add()([x, y]))))

    def translator():
        """Hand states from one layer to another."""
        x, y = Input((None, 4)), Input((None, 3))
        _, h, c = k.LSTM(5, return_state=True)(x)
        return Model(
            [x, y], k.Dense(3, activation="softmax")(k.LSTM(5, return_sequences=True)(y, initial_state=[h, c]))
        )

    def gru_translator():
        """Hand the states of a bidirectional layer on."""
        x, y = Input((7, 4)), Input((6, 3))
        _, forward, backward = k.Bidirectional(k.GRU(5, return_state=True))(x)
        state = k.Concatenate()([forward, backward])
        return Model([x, y], k.GRU(10, return_sequences=True)(y, initial_state=state))

    yield from ((each.__name__, each) for each in (dot, shared, nested, residual, translator, gru_translator))
    yield from later_graphs(keras, k)
    yield from functions(keras, k)


def later_graphs(keras, k):
    """List networks with attention, and with models in them."""
    Input, Model, Sequential = keras.layers.Input, keras.models.Model, keras.models.Sequential  # noqa: N806 - classes

    def attention():
        """Attend with several heads, to itself and to another."""
        x, y = Input((7, 6)), Input((5, 4))
        heads = k.MultiHeadAttention(3, 5, value_dim=4)
        own = k.LayerNormalization()(x + k.MultiHeadAttention(2, 3)(x, x))
        return Model([x, y], k.Dense(3)(k.Add()([own, heads(x, y)])))

    def attention_of_old():
        """Attend without projections."""
        x, y = Input((7, 6)), Input((5, 6))
        return Model(
            [x, y], [k.Attention()([x, y]), k.AdditiveAttention()([x, y]), k.Attention(use_scale=True)([x, y])]
        )

    def steps_of_a_model():
        """Use a model for each step."""
        inner = Sequential([k.Conv2D(3, 3, input_shape=IMAGE), k.Flatten(), k.Dense(4)])
        x = Input((5, *IMAGE))
        return Model(x, k.LSTM(3)(k.TimeDistributed(inner)(x)))

    def augmented():
        """Begin with a model without weights."""
        inner = Sequential([k.RandomFlip(input_shape=IMAGE), k.RandomRotation(0.1)])
        x = Input(IMAGE)
        return Model(x, k.Dense(3)(k.Flatten()(k.Rescaling(1 / 127.5, -1)(inner(x)))))

    def several():
        """Give several outputs, one of them an input."""
        x = Input(VECTOR)
        y = k.Dense(4, name="first")(x)
        return Model(x, [y, k.Dense(2, name="second")(y)])

    yield from ((each.__name__, each) for each in (attention, attention_of_old, steps_of_a_model, augmented, several))


def functions(keras, k):
    """List networks with functions of tensors between their layers."""
    Input, Model = keras.layers.Input, keras.models.Model  # noqa: N806 - classes

    def arithmetic():
        """Compute with tensors and numbers."""
        x = Input(VECTOR)
        y = k.Dense(6)(x)
        return Model(x, k.Dense(2)((x + y) * 2.0 - 1.0 / (y * y + 1.0) + abs(y) ** 2 - (1 - x) / 3 + (-y)))

    def slices():
        """Take parts of tensors."""
        x = Input(SIGNAL)
        return Model(x, [x[:, 1:, ::-1], x[:, -1], x[..., 0], k.Dense(2)(x[:, :, None])])

    def squeeze_and_excite():
        """Scale the channels by what all places say."""
        x = Input(IMAGE)
        y = k.Dense(3, activation="sigmoid")(k.Dense(2, activation="relu")(k.GlobalAveragePooling2D()(x)))
        return Model(x, x * k.Reshape((1, 1, 3))(y))

    def tensorflow():
        """Call TensorFlow's functions."""
        import tensorflow as tf

        x = Input(IMAGE)
        y = tf.nn.relu(tf.reshape(x, [-1, 24, 9]))
        z = tf.concat([y, tf.nn.softmax(y)], axis=1)
        first, second = tf.split(tf.transpose(z, [0, 2, 1]), 2, axis=-1)
        ends = [tf.reduce_mean(x, axis=[1, 2]), tf.reduce_sum(y, axis=1), tf.math.l2_normalize(first, axis=-1)]
        ends += [tf.clip_by_value(second, -0.5, 0.5), tf.linalg.matmul(first, second, transpose_b=True)]
        ends += [tf.expand_dims(y, 1), tf.stack([first, second], axis=1), tf.nn.bias_add(x, [0.1, 0.2, 0.3])]
        return Model(
            x, [*ends, tf.math.maximum(tf.math.sqrt(tf.math.square(x)), 0.1), tf.math.exp(x) - [1.0, 2.0, 3.0]]
        )

    def operations():
        """Call the operations of Keras 3."""
        from keras import ops

        x = Input(IMAGE)
        y = ops.relu(ops.reshape(x, (-1, 24, 9)))
        z = ops.concatenate([y, ops.softmax(y)], axis=1)
        first, second = ops.split(ops.transpose(z, (0, 2, 1)), 2, axis=-1)
        ends = [ops.mean(x, axis=(1, 2)), ops.sum(y, axis=1), ops.max(y, axis=-1, keepdims=True)]
        ends += [ops.clip(second, -0.5, 0.5), ops.matmul(first, ops.swapaxes(second, 1, 2)), ops.flip(x, axis=1)]
        ends += [ops.expand_dims(y, 1), ops.stack([first, second], axis=1), x + np.array([0.1, 0.2, 0.3], "float32")]
        return Model(x, [*ends, ops.maximum(ops.sqrt(ops.square(x)), 0.1), ops.log(ops.exp(x) + 1.0)])

    yield from ((each.__name__, each) for each in (arithmetic, slices, squeeze_and_excite, tensorflow, operations))


def old_graphs(keras, k):
    """List networks with branches, as Keras 1 wrote them."""
    Input, Model, Sequential = keras.layers.Input, keras.models.Model, keras.models.Sequential  # noqa: N806 - classes
    for mode in ("sum", "mul", "concat", "ave", "max"):

        def merged(mode=mode):
            """Merge two branches."""
            x = Input(VECTOR)
            return Model(x, k.merge([k.Dense(3)(x), k.Dense(3)(x)], mode=mode))

        yield "merge_" + mode, merged

    def merged_first():
        """Begin a Sequential with two others."""
        left, right = Sequential([k.Dense(3, input_dim=4)]), Sequential([k.Dense(2, input_dim=5)])
        model = Sequential()
        model.add(k.Merge([left, right], mode="concat"))
        model.add(k.Dense(2, activation="softmax"))
        return model

    def nested():
        """Put a Sequential into another."""
        return Sequential([Sequential([k.Dense(5, input_dim=6), k.BatchNormalization()]), k.Dense(2)])

    def deconvolution():
        """Go back from a smaller image."""
        x = Input((4, 4, 3))
        shape = (None, 9, 9, 2)
        return Model(x, k.Deconvolution2D(2, 3, 3, output_shape=shape, subsample=(2, 2), dim_ordering="tf")(x))

    yield from ((each.__name__, each) for each in (merged_first, nested, deconvolution))
