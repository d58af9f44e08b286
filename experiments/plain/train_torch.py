"""Train the network with PyTorch as one would write it first: modules in order, a DataLoader, one file an item.

python experiments/plain/train_torch.py TREE --epochs 3
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


class Segments(Dataset):
    """Spectrogram files, read when they are asked for."""

    def __init__(self, tree: Path) -> None:
        """List the files."""
        self.files = sorted(tree.glob("*/*.npz"))
        genres = sorted({path.parent.name for path in self.files})
        self.labels = [genres.index(path.parent.name) for path in self.files]

    def __len__(self) -> int:
        """Count the files."""
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Read one file.

        Returns
        -------
        Tensor [shape=(1, n_mels, frames)]
            The spectrogram, roughly standardized.
        """
        spectrogram = np.load(self.files[index])["spectrogram"]
        return torch.from_numpy((spectrogram + 40) / 15)[None], self.labels[index]


def build_network(classes: int) -> nn.Sequential:
    """Build the network."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1), nn.BatchNorm2d(32)),
        *(nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1), nn.BatchNorm2d(32)),
        *(nn.Conv2d(32, 32, 2), nn.ReLU(), nn.MaxPool2d(2, 2), nn.BatchNorm2d(32)),
        *(nn.Flatten(), nn.LazyLinear(64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, classes)),
    )


def main() -> None:
    """Train, and print the seconds of every epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    data = Segments(options.tree)
    loader = DataLoader(data, batch_size=options.batch_size, shuffle=True, drop_last=True)
    network = build_network(max(data.labels) + 1)
    network(torch.zeros(1, *data[0][0].shape))
    network.to(options.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    seconds = []
    for _ in range(options.epochs):
        began = time.perf_counter()
        for x, labels in loader:
            x, labels = x.to(options.device), labels.to(options.device)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(x), labels)
            loss.backward()
            optimizer.step()
        loss.item()  # a GPU works on after it was told what to do
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"epoch_seconds": seconds, "steps": len(loader)}))


if __name__ == "__main__":
    main()
