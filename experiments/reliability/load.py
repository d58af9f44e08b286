"""Many clients at a server at once: each sends a recording again and again, and waits as long as it is told to.

Prints how many answers there were of each status, how long those with a genre took, and the server's memory. The status
is 1 if there was any answer but 200, 429 and 503.
"""

import argparse
import asyncio
import contextlib
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx2 as httpx
import numpy as np

from genrebench.system.relatives import descendants


async def client(address: str, content: bytes, until: float, seen: Counter[str], seconds: list[float]) -> None:
    """Send a recording again and again."""
    async with httpx.AsyncClient(base_url=address, timeout=120) as session:
        while time.monotonic() < until:
            begun = time.monotonic()
            try:
                response = await session.post("/predict", files={"file": ("song.wav", content)})
            except httpx.HTTPError as error:
                seen[type(error).__name__] += 1
                continue
            seen[str(response.status_code)] += 1
            if response.status_code == 200:
                seconds.append(time.monotonic() - begun)
            elif "Retry-After" in response.headers:
                await asyncio.sleep(float(response.headers["Retry-After"]))


def memory(server: int) -> int:
    """Read the memory of a process and of those that it started, in MiB; what they share counts once."""
    total = 0
    for process in (server, *descendants(server)):
        with contextlib.suppress(OSError):  # it has just ended
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
            total += sum(map(int, re.findall(r"^Pss:\s+(\d+) kB$", text, re.MULTILINE)))
    return total // 1024


async def watch(server: int, most: list[int]) -> None:
    """Look at the memory twice a second."""
    while True:
        most.append(memory(server))
        await asyncio.sleep(0.5)


async def measure(
    address: str, path: Path, clients: int, seconds: float, server: int
) -> tuple[Counter[str], list[float], list[int]]:
    """Run the clients, and look at the server's memory meanwhile."""
    seen: Counter[str] = Counter()
    latencies: list[float] = []
    sizes = [memory(server)]
    until = time.monotonic() + seconds
    content = path.read_bytes()
    watching = asyncio.create_task(watch(server, sizes))
    await asyncio.gather(*(client(address, content, until, seen, latencies) for _ in range(clients)))
    watching.cancel()
    return seen, latencies, [*sizes, memory(server)]


def wait_until_ready(address: str, server: subprocess.Popen[bytes]) -> None:
    """Ask until the server answers."""
    while server.poll() is None:
        try:
            httpx.get(f"{address}/health")
            return
        except httpx.HTTPError:
            time.sleep(0.5)
    sys.exit("the server does not start")


def main() -> None:
    """Start a server, run the clients, print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--port", type=int, default=8765)
    options = parser.parse_args()
    address = f"http://127.0.0.1:{options.port}"
    command = [sys.executable, "-m", "genrebench", "serve", "--model", options.model, "--port", str(options.port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until_ready(address, server)
            seen, latencies, sizes = asyncio.run(
                measure(address, options.recording, options.clients, options.seconds, server.pid)
            )
        finally:
            server.terminate()
    print(f"{options.clients} clients for {options.seconds:g} s, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("answers: " + ", ".join(f"{status}: {count}" for status, count in sorted(seen.items())))
    if latencies:
        shares = np.percentile(latencies, [50, 95, 100])
        print("seconds to a genre: median {:.2f}, 95 % {:.2f}, most {:.2f}".format(*shares))
    print(f"memory of the server: {sizes[0]} MiB before, {max(sizes)} MiB at most, {sizes[-1]} MiB after")
    sys.exit(set(seen) - {"200", "429", "503"} != set())


if __name__ == "__main__":
    main()
