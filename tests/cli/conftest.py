"""The command line in this process and in a real terminal, a trained run, and reports of parity."""

from pathlib import Path

import pytest

from tests.cli.commands import SETTINGS, run
from tests.conftest import made_once, write_originals
from tests.parity.conftest import compare_copies, failing, passing

__all__ = ["compare_copies", "failing", "passing", "trained"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Preprocess and train a small dataset by the commands; tests must not change it.

    Returns
    -------
    Path
        A folder with ``dataset/`` and the run ``results/small/``.
    """
    pytest.importorskip("torch")
    return made_once(tmp_path_factory, "trained", _train)


def _train(root: Path) -> None:
    """Make recordings, preprocess and train."""
    write_originals(root / "dataset", tracks=4)
    done = run("preprocess", "--dataset", root / "dataset", "--jobs", 1, *SETTINGS)
    assert done.exit_code == 0, done.output
    options = ("--results", root / "results", "--name", "small", "--epochs", 40, "--batch-size", 4, "--device", "CPU")
    data = ("--dataset", root / "dataset", "--set", "augment.crops=3", "--set", "training.overlap=0.0")
    done = run("train", "--backend", "torch", *data, *options)
    assert done.exit_code == 0, done.output
    (root / "train.out").write_text(done.stdout)
    (root / "train.err").write_text(done.stderr)
