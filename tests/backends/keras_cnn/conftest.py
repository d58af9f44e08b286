"""Each engine's results, measured once for all tests."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.network import Weights
from tests.backends.keras_cnn.measuring import ENGINES
from tests.conftest import made_once


@dataclass(frozen=True)
class Results:
    """What an engine left."""

    engine: str
    arrays: Weights
    facts: dict[str, Any]

    def get(self, prefix: str) -> Weights:
        """Pick the arrays of one kind."""
        start = f"{prefix}|"
        return {key.removeprefix(start): value for key, value in self.arrays.items() if key.startswith(start)}


@pytest.fixture(scope="session", params=ENGINES)
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Read what an engine measures."""
    engine = request.param
    for module in ("keras", engine):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    folder = made_once(tmp_path_factory, f"keras-on-{engine}", lambda folder: _measure(engine, folder))
    with np.load(folder / "arrays.npz") as archive:
        arrays = dict(archive)
    return Results(engine, arrays, json.loads((folder / "facts.json").read_text()))


def _measure(engine: str, folder: Path) -> None:
    """Run the engine in a process of its own, whose environment asks for another one."""
    other = next(key for key in ENGINES if key != engine)
    finished = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).parent / "measuring.py"), engine, str(folder)],
        env={**os.environ, "KERAS_BACKEND": other},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
