"""Real files, in the folder that GENREBENCH_KERAS_MODELS names: none of them belongs to this project."""

import os
from pathlib import Path

import pytest

from tests.cli.commands import run

FOLDER = os.environ.get("GENREBENCH_KERAS_MODELS")
# Parameters that Keras' own summary counts.
PARAMETERS = {
    "autoencoder.keras": 12_785,
    "ad01.h5": 269_992,
    "pretrainedResnet.h5": 78_666,
    "str_ww_ref_model.h5": 47_707,
    "vww_96.h5": 221_794,
    "fer2013_big_XCEPTION.54-0.66.hdf5": 208_871,
    "fer2013_mini_XCEPTION.102-0.66.hdf5": 58_423,
    "tiny_XCEPTION_KDEF.hdf5": 18_314,
}


@pytest.mark.skipif(not FOLDER, reason="GENREBENCH_KERAS_MODELS names no folder")
@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_every_real_file_is_understood(name: str, parameters: int) -> None:
    """With all its weights."""
    (path,) = Path(str(FOLDER)).rglob(name)
    done = run("inspect", path)
    assert done.exit_code == 0, done.output
    assert f"Parameters: {parameters:,}, of which" in done.stdout
