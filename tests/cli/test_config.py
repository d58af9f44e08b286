"""``genrebench config``, and ``--set``: what is printed is what is trained."""

import tomllib
from pathlib import Path

import pytest

from genrebench.training import Experiment, load_experiment
from genrebench.training.commands import train_command
from tests.cli.commands import refused, run


def test_all_settings_are_printed_and_can_be_read_again(tmp_path: Path) -> None:
    """With their values; what has none is commented out, and so is the name that is the file's own."""
    done = run("config", "--set", "training.epochs=7", "--set", "dataset=a b", "--set", "split.protocol=segment")
    assert done.exit_code == 0, done.output
    path = tmp_path / "mine.toml"
    path.write_text(done.stdout)
    expected = Experiment(name="mine").override({"training.epochs": 7, "dataset": "a b", "split.protocol": "segment"})
    assert load_experiment(path, {}) == expected
    assert "\n# name =\n" in done.stdout
    assert "# Passes through the training part.\nepochs = 7\n" in done.stdout
    assert "# folds =\n" in done.stdout
    again = run("config", path)
    assert again.stdout == done.stdout


def test_a_sweep_is_printed_as_such_and_its_runs_are_named(tmp_path: Path) -> None:
    """On standard error."""
    path = tmp_path / "a.toml"
    path.write_text("seed = [0, 1]\n")
    done = run("config", path)
    assert tomllib.loads(done.stdout)["seed"] == [0, 1]
    assert done.stderr == "2 runs: a-seed=0, a-seed=1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training.epoch=3", r"training\.epoch: unknown key; did you mean training\.epochs\?"),
        ("lr=3", r"lr: unknown key; did you mean training\.learning_rate\?"),
        ("training.epochs=many", r"training\.epochs: expected a whole number, received 'many'"),
        ("training.epochs", "--set: expected KEY=VALUE such as training.epochs=50, received 'training.epochs'"),
        ("=3", "--set: expected KEY=VALUE"),
        ("training=3", "training: expected a table"),
    ],
)
def test_wrong_settings_are_refused(text: str, message: str) -> None:
    """By each command that takes them."""
    refused(run("config", "--set", text), message)
    refused(run("train", "--set", text), message)
    refused(run("evaluate", "--protocol", "track", "--set", text), message)


def test_settings_are_about_training() -> None:
    """Beside a saved model there is nothing to set."""
    refused(run("evaluate", "--model", "x", "--set", "seed=1"), "--set: is about training; leave it out")


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"split.protocol": "segment", "training.learning_rate": 0.01, "seed": 3, "augment.crops": 2},
        {"dataset": "my music", "split.artists": "a's.csv", "loggers": ["mlflow"], "training.keep": "best-loss"},
    ],
)
def test_the_command_of_a_run_says_what_it_was_told(told: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed again, it is the same experiment."""
    import shlex

    from genrebench.cli import train

    seen = []

    def trained(experiment: Experiment, **options: object) -> object:
        """Keep what would be trained."""
        seen.append(experiment)
        return type("Run", (), {"status": "finished"})

    monkeypatch.setattr(train, "run_training", trained)
    experiment = Experiment(name="x").override(told)
    done = run(*shlex.split(train_command(experiment))[1:])
    assert done.exit_code == 0, done.output
    assert seen == [experiment]


def test_a_sweep_trains_each_run_once_and_lists_them(trained: Path, tmp_path: Path) -> None:
    """The best first; what is finished is not repeated."""
    options = ("--dataset", trained / "dataset", "--results", tmp_path, "--name", "s", "--epochs", 1, "--device", "cpu")
    done = run("train", *options, "--set", "seed=[0, 1]")
    assert done.exit_code == 0, done.output
    assert [line for line in done.stdout.splitlines() if line.startswith("[")] == ["[1/2] s-seed=0", "[2/2] s-seed=1"]
    assert {line.split()[0] for line in done.stdout.splitlines()[-2:]} == {"s-seed=0", "s-seed=1"}
    again = run("train", *options, "--set", "seed=[0, 1]")
    assert again.stdout.count("is there and finished") == 2
