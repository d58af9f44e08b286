"""Other people's tools are told of a run, and cannot end it."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from genrebench.errors import ConfigError
from genrebench.training import Experiment, train
from tests.training.test_resume import At, interrupt

pytest.importorskip("genrebench_torch.backend")


class Client:
    """Stands in for MLflow's client: keeps what it is told."""

    calls: list[tuple[Any, ...]]

    def get_experiment_by_name(self, name: str) -> None:
        """Know none."""

    def create_experiment(self, name: str) -> str:
        """Make one."""
        self.calls.append(("group", name))
        return "7"

    def create_run(self, number: str, run_name: str) -> Any:
        """Make a run."""
        self.calls.append(("run", number, run_name))
        run = ModuleType("run")
        run.info = ModuleType("info")  # type: ignore[attr-defined]
        run.info.run_id = "r"
        return run

    def log_param(self, run: str, key: str, value: Any) -> None:
        """Keep a setting."""
        self.calls.append(("param", key, value))

    def log_metric(self, run: str, key: str, value: float, step: int) -> None:
        """Keep a figure."""
        self.calls.append(("metric", step, key, value))

    def set_terminated(self, run: str, status: str) -> None:
        """Keep the end."""
        self.calls.append(("end", status))


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    """Put the client in MLflow's place."""
    made = type("Made", (Client,), {"calls": []})
    package = ModuleType("mlflow")
    package.MlflowClient = made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", package)
    return made


def test_a_tracker_is_told_all_figures_and_the_end(tiny: Experiment, mlflow: type[Client]) -> None:
    """The same as the log has, by epoch; settings at the beginning, scores at the end."""
    watch = At()
    run = train(tiny.override({"loggers": ["mlflow"], "training.epochs": 2}), callbacks=[watch])
    assert watch.notes == []
    assert mlflow.calls[:2] == [("group", "genrebench"), ("run", "7", "run")]
    assert ("param", "training.epochs", 2) in mlflow.calls
    figures = {call[1:3]: call[3] for call in mlflow.calls if call[0] == "metric"}
    assert figures[run.best.epoch, "accuracy/validation"] == run.best.validation_accuracy
    assert {epoch for epoch, name in figures if name == "loss/train"} == {1, 2}
    assert figures[2, "track_accuracy/test"] == run.metrics["test"]["track_accuracy"]
    assert mlflow.calls[-1] == ("end", "FINISHED")


def test_a_run_that_goes_on_tells_of_the_epochs_before_too(tiny: Experiment, mlflow: type[Client]) -> None:
    """Each once; loggers may be others than those that the run began with."""
    train(tiny, callbacks=[At(1, interrupt, step=True)])
    train(tiny.override({"loggers": ["mlflow"]}), resume=True)
    assert [call[1] for call in mlflow.calls if call[0] == "metric" and call[2] == "seconds"] == [1, 2, 3, 4]


def test_a_tracker_that_fails_does_not_end_the_run(
    tiny: Experiment, mlflow: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told once, and no more is told to it."""

    def fail(*arguments: Any, **options: Any) -> None:
        """Lose the server."""
        mlflow.calls.append(("lost",))
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(mlflow, "log_metric", fail)
    watch = At()
    run = train(tiny.override({"loggers": ["mlflow"]}), callbacks=[watch])
    assert run.status == "finished"
    assert watch.notes == ["mlflow: ConnectionError: no route to host; nothing more is told to it, the run goes on"]
    assert mlflow.calls.count(("lost",)) == 1


def test_a_package_that_is_missing_is_named_before_anything_is_read(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    broken = tiny.override({"loggers": ["tensorboard"], "dataset": "nowhere"})
    with pytest.raises(ConfigError, match=r"tensorboard needs tensorboardX.*pip install 'genrebench\[tensorboard\]'"):
        train(broken)


def test_tensorboard_has_one_file_of_the_run(tiny: Experiment) -> None:
    """In the run's folder, with its figures; a run that goes on writes it anew, and one that replaces it, too."""
    pytest.importorskip("tensorboardX")
    told = tiny.override({"loggers": ["tensorboard"], "training.epochs": 1})
    run = train(told)
    (first,) = (run.folder / "tensorboard").iterdir()
    assert b"loss/validation" in first.read_bytes()
    assert b"track_accuracy/test" in first.read_bytes()
    for more in ({"resume": True, "epochs": 2}, {"overwrite": True}):
        run = train(told, **more)
        assert len(list((run.folder / "tensorboard").iterdir())) == 1


class Service:
    """Stands in for the package of Weights & Biases: keeps what it is told, and knows a key or none."""

    Settings = dict

    def __init__(self, *, key: bool) -> None:
        """Be told nothing yet."""
        self.key, self.calls = key, list[tuple[Any, ...]]()

    def setup(self, settings: Any) -> None:
        """Take settings."""

    def login(self, *, prompt: bool) -> bool:
        """Ask nobody."""
        assert not prompt
        self.calls.append(("login",))
        return self.key

    def init(self, *, mode: str | None, config: dict[str, Any], name: str, project: str, settings: Any) -> Any:
        """Begin a run, which is this."""
        self.mode = mode or os.environ.get("WANDB_MODE", "online")
        self.offline, self.disabled = self.mode == "offline", self.mode == "disabled"
        self.settings, self.url = SimpleNamespace(sync_dir=Path.cwd() / "wandb" / "run 1"), "https://there/1"
        self.calls.append(("run", project, name, config["training.epochs"], settings["console"]))
        return self

    def log(self, figures: dict[str, float], step: int) -> None:
        """Keep figures."""
        self.calls += [("figure", step, name, value) for name, value in figures.items()]

    def finish(self, exit_code: int) -> None:
        """Keep the end."""
        self.calls.append(("end", exit_code))


@pytest.mark.parametrize(
    ("mode", "key", "chosen", "line"),
    [
        ("", True, "online", "wandb: the run is at https://there/1"),
        ("", False, "offline", "wandb: the run is kept offline; to send it: wandb sync 'wandb/run 1'"),
        ("online", False, "offline", "wandb: the run is kept offline; to send it: wandb sync 'wandb/run 1'"),
        ("offline", True, "offline", "wandb: the run is kept offline; to send it: wandb sync 'wandb/run 1'"),
        ("disabled", False, "disabled", None),
    ],
)
def test_nobody_is_asked_to_log_in(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch, mode: str, key: bool, chosen: str, line: str | None
) -> None:
    """Without a key, and where it is wanted, Weights & Biases is offline; where the run is is said once."""
    service, watch = Service(key=key), At()
    monkeypatch.setitem(sys.modules, "wandb", service)
    monkeypatch.setenv("WANDB_MODE", mode) if mode else monkeypatch.delenv("WANDB_MODE", raising=False)
    run = train(tiny.override({"loggers": ["wandb"], "training.epochs": 2}), callbacks=[watch])
    assert watch.notes == ([line] if line else [])
    assert service.mode == chosen
    assert (("login",) in service.calls) == (mode not in ("offline", "disabled"))
    assert ("run", "genrebench", "run", 2, "off") in service.calls
    figures = {call[1:3]: call[3] for call in service.calls if call[0] == "figure"}
    assert figures[run.best.epoch, "accuracy/validation"] == run.best.validation_accuracy
    assert figures[2, "track_accuracy/test"] == run.metrics["test"]["track_accuracy"]
    assert service.calls[-1] == ("end", 0)


def test_the_real_weights_and_biases_keeps_a_run_offline(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a file with its figures; no network is asked, and nothing is printed."""
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    watch = At()
    train(tiny.override({"loggers": ["wandb"], "training.epochs": 1}), callbacks=[watch])
    (file,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    for name in (b"loss/validation", b"track_accuracy/test", b"training.learning_rate"):
        assert name in file.read_bytes()
    assert watch.notes == [f"wandb: the run is kept offline; to send it: wandb sync {file.parent}"]


def test_training_ends_when_patience_does(tiny: Experiment) -> None:
    """Counted from the best epoch, or from when validation is worth reading; a run that goes on ends where it would."""
    told = tiny.override({"training.epochs": 100, "training.patience": 3, "training.learning_rate": 1e-9})
    watch = At()
    run = train(told, callbacks=[watch])
    rows = (run.folder / "log.csv").read_text().splitlines()
    settled = -(-299 // 5)
    last = max(run.best.epoch, settled) + 3
    assert len(rows) - 1 == last
    assert run.status == "finished"
    assert watch.notes[-1] == (
        f"ends after epoch {last} of 100: no epoch has been better than {run.best.epoch}, and patience is 3"
    )
    again = train(told, resume=True)
    assert again.best == run.best
    more = train(told, resume=True, callbacks=[], epochs=last + 1)
    assert more.best == run.best
    freed = train(told.override({"training.patience": 0}), resume=True, epochs=last + 2)
    assert len((freed.folder / "log.csv").read_text().splitlines()) - 1 == last + 2
    assert replace(freed.best, saved=True).epoch >= run.best.epoch


def test_patience_needs_a_best_epoch() -> None:
    """There is none where the last one is kept."""
    with pytest.raises(
        ConfigError, match="training: expected keep to be 'best-track', 'best' or 'best-loss' with patience"
    ):
        Experiment(name="x").override({"training.patience": 3, "training.keep": "last"})


def test_a_logger_has_a_known_name(tmp_path: Path) -> None:
    """Others are refused with those that are."""
    with pytest.raises(ConfigError, match=r"loggers\.0: .*'tensorboard', 'mlflow' or 'wandb', received 'comet'"):
        Experiment(name="x").override({"loggers": ["comet"]})
