"""Modules of somebody's own, looked into."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from genrebench.errors import BackendError
from genrebench.network.types import Array

torch = pytest.importorskip("torch")
foreign = pytest.importorskip("genrebench_torch.foreign")

MINE = """
import helper
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        return helper.rectify(self.norm(self.conv(x)))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block()
        self.lstm = nn.LSTM(4, 5, batch_first=True)
        self.drop = nn.Dropout(0.5)
        self.dense = nn.Linear(5, 2)

    def forward(self, x):
        if x.shape[1] != 3:
            raise ValueError("channels first")
        x = self.block(x).flatten(2).transpose(1, 2)
        x, _ = self.lstm(x)
        x = self.dense(self.drop(x[:, -1]))
        return {"logits": x, "again": self.dense(torch.zeros(1, 5, dtype=x.dtype))}


def build():
    return Network()


def broken():
    raise RuntimeError("no file")


number = 3
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Write the module, a file that it imports, and its weights in both forms."""
    (tmp_path / "helper.py").write_text("import torch\n\n\ndef rectify(x):\n    return torch.relu(x)\n")
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    network = foreign._made(path, "Network")
    state = {name: each.numpy() for name, each in network.state_dict().items()}
    save_file(state, tmp_path / "weights.safetensors")
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    torch.save({"epoch": 3, "model_state_dict": network.state_dict()}, tmp_path / "checkpoint.pt")
    return path


X = np.random.default_rng(0).normal(size=(2, 7, 7, 3))


def answer(path: Path, **options: Any) -> tuple[dict[str, Array], Any]:
    """Run it."""
    found: tuple[dict[str, Array], Any] = foreign.module(
        {"inputs/0": X, "cotangents/0": np.ones((2, 2))}, {"path": str(path), "name": "Network", **options}
    )
    return found


def test_every_layer_is_seen_in_order(mine: Path) -> None:
    """With its kind, settings and weights; each further output and call has a number."""
    found, value = answer(mine, weights=str(mine.with_name("weights.safetensors")))
    keys = ["block.conv", "block.norm", "lstm", "lstm#1", "lstm#2", "drop", "dense", "dense#1"]
    assert [each["key"] for each in value["modules"]] == keys
    assert value["order"] == "torch"
    first = value["modules"][0]
    assert (first["kind"], first["settings"]["stride"]) == ("Conv2d", (2, 2))
    assert first["weights"] == ["block.conv.weight", "block.conv.bias"]
    assert found["modules/block.conv"].shape == (2, 4, 3, 3)
    assert found["modules/lstm#1"].shape == (1, 2, 5)
    assert found["outputs/1"].shape == (1, 2)
    assert np.array_equal(found["modules/dense"], found["outputs/0"])
    assert all(each.dtype == np.float64 for name, each in found.items() if name.startswith("modules/"))
    assert found["gradients/dense.bias"].tolist() == [2.0, 2.0]
    assert found["gradients/block.conv.weight"].any()
    assert not any(name.startswith("statistics/") for name in found)


@pytest.mark.parametrize("weights", ["weights.pt", "checkpoint.pt"])
def test_weights_may_be_those_of_torch_save(mine: Path, weights: str) -> None:
    """A state dict, or a checkpoint that holds one."""
    found, _ = answer(mine, weights=str(mine.with_name(weights)))
    expected, _ = answer(mine, weights=str(mine.with_name("weights.safetensors")))
    assert np.array_equal(found["outputs/0"], expected["outputs/0"])


def test_training_moves_statistics(mine: Path) -> None:
    """And a failed try with another order of axes moves nothing."""
    weights = str(mine.with_name("weights.pt"))
    found, _ = answer(mine, weights=weights, training=True)
    again, _ = answer(mine, weights=weights, training=True, orders=["torch"])
    assert np.array_equal(found["statistics/block.norm.running_mean"], again["statistics/block.norm.running_mean"])


def test_code_in_weights_is_not_run(mine: Path, tmp_path: Path) -> None:
    """What is no weights is refused in a line."""
    import pickle

    class Bomb:
        """Leaves a trace when it is unpickled."""

        def __reduce__(self) -> Any:
            """Say what to call."""
            return Path.touch, (tmp_path / "trace",)

    (tmp_path / "bomb.pt").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BackendError, match=r"bomb\.pt"):
        answer(mine, weights=str(tmp_path / "bomb.pt"))
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "absent"}, "expected absent to be or to make a torch.nn.Module"),
        ({"name": "number"}, "expected number to be or to make a torch.nn.Module"),
        ({"name": "broken"}, "broken: expected a module without arguments .no file."),
        ({"weights": "absent.pt"}, "absent.pt"),
        ({"orders": ["keras"]}, "expected a module that takes the inputs .keras: channels first"),
    ],
)
def test_what_cannot_be_used_is_said(mine: Path, options: dict[str, Any], said: str) -> None:
    """In a line."""
    with pytest.raises(BackendError, match=said):
        answer(mine, **options)


def test_weights_of_another_module_are_refused(mine: Path, tmp_path: Path) -> None:
    """With the names that differ."""
    save_file({"other": np.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(BackendError, match=r"missing block\.conv\.weight, .*, unexpected other"):
        answer(mine, weights=str(tmp_path / "other.safetensors"))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """As one that is no Python."""
    with pytest.raises(BackendError, match="expected a file of Python"):
        answer(tmp_path / "absent.py")
