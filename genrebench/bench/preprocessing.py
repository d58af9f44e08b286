"""Preprocessing: the command beside a plain script, its own second run, and what its parts allow."""

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import joblib

from genrebench.bench.data import TRACKS, BenchData
from genrebench.bench.measure import Measurement, plain_script, run_own, run_python, take_turns, timed
from genrebench.bench.results import Curve, SuiteResult, Target

PLAIN, OWN, AGAIN = "plain script", "genrebench preprocess", "genrebench preprocess, again"
PARTS, SIZES = "parts", (TRACKS // 8, TRACKS // 4, TRACKS // 2, TRACKS)
_PART_TRACKS, _WARM_UP_TRACKS = 60, 10


def preprocessing_suite(data: BenchData) -> SuiteResult:
    """Time preprocessing: seconds for all tracks, start-up included, the rate after it, and the cost of more data."""
    outputs: list[Path] = []

    def own(dataset: Path) -> Measurement:
        """Preprocess everything into a new folder."""
        outputs.append(data.new_folder("mel"))
        return again(dataset)

    def again(dataset: Path) -> Measurement:
        """Preprocess into the latest folder."""
        return run_python("-m", "genrebench", "preprocess", "--dataset", dataset, "--output", outputs[-1])

    def plain(dataset: Path) -> Measurement:
        """Run the plain script into a new folder."""
        return run_python(plain_script("preprocess"), dataset / "genres_original", data.new_folder("plain"))

    # The whole set takes long enough for fewer rounds to say as much, if the first does not pay for compiled modules.
    rounds = max(1, data.request.rounds - 1)
    data.on_run("warming up")
    for warm_up in (plain, own):
        warm_up(data.linked(_WARM_UP_TRACKS))
    dataset = data.linked(TRACKS)
    turns = {PLAIN: partial(plain, dataset), OWN: partial(own, dataset), AGAIN: partial(again, dataset)}
    candidates = timed(take_turns(turns, rounds, on_run=data.on_run), tracks=TRACKS)
    slow, first, second = (candidates[name].median for name in (PLAIN, OWN, AGAIN))
    after_start = _after_start(data, rounds)
    seconds = {count: statistics.median(run.report["seconds"] for run in after_start[str(count)]) for count in SIZES}
    curve = Curve("tracks", "after start-up", tuple(seconds.items()))
    # Each round is compared with its own parts, since the machine's speed changes from one to the next.
    cores = joblib.cpu_count()
    share = statistics.median(
        100 * sum(parts.report["seconds"].values()) * TRACKS / cores / run.report["seconds"]
        for parts, run in zip(after_start[PARTS], after_start[str(TRACKS)], strict=True)
    )
    alone = ", ".join(f"{part} {1e3 * each:.1f} ms" for part, each in after_start[PARTS][0].report["seconds"].items())
    targets = (
        Target(f"{TRACKS} recordings, against a plain script", slow / first, 2.2, note=f"{slow:.1f} s / {first:.1f} s"),
        Target("rate after start-up, of what cores and parts allow", share, 85, unit="%",
               note=f"{TRACKS / seconds[TRACKS]:.1f} tracks/s on {cores} cores; one track alone: {alone}"),
        Target("second run, against the first", first / second, 20, note=f"{first:.1f} s / {second:.2f} s"),
        Target("cost of 8 times the data, against linear growth", curve.growth, 1.15, at_least=False,
               note=f"{seconds[SIZES[0]]:.1f} s to {seconds[TRACKS]:.1f} s"),
    )  # fmt: skip
    return SuiteResult(tuple(candidates.values()), targets, curve)


def _after_start(data: BenchData, rounds: int) -> dict[str, list[Measurement]]:
    """Run the parts apart and all the data, in turns, then 1, 2 and 4 eighths of the data."""

    def run(function: str, count: int, **options: int) -> Measurement:
        """Work on so many tracks."""
        output = data.new_folder(function)
        return run_own(function, dataset=str(data.linked(count)), output=str(output), **options)

    smaller: dict[str, Callable[[], Measurement]] = {
        str(count): partial(run, "preprocess", count) for count in SIZES if count != TRACKS
    }
    turns: dict[str, Callable[[], Measurement]] = {
        PARTS: partial(run, "preprocess_parts", TRACKS, tracks=_PART_TRACKS),
        str(TRACKS): partial(run, "preprocess", TRACKS),
    }
    note = lambda name: data.on_run(name if name == PARTS else f"{name} tracks")  # noqa: E731
    return take_turns(turns, rounds, on_run=note) | take_turns(smaller, 1, on_run=note)
