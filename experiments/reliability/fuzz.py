"""Give every reader damaged files, and look for errors that are not foreseen, for hangs and for lost memory.

python experiments/reliability/fuzz.py [--cases N] [--seed S] [READER ...]

A reader is an entry of `READERS`: files that it reads well, and how it is called. Each case damages one of the files,
as bytes or, where it is text, as text with odd values put in place of others, and reads it in a process that does this
alone. A case is wrong if the reader raises anything but a `GenrebenchError`, whose message must name a file and be one
line, or takes more than five seconds; a reader is wrong if it took more memory than `MEMORY`. Case N of seed S is the
same on every machine.
"""

import argparse
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genrebench.audio.mel import MelConfig
from genrebench.audio.standardize import Standardizer
from genrebench.backend import worker
from genrebench.data.manifest import Manifest, Track, read_manifest, write_manifest
from genrebench.errors import GenrebenchError
from genrebench.model.model import Model
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.load import load_architecture
from genrebench.parity.report import load_report
from genrebench.system.arrays import npz_bytes, read_arrays, read_npz
from genrebench.system.files import write_json
from genrebench.system.memory import peak_memory_bytes
from genrebench.system.process import ProcessResult
from genrebench.training.config import load_experiment

LIMIT = 5
# Twice the largest cap of a file that is read whole; a spectrogram's.
MEMORY = 2 * 256 * 2**20
SMALL = MelConfig(sample_rate=8000, n_fft=512, hop_length=256, n_mels=32, segments=4, track_duration=2.0)
ODD = (
    *('""', '" "', '"\\u0000"', '"\\ud800"', '"../x"', "0", "-1", "1e999", "-0.0", "1e308", "1e-320", "9" * 30),
    *("9" * 5000, "9223372036854775808", "NaN", "-Infinity", "nan", "null", "true", "[]", "{}", "[[]]", '{"kind": []}'),
    *("[" * 100 + "]" * 100, "[" * 5000 + "]" * 5000, '"' + "x" * 5000 + '"', "1979-05-27", "'a'", '"sha256"'),
)
BYTES = (
    b"",
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\0" * 8,
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"\xef\xbb\xbf",
    b"\x93NUMPY",
)
# A value of JSON or TOML, as far as it takes to put another in its place.
_VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null')


@dataclass(frozen=True)
class Reader:
    """Something that reads files.

    Attributes
    ----------
    write : callable
        Writes good files into an empty folder.
    read : callable
        Reads them from it.
    damaged : str
        Which of the files is damaged.
    named : str
        What the message must say; by default the folder.
    """

    write: Callable[[Path], object]
    read: Callable[[Path], object]
    damaged: str
    named: str = ""


def _write_model(folder: Path) -> None:
    """Write a small model."""
    network = genre_cnn(SMALL.shape, 3)
    Model(
        architecture=network,
        weights=network.initial_weights(0),
        mel=SMALL,
        standardizer=Standardizer(-40.0, 20.0),
        genres=("a", "b", "c"),
    ).save(folder)


def _write_manifest(folder: Path) -> None:
    """Write a manifest of two tracks."""
    manifest = Manifest.begin(SMALL)
    for name in ("rock/a", "jazz/\udcff"):
        manifest.tracks[name] = Track(source=f"{name}.wav", size=3, modified_ns=4, segments=4)
    write_manifest(folder / "tree", manifest)


def _write_arrays(folder: Path) -> None:
    """Write some arrays as a job is given them."""
    np.savez(folder / "a.npz", allow_pickle=False, x=np.ones((3, 4)), y=np.arange(5), z=np.array("text"))


def _write_spectrogram(folder: Path) -> None:
    """Write a spectrogram as preprocessing does."""
    content = npz_bytes("spectrogram", np.random.default_rng(0).normal(size=SMALL.shape).astype(np.float32))
    (folder / "a.npz").write_bytes(content)


def _write_plain_spectrogram(folder: Path) -> None:
    """Write a spectrogram whose numbers are not compressed, so that damage reaches the array's own header."""
    np.savez(folder / "a.npz", allow_pickle=False, spectrogram=np.ones(SMALL.shape, np.float32))


def _write_job(folder: Path) -> None:
    """Write a job, as a worker finds it."""
    write_json(folder / "job.json", {"format": worker.JOB_FORMAT, "function": "json:dumps", "options": {"a": [1.5]}})
    np.savez(folder / "input.npz", allow_pickle=False, x=np.ones((3, 4)))


def _write_reply(folder: Path) -> None:
    """Write what a worker leaves."""
    write_json(folder / "report.json", {"value": {"loss": 0.5}, "seconds": 1.5, "versions": {"numpy": "2"}})
    np.savez(folder / "output.npz", allow_pickle=False, x=np.ones((3, 4)))


def _read_reply(folder: Path) -> object:
    """Read these files as what a worker left that ended well."""
    return worker._read_result("worker of x", folder, ProcessResult(0, 1.0, 0, "", ""), worker.MAX_REPLY * 2**20)


_RECORDED = Path(__file__).parents[2]
READERS = {
    "model": Reader(_write_model, Model.load, "model.json"),
    "weights": Reader(_write_model, Model.load, "weights.safetensors"),
    "manifest": Reader(_write_manifest, lambda folder: read_manifest(folder / "tree"), "tree.manifest.json"),
    "experiment": Reader(
        lambda folder: shutil.copy(_RECORDED / "experiments" / "gtzan.toml", folder / "a.toml"),
        lambda folder: load_experiment(folder / "a.toml", {}),
        "a.toml",
    ),
    "architecture": Reader(
        lambda folder: (folder / "a.json").write_text(json.dumps(genre_cnn().to_json(), indent=1)),
        lambda folder: load_architecture(folder / "a.json"),
        "a.json",
    ),
    "parity": Reader(
        lambda folder: shutil.copy(_RECORDED / "results" / "parity" / "parity.json", folder / "a.json"),
        lambda folder: load_report(folder / "a.json"),
        "a.json",
    ),
    "spectrogram": Reader(_write_spectrogram, lambda folder: read_npz(folder / "a.npz", "spectrogram"), "a.npz"),
    "plain spectrogram": Reader(
        _write_plain_spectrogram, lambda folder: read_npz(folder / "a.npz", "spectrogram"), "a.npz"
    ),
    "arrays": Reader(
        _write_arrays,
        lambda folder: read_arrays(folder / "a.npz", expected="arrays", error=GenrebenchError, max_bytes=2**20),
        "a.npz",
    ),
    "job": Reader(_write_job, worker._read_job, "job.json"),
    "arrays of a job": Reader(_write_job, worker._read_job, "input.npz"),
    "reply": Reader(_write_reply, _read_reply, "report.json", "worker of x"),
    "arrays of a reply": Reader(_write_reply, _read_reply, "output.npz", "worker of x"),
}


def damage(content: bytes, chosen: random.Random) -> bytes:
    """Damage a file in one to four places."""
    for _ in range(chosen.choice((1, 1, 1, 2, 4))):
        start = chosen.randrange(len(content) + 1)
        # The beginning and the end are where headers and directories are.
        start = chosen.choice((start, min(start, chosen.randrange(400)), max(0, len(content) - chosen.randrange(400))))
        end = min(len(content), start + chosen.choice((0, 1, 1, 2, 8, 100)))
        values = list(_VALUE.finditer(content)) if chosen.random() < 0.5 and len(content) < 100_000 else []
        if values:
            value, other = chosen.choice(values), chosen.choice(values)
            odd = chosen.choice((chosen.choice(ODD).encode(), other[0], chosen.choice(ODD).encode()))
            content = content[: value.start()] + odd + content[value.end() :]
            continue
        kind = chosen.randrange(6)
        if kind == 0:
            content = content[:start]
        elif kind == 1:  # one bit
            place = min(start, max(0, len(content) - 1))
            byte = bytes([content[place] ^ 1 << chosen.randrange(8)]) if content else b""
            content = content[:place] + byte + content[place + 1 :]
        elif kind == 2:
            content = content[:start] + chosen.randbytes(end - start) + content[end:]
        elif kind == 3:
            content = content[:start] + chosen.choice(BYTES) + content[end:]
        elif kind == 4:  # something from elsewhere in the file
            other_start = chosen.randrange(len(content) + 1)
            content = content[:start] + content[other_start : other_start + chosen.randrange(200)] + content[end:]
        else:
            content = _reencoded(content, chosen)
    return content


def _reencoded(content: bytes, chosen: random.Random) -> bytes:
    """Write a text in another encoding, or a line of it twice."""
    if chosen.random() < 0.5:
        lines = content.splitlines(keepends=True)
        line = chosen.choice(lines) if lines else b""
        return content.replace(line, line + line, 1)
    return content.decode("latin-1").encode(
        chosen.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp037")), "replace"
    )


def fault(reader: Reader, folder: Path) -> str | None:
    """Read once, and say what is wrong with that."""
    began = time.monotonic()
    signal.alarm(2 * LIMIT)
    try:
        reader.read(folder)
    except GenrebenchError as error:
        message = str(error)
        if "\n" in message or len(message) > 2000 or (reader.named or str(folder)) not in message:
            return f"{len(message)} characters: {message[:300]!r}"
    except Exception as error:
        return f"unforeseen {type(error).__name__}: {str(error)[:300]}"
    finally:
        signal.alarm(0)
    seconds = time.monotonic() - began
    return f"{seconds:.1f} s" if seconds > LIMIT else None


def run(name: str, *, cases: int, seed: int) -> list[str]:
    """Run the cases of one reader in this process, and list what is wrong."""

    def too_long(*_: object) -> None:
        """End a case that hangs."""
        raise TimeoutError

    signal.signal(signal.SIGALRM, too_long)
    warnings.simplefilter("ignore")
    wrong, reader = [], READERS[name]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        reader.write(folder)
        reader.read(folder)
        path = folder / reader.damaged
        good, before = path.read_bytes(), peak_memory_bytes() or 0
        for case in range(cases):
            path.write_bytes(damage(good, random.Random(f"{seed} {name} {case}")))
            problem = fault(reader, folder)
            if problem is not None:
                wrong.append(f"{name}, case {case}: {problem}")
        used = (peak_memory_bytes() or 0) - before
    if used > MEMORY:
        wrong.append(f"{name}: {used / 2**20:.0f} MiB of memory")
    print(f"{name}: {cases} cases, {len(wrong)} wrong, {used / 2**20:.0f} MiB", flush=True)
    return wrong


def main() -> int:
    """Run readers, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"some of {', '.join(READERS)}; by default all")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--here", action="store_true", help="in this process")
    given = parser.parse_args()
    if given.here:
        wrong = [line for name in given.readers for line in run(name, cases=given.cases, seed=given.seed)]
        print(*(f"{line}\n" for line in wrong[:50]), sep="", end="")
        return bool(wrong)
    print(f"seed {given.seed}", flush=True)
    failed = 0
    for name in given.readers or READERS:
        options = ["--here", "--cases", str(given.cases), "--seed", str(given.seed)]
        status = subprocess.run([sys.executable, __file__, name, *options], check=False).returncode
        if status not in (0, 1):
            print(f"{name}: the process ended with status {status}")
        failed += status != 0
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
