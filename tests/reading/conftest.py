"""Files that are opened in this process, where starting another would only cost time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genrebench.reading import keras_file, worker


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Open files in this process; what another process is for is tested with one."""

    def survey(path: Path) -> dict[str, Any]:
        """List what a file holds."""
        return worker._answer(tmp_path, {"path": str(path), "wanted": None})

    def read(path: Path, wanted: Sequence[tuple[str, Sequence[int]]]) -> list[NDArray[Any]]:
        """Read datasets."""
        worker._answer(tmp_path, {"path": str(path), "wanted": [list(each) for each in wanted]})
        with np.load(tmp_path / "arrays.npz") as file:
            return [file[str(index)] for index in range(len(wanted))]

    monkeypatch.setattr(keras_file, "survey_file", survey)
    monkeypatch.setattr(keras_file, "read_weights", read)
