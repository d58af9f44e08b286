"""Work on a cluster, and what may happen there: killed processes, workers and schedulers, full disks, stragglers."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from genrebench.errors import ClusterError
from genrebench.system.cluster.choice import DaskCluster
from genrebench.system.executor import Needs
from genrebench.system.remote import LIMIT_VARIABLE
from tests.system.cluster.dask import (
    Dask,
    dask,
    describe,
    end_at,
    ended,
    killing,
    lost,
    need_room,
    once_in_danger,
    prepare,
    read,
    wait_at_first,
)


def on(file: Path, notes: list[str] | None = None) -> DaskCluster:
    """Work on a cluster."""
    return DaskCluster(str(file), ([] if notes is None else notes).append)


def test_every_item_is_done_once_in_prepared_processes_of_the_workers(cluster: Path) -> None:
    """A process is a worker's child, and neither the worker nor this one; who works is said first."""
    notes: list[str] = []
    results = sorted(on(cluster, notes).run(describe, range(30), prepare=prepare))
    assert [number for number, *_ in results] == list(range(30))
    processes, workers = ({result[place] for result in results} for place in (1, 2))
    assert not processes & {os.getpid(), *workers}
    assert {mark for *_, mark in results} == {"yes"}
    assert len(notes) == 1
    assert "2 workers with 2 threads" in notes[0]


def test_how_much_may_be_fetched_is_known_to_the_processes(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was said where the run was started; other variables are the workers' own."""
    monkeypatch.setenv(LIMIT_VARIABLE, "7")
    monkeypatch.setenv("GENREBENCH_TEST_OTHER", "8")
    found = on(cluster).run(os.getenv, [LIMIT_VARIABLE, "GENREBENCH_TEST_OTHER"], prepare=prepare)
    assert set(found) == {"7", None}


def test_what_the_work_raises_is_raised_here(cluster: Path, tmp_path: Path) -> None:
    """With its file name, after another worker has tried it."""
    with pytest.raises(FileNotFoundError) as refusal:
        list(on(cluster).run(read, [tmp_path / "absent"], prepare=prepare))
    assert Path(refusal.value.filename) == tmp_path / "absent"


def test_an_item_that_ends_its_process_is_tried_twice(cluster: Path, tmp_path: Path) -> None:
    """By two processes; all other items are done, and the workers live on."""
    items = [(number, tmp_path / "notes") for number in range(12)]
    results = sorted(on(cluster).run(end_at, items, prepare=prepare, lost=lost))
    assert results == [-3, 0, 1, 2, *range(4, 12)]
    assert len(set((tmp_path / "notes").read_text().split())) == 2
    with pytest.raises(ClusterError, match=r"ended the process .* give each worker more"):
        list(on(cluster).run(end_at, items, prepare=prepare))


def test_nothing_goes_on_when_the_results_are_not_wanted_any_more(cluster: Path, tmp_path: Path) -> None:
    """An item that would take forever is ended together with its process."""
    os.mkfifo(tmp_path / "pipe")
    results = on(cluster).run(once_in_danger, [(1, tmp_path), (0, tmp_path)], prepare=prepare)
    assert next(results) == 1
    process = int((tmp_path / "pipe").read_text().split()[0])
    results.close()
    assert ended(process)


def test_a_worker_that_is_killed_in_the_middle_is_replaced(tmp_path: Path) -> None:
    """Another one does its item; the process that worked for it does not outlive it."""
    items = [(number, tmp_path) for number in range(6)]
    with dask(tmp_path, {}, {}) as started:
        with killing(tmp_path / "pipe") as found:
            assert sorted(on(started.file).run(once_in_danger, items, prepare=prepare)) == list(range(6))
        assert ended(found[0])


def test_a_scheduler_that_is_killed_ends_the_run(tmp_path: Path) -> None:
    """With one line; nothing of the work goes on."""
    items = [(number, tmp_path) for number in range(6)]
    with dask(tmp_path, {}) as started:
        with killing(tmp_path / "pipe", started.scheduler) as found, pytest.raises(ClusterError, match="went away"):
            list(on(started.file).run(once_in_danger, items, prepare=prepare))
        assert ended(found[0])


def test_a_straggler_holds_up_nothing_but_its_own_item(cluster: Path, tmp_path: Path) -> None:
    """All others are done before it is."""
    os.mkfifo(tmp_path / "pipe")
    items = [(number, tmp_path / "pipe") for number in range(40)]
    results = on(cluster).run(wait_at_first, items, prepare=prepare)
    others = [next(results) for _ in range(39)]
    (tmp_path / "pipe").write_text("go on")
    assert sorted(others) == list(range(1, 40))
    assert list(results) == [0]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    """Start a cluster of which one worker has another librosa, and a disk that is full."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "site" / "librosa-0.9.2.dist-info").mkdir(parents=True)
    (folder / "site" / "librosa-0.9.2.dist-info" / "METADATA").write_text("Name: librosa\nVersion: 0.9.2\n")
    with dask(folder, {"GENREBENCH_TEST_FULL": "1", "PYTHONPATH": str(folder / "site")}, {}) as started:
        yield started


def test_a_worker_with_another_version_is_left_out(odd: Dask) -> None:
    """It is named with both versions, and the others do the work."""
    notes: list[str] = []
    results = list(on(odd.file, notes).run(describe, range(8), prepare=prepare, needs=Needs(("genrebench", "librosa"))))
    assert {worker for _, _, worker, _ in results} == {odd.workers[1].pid}
    assert [note for note in notes if "librosa 0.9.2 instead of 0.11.0; install the same versions there" in note]
    assert len(notes) == 2


def test_a_worker_whose_disk_is_full_is_left_out(odd: Dask) -> None:
    """Its item is done by another one."""
    notes: list[str] = []
    assert sorted(on(odd.file, notes).run(need_room, range(8), prepare=prepare)) == list(range(8))
    assert [note for note in notes if note.endswith("is left out: No space left on device")]


def test_workers_that_do_not_see_a_folder_do_nothing(cluster: Path, tmp_path: Path) -> None:
    """If that is all of them, the run ends, and says where it was looked."""
    with pytest.raises(ClusterError, match=f"none: .*does not see the folder {tmp_path}/absent; share it"):
        list(on(cluster).run(describe, range(3), prepare=prepare, needs=Needs(folders=(tmp_path / "absent",))))
