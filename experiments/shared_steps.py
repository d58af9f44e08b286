"""Measure how much faster two processes, pinned to a core each, do training steps than one process on one core.

    python experiments/shared_steps.py --rounds 20

One process that is alone and two that share the batch take turns, a few steps each, so that whatever else the machine
does meets both alike. All have one thread. Printed are medians, and the fastest rounds, of the time on the clock and of
the processor's time in all processes together: on a machine that is busy with other things the second one says what
sharing costs.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from statistics import median
from typing import Any


def work(core: int, steps: int, batch: int) -> None:
    """Be one of the processes: do some steps for every line that is read, and say what they took."""
    os.sched_setaffinity(0, {core})
    import numpy as np
    import torch
    from genrebench_torch.backend import TorchBackend

    from genrebench.backend.group import rows_of, started_together
    from genrebench.network.adam import Adam
    from genrebench.network.genre_cnn import genre_cnn
    from genrebench.system.memory import keep_freed_memory

    keep_freed_memory()
    torch.set_num_threads(1)
    architecture, rng = genre_cnn(), np.random.default_rng(0)
    inputs = rng.normal(size=(batch, *architecture.input_shape)).astype(np.float32)
    labels = np.arange(batch) % architecture.classes
    network: Any = TorchBackend.build(architecture, architecture.initial_weights(0), device="cpu")
    group = TorchBackend.join("cpu") if started_together() else None
    if group is not None:
        network.join(group)
        inputs, labels = inputs[rows_of(batch, group)], labels[rows_of(batch, group)]
    network.start_training(Adam(), seed=0)
    for _ in sys.stdin:
        clock, processor = time.perf_counter(), time.process_time()
        for _ in range(steps):
            loss = (
                network.train_share(inputs, labels, batch=batch) if group else network.train_step(inputs, labels)
            ).loss
        took = {"clock": time.perf_counter() - clock, "processor": time.process_time() - processor, "loss": loss}
        print(json.dumps(took), flush=True)


def started(count: int, steps: int, batch: int) -> list[subprocess.Popen[str]]:
    """Start processes that share a batch, or one that is alone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = []
    for rank in range(count):
        environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
        if count > 1:
            names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_PORT": port}
            environment |= {key: str(value) for key, value in names.items()} | {"MASTER_ADDR": "127.0.0.1"}
        command = [sys.executable, __file__, "--core", str(rank), "--steps", str(steps), "--batch", str(batch)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        found.append(subprocess.Popen(command, env=environment, **pipes))  # type: ignore[call-overload]
    return found


def turn(processes: list[subprocess.Popen[str]]) -> dict[str, float]:
    """Have processes do their steps; give the longest time, and the sum of the processor's."""
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    told = [json.loads(each.stdout.readline()) for each in processes if each.stdout is not None]
    return {
        "clock": max(each["clock"] for each in told),
        "processor": sum(each["processor"] for each in told),
        "loss": told[0]["loss"],
    }


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=2, help="in a round")
    parser.add_argument("--batch", type=int, default=64, help="rows of the whole batch")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--core", type=int, help="be one of the processes")
    given = parser.parse_args()
    if given.core is not None:
        work(given.core, given.steps, given.batch)
        return
    alone, shared = (started(count, given.steps, given.batch) for count in (1, given.processes))
    rounds = [(turn(alone), turn(shared)) for _ in range(given.rounds + 1)][1:]  # the first warms up
    for each in (*alone, *shared):
        each.communicate()
    for what in ("clock", "processor"):
        for name, pick in (("median", median), ("fastest", min)):
            one, more = (pick(each[which][what] / given.steps for each in rounds) for which in (0, 1))
            ideal = one / given.processes if what == "clock" else one
            times = f"{1000 * one:.1f} ms per step alone, {1000 * more:.1f} ms shared"
            print(f"{what}, {name}: {times}: efficiency {ideal / more:.1%}")
    print(f"last losses: {rounds[-1][0]['loss']:.6f} and {rounds[-1][1]['loss']:.6f}")


if __name__ == "__main__":
    main()
