"""Figures over several runs: seeds, folds, and changed recordings."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from genrebench.evaluation.measure import Measured
from genrebench.evaluation.metrics import aggregate_tracks
from genrebench.evaluation.significance import mcnemar, spread, wilson_interval

# Where scores have each figure.
_FIGURES: dict[str, Callable[[Mapping[str, Any]], float]] = {
    "by track": itemgetter("track_accuracy"),
    "macro-F1": itemgetter("track_macro_f1"),
    "by segment": itemgetter("segment_accuracy"),
    "ECE": lambda scores: scores["track_calibration"]["ece"],
}


def summarize(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Summarize the scores of runs that differ in seed or fold.

    Parameters
    ----------
    runs : mapping
        By name, the scores of each part, as `genrebench.evaluation.metrics.scores` makes them.

    Returns
    -------
    dict
        ``names``, and ``figures`` with mean, deviation and values of each, of parts that all runs have.
    """
    figures = {}
    for part in ("test", "validation"):
        if all(part in run for run in runs.values()):
            for name, figure in _FIGURES.items():
                figures[f"{part} {name}"] = spread([figure(run[part]) for run in runs.values()])
    return {"names": list(runs), "figures": figures}


def pool_folds(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put together the answers of folds, which test each track once.

    Returns
    -------
    dict
        ``tracks``, ``track_accuracy`` and ``track_interval`` over all of them.
    """
    answers = {track: answer for run in runs for track, answer in run["test"]["predictions"].items()}
    correct = sum(answer[0] == track.partition("/")[0] for track, answer in answers.items())
    return {
        "tracks": len(answers),
        "track_accuracy": correct / len(answers),
        "track_interval": list(wilson_interval(correct, len(answers))),
    }


def compare_changed(before: Measured, after: Measured, change: str) -> dict[str, Any]:
    """Compare what a model makes of recordings and of changed copies of them.

    Parameters
    ----------
    change : str
        Its name.

    Returns
    -------
    dict
        ``change``; ``track_accuracy`` of the copies and its ``difference``; ``other_answers``, how many; the numbers of
        McNemar's test.
    """
    answers = []
    for measured in (before, after):
        names, first, aggregated = aggregate_tracks(measured.log_probabilities, measured.tracks)
        best = aggregated.argmax(axis=1)
        answers.append(
            {name: (row, row == truth) for name, row, truth in zip(names, best, measured.labels[first], strict=True)}
        )
    both = sorted(answers[0].keys() & answers[1].keys())
    right = [np.array([each[name][1] for name in both]) for each in answers]
    return {
        "change": change,
        "tracks": len(both),
        "track_accuracy": float(right[1].mean()),
        "difference": float(right[1].mean() - right[0].mean()),
        "other_answers": sum(bool(answers[0][name][0] != answers[1][name][0]) for name in both),
        **mcnemar(*right),
    }
