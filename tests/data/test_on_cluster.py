"""Preprocessing on a cluster: the same tree, manifest and failures as on one machine, and the same resume."""

import json
from pathlib import Path
from typing import Any

import pytest

from genrebench.data.preprocess import PreprocessReport, preprocess
from genrebench.errors import ClusterError, DatasetError
from tests.conftest import SMALL, write_originals
from tests.data.test_preprocess import tree_bytes
from tests.system.cluster.dask import dask


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a dataset of six recordings and one that is none, and name it from the working folder."""
    write_originals(tmp_path / "dataset", tracks=2)
    (tmp_path / "dataset" / "genres_original" / "disco" / "damaged.wav").write_bytes(b"RIFF no sound")
    monkeypatch.chdir(tmp_path)
    return Path("dataset")


def told(report: PreprocessReport) -> dict[str, Any]:
    """Return what a run says, but for the place and what it says of the cluster."""
    others = {name: value for name, value in vars(report).items() if name not in ("tree", "manifest", "notes")}
    return others | {"notes": [note for note in report.notes if not note.startswith("cluster ")]}


def test_a_cluster_gives_what_one_machine_gives(dataset: Path, cluster: Path) -> None:
    """Tree, manifest and report, with the failure in the same words."""
    there = preprocess(dataset, SMALL, output="there", cluster=cluster)
    here = preprocess(dataset, SMALL, output="here", jobs=1)
    assert told(there) == told(here)
    assert list(here.failures) == ["disco/damaged.wav"]
    assert tree_bytes(there.tree) == tree_bytes(here.tree)
    assert json.loads(there.manifest.read_text()) == json.loads(here.manifest.read_text())
    assert {path.name for path in Path().iterdir()} == {
        *("dataset", "here", "here.manifest.json", "there", "there.manifest.json")
    }


def test_what_a_lost_scheduler_leaves_is_gone_on_with(dataset: Path, tmp_path: Path) -> None:
    """Tracks that were done are not done again."""
    (tmp_path / "dask").mkdir()
    with dask(tmp_path / "dask", {}) as started:

        def kill(done: int, *_: object) -> None:
            """Kill the scheduler after the second track."""
            if done == 2:
                started.scheduler.kill()
                started.scheduler.wait()

        with pytest.raises(ClusterError, match="went away; what is done is kept"):
            preprocess(dataset, SMALL, output="tree", cluster=started.file, on_track=kill)
    report = preprocess(dataset, SMALL, output="tree", jobs=1)
    assert report.skipped >= 1
    assert (report.skipped + report.written, report.repaired) == (6, 0)
    assert tree_bytes(report.tree) == tree_bytes(preprocess(dataset, SMALL, output="here", jobs=1).tree)


def test_two_runs_do_not_write_one_tree(dataset: Path, cluster: Path) -> None:
    """The second is refused while the first one works, which is not disturbed."""
    refusals = []

    def run_again(done: int, *_: object) -> None:
        """Begin another run in the middle of the first."""
        if done == 1:
            with pytest.raises(DatasetError, match="another genrebench preprocess writes it now") as refusal:
                preprocess(dataset, SMALL, output="tree", cluster=cluster)
            refusals.append(refusal)

    assert preprocess(dataset, SMALL, output="tree", cluster=cluster, on_track=run_again).written == 6
    assert len(refusals) == 1
