"""Exporting in any format: what is missing is said before anything is computed."""

from pathlib import Path

import pytest

from genrebench.errors import BackendError
from genrebench.porting.export import run
from genrebench.porting.export.run import Format, export_model
from tests.porting.export.models import make_model


@pytest.mark.parametrize(
    ("format_", "message"),
    [
        ("onnx", "--format onnx: expected onnx and onnxruntime, onnxruntime not installed; pip install onnxruntime"),
        ("keras", "--format keras: expected keras, keras not installed; pip install keras"),
        ("torch", "--format torch: expected torch, torch not installed; pip install torch"),
    ],
)
def test_a_framework_that_is_absent_is_named(
    format_: Format, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what installs it, and nothing is made."""
    monkeypatch.setattr(run, "installed_version", lambda name: "1" if name == "onnx" else None)
    monkeypatch.setattr(run, "make_trial", lambda *arguments: pytest.fail("something was computed"))
    with pytest.raises(BackendError, match=message):
        export_model(make_model(), tmp_path / "model.keras", format=format_)
    assert not list(tmp_path.iterdir())
