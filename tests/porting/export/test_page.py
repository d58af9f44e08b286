"""The page on exporting: its program classifies a recording as the model does."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from genrebench.audio.synthesis.render import synthesize
from genrebench.porting.export.facts import facts
from genrebench.porting.export.run import export_model
from tests.conftest import SMALL
from tests.porting.export.models import make_model

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
PAGE = Path(__file__).parents[3] / "docs" / "export.md"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what librosa imports to load a file
def test_the_program_on_the_page_gives_what_the_model_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the probabilities, at another sample rate than the model's; calibration included."""
    model = replace(make_model(), backend="numpy")
    export_model(model, tmp_path / "gtzan-audio.onnx", format="onnx", with_frontend=True)
    # Four whole segments, so that none is left out.
    music = synthesize("rock", seed=3, duration=SMALL.track_duration, sample_rate=16_000)
    soundfile.write(tmp_path / "song.wav", music, 16_000)
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(program, str(PAGE), "exec"), names)
    prediction = model.predict("song.wav")
    assert names["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-4)
    assert capsys.readouterr().out.split() == [prediction.genre]


def test_the_page_names_all_that_a_file_says() -> None:
    """No key of the metadata is missing from its table, and none is there that no file has."""
    text = PAGE.read_text(encoding="utf-8").partition("## What the file says of itself")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE) == list(facts(make_model()))
    assert json.dumps(facts(make_model(mel=None)))
