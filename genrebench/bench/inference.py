"""Inference: one file from a cold start, many files beside a plain loop, and memory."""

import math
from functools import partial
from pathlib import Path

from genrebench.bench.data import BenchData
from genrebench.bench.measure import Measurement, plain_script, run_own, run_python, take_turns, timed
from genrebench.bench.results import Candidate, SuiteResult, Target
from genrebench.system.environment import installed_version

COLD, IMPORTS = "genrebench infer, one file, cold", "import torch and librosa's features"
PLAIN, OWN = "plain loop, 60 files", "genrebench, 60 files"
# What is timed without a target where ONNX Runtime is installed: it predicts without PyTorch's long import.
_ONNX = "onnx"
COLD_ONNX, OWN_ONNX = f"{COLD}, {_ONNX}", f"{OWN}, {_ONNX}"
FILES = 60
# Seconds of the recordings whose peak memory is compared: a quarter of an hour and two hours.
_SHORT, _LONG = 900, 7200
# Probabilities that differ by less are those of the same spectrograms, but for rounding.
_SAME = 1e-3
_IMPORT = "import torch, librosa; librosa.feature.melspectrogram"


def inference_suite(data: BenchData) -> SuiteResult:
    """Time inference."""
    if not installed_version("torch"):
        return SuiteResult(notes=("inference: left out, torch is not installed",))
    files = [data.recordings[index % len(data.recordings)] for index in range(FILES)]

    def infer(*paths: Path, backend: str = "torch") -> Measurement:
        """Run the command as a user would."""
        return run_python("-m", "genrebench", "infer", "--model", data.model, "--backend", backend, *paths)

    is_plain = data.request.model is None  # the plain loop is written for the network, and knows no calibration
    own = partial(run_own, "infer", model=str(data.model), recordings=list(map(str, files)))
    asked = {
        IMPORTS: partial(run_python, "-c", _IMPORT),
        COLD: partial(infer, files[0]),
        **({PLAIN: partial(run_python, plain_script("infer"), data.model, *files)} if is_plain else {}),
        OWN: partial(own, backend="torch"),
    }
    missing = [name for name in ("onnxruntime", _ONNX) if not installed_version(name)]
    notes = [f"inference: ONNX Runtime is left out, {' and '.join(missing)} not installed"] if missing else []
    if not missing:
        asked |= {COLD_ONNX: partial(infer, files[0], backend=_ONNX), OWN_ONNX: partial(own, backend=_ONNX)}
    runs = take_turns(asked, data.request.rounds, on_run=data.on_run)
    candidates = timed(runs)
    for name in runs.keys() & {PLAIN, OWN, OWN_ONNX}:  # after start-up, as they say themselves
        candidates[name] = Candidate(name, "s", tuple(run.report["seconds"] for run in runs[name]), {"files": FILES})
    imports, cold = candidates[IMPORTS].median, candidates[COLD].median
    note = f"{cold:.2f} s / {imports:.2f} s"
    targets = [
        Target("one 30 s file, cold, against the imports alone", cold / imports, 1.25, at_least=False, note=note)
    ]
    if is_plain:
        slow, fast = candidates[PLAIN].median, candidates[OWN].median
        note = f"{slow:.2f} s / {fast:.2f} s"
        targets.append(Target(f"{FILES} files after start-up, against a plain loop", slow / fast, 2.0, note=note))
        difference = _largest_difference(*(runs[name][0].report["probabilities"] for name in (PLAIN, OWN)))
        what = "probabilities, largest difference of the two"
        targets.append(Target(what, difference, _SAME, at_least=False, unit=""))
    else:
        notes.append(
            f"inference: of {data.model.name}; the plain loop is for a model with initial weights, and is left out"
        )
    data.on_run("memory")
    for what, small, large in (
        ("peak memory of 2 h of audio, against 15 min", [data.long_recording(_SHORT)], [data.long_recording(_LONG)]),
        (f"peak memory of {FILES} files, against 6", files[:6], files),
    ):
        less, more = (infer(*paths).peak_memory_bytes / 2**20 for paths in (small, large))
        if less and more:
            note = f"{more:.0f} MiB / {less:.0f} MiB"
            targets.append(Target(what, more / less, 1.1, at_least=False, note=note))
    return SuiteResult(tuple(candidates.values()), tuple(targets), notes=tuple(notes))


def _largest_difference(expected: dict[str, dict[str, float]], received: dict[str, dict[str, float]]) -> float:
    """Compare probabilities by file and genre; what is missing differs without bounds."""
    return max(
        abs(received.get(file, {}).get(genre, math.inf) - probability)
        for file, probabilities in expected.items()
        for genre, probability in probabilities.items()
    )
