"""What a run leaves for people is no condition of its success."""

import errno

import pytest

from genrebench.errors import TrainingError
from genrebench.training import Experiment, results, train
from genrebench.training.runs import Run
from tests.training.test_resume import At

pytest.importorskip("genrebench_torch.backend")


def test_a_report_that_cannot_be_made_does_not_fail_a_run(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is saved as finished; it is said what went wrong, and how to try again."""

    def fail(run: Run) -> None:
        """Find no font."""
        raise RuntimeError("no\nfont")

    monkeypatch.setattr(results, "write_results", fail)
    watch = At()
    run = train(tiny, epochs=1, callbacks=[watch])
    assert run.status == "finished"
    assert watch.notes[-1] == (
        "the report could not be made (RuntimeError: no font); the model is saved, and genrebench report run tries "
        "again"
    )


def test_a_full_disk_is_told_all_the_same(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for every other file of a run."""

    def fail(run: Run) -> None:
        """Find no room."""
        raise OSError(errno.ENOSPC, "No space left on device", str(run.folder / "report.html"))

    monkeypatch.setattr(results, "write_results", fail)
    with pytest.raises(TrainingError, match=r"report\.html: No space left on device; what was learned before is kept"):
        train(tiny, epochs=1)
