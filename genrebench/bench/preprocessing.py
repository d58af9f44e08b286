"""Preprocessing: the command beside a plain script, its own second run, and what its parts allow."""

import functools
import statistics
from collections.abc import Callable
from pathlib import Path

import joblib

from genrebench.bench import contenders
from genrebench.bench.plain import plain_script
from genrebench.bench.processes import Finished, contender, in_turns, run_process
from genrebench.bench.results import Bar, Suite
from genrebench.bench.training import growth
from genrebench.bench.workshop import TRACKS, Workshop

PLAIN, OWN, AGAIN = "plain script", "genrebench preprocess", "genrebench preprocess, again"
PARTS, SIZES = "parts", (TRACKS // 8, TRACKS // 4, TRACKS // 2, TRACKS)
_PART_TRACKS, _WARM_UP_TRACKS = 60, 10


def preprocessing_suite(workshop: Workshop) -> Suite:
    """Time preprocessing.

    Returns
    -------
    Suite
        Seconds for all tracks, start-up included, bars, and the cost of more data.
    """
    dataset, outputs = workshop.linked(TRACKS), [Path()]

    def own(source: Path = dataset) -> Finished:
        """Preprocess everything into a new folder."""
        outputs.append(workshop.new_folder("mel"))
        return run_process(_command(source, outputs[-1]))

    def plain(source: Path = dataset) -> Finished:
        """Run the plain script into a new folder."""
        script = plain_script("preprocess")
        return run_process(["python", script, source / "genres_original", workshop.new_folder("plain")])

    # The whole set takes long enough for fewer rounds to say as much, if the first does not pay for compiled modules.
    rounds = max(1, workshop.rounds - 1)
    workshop.on_run("warming up")
    for warm_up in (plain, own):
        warm_up(workshop.linked(_WARM_UP_TRACKS))
    runs = in_turns(
        {PLAIN: plain, OWN: own, AGAIN: lambda: run_process(_command(dataset, outputs[-1]))},
        rounds,
        on_run=workshop.on_run,
    )
    timed = {
        name: contender("preprocess", name, "s", [run.seconds for run in found], tracks=TRACKS)
        for name, found in runs.items()
    }
    work = {"dataset": str(dataset), "output": str(outputs[-1])}
    again = run_process(contenders.command(contenders.preprocess, **work, jobs=1)).report
    after_start = _after_start(workshop, rounds)
    seconds = {count: statistics.median(run.report["seconds"] for run in after_start[str(count)]) for count in SIZES}
    curve = [(float(count), each) for count, each in seconds.items()]
    # Each round is held to its own parts, since the machine's speed changes from one to the next.
    cores = joblib.cpu_count()
    shares = [
        sum(parts.report["seconds"].values()) * TRACKS / cores / run.report["seconds"]
        for parts, run in zip(after_start[PARTS], after_start[str(TRACKS)], strict=True)
    ]
    parts = after_start[PARTS][0].report["seconds"]
    spelled = ", ".join(f"{part} {1e3 * each:.1f} ms" for part, each in parts.items())
    first, second, slow = (timed[name].median for name in (OWN, AGAIN, PLAIN))
    bars = (
        Bar("preprocess", f"{TRACKS} recordings, against a plain script", slow / first, 2.2,
            note=f"{slow:.1f} s / {first:.1f} s"),
        Bar("preprocess", "rate after start-up, of what cores and parts allow", 100 * statistics.median(shares), 85,
            unit="%", note=f"{TRACKS / seconds[TRACKS]:.1f} tracks/s on {cores} cores; one track alone: {spelled}"),
        Bar("preprocess", "second run, against the first", first / second, 20, note=f"{first:.1f} s / {second:.2f} s"),
        Bar("preprocess", "librosa imported in the second run", float(again["librosa_imported"]), 0, at_least=False,
            unit="", note=f"{again['skipped']} tracks were there"),
        Bar("preprocess", "cost of 8 times the data, against linear growth", growth(curve), 1.15, at_least=False,
            note=f"{curve[0][1]:.1f} s to {curve[-1][1]:.1f} s"),
    )  # fmt: skip
    return Suite(tuple(timed.values()), bars, {"preprocess": curve})


def _after_start(workshop: Workshop, rounds: int) -> dict[str, list[Finished]]:
    """Run the parts apart and all the data, in turns, then 1, 2 and 4 eighths of the data."""

    def parts() -> Finished:
        """Measure decoding, Mel spectrograms and writing in one process."""
        work = {"dataset": str(workshop.linked(TRACKS)), "output": str(workshop.new_folder("parts"))}
        return run_process(contenders.command(contenders.preprocess_parts, tracks=_PART_TRACKS, **work))

    def tracks(count: int) -> Finished:
        """Preprocess so many tracks."""
        work = {"dataset": str(workshop.linked(count)), "output": str(workshop.new_folder("curve"))}
        return run_process(contenders.command(contenders.preprocess, **work))

    turns: dict[str, Callable[[], Finished]] = {PARTS: parts, str(TRACKS): functools.partial(tracks, TRACKS)}
    smaller = {str(count): functools.partial(tracks, count) for count in SIZES if count != TRACKS}
    note = lambda name: workshop.on_run(name if name == PARTS else f"{name} tracks")  # noqa: E731
    return in_turns(turns, rounds, on_run=note) | in_turns(smaller, 1, on_run=note)


def _command(dataset: Path, output: Path) -> list[str | Path]:
    """Spell the command as a user would."""
    return ["python", "-m", "genrebench", "preprocess", "--dataset", dataset, "--output", output]
