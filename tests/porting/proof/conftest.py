"""Proofs in this process; what another process is for is tested with one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from genrebench.backend.worker import JobResult
from genrebench.errors import WorkerError
from genrebench.parity.report import Report
from genrebench.porting.port import emit, write_network
from genrebench.porting.proof import answers, run
from genrebench.porting.source import Emitted
from genrebench.reading.keras_file import KerasModel
from tests import jobs

# Changes the source, or the state, between writing and proving.
Change = Callable[[str, dict[str, Any]], str]
Proving = Callable[..., Report]


@pytest.fixture
def proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proving:
    """Write a model, perhaps change what was written, and prove it, without Keras."""
    pytest.importorskip("torch")

    @contextmanager
    def start(function: str, **given: Any) -> Iterator[Callable[[], JobResult]]:
        """Do a job when it is waited for; what it raises is a worker's error."""

        def wait() -> JobResult:
            """Do it."""
            try:
                return jobs.run_here(function, **given)
            except Exception as error:  # as a worker would
                raise WorkerError(f"worker: {type(error).__name__}: {error}") from error

        yield wait

    monkeypatch.setattr(answers, "start_job", start)
    monkeypatch.setattr(run, "run_job", jobs.run_here)

    def prove(model: KerasModel, change: Change | None = None, **options: Any) -> Report:
        """Prove a model."""
        emitted: Emitted = emit(model)
        write_network(tmp_path, emitted)
        if change is not None:
            path = tmp_path / "network.py"
            text = change(path.read_text(), emitted.state)
            write_network(tmp_path, emitted)
            path.write_text(text)
        return run.prove(model, emitted, tmp_path, **{"keras": False, **options})

    return prove
