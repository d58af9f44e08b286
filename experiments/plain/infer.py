"""Classify recordings with a saved model as one would write it first: one file and one segment at a time.

python experiments/plain/infer.py results/gtzan song.wav ...
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import torch
from safetensors.numpy import load_file
from torch import Tensor, nn

SAMPLES = 22050 * 30 // 10
# What Keras' "same" pooling pads on the low side of these sizes; the window that hangs over does the high side.
PADDING = (0, (1, 0), 0)


class ChannelsLastFlatten(nn.Module):
    """Flatten in Keras' order."""

    def forward(self, x: Tensor) -> Tensor:
        """Flatten.

        Parameters
        ----------
        x : Tensor [shape=(n, channels, height, width)]
            Input.

        Returns
        -------
        Tensor [shape=(n, features)]
            Output.
        """
        return x.permute(0, 2, 3, 1).flatten(1)


def load_network(weights: dict[str, np.ndarray]) -> nn.Sequential:
    """Build the network and load its weights, whose names and layouts are Keras'."""
    layers: list[nn.Module] = []
    for index, kernel, pool in ((0, 3, 3), (1, 3, 3), (2, 2, 2)):
        suffix = f"_{index}" if index else ""
        conv, norm = nn.Conv2d(32 if index else 1, 32, kernel), nn.BatchNorm2d(32, eps=1e-3)
        conv.weight.data = torch.tensor(weights[f"conv2d{suffix}/kernel"].transpose(3, 2, 0, 1))
        conv.bias.data = torch.tensor(weights[f"conv2d{suffix}/bias"])  # type: ignore[union-attr]
        norm.weight.data = torch.tensor(weights[f"batch_normalization{suffix}/gamma"])
        norm.bias.data = torch.tensor(weights[f"batch_normalization{suffix}/beta"])
        norm.running_mean = torch.tensor(weights[f"batch_normalization{suffix}/moving_mean"])
        norm.running_var = torch.tensor(weights[f"batch_normalization{suffix}/moving_variance"])
        layers += [conv, nn.ReLU(), nn.MaxPool2d(pool, 2, padding=PADDING[index], ceil_mode=True), norm]
    first, last = nn.Linear(*weights["dense/kernel"].shape), nn.Linear(*weights["dense_1/kernel"].shape)
    for linear, name in ((first, "dense"), (last, "dense_1")):
        linear.weight.data = torch.tensor(weights[f"{name}/kernel"].T.copy())
        linear.bias.data = torch.tensor(weights[f"{name}/bias"])
    return nn.Sequential(*layers, ChannelsLastFlatten(), first, nn.ReLU(), last).eval()


def classify(path: Path, network: nn.Sequential, document: dict[str, Any]) -> dict[str, float]:
    """Classify a recording, one segment at a time."""
    y, sample_rate = librosa.load(path, sr=22050)
    scores = []
    for start in range(0, len(y) - SAMPLES // 2, SAMPLES):
        segment = y[start : start + SAMPLES]
        segment = np.pad(segment, (0, SAMPLES - len(segment)))
        mel = librosa.feature.melspectrogram(y=segment, sr=sample_rate, n_fft=2048, hop_length=512, n_mels=128)
        decibels = librosa.power_to_db(mel, ref=np.max)
        x = torch.from_numpy((decibels - document["standardiser"]["mean"]) / document["standardiser"]["std"])
        with torch.no_grad():
            scores.append(network(x[None, None].float()).log_softmax(1)[0])
    probabilities = torch.stack(scores).mean(0).softmax(0)
    return dict(zip(document["genres"], probabilities.tolist(), strict=True))


def main() -> None:
    """Classify every recording, and print the probabilities and how long it took without start-up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("recordings", type=Path, nargs="+")
    options = parser.parse_args()
    document = json.loads((options.model / "model.json").read_text())
    network = load_network(load_file(options.model / "weights.safetensors"))
    classify(options.recordings[0], network, document)  # everything is loaded at its first use
    began = time.perf_counter()
    found = {str(path): classify(path, network, document) for path in options.recordings}
    print(json.dumps({"seconds": time.perf_counter() - began, "files": len(found), "probabilities": found}))


if __name__ == "__main__":
    main()
