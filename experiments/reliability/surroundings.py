"""Run every command where something usual is missing, and look at its status and what it says.

    python experiments/reliability/surroundings.py [COMMAND ...]

The commands are taken from the command line itself; each does a small work that ends well. Then it does the same with
closed streams, readers that leave, full disks, other terminals, locales, homes and folders. A case is wrong if the
status is another than it should be, if there is a traceback, an error that is not foreseen, a failure without one line
that says "Error", or if something that was printed or written undisturbed is missing.
"""

import contextlib
import ctypes
import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import soundfile

from genrebench.cli.main import COMMANDS

SETTINGS = "--sample-rate 8000 --n-fft 512 --hop-length 256 --n-mels 32 --segments 4 --track-duration 2"
WORK = {
    "config": "",
    "preprocess": f"--dataset data --output new/tree --jobs 2 {SETTINGS}",
    "pack": "data --output new/packed --jobs 1",
    "train": "--dataset data --results new --name run --epochs 1 --batch-size 4 --device cpu",
    "infer": "data/genres_original/jazz --model runs/base --device cpu",
    "serve": "--help",  # whose work has no end
    "evaluate": "--model runs/base --device cpu",
    "runs": "--results runs",
    "report": "runs/base",
    "compare": "runs/base runs/base",
    "doctor": "data --jobs 1",
    "summary": "--input-shape 32x20",
    "backends": "",
    "check": "numpy",
    "parity": "--backend torch --input-shape 17x20 --steps 2 --output new",
    "bench": "startup --output new",
    "inspect": "data/dense.h5",
    "export": "runs/base --format torch --output new/torch",
    "port": "data/dense.h5 --output new/ported --no-keras",
    "demo": "--folder new",
}
# What cannot be done where nothing can be written.
WRITES = {name for name, words in WORK.items() if " new" in words}
# A demonstration that takes seconds.
_SHORT = (
    "import genrebench.cli.demo as demo; demo.TRACKS_PER_GENRE, demo.EPOCHS = 2, 1; "
    "from genrebench.__main__ import main; main()"
)


@dataclass(frozen=True)
class Surroundings:
    """What is not as usual.

    Attributes
    ----------
    shell : str
        What a shell puts behind the command.
    environment : dict of str to str or None
        Variables that are set, or None for one that is not.
    fails : collection of str
        Commands that have to end with an error.
    """

    shell: str = ""
    environment: dict[str, str | None] = field(default_factory=dict)
    fails: frozenset[str] = frozenset()
    terminal: bool = False
    read_only: str = ""
    empty: bool = False


# Those whose result is what they print.
ALL = frozenset(COMMANDS)
# Those whose status 1 says what they found.
_FIND = {"check", "doctor", "parity"}
SURROUNDINGS = {
    "closed stdout": Surroundings(">&-"),
    "closed stderr": Surroundings("2>&-"),
    "closed stdin": Surroundings("<&-"),
    "all closed": Surroundings("<&- >&- 2>&-"),
    "a reader that leaves": Surroundings("| head -1"),
    "a reader that left": Surroundings("| true"),
    "errors to a reader that left": Surroundings("2>&1 >/dev/null | true"),
    "stdout on a full disk": Surroundings(">/dev/full", fails=ALL),
    "stderr on a full disk": Surroundings("2>/dev/full"),
    "terminal of 40 columns": Surroundings(environment={"COLUMNS": "40", "TERM": "xterm"}, terminal=True),
    "terminal of 1 column": Surroundings(environment={"COLUMNS": "1", "TERM": "xterm"}, terminal=True),
    "dumb terminal": Surroundings(environment={"TERM": "dumb"}, terminal=True),
    "unknown terminal": Surroundings(environment={"TERM": None, "COLUMNS": "x", "LINES": "-1"}, terminal=True),
    "no color": Surroundings(environment={"NO_COLOR": "1", "TERM": "xterm"}, terminal=True),
    "40 columns": Surroundings(environment={"COLUMNS": "40"}),
    "C locale": Surroundings(environment={"LC_ALL": "C"}),
    "POSIX locale": Surroundings(environment={"LC_ALL": "POSIX", "LANG": None}),
    "unknown locale": Surroundings(environment={"LC_ALL": "xx_XX.UTF-8"}),
    "ASCII": Surroundings(environment={"PYTHONIOENCODING": "ascii"}),
    "read-only home": Surroundings(environment={"HOME": "{locked}"}, read_only="{locked}"),
    "no home": Surroundings(environment={"HOME": None}),
    "a home that is not there": Surroundings(environment={"HOME": "/absent/home"}),
    "read-only folder": Surroundings(read_only=".", fails=frozenset(WRITES)),
    "read-only temporary folder": Surroundings(environment={"TMPDIR": "{locked}"}, read_only="{locked}"),
    "empty environment": Surroundings(empty=True),
}


def _drop_override() -> None:
    """Have the superuser, as whom tests may run, bound by permissions as others are."""
    call = ctypes.CDLL(None).prctl
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        call(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def run(command: str, folder: Path, around: Surroundings) -> tuple[int, str, str]:
    """Run a command in a folder, and return its status, standard output and standard error."""
    locked = folder.parent / "locked"
    locked.mkdir(exist_ok=True)
    program = [sys.executable, "-c", _SHORT] if command == "demo" else [sys.executable, "-m", "genrebench"]
    line = f"{shlex.join([*program, command])} {WORK[command]} {around.shell}"
    environment = {} if around.empty else {**os.environ, "OMP_NUM_THREADS": "1"}
    for name, value in around.environment.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value.format(locked=locked)
    frozen = Path(around.read_only.format(locked=locked)) if around.read_only else None
    if frozen is not None:
        (folder / frozen).chmod(0o555)
    parent, child = pty.openpty() if around.terminal else (-1, -1)
    seen: list[bytes] = []
    reader = threading.Thread(target=lambda: seen.extend(_read(parent)))
    try:
        with subprocess.Popen(
            ["bash", "-c", f"set -o pipefail; {line}"],
            cwd=folder,
            env=environment,
            stdin=child if around.terminal else subprocess.DEVNULL,
            stdout=child if around.terminal else subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_drop_override,
        ) as process:
            if around.terminal:
                os.close(child)
                reader.start()
            out, err = process.communicate(timeout=600)
    finally:
        if frozen is not None:
            (folder / frozen).chmod(0o755)
    if around.terminal:
        reader.join()
        os.close(parent)
    return process.returncode, (b"".join(seen) or out or b"").decode(), err.decode()


def _read(terminal: int) -> Iterator[bytes]:
    """Read what a terminal is sent."""
    with contextlib.suppress(OSError):  # Linux reports the end of a terminal so
        while part := os.read(terminal, 65536):
            yield part


def files(folder: Path) -> set[str]:
    """List what a command has written."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def fault(command: str, folder: Path, name: str, usual: tuple[int, set[str], bool]) -> str | None:
    """Run a command in certain surroundings, and say what is wrong with its end."""
    around = SURROUNDINGS[name]
    status, out, err = run(command, folder, around)
    fails = command in around.fails
    if any(word in out + err for word in ("Traceback", "unforeseen", "Exception ignored", "Fatal Python")):
        return (out + err)[-600:]
    expected, written, printed = usual
    if status != ((2 if command in _FIND else 1) if fails else expected):
        return f"status {status}: {(out + err)[-300:]}"
    if fails:
        return None if err.splitlines()[-1:] and err.splitlines()[-1].startswith("Error: ") else f"said {err[-300:]!r}"
    if written != files(folder):
        return f"wrote otherwise: {sorted(written ^ files(folder))[:3]}"
    if printed and not out and not around.shell:
        return "printed nothing"
    return None


def write_keras_file(path: Path) -> None:
    """Write a layer of three units as Keras 2 did."""
    rng = np.random.default_rng(0)
    layer = {"class_name": "Dense", "config": {"name": "dense", "units": 3, "batch_input_shape": [None, 4]}}
    model = {"class_name": "Sequential", "config": {"name": "sequential", "layers": [layer]}}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"], file.attrs["keras_version"] = json.dumps(model), "2.3.1"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"dense"]
        inner = group.create_group("dense")
        inner.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        inner["dense/kernel:0"], inner["dense/bias:0"] = rng.normal(size=(4, 3)), rng.normal(size=3)


@contextlib.contextmanager
def prepared(*, train: bool = True) -> Iterator[Path]:
    """Make a folder, with a small dataset and a model of it where that is asked for."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "here"
        folder.mkdir()
        if not train:
            yield folder
            return
        rng = np.random.default_rng(0)
        for genre in ("jazz", "rock"):
            (folder / "data" / "genres_original" / genre).mkdir(parents=True)
            for index, letter in enumerate("aé曲"):
                path = folder / "data" / "genres_original" / genre / f"{index}{letter}.wav"
                soundfile.write(path, rng.normal(scale=0.1, size=16000), 8000)
        write_keras_file(folder / "data" / "dense.h5")
        for words in (
            f"preprocess --dataset data --jobs 1 {SETTINGS}",
            "train --dataset data --results runs --name base --epochs 1 --batch-size 4 --device cpu",
        ):
            program = [sys.executable, "-m", "genrebench", *words.split()]
            subprocess.run(program, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        yield folder


def main(commands: list[str], names: list[str], *, train: bool = True) -> tuple[int, list[str]]:
    """Run commands in surroundings; return the number of cases and what is wrong."""
    wrong, count = [], 0
    with prepared(train=train) as folder:
        for command in commands:
            shutil.rmtree(folder / "new", ignore_errors=True)
            before = files(folder)
            status, out, err = run(command, folder, Surroundings())
            assert status == 0 or (status == 1 and command in _FIND), f"{command}: {out}{err}"
            usual = status, files(folder), bool(out)
            for name in names:
                shutil.rmtree(folder / "new", ignore_errors=True)
                assert files(folder) == before, f"{command} wrote beside {WORK[command]}"
                count += 1
                print(f"{command}, {name}", file=sys.stderr, flush=True)
                problem = fault(command, folder, name, usual)
                if problem is not None:
                    wrong.append(f"{command}, {name}: {problem}")
                    print(wrong[-1], flush=True)
    return count, wrong


if __name__ == "__main__":
    total, found = main(sys.argv[1:] or list(COMMANDS), list(SURROUNDINGS))
    print(f"{total} cases, {len(found)} wrong")
    sys.exit(bool(found))
