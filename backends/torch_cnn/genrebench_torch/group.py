"""Processes that train one network together, through torch.distributed: what is summed over them, and when.

In a step there is one exchange per batch normalization forward, one backward, and one of all gradients together with
loss and hits. All are of the same size in all processes, whatever each has of the batch, a part without rows included,
and every process computes from them the same bits.
"""

import hashlib
import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from genrebench.errors import BackendError, GroupError
from genrebench_torch.shared import SharedBatch

# How long a process waits for the others: while data are loaded, or the first one writes; and within a step. A process
# that ends is noticed at once, one whose machine or network is gone only by this.
_MEETING, _STEP = timedelta(minutes=30), timedelta(seconds=25)


class TorchGroup(SharedBatch):
    """One of several processes. See `Group`.

    Parameters
    ----------
    meeting, steps : ProcessGroup
        What connects them, outside steps and in them: they differ by how long they wait.
    rank, size, restarts : int
        As of `Group`.
    launch : str
        As of `Group`.
    """

    def __init__(self, meeting: Any, steps: Any, *, rank: int, size: int, restarts: int = 0, launch: str = "") -> None:
        """Keep what connects the processes."""
        super().__init__(rank, size)
        self._meeting, self._steps = meeting, steps
        self.restarts, self.launch = restarts, launch
        self._is_broken = False

    def gather(self, part: NDArray[Any]) -> NDArray[Any]:
        """Join the rows of all. See `Group.gather`."""
        with self._all_there():
            counts = self._exchange(self._meeting, torch.tensor([len(part)])).flatten().tolist()
            whole = np.empty((sum(counts), *part.shape[1:]), part.dtype)
            rows = np.split(whole, np.cumsum(counts)[:-1])
            rows[self.rank][:] = part
            for rank, each in enumerate(rows):
                if each.size:  # as bytes, since every dtype is sent alike
                    self._meeting.broadcast(torch.from_numpy(each.reshape(-1).view(np.uint8)), rank).wait()
        return whole

    def exchange(self, tensor: Tensor) -> Tensor:
        """Stack what all have, by rank, within a step. See `SharedBatch.exchange`."""
        with self._all_there():
            return self._exchange(self._steps, tensor)

    def sum_(self, tensor: Tensor) -> Tensor:
        """Add up what all have, in place, within a step. See `SharedBatch.sum_`."""
        with self._all_there():
            self._steps.allreduce([tensor]).wait()
        return tensor

    def sum_gradients(self, tensors: Sequence[Tensor], loss: Tensor, correct: Tensor) -> tuple[float, int]:
        """Add up the gradients of all, in one exchange with loss and hits, and return the sums of those."""
        gradients = [torch.zeros_like(tensor) if tensor.grad is None else tensor.grad for tensor in tensors]
        measured = torch.stack([loss.detach(), correct.to(loss.dtype)])
        flat = self.sum_(torch.cat([*(each.flatten() for each in gradients), measured]))
        parts = torch.split(flat, [*(each.numel() for each in gradients), 2])
        for tensor, gradient, part in zip(tensors, gradients, parts, strict=False):
            tensor.grad = gradient.copy_(part.view_as(gradient))
        total, hits = parts[-1].tolist()
        return total, round(hits)

    def close(self) -> None:
        """Leave the group. See `Group.close`."""
        self._meeting = self._steps = None
        if dist.is_initialized() and not self._is_broken:  # what is broken may wait for what will not come
            dist.destroy_process_group()

    def _exchange(self, group: Any, tensor: Tensor) -> Tensor:
        """Stack what all have of one shape, by rank."""
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        group.allgather([parts], [tensor.contiguous()]).wait()
        return torch.stack(parts)

    @contextmanager
    def _all_there(self) -> Iterator[None]:
        """Say in a line of genrebench's own what torch.distributed reports when a process is gone.

        Raises
        ------
        GroupError
            If one is.
        """
        try:
            yield
        except RuntimeError as error:
            self._is_broken = True
            raise GroupError(
                f"expected all {self.size} processes to go on, one has ended or does not answer ({_reason(error)})"
            ) from error


def join_group(device: torch.device) -> TorchGroup:
    """Meet the processes that ``torchrun`` started with this one. See `GroupBackend.join`.

    Parameters
    ----------
    device : device
        Where networks will be built; of several GPUs each process takes that of its number on its machine.
    """
    local = int(os.environ.get("LOCAL_RANK", "0"))
    on_gpu = device.type == "cuda"
    if device.type not in ("cpu", "cuda"):
        raise BackendError(f"device: expected cpu or cuda with several processes, received {device.type}")
    if on_gpu:
        if local >= torch.cuda.device_count():
            raise BackendError(
                f"expected a GPU for each process, found {torch.cuda.device_count()} on this machine for process "
                f"{local + 1}; use a smaller --nproc-per-node, or --device cpu"
            )
        torch.cuda.set_device(local)
    if dist.is_initialized():  # a run before this one, in the same process
        dist.destroy_process_group()
    kinds = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
    restarts = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    try:
        store, rank, size = next(rendezvous("env://", timeout=_MEETING))
        # torchrun's store outlives the processes: those that are started in their place must not find what they wrote,
        # and wait for them.
        store = PrefixStore(f"start {restarts}", store)
        dist.init_process_group(kinds, store=store, rank=rank, world_size=size, timeout=_MEETING)
        steps = dist.new_group(backend=kinds, timeout=_STEP)
    except (RuntimeError, ValueError) as error:
        raise GroupError(
            f"expected {os.environ.get('WORLD_SIZE')} processes to meet, they do not ({_reason(error)})"
        ) from error
    return TorchGroup(
        dist.group.WORLD,
        steps,
        rank=rank,
        size=size,
        restarts=restarts,
        launch=_launch(),
    )


def _reason(error: Exception) -> str:
    """Shorten what torch.distributed says to its first sentence, without the place in its source."""
    line = str(error).strip().partition("\n")[0].partition(". ")[0]
    return re.sub(r"^\[[^\]]*\] *", "", line)[:200] or type(error).__name__


def _launch() -> str:
    """Tell this launch of torchrun from others; what it starts in the place of a process is of the same launch.

    On one machine that is the process which started this one. Elsewhere machines may take each other's places, and
    share only the name that the user gave to the launch.
    """
    run = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    machines = int(os.environ.get("GROUP_WORLD_SIZE", "1"))
    name = run if machines > 1 and run != "none" else f"{socket.gethostname()} {os.getppid()} {run}"
    return hashlib.sha256(name.encode()).hexdigest()[:16]
