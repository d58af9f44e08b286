"""Several processes that train one network: each step is the step of one process on the whole batch, to rounding."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genrebench.backend import Adam
from genrebench.backend.group import share
from genrebench.errors import BackendError, GroupError
from genrebench.network import Architecture
from genrebench.network.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from genrebench.network.types import Weights
from tests.backends.torch_cnn.networks import SMALL, build
from tests.together import together

torch = pytest.importorskip("torch")
from genrebench_torch import shared  # noqa: E402
from genrebench_torch.group import TorchGroup  # noqa: E402

RNG = np.random.default_rng(3)
# The last one is smaller than the number of processes.
BATCHES = (7, 8, 2)
# The smallest difference of float32 numbers near 1.
EPS = float(np.finfo(np.float32).eps)
INPUTS = [RNG.normal(size=(n, 32, 17, 1)) for n in BATCHES]
HARD = [RNG.integers(0, 3, n) for n in BATCHES]
SOFT = [(RNG.dirichlet(np.ones(3), n)).astype(np.float32) for n in BATCHES]
# Without batch normalization; and with it and dropout on feature maps and on features.
PLAIN = Architecture(
    SMALL.input_shape, tuple(each for each in SMALL.layers if not isinstance(each, BatchNormalization | Dropout))
)
ALL = Architecture(
    (32, 17, 1),
    (
        Conv2D(4, (3, 3), activation="relu"),
        MaxPooling2D((2, 2), strides=(2, 2)),
        Dropout(0.2),
        BatchNormalization(),
        Conv2D(3, (2, 2), activation="relu"),
        BatchNormalization(momentum=0.5),
        Flatten(),
        Dropout(0.3),
        Dense(5),
        BatchNormalization(),
        Dense(3),
    ),
)
Step = tuple[float, int, Weights, Weights]


def gradients(network: Any) -> Weights:
    """Read the gradients of the step that was done last."""
    located = network._trainable(network._layers)
    return {name: tensor.grad.numpy().copy() for name, (tensor, _) in located.items()}


def steps(architecture: Architecture, labels: list[NDArray[Any]], group: TorchGroup | None = None) -> list[Step]:
    """Do a step on each batch; list loss, hits, gradients and weights."""
    network = build(architecture)
    if group is not None:
        network.join(group)
    network.start_training(Adam(), seed=4)
    found = []
    for x, y in zip(INPUTS, labels, strict=True):
        if group is None:
            measured = network.train_step(x, y)
        else:
            rows = share(len(x), group.rank, group.size)
            measured = network.train_share(x[rows], y[rows], batch=len(x))
        found.append((measured.loss, measured.correct, gradients(network), network.weights()))
    return found


def apart(received: list[Step], expected: list[Step]) -> float:
    """Find the largest relative error of losses, hits, gradients, weights and running statistics."""
    errors = []
    for (loss, correct, *values), (other, hits, *references) in zip(received, expected, strict=True):
        errors += [abs(loss / other - 1), abs(correct - hits)]
        for arrays, wanted in zip(values, references, strict=True):
            # A gradient that is 0 but for rounding, as of a bias before normalization, is held against the largest.
            least = 1e-3 * max(np.abs(each).max() for each in wanted.values())
            errors += [
                np.abs(arrays[name] - wanted[name]).max() / max(np.abs(wanted[name]).max(), least) for name in wanted
            ]
    return float(max(errors))


@pytest.mark.parametrize("labels", [HARD, SOFT], ids=["classes", "probabilities"])
@pytest.mark.parametrize("architecture", [SMALL, PLAIN, ALL], ids=["genre network", "plain", "all"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_step_is_that_of_one_process(size: int, architecture: Architecture, labels: list[NDArray[Any]]) -> None:
    """Loss, hits, gradients, weights and running statistics; with uneven parts, one of which may be empty.

    All processes have the same bits.
    """
    expected = steps(architecture, labels)
    received = together(size, lambda group: steps(architecture, labels, group))
    assert apart(received[0], expected) < 1e-11
    for each in received[1:]:
        np.testing.assert_equal(each, received[0])


def own_statistics(patch: pytest.MonkeyPatch) -> None:
    """Have each process normalize by the statistics of its own rows."""
    patch.setattr(TorchGroup, "exchange", lambda self, tensor: torch.stack([tensor] * self.size))


def own_gradients_of_statistics(patch: pytest.MonkeyPatch) -> None:
    """Have statistics of all rows, but gradients of them of one's own."""
    add = TorchGroup.sum_
    patch.setattr(TorchGroup, "sum_", lambda self, each: each.mul_(self.size) if each.ndim == 2 else add(self, each))


def mean_of_means(patch: pytest.MonkeyPatch) -> None:
    """Average statistics as if all had as many rows."""
    patch.setattr(shared.SharedBatch, "counts", property(lambda self: [self.batch / self.size] * self.size))


def mean_of_losses(patch: pytest.MonkeyPatch) -> None:
    """Average the loss as if all had as many rows."""
    loss = torch.nn.functional.cross_entropy

    def averaged(logits: Any, targets: Any, reduction: str = "mean") -> Any:
        """Take the mean of one's own rows, which are a half of seven."""
        return loss(logits, targets) * (3.5 if reduction == "sum" else 1)

    patch.setattr(torch.nn.functional, "cross_entropy", averaged)


def own_masks(patch: pytest.MonkeyPatch) -> None:
    """Have each process drop what the first one drops."""
    patch.setattr(shared.SharedBatch, "rows", property(lambda self: slice(0, self.counts[self.rank])))


def means_apart(patch: pytest.MonkeyPatch) -> None:
    """Have the variance leave out how far the means of the processes are apart."""
    patch.setattr(TorchGroup, "exchange", without_spread(TorchGroup.exchange))


def without_spread(exchange: Callable[..., Any]) -> Callable[..., Any]:
    """Give all processes the mean of the means."""

    def exchanged(self: TorchGroup, tensor: Any) -> Any:
        """Exchange, and average."""
        found = exchange(self, tensor)
        weights = torch.tensor(self.counts, dtype=found.dtype).view(-1, 1) / self.batch
        found[:, 0] = (found[:, 0] * weights).sum(0)
        return found

    return exchanged


@pytest.mark.parametrize(
    "mistake", [own_statistics, own_gradients_of_statistics, mean_of_means, mean_of_losses, own_masks, means_apart]
)
def test_a_mistake_is_seen(mistake: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """In the first step already, of three rows and four."""
    monkeypatch.setattr("tests.backends.torch_cnn.test_group.INPUTS", INPUTS[:1])
    expected = steps(ALL, HARD[:1])
    mistake(monkeypatch)
    received = together(2, lambda group: steps(ALL, HARD[:1], group))
    assert apart(received[0], expected) > 1e-4


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 32 * EPS), ("bfloat16", 0.02)])
def test_other_precisions_are_shared_too(precision: str, tolerance: float) -> None:
    """The first loss is float64's by their rounding, as one process's is; later ones are not held against it.

    What rounding leaves of gradients that are 0, Adam makes whole steps of.
    """
    x, y, rows = INPUTS[0].astype(np.float32), HARD[0], len(INPUTS[0])

    def losses(group: TorchGroup) -> list[float]:
        """Do three steps on one batch."""
        network = build(SMALL, dtype="float32")
        network.join(group)
        network.start_training(Adam(), seed=4, precision=precision)
        own = share(rows, group.rank, group.size)
        return [network.train_share(x[own], y[own], batch=rows).loss for _ in range(3)]

    def alone(dtype: str, precision: str) -> float:
        """Do the first step in one process."""
        network = build(SMALL, dtype=dtype)
        network.start_training(Adam(), seed=4, precision=precision)
        return float(network.train_step(x, y).loss)

    expected = pytest.approx(alone("float64", "float32"), rel=tolerance)
    first, _, third = together(2, losses)[1]
    assert alone("float32", precision) == expected
    assert first == expected
    assert third < first / 2


def test_rows_are_gathered_by_rank() -> None:
    """As many as each has, none at all included; every dtype, to the bit."""

    def work(group: TorchGroup) -> list[NDArray[Any]]:
        """Gather some arrays."""
        own = np.arange(2 * group.rank, dtype=np.float64).reshape(group.rank, 2) + group.rank
        return [
            group.gather(own),
            group.gather(np.frombuffer(b"abc"[group.rank :], np.uint8)),
            group.gather(np.zeros((0, 3), np.float32)),
        ]

    for numbers, letters, nothing in together(3, work):
        np.testing.assert_array_equal(numbers, [[1, 2], [2, 3], [4, 5]])
        assert letters.tobytes() == b"abcbcc"
        assert nothing.shape == (0, 3)
        assert nothing.dtype == np.float32


def test_a_process_that_ends_ends_the_others() -> None:
    """In the middle of a step, and outside one, with one line."""

    def work(group: TorchGroup) -> None:
        """Leave, but for the first."""
        if group.rank == 0:
            network = build(SMALL)
            network.join(group)
            network.start_training(Adam(), seed=0)
            with pytest.raises(
                GroupError, match=r"^expected all 2 processes to go on, one has ended or does not answer"
            ):
                network.train_share(INPUTS[0][:3], HARD[0][:3], batch=7)
            with pytest.raises(GroupError, match="has ended or does not answer"):
                group.gather(np.zeros(1))

    together(2, work)


def test_what_is_no_share_is_refused() -> None:
    """Other numbers of rows, whole batches, and a share before there is a group."""
    with pytest.raises(BackendError, match="train_share: expected join to be called first"):
        build(SMALL).train_share(INPUTS[0], HARD[0], batch=7)

    def work(group: TorchGroup) -> None:
        """Give the network too much."""
        network = build(SMALL)
        network.join(group)
        network.start_training(Adam(), seed=0)
        with pytest.raises(BackendError, match="expected 7 rows of a batch of 7, received 6"):
            network.train_share(INPUTS[0][:6], HARD[0][:6], batch=7)
        with pytest.raises(BackendError, match="expected train_share of a network that several processes train"):
            network.train_step(INPUTS[0], HARD[0])

    together(1, work)


def test_threads_are_kept_as_one_process_would_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What several processes save is resumed by one with the threads of all; a process of several keeps its own."""
    monkeypatch.setattr("os.cpu_count", lambda: 16)

    def work(group: TorchGroup) -> int:
        """Save, and load what says otherwise."""
        network = build(SMALL)
        network.join(group)
        network.start_training(Adam(), seed=0)
        state = network.training_state()
        network.load_training_state({**state, "threads": np.array(7)})
        assert torch.get_num_threads() == 1
        return int(state["threads"])

    assert together(3, work) == [3, 3, 3]
