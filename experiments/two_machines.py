"""Two machines on one: two network namespaces with a delayed link between them, in which torchrun, and Dask, run.

    sudo python experiments/two_machines.py --dataset dataset --delay 1
    sudo python experiments/two_machines.py --dataset dataset --music music

It needs Linux, root, and ``ip`` of iproute2. Where the kernel has netem, ``tc`` delays the packets; elsewhere they pass
through this script, from one TUN device to the other, and each waits here. What is missing is said in one line. One
JSON object tells how long an epoch takes on one namespace and on two; namespaces are removed at the end.
"""

import contextlib
import csv
import fcntl
import heapq
import json
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

NAMES, ADDRESSES, PREFIX = ("genrebench-a", "genrebench-b"), ("10.77.0.1", "10.77.0.2"), 30
PORT, DASK_PORT, MTU = 29577, 8786, 9000
# Of <linux/if_tun.h>: make a device of packets without headers of their own.
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def call(*words: str) -> None:
    """Run a command of the system, and say what it said if it failed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
        raise click.ClickException(f"{' '.join(words)}: {said[0]}")


def check() -> None:
    """Say what is missing here."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise click.ClickException("expected root on Linux, which alone makes network namespaces; use sudo")
    for program in ("ip", "tc"):
        if not any((Path(folder) / program).exists() for folder in [*os.get_exec_path(), "/usr/sbin", "/sbin"]):
            raise click.ClickException(f"expected the program {program}, found none; install iproute2")


@contextmanager
def namespaces() -> Iterator[None]:
    """Have two network namespaces, each with a loopback."""
    with ExitStack() as stack:
        for name in NAMES:
            call("ip", "netns", "add", name)
            stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
            call("ip", "-n", name, "link", "set", "lo", "up")
        yield


def give_address(place: int, device: str) -> None:
    """Give a device of a namespace its address, and start it."""
    call("ip", "-n", NAMES[place], "addr", "add", f"{ADDRESSES[place]}/{PREFIX}", "dev", device)
    call("ip", "-n", NAMES[place], "link", "set", device, "mtu", str(MTU), "up")


@contextmanager
def link(delay: float) -> Iterator[str]:
    """Connect the namespaces, each packet being late by so many milliseconds; yields how."""
    call("ip", "link", "add", "va", "netns", NAMES[0], "type", "veth", "peer", "name", "vb", "netns", NAMES[1])
    try:
        for place, device in enumerate(("va", "vb")):
            give_address(place, device)
            call("ip", "netns", "exec", NAMES[place], "tc", "qdisc", "add", "dev", device, "root", "netem", "delay",
                 f"{delay}ms")  # fmt: skip
    except click.ClickException as error:
        click.echo(f"{error.message}; packets are delayed by this script instead", err=True)
        call("ip", "-n", NAMES[0], "link", "del", "va")
    else:
        yield "veth with netem"
        return
    with relay(delay):
        yield "TUN devices, delayed by this script"


def open_tun(name: str) -> int:
    """Make a TUN device in the namespace of this thread."""
    try:
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError as error:
        raise click.ClickException(
            f"/dev/net/tun: {error.strerror}; expected a kernel with netem, or with TUN devices"
        ) from error
    return device


@contextmanager
def relay(delay: float) -> Iterator[None]:
    """Pass packets from one TUN device to the other, late."""
    devices = []
    for place, name in enumerate(("ta", "tb")):
        devices.append(open_tun(name))
        call("ip", "link", "set", name, "netns", NAMES[place])
        give_address(place, name)
    stop = threading.Event()
    thread = threading.Thread(target=pass_on, args=(devices, delay / 1e3, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        for device in devices:
            os.close(device)


def pass_on(devices: list[int], delay: float, stop: threading.Event) -> None:
    """Read packets, and write each to the other device when its time has come."""
    waiting: list[tuple[float, int, int, bytes]] = []
    count = 0
    while not stop.is_set():
        left = waiting[0][0] - time.monotonic() if waiting else 0.1
        for device in select.select(devices, [], [], max(0.0, left))[0]:
            packet = os.read(device, MTU + 100)
            other = devices[1 - devices.index(device)]
            heapq.heappush(waiting, (time.monotonic() + delay, count := count + 1, other, packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, other, packet = heapq.heappop(waiting)
            with contextlib.suppress(BlockingIOError):  # a full queue loses a packet, as any network does
                os.write(other, packet)


@contextmanager
def started(place: int, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Have a process in a namespace, on a core and a thread of its own."""
    cores = sorted(os.sched_getaffinity(0))
    devices = ("va", "ta") if place == 0 else ("vb", "tb")
    shown = ["ip", "-n", NAMES[place], "link", "show", devices[0]]
    has_veth = subprocess.run(shown, capture_output=True, check=False).returncode == 0
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": devices[0 if has_veth else 1]}
    core = cores[place % len(cores)]
    pin = f"import os, sys; os.sched_setaffinity(0, {{{core}}}); os.execvp(sys.argv[1], sys.argv[1:])"
    inside = ["ip", "netns", "exec", NAMES[place], sys.executable, "-c", pin, *words]
    process = subprocess.Popen(inside, env=environment, stdout=sys.stderr)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def train(dataset: Path, results: Path, machines: int, epochs: int) -> float:
    """Train with a process on each machine; return the seconds of the last epoch."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", str(machines), "--nproc-per-node", "1"]
    command += ["--master-addr", ADDRESSES[0], "--master-port", str(PORT)]
    told = ["-m", "genrebench", "train", "--dataset", str(dataset), "--results", str(results), "--device", "cpu"]
    told += ["--name", f"machines-{machines}", "--epochs", str(epochs)]
    with ExitStack() as stack:
        ranks = [
            stack.enter_context(started(place, *command, "--node-rank", str(place), *told)) for place in range(machines)
        ]
        statuses = [rank.wait() for rank in ranks]
        if any(statuses):
            raise click.ClickException(f"training on {machines} machines failed; what it said stands above")
    with (results / f"machines-{machines}" / "log.csv").open(encoding="utf-8") as file:
        return float(list(csv.DictReader(file))[-1]["seconds"])


def preprocess(music: Path, output: Path) -> float:
    """Preprocess with a Dask worker on each machine, the scheduler on the first; return the seconds."""
    address = f"tcp://{ADDRESSES[0]}:{DASK_PORT}"
    scheduler = ["-m", "distributed.cli.dask_scheduler", "--host", ADDRESSES[0], "--port", str(DASK_PORT)]
    worker = ["-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    told = ["-m", "genrebench", "preprocess", "--dataset", str(music), "--output", str(output), "--cluster", address]
    with ExitStack() as stack:
        stack.enter_context(started(0, sys.executable, *scheduler, "--no-dashboard"))
        for place in range(2):
            stack.enter_context(started(place, sys.executable, *worker))
        began = time.perf_counter()
        if stack.enter_context(started(0, sys.executable, *told)).wait():
            raise click.ClickException("preprocessing on two machines failed; what it said stands above")
        return time.perf_counter() - began


@click.command()
@click.option("--dataset", type=click.Path(path_type=Path, exists=True), required=True, help="Spectrograms to train.")
@click.option("--music", type=click.Path(path_type=Path, exists=True), help="Dataset to preprocess with Dask, too.")
@click.option("--delay", type=float, default=1.0, show_default=True, help="Milliseconds that a packet is late.")
@click.option("--epochs", type=int, default=3, show_default=True)
def main(*, dataset: Path, music: Path | None, delay: float, epochs: int) -> None:
    """Compare one machine with two."""
    check()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # namespaces are removed on the way out
    dataset = dataset.resolve()
    with tempfile.TemporaryDirectory(prefix="two-machines-") as folder, namespaces(), link(delay) as how:
        found: dict[str, object] = {"link": how, "delay_ms": delay}
        for machines in (1, 2):
            found[f"epoch_seconds_{machines}"] = train(dataset, Path(folder), machines, epochs)
        if music is not None:
            found["dask_seconds"] = preprocess(music.resolve(), Path(folder) / "mel")
    click.echo(json.dumps(found))


if __name__ == "__main__":
    main()
