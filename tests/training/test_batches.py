"""Batches: in order, in one buffer, and on the device where a network holds the data there."""

from typing import Any

import numpy as np

from genrebench.backend.protocol import BatchMetrics
from genrebench.training.batches import batches, predict, train_steps

INPUTS = np.arange(7, dtype=np.float32).reshape(7, 1, 1, 1)
LABELS = np.arange(7) * 10
INDICES = np.array([6, 0, 3, 2, 5])


class Recorder:
    """A network that keeps what it is given."""

    def __init__(self) -> None:
        """Have been given nothing."""
        self.given: list[tuple[list[float], list[int]]] = []

    def train_step(self, x: Any, labels: Any) -> BatchMetrics:
        """Keep a batch."""
        self.given.append((x.ravel().tolist(), labels.tolist()))
        return BatchMetrics(len(x), 0.0, 0)

    def logits(self, x: Any) -> Any:
        """Return the inputs."""
        return x.reshape(len(x), 1).copy()


def test_batches_reuse_their_memory_and_lose_nothing() -> None:
    """The segments arrive in order, the last batch is short, and the inputs share one buffer."""
    seen, pointers = [], set()
    for x, y in batches(INPUTS, LABELS, INDICES, 2):
        seen += list(zip(x.ravel().tolist(), y.tolist(), strict=True))
        pointers.add(x.__array_interface__["data"][0])
    assert seen == [(index, index * 10) for index in INDICES]
    assert len(pointers) == 1


def test_each_step_is_given_its_batch() -> None:
    """In the order of the indices; what a step measured comes back at once."""
    network: Any = Recorder()
    steps = train_steps(network, INPUTS, LABELS, INDICES, 2)
    assert next(steps).size == 2
    assert network.given == [([6.0, 0.0], [60, 0])]
    assert [step.size for step in steps] == [2, 1]
    assert network.given[-1] == ([5.0], [50])


def test_predictions_come_in_the_order_of_the_indices() -> None:
    """One row per index, whatever the batches."""
    network: Any = Recorder()
    assert predict(network, INPUTS, INDICES, batch_size=2).ravel().tolist() == INDICES.tolist()
