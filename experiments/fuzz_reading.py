"""Damage Keras files at random, and read them: every one must give a result or one line, in bounded time and memory.

    python experiments/fuzz_reading.py FOLDER ... --count 10000 --seed 0 [--first 0] [--fork]

A folder is drawn, then a file of it, which is damaged; what is found is printed at the end, or when the run is stopped
by Ctrl-C or SIGTERM, which `--first` goes on after. Nothing but a `GenrebenchError` of one line may be raised, and no
process may be ended by a signal other than the one that limits its time.

With ``--fork`` the process that opens the file is a copy of this one in place of a new interpreter, which takes most of
the time otherwise: the same code under the same limits, some ten times as many files in the same time.
"""

import argparse
import collections
import os
import random
import re
import resource
import signal
import tempfile
import time
import types
from pathlib import Path
from typing import Any

from genrebench.errors import GenrebenchError
from genrebench.reading import archive, hdf5, worker
from genrebench.reading.keras_file import read_keras


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Turn some bits around, overwrite a stretch, or cut the end off."""
    changed = bytearray(content)
    kind = chance.random()
    if kind < 0.2:
        del changed[chance.randrange(len(changed)) :]
    elif kind < 0.4:
        start = chance.randrange(len(changed))
        changed[start : start + 64] = chance.randbytes(len(changed[start : start + 64]))
    # What HDF5 and zip say of themselves stands mostly at the beginning and at the end.
    for _ in range(chance.choice((1, 2, 8, 64)) if changed else 0):
        span = min(len(changed), chance.choice((4096, len(changed))))
        place = chance.randrange(span)
        changed[place if chance.random() < 0.5 else -1 - place] ^= 1 << chance.randrange(8)
    return bytes(changed)


ended: collections.Counter[str] = collections.Counter()


def forked(command: list[Any], timeout: float, **_: Any) -> types.SimpleNamespace:
    """Do what the worker does in a copy of this process, in as much time, and note how it ended."""
    child = os.fork()
    if not child:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        # Of the processor, not of the clock: others use it, too.
        signal.setitimer(signal.ITIMER_PROF, timeout)
        os.environ["HDF5_PLUGIN_PATH"] = "::"
        status = 2
        try:
            status = worker.main(Path(command[-1]))
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    number = -os.waitstatus_to_exitcode(status)
    if number > 0:
        ended[f"a child ended by {signal.Signals(number).name}"] += 1
    return types.SimpleNamespace(failure=f"status {-number}")


def stop(*_: object) -> None:
    """Stop as Ctrl-C does."""
    raise KeyboardInterrupt


def main() -> None:
    """Damage and read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--fork", action="store_true")
    options = parser.parse_args()
    if options.fork:
        assert archive, hdf5  # loaded before there are copies
        worker.run_process = forked  # type: ignore[assignment]
        worker.end_with_parent = lambda: None  # type: ignore[assignment]
    folders = [
        sorted(path for path in folder.rglob("*") if path.suffix in {".h5", ".hdf5", ".keras"})
        for folder in options.folder
    ]
    contents = {path: path.read_bytes() for files in folders for path in files}
    found: collections.Counter[str] = collections.Counter()
    slowest, number = 0.0, options.first
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with tempfile.TemporaryDirectory() as name:
        try:
            for number in range(options.first, options.count):
                chance = random.Random(f"{options.seed}/{number}")
                original = chance.choice(chance.choice(folders))
                path = Path(name) / f"damaged{original.suffix}"
                path.write_bytes(damaged(contents[original], chance))
                began = time.perf_counter()
                found[outcome(path)] += 1
                slowest = max(slowest, time.perf_counter() - began)
        except KeyboardInterrupt:
            print(f"stopped at number {number}")
        except BaseException:
            print(f"number {number} of seed {options.seed}, from {original}")
            raise
    for what, count in (*found.most_common(40), *ended.items()):
        print(f"{count:6}  {what}")
    peaks = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    files_read = sum(found.values())
    print(f"{files_read} files, slowest {slowest:.1f} s, this process at most {peaks[0]} MiB, any other {peaks[1]} MiB")


def outcome(path: Path) -> str:
    """Read a file, and sort what comes of it."""
    try:
        model = read_keras(path)
    except GenrebenchError as error:
        message = str(error).removeprefix(f"{path}: ")
        return "MORE THAN A LINE" if "\n" in message else re.sub(r"[\d/]+.*", "", message)[:60]
    return "understood" if not model.problems else "read, not understood"


if __name__ == "__main__":
    main()
