"""Workshops with little in them."""

from pathlib import Path

import pytest

from genrebench.audio.synthesis.render import write_recordings
from genrebench.bench import workshop as workshop_module
from genrebench.bench.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Make a workshop with ten recordings of seven seconds and twenty spectrograms."""
    monkeypatch.setattr(workshop_module, "SEGMENTS", 20)
    write_recordings(tmp_path / "dataset" / "genres_original", tracks_per_genre=1, duration=7.0, seed=0)
    (tmp_path / "work").mkdir()
    return Workshop(tmp_path / "work", tmp_path / "dataset", (), 3, lambda what: None)
