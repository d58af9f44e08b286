"""A list in the place of a value: a run for each, in all combinations."""

from pathlib import Path

import pytest

from genrebench.errors import ConfigError
from genrebench.training.sweep import load_sweep, swept, written_name


def test_lists_of_a_file_and_of_options_are_combined(tmp_path: Path) -> None:
    """Options override the file's; each run has its values in its name, which is a folder's."""
    path = tmp_path / "rates.toml"
    path.write_text('dataset = ["a/b", "c"]\nseed = [4, 5]\n[training]\nepochs = 7\nlearning_rate = [0.1, 0.01]\n')
    runs = load_sweep(path, {"seed": 3, "split.test": None})
    assert [(run.name, str(run.dataset), run.training.learning_rate) for run in runs] == [
        ("rates-dataset=a_b-learning_rate=0.1", "a/b", 0.1),
        ("rates-dataset=a_b-learning_rate=0.01", "a/b", 0.01),
        ("rates-dataset=c-learning_rate=0.1", "c", 0.1),
        ("rates-dataset=c-learning_rate=0.01", "c", 0.01),
    ]
    assert {(run.seed, run.training.epochs) for run in runs} == {(3, 7)}
    assert swept(path, {"seed": 3}) == {"dataset": ["a/b", "c"], "training.learning_rate": [0.1, 0.01]}


def test_without_a_list_there_is_one_run(tmp_path: Path) -> None:
    """Loggers are a list anyway."""
    (run,) = load_sweep(None, {"name": "x", "loggers": ["mlflow"]})
    assert (run.name, run.loggers) == ("x", ("mlflow",))
    path = tmp_path / "a.toml"
    path.write_text("seed = 1\n")
    assert load_sweep(path, {})[0].name == "a"
    assert written_name(path) is None
    path.write_text("name = 'b'\n")
    assert (written_name(path), written_name(None)) == ("b", None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": []}, "seed: expected at least one value in the list"),
        ({"seed": [1, 1]}, "expected lists without repetitions, received the run x-seed=1 twice"),
        ({"seed": list(range(40)), "training.epochs": list(range(1, 40))}, "at most 1000 runs, received 1560"),
        ({"seed": [1, "a"]}, "seed: expected a whole number, received 'a'"),
        ({"sed": [1, 2]}, r"sed: unknown key; did you mean seed\?"),
    ],
)
def test_lists_that_make_no_sense_are_refused(settings: dict[str, object], message: str) -> None:
    """Before anything is trained."""
    with pytest.raises(ConfigError, match=message):
        load_sweep(None, {"name": "x", **settings})
