"""Damage Keras files at random, and read them: every one must give a result or one line, in bounded time and memory.

    python experiments/fuzz_reading.py FOLDER --count 10000 --seed 0

The files of the folder are damaged one after the other; what is found is printed in the end. Nothing else than a
`GenrebenchError` may be raised.
"""

import argparse
import collections
import random
import re
import resource
import tempfile
import time
from pathlib import Path

from genrebench.errors import GenrebenchError
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


def main() -> None:
    """Damage and read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    files = sorted(path for path in options.folder.rglob("*") if path.suffix in {".h5", ".hdf5", ".keras"})
    contents = {path: path.read_bytes() for path in files}
    found: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        for number in range(options.count):
            chance = random.Random(f"{options.seed}/{number}")
            original = chance.choice(files)
            path = Path(name) / f"damaged{original.suffix}"
            path.write_bytes(damaged(contents[original], chance))
            began = time.perf_counter()
            try:
                model = read_keras(path)
                found["understood" if not model.problems else "read, not understood"] += 1
            except GenrebenchError as error:
                message = str(error).removeprefix(f"{path}: ")
                found["MORE THAN A LINE" if "\n" in message else re.sub(r"[\d/]+.*", "", message)[:60]] += 1
            except BaseException:
                print(f"number {number} of seed {options.seed}, from {original}")
                raise
            slowest = max(slowest, time.perf_counter() - began)
    for outcome, count in found.most_common(40):
        print(f"{count:6}  {outcome}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"slowest {slowest:.1f} s, this process at most {peak} MiB")


if __name__ == "__main__":
    main()
