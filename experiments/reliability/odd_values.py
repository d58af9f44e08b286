"""Give every option of every command odd values, and look for tracebacks, unforeseen errors and hangs.

python experiments/reliability/odd_values.py [COMMAND ...]

The commands and their options are taken from the command line itself. They run in this process, in an empty folder, on
a small dataset and a model of it; where a worker, a benchmark or a demonstration would start, the run ends. A case is
wrong if it leaves anything but a status from 0 to 2 and, where that is not 0, one line of at most 1,500 characters that
can be printed and does not say "unforeseen"; or if it computes for more than ten seconds, or waits for a minute.
"""

import contextlib
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import click
import numpy as np
import soundfile
from click.testing import CliRunner

from genrebench.cli.main import COMMANDS, main
from genrebench.errors import WorkerError

# Seconds of computing, and seconds in all on a machine that does other things, too.
LIMIT, WAIT = 10, 60
LONGEST = 1500
# Paths are made by `_make_paths`. None of the values may lead out of the folder: some options name what is written.
VALUES = (
    *("", " ", "0", "-1", "-0", "-0.0", "1.5", "1e30", "1e308", "nan", "-inf", "9" * 5000, str(2**31), str(2**63)),
    *("abc", "x" * 10_000, "x" * 251, "\x1b[31m", "a\nb", "\udcff", "\u202etxt", "a=b", "=", "%s%n", "-", "true"),
    *(
        "0x10",
        "\u00b2",
        "\u0661\u0662",
        "1_000",
        "128x130",
        "9999999999x9999999999",
        "null",
        "~/x",
        "~nobody/x",
        "..\\x",
    ),
    *("/dev/zero", "/dev/null", "/proc/self/mem", "fifo", "giant", "loop", "empty", "folder", "text", "absent/a/b"),
)
BASES = {
    "preprocess": "--dataset data --output tree --jobs 1 --sample-rate 8000 --n-fft 512 --hop-length 256 --n-mels 32 "
    "--segments 4 --track-duration 2",
    "train": "--backend torch --dataset data --results runs --name run --overwrite --epochs 1 --batch-size 4 "
    "--device cpu",
    "infer": "data/genres_original/rock/0.wav --model runs/base --device cpu",
    "evaluate": "--model runs/base --device cpu",
    "compare": "runs/base runs/base",
    "doctor": "data --jobs 1",
    "summary": "",
    "backends": "",
    "check": "numpy",
    "parity": "--backend torch --input-shape 32x20",
    "bench": "startup",
    "demo": "",
}
# Where the work would begin that is not about values.
ENDS = (
    "genrebench.backend.worker.start_process",
    "genrebench.bench.run.run_bench",
    "genrebench.cli.demo.write_recordings",
)


def cases(chosen: list[str]) -> Iterator[list[str]]:
    """List command lines: every option and argument with every value, and each unknown to the command."""
    for command in chosen:
        base = BASES[command].split()
        found = main.get_command(click.Context(main), command)
        assert found is not None
        for param in found.params:
            for value in VALUES:
                if isinstance(param, click.Argument):
                    yield [command, "--", value] if value.startswith("-") else [command, value, *base[1:]]
                elif not getattr(param, "is_flag", False):
                    option = max(param.opts, key=len)
                    if (option, value) == ("--epochs", "1_000"):
                        continue  # Python reads it as a thousand, which are as many epochs as that takes
                    yield [command, *_without(base, option), f"{option}={value}"]
        yield from ([command, *base, value] for value in VALUES)


def _without(base: list[str], option: str) -> list[str]:
    """Leave an option and its value out."""
    place = base.index(option) if option in base else len(base)
    return base[:place] + base[place + 2 :]


def fault(arguments: list[str]) -> str | None:
    """Run one case, and say what is wrong with its end."""

    def too_long(*_: object) -> None:
        """End a case that hangs."""
        raise TimeoutError

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(WAIT)
    began = _computed()
    try:
        done = CliRunner().invoke(main, arguments)
    finally:
        signal.alarm(0)
    if isinstance(done.exception, TimeoutError) or "TimeoutError" in done.output:
        return f"more than {WAIT} s"
    if _computed() - began > LIMIT:
        return f"more than {LIMIT} s of computing"
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return f"raised {done.exception!r}"
    if "unforeseen" in done.output or "Traceback" in done.output:
        return done.output[-300:]
    if done.exit_code not in (0, 1, 2):
        return f"status {done.exit_code}"
    last = done.stderr.splitlines()[-1:] or [""]
    if done.exit_code and (not last[0].startswith("Error") or len(last[0]) > LONGEST or not last[0].isprintable()):
        return f"status {done.exit_code}: {len(last[0])} characters: {last[0][:200]!r}"
    return None


def _computed() -> float:
    """Measure the seconds that this process has computed, threads included."""
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


@contextlib.contextmanager
def prepared(*, train: bool = True) -> Iterator[None]:
    """Work in a folder with a dataset, a model, odd files and a home of its own."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        inner = Path(folder) / "outer" / "inner"
        inner.mkdir(parents=True)
        os.chdir(inner)
        stack.callback(os.chdir, before)
        stack.enter_context(mock.patch.dict(os.environ, {"HOME": folder}))
        _make_paths()
        rng = np.random.default_rng(0)
        for genre in ("jazz", "rock"):
            (inner / "data" / "genres_original" / genre).mkdir(parents=True)
            for index in range(3):
                path = inner / "data" / "genres_original" / genre / f"{index}.wav"
                soundfile.write(path, rng.normal(scale=0.1, size=16000), 8000)
        if train:
            for words in (
                ["preprocess", *BASES["preprocess"].replace("--output tree", "").split()],
                ["train", *BASES["train"].replace("--name run", "--name base").split()],
            ):
                done = CliRunner().invoke(main, words)
                assert done.exit_code == 0, done.output
        for name in ENDS:
            stack.enter_context(mock.patch(name, side_effect=WorkerError("the work would begin here")))
        yield


def _make_paths() -> None:
    """Make files that are none, or too large, or nothing."""
    os.mkfifo("fifo")
    Path("empty").touch()
    Path("folder").mkdir()
    Path("text").write_text("text\n")
    Path("loop").symlink_to("loop")
    with Path("giant").open("wb") as file:
        file.truncate(8 * 2**30)


def run(chosen: list[str], *, step: int = 1, train: bool = True) -> tuple[int, list[str]]:
    """Run every case, or every `step`-th; return their number and what is wrong."""
    wrong, count = [], 0
    with prepared(train=train):
        for arguments in list(cases(chosen))[::step]:
            count += 1
            began = time.monotonic()
            problem = fault(arguments)
            if problem is not None:
                line = " ".join(ascii(each)[1:-1][:60] for each in arguments[-3:])
                wrong.append(f"{arguments[0]} ... {line} ({time.monotonic() - began:.1f} s): {problem}")
                print(wrong[-1], flush=True)
    return count, wrong


if __name__ == "__main__":
    total, found = run(sys.argv[1:] or list(COMMANDS))
    print(f"{total} command lines, {len(found)} wrong")
    sys.exit(bool(found))
