"""Two runs side by side: whether one is better, and what changed."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.errors import ConfigError, ModelError
from genrebench.evaluation.significance import mcnemar, wilson_interval
from genrebench.model.storage import MODEL_FILE, read_document
from genrebench.system.files import StrPath, escaped, read_json

EVALUATION_FILE = "evaluation.json"
_PARTS = ("test", "validation")


def read_evaluation(path: StrPath) -> dict[str, Any]:
    """Read the figures of a run, or of an evaluation.

    Parameters
    ----------
    path : str or PathLike
        Folder that ``genrebench train`` or ``genrebench evaluate --output`` wrote, or an ``evaluation.json``.

    Returns
    -------
    dict
        ``name``, ``parts`` and ``settings``.

    Raises
    ------
    ModelError
        If there are none, or they hold no answers of tracks.
    """
    path = Path(path)
    if path.is_dir() and (path / MODEL_FILE).exists():
        document = read_document(path)
        parts, data = document.get("metrics"), document.get("data")
        keys = ("backend", "seed", "hyperparameters", "versions")
        settings = {key: document[key] for key in keys if key in document}
        settings["split"] = data.get("split") if isinstance(data, dict) else None
    else:
        file = path / EVALUATION_FILE if path.is_dir() else path
        document = read_json(file, expected="a run, or what genrebench evaluate wrote", error=ModelError)
        parts = document.get("parts") if isinstance(document, dict) else None
        settings = {}
    if not isinstance(parts, dict) or not all(_has_answers(part) for part in parts.values()) or not parts:
        raise ModelError(
            "expected figures with the answers for each track, found none; train or evaluate again", path=path
        )
    return {"name": path.resolve().name if path.is_dir() else path.stem, "parts": parts, "settings": settings}


def compare_runs(first: Mapping[str, Any], second: Mapping[str, Any], *, part: str | None = None) -> dict[str, Any]:
    """Compare two runs, as `read_evaluation` reads them, by the tracks that both were asked about.

    Parameters
    ----------
    part : str, optional
        Which part; by default the first of test and validation that both have, or any.

    Returns
    -------
    dict
        Plain JSON types: ``names``, ``part``, ``tracks``, ``scores``, ``mcnemar``, ``genres``, ``changed``,
        ``settings`` and ``notes``.

    Raises
    ------
    ConfigError
        If they have no part or no track in common.
    """
    runs = (first, second)
    common = [name for name in (*_PARTS, *first["parts"]) if all(name in run["parts"] for run in runs)]
    chosen = part or next(iter(common), None)
    if chosen not in common:
        there = " against ".join(", ".join(run["parts"]) for run in runs)
        raise ConfigError(f"--part: expected one that both runs have, received {chosen} ({there})")
    answers = [run["parts"][chosen]["predictions"] for run in runs]
    tracks = sorted(answers[0].keys() & answers[1].keys())
    if not tracks:
        raise ConfigError(f"expected two runs about the same tracks, received none in both {chosen} parts")
    truth = np.array([track.partition("/")[0] for track in tracks])
    predicted = [np.array([each[track][0] for track in tracks]) for each in answers]
    right = [each == truth for each in predicted]
    notes = []
    if len(tracks) < max(map(len, answers)):
        notes.append(f"only {len(tracks)} tracks are in both, of {len(answers[0])} and {len(answers[1])}")
    return {
        "names": [run["name"] for run in runs],
        "part": chosen,
        "tracks": len(tracks),
        "scores": [
            {"accuracy": float(each.mean()), "interval": list(wilson_interval(int(each.sum()), len(each)))}
            for each in right
        ],
        "mcnemar": mcnemar(*right),
        "genres": {
            str(genre): [float(each[truth == genre].mean()) for each in right]
            for genre in np.unique(truth)
            if right[0][truth == genre].sum() != right[1][truth == genre].sum()
        },
        "changed": [
            [escaped(track), *(f"{genre}{'' if genre == true else ' (wrong)'}" for genre in pair)]
            for track, true, *pair in zip(tracks, truth, *predicted, strict=True)
            if pair[0] != pair[1]
        ],
        "settings": _different(dict(_flat(first["settings"])), dict(_flat(second["settings"]))),
        "notes": notes,
    }


def _has_answers(part: Any) -> bool:
    """Return whether a part holds what a model made of each track."""
    answers = part.get("predictions") if isinstance(part, dict) else None
    return isinstance(answers, dict) and all(isinstance(each, list) and len(each) == 2 for each in answers.values())


def _flat(settings: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """List settings by dotted key."""
    if isinstance(settings, dict):
        for key, value in settings.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, str(settings)


def _different(first: Mapping[str, str], second: Mapping[str, str]) -> list[list[str]]:
    """List the settings in which two runs differ, where both are known."""
    if not first or not second:
        return []
    keys = [key for key in dict.fromkeys((*first, *second)) if first.get(key) != second.get(key)]
    return [[key, first.get(key, ""), second.get(key, "")] for key in keys]
