"""Real files, in the folder that GENREBENCH_KERAS_MODELS names: none of them belongs to this project."""

import os
from pathlib import Path

import pytest

from genrebench.parity.report import load_report
from tests.cli.commands import run

FOLDER = os.environ.get("GENREBENCH_KERAS_MODELS")
# Whether Keras 3.15 opens them.
NAMES = {
    "autoencoder.keras": True,
    "ad01.h5": True,
    "pretrainedResnet.h5": True,
    "str_ww_ref_model.h5": False,
    "vww_96.h5": False,
    "fer2013_big_XCEPTION.54-0.66.hdf5": True,
    "fer2013_mini_XCEPTION.102-0.66.hdf5": True,
    "tiny_XCEPTION_KDEF.hdf5": True,
}


@pytest.mark.skipif(not FOLDER, reason="GENREBENCH_KERAS_MODELS names no folder")
@pytest.mark.parametrize(("name", "opens"), NAMES.items())
def test_every_real_file_is_ported_and_proved(name: str, opens: bool, tmp_path: Path) -> None:
    """All gates hold, for what was written and for Keras itself where it opens the file."""
    pytest.importorskip("torch")
    pytest.importorskip("keras")
    (path,) = Path(str(FOLDER)).rglob(name)
    done = run("port", path, "--output", tmp_path / "ported")
    assert done.exit_code == 0, done.output
    report = load_report(tmp_path / "ported" / "parity.json")
    assert report.backends == (("network.py", "keras") if opens else ("network.py",))
    assert ("Keras refuses the file" in report.verdict) == (not opens)
