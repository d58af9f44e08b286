"""The model that comes with the library: there, small, and with the answers that it had when it was made."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

import genrebench as gb
from genrebench.audio.synthesis.render import synthesize
from genrebench.model import description

FOLDER = Path(description.__file__).with_name("builtin")


def test_it_is_found_by_its_name_wherever_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of that name is meant only if more of its path is given."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "builtin").mkdir()
    model = gb.load("builtin")
    assert model.folder == FOLDER
    assert len(model.genres) == 10
    assert model.mel is not None
    assert (model.mel.hop_length, model.mel.n_mels) == (1920, 96)
    with pytest.raises(gb.GenrebenchError, match="builtin"):
        gb.load(tmp_path / "builtin")


def test_it_is_small_and_says_what_it_is() -> None:
    """Under 1 MB with its card, which quotes what it was measured to be; nothing else lies there."""
    files = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert files.keys() == {"README.md", "model.json", "weights.safetensors"}
    assert sum(files.values()) < 1_000_000
    honest = gb.load("builtin").document["honest"]
    card = (FOLDER / "README.md").read_text()
    assert f"**{100 * honest['track_accuracy']:.0f} % of recordings" in card
    assert card.startswith("---\nlicense: mit\n")


def test_its_answers_are_those_that_it_had(tmp_path: Path) -> None:
    """Of synthetic music, which it never heard, by the reference in NumPy; the probabilities are calibrated."""
    model = gb.load("builtin", backend="numpy")
    found = []
    for genre in ("classical", "metal"):
        path = tmp_path / f"{genre}.wav"
        soundfile.write(path, synthesize(genre, seed=3, duration=30.0), 22050)
        prediction = model.predict(path)
        found.append([prediction.probabilities[name] for name in model.genres])
        assert prediction.uncertain == (prediction.probability < model.calibration.uncertain_below)
    assert model.calibration.track_temperature != 1
    np.testing.assert_allclose(found, PINNED, atol=2e-3)


# Of classical and metal, in the order of the genres.
PINNED = [
    [0.0, 0.996, 0.002, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.018, 0.052, 0.508, 0.047, 0.012, 0.08, 0.227, 0.019, 0.007, 0.029],
]
