"""A run as it lies in its folder, made without training."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.evaluation.metrics import scores
from genrebench.system.files import write_json
from genrebench.training import EpochMetrics, Experiment
from genrebench.training.history import log_csv
from genrebench.training.runs import Run, read_run

GENRES = ("blues", "jazz")
# The first is taken for jazz; the rest is right.
TRACKS = np.array(["blues/b1", "blues/b2", "jazz/j1", "jazz/j2"])
LOGITS = np.array([[0.0, 4.0], [2.0, 0.0], [0.0, 2.0], [0.0, 1.0]])
PROOF = {
    "protocol": "track",
    "tracks": {"train": 8, "validation": 4, "test": 4, "on_two_sides": {"count": 0, "first": []}},
    "artists": None,
    "recordings": {
        "compared": 16,
        "duplicates": {"count": 1, "first": [["blues/b1", "blues/b9"]]},
        "on_two_sides": {"count": 1, "first": [["blues/b1", "blues/b9"]]},
    },
    "notes": ["the test part has no track of polka"],
    "leaky": True,
}


def document(**changes: Any) -> dict[str, Any]:
    """Describe a run as its ``model.json`` does."""
    labels = np.array([0, 0, 1, 1])
    return {
        "format": 1,
        "created": "2026-01-02T03:04:05.678901+00:00",
        "status": "finished",
        "epochs_done": 2,
        "backend": "torch",
        "seed": 3,
        "genres": list(GENRES),
        "versions": {"python": "3.11.0", "torch": "2.0", "processor": "a fast one"},
        "weights": {"epoch": 1},
        "data": {"segments": {"train": 80, "validation": 40, "test": 40}, "tracks": 16, "proof": PROOF},
        "metrics": {
            "validation": scores(LOGITS / 2, labels, np.array(["blues/v1", "blues/v2", "jazz/v1", "jazz/v2"]), GENRES),
            "test": scores(LOGITS, labels, TRACKS, GENRES),
        },
        **changes,
    }


def run_in(folder: Path, *, experiment: Experiment | None = None, **changes: Any) -> Run:
    """Write a run's files, and read them."""
    folder.mkdir(parents=True)
    write_json(folder / "model.json", document(**changes))
    rows = [EpochMetrics(1, 2.0, 0.4, 1.9, 0.6, 0.5, True), EpochMetrics(2, 1.0, 0.9, 2.5, 0.5, 0.5)]
    (folder / "log.csv").write_bytes(log_csv(rows))
    told = experiment or Experiment(name=folder.name, dataset=Path("music"), seed=3).override({"training.epochs": 2})
    (folder / "experiment.toml").write_text(told.to_toml())
    return read_run(folder)


def altered(folder: Path, **changes: Any) -> Run:
    """Change what a run's document says, and read it again."""
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return read_run(folder)
