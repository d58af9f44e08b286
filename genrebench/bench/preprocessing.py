"""Preprocessing: the command beside a plain script, its own second run, and what its parts allow."""

import os
from pathlib import Path

from genrebench.bench import contenders
from genrebench.bench.plain import plain_script
from genrebench.bench.processes import Finished, contender, in_turns, run_process
from genrebench.bench.results import Bar, Suite
from genrebench.bench.training import growth
from genrebench.bench.workshop import TRACKS, Workshop

PLAIN, OWN, AGAIN = "plain script", "genrebench preprocess", "genrebench preprocess, again"
# The whole set takes long enough for two rounds to say as much as three of the others.
_ROUNDS = 2


def preprocessing_suite(workshop: Workshop) -> Suite:
    """Time preprocessing.

    Parameters
    ----------
    workshop : Workshop
        Where and with what.

    Returns
    -------
    Suite
        Seconds for all tracks, start-up included, bars, and the cost of more data.
    """
    dataset, cores = workshop.linked(TRACKS), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    output = workshop.folder / "mel"

    def own() -> Finished:
        """Preprocess everything into a new folder.

        Returns
        -------
        Finished
            The run.
        """
        return run_process(_command(dataset, workshop.new_folder("mel")))

    def plain() -> Finished:
        """Run the plain script into a new folder.

        Returns
        -------
        Finished
            The run.
        """
        script = plain_script("preprocess")
        return run_process(["python", script, dataset / "genres_original", workshop.new_folder("plain")])

    runs = in_turns(
        {PLAIN: plain, OWN: own, AGAIN: lambda: run_process(_command(dataset, output))},
        min(_ROUNDS, workshop.rounds),
        on_run=workshop.on_run,
    )
    timed = {
        name: contender("preprocess", name, "s", [run.seconds for run in found], tracks=TRACKS)
        for name, found in runs.items()
    }
    workshop.on_run("parts")
    again = run_process(contenders.command(contenders.preprocess, dataset=str(dataset), output=str(output))).report
    work = {"dataset": str(dataset), "output": str(workshop.new_folder("parts")), "tracks": 60}
    parts = run_process(contenders.command(contenders.preprocess_parts, **work)).report["seconds"]
    curve, rate = _curve(workshop)
    allowed = cores / sum(parts.values())
    first, second, slow = (timed[name].median for name in (OWN, AGAIN, PLAIN))
    spelled = ", ".join(f"{part} {1e3 * seconds:.1f} ms" for part, seconds in parts.items())
    bars = (
        Bar("preprocess", f"{TRACKS} recordings, against a plain script", slow / first, 2.2,
            note=f"{slow:.1f} s / {first:.1f} s"),
        Bar("preprocess", "rate after start-up, of what cores and parts allow", 100 * rate / allowed, 85, unit="%",
            note=f"{rate:.1f} of {allowed:.1f} tracks/s; a track: {spelled}"),
        Bar("preprocess", "second run, against the first", first / second, 20, note=f"{first:.1f} s / {second:.2f} s"),
        Bar("preprocess", "librosa imported in the second run", float(again["librosa_imported"]), 0, at_least=False,
            unit="", note=f"{again['skipped']} tracks were there"),
        Bar("preprocess", "cost of 8 times the data, against linear growth", growth(curve), 1.15, at_least=False,
            note=f"{curve[0][1]:.1f} s to {curve[-1][1]:.1f} s"),
    )  # fmt: skip
    return Suite(tuple(timed.values()), bars, {"preprocess": curve})


def _command(dataset: Path, output: Path) -> list[str | Path]:
    """Spell the command as a user would.

    Parameters
    ----------
    dataset, output : Path
        What, and where to.

    Returns
    -------
    list of str
        The command.
    """
    return ["python", "-m", "genrebench", "preprocess", "--dataset", dataset, "--output", output]


def _curve(workshop: Workshop) -> tuple[list[tuple[float, float]], float]:
    """Time 1, 2, 4 and 8 times the data after start-up.

    Parameters
    ----------
    workshop : Workshop
        With what.

    Returns
    -------
    list of tuple of float
        Tracks and seconds.
    float
        Tracks a second on all of them.
    """
    points, rate = [], 0.0
    for count in (TRACKS // 8, TRACKS // 4, TRACKS // 2, TRACKS):
        workshop.on_run(f"{count} tracks")
        output = workshop.new_folder("curve")
        dataset = str(workshop.linked(count))
        rate = run_process(contenders.command(contenders.preprocess, dataset=dataset, output=str(output))).report[
            "tracks_per_second"
        ]
        points.append((float(count), count / rate))
    return points, rate
