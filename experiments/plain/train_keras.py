"""Train the network with Keras' fit on the TensorFlow backend, all spectrograms in memory.

python experiments/plain/train_keras.py TREE --epochs 3
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers


class Stopwatch(keras.callbacks.Callback):
    """Notes how long each epoch takes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Start."""
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Stop."""
        self.seconds.append(time.perf_counter() - self.began)


def build_network(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Build the network."""
    return keras.Sequential(
        [
            keras.Input(shape),
            *(
                layers.Conv2D(32, (3, 3), activation="relu"),
                layers.MaxPooling2D((3, 3), strides=(2, 2), padding="same"),
            ),
            layers.BatchNormalization(),
            *(
                layers.Conv2D(32, (3, 3), activation="relu"),
                layers.MaxPooling2D((3, 3), strides=(2, 2), padding="same"),
            ),
            layers.BatchNormalization(),
            *(
                layers.Conv2D(32, (2, 2), activation="relu"),
                layers.MaxPooling2D((2, 2), strides=(2, 2), padding="same"),
            ),
            layers.BatchNormalization(),
            *(layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dropout(0.3), layers.Dense(classes)),
        ]
    )


def main() -> None:
    """Train, and print the seconds of every epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()
    files = sorted(options.tree.glob("*/*.npz"))
    genres = sorted({path.parent.name for path in files})
    x = np.stack([np.load(path)["spectrogram"] for path in files])[..., None]
    x = (x + 40) / 15
    y = np.array([genres.index(path.parent.name) for path in files])
    steps = len(x) // options.batch_size
    network = build_network(x.shape[1:], len(genres))
    network.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    stopwatch = Stopwatch()
    used = steps * options.batch_size
    network.fit(x[:used], y[:used], batch_size=options.batch_size, epochs=options.epochs, verbose=0,
                callbacks=[stopwatch])  # fmt: skip
    print(json.dumps({"epoch_seconds": stopwatch.seconds, "steps": steps}))


if __name__ == "__main__":
    main()
