"""Where work runs, by what was asked for, and what is said if that cannot be."""

import sys
from pathlib import Path

import pytest

from genrebench.errors import ClusterError
from genrebench.system.cluster import choice
from genrebench.system.cluster.choice import DaskCluster, executor_for
from genrebench.system.executor import LocalProcesses
from tests.system.cluster.dask import describe, prepare


def test_work_runs_here_unless_a_cluster_is_named() -> None:
    """On one machine nothing of Dask is needed."""
    assert executor_for(3, None) == LocalProcesses(3)
    assert isinstance(executor_for(None, "tcp://host:8786"), DaskCluster)
    with pytest.raises(ClusterError, match="jobs or a cluster, received both"):
        executor_for(3, "tcp://host:8786")


def start(address: str) -> None:
    """Begin to work."""
    next(executor_for(None, address).run(describe, [1], prepare=prepare))


def test_what_is_no_scheduler_is_refused(tmp_path: Path) -> None:
    """Neither an address nor a file that is there."""
    with pytest.raises(ClusterError, match=r"absent: expected an address such as tcp://host:8786.*found neither"):
        start(str(tmp_path / "absent"))


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, with what starts one."""
    monkeypatch.setattr(choice, "_CONNECT_SECONDS", 0.3)
    with pytest.raises(ClusterError, match=r"--cluster tcp://127.0.0.1:9: .*cannot be reached.*dask scheduler"):
        start("tcp://127.0.0.1:9")


def test_without_dask_its_installation_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a command."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"Dask, which is not installed; pip install 'genrebench\[cluster\]'"):
        start("tcp://127.0.0.1:9")


def test_no_work_needs_no_cluster() -> None:
    """It is not even connected to."""
    assert list(executor_for(None, "tcp://127.0.0.1:9").run(describe, [], prepare=prepare)) == []
