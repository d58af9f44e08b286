"""Inference: one file from a cold start, many files beside a plain loop, and memory."""

import math
from pathlib import Path

from genrebench.bench import contenders
from genrebench.bench.plain import plain_script
from genrebench.bench.processes import Finished, contender, in_turns, run_process
from genrebench.bench.results import Bar, Suite
from genrebench.bench.workshop import Workshop
from genrebench.system.environment import installed_version

COLD, IMPORTS = "genrebench infer, one file, cold", "import torch and librosa's features"
PLAIN, OWN = "plain loop, 60 files", "genrebench, 60 files"
FILES = 60
# Seconds of the recordings whose peak memory is compared: a quarter of an hour and two hours.
_SHORT, _LONG = 900, 7200
# Probabilities that differ by less are those of the same spectrograms, but for rounding.
_SAME = 1e-3
_IMPORT = "import torch, librosa; librosa.feature.melspectrogram"


def inference_suite(workshop: Workshop) -> Suite:
    """Time inference.

    Returns
    -------
    Suite
        Seconds, bars and peak memory.
    """
    if not installed_version("torch"):
        return Suite(notes=("inference: left out, torch is not installed",))
    files = [workshop.recordings[index % len(workshop.recordings)] for index in range(FILES)]

    def infer(*paths: str | Path) -> Finished:
        """Run the command as a user would."""
        command: list[str | Path] = ["python", "-m", "genrebench", "infer", "--model", workshop.model, *paths]
        return run_process(command)

    names = list(map(str, files))
    loop: list[str | Path] = ["python", plain_script("infer"), workshop.model, *files]
    own = contenders.command(contenders.infer, model=str(workshop.model), recordings=names)
    runs = in_turns(
        {
            IMPORTS: lambda: run_process(["python", "-c", _IMPORT]),
            COLD: lambda: infer(files[0]),
            PLAIN: lambda: run_process(loop),
            OWN: lambda: run_process(own),
        },
        workshop.rounds,
        on_run=workshop.on_run,
    )
    timed = {
        name: contender("inference", name, "s", [run.report["seconds"] for run in found], files=FILES)
        if name in (PLAIN, OWN)
        else contender("inference", name, "s", [run.seconds for run in found])
        for name, found in runs.items()
    }
    heard = [runs[name][0].report["probabilities"] for name in (OWN, PLAIN)]
    difference = max(  # what is missing differs without bounds
        abs(heard[0].get(file, {}).get(genre, math.inf) - probability)
        for file, probabilities in heard[1].items()
        for genre, probability in probabilities.items()
    )
    imports, cold, slow, fast = (timed[name].median for name in (IMPORTS, COLD, PLAIN, OWN))
    bars = [
        Bar("inference", "one 30 s file, cold, against the imports alone", cold / imports, 1.25, at_least=False,
            note=f"{cold:.2f} s / {imports:.2f} s"),
        Bar("inference", f"{FILES} files after start-up, against a plain loop", slow / fast, 2.0,
            note=f"{slow:.2f} s / {fast:.2f} s"),
        Bar("inference", "probabilities, largest difference of the two", difference, _SAME, at_least=False, unit=""),
    ]  # fmt: skip
    workshop.on_run("memory")
    short, long = infer(workshop.long_recording(_SHORT)), infer(workshop.long_recording(_LONG))
    few, many = infer(*files[:6]), infer(*files)
    if long.peak_memory_bytes:
        bars += [
            Bar("inference", what, large.peak_memory_bytes / small.peak_memory_bytes, 1.1, at_least=False,
                note=f"{large.peak_memory_bytes / 2**20:.0f} MiB / {small.peak_memory_bytes / 2**20:.0f} MiB")
            for what, large, small in (
                ("peak memory of 2 h of audio, against 15 min", long, short),
                (f"peak memory of {FILES} files, against 6", many, few),
            )
        ]  # fmt: skip
    return Suite(tuple(timed.values()), tuple(bars))
