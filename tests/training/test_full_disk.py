"""Disks that are full, folders that vanish: a line that names the file, nothing half-written, and going on after it."""

import errno
import shutil
from pathlib import Path

import pytest

from genrebench.errors import GenrebenchError, TrainingError
from genrebench.model.model import Model
from genrebench.training import Experiment, train
from tests.death import dying, finish_writing
from tests.training.test_resume import At, outcome, quick, run_of

pytest.importorskip("genrebench_torch.backend")
__all__ = ["quick"]


def test_wherever_the_disk_is_full_the_run_can_go_on(quick: Experiment) -> None:
    """At every operation on files: what is there loads, no name is blocked, and the end has the bits of an easy run."""
    expected = outcome(run_of(quick, "straight", epochs=2).folder)
    failures = []
    for stop in range(1, 400):
        name = f"r{stop:03d}"
        folder = quick.results / name
        with dying(after=stop, failure=OSError(errno.ENOSPC, "No space left on device", "a file")) as death:
            try:
                run_of(quick, name, epochs=2)
            except (OSError, GenrebenchError) as error:
                failures.append(str(error))
        if not death.happened:
            break
        if folder.exists():
            Model.load(folder)
        run = run_of(quick, name, epochs=2, resume=folder.exists())
        assert outcome(run.folder) == expected
        assert {path.name for path in quick.results.iterdir() if name in path.name} == {name}
    assert len(failures) > 20
    assert all("No space left on device" in failure and "\n" not in failure for failure in failures)


def test_a_full_disk_is_told_with_the_file_and_how_to_go_on(tiny: Experiment) -> None:
    """In one line; the status is the last that could be written."""

    def fill() -> None:
        """Fill the disk when the table is written."""
        raise OSError(errno.ENOSPC, "No space left on device", str(tiny.folder / "log.csv"))

    message = (
        r"run/log\.csv: No space left on device; what was learned before is kept; go on with genrebench train "
        r"--name run --results .*/results --resume$"
    )
    with pytest.raises(TrainingError, match=message):
        train(tiny, callbacks=[At(2, fill)])
    assert Model.load(tiny.folder).document["status"] == "failed"
    assert train(tiny, resume=True).status == "finished"


def test_a_folder_that_vanishes_or_is_replaced_is_told(tiny: Experiment) -> None:
    """Nothing is written into another folder of its name."""

    def replace() -> None:
        """Put another folder in the run's place."""
        finish_writing()
        tiny.folder.rename(tiny.results / "away")
        tiny.folder.mkdir()

    message = r"results/run: expected the folder of this run, found it removed or replaced"
    with pytest.raises(TrainingError, match=message):
        train(tiny, callbacks=[At(2, replace)])
    assert not any(tiny.folder.iterdir())
    tiny.folder.rmdir()
    (tiny.results / "away").rename(tiny.folder)
    assert train(tiny, resume=True).status == "finished"

    def remove() -> None:
        """Remove all results."""
        finish_writing()
        shutil.rmtree(tiny.results)

    with pytest.raises(TrainingError, match=message):
        train(tiny, epochs=9, resume=True, callbacks=[At(6, remove)])
    assert not tiny.results.exists()


def test_a_place_that_cannot_be_replaced_is_refused_before_training(tiny: Experiment) -> None:
    """A file of the run's name, or a file system of its own."""
    tiny.results.mkdir()
    tiny.folder.write_text("mine")
    with pytest.raises(
        GenrebenchError, match=r"run: expected a folder, received something else; choose another --name"
    ):
        train(tiny)
    assert tiny.folder.read_text() == "mine"
    assert [path.name for path in tiny.results.iterdir()] == ["run"]
    tiny.folder.unlink()
    tiny.folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "is_mount", lambda self: self.name == "run")
        with pytest.raises(GenrebenchError, match=r"run: expected a folder, received a file system of its own"):
            train(tiny)


def test_a_link_to_a_folder_is_followed(tiny: Experiment, tmp_path: Path) -> None:
    """The run lies where the link leads, and the link stays."""
    tiny.results.mkdir()
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    tiny.folder.symlink_to(tmp_path / "elsewhere" / "deep")
    train(tiny, epochs=1)
    train(tiny, epochs=1, overwrite=True)
    assert tiny.folder.is_symlink()
    assert Model.load(tmp_path / "elsewhere" / "deep").document["name"] == "run"
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["deep"]
